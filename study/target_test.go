package study

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/task"
)

// targetGroup is a group of three arms: one that has searched twice, of which
// this is the second, and two whose answers are equal.
func targetGroup(t *testing.T) *group {
	c := testComparison()
	c.Seeds, c.Searches, c.Draws = 4, 2, 2
	found := &Strategy{Name: "climb", Strategy: "climb"}
	c.arms = []*arm{
		{study: c, strategy: &Strategy{Name: "natural", Strategy: "natural"}, objective: -1, answer: mix.Mixture{0.5, 0.5}},
		{study: c, strategy: &Strategy{Name: "uniform", Strategy: "uniform"}, objective: -1, answer: mix.Mixture{0.5, 0.5}},
		{study: c, strategy: found, objective: 0, search: 1, answer: mix.Mixture{0.25, 0.75}},
	}
	return &group{study: c, arms: c.arms, dir: filepath.Join(t.TempDir(), "compare-1"), inputs: map[string]string{}, results: map[string]*targetResult{}}
}

// Equal answers are trained once with a seed, and the seeds are spread over the
// searches of a strategy.
func TestTargetSpecs(t *testing.T) {
	g := targetGroup(t)
	need, err := g.specs()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	even, quarter := mix.Mixture{0.5, 0.5}.Hash(), mix.Mixture{0.25, 0.75}.Hash()
	name := strings.NewReplacer(even, "even", quarter, "quarter")
	for _, s := range need {
		got = append(got, name.Replace(s.key()))
	}
	want := []string{"even-1001", "even-1002", "quarter-1002", "even-1003", "even-1004", "quarter-1004"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("runs:\n%s", d)
	}
}

// A batch that is there is kept, and what a later call needs beyond it makes
// another.
func TestTargetBatchesResume(t *testing.T) {
	g := targetGroup(t)
	need, err := g.specs()
	if err != nil {
		t.Fatal(err)
	}
	tasks := func(need []targetSpec) (out []int) {
		t.Helper()
		batches, err := g.batches(need)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range batches {
			out = append(out, len(p.Tasks))
		}
		return out
	}
	for _, c := range []struct {
		need []targetSpec
		want []int
	}{
		{need[:4], []int{4}}, {need[:4], []int{4}}, {need[:2], []int{4}}, {need, []int{4, 2}}, {need, []int{4, 2}},
	} {
		if d := cmp.Diff(c.want, tasks(c.need)); d != "" {
			t.Errorf("%d runs:\n%s", len(c.need), d)
		}
	}
	// A task that is done stays so when the batches are loaded again.
	batches, err := g.batches(need)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := batches[0].Run(t.Context(), 1, func(context.Context, *task.Plan, int, *task.Attempt) error { return nil }); err != nil {
		t.Fatal(err)
	}
	again, err := g.batches(need)
	if err != nil {
		t.Fatal(err)
	}
	if missing, err := again[0].Missing(); err != nil || !cmp.Equal(missing, []int{0, 2, 3}) {
		t.Errorf("missing %v, %v", missing, err)
	}
}
