package history

import (
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

func sample() *Table {
	return &Table{Domains: []string{"web", "code"}, Metrics: []string{"qa_bpb", "valid_avg"}, Runs: []Run{
		{Name: "n1", Mixture: mix.Mixture{0.25, 0.75}, Values: []float64{1.5, 40}},
		{Name: "n2", Mixture: mix.Mixture{1, 0}, Values: []float64{1.25, math.NaN()}},
		{Name: "n10", Mixture: mix.Mixture{1. / 3, 2. / 3}, Values: []float64{2, 41}},
		{Name: "n11", Mixture: mix.Mixture{1. / 3, 2. / 3}, Seed: 1, Values: []float64{2.1, 41}},
	}}
}

// Every form reads back as the table that was written.
func TestRoundTrip(t *testing.T) {
	for _, form := range Forms {
		folder := t.TempDir()
		want := sample()
		files, err := want.Write(folder, form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(files[max(0, len(files)-2):]...)
		if form == "curator" {
			got, err = Read(folder, files[len(files)-1])
			want.Domains = []string{"code", "web"}
			for i, r := range want.Runs {
				want.Runs[i].Mixture = mix.Mixture{r.Mixture[1], r.Mixture[0]}
			}
		}
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-15)); d != "" {
			t.Errorf("%s: %s", form, d)
		}
	}
	folder := t.TempDir()
	files, err := sample().Write(folder, "curator")
	if err != nil {
		t.Fatal(err)
	}
	alone, err := Read(files[len(files)-1]) // the domains are in the table, too
	if err != nil || alone.Domains[0] != "web" || alone.Metrics[1] != "valid_avg" || len(alone.Runs) != 4 {
		t.Errorf("lm_harness_results.csv alone: %+v, %v", alone, err)
	}
}

func write(t *testing.T, name, text string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Rows are joined by id, not by position.
func TestJoin(t *testing.T) {
	got, err := Read(write(t, "ratios.csv", "run_id,name,a,b\nx,first,0.5,0.5\ny,second,0.2,0.8\n"),
		write(t, "metrics.csv", "run_id,name,loss\ny,second,2\nx,first,1\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Table{Domains: []string{"a", "b"}, Metrics: []string{"loss"}, Ignored: []Ignored{{"name", "numbers or names the rows"}}, Runs: []Run{
		{Name: "x", Mixture: mix.Mixture{0.5, 0.5}, Values: []float64{1}},
		{Name: "y", Mixture: mix.Mixture{0.2, 0.8}, Values: []float64{2}}}}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-15)); d != "" {
		t.Error(d)
	}
}

func TestRefuses(t *testing.T) {
	mixtures, scores := "run,a,b\nx,0.5,0.5\ny,0.2,0.8\n", "run,loss\nx,1\ny,2\n"
	for _, c := range []struct{ mixtures, scores, want string }{
		{mixtures, "run,loss\nx,1\n", "run y is in"},
		{mixtures, scores + "z,3\n", "run z is in"},
		{mixtures, scores + "x,3\n", "both run x"},
		{mixtures + "x,0.1,0.9\n", scores, "both run x"},
		{mixtures, "run,loss\nx,one\ny,2\n", `"one" is no number`},
		{"run,a,b\nx,0.5,0.3\ny,0.2,0.8\n", scores, "shares sum to 0.8"},
		{"run,a,b\nx,1.5,-0.5\ny,0.2,0.8\n", scores, "row 2"},
		{"run,a,b\nx,,1\ny,0.2,0.8\n", scores, "is no number"},
		{"a,b\n0.5,0.5\n", scores, "names the run"},
		{mixtures, "loss\n1\n", "names the run"},
		{"run,a,a\nx,0.5,0.5\n", scores, "two columns"},
		{"", scores, "empty"},
		{"run,a,b\n", "run,loss\n", "no runs"},
	} {
		_, err := Read(write(t, "m.csv", c.mixtures), write(t, "s.csv", c.scores))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: error %v, want %q", c.mixtures, c.scores, err, c.want)
		}
	}
	if _, err := Read(write(t, "r.csv", mixtures)); err == nil || !strings.Contains(err.Error(), "domain:") {
		t.Errorf("mixtures alone: %v", err)
	}
	if _, err := Read(); err == nil {
		t.Error("no files: no error")
	}
	if _, err := sample().Write(t.TempDir(), "xml"); err == nil {
		t.Error("form xml: no error")
	}
}

func TestTrials(t *testing.T) {
	trials, err := sample().Trials(Objective{Weights: map[string]float64{"qa_bpb": 3}})
	if err != nil {
		t.Fatal(err)
	}
	if s := trials[0].Score; math.Abs(s-(-3*1.5+40)/4) > 1e-12 {
		t.Errorf("score %v", s)
	}
	if s := trials[0].Scores["qa_bpb"]; s != -1.5 {
		t.Errorf("bits per byte count as %v, want -1.5", s)
	}
	if trials[1].Failed == "" || trials[1].Scores != nil {
		t.Error("a run without a metric that counts did not fail")
	}
	if trials, err = sample().Trials(Objective{Metrics: []string{"qa_bpb"}, Higher: []string{"qa_bpb"}}); err != nil || trials[1].Score != 1.25 {
		t.Errorf("one metric, more is better: %v, %v", trials, err)
	}
	if _, err = sample().Trials(Objective{Metrics: []string{"qa"}}); err == nil {
		t.Error("unknown metric: no error")
	}
	if p := sample().Prior(); math.Abs(p[0]-(0.25+1+2./3)/4) > 1e-12 {
		t.Errorf("prior %v", p)
	}
}

