package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

func termResult(name string, bpb float64) *eval.TaskResult {
	return &eval.TaskResult{Task: name, Metrics: map[string]float64{"bpb": bpb}}
}

func terms(files ...string) (out []eval.Term) {
	for _, f := range files {
		out = append(out, eval.Term{File: f, Metric: "bpb", Weight: 1})
	}
	return out
}

// A run that was scored on the files of a whole study has, on those of one
// search, the result of a run that saw these alone.
func TestRestrict(t *testing.T) {
	all := terms("x/a.jsonl", "y/a.jsonl", "b.jsonl")
	r := &train.Result{Score: -99, Validate: []*eval.TaskResult{termResult("a", 1), termResult("a#2", 2), termResult("b", 4)}}
	for _, c := range []struct {
		own   []eval.Term
		names string
		score float64
	}{
		{terms("y/a.jsonl"), "a", -2},
		{terms("b.jsonl", "x/a.jsonl"), "b a", -2.5},
		{terms("y/a.jsonl", "x/a.jsonl"), "a a#2", -1.5},
		{[]eval.Term{{File: "b.jsonl", Metric: "bpb", Weight: 3}, {File: "x/a.jsonl", Metric: "bpb", Weight: 1}}, "b a", -3.25},
	} {
		got, err := restrict(r, all, c.own)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, v := range got.Validate {
			names = append(names, v.Task)
		}
		if strings.Join(names, " ") != c.names || got.Score != c.score {
			t.Errorf("of %v: %q with %v, want %q with %v", c.own, names, got.Score, c.names, c.score)
		}
	}
	if r.Score != -99 || r.Validate[1].Task != "a#2" {
		t.Error("the run itself was changed")
	}
	if _, err := restrict(r, all, terms("c.jsonl")); err == nil || !strings.Contains(err.Error(), "c.jsonl was not evaluated") {
		t.Errorf("a file that no run was scored on: %v", err)
	}
	if failed := (&train.Result{Failed: "diverged"}); failed != must(restrict(failed, all, terms("b.jsonl"))) {
		t.Error("a failed run is changed")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Two searches of a study share a run by their plans alone, so that workers on
// other machines do as well: what one has published, the other takes, scored on
// its own files.
func TestSharedRunsByPlans(t *testing.T) {
	out := t.TempDir()
	saved := func(kind string, tasks ...json.RawMessage) {
		p := &task.Plan{Kind: kind, Tasks: tasks}
		must(0, p.Save(filepath.Join(out, kind)))
		for n := range tasks {
			must(p.Run(t.Context(), n, func(_ context.Context, _ *task.Plan, _ int, a *task.Attempt) error {
				a.Count("vocab", 300)
				return nil
			}))
		}
	}
	saved("vocab", []byte("{}"))
	saved("tokens", []byte("{}"), []byte("{}"))
	all := []curate.TargetFile{{Term: terms("a.jsonl")[0]}, {Term: terms("b.jsonl")[0]}}
	m := mix.Mixture{0.25, 0.75}
	spec := trialSpec{Mixture: m, Hash: m.Hash(), Seed: 7}
	plan := func(dir string, own curate.TargetFile, s trialSpec) *task.Plan {
		o := proxyOptions{Validation: []curate.TargetFile{own}, Shared: all}
		p := &task.Plan{Kind: "search", Name: "round-01", Options: stage.Marshal(o), Tasks: []json.RawMessage{stage.Marshal(s)},
			Inputs: map[string]string{"vocab": "vocab", "encode": "encode", "tokens": "tokens", "base": "base", "holdout": "holdout"}}
		must(0, p.Save(filepath.Join(out, dir)))
		return p
	}
	first, second := plan("search-1", all[0], spec), plan("search-2", all[1], spec)
	if a, b := must(RunKey(first, 0)), must(RunKey(second, 0)); a != b {
		t.Errorf("one run has two keys, %s and %s", a, b)
	}
	other := spec
	other.Seed++
	if a, b := must(RunKey(first, 0)), must(RunKey(plan("search-3", all[0], other), 0)); a == b {
		t.Error("runs of two seeds have one key")
	}
	// The run as the first search, wherever it ran, has left it.
	store := must(RunKey(first, 0))
	must(0, os.MkdirAll(filepath.Dir(store), 0o777))
	must(0, task.WriteSealed(store, stored{Result: &train.Result{Tokens: []int64{100, 300}, Score: -1.5,
		Validate: []*eval.TaskResult{termResult("a", 1), termResult("b", 2)}}, CoreSeconds: 12}))
	for i, p := range []*task.Plan{first, second} {
		loaded := must(task.Load(p.Path("round-01.plan.json"))) // all that a worker has
		mf, err := loaded.Run(t.Context(), 0, runTrial)
		if err != nil {
			t.Fatal(err)
		}
		r, err := readTrial(loaded, placed{spec, 0})
		if err != nil {
			t.Fatal(err)
		}
		if want := -float64(i + 1); r.Score != want || len(r.Validate) != 1 || mf.CoreSeconds != 12 || Tokens.Of(mf) != 400 {
			t.Errorf("search %d: score %v, want %v, of %d files, %v core seconds, %d tokens", i+1, r.Score, want, len(r.Validate), mf.CoreSeconds, Tokens.Of(mf))
		}
	}
	// A stored run of another mixture is no run of this one.
	must(0, task.WriteSealed(store, stored{Result: &train.Result{Tokens: []int64{1}, Validate: []*eval.TaskResult{termResult("a", 1), termResult("b", 2)}}}))
	third := plan("search-4", all[0], spec)
	if _, err := third.Run(t.Context(), 0, runTrial); err == nil || !strings.Contains(err.Error(), store) || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("a stored run with one domain: %v", err)
	}
}

// A proxy that repeats as the target does stands for the run of search.target_tokens,
// or for one of all tokens that are left; one that is shorter is refused.
func TestProxyStandsForTheTarget(t *testing.T) {
	out := t.TempDir()
	for kind, n := range map[string]int{"vocab": 1, "tokens": 2} {
		p := &task.Plan{Kind: kind, Tasks: slices.Repeat([]json.RawMessage{[]byte("{}")}, n)}
		must(0, p.Save(filepath.Join(out, kind)))
		for n := range p.Tasks {
			must(p.Run(t.Context(), n, func(_ context.Context, _ *task.Plan, _ int, a *task.Attempt) error {
				a.Count("vocab", 300)
				for d, tokens := range []int64{4000, 300} {
					a.Count(fmt.Sprintf("tokens:%d", d), tokens)
				}
				return nil
			}))
		}
	}
	for i, c := range []struct {
		repeat      string
		asked, want int64
		proxy       int64
		refused     bool
	}{
		{"", 9000, 0, 1000, false},
		{"target", 9000, 9000, 1000, false},
		{"target", 0, 8600, 1000, false},
		{"target", 900, 0, 1000, true},
		{"target", 0, 0, 8601, true},
	} {
		o := proxyOptions{Proxy: ProxyConfig{Repeat: c.repeat, Tokens: c.proxy}, TargetTokens: c.asked}
		p := &task.Plan{Kind: "search", Options: stage.Marshal(o), Inputs: map[string]string{"vocab": "vocab", "encode": "tokens", "tokens": "tokens"}}
		must(0, p.Save(filepath.Join(out, fmt.Sprint("search-", i))))
		j, err := o.job(p, trialSpec{Mixture: mix.Mixture{0.5, 0.5}})
		if c.refused != (err != nil) || err != nil && (!task.IsPermanent(err) || !strings.Contains(err.Error(), "raise search.target_tokens")) {
			t.Errorf("%+v: %v", c, err)
		}
		if err == nil && (j.TargetTokens != c.want || len(j.Domains) != 2) {
			t.Errorf("%+v: stands for %d tokens of %d domains", c, j.TargetTokens, len(j.Domains))
		}
	}
}

// Limits on domains by name reach the problem, and what cannot be met is refused
// with the names that there are.
func TestSearchDomains(t *testing.T) {
	problem := func() search.Problem {
		return search.Problem{Domains: []string{"web", "code", "books"}, Prior: mix.Mixture{0.5, 0.3, 0.2}, Rounds: []int{4}, Seed: 1,
			Bounds: mix.Bounds{Lower: []float64{0, 0, 0.1}, Upper: []float64{1, 0.6, 1}}}
	}
	p := problem()
	c := SearchDomains{Least: map[string]float64{"web": 0.2, "books": 0.05}, Most: map[string]float64{"web": 0.4, "code": 0.9}, Keep: [][]string{{"code", "books"}}}
	if err := c.apply(&p); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]float64{{0.2, 0, 0.1}, {0.4, 0.6, 1}}, [][]float64{p.Bounds.Lower, p.Bounds.Upper}); d != "" {
		t.Errorf("bounds:\n%s", d)
	}
	if d := cmp.Diff([][]int{{1, 2}}, p.Groups); d != "" {
		t.Errorf("groups:\n%s", d)
	}
	for want, c := range map[string]SearchDomains{
		`search.domains.least: no domain is called "wab"; did you mean web; there are web, code, books`: {Least: map[string]float64{"wab": 0.1}},
		`search.domains.most: no domain is called "wab"`:                                                {Most: map[string]float64{"wab": 0.1}},
		`search.domains.keep: no domain is called "wab"`:                                                {Keep: [][]string{{"web", "wab"}}},
		"search.domains": {Least: map[string]float64{"web": 0.7, "books": 0.7}},
	} {
		p := problem()
		if err := c.apply(&p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

// Each term of the target is a task of the problem; floors find theirs by name.
func TestObjective(t *testing.T) {
	run := func(o Objective, files ...eval.Term) (*search.Problem, error) {
		c := Config{Target: TargetConfig{Validation: files}}
		option.Fill(&c.Search)
		c.Search.Objective = o
		p := &search.Problem{}
		return p, (&Trials{Run: stage.New(t.TempDir(), 1), Config: c, curation: &curate.Curation{}}).objective(p)
	}
	bpb, acc := eval.Term{File: "x/a.jsonl", Metric: "bpb", Weight: 2}, eval.Term{File: "b.jsonl", Metric: "acc", Weight: 1}
	p, err := run(Objective{Combine: "worst", KL: 0.5, Floors: map[string]float64{"b:acc": 0.4}}, bpb, acc)
	if err != nil {
		t.Fatal(err)
	}
	floor := 0.4
	want := []search.Task{{Name: "a:bpb", Weight: 2, Lower: true}, {Name: "b:acc", Weight: 1, Floor: &floor}}
	if d := cmp.Diff(want, p.Tasks); d != "" || p.Combine != "worst" || p.KL != 0.5 {
		t.Errorf("%s, KL %v, tasks:\n%s", p.Combine, p.KL, d)
	}
	if _, err := run(Objective{Floors: map[string]float64{"c:acc": 1}}, bpb, acc); err == nil || !strings.Contains(err.Error(), "there are a:bpb, b:acc") {
		t.Errorf("a floor of no term: %v", err)
	}
	again := eval.Term{File: "y/a.jsonl", Metric: "bpb", Weight: 1}
	if _, err := run(Objective{Combine: "worst"}, bpb, again); err == nil || !strings.Contains(err.Error(), "2 terms of the target are called a:bpb") {
		t.Errorf("two terms of one name: %v", err)
	}
	if p, err := run(Objective{Combine: "mean"}, bpb, again); err != nil || p.Tasks != nil {
		t.Errorf("the mean of two terms of one name: %v, %v", p.Tasks, err)
	}
}
