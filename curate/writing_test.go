package curate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/vec"
)

func TestTokenWidth(t *testing.T) {
	for vocab, want := range map[int]int{1: 2, 65499: 2, 65500: 4, 1 << 20: 4} {
		if got := tokenWidth(vocab); got != want {
			t.Errorf("%d tokens: %d bytes, want %d", vocab, got, want)
		}
	}
	ids := []uint32{0, 1, 0x1234, 0xffff}
	if d := cmp.Diff([]byte{9, 0, 0, 1, 0, 0x34, 0x12, 0xff, 0xff}, appendTokens([]byte{9}, ids, 2)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]byte{0x34, 0x12, 0, 0, 0x78, 0x56, 0x34, 0x12}, appendTokens(nil, []uint32{0x1234, 0x12345678}, 4)); d != "" {
		t.Error(d)
	}
}

// The documents of a domain are copied in the order of shards and rows, whatever
// lies between them, in tokens of two bytes and of four.
func TestTokensAreCopiedInOrder(t *testing.T) {
	for _, width := range []int{2, 4} {
		const shards, rows, domains = 3, 40, 4
		r := rand.New(rand.NewPCG(uint64(width), 1))
		out, texts := t.TempDir(), make([][][]byte, shards)
		codes, lengths := make([][]int32, shards), make([][]int32, shards)
		want := make([][][]uint32, domains)
		for n := range shards {
			texts[n] = make([][]byte, domains)
			for range rows {
				dom, doc := r.IntN(domains+2)-2, []uint32(nil)
				for range 1 + r.IntN(9) {
					doc = append(doc, r.Uint32N(1<<(8*uint(width)-1)))
				}
				if dom < 0 {
					doc = nil
				} else {
					want[dom] = append(want[dom], doc)
					texts[n][dom] = appendTokens(texts[n][dom], doc, width)
				}
				codes[n], lengths[n] = append(codes[n], int32(dom)), append(lengths[n], int32(len(doc)))
			}
		}
		done(t, out, "assign", nil, shards, func(n int, a *task.Attempt) error { return DomainOf.WriteInts(a, n, codes[n]) })
		done(t, out, "encode", nil, shards, func(n int, a *task.Attempt) error {
			return errors.Join(textOf.Write(a, n, slices.Concat(texts[n]...)), TokensOf.WriteInts(a, n, lengths[n]))
		})
		p := done(t, out, "tokens", nil, 0, nil)
		for dom := range domains {
			prefix := filepath.Join(out, domainPrefix(dom))
			bin, idx := must(os.Create(prefix+".bin")), must(os.Create(prefix+".idx"))
			w := must(token.NewIndexWriter(bin, idx, map[int]uint8{2: token.Uint16, 4: token.Int32}[width]))
			for n := range shards {
				if err := copyTokens(w, p, n, dom, width); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(w.Close(), bin.Close(), idx.Close()); err != nil {
				t.Fatal(err)
			}
			x := must(token.OpenIndexed(prefix))
			var got [][]uint32
			for i := range x.Docs() {
				got = append(got, slices.Clone(x.Doc(i)))
			}
			if d := cmp.Diff(want[dom], got); d != "" {
				t.Errorf("%d bytes, domain %d:\n%s", width, dom, d)
			}
			x.Close()
		}
	}
}

// What a domain has is the sum over the shards; one that a shard does not name has
// none there.
func TestSupply(t *testing.T) {
	out := t.TempDir()
	done(t, out, "encode", nil, 3, func(n int, a *task.Attempt) error {
		for dom := range n + 1 {
			tokensAs.Add(a, dom, int64(10*n+dom+1))
			bytesAs.Add(a, dom, 100)
		}
		return nil
	})
	p := done(t, out, "search", nil, 0, nil)
	p.Inputs["encode"] = "encode"
	tokens, size, err := Supply(p, 4)
	if d := cmp.Diff([][]int64{{1 + 11 + 21, 12 + 22, 23, 0}, {300, 200, 100, 0}}, [][]int64{tokens, size}); d != "" || err != nil {
		t.Errorf("%v:\n%s", err, d)
	}
	if n, err := Encoded(p); n != 3 || err != nil {
		t.Errorf("%d shards, %v", n, err)
	}
	if err := os.Remove(must(stage.PlanOf(p, "encode")).DonePath(1)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Supply(p, 4); err == nil || !strings.Contains(err.Error(), "task 1") {
		t.Errorf("a shard that is not done: %v", err)
	}
}

// A target of one file has its hash; of several, also where each ends.
func TestTargetSums(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sum := func(text string) string { s := sha256.Sum256([]byte(text)); return hex.EncodeToString(s[:]) }
	one := must(fileSum([]string{write("a", "abc")}))
	two := must(fileSum([]string{write("a", "abc"), write("b", "de")}))
	if one != sum("abc") || two != sum("abc\na 3\nde\nb 2\n") {
		t.Errorf("%s, %s", one, two)
	}
	if moved := must(fileSum([]string{write("a", "ab"), write("b", "cde")})); moved == two {
		t.Error("text that moved to another file is not noticed")
	}
	if _, err := fileSum([]string{filepath.Join(dir, "no")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A target file has the metrics of its kind; it is read again where its time or
// size is another, or where nothing is kept.
func TestTargetFiles(t *testing.T) {
	path, at := filepath.Join(t.TempDir(), "a.jsonl"), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	write := func(text string, at time.Time) {
		if err := errors.Join(os.WriteFile(path, []byte(`{"text":"`+text+`"}`), 0o666), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	write("one", at)
	files, err := TargetFiles(nil, []eval.Term{{Task: "piqa", Metric: "acc"}, {File: path, Metric: "bpb", Weight: 3}})
	data := sha256.Sum256([]byte(`{"text":"one"}`))
	if err != nil || files[0].SHA256 != "" || files[1].SHA256 != hex.EncodeToString(data[:]) || files[1].Weight != 3 {
		t.Fatalf("%+v, %v", files, err)
	}
	var config *option.ConfigError
	if _, err := TargetFiles(nil, []eval.Term{{File: path, Metric: "acc"}}); !errors.As(err, &config) || !strings.Contains(err.Error(), "have no acc; choose one of bpb") {
		t.Errorf("accuracy of a text: %v", err)
	}
	c := &stage.Cache{}
	if read := must(ReadTarget(c, path)); read.Bytes != 3 {
		t.Errorf("%+v", read)
	}
	write("two", at)
	kept, fresh := must(ReadTarget(c, path)), must(ReadTarget(nil, path))
	if kept.sum != files[1].SHA256 || fresh.sum == kept.sum {
		t.Errorf("of the same size and time: %s kept, %s read anew", kept.sum, fresh.sum)
	}
	if write("two", at.Add(time.Second)); must(ReadTarget(c, path)).sum != fresh.sum {
		t.Error("a file of another time is not read again")
	}
}

// What the shards found adds up; the items are those of the file, and the samples
// the first ones.
func TestOverlapsAddUp(t *testing.T) {
	out := t.TempDir()
	p := done(t, out, "overlap", nil, 3, func(n int, a *task.Attempt) error {
		f := fileOverlap{File: "a", Items: 7, Short: 1, Documents: int64(n)}
		for i := range 2 * n {
			f.Samples = append(f.Samples, overlapSample{ID: fmt.Sprint(n, "-", i)})
		}
		rows := &corpus.Rows{}
		rows.Add(n)
		return errors.Join(overlapOf.Write(a, n, overlapReport{Documents: int64(2 * n), Files: []fileOverlap{f, {File: "b", Items: 1, Documents: 1}}}), writeRows(a, overlapRows, n, rows))
	})
	sum := must(readOverlap(p))
	var ids []string
	for _, s := range sum.Files[0].Samples {
		ids = append(ids, s.ID)
	}
	if sum.Documents != 6 || sum.Files[0].Documents != 3 || sum.Files[0].Items != 7 || sum.Files[0].Short != 1 || sum.Files[1].Documents != 3 {
		t.Errorf("%+v", sum)
	}
	if d := cmp.Diff([]string{"1-0", "1-1", "2-0", "2-1", "2-2"}, ids); d != "" {
		t.Errorf("samples:\n%s", d)
	}
	reader := done(t, out, "assign", nil, 1, nil)
	if rows := must(Overlapping(reader, 2)); !rows.Has(2) || rows.Len() != 1 {
		t.Errorf("rows of shard 2: %v", slices.Collect(rows.All()))
	}
	none := t.TempDir()
	done(t, none, "overlap", nil, 0, nil)
	if rows, err := Overlapping(done(t, none, "assign", nil, 1, nil), 0); err != nil || rows.Has(0) {
		t.Errorf("nothing to look for: %v, %v", rows, err)
	}
}

// Each target file is looked for once, whatever it is scored by.
func TestOverlapWith(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "b.jsonl")
	for _, path := range []string{a, b} {
		if err := os.WriteFile(path, []byte(`{"text":"some text"}`), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	r := &Curation{Config: Config{Decontaminate: DecontaminateConfig{Action: "mark", Words: 5}, Apart: []eval.Term{
		{File: b, Metric: "bpb", Weight: 1}, {Task: "piqa"}, {File: a}, {File: b, Metric: "byte_perplexity", Weight: 2, Limit: 9}}}}
	o := must(r.overlapWith())
	if o.Words != 5 || len(o.Files) != 2 || o.Files[0].Term != (eval.Term{File: b}) || o.Files[1].Term != (eval.Term{File: a}) {
		t.Errorf("%+v", o)
	}
	r.Config.Decontaminate.Action = "none"
	if o := must(r.overlapWith()); o.Words != 0 || o.Files != nil {
		t.Errorf("nothing is to be done: %+v", o)
	}
	r.Config.Decontaminate.Action, r.Config.Apart = "drop", []eval.Term{{Task: "piqa"}}
	if o := must(r.overlapWith()); o.Words != 0 || o.Files != nil {
		t.Errorf("no file: %+v", o)
	}
}

func TestGramsOfTargets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	text := `{"text":"one two three four five"}` + "\n" + `{"text":"one two three"}` + "\n" + `{"text":"six seven eight nine"}` + "\n"
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	g := must(loadGrams(overlapOptions{Words: 4, Files: []TargetFile{{Term: eval.Term{File: path}}}}))
	if d := cmp.Diff([]fileOverlap{{File: "a.jsonl", Items: 3, Short: 1}}, g.files); d != "" {
		t.Error(d)
	}
	find := g.set.Finder()
	for text, want := range map[string]int{"x Two, three FOUR five y": 1, "one two three": 0, "six seven eight": 0, "six seven eight nine": 1, "three four five six": 0} {
		if got := find.Find(nil, text); len(got) != want {
			t.Errorf("%q: %v, want %d", text, got, want)
		}
	}
}

// imports is a run whose vectors, of the documents of two shards, stand in two
// files; it returns a plan that reads them, and what the import came to.
func imports(t *testing.T, o embedding.Import, ids []string, x ...[]float32) (*task.Plan, error) {
	t.Helper()
	dir, out := t.TempDir(), t.TempDir()
	done(t, out, "rows", nil, 1, func(_ int, a *task.Attempt) error {
		return scanReport.Write(a, &ScanReport{Documents: 5, Rows: []int64{2, 3}})
	})
	var stamps []task.FileStamp
	for i, v := range x {
		path := filepath.Join(dir, fmt.Sprint("v", i, ".npy"))
		f := must(os.Create(path))
		w := must(vec.NewNPYWriter(f, "<f4", 2))
		if err := errors.Join(w.WriteFloats(v), w.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		if i < len(ids) {
			if err := os.WriteFile(strings.TrimSuffix(path, ".npy")+".ids", []byte(ids[i]), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		stamps = append(stamps, must(task.Stamp(path)))
	}
	option.Fill(&o)
	p := done(t, out, vectorizer, nil, 1, nil)
	p.Inputs["rows"] = "rows"
	_, err := p.Run(t.Context(), 0, taskOf(func(n int, a *task.Attempt) error { return importVectors(t.Context(), p, o, stamps, a) }))
	embed := done(t, out, "embed", nil, 2, nil)
	return embed, err
}

// Vectors are found by the ids of documents, in whatever runs they were sorted,
// and are scaled to length 1.
func TestVectorsAreFoundByID(t *testing.T) {
	for _, sortRows := range []int{1, 2, 100} {
		p, err := imports(t, embedding.Import{SortRows: sortRows}, []string{"e\nb\nd\n", "a\nc\nunused\n"}, []float32{5, 0, 0, 2, -4, 0}, []float32{1, 0, 0, -3, 3, 4})
		if err != nil {
			t.Fatal(err)
		}
		l := must(openLookup(p, 1))
		got := make([]float32, 8)
		if err := l.embed(got, []corpus.Document{{ID: "c"}, {ID: "d"}, {ID: "b"}, {ID: "unused"}}); err != nil {
			t.Fatal(err)
		}
		want := []float32{0, -1, -1, 0, 0, 1, 0.6, 0.8}
		for i := range want {
			if d := got[i] - want[i]; d < -1e-3 || d > 1e-3 { // float16
				t.Errorf("sorted by %d: %v, want %v", sortRows, got, want)
				break
			}
		}
		if err := l.embed(got, []corpus.Document{{ID: "no", Path: "in.jsonl", Line: 7}}); !task.IsPermanent(err) || !strings.Contains(err.Error(), `no vector has the id "no" of the document at in.jsonl:7`) {
			t.Errorf("a document without a vector: %v", err)
		}
		if err := l.close(); err != nil {
			t.Error(err)
		}
	}
}

// Without ids a shard goes on where the one before it ended, over files.
func TestVectorsAreFoundByOrder(t *testing.T) {
	p, err := imports(t, embedding.Import{Join: "order"}, []string{"x\ny\nz\n"}, []float32{1, 0, 0, 1, -1, 0}, []float32{0, -1, 1, 0})
	if err != nil {
		t.Fatal(err)
	}
	for shard, want := range [][]float32{{1, 0, 0, 1}, {-1, 0, 0, -1, 1, 0}} {
		l, got := must(openLookup(p, shard)), make([]float32, len(want))
		err := l.embed(got, make([]corpus.Document, len(want)/2))
		if d := cmp.Diff(want, got); d != "" || errors.Join(err, l.close()) != nil {
			t.Errorf("shard %d, %v:\n%s", shard, err, d)
		}
	}
}

func TestImportNamesThePlace(t *testing.T) {
	for _, c := range []struct {
		ids  []string
		x    [][]float32
		want string
	}{
		{[]string{"a\nb\n", "c\nb\n"}, [][]float32{{1, 0, 1, 0}, {1, 0, 1, 0}}, "v0.npy, row 1 and at"},
		{[]string{"a\nb\n", "c\nb\n"}, [][]float32{{1, 0, 1, 0}, {1, 0, 1, 0}}, "v1.npy, row 1; keep one"},
		{[]string{"a\nb\n"}, [][]float32{{1, 0, 1, 0}, {1, 0, 1, 0}}, "one has ids and the other has none"},
		{nil, [][]float32{{1, 0, 1, 0}, {1, 0}}, "the files hold 3 vectors, and the corpus has 5 documents"},
	} {
		if _, err := imports(t, embedding.Import{}, c.ids, c.x...); !task.IsPermanent(err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
	v := &importedVectors{Files: []importedFile{{"a.npy", 2}, {"empty.npy", 0}, {"b.npy", 1}}}
	for row, want := range []string{"a.npy, row 0", "a.npy, row 1", "b.npy, row 0", "row 0 past the last file"} {
		if got := v.place(int64(row)); got != want {
			t.Errorf("row %d: %s, want %s", row, got, want)
		}
	}
}
