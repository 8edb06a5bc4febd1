package optim

import "math"

// WSD is the warmup-stable-decay schedule (Hu et al., 2024, MiniCPM,
// arXiv:2404.06395, eq. 1): up from 0 to Peak in Warmup steps, Peak for Stable
// steps, then down to Min in Decay steps. The paper decays exponentially; the
// default here is the straight line, and "sqrt" is 1 - sqrt of the decay done,
// which Hägele et al. (2024, arXiv:2405.18392, §3) found best.
type WSD struct {
	Peak   float64 `json:"peak" min:"0" doc:"learning rate of the stable phase"`
	Min    float64 `json:"min" min:"0" doc:"learning rate at the end"`
	Warmup int     `json:"warmup" min:"0" doc:"steps of linear warm-up"`
	Stable int     `json:"stable" min:"0" doc:"steps at the peak"`
	Decay  int     `json:"decay" min:"0" doc:"steps of decay"`
	Shape  string  `json:"shape" default:"linear" choices:"linear,sqrt,cosine,exponential" doc:"curve of the decay"`
}

// At is the learning rate of a step, counted from 0. Step Warmup-1 is the
// first at Peak, step Warmup+Stable+Decay-1 the first at Min.
func (s WSD) At(step int) float64 {
	if step < s.Warmup {
		return s.Peak * float64(step+1) / float64(s.Warmup)
	}
	done := step - s.Warmup - s.Stable + 1
	if done <= 0 {
		return s.Peak
	}
	if done >= s.Decay {
		return s.Min
	}
	u := float64(done) / float64(s.Decay)
	left := 1 - u
	switch s.Shape {
	case "sqrt":
		left = 1 - math.Sqrt(u)
	case "cosine":
		left = (1 + math.Cos(math.Pi*u)) / 2
	case "exponential":
		if s.Min > 0 {
			return s.Peak * math.Pow(s.Min/s.Peak, u)
		}
	}
	return s.Min + (s.Peak-s.Min)*left
}

// Cosine warms up linearly from 0 to Peak in Warmup steps and follows half a
// cosine down to Min at the last of Steps (Loshchilov and Hutter, 2017,
// arXiv:1608.03983, eq. 5, without restarts).
type Cosine struct {
	Peak   float64 `json:"peak" min:"0" doc:"highest learning rate"`
	Min    float64 `json:"min" min:"0" doc:"learning rate at the end"`
	Warmup int     `json:"warmup" min:"0" doc:"steps of linear warm-up"`
	Steps  int     `json:"steps" min:"0" doc:"steps in all, warm-up included"`
}

// At is the learning rate of a step, counted from 0.
func (s Cosine) At(step int) float64 {
	return WSD{Peak: s.Peak, Min: s.Min, Warmup: s.Warmup, Decay: s.Steps - s.Warmup, Shape: "cosine"}.At(step)
}
