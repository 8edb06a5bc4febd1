package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// suppliedBy is a run whose curation has found domains of so many tokens, each
// counted in two shards.
func suppliedBy(t *testing.T, tokens map[string][]int64, names ...string) *Trials {
	t.Helper()
	r := stage.New(t.TempDir(), 1)
	var d curate.Domains
	for _, name := range names {
		d.Domains = append(d.Domains, curate.Domain{Name: name, Docs: 1})
	}
	for kind, shards := range map[string]int{"domains": 1, "encode": 2} {
		must(0, r.Add(&stage.Stage{Name: kind, Options: func() (any, error) { return nil, nil }}))
		p := &task.Plan{Kind: kind}
		for range shards {
			p.Tasks = append(p.Tasks, []byte("{}"))
		}
		must(0, p.Save(r.Dir(kind)))
		for n := range p.Tasks {
			must(p.Run(t.Context(), n, func(_ context.Context, _ *task.Plan, n int, a *task.Attempt) error {
				if kind == "domains" {
					return a.WriteJSON("domains.json", d)
				}
				for i, name := range names {
					a.Count(fmt.Sprintf("tokens:%d", i), tokens[name][n])
				}
				return nil
			}))
		}
	}
	c := Config{Seed: 3, Target: TargetConfig{Validation: []eval.Term{{Task: "piqa", Metric: "acc", Weight: 1}}}}
	option.Fill(&c.Search)
	c.Search.Epochs = 1
	return &Trials{Run: r, Config: c, curation: &curate.Curation{Run: r}}
}

