package history

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/climb-go/climb/mix"
)

// wandb is the table of runs that Weights & Biases exports, of the law of runs:
// two runs did not finish, and one lacks what it has no share of.
func wandb(t *testing.T, prefix string) string {
	header := fmt.Sprintf("Name,State,Notes,User,Tags,Created,Runtime,Sweep,ID,lr,layers,seed,%sdclm,%[1]swikipedia,%[1]sarxiv,_step,eval/arc_loss,eval/mmlu_loss,train/loss,throughput", prefix)
	return sheetOf(t, "wandb_export_2026-10-01T10_00_00.000+02_00.csv", header, func(i int, r lawRun) string {
		state, shares, losses := "finished", r.shares(), r.losses()
		switch i {
		case 3:
			state, shares, losses = "crashed", ",,", "11.5,"
		case 4:
			state, losses = "running", "9.1,9.2"
		case 5:
			x, y := r.m[0]/(r.m[0]+r.m[1]), r.m[1]/(r.m[0]+r.m[1])
			shares, losses = fmt.Sprintf("%.6f,%.6f,", x, y), fmt.Sprintf("%.5f,%.5f", 3-1.2*x-.2*y+.9*x*x, 2.5-.1*x-.9*y+.7*y*y)
		}
		return fmt.Sprintf("jolly-haze-%d,%s,-,me,\"a, b\",2026-10-01T09:00:%02d.000Z,%d,,run%02d,0.0004,12,7,%s,1000,%s,%g,%d", i, state, i, 360+i, i, shares, losses, 2+r.m[2], 1000+i)
	})
}

// A table of runs of Weights & Biases is read with its shares, and gives what the
// law's does.
func TestWandb(t *testing.T) {
	for _, prefix := range []string{"config.weights.", "data.train_weights.", "mixture/", ""} {
		got, err := Read(wandb(t, prefix))
		if err != nil {
			t.Errorf("%q: %v", prefix, err)
			continue
		}
		if !slices.Equal(got.Domains, []string{"dclm", "wikipedia", "arxiv"}) || len(got.Runs) != 23 || got.Runs[0].Name != "jolly-haze-0" || got.Runs[0].Seed != 7 {
			t.Errorf("%q: domains %v, %d runs, the first %+v", prefix, got.Domains, len(got.Runs), got.Runs[0])
		}
		if w := got.Runs[4].Mixture; w[2] != 0 { // row 5, after the one that crashed without shares
			t.Errorf("%q: an empty share is %v", prefix, w)
		}
		r, err := got.Fit(FitOptions{Predictor: "gp", Candidates: 1000, Seed: 1})
		if err != nil {
			t.Errorf("%q: %v", prefix, err)
			continue
		}
		said := strings.Join(r.Warnings, "\n")
		if d := mix.L1(r.Best.Mixture, best); d > 0.15 || !slices.Equal(r.Metrics, []string{"eval/arc_loss", "eval/mmlu_loss"}) || r.Failed != 1 ||
			!strings.Contains(said, `1 runs are "crashed", not finished, and count as failed: jolly-haze-3`) || !strings.Contains(said, `"running"`) {
			t.Errorf("%q: recommended %.2f, metrics %v, %d failed, said %s", prefix, r.Best.Mixture, r.Metrics, r.Failed, said)
		}
		named, err := got.Fit(FitOptions{Objective: Objective{Metrics: []string{"train/loss"}}, Predictor: "gp", Candidates: 1000, Seed: 1})
		if err != nil || named.Best.Mixture[2] > 0.1 {
			t.Errorf("%q: a loss of the training that is named counts: %v", prefix, err)
		}
	}
}

