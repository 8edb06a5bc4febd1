package curate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// scanned is a curation that has scanned files of JSON lines, one shard a file.
func scanned(t *testing.T, files ...[]corpus.Document) *Curation {
	t.Helper()
	dir := t.TempDir()
	var c Config
	for i, docs := range files {
		var b []byte
		for _, d := range docs {
			b = corpus.AppendDocument(b, d)
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", i))
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		c.Corpus.Inputs = append(c.Corpus.Inputs, corpus.Input{Path: path})
	}
	option.Fill(&c.Corpus)
	r := &Curation{Run: stage.New(filepath.Join(dir, "run"), 2), Config: c}
	list, err := corpus.List(t.Context(), c.Corpus)
	if err != nil {
		t.Fatal(err)
	}
	r.Inputs = list.Files
	for _, f := range list.Files {
		r.Shards = append(r.Shards, corpus.Shard{Path: f.Path, Format: "jsonl", End: -1, Bytes: f.Bytes})
	}
	if err := r.Add(r.corpusStage(), r.signaturesStage(), r.bucketsStage(), r.rowsStage()); err != nil {
		t.Fatal(err)
	}
	if err := r.Until(t.Context(), "rows"); err != nil {
		t.Fatal(err)
	}
	return r
}

func numbered(from, n int) (docs []corpus.Document) {
	for i := range n {
		docs = append(docs, corpus.Document{ID: fmt.Sprint(from + i), Text: fmt.Sprintf("text %d", from+i)})
	}
	return docs
}

// A sample of a corpus of very many shards is read from 256 of them, one of each
// equal run, and has as many documents.
func TestSampleOfManyShards(t *testing.T) {
	texts := &Texts{Scan: &ScanReport{}}
	for shard := range 1000 {
		texts.Shards = append(texts.Shards, corpus.Shard{})
		texts.Scan.Rows = append(texts.Scan.Rows, int64(10+shard%7))
	}
	shards, documents := texts.some(3)
	again, _ := texts.some(3)
	other, _ := texts.some(4)
	if len(shards) != 256 || !slices.Equal(shards, again) || slices.Equal(shards, other) {
		t.Fatalf("%d shards: %v", len(shards), shards)
	}
	sum := int64(0)
	for i, shard := range shards {
		if shard < i*1000/256 || shard >= (i+1)*1000/256 {
			t.Errorf("shard %d is not of run %d", shard, i)
		}
		sum += texts.Scan.Rows[shard]
	}
	if sum != documents {
		t.Errorf("%d documents, want %d", documents, sum)
	}
	texts.Shards = texts.Shards[:256]
	if shards, _ = texts.some(3); len(shards) != 256 || shards[255] != 255 {
		t.Errorf("of 256 shards %v", shards)
	}
}

// A sample has one document of each of as many equal runs of the corpus, in their
// order; the seed decides which.
func TestSampleOfTexts(t *testing.T) {
	texts, err := scanned(t, numbered(0, 70), numbered(70, 5), numbered(75, 45)).Texts()
	if err != nil {
		t.Fatal(err)
	}
	sample := func(n int, seed uint64) (ids []string) {
		err := texts.sample(t.Context(), n, seed, func(shard int, d corpus.Document) error {
			if want := []int{0, 70, 75}[shard] + d.Row; d.ID != fmt.Sprint(want) {
				t.Errorf("document %s is called row %d of shard %d", d.ID, d.Row, shard)
			}
			ids = append(ids, d.ID)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	got := sample(12, 1)
	for i, id := range got {
		if n := 0; len(got) != 12 || must(fmt.Sscan(id, &n)) != 1 || n/10 != i {
			t.Errorf("document %d of %d is %s, want one of %d to %d", i, len(got), id, 10*i, 10*i+9)
		}
	}
	if !slices.Equal(got, sample(12, 1)) || slices.Equal(got, sample(12, 2)) {
		t.Error("the seed does not decide the sample")
	}
	if all := sample(1000, 1); len(all) != 120 {
		t.Errorf("%d of all 120", len(all))
	}
	stop := errors.New("stop")
	if err := texts.sample(t.Context(), 12, 1, func(int, corpus.Document) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	texts.Scan.Rows[1] = 8 // more than there are
	texts.Scan.Documents += 3
	if err := texts.sample(t.Context(), 1000, 1, func(int, corpus.Document) error { return nil }); err == nil || !strings.Contains(err.Error(), "fewer than the 8 documents") {
		t.Errorf("a shard that holds fewer: %v", err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // a test's own value
	}
	return v
}

// Documents come in groups of 256, and of fewer with more than 4 MiB of text.
func TestBatchesAreBounded(t *testing.T) {
	const third = batchBytes / 3
	large := func(id string, n int) corpus.Document {
		return corpus.Document{ID: id, Text: id + strings.Repeat("x", n-len(id))}
	}
	r := scanned(t, numbered(0, 2*batchRows+5), []corpus.Document{large("a", third), large("b", third), large("c", third), large("d", third), large("e", batchBytes+1), large("f", 1), large("g", third)})
	p := &task.Plan{Kind: "label", Inputs: map[string]string{"corpus": r.Base("corpus"), "rows": r.Base("rows")}, Tasks: []json.RawMessage{[]byte("{}"), []byte("{}")}}
	if err := p.Save(filepath.Join(r.Out, "label")); err != nil {
		t.Fatal(err)
	}
	var sizes [2][]int
	var first [2][]string
	for n := range p.Tasks {
		_, err := p.Run(t.Context(), n, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
			return Batches(ctx, p, n, a, func(docs []corpus.Document, texts []string) error {
				for i, d := range docs {
					if texts[i] != d.Text {
						t.Errorf("document %s comes with the text of another", d.ID)
					}
				}
				sizes[n], first[n] = append(sizes[n], len(docs)), append(first[n], docs[0].ID)
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// Three thirds are one byte less than the limit, so that the fourth is over it.
	if d := cmp.Diff([2][]int{{256, 256, 5}, {4, 1, 2}}, sizes); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([2][]string{{"0", "256", "512"}, {"a", "e", "f"}}, first); d != "" {
		t.Error(d)
	}
}

// Every file of a shard is held to what it was: of a pack and its attributes too.
func TestUnchanged(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	write := func(name, text string, at time.Time) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o666), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two, extra := write("one", "text", at), write("two", "text", at), write("extra", "text", at)
	stamps := map[string]task.FileStamp{}
	for _, path := range []string{one, two, extra} {
		stamps[path] = must(task.Stamp(path))
	}
	alone, pack := corpus.Shard{Path: one}, corpus.Shard{Path: one, Files: []string{one, two}, Attributes: []string{extra}}
	for _, c := range []struct {
		name, text    string
		at            time.Time
		alone, packed string
	}{
		{"two", "text", at, "", ""},
		{"two", "text", at.Add(time.Nanosecond), "", "was written"},
		{"two", "texts", at, "", "has 5 bytes, and had 4"},
		{"extra", "tex", at, "", "has 3 bytes, and had 4"},
		{"one", "text", at.Add(-time.Hour), "was written", "was written"},
	} {
		write(c.name, c.text, c.at)
		for want, s := range map[*string]corpus.Shard{&c.alone: alone, &c.packed: pack} {
			err := unchanged(s, stamps)
			if *want == "" && err != nil || *want != "" && (!task.IsPermanent(err) || !strings.Contains(err.Error(), *want) || !strings.Contains(err.Error(), c.name)) {
				t.Errorf("%s as %q of %v, %d files: %v, want %q", c.name, c.text, c.at, len(s.Files), err, *want)
			}
		}
		write(c.name, "text", at)
	}
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	if err := unchanged(pack, stamps); !task.IsPermanent(err) {
		t.Errorf("a file that is gone: %v", err)
	}
}

// A document goes if it is below any floor, or only if it is below all; the reason
// is the first of them by name.
func TestDocumentRuleProperty(t *testing.T) {
	names := []string{"d", "b", "c"}
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.SampledFrom([]float64{0, 0.25, 0.5, 0.75, 1})
		floors := rapid.MapOf(rapid.SampledFrom([]string{"b", "c", "d", "mean"}), value).Draw(rt, "floors")
		o := PruneConfig{Documents: floors, DocumentsIf: rapid.SampledFrom([]string{"any", "all"}).Draw(rt, "if")}
		x := rapid.SliceOfN(value, 3, 3).Draw(rt, "scores")
		of := map[string]float64{"d": x[0], "b": x[1], "c": x[2], "mean": (x[0] + x[1] + x[2]) / 3}
		var low []string
		for _, name := range []string{"b", "c", "d", "mean"} {
			if least, ok := floors[name]; ok && float32(of[name]) < float32(least) {
				low = append(low, name)
			}
		}
		want := ""
		if len(low) > 0 && (o.DocumentsIf == "any" || len(low) == len(floors)) {
			want = low[0]
		}
		if got := must(newDocumentRule(o, names)).fails([]float32{float32(x[0]), float32(x[1]), float32(x[2])}); got != want {
			rt.Fatalf("floors %v, %s: %v falls for %q, want %q", floors, o.DocumentsIf, of, got, want)
		}
	})
}

// Each document of a cluster is in one task, with those of its cluster.
func TestSemanticTasks(t *testing.T) {
	out := t.TempDir()
	clusters, dist := [][]int32{{5, 0, 7, -1, 2}, {7, 3, 3}}, [][]float32{{4, 1, 9, 1, 0}, {0.25, -1e-9, 16}}
	done(t, out, "cluster", nil, 2, func(n int, a *task.Attempt) error {
		return errors.Join(ClusterOf.WriteInts(a, n, clusters[n]), DistanceOf.WriteFloats(a, n, 0, dist[n]))
	})
	p := done(t, out, "semantic", nil, 1, nil)
	for _, parts := range []int{1, 2, 3, 10} {
		seen := map[member]int32{}
		for part := range parts {
			groups, err := membersOf(p, semanticTask{part, parts}, 2)
			if err != nil {
				t.Fatal(err)
			}
			for i, docs := range groups {
				for _, m := range docs {
					c := clusters[m.shard][m.row]
					if _, twice := seen[m]; twice || int(c) != i*parts+part {
						t.Errorf("part %d of %d, group %d: shard %d row %d of cluster %d, twice %v", part, parts, i, m.shard, m.row, c, twice)
					}
					seen[m] = c
				}
			}
		}
		want := map[member]int32{{2, 0, 0}: 5, {1, 0, 1}: 0, {3, 0, 2}: 7, {0, 0, 4}: 2, {0.5, 1, 0}: 7, {0, 1, 1}: 3, {4, 1, 2}: 3}
		if d := cmp.Diff(want, seen, cmp.AllowUnexported(member{})); d != "" {
			t.Errorf("%d parts:\n%s", parts, d)
		}
	}
}

// Sets of rows are found by their shard, empty ones too; two tasks add up.
func TestRowSets(t *testing.T) {
	sets := [][][]int{{{3, 4, 900}, nil, {0}}, {{4, 5}, nil, nil}}
	out := t.TempDir()
	done(t, out, "semantic", nil, 2, func(n int, a *task.Attempt) error {
		rows := make([]corpus.Rows, len(sets[n]))
		for i := range rows {
			for _, row := range sets[n][i] {
				rows[i].Add(row)
			}
		}
		return writeRowSets(a, n, rows)
	})
	p := done(t, out, "assign", nil, 1, nil)
	for shard, want := range [][]int{{3, 4, 5, 900}, nil, {0}} {
		rows, err := semanticDuplicates(p, shard)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, slices.Collect(rows.All())); d != "" {
			t.Errorf("shard %d:\n%s", shard, d)
		}
	}
	if _, err := readRowSet(dropSetsOf.Path(p, 0), 3); err == nil {
		t.Error("a shard past the last is read")
	}
}

// Vectors are loaded in the order that is asked for, over shards.
func TestVectorsOfDocuments(t *testing.T) {
	out := t.TempDir()
	done(t, out, "embed", nil, 2, func(n int, a *task.Attempt) error {
		return VectorOf.WriteFloats(a, n, 2, [][]float32{{1, 0, 2, 0, 3, 0}, {0, 4, 0, 5}}[n])
	})
	p := done(t, out, "semantic", nil, 1, nil)
	x, dim, err := vectorsOf(p, []member{{shard: 1, row: 1}, {shard: 0, row: 2}, {shard: 1, row: 0}, {shard: 0, row: 0}})
	if d := cmp.Diff([]float32{0, 5, 3, 0, 0, 4, 1, 0}, x); d != "" || dim != 2 || err != nil {
		t.Errorf("of %d numbers, %v:\n%s", dim, err, d)
	}
}

// The tallies of shards add up to that of one pass over all rows, and move the
// centroids to the same places.
func TestTalliesAddUp(t *testing.T) {
	const dim, k = 3, 4
	out := t.TempDir()
	value := func(i int) float32 { return float32(math.Sin(float64(i)*1.7) + float64(i%5)) }
	shards := make([][]float32, 3)
	for i := range 60 * dim {
		shards[i/(20*dim)] = append(shards[i/(20*dim)], float32(math.Round(float64(value(i))*64)/64)) // as float16 holds it
	}
	done(t, out, "embed", nil, 3, func(n int, a *task.Attempt) error { return VectorOf.WriteFloats(a, n, dim, shards[n]) })
	start := done(t, out, "centroids", nil, 1, func(_ int, a *task.Attempt) error {
		return stage.WriteFloats(a, centroidsName, "<f4", dim, shards[1][:k*dim])
	})
	p := &task.Plan{Kind: "refine", Name: "round-01", Inputs: map[string]string{"embed": "embed"}}
	for n := range shards {
		p.Tasks = append(p.Tasks, stage.Marshal(tallySpec{n, "centroids/" + centroidsName, "round-01"}))
	}
	if err := p.Save(filepath.Join(out, "refine")); err != nil {
		t.Fatal(err)
	}
	c := must(loadCentroids(start.Path(centroidsName)))
	want := make([]float64, k*dim)
	count, inertia := make([]int64, k), 0.0
	for _, x := range shards {
		for i := 0; i < len(x); i += dim {
			best, at := math.Inf(1), 0
			for j := range k {
				d := 0.0
				for l := range dim {
					d += math.Pow(float64(x[i+l]-c.X[j*dim+l]), 2)
				}
				if d < best {
					best, at = d, j
				}
			}
			count[at]++
			inertia += best
			for l := range dim {
				want[at*dim+l] += float64(x[i+l])
			}
		}
	}
	sum := must(readTally(p, runTally(t, p, 0)))
	for n := 1; n < len(shards); n++ {
		sum.Add(must(readTally(p, runTally(t, p, n))))
	}
	if d := cmp.Diff(count, sum.Count); d != "" {
		t.Errorf("counts:\n%s", d)
	}
	if d := cmp.Diff(want, sum.Sum, cmpopts.EquateApprox(1e-5, 1e-5)); d != "" || math.Abs(sum.Inertia-inertia) > 1e-3*inertia {
		t.Errorf("inertia %v, want %v; sums:\n%s", sum.Inertia, inertia, d)
	}
	c.Move(sum, false)
	for j := range k {
		for l := range dim {
			if mean := want[j*dim+l] / float64(count[j]); math.Abs(float64(c.X[j*dim+l])-mean) > 1e-5 {
				t.Errorf("centroid %d, %d: %v, want %v", j, l, c.X[j*dim+l], mean)
			}
		}
	}
}

func runTally(t *testing.T, p *task.Plan, n int) int {
	t.Helper()
	if _, err := p.Run(t.Context(), n, tallyShard); err != nil {
		t.Fatal(err)
	}
	return n
}