// The prior is the share of the tokens, and a domain has at most what its tokens
// allow in the target run and in the dataset, whichever is less.
func TestProblemBounds(t *testing.T) {
	r := suppliedBy(t, map[string][]int64{"web": {500, 100}, "code": {0, 300}, "books": {50, 50}}, "web", "code", "books")
	upper := func(change func(c *Config)) []float64 {
		t.Helper()
		old := r.Config
		defer func() { r.Config = old }()
		change(&r.Config)
		p, supply, err := r.Problem()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]int64{600, 300, 100}, supply); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff(mix.Mixture{0.6, 0.3, 0.1}, p.Prior, cmpopts.EquateApprox(0, 1e-12)); d != "" {
			t.Error(d)
		}
		if strings.Join(p.Domains, " ") != "web code books" || len(p.Tasks) != 1 || p.Tasks[0].Lower {
			t.Errorf("domains %v, tasks %+v", p.Domains, p.Tasks)
		}
		return p.Bounds.Upper
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   []float64
	}{
		"all tokens once":      {func(*Config) {}, []float64{0.6, 0.3, 0.1}},
		"all tokens twice":     {func(c *Config) { c.Search.Epochs = 2 }, []float64{1, 0.6, 0.2}},
		"half of the tokens":   {func(c *Config) { c.Search.TargetTokens = 500 }, []float64{1, 0.6, 0.2}},
		"a dataset that binds": {func(c *Config) { c.Search.Epochs = 4; c.Dataset = export.Options{Tokens: 1000, Epochs: 1.5} }, []float64{0.9, 0.45, 0.15}},
		"one that does not":    {func(c *Config) { c.Search.Epochs = 2; c.Dataset = export.Options{Tokens: 100, Epochs: 1} }, []float64{1, 0.6, 0.2}},
		"limits on top": {func(c *Config) {
			c.Search.Epochs = 2
			c.Search.Domains.Most = map[string]float64{"web": 0.5, "books": 0.9}
		}, []float64{0.5, 0.6, 0.2}},
	} {
		if d := cmp.Diff(c.want, upper(c.change), cmpopts.EquateApprox(0, 1e-12)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
	for want, change := range map[string]func(*Config){
		"search.target_tokens, search.epochs: ": func(c *Config) { c.Search.TargetTokens = 1001 },
		"dataset.tokens, dataset.epochs: ":      func(c *Config) { c.Dataset = export.Options{Tokens: 2001, Epochs: 2} },
	} {
		old := r.Config
		change(&r.Config)
		if _, _, err := r.Problem(); err == nil || !strings.Contains(err.Error(), want) || !task.IsPermanent(err) {
			t.Errorf("%v, want %q", err, want)
		}
		r.Config = old
	}
	if r.searchSeed() != 3 {
		t.Error("the seed of the run is not that of the search")
	}
	if r.Config.Search.Seed = 8; r.searchSeed() != 8 {
		t.Error("the search has no seed of its own")
	}
}

func TestNatural(t *testing.T) {
	if m, err := natural([]int64{30, 0, 10}); err != nil || !cmp.Equal(m, mix.Mixture{0.75, 0, 0.25}) {
		t.Errorf("%v, %v", m, err)
	}
	if _, err := natural([]int64{0, 0}); !task.IsPermanent(err) || !strings.Contains(err.Error(), "no tokens are left after pruning") {
		t.Errorf("no tokens: %v", err)
	}
}

// The loss of a domain is that of its held-out file, in nats: bits times ln 2.
func TestDomainLoss(t *testing.T) {
	r := &Trials{}
	result := &train.Result{Validate: []*eval.TaskResult{termResult("validation-002", 3), termResult("validation-000", 1.5), termResult("validation-007", 9), termResult("piqa", 4)}}
	got := r.domainLoss(result, 4)
	if d := cmp.Diff([]float64{1.5 * math.Ln2, 0, 3 * math.Ln2, 0}, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
	if got := r.domainLoss(&train.Result{Validate: []*eval.TaskResult{termResult("piqa", 4)}}, 4); got != nil {
		t.Errorf("without held-out files: %v", got)
	}
	r.Config.Target.Validation = terms("validation-000.jsonl")
	if got := r.domainLoss(result, 4); got != nil {
		t.Errorf("target files that are called as held-out ones: %v", got)
	}
}

// Weights per byte are those per file times the mean length of an answer.
func TestWeighed(t *testing.T) {
	dir := t.TempDir()
	long, short := filepath.Join(dir, "long.jsonl"), filepath.Join(dir, "short.jsonl")
	must(0, os.WriteFile(long, []byte(`{"text":"0123456789"}`+"\n"+`{"text":"01234567890123456789"}`+"\n"), 0o666))
	must(0, os.WriteFile(short, []byte(`{"text":"äb"}`+"\n"), 0o666))
	own := []eval.Term{{File: long, Metric: "bpb", Weight: 2}, {File: short, Metric: "bpb", Weight: 1.5}}
	if got, err := Weighed(nil, own, "equal"); err != nil || !cmp.Equal(got, own) {
		t.Errorf("equal: %v, %v", got, err)
	}
	got, err := Weighed(&stage.Cache{}, own, "bytes")
	if err != nil || got[0].Weight != 30 || got[1].Weight != 4.5 { // 2 times 15, 1.5 times 3
		t.Errorf("bytes: %+v, %v", got, err)
	}
	if own[0].Weight != 2 {
		t.Error("the terms of the configuration are changed")
	}
	for name, bad := range map[string]eval.Term{"long": {File: long, Metric: "byte_perplexity"}, "piqa": {Task: "piqa", Metric: "bpb"}} {
		var config *option.ConfigError
		if _, err := Weighed(nil, []eval.Term{bad}, "bytes"); !errors.As(err, &config) || !strings.Contains(err.Error(), name+" is not") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// Target files are scored on if there are any, and held-out documents otherwise;
// those of the test half by a confirmation alone.
func TestTermsOfProxies(t *testing.T) {
	asked := ""
	held := halves(func(half string) ([]string, error) {
		asked += half + " "
		return []string{half + "-000.jsonl", half + "-001.jsonl"}, nil
	})
	file := func(name string) curate.TargetFile {
		return curate.TargetFile{Term: eval.Term{File: name, Metric: "acc", Weight: 2}}
	}
	for _, c := range []struct {
		o                   proxyOptions
		confirm             bool
		asked, target, test string
	}{
		{proxyOptions{Validation: []curate.TargetFile{file("v")}}, true, "", "v", ""},
		{proxyOptions{Validation: []curate.TargetFile{file("v")}, Test: []curate.TargetFile{file("t")}}, true, "", "v", "t"},
		{proxyOptions{}, false, "validation ", "validation-000.jsonl validation-001.jsonl", ""},
		{proxyOptions{}, true, "validation test ", "validation-000.jsonl validation-001.jsonl", "test-000.jsonl test-001.jsonl"},
		{proxyOptions{Test: []curate.TargetFile{file("t")}}, true, "validation ", "validation-000.jsonl validation-001.jsonl", "t"},
	} {
		asked = ""
		target, tests, err := c.o.terms(held, c.confirm)
		files := func(terms []eval.Term) string {
			var out []string
			for _, term := range terms {
				out = append(out, term.File)
			}
			return strings.Join(out, " ")
		}
		if err != nil || asked != c.asked || files(target) != c.target || files(tests) != c.test {
			t.Errorf("%+v: asked for %q, target %q, test %q, %v", c, asked, files(target), files(tests), err)
		}
		if len(c.o.Validation) == 0 && (target[1].Metric != "bpb" || target[1].Weight != 1) {
			t.Errorf("%+v", target[1])
		}
	}
	none := halves(func(string) ([]string, error) { return nil, nil })
	if _, _, err := (&proxyOptions{}).terms(none, true); !task.IsPermanent(err) || !strings.Contains(err.Error(), "raise target.holdout") {
		t.Errorf("no document held out: %v", err)
	}
	broken := halves(func(string) ([]string, error) { return nil, os.ErrPermission })
	if _, _, err := (&proxyOptions{}).terms(broken, true); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a folder that cannot be read: %v", err)
	}
}

// Cores count for as long as a run may use them: one for ten seconds, then three.
func TestCoreMeter(t *testing.T) {
	cores := []int{1, 3, 2}
	m := &coreMeter{cores: func() int { n := cores[0]; cores = cores[1:]; return n }}
	if n := m.workers(); n != 1 || m.used != 0 {
		t.Errorf("at the start: %d workers, %v used", n, m.used)
	}
	for i, want := range []time.Duration{10 * time.Second, 40 * time.Second} {
		m.last = m.last.Add(-10 * time.Second)
		if n := m.workers(); n != 3-i || m.used < want || m.used > want+5*time.Second {
			t.Errorf("%d workers, %v used, want %v", n, m.used, want)
		}
	}
}

// roundOf is a finished round of two domains with a run for each result.
func roundOf(t *testing.T, kind string, results ...train.Result) *task.Plan {
	t.Helper()
	p := &task.Plan{Kind: kind, Name: roundName(1), Options: stage.Marshal(proxyOptions{})}
	for i := range results {
		m := mix.Mixture{0.25, 0.75}
		p.Tasks = append(p.Tasks, stage.Marshal(trialSpec{Mixture: m, Hash: m.Hash(), Seed: uint64(i), Round: 4}))
	}
	must(0, p.Save(filepath.Join(t.TempDir(), kind)))
	for n := range p.Tasks {
		must(p.Run(t.Context(), n, func(_ context.Context, p *task.Plan, n int, a *task.Attempt) error {
			var spec trialSpec
			if err := p.Task(n, &spec); err != nil {
				return err
			}
			return WriteResult(a, spec.dir(), &results[n])
		}))
	}
	return p
}

// Failed runs are taken back and no others: the next command does them again.
func TestTakeBack(t *testing.T) {
	p := roundOf(t, "search", train.Result{Score: -1}, train.Result{Failed: "diverged"}, train.Result{Score: -2}, train.Result{Failed: "diverged"})
	must(0, takeBack(p))
	missing, err := p.Missing()
	if d := cmp.Diff([]int{1, 3}, missing); d != "" || err != nil {
		t.Errorf("%v:\n%s", err, d)
	}
}

// A round gives a trial for every run, the failed ones without a score; a round
// of failures ends the search and is taken back.
func TestTrialsOfARound(t *testing.T) {
	var warned []string
	r := &Trials{Run: stage.New(t.TempDir(), 1)}
	option.Fill(&r.Config.Search)
	r.Watch = func(e stage.Event) { warned = append(warned, e.Note) }
	good := train.Result{Score: -1.25, Tokens: []int64{10, 30}, Validate: []*eval.TaskResult{termResult("validation-001", 2), {Task: "x", Metrics: map[string]float64{"acc": 0.5}}}}
	got, err := r.trials(roundOf(t, "search", good, train.Result{Score: 9, Failed: "diverged"}))
	if err != nil {
		t.Fatal(err)
	}
	m := mix.Mixture{0.25, 0.75}
	want := []search.Trial{
		{Mixture: m, Hash: m.Hash(), Round: 4, Score: -1.25, Tokens: []int64{10, 30}, DomainLoss: []float64{0, 2 * math.Ln2}, Scores: map[string]float64{"validation-001:bpb": 2, "x:acc": 0.5}},
		{Mixture: m, Hash: m.Hash(), Round: 4, Seed: 1, Failed: "diverged", Scores: map[string]float64{}},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(search.Trial{}, "Seconds"), cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "diverged") {
		t.Errorf("warnings %q", warned)
	}
	all := roundOf(t, "search", train.Result{Failed: "no memory"}, train.Result{Failed: "diverged"})
	if _, err := r.trials(all); !task.IsPermanent(err) || !strings.Contains(err.Error(), "all 2 proxy runs of round-01 failed; the first: no memory") {
		t.Errorf("%v", err)
	}
	if missing, err := all.Missing(); err != nil || len(missing) != 2 {
		t.Errorf("%v left to run, %v", missing, err)
	}
}

// A result of another mixture, or one that was changed, is not read as the run's.
func TestResultsBelongToTheirRun(t *testing.T) {
	p := roundOf(t, "search", train.Result{Mixture: mix.Uniform(2).Hash(), Score: -1}, train.Result{Score: -1}, train.Result{Tokens: []int64{1}})
	for n, want := range []string{"is of mixture " + mix.Uniform(2).Hash(), "", "tokens are of 1 domains, not 2"} {
		r, err := readTrial(p, must(allTrials(p))[n])
		if want == "" && (err != nil || r.Score != -1) || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "remove "+p.DonePath(n))) {
			t.Errorf("task %d: %+v, %v; want %q", n, r, err, want)
		}
	}
	var spec trialSpec
	must(0, p.Task(1, &spec))
	must(0, os.WriteFile(p.Path(filepath.FromSlash(spec.dir()), resultName), []byte(`{"score":7}`), 0o666))
	if _, err := readTrial(p, placed{spec, 1}); err == nil {
		t.Error("a result that was written over is read")
	}
}

// proposer counts how often it is asked.
type proposer struct {
	search.Strategy
	asked int
}

func (s *proposer) Propose(context.Context, search.Problem, []search.Trial, int) ([]mix.Mixture, error) {
	s.asked++
	return []mix.Mixture{{1, 0}}, nil
}

// The plan of a round is the record of what was proposed: a strategy is asked for
// the rounds that have none.
func TestProposalsAreReadFromPlans(t *testing.T) {
	p := roundOf(t, "search", train.Result{}, train.Result{})
	s := &proposer{}
	r := recorded{s, p}
	got, err := r.Propose(t.Context(), search.Problem{}, []search.Trial{{Round: -1}}, 9)
	if err != nil || s.asked != 0 || !cmp.Equal(got, []mix.Mixture{{0.25, 0.75}, {0.25, 0.75}}) {
		t.Errorf("round 1: %v, asked %d times, %v", got, s.asked, err)
	}
	got, err = r.Propose(t.Context(), search.Problem{}, []search.Trial{{Round: -1}, {Round: 0}}, 9)
	if err != nil || s.asked != 1 || !cmp.Equal(got, []mix.Mixture{{1, 0}}) {
		t.Errorf("round 2: %v, asked %d times, %v", got, s.asked, err)
	}
	must(0, os.WriteFile(p.Path("round-02.plan.json"), []byte("{"), 0o666))
	if _, err := r.Propose(t.Context(), search.Problem{}, []search.Trial{{Round: 0}}, 9); err == nil || s.asked != 1 {
		t.Errorf("a broken plan: %v, asked %d times", err, s.asked)
	}
}

// The files of a study stand in the plans of rounds, and there alone.
func TestRoundOptions(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.jsonl")
	must(0, os.WriteFile(file, []byte(`{"text":"some text"}`+"\n"), 0o666))
	own := []eval.Term{{File: file, Metric: "bpb", Weight: 1}}
	p := &task.Plan{Kind: "search", Options: json.RawMessage(`{"seed":5}`)}
	shared := func(change func(*Config), p *task.Plan) string {
		r := &Trials{Config: Config{Target: TargetConfig{Validation: own}, Shared: own}}
		change(&r.Config)
		var o struct {
			Seed   int                 `json:"seed"`
			Shared []curate.TargetFile `json:"shared"`
		}
		must(0, json.Unmarshal(must(r.roundOptions(p)), &o))
		if o.Seed != 5 {
			t.Errorf("the other options are lost")
		}
		if len(o.Shared) == 0 {
			return ""
		}
		return o.Shared[0].File
	}
	if got := shared(func(*Config) {}, p); got != file {
		t.Errorf("in a study: %q", got)
	}
	for name, change := range map[string]func(*Config){
		"no study":        func(c *Config) { c.Shared = nil },
		"held-out files":  func(c *Config) { c.Target.Validation = nil },
		"another trainer": func(c *Config) { c.Proxy.Command = train.Arguments{"x"} },
	} {
		if got := shared(change, p); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := shared(func(*Config) {}, &task.Plan{Kind: "confirm", Options: p.Options}); got != "" {
		t.Errorf("a confirmation: %q", got)
	}
}

// Earlier searches are known by their bytes (the digest of "abc" is that of
// FIPS 180-2, appendix B.1).
func TestPastFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "search.json")
	must(0, os.WriteFile(path, []byte("abc"), 0o666))
	sums, err := (&ReuseConfig{Files: []string{path}}).pastFiles()
	if err != nil || len(sums) != 1 || sums[0] != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("%v, %v", sums, err)
	}
	if _, err := (&ReuseConfig{Files: []string{path, path + ".no"}}).pastFiles(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "search.reuse") {
		t.Errorf("a file that is gone: %v", err)
	}
}
