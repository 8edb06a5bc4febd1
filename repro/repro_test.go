package repro

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func dataDir() string {
	if dir := os.Getenv("CLIMB_TEST_DATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "shared", "data")
}

// Every case says what it claims, after whom, and what a pass takes, and names
// its data so that anyone can get it.
func TestCasesAreComplete(t *testing.T) {
	names := map[string]bool{}
	for _, c := range Cases {
		if c.Name == "" || c.Claim == "" || c.Criterion == "" || c.Measure == nil || names[c.Name] {
			t.Errorf("incomplete or twice: %+v", c)
		}
		names[c.Name] = true
		if !regexp.MustCompile(`\d{4}.*arXiv \d{4}\.\d{4,5}`).MatchString(c.Source) {
			t.Errorf("%s: the source %q has no year or arXiv number", c.Name, c.Source)
		}
		for _, f := range c.Data {
			if f.Name == "" || !strings.HasPrefix(f.URL, "https://") || !strings.HasSuffix(f.URL, f.Name) || len(f.SHA256) != 64 {
				t.Errorf("%s: data %+v", c.Name, f)
			}
		}
		if got, err := Find(c.Name); err != nil || got.Claim != c.Claim {
			t.Errorf("Find(%s): %v", c.Name, err)
		}
	}
	if _, err := Find("alchemy"); err == nil || !strings.Contains(err.Error(), "regmix") {
		t.Errorf("an unknown case: %v", err)
	}
}

// Without its data a case says which file it lacks and where to get it; with
// another file of that name it does not run either.
func TestCasesWithoutData(t *testing.T) {
	for _, c := range Cases {
		if len(c.Data) == 0 {
			continue
		}
		dir := t.TempDir()
		_, err := c.Run(t.Context(), dir)
		var lacks *DataError
		if !errors.As(err, &lacks) || !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), "curl -LO https://") != len(c.Data) {
			t.Errorf("%s: %v", c.Name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, c.Data[0].Name), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Run(t.Context(), dir); !errors.As(err, &lacks) || !strings.Contains(err.Error(), "another file") {
			t.Errorf("%s with another file: %v", c.Name, err)
		}
	}
}

// The committed results are what the cases give, up to what kernels of other
// processors change in the last places; each has its verdict from its checks.
func TestCommittedResults(t *testing.T) {
	for _, c := range Cases {
		t.Run(c.Name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("..", "bench", "results", "repro-"+c.Name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var want Result
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			got, err := c.Run(t.Context(), dataDir())
			var lacks *DataError
			if errors.As(err, &lacks) && errors.Is(err, fs.ErrNotExist) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != want.Verdict || got.Criterion != want.Criterion || got.Claim != want.Claim || len(got.Checks) != len(want.Checks) || len(got.Checks) == 0 {
				t.Fatalf("got %+v\nwant %+v", got, want)
			}
			for i, g := range got.Checks {
				w := want.Checks[i]
				if math.Abs(g.Measured-w.Measured) > 0.05 {
					t.Errorf("%s: measured %g, committed is %g", g.What, g.Measured, w.Measured)
				}
				if g.Measured = w.Measured; g != w {
					t.Errorf("got %+v\nwant %+v", g, w)
				}
				if g.Least > g.Most || g.Published < g.Least || g.Published > g.Most {
					t.Errorf("%s: the criterion [%g, %g] does not hold the published %g", g.What, g.Least, g.Most, g.Published)
				}
			}
		})
	}
}

// A case whose figure is outside of the criterion is a miss.
func TestMiss(t *testing.T) {
	c := Case{Name: "toy", Measure: nil}
	for measured, want := range map[float64]string{0.9: "miss", 1: "pass", 2: "pass", 2.1: "miss", math.NaN(): "miss"} {
		c.Measure = fixed(Check{What: "good", Measured: 1, Least: 1, Most: 1}, Check{What: "other", Measured: measured, Least: 1, Most: 2})
		r, err := c.Run(t.Context(), ".")
		if err != nil || r.Verdict != want {
			t.Errorf("%g: %s, %v; want %s", measured, r.Verdict, err, want)
		}
	}
}

func fixed(checks ...Check) func(context.Context, func(string) string) ([]Check, error) {
	return func(context.Context, func(string) string) ([]Check, error) { return checks, nil }
}
