package history

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
)

// best is the mixture that the law of runs has its optimum near.
var best = mix.Mixture{0.5, 0.46, 0.04}

// A lawRun is a run of the law: two losses of three domains whose mean is least
// near best, with noise of 0.005.
type lawRun struct {
	m    mix.Mixture
	a, b float64
}

func lawRuns(n int) []lawRun {
	rng := rand.New(rand.NewPCG(3, 0))
	out := make([]lawRun, n)
	for i := range out {
		m := mix.Dirichlet(rng, []float64{1, 1, 1})
		out[i] = lawRun{m, 3 - 1.2*m[0] - .2*m[1] + .9*m[0]*m[0] + .005*rng.NormFloat64(), 2.5 - .1*m[0] - .9*m[1] + .7*m[1]*m[1] + .005*rng.NormFloat64()}
	}
	return out
}

// sheetOf writes a file of a header and a row for each run: the text of columns,
// in which %s stands for the shares or the two losses.
func sheetOf(t *testing.T, name, header string, row func(i int, r lawRun) string) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i, r := range lawRuns(24) {
		b.WriteString(row(i, r) + "\n")
	}
	return write(t, name, b.String())
}

func (r lawRun) shares() string { return fmt.Sprintf("%.6f,%.6f,%.6f", r.m[0], r.m[1], r.m[2]) }
func (r lawRun) losses() string { return fmt.Sprintf("%.5f,%.5f", r.a, r.b) }

// recommended fits the table of files cheaply.
func recommended(o Objective, files ...string) (*Report, error) {
	t, err := Read(files...)
	if err != nil {
		return nil, err
	}
	return t.Fit(FitOptions{Objective: o, Predictor: "gp", Candidates: 1000, Seed: 1})
}

