package corpus

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/climb-go/climb/option"
)

func TestWords(t *testing.T) {
	same := [][]string{
		{"The cat, sat!", "the CAT\n\tsat", "thé cät sat", "the cat sat"},
		{"Ångström ñandú", "angstrom nandu"},
		{"ΑΒΓ", "αβγ"},
	}
	for _, group := range same {
		want := Words(nil, group[0])
		for _, s := range group[1:] {
			if d := cmp.Diff(want, Words(nil, s)); d != "" {
				t.Errorf("%q and %q: %s", group[0], s, d)
			}
		}
	}
	for text, want := range map[string]int{"": 0, " .,;": 0, "don't": 2, "x1 22": 2, "日本語 text": 4, "a\xffb": 2} {
		if got := len(Words(nil, text)); got != want {
			t.Errorf("%q: %d words, want %d", text, got, want)
		}
	}
	if a, b := Words(nil, "a 12"), Words(nil, "a 34"); a[1] == b[1] {
		t.Error("numbers are not told apart")
	}
}

// A gram depends on its n words and their order alone.
func TestGrams(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := make([]Word, 50)
	for i := range words {
		words[i] = Word(r.Uint64()) &^ countBits
	}
	for _, n := range []int{1, 2, 5, 13, 50, 51} {
		got := Grams(nil, words, n)
		if len(got) != max(0, len(words)-n+1) {
			t.Fatalf("%d words, n %d: %d grams", len(words), n, len(got))
		}
		for i, g := range got {
			if alone := Grams(nil, words[i:i+n], n); g != alone[0] {
				t.Fatalf("n %d: gram %d is not that of its words", n, i)
			}
		}
	}
	if Grams(nil, []Word{4, 8}, 2)[0] == Grams(nil, []Word{8, 4}, 2)[0] {
		t.Error("the order of the words does not count")
	}
}

// edited changes each word of a text with probability p.
func edited(r *rand.Rand, words []string, p float64) string {
	out := slices.Clone(words)
	for i := range out {
		if r.Float64() < p {
			out[i] = "w" + spelled(r.IntN(1<<40))
		}
	}
	return strings.Join(out, " ")
}

// spelled writes a number in letters.
func spelled(n int) string {
	return strings.Map(func(c rune) rune { return c - '0' + 'a' }, strconv.Itoa(n))
}

func someWords(r *rand.Rand, n int) []string {
	words := make([]string, n)
	for i := range words {
		words[i] = spelled(r.IntN(5000))
	}
	return words
}

// The share of equal minima estimates the Jaccard similarity without bias, and
// with the deviation of n independent draws.
func TestSignaturesEstimateSimilarity(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	o := MinHash{Words: 5, Buckets: 14, Hashes: 8}
	a, b := newSigner(o), newSigner(o)
	n, sum, squares, bytes := 0., 0., 0., 0.
	for range 200 {
		words := someWords(r, 300)
		x, y := strings.Join(words, " "), edited(r, words, 0.1)
		a.sign(x)
		b.sign(y)
		equal := 0.
		for i := range a.sig {
			if a.sig[i] == b.sig[i] {
				equal++
			}
		}
		s := o.Jaccard(x, y)
		z := (equal/112 - s) / math.Sqrt(s*(1-s)/112)
		n, sum, squares = n+1, sum+z, squares+z*z
		bytes += similarity(a.sketch(nil), b.sketch(nil)) - s
	}
	if mean := sum / n; math.Abs(mean) > 4/math.Sqrt(n) {
		t.Errorf("mean of the standardised errors %.3f, want 0 within %.3f", mean, 4/math.Sqrt(n))
	}
	if variance := squares / n; variance < 0.6 || variance > 1.5 {
		t.Errorf("variance of the standardised errors %.2f, want about 1", variance)
	}
	if math.Abs(bytes/n) > 0.015 {
		t.Errorf("bias of the estimate from bytes: %.4f", bytes/n)
	}
}

