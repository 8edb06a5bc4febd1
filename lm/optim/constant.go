package optim

// Constant stays at the peak after the warm-up, whichever part of a run it is.
type Constant struct{}

var _ Scheduler = (*Constant)(nil)

// Schedule implements Scheduler.
func (*Constant) Schedule(r Run) Schedule {
	return Phases{Peak: r.Peak, Warmup: r.Warmup, Stable: r.Steps - r.Warmup}.At
}
