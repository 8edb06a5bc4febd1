package view

import (
	"cmp"
	"slices"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
)

// Live is a run as it stands now.
type Live struct {
	Out    string       `json:"out"`
	State  RunState     `json:"state"`
	Holder *task.Holder `json:"holder,omitempty"` // who works there, or was killed there
	Place  string       `json:"place"`            // where tasks run
	Stages []LiveStage  `json:"stages"`

	Domains  []string       `json:"domains,omitempty"` // of mixtures, once there are any
	Rounds   []int          `json:"rounds,omitempty"`  // proxies of each round of the search, planned or not
	Proxies  []*trial.Proxy `json:"proxies"`           // of search and confirmation, as they were proposed
	Best     *trial.Proxy   `json:"best,omitempty"`
	Natural  *trial.Proxy   `json:"natural,omitempty"` // the latest run of the natural mixture that is done
	Failures []Failure      `json:"failures,omitempty"`
}

// A RunState is what a run is doing.
type RunState string

// States of a run.
const (
	NotBegun RunState = "not begun"
	Working  RunState = "running"
	Killed   RunState = "killed"  // the process that worked there is gone and did not end in an orderly way
	Stopped  RunState = "stopped" // in an orderly way, before the end
	Finished RunState = "finished"
)

// A LiveStage is a stage as it stands now.
type LiveStage struct {
	Name     string  `json:"name"`
	Title    string  `json:"title"`
	Planned  bool    `json:"planned"`
	Complete bool    `json:"complete"`
	Done     int     `json:"done"`  // tasks
	Total    int     `json:"total"` // tasks planned so far: rounds are planned one by one
	Running  int     `json:"running"`
	Fraction float64 `json:"fraction"`       // of the tasks that are planned
	Seconds  float64 `json:"seconds"`        // of work, of the tasks that are done
	Rate     float64 `json:"rate,omitempty"` // Unit a second, now; 0 is unknown
	Unit     string  `json:"unit,omitempty"`
	Left     float64 `json:"left,omitempty"` // seconds, of the tasks that are planned; 0 is unknown
}

// A Failure is a task that went wrong, with the last lines of what it said.
type Failure struct {
	Stage string `json:"stage"`
	What  string `json:"what"`
	Text  string `json:"text"`
}

// shownFailures bounds the failures that are told.
const shownFailures = 50

// A Follower watches a run from a process that has no part in it. It reads each
// file of the run once. It is for one goroutine.
type Follower struct {
	view    *View
	stages  *stage.Follower
	proxies *trial.Follower
	amounts map[string]amount
	problem *search.Problem // nil: not known yet
	rounds  []int
}

// amount is the work in a stage.
type amount struct {
	n    float64
	unit string
}

// Follow begins to watch the run.
func (r *View) Follow() *Follower {
	return &Follower{view: r, stages: r.Run.Follow(), proxies: r.Trials.FollowProxies(), amounts: map[string]amount{}}
}

// Live tells how the run stands now.
func (r *View) Live() (*Live, error) { return r.Follow().Look() }

// Look reads what is new. What Live points to is the follower's: the next Look
// changes it.
func (f *Follower) Look() (*Live, error) {
	l := &Live{Out: f.view.Out, Place: f.place()}
	stages, err := f.stages.Look()
	if err != nil {
		return nil, err
	}
	if l.Proxies, err = f.proxies.Look(stages); err != nil {
		return nil, err
	}
	for _, s := range stages {
		l.Stages = append(l.Stages, f.stage(s, l.Proxies))
		if f.remote() && s.Planned && !s.Complete {
			l.Failures = append(l.Failures, remoteFailures(s)...)
		}
	}
	if f.problem == nil && len(l.Proxies) > 0 {
		p, _, err := f.view.Trials.Problem()
		if err != nil {
			return nil, err
		}
		f.problem, f.rounds = &p, search.Rounds(p, f.view.Trials.Config.Search.New())
	}
	if f.problem != nil {
		l.Domains, l.Rounds = f.problem.Domains, f.rounds
	}
	l.notable(f)
	var held bool
	if l.Holder, held, err = task.LastHolder(f.view.Out); err != nil {
		return nil, err
	}
	l.State = state(l, held)
	return l, nil
}

func state(l *Live, held bool) RunState {
	begun, complete := false, true
	for _, s := range l.Stages {
		begun, complete = begun || s.Planned, complete && s.Complete
	}
	switch {
	case held:
		return Working
	case complete:
		return Finished
	case l.Holder != nil:
		return Killed
	case begun:
		return Stopped
	}
	return NotBegun
}