// nearIn signs, matches and joins documents, docs[i] being those of shard i.
func nearIn(t *testing.T, docs [][]string, o MinHash, copies []*Rows) *Near {
	t.Helper()
	dir := t.TempDir()
	option.Fill(&o)
	var signatures, sketches, matches []string
	for i, texts := range docs {
		var lines bytes.Buffer
		for j, text := range texts {
			lines.Write(AppendDocument(nil, Document{ID: fmt.Sprint(i, "-", j), Text: text, Fields: fmt.Appendf(nil, `{"score":%d}`, j)}))
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
		writeBytes(t, path, &lines)
		var sig, sketch bytes.Buffer
		shard := Shard{Path: path, Format: "jsonl", End: -1}
		if err := Sign(context.Background(), shard, Options{MinHash: o}, &sig, &sketch, nil); err != nil {
			t.Fatal(err)
		}
		signatures, sketches = append(signatures, path+".sig"), append(sketches, path+".sketch")
		writeBytes(t, signatures[i], &sig)
		writeBytes(t, sketches[i], &sketch)
	}
	for bucket := range o.Buckets {
		var pairs bytes.Buffer
		if _, err := Match(context.Background(), signatures, sketches, bucket, o, &pairs); err != nil {
			t.Fatal(err)
		}
		matches = append(matches, filepath.Join(dir, fmt.Sprint(bucket)))
		writeBytes(t, matches[bucket], &pairs)
	}
	if copies == nil {
		copies = make([]*Rows, len(docs))
	}
	rows := make([]int64, len(docs))
	for i := range docs {
		rows[i] = int64(len(docs[i]))
	}
	near, err := FindNear(context.Background(), matches, rows, copies, 3)
	if err != nil {
		t.Fatal(err)
	}
	return near
}

// A dropped is a document that is dropped, and the one that stays for it.
type dropped struct {
	Shard, Row, KeptShard, KeptRow int
	Bytes                          int64
}

func (n *Near) list() (out []dropped) {
	for d := range n.All() {
		shard, row := n.Kept(d)
		out = append(out, dropped{d.Shard, d.Row, shard, row, d.Bytes})
	}
	return out
}

func writeBytes(t *testing.T, path string, b *bytes.Buffer) {
	t.Helper()
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Which document of a group stays, over shards, and that others are left alone.
func TestNearKeeps(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	base := someWords(r, 400)
	text, longer := strings.Join(base, " "), strings.Join(base, " ")+" and so on"
	other := func() string { return strings.Join(someWords(r, 400), " ") }
	docs := [][]string{{other(), text, "tiny"}, {strings.ToUpper(text) + "!", longer, other()}, {"Tiny!", "..", "?!"}}
	for keep, want := range map[string][]dropped{
		"first":   {{1, 0, 0, 1, 0}, {1, 1, 0, 1, 0}, {2, 0, 0, 2, 0}},
		"longest": {{0, 1, 1, 1, 0}, {0, 2, 2, 0, 0}, {1, 0, 1, 1, 0}},
		"best":    {{0, 1, 1, 1, 0}, {1, 0, 1, 1, 0}, {2, 0, 0, 2, 0}},
	} {
		near := nearIn(t, docs, MinHash{Keep: keep, ScoreField: "score"}, nil)
		drops := near.list()
		for i := range drops {
			d := &drops[i]
			if d.Bytes != int64(len(docs[d.Shard][d.Row])) {
				t.Errorf("keep %s: %v has %d bytes", keep, d, d.Bytes)
			}
			d.Bytes = 0
		}
		if d := cmp.Diff(want, drops); d != "" || near.Groups != 2 || near.Drops != int64(len(drops)) {
			t.Errorf("keep %s: %d groups, %s", keep, near.Groups, d)
		}
	}
}

// A document that was dropped as a copy connects others but does not stay.
func TestNearOfCopies(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	base := someWords(r, 400)
	text := strings.Join(base, " ")
	docs := [][]string{{text}, {text + " and more of it", text + " and more of it"}}
	first := &Rows{}
	first.Add(0)
	near := nearIn(t, docs, MinHash{}, []*Rows{nil, first})
	if drops := near.list(); len(drops) != 1 || drops[0].Shard != 0 || drops[0].KeptShard != 1 || drops[0].KeptRow != 1 || near.Groups != 1 {
		t.Errorf("%+v", near)
	}
}

// Matches follow the curve 1-(1-s^r)^b of the pairs' true similarities, and a
// least similarity cuts off those that are estimated below it.
func TestNearRecall(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const n = 300
	for _, c := range []struct {
		o     MinHash
		edits float64
	}{
		{MinHash{}, 0}, {MinHash{}, 0.02}, {MinHash{Similarity: 1e-9}, 0.05}, {MinHash{Similarity: 1e-9}, 0.1}, {MinHash{}, 0.1},
		{MinHash{Words: 3, Buckets: 28, Hashes: 4, Similarity: 1e-9}, 0.1},
		{MinHash{Words: 3, Buckets: 28, Hashes: 4, Similarity: 0.6}, 0.1},
	} {
		docs := make([][]string, 2)
		option.Fill(&c.o)
		want := 0.
		for range n {
			words := someWords(r, 200)
			x, y := strings.Join(words, " "), edited(r, words, c.edits)
			docs[0], docs[1] = append(docs[0], x), append(docs[1], y)
			s := c.o.Jaccard(x, y)
			match := 1 - math.Pow(1-math.Pow(s, float64(c.o.Hashes)), float64(c.o.Buckets))
			if s >= c.o.Similarity { // whose estimate deviates by 0.05 either way
				want += match / n
			}
		}
		near := nearIn(t, docs, c.o, nil)
		for _, d := range near.list() {
			if d.Row != d.KeptRow {
				t.Errorf("%+v: rows %d and %d are no pair", c.o, d.Row, d.KeptRow)
			}
		}
		if got := float64(near.Drops) / n; math.Abs(got-want) > 0.08 {
			t.Errorf("%+v, %g edited: recall %.3f, want %.3f", c.o, c.edits, got, want)
		}
	}
}

// Small blocks and passes give the same pairs.
func TestMatchInPasses(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	var sig bytes.Buffer
	dir := t.TempDir()
	var paths []string
	alike := filepath.Join(dir, "sketches")
	writeBytes(t, alike, bytes.NewBuffer(make([]byte, 50)))
	sketches := []string{alike, alike, alike, alike, alike}
	type pair struct{ x, y [2]uint32 }
	var want []pair
	first := map[uint64][2]uint32{}
	for shard := range uint32(5) {
		sig.Reset()
		w := &signatureWriter{w: &sig, entries: make([][]entry, 1), most: 7}
		w.header()
		for row := range uint32(50) {
			key := uint64(r.IntN(100))
			w.entries[0] = append(w.entries[0], entry{a: key, row: row})
			if len(w.entries[0]) == w.most {
				w.block()
			}
			at := [2]uint32{shard, row}
			if x, ok := first[key]; ok {
				want = append(want, pair{x, at})
			} else {
				first[key] = at
			}
		}
		if err := w.close(); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.Join(dir, fmt.Sprint(shard)))
		writeBytes(t, paths[shard], &sig)
	}
	var out bytes.Buffer
	counts, err := Match(context.Background(), paths, sketches, 0, MinHash{Buckets: 1, Hashes: 1, Similarity: 0.5}, &out)
	if err != nil || counts.Documents != 250 || counts.Pairs != int64(len(want)) || out.Len() != 2*entryBytes*len(want) {
		t.Fatalf("%+v, %v, %d bytes; want %d pairs", counts, err, out.Len(), len(want))
	}
	found := map[pair]bool{}
	for b := out.Bytes(); len(b) > 0; b = b[2*entryBytes:] {
		x, y := decodeEntry((*[entryBytes]byte)(b)), decodeEntry((*[entryBytes]byte)(b[entryBytes:]))
		found[pair{[2]uint32{x.shard, x.row}, [2]uint32{y.shard, y.row}}] = true
	}
	for _, p := range want {
		if !found[p] {
			t.Fatalf("no pair %v", p)
		}
	}
	if err := os.Truncate(paths[3], 100); err != nil {
		t.Fatal(err)
	}
	if _, err := Match(context.Background(), paths, sketches, 0, MinHash{Buckets: 1, Hashes: 1, Similarity: 0.5}, &out); err == nil || !strings.Contains(err.Error(), paths[3]) {
		t.Errorf("a truncated file: %v", err)
	}
}

func TestSources(t *testing.T) {
	var s Sources
	var want []string
	for i := range 3000 {
		name := fmt.Sprint("s", i/2)
		s.add(name)
		if i/2 >= MostSources {
			name = OtherSources
		}
		want = append(want, name)
	}
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var back Sources
	if err := back.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	var got []string
	for row, source := range back.All() {
		if row != len(got) {
			t.Fatalf("row %d after %d", row, len(got)-1)
		}
		got = append(got, source)
	}
	if !slices.Equal(got, want) {
		t.Error("the sources changed")
	}
	for n := range len(data) {
		if err := back.UnmarshalBinary(data[:n]); err == nil {
			t.Fatalf("%d of %d bytes are accepted", n, len(data))
		}
	}
}

func BenchmarkWords(b *testing.B) {
	text := strings.Join(someWords(rand.New(rand.NewPCG(1, 1)), 2000), " ")
	b.SetBytes(int64(len(text)))
	var words []Word
	for b.Loop() {
		words = Words(words[:0], text)
	}
}

func BenchmarkSign(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	text := strings.Join(someWords(r, 2000), " ")
	o := MinHash{}
	option.Fill(&o)
	s := newSigner(o)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.sign(text)
	}
}

