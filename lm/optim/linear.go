package optim

// Linear follows a straight line from the warm-up to the last step, the schedule
// that Defazio et al. (2023, arXiv:2310.07831) derive from worst-case bounds and
// found to do as well as any other. Theirs ends at 0, this one at Min.
type Linear struct{}

var _ Scheduler = (*Linear)(nil)

// Schedule implements Scheduler.
func (*Linear) Schedule(r Run) Schedule { return r.phases(r.Steps, line).At }
