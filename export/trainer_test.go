package export

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// disk is a folder of files.
type disk struct {
	dir   string
	files []*os.File
}

func (d *disk) Create(name string) (io.Writer, error) {
	path := filepath.Join(d.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	d.files = append(d.files, f)
	return f, err
}

func (d *disk) close() {
	for _, f := range d.files {
		f.Close()
	}
	d.files = nil
}

func each(docs []Doc) iter.Seq2[Doc, error] {
	return func(yield func(Doc, error) bool) {
		for _, d := range docs {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// shared is a file written by a trainer's own writer, or by its rules.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	dir := "../../shared/golden"
	if data := os.Getenv("CLIMB_TEST_DATA"); data != "" {
		dir = filepath.Join(data, "../golden")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("no golden files: %v (set CLIMB_TEST_DATA to the folder beside golden)", err)
	}
	return data
}

func same(t *testing.T, dir, name, golden string) {
	t.Helper()
	want := shared(t, golden)
	got, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%x\nand %s\n%x", name, got, golden, want)
	}
}

// three are the documents of the golden files, with GPT-2's end of text.
func three() []Doc {
	return []Doc{{Tokens: []uint32{5, 6, 7, 50256}}, {Tokens: []uint32{8, 50256}}, {Tokens: []uint32{9, 10, 11, 12, 13, 50256}}}
}

func TestGoldenTokens(t *testing.T) {
	for _, c := range []struct {
		trainer Trainer
		vocab   int
		files   map[string]string // ours: golden
	}{
		{&Megatron{}, 50257, map[string]string{"train/d.bin": "megatron_u16.bin", "train/d.idx": "megatron_u16.idx"}},
		{&Megatron{}, 65500, map[string]string{"train/d.bin": "megatron_i32.bin", "train/d.idx": "megatron_i32.idx"}},
		{&Nanotron{}, 50257, map[string]string{"train/d/00000_00000_shuffled.ds": "00000_shuffled.ds", "train/d/00000_00000_shuffled.ds.index": "00000_shuffled.ds.index",
			"train/d/00000_00000_shuffled.ds.metadata": "00000_shuffled.ds.metadata"}},
		{&OLMo{}, 1<<16 + 1, map[string]string{"train/d/part-0-00000.npy": "part-0-00000.npy"}},
	} {
		d := &disk{dir: t.TempDir()}
		p := Part{Split: Train, Folder: "d", Units: 1, Supply: Supply{Documents: 3, Tokens: 12}, Vocab: c.vocab, EOD: 50256, Tokenizer: "gpt2"}
		if err := c.trainer.Write(d, p, each(three())); err != nil {
			t.Fatal(err)
		}
		d.close()
		for ours, golden := range c.files {
			same(t, d.dir, ours, golden)
		}
	}
}

func TestGoldenLLMC(t *testing.T) {
	for name, width := range map[string]int{"llmc_gpt2.bin": 2, "llmc_llama3.bin": 4} {
		var b bytes.Buffer
		w, err := newLLMC(&b, width, 12)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range three() {
			if err := w.add(d.Tokens...); err != nil {
				t.Fatal(err)
			}
		}
		w.w.Flush()
		if want := shared(t, name); !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s differs: %x", name, b.Bytes()[1024:])
		}
	}
}

func TestGoldenMDS(t *testing.T) {
	fixed := func(ids ...uint16) (b []byte) {
		for _, id := range ids {
			b = binary.LittleEndian.AppendUint16(b, id)
		}
		return b
	}
	// A datum without a fixed shape is (dimensions << 2 | bytes of a size, log 2), the shape, the values.
	for _, c := range []struct {
		name    string
		column  mdsColumn
		samples [][]byte
	}{
		{"mds_text", mdsColumn{"text", "str", -1}, [][]byte{[]byte("hello"), []byte("wörld")}},
		{"mds_tok", mdsTokens(50257, 4), [][]byte{fixed(1, 2, 3, 4), fixed(5, 6, 7, 8)}},
		{"mds_tokvar", mdsColumn{"tokens", "ndarray:uint16", -1}, [][]byte{append([]byte{4, 3}, fixed(1, 2, 3)...), append([]byte{4, 1}, fixed(5)...)}},
	} {
		d := &disk{dir: t.TempDir()}
		w := &mdsWriter{dst: d, p: Part{Split: Train, Folder: "d"}, column: c.column}
		for _, s := range c.samples {
			if err := w.add(s); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.end(); err != nil {
			t.Fatal(err)
		}
		d.close()
		same(t, d.dir, "train/d/shard.00000.mds", c.name+"/shard.00000.mds")
		same(t, d.dir, "train/d/index.json", c.name+"/index.json")
		var got [][]byte
		if err := readMDS(filepath.Join(d.dir, "train/d"), c.column, func(b []byte) error { got = append(got, bytes.Clone(b)); return nil }); err != nil || !cmp.Equal(got, c.samples) {
			t.Errorf("%s read back: %x, %v", c.name, got, err)
		}
	}
}

// drawDocs makes documents in units, as a task hands them to a trainer.
func drawDocs(r *rapid.T, units int, vocab int, eod uint32) ([]Doc, Supply) {
	var docs []Doc
	var all Supply
	for i := range rapid.IntRange(1, 40).Draw(r, "documents") {
		text := rapid.StringN(0, 60, 200).Draw(r, "text")
		n := rapid.IntRange(0, 50).Draw(r, "tokens")
		rng := rand.New(rand.NewPCG(uint64(i), uint64(n)))
		var ids []uint32
		for range n {
			if id := uint32(rng.IntN(vocab)); id != eod {
				ids = append(ids, id)
			}
		}
		d := Doc{ID: fmt.Sprint("id", i), Text: strings.ToValidUTF8(text, "?"), Tokens: append(ids, eod)}
		docs = append(docs, d)
		all.Add(Supply{1, int64(len(d.Tokens)), int64(len(d.Text))})
	}
	unit := 0
	for i := range docs { // units in order, some may be empty
		unit = min(units-1, unit+rapid.IntRange(0, 1).Draw(r, "unit"))
		docs[i].Unit = unit
	}
	return docs, all
}

// Every trainer's files, read back by our own reader, hold what was written.
func TestRoundTrip(t *testing.T) {
	for _, m := range Trainers {
		t.Run(m.Name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				trainer := m.New()
				needs := trainer.Needs()
				vocab := rapid.SampledFrom([]int{300, 50257, 65499, 65500, 65535, 65536, 65537, 128256}).Draw(r, "vocab")
				p := Part{Split: rapid.SampledFrom(needs.Splits).Draw(r, "split"), Folder: "d", Shards: 1, Units: 1, Vocab: vocab, EOD: uint32(vocab - 1), Tokenizer: "t", Context: 8, Level: 1}
				if needs.Mixed {
					p.Folder, p.Domain = "", -1
				} else {
					p.Units = rapid.IntRange(1, 3).Draw(r, "units")
				}
				var docs []Doc
				docs, p.Supply = drawDocs(r, p.Units, vocab, p.EOD)
				dir, err := os.MkdirTemp("", "climb-trip-*")
				if err != nil {
					r.Fatal(err)
				}
				defer os.RemoveAll(dir)
				d := &disk{dir: dir}
				err = trainer.Write(d, p, each(docs))
				d.close()
				if err != nil {
					r.Fatal(err)
				}
				compareDocs(r, trainer, dir, p, docs)
			})
		})
	}
}

