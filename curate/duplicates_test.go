package curate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/task"
)

// letters writes a number without digits.
func letters(n int) string {
	return strings.Map(func(c rune) rune { return c - '0' + 'a' }, fmt.Sprint(n))
}

// planted writes a corpus of two sources in files that are cut in several
// shards: n texts of 250 words, one in five of them again with the same words, with one
// word changed, and as they are.
func planted(t *testing.T, dir string, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var b [2][]byte
	add := func(id, text string) {
		i := r.IntN(2)
		b[i] = corpus.AppendDocument(b[i], corpus.Document{ID: id, Text: text, Source: letters(i)})
	}
	for i := range n {
		words := make([]string, 250)
		for j := range words {
			words[j] = letters(r.IntN(3000))
		}
		text := strings.Join(words, " ")
		add(fmt.Sprint(i), text)
		if i%5 == 0 {
			add(fmt.Sprint(i, "-copy"), text)
			add(fmt.Sprint(i, "-upper"), strings.ToUpper(text)+"!")
			words[100] = "another"
			add(fmt.Sprint(i, "-near"), strings.Join(words, " "))
		}
	}
	for i := range b {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i, ".jsonl")), append(b[i], "broken\n"...), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// runCorpus scans and deduplicates a corpus and returns what the rows stage
// wrote.
func runCorpus(t *testing.T, in, dedup string) (*climb.Run, curate.ScanReport) {
	t.Helper()
	r := openRun(t, fmt.Sprintf("out: %s\ncorpus: {inputs: [%s], dedup: %s}\n", t.TempDir(), in, dedup))
	if err := r.Until(context.Background(), "corpus"); err != nil {
		t.Fatal(err)
	}
	var rep curate.ScanReport
	if err := task.ReadJSON(filepath.Join(r.Dir("rows"), "scan.json"), &rep); err != nil {
		t.Fatal(err)
	}
	return r, rep
}

// The report's totals add up, and near-duplicates are found over shards.
func TestDedup(t *testing.T) {
	in := t.TempDir()
	planted(t, in, 1000)
	for _, c := range []struct {
		dedup        string
		copies, near int64
	}{{"none", 0, 0}, {"id", 0, 0}, {"text", 200, 0}, {"words", 400, 0}, {"fuzzy", 200, 400}} {
		r, rep := runCorpus(t, in, c.dedup)
		if len(r.Curation.Shards) < 2 {
			t.Fatalf("%d shards", len(r.Curation.Shards))
		}
		if rep.Counts.Duplicates != c.copies || rep.Near.Duplicates != c.near || rep.Documents != 1600-c.copies-c.near {
			t.Errorf("%s: %d copies, %d near-duplicates, %d documents left; want %d, %d, %d",
				c.dedup, rep.Counts.Duplicates, rep.Near.Duplicates, rep.Documents, c.copies, c.near, 1600-c.copies-c.near)
		}
		d, err := r.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sum, bySource := d.Corpus.Kept, int64(0)
		for _, reason := range d.Corpus.Dropped {
			sum += reason.Count
		}
		for _, s := range d.Corpus.Sources {
			bySource += s.Duplicates + s.Near
		}
		if d.Corpus.In != 1602 || sum != d.Corpus.In || bySource != c.copies+c.near || len(d.Corpus.Sources) != 2 {
			t.Errorf("%s: %d documents in, %d kept or dropped, %d dropped by source: %+v", c.dedup, d.Corpus.In, sum, bySource, d.Corpus.Dropped)
		}
		if c.near > 0 && (len(rep.Near.Pairs) != 8 || rep.Near.Groups != 200) {
			t.Errorf("%d groups, pairs %+v", rep.Near.Groups, rep.Near.Pairs)
		}
		for _, p := range rep.Near.Pairs {
			if p.Similarity < 0.9 || p.Kept.ID == p.Dropped.ID {
				t.Errorf("pair %+v", p)
			}
		}
	}
}

// The same bytes come out on one core and on several, and when a task is done
// again by the worker's function.
func TestDedupOnAnyNumberOfCores(t *testing.T) {
	in := t.TempDir()
	planted(t, in, 1000)
	outputs := func(cores int) map[string][]byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		r, _ := runCorpus(t, in, "fuzzy")
		out := map[string][]byte{}
		for _, stage := range []string{"corpus", "signatures", "buckets", "rows"} {
			p, err := task.Load(filepath.Join(r.Dir(stage), "plan.json"))
			if err != nil {
				t.Fatal(err)
			}
			for n := range p.Tasks {
				m, err := p.Manifest(n)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range m.Outputs {
					out[stage+"/"+o.Name] = []byte(o.SHA256)
				}
			}
		}
		return out
	}
	one, four := outputs(1), outputs(4)
	if len(one) != len(four) || len(one) < 20 {
		t.Fatalf("%d and %d outputs", len(one), len(four))
	}
	for name := range one {
		if !bytes.Equal(one[name], four[name]) {
			t.Errorf("%s differs", name)
		}
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
	r := openRun(t, fmt.Sprintf("out: %s\ncorpus: {inputs: [%s]}\nembed: {lexical: {dim: 8}}\n", filepath.Join(dir, "run"), input))
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
