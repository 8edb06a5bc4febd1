package climb

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/task"
)

// readBack is a run of two domains with a file of a stage in it.
func readBack(t testing.TB, stage, name string, data []byte) *Run {
	t.Helper()
	r := &Run{Config: &Config{Out: t.TempDir()}, names: map[string]string{stage: stage}}
	if err := os.MkdirAll(r.Dir(stage), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir(stage), name), data, 0o666); err != nil {
		t.Fatal(err)
	}
	return r
}

// shown makes a report.
func shown(t testing.TB, d *report.Data) {
	t.Helper()
	if err := report.Write(filepath.Join(t.TempDir(), "report"), d); err != nil {
		t.Fatal(err)
	}
}

func someConfirmation() *Confirmation {
	a, b := mix.Mixture{0.25, 0.75}, mix.Uniform(2)
	return &Confirmation{Level: 0.95, Seeds: []uint64{2, 3}, Winner: 0, Significant: []string{"natural"}, Verdict: "better than natural", Rows: []ConfirmedRow{
		{Name: "predicted", Mixture: a, Seeds: []uint64{2, 3}, Scores: []float64{-1, -1.5}, Mean: -1.25, Interval: &[2]float64{-2, -1}, Metrics: map[string]float64{"validation/x:acc": 0.5},
			Against: map[string]Difference{"natural": {Mean: 0.1, Interval: &[2]float64{0.05, 0.15}, Significant: true}}, TestMean: -1, TestAgainst: map[string]Difference{"natural": {Mean: 0.2}}},
		{Name: "natural", Baseline: true, Mixture: b, Seeds: []uint64{2, 3}, Scores: []float64{-1.5, -2}, Mean: -1.75},
		{Name: "random", Baseline: true, Failed: []string{"seed 2: diverged"}},
	}}
}

func someSearch() *Search {
	m, u := mix.Mixture{0.25, 0.75}, mix.Uniform(2)
	trials := []search.Trial{{Mixture: m, Hash: m.Hash(), Score: -1.5, Scores: map[string]float64{"x": 2}, LogProbs: []float64{-3}}, {Mixture: u, Hash: u.Hash(), Failed: "diverged"}}
	return &Search{Problem: search.Problem{Domains: []string{"a", "b"}, Prior: u, Rounds: []int{2}}, Supply: []int64{5, 7}, Trials: trials, Predicted: m,
		Measured: trials[:1], Predictor: "gp", CV: predict.CVResult{Predicted: []float64{-1.4}}, CVTrials: trials[:1]}
}

func written(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestAnswersAreChecked: confirm.json and search.json without a seal, as they are
// after a change by hand.
func TestAnswersAreChecked(t *testing.T) {
	confirmed, searched := written(t, someConfirmation()), written(t, someSearch())
	for _, c := range []struct{ name, data, want string }{
		{"confirm.json", confirmed, ""},
		{"confirm.json", "{}", "winner: 0 is no row"},
		{"confirm.json", strings.Replace(confirmed, `"winner":0`, `"winner":-1`, 1), "winner: -1 is no row"},
		{"confirm.json", strings.Replace(confirmed, `"winner":0`, `"winner":2`, 1), "winner: 2 is no row with a mixture"},
		{"confirm.json", strings.Replace(confirmed, `"name":"natural"`, `"name":"nature"`, 1), "rows: there is none of the natural"},
		{"confirm.json", strings.Replace(confirmed, `[0.5,0.5]`, `[0.5,0.6]`, 1), "rows[1]: mixture"},
		{"confirm.json", strings.Replace(confirmed, `[0.5,0.5]`, `[1]`, 1), "rows[1]: mixture: has 1 shares"},
		{"confirm.json", strings.Replace(confirmed, `-1.25`, `1e308`, 1), "rows[0]: 1e+308 is no measurement"},
		{"confirm.json", strings.Replace(confirmed, `-1.25`, `NaN`, 1), "invalid character 'N'"},
		{"confirm.json", strings.Replace(confirmed, `-1.25`, `1e999`, 1), "1e999"},
		{"confirm.json", strings.Replace(confirmed, `validation/x:acc`, `x`, 1), `rows[0]: metrics: "x"`},
		{"confirm.json", strings.Replace(confirmed, `[-1,-1.5]`, `[-1]`, 1), "rows[0]: scores: 1 of 2 seeds"},
		{"search.json", searched, ""},
		{"search.json", "{}", "problem: "},
		{"search.json", strings.Replace(searched, `"predicted":[0.25,0.75]`, `"predicted":[1]`, 1), "predicted: 1 shares of 2 domains"},
		{"search.json", strings.Replace(searched, `"predicted":[0.25,0.75]`, `"predicted":[0.25,0.7]`, 1), "predicted: "},
		{"search.json", strings.Replace(searched, `"predicted":[-1.4]`, `"predicted":[]`, 1), "cv.predicted: 0 of 1 runs"},
		{"search.json", strings.Replace(searched, `"predicted":[-1.4]`, `"predicted":[1e300]`, 1), "1e+300 is no measurement"},
		{"search.json", strings.Replace(searched, `[0.25,0.75]`, `[0.75,0.25]`, 1), "[0]: hash is "},
	} {
		stage := strings.TrimSuffix(c.name, ".json")
		r := readBack(t, stage, c.name, []byte(c.data))
		var err error
		if stage == "confirm" {
			_, err = r.readConfirm()
		} else {
			_, err = r.readSearch()
		}
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name)):
			t.Errorf("%s %.300s: %v, want %q", c.name, c.data, err, c.want)
		}
	}
}

