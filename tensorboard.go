package climb

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/tensorboard"
	"github.com/climb-go/climb/trial"
)

// A board writes what the proxies of a run do into event files: one folder a proxy,
// and one for the search. What a file has is not written again, so it may begin
// anew at any time.
type board struct {
	dir     string
	run     *Run
	stages  *stage.Follower
	proxies *trial.Follower
	domains []string

	open  map[string]*tensorboard.File // of proxies that are being trained, by folder
	ended map[string]bool              // folders that have all
}

func (r *Run) newBoard(dir string) *board {
	return &board{dir: dir, run: r, stages: r.Follow(), proxies: r.Trials.FollowProxies(), open: map[string]*tensorboard.File{}, ended: map[string]bool{}}
}

// TensorBoard writes what the proxies have done so far into event files below dir,
// and goes on with those that are there.
func (r *Run) TensorBoard(ctx context.Context, dir string) error {
	if err := r.Open(ctx); err != nil {
		return err
	}
	b := r.newBoard(dir)
	return errors.Join(b.update(), b.close())
}

// boardEvery is the time between two looks at the proxies. TensorBoard itself looks
// every 5 seconds, unless it is told otherwise.
const boardEvery = 2 * time.Second

// board keeps the event files up to date until stop is called, which returns when
// they are complete. A file that cannot be written is warned of then, and does not
// stop the run.
func (r *Run) board(dir string) (stop func()) {
	quit, done := make(chan struct{}), make(chan error, 1)
	go func() {
		b := r.newBoard(dir)
		for last := false; ; {
			err := b.update()
			if last {
				done <- errors.Join(err, b.close())
				return
			}
			select {
			case <-quit:
				last = true
			case <-time.After(boardEvery):
			}
		}
	}()
	return func() {
		close(quit)
		if err := <-done; err != nil {
			r.Warn("run", "not all of TensorBoard's files are written: %v", err)
		}
	}
}

// update writes what is new.
func (b *board) update() error {
	stages, err := b.stages.Look()
	if err != nil {
		return err
	}
	proxies, err := b.proxies.Look(stages)
	if err != nil || len(proxies) == 0 {
		return err
	}
	if b.domains == nil {
		d, err := b.run.Curation.Domains()
		if err != nil {
			return err
		}
		for _, x := range d.Domains {
			b.domains = append(b.domains, x.Name)
		}
	}
	var errs []error
	for _, p := range proxies {
		errs = append(errs, b.proxy(p))
	}
	return errors.Join(append(errs, b.search(proxies))...)
}

// proxy writes the curve of one, with its mixture as hyper-parameters.
func (b *board) proxy(p *trial.Proxy) error {
	folder := proxyFolder(p)
	if p.State == trial.Waiting || b.ended[folder] {
		return nil
	}
	w := b.open[folder]
	if w == nil {
		var err error
		if w, err = tensorboard.Open(filepath.Join(b.dir, filepath.FromSlash(folder))); err != nil {
			return err
		}
		b.open[folder] = w
	}
	over := p.State == trial.Done || p.State == trial.Failed
	if over && !w.Ended() {
		b.proxies.Curve(p)
	}
	w.Start(p.Hash, b.parameters(p))
	last := int64(1)
	for i, tokens := range p.Tokens {
		w.Scalar("loss", tokens, p.Loss[i])
		last = tokens
	}
	if !over {
		return w.Flush()
	}
	if p.State == trial.Done {
		w.Scalar("score", last, p.Score)
	}
	w.End(p.State == trial.Done)
	b.ended[folder] = true
	delete(b.open, folder)
	return w.Close()
}

// proxyFolder is round-01/HASH-SEED, or confirm/NAME-SEED. Names are ours, and no
// paths.
func proxyFolder(p *trial.Proxy) string {
	if p.Name == "" {
		return fmt.Sprintf("round-%02d/%s-%d", p.Round+1, p.Hash, p.Seed)
	}
	name := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, p.Name)
	return path.Join(p.Stage, fmt.Sprintf("%s-%d", name, p.Seed))
}

// parameters are the shares of the mixture by domain, and what tells runs of one
// mixture apart.
func (b *board) parameters(p *trial.Proxy) []tensorboard.Parameter {
	var out []tensorboard.Parameter
	for i, x := range p.Mixture[:min(len(p.Mixture), len(b.domains))] {
		out = append(out, tensorboard.Parameter{Name: b.domains[i], Value: x})
	}
	return append(out, tensorboard.Parameter{Name: "seed", Value: float64(p.Seed)}, tensorboard.Parameter{Name: "round", Value: float64(p.Round + 1)})
}

// search writes the score of each proxy of the search over its number, counted from
// 1 in the order of the proposals, and the best so far: up to the first that is not
// done.
func (b *board) search(proxies []*trial.Proxy) error {
	w := b.open["search"]
	if w == nil {
		var err error
		if w, err = tensorboard.Open(filepath.Join(b.dir, "search")); err != nil {
			return err
		}
		b.open["search"] = w
	}
	w.Describe(filepath.Base(b.run.Out), append(append([]string{}, b.domains...), "seed", "round"), []string{"score", "loss"})
	n, best, any := int64(0), 0.0, false
	for _, p := range proxies {
		if p.Stage != "search" || p.State != trial.Done && p.State != trial.Failed {
			break
		}
		if n++; p.State == trial.Failed {
			continue
		}
		if !any || p.Score > best {
			best, any = p.Score, true
		}
		w.Scalar("search/score", n, p.Score)
		w.Scalar("search/best", n, best)
	}
	return w.Flush()
}

// close closes the files that are open.
func (b *board) close() error {
	var errs []error
	for _, w := range b.open {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}
