package optim

// Cosine follows half a cosine from the warm-up to the last step (Loshchilov and
// Hutter, 2017, arXiv:1608.03983, eq. 5, without restarts).
type Cosine struct{}

var _ Scheduler = (*Cosine)(nil)

// Schedule implements Scheduler.
func (*Cosine) Schedule(r Run) Schedule { return r.phases(r.Steps, halfCosine).At }
