package study

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

func scored(scores ...float64) []eval.Run {
	out := make([]eval.Run, len(scores))
	for i, v := range scores {
		out[i].Score = v
	}
	return out
}

func comparedRows(scores map[string][]float64, names ...string) (rows []*compared) {
	for _, name := range names {
		r := &compared{Compared: report.Compared{Strategy: name}, scores: scored(scores[name]...)}
		for k := range r.scores {
			r.seeds = append(r.seeds, k)
		}
		rows = append(rows, r)
	}
	return rows
}

func testComparison() *comparison {
	return &comparison{Study: &Study{Options: Options{Level: 0.95}, Config: &climb.Config{Seed: 1}}}
}

func TestComparePairs(t *testing.T) {
	rows := comparedRows(map[string][]float64{
		"best": {-1.00, -1.10, -1.05, -1.20, -0.95}, "near": {-1.01, -1.09, -1.07, -1.19, -0.97}, "far": {-1.501, -1.599, -1.552, -1.698, -1.449},
	}, "best", "near", "far")
	pairs := testComparison().pairs(rows)
	if len(pairs) != 3 {
		t.Fatalf("%d pairs", len(pairs))
	}
	if p := pairs[0]; p.Verdict != "no difference shown" || math.Abs(p.Mean-0.006) > 1e-12 {
		t.Errorf("best against near: %+v", p)
	}
	if p := pairs[1]; p.Verdict != "better" || p.Interval[0] <= 0 || p.Holm <= p.P || p.Bootstrap[0] <= p.Interval[0] {
		t.Errorf("best against far: %+v", p)
	}
	text := compareVerdict(pairs, rows, 0.95)
	if want := "best has the best mean; better than far at 95 %, corrected for all pairs; no difference shown to near"; text != want {
		t.Errorf("verdict %q, want %q", text, want)
	}
}

// A seed's figure is the mean of its draws, and pairs are of seeds.
func TestCompareDraws(t *testing.T) {
	r := &compared{Compared: report.Compared{Strategy: "random"}, seeds: []int{0, 2}}
	for _, k := range []int{0, 0, 2} { // one draw of seed 2 and all of seed 1 failed
		r.runs = append(r.runs, seedRun{k: k})
	}
	r.scores = r.bySeed(scored(-1, -2, -4))
	if len(r.scores) != 2 || r.scores[0].Score != -1.5 || r.scores[1].Score != -4 {
		t.Fatalf("by seed: %v", r.scores)
	}
	other := comparedRows(map[string][]float64{"other": {-1, -7, -3}}, "other")[0]
	x, y := pairedRuns(other, r, func(r *compared) []eval.Run { return r.scores })
	if len(x) != 2 || x[0].Score != -1 || y[0].Score != -1.5 || x[1].Score != -3 || y[1].Score != -4 {
		t.Errorf("pairs %v and %v", x, y)
	}
}

// Seeds that tie are no certainty: without anything known of the items no pair
// is called different, and of 20 items neither.
func TestCompareTies(t *testing.T) {
	rows := comparedRows(map[string][]float64{"best": {0.6, 0.6}, "other": {0.5, 0.5}}, "best", "other")
	p := testComparison().pairs(rows)[0]
	if p.P != 1 || p.Interval != nil || p.Bootstrap != nil || p.Verdict != "no difference shown" {
		t.Errorf("%+v", p)
	}
	for i, right := range []int{12, 10} {
		items := make([]float64, 20)
		for k := range right {
			items[k] = 1
		}
		for k := range rows[i].scores {
			rows[i].scores[k].Parts = []eval.Part{{Items: 20, Scores: items, Span: 1}}
		}
	}
	p = testComparison().pairs(rows)[0]
	if p.P < 0.05 || p.Interval == nil || p.Interval[0] > 0 || p.Bootstrap == nil || p.Bootstrap[0] >= p.Bootstrap[1] || p.Verdict != "no difference shown" {
		t.Errorf("20 items: %+v", p)
	}
}

// Seeds that share their searches count as few as the searches are.
func TestCompareSearches(t *testing.T) {
	r := &compared{Compared: report.Compared{Strategy: "climb"}, seeds: []int{0, 1, 2, 3}, groups: 2}
	for k := range 4 {
		r.runs = append(r.runs, seedRun{k: k})
	}
	r.scores = r.bySeed(scored(-1, -2, -1.1, -2.1))
	if e := eval.Mean(r.scores); e.Runs.DF != 1 {
		t.Errorf("4 seeds of 2 searches: %+v", e)
	}
}