// Groups, what stays of them and what is dropped, against components found by brute
// force, over shards of which some are empty and pages of bits that hold nothing.
func TestNearAgainstBruteForce(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.SampledFrom([]int64{0, 1, 3, 700, 2000}), 1, 5).Draw(t, "rows")
		var all [][2]int // shard and row of the documents that may match
		for shard, n := range rows {
			for row := 0; row < int(n); row += 1 + int(n)/7 {
				all = append(all, [2]int{shard, row})
			}
		}
		copies := make([]*Rows, len(rows))
		for shard := range copies {
			copies[shard] = &Rows{}
		}
		docs, group := make([]entry, len(all)), make([]int, len(all))
		for i, at := range all {
			docs[i] = entry{b: uint64(rapid.IntRange(0, 3).Draw(t, "rank")), shard: uint32(at[0]), row: uint32(at[1]), bytes: uint32(i + 1)}
			if group[i] = i; rapid.IntRange(0, 4).Draw(t, "copy") == 0 {
				copies[at[0]].Add(at[1])
			}
		}
		var paths []string
		for k := range 2 {
			var data []byte
			for range rapid.IntRange(0, len(all)).Draw(t, "pairs") {
				x, y := rapid.IntRange(0, len(all)-1).Draw(t, "x"), rapid.IntRange(0, len(all)-1).Draw(t, "y")
				if x == y {
					continue
				}
				data = docs[y].append(docs[x].append(data))
				for i, from, to := 0, group[x], group[y]; i < len(group); i++ {
					if group[i] == from {
						group[i] = to
					}
				}
			}
			paths = append(paths, filepath.Join(dir, fmt.Sprint(k)))
			if err := os.WriteFile(paths[k], data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		gone := func(i int) bool { return copies[all[i][0]].Has(all[i][1]) }
		best := map[int]int{}
		for i, g := range group {
			b, ok := best[g]
			if !ok || gone(b) && !gone(i) || gone(b) == gone(i) && docs[i].b < docs[b].b {
				best[g] = i
			}
		}
		var want []dropped
		groups := map[int]bool{}
		for i, g := range group {
			if b := best[g]; b != i && !gone(i) {
				want = append(want, dropped{all[i][0], all[i][1], all[b][0], all[b][1], int64(i + 1)})
				groups[g] = true
			}
		}
		near, err := FindNear(context.Background(), paths, rows, copies, 2)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, near.list()); d != "" || near.Groups != int64(len(groups)) || near.Drops != int64(len(want)) {
			t.Fatalf("%d groups of %d: %s", near.Groups, len(groups), d)
		}
	})
}

// A pair of a document that is not there is damage, and is said to be.
func TestNearOfDamagedPairs(t *testing.T) {
	for want, e := range map[string]entry{"shard 2 of 2": {shard: 2}, "row 5 of 5 in shard 1": {shard: 1, row: 5}} {
		path := filepath.Join(t.TempDir(), "pairs")
		if err := os.WriteFile(path, e.append(entry{}.append(nil)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := FindNear(t.Context(), []string{path}, []int64{3, 5}, make([]*Rows, 2), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
