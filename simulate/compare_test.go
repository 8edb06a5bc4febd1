package simulate

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/climb-go/climb/search"
)

// Outcomes do not depend on the number of cores, and our search beats chance.
func TestCompare(t *testing.T) {
	p := Plan{Strategies: []Contender{{"climb-auto", search.Auto{}}, {"random", search.Random{}}, {"natural", search.Natural{}}}, Budgets: []int{21}, Kinds: Kinds[:2], Domains: []int{6}, Seeds: 2, FirstSeed: 2000}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want []Outcome
	for _, procs := range []int{1, 3} {
		runtime.GOMAXPROCS(procs)
		got, err := Compare(context.Background(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("on %d cores: %s", procs, d)
		}
	}
	if want[0].Regret > 0.8*want[1].Regret || math.Abs(want[2].Regret-1) > 1e-9 || want[0].Worlds != 4 {
		t.Errorf("regrets %v, %v, %v", want[0].Regret, want[1].Regret, want[2].Regret)
	}
	p.Budgets = []int{1}
	if _, err := Compare(context.Background(), p, nil); err == nil {
		t.Error("a search of one run: no error")
	}
}

func TestRunsToMatch(t *testing.T) {
	o := []Outcome{{Strategy: "a", Budget: 28, Runs: 28, Regret: 0.4}, {Strategy: "a", Budget: 56, Runs: 56, Regret: 0.2}, {Strategy: "b", Budget: 28, Runs: 28, Regret: 0}}
	for target, want := range map[float64]float64{0.5: 28, 0.3: 28 * math.Sqrt2, 0.2: 56, 0.1: 0} {
		if got := RunsToMatch(o, "a", target); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: %v, want %v", target, got, want)
		}
	}
}

// The public table is replayed: nothing but its runs is measured.
func TestRegMixTable(t *testing.T) {
	dir := os.Getenv("CLIMB_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	table, err := RegMixTable(filepath.Join(dir, "tables"), "train")
	if os.IsNotExist(err) {
		t.Skip("RegMix's tables are not here; CLIMB_TEST_DATA names their folder")
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(table.Problem.Pool) < 500 || len(table.Problem.Domains) != 17 || len(table.Problem.Tasks) != 13 {
		t.Errorf("%d runs, %d domains, %d tasks", len(table.Problem.Pool), len(table.Problem.Domains), len(table.Problem.Tasks))
	}
	out, err := Compare(context.Background(), Plan{Strategies: []Contender{{"climb-auto", search.Auto{}}, {"natural", search.Natural{}}}, Budgets: []int{28}, Tables: []*Table{table}, Seeds: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Outcome{Strategy: "natural", Budget: 28, Regret: 1, Interval: [2]float64{1, 1}, Runs: 1, Worlds: 2, ByWorld: map[string]float64{"regmix-train": 1}}
	if d := cmp.Diff(want, out[1], cmpopts.IgnoreFields(Outcome{}, "Regrets", "Apart")); d != "" {
		t.Error(d)
	}
	if out[0].Apart != 0 || out[1].Apart < 0.5 { // the natural mixture was not run
		t.Errorf("answers are %v and %v from the table", out[0].Apart, out[1].Apart)
	}
	if out[0].Regret > 0.5 {
		t.Errorf("climb-auto: regret %v", out[0].Regret)
	}
}
