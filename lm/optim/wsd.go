package optim

// WSD is the warmup-stable-decay schedule (Hu et al., 2024, MiniCPM,
// arXiv:2404.06395, eq. 1). The paper decays exponentially; the default here is
// the straight line, and "sqrt" is 1 - sqrt of the decay done, which Hägele et
// al. (2024, arXiv:2405.18392, §3) found best.
type WSD struct {
	Decay float64 `json:"decay" default:"0.5" min:"0" max:"1" doc:"decay phase: share of the steps, at the end, in which the learning rate decays"`
	Shape string  `json:"shape" default:"linear" choices:"linear,sqrt,cosine,exponential" doc:"shape of the decay"`
}

var _ Scheduler = (*WSD)(nil)

// Schedule implements Scheduler.
func (s *WSD) Schedule(r Run) Schedule {
	curve := map[string]Curve{"sqrt": root, "cosine": halfCosine, "exponential": exponential}[s.Shape]
	return r.phases(int(s.Decay*float64(r.Steps)), curve).At
}