// remote tells whether tasks run elsewhere.
func (f *Follower) remote() bool { _, ok := f.view.Launcher.(*launch.Remote); return ok }

func (f *Follower) place() string {
	if f.remote() {
		return f.view.Launched
	}
	return "in the process of the run"
}

// stage is a stage as it stands. The rate is that of the tasks that run now, each
// as quick as those before it were: a run that stood still for a night is not
// slow.
func (f *Follower) stage(s stage.Followed, proxies []*trial.Proxy) LiveStage {
	x := LiveStage{Name: s.Name, Title: s.Title, Planned: s.Planned, Complete: s.Complete, Done: s.Done, Total: s.Total, Seconds: s.Seconds}
	parts := 0.0 // of tasks that run
	for _, a := range s.Running {
		if !a.Dead {
			x.Running++
		}
	}
	for _, p := range proxies {
		if p.Stage == s.Name && p.State == trial.Running {
			parts += p.Fraction
		}
	}
	if s.Total > 0 {
		x.Fraction = min(1, (float64(s.Done)+parts)/float64(s.Total))
	}
	if x.Running == 0 || s.Done == 0 || s.Seconds <= 0 {
		return x
	}
	perSecond := float64(x.Running) * float64(s.Done) / s.Seconds // tasks
	x.Rate, x.Unit, x.Left = perSecond, "tasks", max(0, float64(s.Total-s.Done)-parts)/perSecond
	if a := f.amount(s, proxies); a.n > 0 {
		x.Rate, x.Unit = perSecond*a.n/float64(s.Total), a.unit
	}
	return x
}

// amount is the work in a stage, which is asked for once.
func (f *Follower) amount(s stage.Followed, proxies []*trial.Proxy) amount {
	if slices.ContainsFunc(proxies, func(p *trial.Proxy) bool { return p.Stage == s.Name }) {
		return amount{float64(s.Total) * float64(f.view.Trials.Config.Proxy.Tokens), "tokens"}
	}
	a, known := f.amounts[s.Name]
	if st := f.view.Find(s.Name); !known && st.Amount != nil {
		a.n, a.unit = st.Amount()
	}
	f.amounts[s.Name] = a
	return a
}

// notable finds the best run, the latest natural one, and those without a score.
func (l *Live) notable(f *Follower) {
	natural := ""
	if f.problem != nil {
		natural = f.problem.Prior.Hash()
	}
	for _, p := range l.Proxies {
		switch {
		case p.State == trial.Failed:
			l.Failures = append(l.Failures, Failure{Stage: p.Stage, What: "mixture " + p.Hash, Text: p.Failed})
		case p.State == trial.Done && p.Hash == natural:
			l.Natural = p
		}
		switch {
		case p.State != trial.Done:
		case p.Stage == "search" && (l.Best == nil || p.Score > l.Best.Score):
			l.Best = p
		}
	}
	l.Failures = l.Failures[max(0, len(l.Failures)-shownFailures):]
	drawn := l.Round()
	for _, p := range append(drawn[:len(drawn):len(drawn)], l.Best, l.Natural) {
		if p != nil && p.State == trial.Done {
			f.proxies.Curve(p)
		}
	}
}

// Round are the proxies of the latest round of the search, or of its confirmation.
func (l *Live) Round() []*trial.Proxy {
	n := len(l.Proxies)
	if n == 0 {
		return nil
	}
	last := l.Proxies[n-1]
	from := slices.IndexFunc(l.Proxies, func(p *trial.Proxy) bool { return p.Stage == last.Stage && p.Round == last.Round })
	return l.Proxies[from:]
}

// remoteFailures are what workers said of the attempts of a stage that failed.
func remoteFailures(s stage.Followed) (out []Failure) {
	for _, p := range s.Plans {
		jobs, _, err := launch.Submissions(p.Plan)
		if err != nil {
			continue // half written: the next look sees it
		}
		for _, j := range jobs {
			for _, tasks := range j.Batch.Elements {
				for _, n := range tasks {
					if fail := j.Batch.Failure(n); fail != nil {
						out = append(out, Failure{Stage: s.Name, What: cmp.Or(fail.Host, j.Job), Text: fail.Message})
					}
				}
			}
		}
	}
	return out
}