func ignored(r *Report) string {
	var names []string
	for _, i := range r.Ignored {
		names = append(names, i.Column)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Columns beside the metrics and the domains do not count, and are said.
func TestCasesColumns(t *testing.T) {
	plain := func(i int, r lawRun) string { return fmt.Sprintf("r%02d,s-%d,%s", i, i, r.shares()) }
	ratios := sheetOf(t, "ratios.csv", "run,name,dclm,wikipedia,arxiv", plain)
	for _, c := range []struct {
		name, ratios, header string
		row                  func(i int, r lawRun) string
		ignored              string
	}{
		{"plain", ratios, "run,name,arc_bpb,mmlu_bpb", func(i int, r lawRun) string { return fmt.Sprintf("r%02d,s-%d,%s", i, i, r.losses()) }, "name"},
		{"index in both", sheetOf(t, "ratios_index.csv", "run,name,index,dclm,wikipedia,arxiv", func(i int, r lawRun) string { return fmt.Sprintf("r%02d,s-%d,%d,%s", i, i, i, r.shares()) }),
			"run,name,index,arc_bpb,mmlu_bpb", func(i int, r lawRun) string { return fmt.Sprintf("r%02d,s-%d,%d,%s", i, i, i, r.losses()) }, "index name"},
		{"unnamed in both", sheetOf(t, "ratios_unnamed.csv", ",run,name,dclm,wikipedia,arxiv", func(i int, r lawRun) string { return fmt.Sprintf("%d,r%02d,s-%d,%s", i, i, i, r.shares()) }),
			"Unnamed: 0,run,name,arc_bpb,mmlu_bpb", func(i int, r lawRun) string { return fmt.Sprintf("%d,r%02d,s-%d,%s", i, i, i, r.losses()) }, " Unnamed: 0 name"},
		{"run and run_id", ratios, "run_id,run,arc_bpb,mmlu_bpb", func(i int, r lawRun) string { return fmt.Sprintf("%d,r%02d,%s", 1000+i, i, r.losses()) }, "name run_id"},
		{"seed and step", ratios, "run,seed,step,tokens,arc_bpb,mmlu_bpb", func(i int, r lawRun) string { return fmt.Sprintf("r%02d,%d,5000,2e9,%s", i, i%3, r.losses()) }, "name seed step tokens"},
		{"of Weights & Biases", ratios, "run,State,_step,_timestamp,_runtime,metric/arc_loss,metric/mmlu_loss", func(i int, r lawRun) string {
			return fmt.Sprintf("r%02d,finished,1000,%d,%d,%s", i, 1722470400+i*997, 360+i, r.losses())
		}, "State _runtime _step _timestamp name"},
		{"cross entropies", ratios, "run,eval/c4/CE,eval/pile/cross_entropy", func(i int, r lawRun) string { return fmt.Sprintf("r%02d,%s", i, r.losses()) }, "name"},
	} {
		r, err := recommended(Objective{}, c.ratios, sheetOf(t, "metrics.csv", c.header, c.row))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := mix.L1(r.Best.Mixture, best); d > 0.15 || len(r.Metrics) != 2 || len(r.Lower) != 2 || ignored(r) != c.ignored {
			t.Errorf("%s: recommended %.2f, want about %.2f; metrics %v, lower is better of %v; ignored %q, want %q", c.name, r.Best.Mixture, best, r.Metrics, r.Lower, ignored(r), c.ignored)
		}
	}
	one := sheetOf(t, "ours.csv", "run,domain:dclm,domain:wikipedia,domain:arxiv,metric:arc_bpb,mmlu_bpb,", func(i int, r lawRun) string { return fmt.Sprintf("r%02d,%s,%s,", i, r.shares(), r.losses()) })
	got, err := Read(one)
	if err != nil || len(got.Ignored) != 2 || !strings.Contains(got.Ignored[0].Why, "neither domain: nor metric:") {
		t.Errorf("a column without a prefix: %+v, %v", got, err)
	}
}

// The direction comes from whole words of the metric's part of a name, never from
// what is inside the name of a task.
func TestCasesDirections(t *testing.T) {
	for name, want := range map[string]Direction{
		"include_base_44_italian_applied_science:acc": Higher, "bigbench_crash_blossom_multiple_choice:acc": Higher, "bertaqa_en_mt_nllb:acc": Higher,
		"blimp_supplement_hypernym:acc": Higher, "apple_qa:acc": Higher, "orbits_mc:acc_norm": Higher, "include_base_44_italian_culture:acc": Higher,
		"loss_aversion:acc": Higher, "hellaswag_acc_norm": Higher, "valid_avg": Higher, "squad:f1": Higher, "gsm8k:exact_match": Higher, "log_likelihood": Higher,
		"humaneval:pass@1": Higher, "xsum_rouge1": Higher, "score": Higher,
		"the_pile_pile_cc_val_loss": Lower, "arc_bpb": Lower, "wiki:word_perplexity": Lower, "wikitext:bits_per_byte": Lower, "eval/c4/CE": Lower, "eval/pile/cross_entropy": Lower,
		"eval/c4_en-validation/CrossEntropyLoss": Lower, "xent": Lower, "val_ce": Lower, "rmse": Lower, "exact_match_error": Lower, "arc:brier_score": Lower, "ppl_wikitext": Lower,
		"train/loss": Lower, "loss/c4": Lower, "val_nll": Lower, "asr_wer": Lower, "loss_10": Lower,
		"include_base_44_italian_applied_science": Unknown, "bigbench_crash_blossom": Unknown, "bertaqa_en_mt_nllb": Unknown, "blimp_supplement": Unknown,
		"task0": Unknown, "": Unknown, "arc:": Unknown, "syntax_error_detection": Unknown, "learning_rate": Unknown, "_": Unknown,
	} {
		if got := DirectionOf(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	table := func(metric string) string {
		return sheetOf(t, "sign.csv", "run,domain:a,domain:b,domain:c,metric:"+metric, func(i int, r lawRun) string {
			return fmt.Sprintf("r%d,%s,%.5f", i, r.shares(), .3+.4*r.m[0]-.2*r.m[2]+.002*math.Sin(float64(7*i)))
		})
	}
	for metric, domain := range map[string]int{"include_base_44_italian_applied_science:acc": 0, "bertaqa_en_mt_nllb:acc": 0, "xent": 2, "rmse": 2} {
		r, err := recommended(Objective{}, table(metric))
		if err != nil || r.Best.Mixture[domain] < 0.85 {
			t.Errorf("%s: %+v, %v; want most of domain %d", metric, r, err, domain)
		} else if said := strings.Contains(strings.Join(r.Warnings, ""), "is more than any run had"); said != (r.Best.Mixture[domain] > 0.99) {
			t.Errorf("%s: recommended %.3f, warnings %q", metric, r.Best.Mixture, r.Warnings)
		}
	}
	unknown := table("blimp_supplement")
	if _, err := recommended(Objective{}, unknown); err == nil || !strings.Contains(err.Error(), `--higher "blimp_supplement" or --lower "blimp_supplement"`) {
		t.Errorf("an unknown metric: %v", err)
	}
	if r, err := recommended(Objective{Lower: []string{"blimp_supplement"}}, unknown); err != nil || r.Best.Mixture[2] < 0.85 {
		t.Errorf("an unknown metric with a direction: %v", err)
	}
	for want, o := range map[string]Objective{
		"as better when lower and": {Lower: []string{"blimp_supplement"}, Higher: []string{"blimp_supplement"}},
		"named twice":              {Metrics: []string{"blimp_supplement", "blimp_supplement"}},
		"none of the metrics":      {Weights: map[string]float64{"acc": 1}},
	} {
		if _, err := recommended(o, unknown); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	mixed := sheetOf(t, "mixed.csv", "run,domain:a,domain:b,domain:c,metric:ppl,metric:acc", func(i int, r lawRun) string {
		return fmt.Sprintf("r%d,%s,%.5f,%.5f", i, r.shares(), 60+40*r.m[0], .3+.4*r.m[0])
	})
	if _, err := recommended(Objective{}, mixed); err == nil || !strings.Contains(err.Error(), "different kinds, such as ppl and acc") {
		t.Errorf("a mean of perplexity and accuracy: %v", err)
	}
	if r, err := recommended(Objective{Metrics: []string{"acc"}}, mixed); err != nil || r.Best.Mixture[0] < 0.85 {
		t.Errorf("one of them: %v", err)
	}
}

// What results files say of directions holds, numbers of items are no metrics,
// and tasks do not count beside their group.
func TestCasesResults(t *testing.T) {
	folder := func(text func(r lawRun, acc float64) string) string {
		dir := t.TempDir()
		for i, r := range lawRuns(24) {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("r%02d.json", i)), []byte(text(r, .3+.4*r.m[0]-.2*r.m[2]+.002*math.Sin(float64(7*i)))), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	ratios := sheetOf(t, "mix.csv", "run,a,b,c", func(i int, r lawRun) string { return fmt.Sprintf("r%02d,%s", i, r.shares()) })
	for name, c := range map[string]struct {
		text    func(r lawRun, acc float64) string
		domain  int
		metrics string
		ignored string
	}{
		"said": {func(_ lawRun, acc float64) string {
			return fmt.Sprintf(`{"results":{"applied":{"acc,none":%v}},"higher_is_better":{"applied":{"acc":true}}}`, acc)
		}, 0, "applied:acc", ""},
		"against the name": {func(_ lawRun, acc float64) string {
			return fmt.Sprintf(`{"results":{"t":{"acc,none":%v}},"higher_is_better":{"t":{"acc":false}}}`, acc)
		}, 2, "t:acc", ""},
		"null says nothing": {func(_ lawRun, acc float64) string {
			return fmt.Sprintf(`{"results":{"t":{"acc,none":%v}},"higher_is_better":{"t":{"acc":null}}}`, acc)
		}, 0, "t:acc", ""},
		"items": {func(r lawRun, acc float64) string {
			return fmt.Sprintf(`{"results":{"t":{"name":"t","alias":"t","acc,none":%v,"acc_stderr,none":0.01,"sample_len":%d}}}`, acc, 100+int(900*r.m[2]))
		}, 0, "t:acc", ""},
		"items before 0.4": {func(r lawRun, acc float64) string {
			return fmt.Sprintf(`{"results":{"t":{"acc":%v,"acc_stderr":0.01,"sample_len":%d}}}`, acc, 100+int(900*r.m[2]))
		}, 0, "t:acc", ""},
		"group": {func(r lawRun, acc float64) string {
			return fmt.Sprintf(`{"results":{"mmlu":{"acc,none":%v},"mmlu_x":{"acc,none":%v},"mmlu_y":{"acc,none":%v}},"group_subtasks":{"mmlu":["mmlu_x","mmlu_stem"],"mmlu_stem":["mmlu_y"]}}`, acc, 3*r.m[2], 3*r.m[2])
		}, 0, "mmlu:acc", "mmlu_x:acc mmlu_y:acc"},
		"group without figures": {func(_ lawRun, acc float64) string {
			return fmt.Sprintf(`{"results":{"mmlu":{"alias":"mmlu"},"mmlu_x":{"acc,none":%v}},"group_subtasks":{"mmlu":["mmlu_x"]}}`, acc)
		}, 0, "mmlu_x:acc", ""},
	} {
		r, err := recommended(Objective{}, ratios, folder(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r.Best.Mixture[c.domain] < 0.85 || strings.Join(r.Metrics, " ") != c.metrics || ignored(r) != c.ignored {
			t.Errorf("%s: recommended %.2f, metrics %v, ignored %q; want most of domain %d", name, r.Best.Mixture, r.Metrics, ignored(r), c.domain)
		}
	}
	parts := folder(func(r lawRun, acc float64) string {
		return fmt.Sprintf(`{"results":{"mmlu":{"acc,none":%v},"mmlu_x":{"acc,none":%v}},"group_subtasks":{"mmlu":["mmlu_x"]}}`, acc, 3*r.m[2])
	})
	if r, err := recommended(Objective{Metrics: []string{"mmlu_x:acc"}}, ratios, parts); err != nil || r.Best.Mixture[2] < 0.85 {
		t.Errorf("a task of a group that is named counts: %v", err)
	}
	torn := folder(func(r lawRun, acc float64) string {
		return fmt.Sprintf(`{"results":{"t":{"acc,none":%v}},"higher_is_better":{"t":{"acc":%v}}}`, acc, r.m[0] > .5)
	})
	if _, err := Read(ratios, torn); err == nil || !strings.Contains(err.Error(), "in another run's file") {
		t.Errorf("files that contradict each other: %v", err)
	}
}

// A run that stands there twice is refused.
func TestCasesTwice(t *testing.T) {
	ours, row := "run,domain:a,domain:b,metric:loss\nx,0.5,0.5,1\ny,0.2,0.8,2\n", "x,0.5,0.5,1\n"
	for text, want := range map[string]string{
		ours + row:               "rows 2 and 4 are both run x",
		ours + "x,0.4,0.6,3\n":   "rows 2 and 4 are both run x",
		ours + " x ,0.4,0.6,3\n": "rows 2 and 4 are both run x",
		"domain:a,domain:b,metric:loss\n0.5,0.5,1\n0.5,0.5,1\n":              "rows 2 and 3 are the same",
		"run,seed,domain:a,domain:b,metric:loss\nx,1,.5,.5,1\nx,1,.5,.5,2\n": "both run x with seed 1",
	} {
		if _, err := Read(write(t, "ours.csv", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{ours + "z,0.5,0.5,1\n", "domain:a,domain:b,metric:loss\n0.5,0.5,1\n0.5,0.5,1.1\n", "run,seed,domain:a,domain:b,metric:loss\nx,1,.5,.5,1\nx,2,.5,.5,2\n"} {
		if _, err := Read(write(t, "ours.csv", text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Runs that diverged, or have 0 for a value that is missing, are left out and
// named; what a mixture explains is not, however far it lies.
func TestCasesOutliers(t *testing.T) {
	for name, c := range map[string]struct {
		value    float64
		warnings int
	}{"11.2": {11.2, 2}, "0": {0, 2}} {
		file := sheetOf(t, "ours.csv", "run,domain:dclm,domain:wikipedia,domain:arxiv,metric:arc_bpb,metric:mmlu_bpb", func(i int, r lawRun) string {
			if i == 2 || i == 7 {
				r.a = c.value
			}
			return fmt.Sprintf("r%02d,%s,%s", i, r.shares(), r.losses())
		})
		r, err := recommended(Objective{}, file)
		if err != nil {
			t.Fatal(err)
		}
		if d := mix.L1(r.Best.Mixture, best); d > 0.15 || r.Failed != 2 || len(r.Warnings) != c.warnings || !strings.HasPrefix(r.Warnings[0], "run r02 (row 4): arc_bpb is "+name) || !strings.HasPrefix(r.Warnings[1], "run r07") {
			t.Errorf("%s: recommended %.2f, %d failed, warnings %q", name, r.Best.Mixture, r.Failed, r.Warnings)
		}
		table, _ := Read(file)
		if r, err = table.Fit(FitOptions{Predictor: "gp", Candidates: 200, KeepOutliers: true}); err != nil || r.Failed != 0 {
			t.Errorf("outliers kept: %+v, %v", r, err)
		}
	}
	corners := &Table{Domains: []string{"a", "b", "c"}, Metrics: []string{"loss"}}
	for i, r := range lawRuns(24) { // losses of pure domains are far from those of the others
		m := r.m
		if i < 3 {
			m = mix.Mixture{0, 0, 0}
			m[i] = 1
		}
		corners.Runs = append(corners.Runs, Run{Name: "r", Mixture: m, Values: []float64{2 - 0.3*math.Log(m[0]+0.002)}})
	}
	if _, warnings, err := corners.Screen(Objective{}); err != nil || len(warnings) > 0 {
		t.Errorf("values that their mixtures explain: %q, %v", warnings, err)
	}
	half := &Table{Domains: []string{"a", "b", "c"}, Metrics: []string{"acc"}}
	for i, r := range lawRuns(24) {
		half.Runs = append(half.Runs, Run{Name: "r", Mixture: r.m, Values: []float64{float64(i%2) * (1 + r.a)}})
	}
	if out, _, err := half.Screen(Objective{}); err != nil || out != half {
		t.Errorf("where half of the runs are so, none is left out: %v", err)
	}
}