// regMix reads RegMix's published files.
func regMix(t *testing.T) *Table {
	t.Helper()
	dir := os.Getenv("CLIMB_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	mixtures := filepath.Join(dir, "tables", "train_mixture_1m.csv")
	if _, err := os.Stat(mixtures); err != nil {
		t.Skip("no shared test data: set CLIMB_TEST_DATA to a folder that holds tables/train_mixture_1m.csv and its like")
	}
	got, err := Read(mixtures, filepath.Join(dir, "tables", "train_pile_loss_1m.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRegMix(t *testing.T) {
	got := regMix(t)
	if len(got.Runs) != 512 || got.Domains[16] != "the_pile_uspto_backgrounds" || got.Metrics[8] != "the_pile_pile_cc_val_loss" {
		t.Errorf("%d runs, domains %v, metrics %v", len(got.Runs), got.Domains, got.Metrics)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("run,a,b\nx,0.5,0.5\n", "run,loss\nx,1\n")
	f.Add("index,train_a\n1,1\n", "index,metric/l\n1,\n")
	f.Fuzz(func(t *testing.T, mixtures, scores string) {
		table, err := Read(write(t, "m.csv", mixtures), write(t, "s.csv", scores))
		if err != nil {
			return
		}
		for _, r := range table.Runs {
			if err := r.Mixture.Check(); err != nil || len(r.Values) != len(table.Metrics) {
				t.Errorf("run %s: %v, %d values", r.Name, err, len(r.Values))
			}
		}
	})
}

func FuzzParseOne(f *testing.F) {
	f.Add("run,seed,domain:a,domain:b,metric:loss\nx,1,0.5,0.5,1\n")
	f.Add(",model_benchmark_path,arc_acc,valid_avg,a,b\n0,/x/n1,40,40,0.5,0.5\n")
	f.Fuzz(func(t *testing.T, text string) {
		table, err := Read(write(t, "runs.csv", text))
		if err != nil {
			return
		}
		for _, r := range table.Runs {
			if err := r.Mixture.Check(); err != nil || len(r.Values) != len(table.Metrics) || len(r.Mixture) != len(table.Domains) {
				t.Errorf("run %s: %v, %d values", r.Name, err, len(r.Values))
			}
		}
		_, _, _ = table.Terms(Objective{})
	})
}

// FuzzScript holds that a script that is read comes back from the one that is
// written of it, with the paths of its domains.
func FuzzScript(f *testing.F) {
	f.Add("#!/bin/bash\ncat <<EOF\n0.25 /data/web\n0.75 code\nEOF\n")
	f.Fuzz(func(t *testing.T, text string) {
		table := &Table{}
		if err := table.readScripts(filepath.Dir(write(t, "n1.sh", text))); err != nil {
			return
		}
		again := &Table{}
		if err := again.readScripts(filepath.Dir(write(t, "n1.sh", table.script(table.Runs[0].Mixture)))); err != nil {
			t.Fatalf("%q: %v", table.script(table.Runs[0].Mixture), err)
		}
		for i, name := range again.Domains {
			j := slices.Index(table.Domains, name)
			if j < 0 || math.Abs(again.Runs[0].Mixture[i]-table.Runs[0].Mixture[j]) > 1e-12 || again.Paths[name] != table.Paths[name] {
				t.Errorf("%q: domain %s: %+v, again %+v", text, name, table, again)
			}
		}
	})
}

// TestJoinHarnessResults: scores are what lm_eval left for each run.
func TestJoinHarnessResults(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json":                          `{"results":{"arc":{"alias":"arc","acc,none":0.25,"acc_stderr,none":0.1},"wiki":{"word_perplexity,none":20,"word_perplexity_stderr,none":"N/A"}}}`,
		"b/model/results_2026-01-01.json": `{"results":{"arc":{"acc,none":0.75}}}`, "notes.txt": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	mixtures := write(t, "ratios.csv", "run,web,code\nb,0.5,0.5\na,0.2,0.8\n")
	got, err := Read(mixtures, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := &Table{Domains: []string{"web", "code"}, Metrics: []string{"arc:acc", "wiki:word_perplexity"}, Runs: []Run{
		{Name: "b", Mixture: mix.Mixture{0.5, 0.5}, Values: []float64{0.75, math.NaN()}}, {Name: "a", Mixture: mix.Mixture{0.2, 0.8}, Values: []float64{0.25, 20}, StdErr: []float64{0.1, math.NaN()}}}}
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-15)); d != "" {
		t.Error(d)
	}
	if _, err := Read(mixtures, t.TempDir()); err == nil || !strings.Contains(err.Error(), "no results; give a folder with RUN.json") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.json"), []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(mixtures, dir); err == nil || !strings.Contains(err.Error(), "c.json: no \"results\"") {
		t.Error(err)
	}
}
