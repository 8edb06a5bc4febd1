package search

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/mix"
)

// A search that dies in the middle of any round ends as if it had not.
func TestRunResumes(t *testing.T) {
	w := newWorld(6, 4, 0.01, 1)
	s, p := smallClimb, w.problem(rounds, 5)
	whole := run(t, p, s, w.eval(5))
	for keep := range len(whole) + 1 {
		asked := 0
		history, err := Run(context.Background(), p, s, func(ctx context.Context, m []mix.Mixture, round int) ([]Trial, error) {
			asked += len(m)
			return w.eval(5)(ctx, m, round)
		}, whole[:keep], nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(whole, history); d != "" {
			t.Fatalf("resumed after %d trials: %s", keep, d)
		}
		if asked != len(whole)-keep {
			t.Errorf("resumed after %d trials, %d were run", keep, asked)
		}
	}
	other := p
	other.Seed++
	if _, err := Run(context.Background(), other, s, w.eval(5), whole[:3], nil); err == nil || !strings.Contains(err.Error(), "does not propose") {
		t.Errorf("resumed with another seed: %v", err)
	}
	// As knowledge from elsewhere the same trials are welcome.
	elsewhere := slices.Clone(whole[:3])
	for i := range elsewhere {
		elsewhere[i].Round = -1
	}
	var shown []int
	history, err := Run(context.Background(), other, s, w.eval(5), elsewhere, func(round int, m []mix.Mixture) { shown = append(shown, round, len(m)) })
	if err != nil || len(history) != len(whole)+3 {
		t.Errorf("%d trials, %v", len(history), err)
	}
	if d := cmp.Diff([]int{0, 12, 1, 6, 2, 3}, shown); d != "" {
		t.Error("watch:", d)
	}
}

func TestRunErrors(t *testing.T) {
	w := newWorld(4, 2, 0.01, 1)
	p, s := w.problem([]int{3}, 1), smallClimb
	good := w.eval(0)
	for want, eval := range map[string]Evaluator{
		"disk is full": func(context.Context, []mix.Mixture, int) ([]Trial, error) { return nil, errors.New("disk is full") },
		"no trial for": func(ctx context.Context, m []mix.Mixture, r int) ([]Trial, error) { return good(ctx, m[1:], r) },
		"was not asked for": func(ctx context.Context, m []mix.Mixture, r int) ([]Trial, error) {
			return good(ctx, append(slices.Clone(m), mix.Uniform(4)), r)
		},
		"with the hash": func(ctx context.Context, m []mix.Mixture, r int) ([]Trial, error) {
			trials, err := good(ctx, m, r)
			trials[0].Hash = trials[1].Mixture.Hash()
			return trials, err
		},
	} {
		if _, err := Run(context.Background(), p, s, eval, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, rounds := range [][]int{nil, {}, {3, 0}} {
		p.Rounds = rounds
		if _, err := Run(context.Background(), p, s, good, nil, nil); err == nil {
			t.Errorf("rounds %v: no error", rounds)
		}
	}
	p.Rounds = []int{3}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, p, s, good, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := s.Propose(ctx, p, nil, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled proposal: %v", err)
	}
}

// A score that is no number is a failure, not a score.
func TestNaNScore(t *testing.T) {
	w := newWorld(4, 2, 0, 1)
	p := w.problem([]int{6}, 1)
	history := run(t, p, smallClimb, func(ctx context.Context, m []mix.Mixture, r int) ([]Trial, error) {
		trials, err := w.eval(0)(ctx, m, r)
		trials[0].Score = math.NaN()
		trials[1].Score = math.Inf(1)
		return trials, err
	})
	failed := 0
	for _, trial := range history {
		if trial.Failed != "" {
			failed++
		}
	}
	if failed != 2 || len(Measured(history)) != 4 {
		t.Errorf("%d of %d trials failed, want 2", failed, len(history))
	}
}
