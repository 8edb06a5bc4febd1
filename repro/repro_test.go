package repro

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func dataDir() string {
	if dir := os.Getenv("CLIMB_TEST_DATA"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "shared", "data")
}

// Every case says what it claims, after whom, and what a pass takes, names its
// data so that anyone can get it, and has its verdict committed, judged by the
// criterion that it has now.
func TestCasesAreComplete(t *testing.T) {
	verdicts, err := Verdicts()
	if err != nil {
		t.Fatal(err)
	}
	if len(verdicts) != len(Cases) {
		t.Errorf("%d verdicts of %d cases", len(verdicts), len(Cases))
	}
	names := map[string]bool{}
	for i, c := range Cases {
		if c.Name == "" || c.Claim == "" || c.Criterion == "" || c.Measure == nil || names[c.Name] {
			t.Errorf("incomplete or twice: %+v", c)
		}
		names[c.Name] = true
		if !regexp.MustCompile(`\d{4}.*arXiv \d{4}\.\d{4,5}`).MatchString(c.Paper) {
			t.Errorf("%s: the paper %q has no year or arXiv number", c.Name, c.Paper)
		}
		for _, f := range c.Data {
			if f.Name == "" || len(f.SHA256) != 64 || f.URL != "" && (!strings.HasPrefix(f.URL, "https://") || !strings.HasSuffix(f.URL, f.Name)) {
				t.Errorf("%s: data %+v", c.Name, f)
			}
		}
		if got, err := Find(c.Name); err != nil || got.Claim != c.Claim {
			t.Errorf("Find(%s): %v", c.Name, err)
		}
		if i < len(verdicts) {
			checkVerdict(t, c, verdicts[i])
		}
	}
	if _, err := Find("alchemy"); err == nil || !strings.Contains(err.Error(), "regmix") {
		t.Errorf("an unknown case: %v", err)
	}
}

func checkVerdict(t *testing.T, c Case, v Verdict) {
	if v.Name != c.Name || v.Criterion != c.Criterion {
		t.Errorf("the verdict of %s was given by another criterion:\n%s\nthat of %s is\n%s", v.Name, v.Criterion, c.Name, c.Criterion)
	}
	want := Met
	for _, k := range v.Checks {
		if !k.Holds() {
			want = Missed
		}
	}
	if v.Verdict != want || len(v.Checks) == 0 || v.Seconds <= 0 {
		t.Errorf("%s: the verdict %q of its %d checks in %g s, which say %q", c.Name, v.Verdict, len(v.Checks), v.Seconds, want)
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
		_, err := c.Run(t.Context(), Options{Data: dir})
		var lacks *DataError
		if !errors.As(err, &lacks) || !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), "\n  ") != len(c.Data) {
			t.Errorf("%s: %v", c.Name, err)
		}
		path := filepath.Join(dir, filepath.FromSlash(c.Data[0].Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte("x"), 0o666)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Run(t.Context(), Options{Data: dir}); !errors.As(err, &lacks) || !strings.Contains(err.Error(), "another file") {
			t.Errorf("%s with another file: %v", c.Name, err)
		}
	}
}

// The short form of every case runs, keeps its exact checks, and gives no verdict.
func TestShort(t *testing.T) {
	for _, c := range Cases {
		t.Run(c.Name, func(t *testing.T) {
			got, err := c.Run(t.Context(), Options{Data: dataDir(), Short: true, Workers: runtime.GOMAXPROCS(0)})
			var lacks *DataError
			if errors.As(err, &lacks) && errors.Is(err, fs.ErrNotExist) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != Short || len(got.Checks) == 0 {
				t.Errorf("verdict %q of %d checks", got.Verdict, len(got.Checks))
			}
			for _, k := range got.Checks {
				if k.Exact && !k.Holds() {
					t.Errorf("%s: %g, want %s", k.What, k.Measured, k.Threshold())
				}
			}
		})
	}
}

// RegMix's case is quick enough to be run in full: its figures are the committed
// ones, up to what kernels of other processors change in the last places.
func TestRegMix(t *testing.T) {
	got, err := regmix.Run(t.Context(), Options{Data: dataDir()})
	var lacks *DataError
	if errors.As(err, &lacks) && errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := Verdicts()
	at := slices.IndexFunc(verdicts, func(v Verdict) bool { return v.Name == "regmix" })
	if err != nil || at < 0 || verdicts[at].Verdict != got.Verdict || len(got.Checks) != len(verdicts[at].Checks) {
		t.Fatalf("%+v, committed is %+v, %v", got, verdicts, err)
	}
	for i, g := range got.Checks {
		if w := verdicts[at].Checks[i]; math.Abs(g.Measured-w.Measured) > 0.05 {
			t.Errorf("%s: measured %g, committed is %g", g.What, g.Measured, w.Measured)
		}
	}
}

// A case with a figure beyond its threshold is missed; a short run has no verdict.
func TestVerdict(t *testing.T) {
	c := Case{Name: "toy"}
	for measured, want := range map[float64]string{0.9: Missed, 1: Met, 2: Met, 2.1: Missed, math.NaN(): Missed} {
		low := AtLeast("other", measured, 1)
		low.Most = AtMost("", 0, 2).Most
		c.Measure = fixed(AtLeast("good", 1, 1), low)
		r, err := c.Run(t.Context(), Options{})
		if err != nil || r.Verdict != want {
			t.Errorf("%g: %s, %v; want %s", measured, r.Verdict, err, want)
		}
		if r, err = c.Run(t.Context(), Options{Short: true}); err != nil || r.Verdict != Short {
			t.Errorf("%g: %s, %v; want %s", measured, r.Verdict, err, Short)
		}
	}
}

func fixed(checks ...Check) func(context.Context, Options, func(string) string) (*Outcome, error) {
	return func(context.Context, Options, func(string) string) (*Outcome, error) {
		return &Outcome{Checks: checks}, nil
	}
}

// Verdicts are read as they were written; damage is named with its line.
func TestVerdictsFile(t *testing.T) {
	published := 3.5
	check := AtMost("error", 1e-12, 1e-9).exact()
	check.Published = &published
	want := Record(nil, Cases[0], &Outcome{Verdict: Met, Seconds: 1.5, Figures: []Figure{{What: "a"}, {What: "b", Value: 2, Interval: &[2]float64{1, 3}}},
		Checks: []Check{AtLeast("x", 2, 1), check}})
	var b bytes.Buffer
	if err := WriteVerdicts(&b, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadVerdicts(strings.NewReader(b.String()))
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
	for text, line := range map[string]string{"check\tx\t1": "line 1", "case\ta\tmet\t1\ncheck\tx\tmany": "line 2", "case\ta": "line 1", "verse\ta": "line 1"} {
		if _, err := ReadVerdicts(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestPage holds docs/repro.md to the cases and the committed verdicts.
func TestPage(t *testing.T) {
	var want bytes.Buffer
	if err := WriteMarkdown(&want); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "docs", "repro.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, want.Bytes()) {
		t.Error("docs/repro.md differs from the cases; make it again with\n\tgo run ./cmd/climb repro --markdown > docs/repro.md")
	}
}