func compareDocs(r *rapid.T, trainer Trainer, dir string, p Part, want []Doc) {
	var got []Doc
	err := trainer.Read(dir, p, func(d Doc) error {
		d.Tokens = slices.Clone(d.Tokens)
		got = append(got, d)
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	if trainer.Needs().Tokens {
		var a, b []uint32
		for _, d := range got {
			a = append(a, d.Tokens...)
		}
		for _, d := range want {
			b = append(b, d.Tokens...)
		}
		_, rows := trainer.(*MDS)
		if rows { // what is left of the last sequence is dropped
			b = b[:len(b)/p.Context*p.Context]
		} else if len(got) != len(want) {
			r.Fatalf("%d documents were read, %d written", len(got), len(want))
		}
		if _, ok := trainer.(*LLMC); ok { // the token stands before a document
			b = append([]uint32{p.EOD}, b[:len(b)-1]...)
		}
		if !slices.Equal(a, b) {
			r.Fatalf("tokens\n%v, want\n%v", a, b)
		}
		return
	}
	if len(got) != len(want) {
		r.Fatalf("%d documents were read, %d written", len(got), len(want))
	}
	for i := range got {
		if got[i].Text != want[i].Text || got[i].ID != "" && got[i].ID != want[i].ID {
			r.Fatalf("document %d is %q %q, want %q %q", i, got[i].ID, got[i].Text, want[i].ID, want[i].Text)
		}
	}
}

// A token that does not fit is an error, not another token.
func TestIDsThatDoNotFit(t *testing.T) {
	for _, trainer := range []Trainer{&OLMo{}, &Nanotron{}, &MDS{}, &LLMC{}, &Megatron{}} {
		d := &disk{dir: t.TempDir()}
		p := Part{Split: Train, Folder: "d", Units: 1, Shards: 1, Vocab: 100, EOD: 1, Context: 2, Supply: Supply{Documents: 1, Tokens: 3}}
		if err := trainer.Write(d, p, each([]Doc{{Tokens: []uint32{5, 1 << 16, 1}}})); err == nil || !strings.Contains(err.Error(), "65536") {
			t.Errorf("%T: %v", trainer, err)
		}
		d.close()
	}
}

// An error of the documents comes back as it is.
func TestErrorsOfDocuments(t *testing.T) {
	broken := errors.New("broken")
	for _, m := range Trainers {
		d := &disk{dir: t.TempDir()}
		p := Part{Split: Train, Folder: "d", Units: 1, Shards: 1, Vocab: 100, EOD: 1, Context: 2, Level: 1, Supply: Supply{Documents: 2, Tokens: 4}}
		err := m.New().Write(d, p, func(yield func(Doc, error) bool) {
			if yield(Doc{Text: "a", Tokens: []uint32{5, 1}}, nil) {
				yield(Doc{}, broken)
			}
		})
		if !errors.Is(err, broken) {
			t.Errorf("%s: %v", m.Name, err)
		}
		d.close()
	}
}

// handover is a manifest of three domains as the notes need it.
func handover(trainer string, vocab int, domains int) *Handover {
	t, err := Trainers.New(trainer)
	if err != nil {
		panic(err)
	}
	n := t.Needs()
	h := &Handover{Kind: "export", Trainer: trainer, Unit: n.Unit, Counted: "tokens", Vocab: vocab, Context: 512, Tokens: 1e6, Level: 3, At: "."}
	for i := range domains {
		h.Domains = append(h.Domains, HandoverDomain{Name: fmt.Sprintf("name %d | *x*", i), Folder: fmt.Sprintf("d%d", i), Weight: 1 / float64(domains), Epochs: 1.5,
			Asked: Shares{Token: 1 / float64(domains)}, Train: Supply{10, 20000, 100}})
		for _, split := range n.Splits {
			h.Parts = append(h.Parts, Part{Split: split, Domain: i, Folder: fmt.Sprintf("d%d", i), Units: 1, Supply: Supply{1, 2, 3}})
		}
	}
	return h
}

// Weights in the fragments are read back to within 1e-8, or, of Levanter, to half a
// sequence of a block; there is a README of
// some ten lines with a command, and nothing depends on the order of a map.
func TestNotes(t *testing.T) {
	for _, m := range Trainers {
		h := handover(m.Name, 50257, 3)
		notes := m.New().Notes(h)
		if again := m.New().Notes(h); !cmp.Equal(notes, again) {
			t.Errorf("%s: notes differ from call to call", m.Name)
		}
		var readme, rest string
		for _, n := range notes {
			if n.Name == "README.md" {
				readme = n.Text
			} else {
				rest += n.Text
			}
		}
		if !strings.Contains(readme, "    ") || strings.Count(readme, "\n") < 8 {
			t.Errorf("%s: README.md without a command, or too short:\n%s", m.Name, readme)
		}
		third := "0.333333333"
		if m.Name == "levanter" {
			third = "0.333"
		}
		if h.Unit != InData && strings.Count(rest, third) < 3 {
			t.Errorf("%s: the weights of three domains are not in the fragments:\n%s", m.Name, rest)
		}
		if strings.Contains(readme, "*x*") {
			t.Errorf("%s: a name is markup in README.md", m.Name)
		}
	}
}

// Between 65500 and 65536 Megatron reads 32-bit tokens as 16-bit ones if it is
// given the counts of sequences, so they are not written.
func TestSequencesOfMegatron(t *testing.T) {
	for vocab, want := range map[int]bool{65499: true, 65500: false, 65535: false, 65536: false, 65537: true} {
		got := slices.ContainsFunc((&Megatron{}).Notes(handover("megatron", vocab, 2)), func(n Note) bool { return n.Name == "sequences.json" })
		if got != want {
			t.Errorf("vocabulary %d: sequences.json is there: %v", vocab, got)
		}
	}
}

func TestFolders(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.String(), 1, 30, func(s string) string { return s }).Draw(r, "names")
		seen := map[string]bool{}
		for i, f := range Folders(names) {
			if f == "" || seen[strings.ToLower(f)] || strings.ContainsAny(f, " \t\n/\\|\"'*") || !filepath.IsLocal(f) {
				r.Fatalf("%q is called %q in %q", names[i], f, names)
			}
			seen[strings.ToLower(f)] = true
		}
	})
	if got := Folders([]string{"a b", "a-b", "A/b", "", "..", "law & order"}); !cmp.Equal(got, []string{"a-b", "a-b-2", "A-b-3", "domain", "domain-2", "law---order"}) {
		t.Errorf("%q", got)
	}
}

