package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Thirteen words in a row are found wherever they lie and however they are
// written, twelve are not.
func TestOverlap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	items := make([][]string, 3)
	for file := range items {
		for range 50 {
			items[file] = append(items[file], strings.Join(someWords(r, 30), " "))
		}
	}
	items[2] = append(items[2], items[0][7], "too short to be checked")
	set := NewGramSet(13, items)
	if want := 3*50*18 + 18; set.Len() != want {
		t.Errorf("%d runs, want %d", set.Len(), want)
	}
	find := set.Finder()
	text := func(n int) string { return strings.Join(someWords(r, n), " ") }
	for i, item := range items[1] {
		words := strings.Fields(item)
		from := r.IntN(17)
		before := r.IntN(40)
		planted := func(n int) string {
			run := strings.ToUpper(strings.Join(words[from:from+n], ", "))
			return strings.TrimSpace(text(before) + "; " + run + "! " + text(r.IntN(40)))
		}
		if got := find.Find(nil, planted(12)); got != nil {
			t.Fatalf("item %d: 12 words are found: %v", i, got)
		}
		doc := planted(13)
		if d := cmp.Diff([]Overlap{{1, before, 13}}, find.Find(nil, doc)); d != "" {
			t.Fatalf("item %d: %s", i, d)
		}
		if got, want := Excerpt(doc, before, 13), strings.ToUpper(strings.Join(words[from:from+13], ", ")); got != want {
			t.Fatalf("excerpt %q, want %q", got, want)
		}
	}
	if d := cmp.Diff([]Overlap{{0, 2, 13}, {2, 2, 13}, {1, 40, 13}}, find.Find(nil, text(2)+" "+items[0][7]+" "+text(8)+" "+items[1][0]+" "+items[0][1])); d != "" {
		t.Error(d)
	}
	if got, want := Excerpt("«Éa ñb» çdé.", 1, 2), "ñb» çdé"; got != want {
		t.Errorf("excerpt %q, want %q", got, want)
	}
	if got := NewGramSet(13, nil).Finder().Find(nil, text(100)); got != nil {
		t.Errorf("an empty set holds %v", got)
	}
}

// Numbers are told apart: a table is no copy of another one.
func TestOverlapOfNumbers(t *testing.T) {
	var table, other []string
	for i := range 20 {
		table, other = append(table, fmt.Sprint(i)), append(other, fmt.Sprint(2*i))
	}
	set := NewGramSet(13, [][]string{{strings.Join(table, " ")}})
	if got := set.Finder().Find(nil, strings.Join(other, " ")); got != nil {
		t.Errorf("found %v", got)
	}
}