// Under noise alone some pair of nine strategies is called better in at most
// one of twenty studies: that is what the correction promises.
func TestCompareFalseAlarms(t *testing.T) {
	c, rng := testComparison(), rand.New(rand.NewPCG(1, 2))
	const studies = 200
	alarms := 0
	for range studies {
		scores, names := map[string][]float64{}, strings.Split("abcdefghi", "")
		for _, name := range names {
			for range 5 {
				scores[name] = append(scores[name], rng.NormFloat64())
			}
		}
		rows := comparedRows(scores, names...)
		var p []float64
		for i, a := range rows {
			for _, b := range rows[i+1:] {
				p = append(p, eval.Paired(a.scores, b.scores).P())
			}
		}
		for _, h := range eval.Holm(p) {
			if h < 1-c.Level {
				alarms++
				break
			}
		}
	}
	if limit := studies / 20; alarms > limit {
		t.Errorf("false alarms in %d of %d studies, want at most %d", alarms, studies, limit)
	}
}

func TestCorrelate(t *testing.T) {
	tr := report.Ranking{Proxy: []float64{1, 2, 3, 4, 5, 6}, Target: []float64{1, 2, 3, 4, 6, 5}}
	correlate(&tr, 0.95)
	if math.Abs(tr.Spearman-(1-6.0*2/(6*35))) > 1e-12 || math.Abs(tr.Kendall-13.0/15) > 1e-12 {
		t.Errorf("%+v", tr)
	}
	if tr.Interval[0] > tr.Spearman || tr.Interval[1] < tr.Spearman || tr.Interval[1] > 1 {
		t.Errorf("interval %v around %v", tr.Interval, tr.Spearman)
	}
	for _, c := range []struct {
		n     int
		least float64 // rank correlation of normal pairs that are in perfect order once in 40 times (simulated)
	}{{2, -1}, {3, -1}, {4, -0.211}, {5, 0.346}, {6, 0.655}, {8, 0.894}, {10, 0.958}} {
		x := make([]float64, c.n)
		for i := range x {
			x[i] = float64(i)
		}
		tr := report.Ranking{Proxy: x, Target: x}
		if correlate(&tr, 0.95); tr.Interval[0] > c.least+0.01 || tr.Interval[1] != 1 {
			t.Errorf("%d mixtures in perfect order: interval %v, want a lower end of at most %v", c.n, tr.Interval, c.least)
		}
	}
}

// A study may hold its configuration, and its strategies options of their own.
func TestStudy(t *testing.T) {
	dir := t.TempDir()
	text := `run:
  out: here
  corpus: {inputs: [text]}
  search: {rounds: [9, 3]}
objectives:
  - {name: one, validation: [{file: v.jsonl}], test: [{file: t.jsonl, metric: acc}]}
strategies:
  - climb
  - {name: other, strategy: climb, metric: acc, set: {search: {rounds: [12]}, proxy: {tokens: 1000}}}
target: {size: 1m, tokens: 1e6}
curve: 0
`
	path := filepath.Join(dir, "study.yaml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if s.Config.Out != filepath.Join(dir, "here") || s.Curve != 0 || s.Seeds != 5 || s.Target.Model.Width != 128 || s.Objectives[0].Test[0].Weight != 1 {
		t.Errorf("%+v, out %s", s.Options, s.Config.Out)
	}
	a, b := s.Strategies[0].config, s.Strategies[1].config
	if len(a.Search.Rounds) != 2 || len(b.Search.Rounds) != 1 || b.Proxy.Tokens != 1000 || a.Proxy.Tokens == 1000 || a.Search.TargetTokens != 1_000_000 {
		t.Errorf("rounds %v and %v, proxies of %d and %d tokens, bounds for %d", a.Search.Rounds, b.Search.Rounds, a.Proxy.Tokens, b.Proxy.Tokens, a.Search.TargetTokens)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, "rounds: [9, 3]", "rounds: [9, three]", 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "[4:") {
		t.Errorf("error %v, want the file and line 4", err)
	}
}