// Shares of tokens, converted to documents and back, are what they were.
func TestConvert(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(r, "domains")
		w, supply, sum := make([]float64, n), make([]Supply, n), 0.0
		for d := range w {
			w[d] = rapid.Float64Range(0.001, 1).Draw(r, "share")
			supply[d] = Supply{rapid.Int64Range(1, 1e6).Draw(r, "documents"), rapid.Int64Range(1, 1e9).Draw(r, "tokens"), rapid.Int64Range(1, 1e9).Draw(r, "bytes")}
			sum += w[d]
		}
		for d := range w {
			w[d] /= sum
		}
		shares := Convert(w, supply)
		p := make([]float64, n)
		for d := range p {
			p[d] = shares[d].Document
		}
		for d, got := range Back(p, supply) {
			if math.Abs(got-w[d]) > 1e-12 || math.Abs(shares[d].Token-w[d]) > 1e-12 {
				r.Fatalf("domain %d: %v and %v, want %v", d, got, shares[d].Token, w[d])
			}
		}
	})
	// By hand: 10 long documents of 100 tokens, 100 short ones of 10; half the tokens each.
	got := Convert([]float64{0.5, 0.5}, []Supply{{10, 1000, 4000}, {100, 1000, 6000}})
	want := []Shares{{0.5, 1. / 11, 0.4}, {0.5, 10. / 11, 0.6}}
	for d := range want {
		if math.Abs(got[d].Document-want[d].Document) > 1e-12 || math.Abs(got[d].Byte-want[d].Byte) > 1e-12 {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// A greedy reader is never a whole sequence from its weights times the number of
// domains, an exact one never a whole sequence; a random one within six standard
// deviations.
func TestInterleave(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(r, "domains")
		total := rapid.Int64Range(1, 20000).Draw(r, "sequences")
		w, sum := make([]float64, n), 0.0
		for d := range w {
			w[d] = math.Exp(rapid.Float64Range(-6, 0).Draw(r, "log weight"))
			sum += w[d]
		}
		for reader, off := range map[Reader]func(p float64) float64{
			Greedy: func(float64) float64 { return float64(n) },
			Exact:  func(float64) float64 { return 1 },
			Blocks: func(float64) float64 { return 2 + float64(n)*math.Ceil(float64(total)/2048) },
			Random: func(p float64) float64 { return 1 + 6*math.Sqrt(float64(total)*p*(1-p)) },
		} {
			var all int64
			for d, c := range Interleave(reader, w, total, rand.New(rand.NewPCG(1, 2))) {
				if p := w[d] / sum; math.Abs(float64(c)-p*float64(total)) > off(p)+1e-6 {
					r.Fatalf("%s: domain %d has %d of %d, weight %v", reader, d, c, total, p)
				}
				all += c
			}
			if all != total {
				r.Fatalf("%s: %d of %d", reader, all, total)
			}
		}
	})
}

// The noise that is told of documents drawn at random is what many draws show.
func TestDocumentNoise(t *testing.T) {
	stock := []Stock{
		{[]int32{100, 300, 2000}, []int32{1, 1, 1}, Supply{3, 2400, 3}},
		{[]int32{10, 30, 20}, []int32{1, 1, 1}, Supply{3, 60, 3}},
	}
	p := []float64{0.1, 0.9}
	want := Back(p, totals(stock))[0]
	var sum, square float64
	const trials = 400
	told := 0.0
	for i := range uint64(trials) {
		r, err := Simulate(Random, InDocuments, p, stock, 200, 100, i)
		if err != nil {
			t.Fatal(err)
		}
		x := r.Shares[0].Token - want
		sum, square, told = sum+x, square+x*x, told+r.Noise/trials
	}
	// Documents come in the order of the files, so what varies is how many of each
	// domain: less than the delta method's independent lengths say.
	if sd := math.Sqrt(square / trials); sd > told*1.15 || sd < told/4 || math.Abs(sum/trials) > 0.02 {
		t.Errorf("standard deviation %v, told %v, bias %v", sd, told, sum/trials)
	}
}