// Scores that a tracker exported are joined with mixtures by the runs' names.
func TestWandbScores(t *testing.T) {
	mixtures := sheetOf(t, "ratios.csv", "run,dclm,wikipedia,arxiv", func(i int, r lawRun) string { return fmt.Sprintf("jolly-haze-%d,%s", i, r.shares()) })
	r, err := recommended(Objective{}, mixtures, sheetOf(t, "wandb.csv", "Name,State,Created,Tags,lr,eval/arc_loss,eval/mmlu_loss", func(i int, r lawRun) string {
		state := "finished"
		if i == 2 {
			state, r.a = "failed", 12
		}
		return fmt.Sprintf("jolly-haze-%d,%s,2026-10-01,x,1e-3,%s", i, state, r.losses())
	}))
	if err != nil || mix.L1(r.Best.Mixture, best) > 0.15 || r.Failed != 1 || len(r.Metrics) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// What is no table of runs is refused, and what is not clear too.
func TestTrackerRefused(t *testing.T) {
	for text, want := range map[string]string{
		"Step,jolly-haze-1 - eval/loss,jolly-haze-1 - eval/loss__MIN,jolly-haze-1 - eval/loss__MAX\n100,3,3,3\n": "history of a panel",
		"name,config,summary\nx,\"{'lr': 1}\",\"{'loss': 2}\"\n":                                                 "holds dictionaries",
		"Name,State,a.x,a.y,b.x,b.y,loss\nr,finished,.5,.5,.2,.8,1\n":                                            "begin with a. sum to 1 in every run, and those with b. too",
		"Name,State,config.w.x,config.w.y,loss\nr,finished,3,1,1\n":                                              "which columns are the shares?",
		"Name,State,dropout,x,y,loss\nr,finished,.1,.5,.5,1\n":                                                   "--shares web,code",
		"Name,State,config.w.x,config.w.y,lr\nr,finished,.5,.5,1\n":                                              "no metrics",
		"Name,State,config.w.x,config.w.y,loss\nr,finished,.5,.5,1\nr,finished,.4,.6,1\n":                        "both run r",
		"Name,State,config.w.x,config.w.y,loss\nr,crashed,.5,.5,1\n":                                             "which columns are the shares?",
		"run_id,status,phase_0_a,phase_0_b,phase_1_a,eval/loss\n1,completed,.5,.5,1,2\n":                         "every phase needs a column of every domain",
		"run_id,status,phase_0_a,phase_0_b,phase_1_a,phase_1_b,eval/loss\n1,completed,.5,.5,1,0,2\n":             "say --phases",
	} {
		if _, err := Read(write(t, "t.csv", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	ours := write(t, "runs.csv", "run,domain:a,domain:b,metric:loss\nx,0.5,0.5,1\n")
	if _, err := (Hints{Phases: []float64{1, 2}}).Read(ours); err == nil || !strings.Contains(err.Error(), "no column is called phase_0_DOMAIN") {
		t.Errorf("phases of a table that has none: %v", err)
	}
	if _, err := (Hints{Shares: []string{"nothing.*"}}).Read(ours); err == nil || !strings.Contains(err.Error(), `no column is called "nothing.*"`) {
		t.Errorf("shares that are not there: %v", err)
	}
	plain := write(t, "t.csv", "Name,State,dropout,x,y,loss\nr,finished,.1,.5,.5,1\n")
	if got, err := (Hints{Shares: []string{"x", "y"}}).Read(plain); err != nil || !slices.Equal(got.Domains, []string{"x", "y"}) || got.counting()[0] != "loss" {
		t.Errorf("columns that are named: %+v, %v", got, err)
	}
	twins := "Name,State,ID,config.w.x,config.w.y,loss\nr,finished,k1,.5,.5,1\nr,finished,k2,.4,.6,1\n"
	if got, err := Read(write(t, "t.csv", twins)); err != nil || got.Runs[1].Name != "k2" {
		t.Errorf("runs of one name go by their ids: %+v, %v", got, err)
	}
}

// phases is a two-phase table as marin's collect_results writes it: what counts is
// the share of web in the first phase, and that of code in the second.
func phases(t *testing.T) string {
	var b strings.Builder
	b.WriteString("run_id,wandb_run_id,status,phase_0_web,phase_0_code,phase_0_math,phase_1_web,phase_1_code,phase_1_math,phase_0_web_epochs,eval/loss,lm_eval/arc/choice_logprob\n")
	runs := lawRuns(48)
	for i := range 24 {
		p, q := runs[i].m, runs[24+i].m
		loss := 3 - 0.6*p[0] - 0.9*q[1] + 0.2*q[2]
		status := "completed"
		if i == 7 {
			status, loss = "crashed", 8
		}
		fmt.Fprintf(&b, "%d,abc%d,%s,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,0.5,%.5f,-1\n", i, i, status, p[0], p[1], p[2], q[0], q[1], q[2], loss)
	}
	b.WriteString("99,,not_found,,,,,,,,,\n")
	return write(t, "results.csv", b.String())
}

// Every phase's shares are features: the answer has one mixture for each, and
// keeps the lengths of the phases.
func TestPhases(t *testing.T) {
	got, err := Hints{Phases: []float64{80, 20}}.Read(phases(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Runs) != 24 || len(got.Domains) != 6 || got.Domains[3] != "phase_1_web" || math.Abs(got.Phases[0]-0.8) > 1e-12 || !slices.Equal(got.Metrics, []string{"eval/loss", "lm_eval/arc/choice_logprob"}) {
		t.Errorf("%d runs, domains %v, phases %v, metrics %v", len(got.Runs), got.Domains, got.Phases, got.Metrics)
	}
	r, err := got.Fit(FitOptions{Objective: Objective{Metrics: []string{"eval/loss"}}, Predictor: "gp", Candidates: 2000, Next: 5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if w := r.Phases.Within(r.Best.Mixture); w[0] < 0.8 || w[4] < 0.8 || r.Failed != 1 {
		t.Errorf("recommended %.3f of each phase, %d failed", w, r.Failed)
	}
	if e := r.Effects; e[0].AtMean < 0 || e[4].AtMean < 0 || e[1].AtMean > 0 {
		t.Errorf("effects %+v", e)
	}
	for _, m := range append(r.Next, r.Best.Mixture, r.Measured.Mixture) {
		for k, f := range got.Phases {
			sum := 0.0
			for _, w := range got.Phases.Block(m, k) {
				sum += w
			}
			if math.Abs(sum-f) > 1e-9 {
				t.Errorf("%.4f: phase %d has %v of the tokens, want %v", m, k, sum, f)
			}
		}
	}
	insideOrSaid(t, "phases", r)
	if _, err := Propose(t.Context(), got, ProposeOptions{N: 4, Strategy: "climb-auto"}); err == nil || !strings.Contains(err.Error(), "climb fit proposes") {
		t.Errorf("propose: %v", err)
	}
}

// A table with phases comes back from our form; others have no place for it.
func TestPhasesRoundTrip(t *testing.T) {
	hint := Hints{Phases: []float64{0.8, 0.2}}
	want, err := hint.Read(phases(t))
	if err != nil {
		t.Fatal(err)
	}
	want.Ignored, want.Said = nil, nil
	files, err := want.Write(t.TempDir(), "climb")
	if err != nil {
		t.Fatal(err)
	}
	got, err := hint.Read(files...)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-12), cmpopts.IgnoreFields(Table{}, "Ignored")); d != "" {
		t.Error(d)
	}
	if _, err := want.Write(t.TempDir(), "olmix"); err == nil || !strings.Contains(err.Error(), "climb has") {
		t.Errorf("olmix: %v", err)
	}
}

// One folder has the mixtures and lm_eval's results by run, nested as it nests
// them; the newest file counts, groups count once, and standard errors are kept.
func TestResultsFolder(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	table := "run,web,code,math\n"
	for i, r := range lawRuns(24) {
		table += fmt.Sprintf("r%02d,%s\n", i, r.shares())
		acc := .3 + .4*r.m[0] - .2*r.m[2] + .002*math.Sin(float64(7*i))
		text := func(acc float64) string {
			data, err := json.Marshal(map[string]any{
				"results": map[string]any{
					"mmlu":   map[string]any{"alias": "mmlu", "acc,none": acc, "acc_stderr,none": 0.02},
					"mmlu_x": map[string]any{"acc,none": 3 * r.m[2], "acc_stderr,none": 0.1},
				},
				"group_subtasks": map[string]any{"mmlu": []string{"mmlu_x"}}, "higher_is_better": map[string]any{"mmlu": map[string]any{"acc": true}}})
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
		put(fmt.Sprintf("r%02d/__models__r%02d__hf/results_2026-10-01T10-00-00.000000.json", i, i), text(1-acc))
		put(fmt.Sprintf("r%02d/__models__r%02d__hf/results_2026-10-02T10-00-00.000000.json", i, i), text(acc))
	}
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "0 files *.csv") {
		t.Errorf("results alone: %v", err)
	}
	put("mixtures.csv", table)
	r, err := recommended(Objective{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Best.Mixture[0] < 0.85 || !slices.Equal(r.Metrics, []string{"mmlu:acc"}) || ignored(r) != "mmlu_x:acc" || r.ItemError == nil || math.Abs(*r.ItemError-0.02) > 1e-12 {
		t.Errorf("recommended %.2f, metrics %v, ignored %q, item error %v", r.Best.Mixture, r.Metrics, ignored(r), r.ItemError)
	}
}

// FuzzTracker: a tracker's table of any text is read as mixtures, or refused.
func FuzzTracker(f *testing.F) {
	f.Add("Name,State,config.w.x,config.w.y,loss\nr,finished,.5,.5,1\n", 0.5)
	f.Add("run_id,status,phase_0_a,phase_0_b,phase_1_a,phase_1_b,eval/loss\n1,completed,.5,.5,1,0,2\n", 4.0)
	f.Fuzz(func(t *testing.T, text string, second float64) {
		for _, h := range []Hints{{}, {Phases: []float64{1, second}}, {Shares: []string{"config.*", "a"}}} {
			table, err := h.Read(write(t, "runs.csv", text))
			if err != nil {
				continue
			}
			for _, r := range table.Runs {
				if err := r.Mixture.Check(); err != nil || len(r.Values) != len(table.Metrics) || len(r.Mixture) != len(table.Domains) {
					t.Errorf("run %s: %v, %d values", r.Name, err, len(r.Values))
				}
			}
			_, _, _ = table.Terms(Objective{})
		}
	})
}