// The target's optimizer and schedule are written as in climb.yaml: a key with
// the name, and a section with the options.
func TestStudyOptim(t *testing.T) {
	load := func(optim string) (*Study, error) {
		return parse([]byte("run: {corpus: {inputs: [text]}}\nstrategies: [natural, uniform]\n"+
			"objectives: [{name: a, validation: [{file: v}], test: [{file: b}]}]\ntarget: {size: 1m, tokens: 5, optim: "+optim+"}\n"), "/")
	}
	s, err := load("{lr: 0.01, adamw: {beta1: 0.8}, schedule: cosine, wsd: {decay: 0.3}}")
	if err != nil {
		t.Fatal(err)
	}
	o := s.Target.Optim
	if a, ok := o.Optimizer.Value().(*optim.AdamW); !ok || a.Beta1 != 0.8 || a.Beta2 != 0.95 || o.Schedule.Name() != "cosine" || o.LR != 0.01 || o.Warmup != 0.05 {
		t.Errorf("%+v, %+v, %s", o, o.Optimizer.Value(), o.Schedule.Name())
	}
	for text, want := range map[string]string{
		"{schedule: cosin}":    "target.optim.schedule: \"cosin\" is not one of wsd, cosine",
		"{decay: 0.3}":         "write optim: {wsd: {decay: ...}}",
		"{adamw: {beta3: 1}}":  "beta3",
		"{adamw: {beta1: -1}}": "optim.adamw.beta1",
	} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// What a killed process had half written beside the stages is removed by the next
// one, of a run and of a study; what a live one is writing stays.
func TestLeftovers(t *testing.T) {
	in := t.TempDir()
	if err := os.WriteFile(filepath.Join(in, "a.jsonl"), []byte(strings.Repeat(`{"text": "a few words of a text"}`+"\n", 100)), 0o666); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	config, err := climb.ParseConfig(fmt.Appendf(nil, "out: %s\ncorpus: {inputs: [%s]}\n", out, in))
	if err != nil {
		t.Fatal(err)
	}
	r := climb.NewRun(config)
	if err := r.Until(t.Context(), "corpus"); err != nil {
		t.Fatal(err)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil { // not Linux
		namespace = "0"
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	name := func(pid int) string {
		return fmt.Sprintf(".attempt-00000.abc.%d.%s.%s", pid, strings.Trim(namespace, "pid:[]"), host)
	}
	store := filepath.Join(out, "proxies-0123456789ab")
	if err := os.Mkdir(store, 0o777); err != nil {
		t.Fatal(err)
	}
	write := func() {
		for _, dir := range []string{out, store} {
			for _, pid := range []int{dead.Process.Pid, os.Getpid()} {
				if err := os.WriteFile(filepath.Join(dir, name(pid)), []byte("{"), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	left := func(dir string, pid int) bool {
		_, err := os.Stat(filepath.Join(dir, name(pid)))
		return err == nil
	}
	write()
	if err := r.Until(t.Context(), "corpus"); err != nil {
		t.Fatal(err)
	}
	if left(out, dead.Process.Pid) || !left(out, os.Getpid()) {
		t.Error("a run left what a dead process was writing, or took what a live one is")
	}
	write()
	c := &comparison{Study: &Study{Config: r.Config}, base: stage.New(out, 1)}
	if err := c.base.Hold(c.clean); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{out, store} {
		if left(dir, dead.Process.Pid) || !left(dir, os.Getpid()) {
			t.Errorf("%s: a study left what a dead process was writing, or took what a live one is", dir)
		}
	}
}

// FuzzStudy: a study is refused, or its parts can be hashed.
func FuzzStudy(f *testing.F) {
	for _, s := range []string{"run: {corpus: {inputs: [text]}}\nstrategies: [natural, {name: a, strategy: climb, set: {search: {epochs: .inf}}}]\ntarget: {size: 1m, tokens: 5}\nobjectives: [{name: a, validation: [{file: a}], test: [{file: b}]}]",
		"run: {corpus: {inputs: [text]}}\nseeds: 1.9", "run: null", "proxies: [{set: null}]", "strategies: [null]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse(data, "/")
		if err != nil {
			return
		}
		task.Hash("study", 1, s.Options)
	})
}
