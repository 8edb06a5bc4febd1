package trial

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// A Proxy is a run of the search or of its confirmation, whatever has become of it
// so far.
type Proxy struct {
	Stage    string      `json:"stage"`          // search or confirm
	Name     string      `json:"name,omitempty"` // of the candidate; "" in the search
	Hash     string      `json:"hash"`           // of the mixture
	Seed     uint64      `json:"seed"`
	Round    int         `json:"round"`   // 0-based
	Mixture  mix.Mixture `json:"mixture"` // of all its tokens, whatever phase they belong to
	State    ProxyState  `json:"state"`
	Score    float64     `json:"score"`            // of one that is done
	Failed   string      `json:"failed,omitempty"` // why there is no score
	Seconds  float64     `json:"seconds"`          // that a done one took
	Fraction float64     `json:"fraction"`         // of its tokens
	Host     string      `json:"host,omitempty"`   // where it runs
	PID      int         `json:"pid,omitempty"`
	Tokens   []int64     `json:"tokens,omitempty"` // of the curve
	Loss     []float64   `json:"loss,omitempty"`   // nats per token, of text of its own mixture

	trial   search.Trial
	read    time.Time // when the file of the curve had changed as it was read
	trained float64   // Fraction by that file
}

// A ProxyState is what has become of a run.
type ProxyState string

// States of a run. One that is cut off was trained by a process that is gone.
const (
	Waiting ProxyState = "waiting"
	Running ProxyState = "running"
	CutOff  ProxyState = "cut off"
	Done    ProxyState = "done"
	Failed  ProxyState = "failed"
)

// A Follower watches the proxies of a run from a process that has no part in it.
// It reads each result once. It is for one goroutine.
type Follower struct {
	run    *Trials
	rounds map[*stage.FollowedPlan]*followedRound
}

type followedRound struct {
	specs   []placed
	proxies []*Proxy
}

// FollowProxies begins to watch the proxies.
func (r *Trials) FollowProxies() *Follower {
	return &Follower{run: r, rounds: map[*stage.FollowedPlan]*followedRound{}}
}

// Look reads what is new of the stages, and returns the proxies in the order in
// which they were proposed. They are the follower's: the next Look changes them.
func (f *Follower) Look(stages []stage.Followed) ([]*Proxy, error) {
	var out []*Proxy
	for _, s := range stages {
		if s.Name != searchFile.Stage && s.Name != confirmFile.Stage {
			continue
		}
		for _, p := range s.Plans {
			round := f.rounds[p]
			if round == nil {
				round = &followedRound{}
				var err error
				if round.specs, err = allTrials(p.Plan); err != nil {
					return nil, err
				}
				phases, err := f.run.Config.Search.Lengths()
				if err != nil {
					return nil, err
				}
				for _, t := range round.specs {
					round.proxies = append(round.proxies, &Proxy{Stage: s.Name, Name: t.Name, Hash: t.Hash, Seed: t.Seed, Round: t.Round, Mixture: phases.Total(t.Mixture), State: Waiting})
				}
				f.rounds[p] = round
			}
			round.look(f.run, p, s.Running)
			out = append(out, round.proxies...)
		}
	}
	return out, nil
}

func (round *followedRound) look(r *Trials, p *stage.FollowedPlan, running []task.Running) {
	for i, t := range round.specs {
		x := round.proxies[i]
		seconds, done := p.Done[t.task]
		switch {
		case done && (x.State == Done || x.State == Failed):
		case done:
			result, err := readTrial(p.Plan, t)
			if err != nil { // damaged: the run itself will say so
				x.State, x.Failed = Failed, err.Error()
				continue
			}
			x.trial = r.trialOf(t.trialSpec, result, seconds)
			x.State, x.Score, x.Failed, x.Seconds, x.Fraction = Done, x.trial.Score, x.trial.Failed, seconds, 1
			if x.Failed != "" {
				x.State = Failed
			}
			x.read = time.Time{}
		default:
			x.State, x.Failed, x.Fraction, x.Host, x.PID = Waiting, "", 0, "", 0
			at := slices.IndexFunc(running, func(a task.Running) bool { return a.Task == t.task })
			if at < 0 {
				continue
			}
			x.readCurve(filepath.Join(running[at].Dir, filepath.FromSlash(t.dir()), progressName))
			x.State, x.Host, x.PID = Running, running[at].Host, running[at].PID
			if running[at].Dead {
				x.State = CutOff
			}
		}
	}
}

// Curve reads the curve of a proxy that is done, once.
func (f *Follower) Curve(x *Proxy) {
	if !x.read.IsZero() {
		return
	}
	x.read = time.Unix(1, 0) // a trainer that keeps its progress to itself has no file
	for p, round := range f.rounds {
		if i := slices.Index(round.proxies, x); i >= 0 {
			x.readCurve(p.Path(filepath.FromSlash(round.specs[i].dir()), progressName))
			return
		}
	}
}

// readCurve reads a file, if it is there, that may be written meanwhile: the last
// line may be half there.
func (x *Proxy) readCurve(path string) {
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return
	}
	if at := info.ModTime(); at.Equal(x.read) && time.Since(at) > time.Second {
		x.Fraction = x.trained
		return
	}
	x.read, x.Tokens, x.Loss, x.trained = info.ModTime(), nil, nil, 0
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var g train.Progress
		if json.Unmarshal(lines.Bytes(), &g) != nil {
			break
		}
		x.Tokens, x.Loss = append(x.Tokens, g.Tokens), append(x.Loss, g.Loss)
		if g.Steps > 0 {
			x.trained = float64(g.Step) / float64(g.Steps)
		}
	}
	for len(x.Loss) > curvePoints {
		x.Tokens, x.Loss = everySecond(x.Tokens), everySecond(x.Loss)
	}
	x.Fraction = x.trained
}

// Measured are the runs of the search that are done, failed ones too.
func Measured(proxies []*Proxy) (out []search.Trial) {
	for _, x := range proxies {
		if x.Stage == searchFile.Stage && x.trial.Hash != "" && (x.State == Done || x.State == Failed) {
			out = append(out, x.trial)
		}
	}
	return out
}

// SoFar reads the runs of a search that has no answer yet.
func (r *Trials) SoFar() ([]search.Trial, error) {
	stages, err := r.Follow().Look()
	if err != nil {
		return nil, err
	}
	proxies, err := r.FollowProxies().Look(stages)
	if out := Measured(proxies); err != nil || len(out) > 0 {
		return out, err
	}
	return nil, fmt.Errorf("no proxy run is done: %w", fs.ErrNotExist)
}
