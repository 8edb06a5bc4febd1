package simulate

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

// A crowded strategy knows how many of its proposals were made at once.
type crowded struct {
	search.Random
	now, most *atomic.Int32
}

func (c crowded) Propose(ctx context.Context, p search.Problem, history []search.Trial, n int) ([]mix.Mixture, error) {
	defer c.now.Add(-1)
	for now := c.now.Add(1); ; {
		if most := c.most.Load(); now <= most || c.most.CompareAndSwap(most, now) {
			return c.Random.Propose(ctx, p, history, n)
		}
	}
}

// Workers bounds the searches at once, and changes no outcome.
func TestCompareWorkers(t *testing.T) {
	var want []Outcome
	for _, workers := range []int{1, 3} {
		var now, most atomic.Int32
		p := Plan{Strategies: []Contender{{"random", crowded{now: &now, most: &most}}}, Budgets: []int{6, 9}, Kinds: Kinds[:1], Domains: []int{4}, Seeds: 4, FirstSeed: 1, Workers: workers}
		got, err := Compare(t.Context(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := int(most.Load()); n < 1 || n > workers {
			t.Errorf("%d workers: %d searches at once", workers, n)
		}
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d workers:\n%s", workers, d)
		}
	}
}
