package curate

import (
	"testing"

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
	if got := CutRunes("aéb", 2); got != "a…" {
		t.Errorf("got %q", got)
	}
	if got := CutRunes("aéb", 4); got != "aéb" {
		t.Errorf("got %q", got)
	}
}
