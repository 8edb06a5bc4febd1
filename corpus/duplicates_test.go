package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drops runs Duplicates over the parts with small chunks and few files at once,
// and returns the rows dropped of each shard.
func drops(parts []string, fanIn, chunk int) ([][]int, Counts, error) {
	return dropsBy(1, parts, fanIn, chunk)
}

// dropsBy is drops with some workers, and ranges of few entries.
func dropsBy(workers int, parts []string, fanIn, chunk int) ([][]int, Counts, error) {
	s := &sorter{ctx: context.Background(), fanIn: fanIn, chunk: chunk, workers: workers, least: 2}
	out := [][]int{}
	counts, err := duplicates(s, parts, func(shard int, drop *Rows) error {
		if shard != len(out) {
			return fmt.Errorf("shard %d after %d", shard, len(out)-1)
		}
		out = append(out, slices.AppendSeq([]int{}, drop.All()))
		return nil
	})
	return out, counts, errors.Join(err, s.close())
}

// Against brute force, with runs and passes so small that there are many.
func TestDuplicates(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]string{"none", "id", "text"}).Draw(t, "mode")
		shards := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Document {
			return Document{ID: fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "id")), Text: noise(rapid.IntRange(1, 4).Draw(t, "text"))}
		}), 0, 20), 0, 8).Draw(t, "shards")
		var parts []string
		for i, docs := range shards {
			var b bytes.Buffer
			p := partWriter{w: &b, most: 3}
			p.header(mode)
			for row, d := range docs {
				d.Row = row
				p.add(partEntry(mode, d))
			}
			if err := p.close(); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, filepath.Join(dir, fmt.Sprint(i)))
			if err := os.WriteFile(parts[i], b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, wantCounts := bruteForce(mode, shards)
		got, counts, err := dropsBy(rapid.IntRange(1, 4).Draw(t, "workers"), parts, 2, 3)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got) + cmp.Diff(wantCounts, counts); d != "" {
			t.Fatal(d)
		}
	})
}

func bruteForce(mode string, shards [][]Document) ([][]int, Counts) {
	dropped, c := [][]int{}, Counts{}
	seen, texts := map[string]bool{}, map[string]map[string]bool{}
	for _, docs := range shards {
		rows := []int{}
		for row, d := range docs {
			c.Documents++
			key := d.ID + "\n" + d.Text
			if mode == "text" {
				key = d.Text
			}
			switch {
			case mode == "none":
			case seen[key]:
				rows = append(rows, row)
				c.Duplicates++
				c.DuplicateBytes += int64(len(d.Text))
			case mode == "id":
				if texts[d.ID] == nil {
					texts[d.ID] = map[string]bool{}
				} else {
					c.IDReused++
				}
				texts[d.ID][d.Text] = true
			}
			seen[key] = true
		}
		dropped = append(dropped, rows)
	}
	c.Kept = c.Documents - c.Duplicates
	return dropped, c
}

// From files to the documents that later stages see: in = kept + dropped.
func TestScanDuplicatesSkip(t *testing.T) {
	one, other := `{"id":"1","text":"a"}`+"\n", `{"id":"1","text":"b"}`+"\n"
	dir := tree(t, "a.jsonl:"+one+other+one+"broken\n", "b.jsonl:{\"text\":\"no id\"}\n"+one+"{\"text\":\"no id\"}\n{\"id\":\"2\",\"text\":\"a\"}\n")
	for mode, want := range map[string]string{"none": "a|b|a|no id|a|no id|a", "id": "a|b|no id|a", "text": "a|b|no id"} {
		o := Options{Inputs: Paths(dir), ShardBytes: 10, Dedup: mode}
		shards, _, err := Split(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		var parts []string
		var bad Bad
		for i, s := range shards {
			var b bytes.Buffer
			res, err := Scan(context.Background(), s, o, &b)
			if err != nil {
				t.Fatal(err)
			}
			bad.Merge(&res.Bad)
			parts = append(parts, write(t, fmt.Sprint(i), b.String()))
		}
		var kept []Document
		counts, err := Duplicates(context.Background(), parts, 1, func(i int, drop *Rows) error {
			row := 0
			for d, err := range Skip(Read(context.Background(), shards[i], o, nil), drop) {
				if err != nil || d.Row != row {
					return fmt.Errorf("row %d of %d: %w", d.Row, row, err)
				}
				row++
				kept = append(kept, d)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := texts(kept); got != want {
			t.Errorf("%s: got %s, want %s", mode, got, want)
		}
		if bad.Lines != counts.Kept+counts.Duplicates+bad.Dropped() || counts.Kept != int64(len(kept)) || bad.Dropped() != 1 {
			t.Errorf("%s: %+v, %+v, %d kept", mode, counts, bad, len(kept))
		}
	}
}

func TestDuplicatesErrors(t *testing.T) {
	part := func(mode string) string {
		var b bytes.Buffer
		p := partWriter{w: &b, most: 10}
		p.header(mode)
		for i := range 4 {
			p.add(entry{a: uint64(i)})
		}
		if err := p.close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	good := part("id")
	unsorted := []byte(good)
	unsorted[partHeader+8] = 200
	for name, c := range map[string]struct{ content, want string }{
		"truncated":      {good[:len(good)-1], "truncated"},
		"cut in a run":   {good[:len(good)-40], "truncated"},
		"not a part":     {"something else altogether", "not a part file"},
		"empty":          {"", "not a part file"},
		"another mode":   {part("text"), "scan them alike"},
		"damaged inside": {string(unsorted), "not sorted"},
	} {
		path := write(t, name, c.content)
		_, _, err := drops([]string{write(t, "good", good), path}, 4, 10)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Duplicates(ctx, []string{write(t, "good", good)}, 2, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzPart(f *testing.F) {
	var b bytes.Buffer
	p := partWriter{w: &b, most: 2}
	p.header("id")
	for i := range 5 {
		p.add(entry{a: uint64(i & 1), b: uint64(i & 2), row: uint32(i)})
	}
	if err := p.close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:40])
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(dir, "part")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, counts, err := drops([]string{path}, 2, 2)
		if err == nil && (len(got) != 1 || int64(len(got[0])) > counts.Duplicates || counts.Kept+counts.Duplicates != counts.Documents) {
			t.Fatalf("%x: %v, %+v", content, got, counts)
		}
	})
}

// BenchmarkDuplicates merges 2 million entries of 20 parts.
func BenchmarkDuplicates(b *testing.B) {
	dir := b.TempDir()
	var parts []string
	const n = 100_000
	for i := range 20 {
		var w bytes.Buffer
		p := partWriter{w: &w, most: partEntries}
		p.header("id")
		for row := range n {
			p.add(entry{a: Hash("", uint64(i*n+row)%(18*n)), row: uint32(row), bytes: 1000})
		}
		if err := p.close(); err != nil {
			b.Fatal(err)
		}
		parts = append(parts, filepath.Join(dir, fmt.Sprint(i)))
		if err := os.WriteFile(parts[i], w.Bytes(), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		c, err := Duplicates(context.Background(), parts, 1, func(int, *Rows) error { return nil })
		if err != nil || c.Duplicates != 2*n {
			b.Fatal(c, err)
		}
	}
	b.ReportMetric(20*n*float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}