// FuzzConfirm: what is read of a confirm.json can be answered by, and shown.
func FuzzConfirm(f *testing.F) {
	good := written(f, someConfirmation())
	f.Add([]byte(good))
	f.Add(task.Seal([]byte(good)))
	f.Add([]byte(`{"winner":0,"rows":[{"name":"natural","mixture":[1]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := readBack(t, "confirm", "confirm.json", data)
		c, err := r.readConfirm()
		if err != nil {
			if !strings.Contains(err.Error(), "confirm.json") {
				t.Fatalf("the error names no file: %v", err)
			}
			return
		}
		if row, _ := c.answer("proven"); row.Mixture != nil && row.Mixture.Check() != nil {
			t.Fatalf("the answer is %v", row.Mixture)
		}
		d := &report.Data{Domains: make([]report.Domain, len(c.Rows[c.Winner].Mixture))}
		if err := r.reportConfirm(d); err != nil {
			t.Fatal(err)
		}
		shown(t, d)
	})
}

// FuzzSearch: what is read of a run's own search.json gives candidates, and is shown.
func FuzzSearch(f *testing.F) {
	good := written(f, someSearch())
	f.Add([]byte(good))
	f.Add(task.Seal([]byte(good)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := readBack(t, "search", "search.json", data)
		s, err := r.readSearch()
		if err != nil {
			if !strings.Contains(err.Error(), "search.json") {
				t.Fatalf("the error names no file: %v", err)
			}
			return
		}
		list, err := candidates(s, ConfirmConfig{Measured: 2, Seeds: 1}, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Mixture != nil && c.Mixture.Check() != nil {
				t.Fatalf("%s: %v", c.Name, c.Mixture)
			}
		}
		d := &report.Data{Domains: make([]report.Domain, len(s.Predicted))}
		if err := r.reportSearch(d); err != nil {
			t.Fatal(err)
		}
		for _, x := range d.Trials {
			if math.IsNaN(x.Score) || math.IsInf(x.Score, 0) {
				t.Fatalf("a score of %v", x.Score)
			}
		}
		shown(t, d)
	})
}

// FuzzVerify: any manifest of a dataset is refused, or what it names is compared,
// and nothing outside the folder is.
func FuzzVerify(f *testing.F) {
	for _, s := range []string{
		`{"kind":"dataset","shards":[{"name":"a.jsonl.zst","bytes":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}],"card":{"name":"README.md","bytes":1}}`,
		`{"shards":[{"name":"../a","bytes":3}]}`, `{"kind":"weights"}`, `{"shards":[{"name":"","bytes":-1},{"name":"."}]}`, `[]`, `{`,
	} {
		f.Add([]byte(s))
		f.Add(task.Seal([]byte(s)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := filepath.Join(t.TempDir(), "set")
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"manifest.json": data, "a.jsonl.zst": []byte("abc"), "README.md": []byte("#"), "../outside": []byte("x")} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		v, err := Verify(t.Context(), dir, nil)
		if err != nil {
			if !strings.Contains(err.Error(), dir) {
				t.Fatalf("the error names no file: %v", err)
			}
			return
		}
		for _, d := range v.Damaged {
			if rest, ok := strings.CutPrefix(d.Path, dir); !ok || strings.Contains(rest, "..") {
				t.Fatalf("%s is compared", d.Path)
			}
		}
	})
}

// FuzzLimits: prior, supply and shares of any numbers give a problem that can be
// solved, or an error that names the option.
func FuzzLimits(f *testing.F) {
	f.Add(0.5, 0.5, 1e6, 1e6, 1e5, 4.0, 0.0, 1.0)
	f.Add(0.98, 0.04, 0.0, 5.0, 1e6, 1.0, 0.2, 0.3)
	f.Add(math.Inf(1), 1.0, 1e300, 1.0, math.Inf(1), math.NaN(), -0.1, 1.1)
	f.Fuzz(func(t *testing.T, prior0, prior1, supply0, supply1, tokens, epochs, least, most float64) {
		for name, o := range map[string]ProposeOptions{
			"prior":  {Prior: map[string]float64{"a": prior0, "b": prior1}},
			"supply": {Supply: map[string]float64{"a": supply0, "b": supply1}, TargetTokens: tokens, Epochs: epochs},
			"":       {Least: map[string]float64{"a": least}, Most: map[string]float64{"b": most}},
		} {
			p := search.Problem{Domains: []string{"a", "b"}, Prior: mix.Uniform(2), Rounds: []int{1}}
			if err := o.limit(&p); err != nil {
				if !strings.Contains(err.Error(), name) {
					t.Fatalf("the error does not name %s: %v", name, err)
				}
				continue
			}
			if m, err := search.NaturalMixture(p); err != nil || m.Check() != nil || !p.Bounds.Contains(m) {
				t.Fatalf("%+v: %v, %v", o, m, err)
			}
		}
	})
}
