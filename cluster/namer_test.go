package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNamer(t *testing.T) {
	var n Namer
	for i := range 50 {
		n.Add(0, "The protein binding of human cells; cells and a cell membrane. Protein binding again (see http://x.org).")
		n.Add(1, "The supreme court of appeal held that the court may hear an appeal.")
		n.Add(2, fmt.Sprintf("%d 17:42:%d -- 0x%x ### ???", i, i, i))
		n.Add(3, "Überraschung für Gäste, Straße")
	}
	n.Add(0, strings.Repeat("zebra ", 1000)) // one long text must not name its group
	got := n.Labels(5, 4)
	for i, want := range []string{"binding-cells-protein", "appeal-court-hear", "group-2", "für-gäste-straße", "group-4"} {
		if got[i].Name != want {
			t.Errorf("group %d is %q, want %q; terms %v", i, got[i].Name, want, got[i].Terms)
		}
	}
	var texts []string
	for _, term := range got[0].Terms {
		texts = append(texts, term.Text)
	}
	if !slices.Contains(texts, "protein binding") {
		t.Errorf("no pair of words among %v", texts)
	}
	if len(got[2].Terms) != 0 || len(got[0].Terms) != 4 {
		t.Errorf("%d and %d terms", len(got[2].Terms), len(got[0].Terms))
	}
}

func TestReadable(t *testing.T) {
	for word, want := range map[string]bool{"court": true, "utf8": true, "sha256": true, "für": true, "漢字": true, "aaa": true, "x86": false,
		"0xbf": false, "17": false, "e3b0c4": false, "ffffff": false, "efffffff": false, "word2vec": false, "٣١٤": false} {
		if readable(word) != want {
			t.Errorf("%q: %v", word, !want)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	var n Namer
	for g := range 6 {
		n.Add(g, "alpha bravo charlie delta")
	}
	seen := map[string]bool{}
	for _, l := range n.Labels(8, 3) {
		if seen[l.Name] {
			t.Errorf("%q twice", l.Name)
		}
		seen[l.Name] = true
	}
}

// Memory is bounded, and what is dropped does not change who is on top.
func TestNamerIsBounded(t *testing.T) {
	n := Namer{MaxEntries: 2000}
	for i := range 3000 {
		n.Add(i%2, fmt.Sprintf("%s galaxy telescope", letters(i)))
		if len(n.count) > 2000 || len(n.text) > 2100 {
			t.Fatalf("after %d texts: %d counts, %d terms", i, len(n.count), len(n.text))
		}
	}
	for _, l := range n.Labels(2, 5) {
		if !strings.HasPrefix(l.Name, "galaxy-telescope") {
			t.Errorf("named %q", l.Name)
		}
	}
}

// letters writes i as a word of its own.
func letters(i int) string {
	b := []byte("qqqq")
	for p := range b {
		b[p] = byte('a' + i%26)
		i /= 26
	}
	return string(b)
}

func FuzzNamer(f *testing.F) {
	for _, s := range []string{"", "one two-three", "\xff\xfe", "漢字かな混じり文", "a'b ſſſ İİİ ǅǅǅ", strings.Repeat("é", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var n Namer
		n.Add(1, text)
		n.Add(0, text+" "+text)
		l := n.Labels(2, 10)
		if l[0].Name == "" || l[0].Name == l[1].Name {
			t.Errorf("names %q and %q", l[0].Name, l[1].Name)
		}
	})
}
