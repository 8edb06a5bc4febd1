package climb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A stratified sample is ascending, without repetition, and has one number in
// each of its runs.
func TestStratified(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(0, 1000).Draw(t, "total")
		n := rapid.Int64Range(0, 1200).Draw(t, "n")
		next := stratified(total, n, rapid.Uint64().Draw(t, "seed"))
		var got []int64
		for x, ok := next(); ok; x, ok = next() {
			got = append(got, x)
		}
		want := min(n, total)
		if int64(len(got)) != want {
			t.Fatalf("%d of %d: %d numbers", n, total, len(got))
		}
		for i, x := range got {
			if lo, hi := int64(i)*total/want, int64(i+1)*total/want; x < lo || x >= hi {
				t.Fatalf("number %d is %d, outside [%d, %d)", i, x, lo, hi)
			}
		}
	})
}

func TestCutRunes(t *testing.T) {
	if got := cutRunes("aéb", 2); got != "a…" {
		t.Errorf("got %q", got)
	}
	if got := cutRunes("aéb", 4); got != "aéb" {
		t.Errorf("got %q", got)
	}
}

// A file that was exchanged for one of the same size and time is noticed before
// anything is made of it.
func TestExchangedInput(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "in.jsonl")
	write := func(word string) {
		t.Helper()
		var b strings.Builder
		for i := range 400 {
			fmt.Fprintf(&b, "{\"id\":\"d%d\",\"text\":\"text %d of the %s and the stone\"}\n", i, i, word)
		}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if err := errors.Join(os.WriteFile(input, []byte(b.String()), 0o666), os.Chtimes(input, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	write("river")
	r, err := NewRun(t.Context(), parse(t, fmt.Sprintf("out: %s\ncorpus: {inputs: [%s]}\nembed: {lexical: {dim: 8}}\n", filepath.Join(dir, "run"), input)))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Until(t.Context(), "corpus"); err != nil {
		t.Fatal(err)
	}
	write("ocean")
	if err := r.Until(t.Context(), "embed"); err == nil || !strings.Contains(err.Error(), "holds other text than when it was scanned") {
		t.Errorf("got %v", err)
	}
	write("river")
	if err := r.Until(t.Context(), "embed"); err != nil {
		t.Errorf("put back: %v", err)
	}
}
