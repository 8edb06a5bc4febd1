package trial

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// readBack is a run of two domains with a file of a stage in it.
func readBack(t testing.TB, name, file string, data []byte) *Trials {
	t.Helper()
	r := &Trials{Run: stage.New(t.TempDir(), 1)}
	if err := r.Add(&stage.Stage{Name: name, Options: func() (any, error) { return nil, nil }}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(r.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir(name), file), data, 0o666); err != nil {
		t.Fatal(err)
	}
	return r
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
		name := strings.TrimSuffix(c.name, ".json")
		r := readBack(t, name, c.name, []byte(c.data))
		var err error
		if name == "confirm" {
			_, err = r.ReadConfirm()
		} else {
			_, err = r.ReadSearch()
		}
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name)):
			t.Errorf("%s %.300s: %v, want %q", c.name, c.data, err, c.want)
		}
	}
}

// FuzzConfirm: what is read of a confirm.json can be answered by.
func FuzzConfirm(f *testing.F) {
	good := written(f, someConfirmation())
	f.Add([]byte(good))
	f.Add(task.Seal([]byte(good)))
	f.Add([]byte(`{"winner":0,"rows":[{"name":"natural","mixture":[1]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := readBack(t, "confirm", "confirm.json", data)
		c, err := r.ReadConfirm()
		if err != nil {
			if !strings.Contains(err.Error(), "confirm.json") {
				t.Fatalf("the error names no file: %v", err)
			}
			return
		}
		if row, _ := c.Answer("proven"); row.Mixture != nil && row.Mixture.Check() != nil {
			t.Fatalf("the answer is %v", row.Mixture)
		}
	})
}

// FuzzSearch: what is read of a run's own search.json gives candidates.
func FuzzSearch(f *testing.F) {
	good := written(f, someSearch())
	f.Add([]byte(good))
	f.Add(task.Seal([]byte(good)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := readBack(t, "search", "search.json", data)
		s, err := r.ReadSearch()
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
	})
}
