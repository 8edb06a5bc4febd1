package curate_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

const importDim = 5

// importedRow is the vector that the test gives to document i, of any length.
func importedRow(i int) []float32 {
	x := make([]float32, importDim)
	for j := range x {
		x[j] = float32(math.Sin(float64(i*importDim+j))) * float32(i+1)
	}
	return x
}

// vectorFile writes the vectors of documents; ids, if not nil, are theirs.
func vectorFile(t *testing.T, path string, docs []int, ids func(i int) string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if filepath.Ext(path) == ".parquet" {
		type row struct {
			ID         string    `parquet:"id"`
			Text       string    `parquet:"text"`
			Embeddings []float32 `parquet:"embeddings,list"`
		}
		w := parquet.NewGenericWriter[row](f, parquet.MaxRowsPerRowGroup(7), parquet.PageBufferSize(64))
		for _, i := range docs {
			if _, err := w.Write([]row{{ids(i), "text", importedRow(i)}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return
	}
	w, err := vec.NewNPYWriter(f, "<f4", importDim)
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, i := range docs {
		if err := w.WriteFloats(importedRow(i)); err != nil {
			t.Fatal(err)
		}
		if ids != nil {
			fmt.Fprintln(&lines, ids(i))
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if ids != nil {
		if err := os.WriteFile(strings.TrimSuffix(path, ".npy")+".ids", []byte(lines.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// importRun writes docs documents, of which the last one comes twice under
// another id, and runs until the stage embed with the vectors of dir.
func importRun(t *testing.T, dir string, docs int, options string) (*climb.Run, error) {
	t.Helper()
	var lines strings.Builder
	for i := range docs + 1 {
		fmt.Fprintf(&lines, "{\"id\":\"d%d\",\"text\":\"text number %d\"}\n", i, min(i, docs-1))
	}
	if err := os.WriteFile(filepath.Join(dir, "in.jsonl"), []byte(lines.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("out: %[1]s/run\ncorpus: {inputs: [%[1]s/in.jsonl], shard_bytes: 1000, dedup: text}\nembed: {method: import, import: {files: [%[1]s/vectors]%[2]s}}\n", dir, options)
	c, err := climb.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	r := climb.NewRun(c)
	return r, r.Until(t.Context(), "embed")
}

// checkImported compares the vectors of all shards with those that were given.
func checkImported(t *testing.T, r *climb.Run, docs int) {
	t.Helper()
	p, err := task.Load(filepath.Join(r.Dir("embed"), "plan.json"))
	if err != nil || len(p.Tasks) < 2 {
		t.Fatalf("%v, and want several shards", err)
	}
	at := 0
	for n := range p.Tasks {
		x, h, err := stage.ReadFloats(p.Path(part(n, "npy")))
		if err != nil || h.Cols != importDim {
			t.Fatal(h, err)
		}
		for row := range h.Rows {
			want := importedRow(at)
			vec.Scale(float32(1/math.Sqrt(vec.SumSquares(want))), want)
			if vec.SquaredDistance(x[row*importDim:(row+1)*importDim], want) > 1e-6 {
				t.Fatalf("document %d has the vector %v, want %v", at, x[row*importDim:(row+1)*importDim], want)
			}
			at++
		}
	}
	if at != docs {
		t.Errorf("%d vectors for %d documents", at, docs)
	}
}

func numbers(from, to, step int) (out []int) {
	for i := from; i < to; i += step {
		out = append(out, i)
	}
	return out
}

func TestImportedVectors(t *testing.T) {
	const docs = 200
	plain := func(i int) string { return fmt.Sprintf("d%d", i) }
	quoted := func(i int) string { return fmt.Sprintf("%q", plain(i)) }
	for name, write := range map[string]func(t *testing.T, dir string){
		"npy by order": func(t *testing.T, dir string) {
			vectorFile(t, dir+"/a.npy", numbers(0, 90, 1), nil)
			vectorFile(t, dir+"/b.npy", numbers(90, docs, 1), nil)
		},
		"npy by id": func(t *testing.T, dir string) { // 1 is there for the duplicate too
			vectorFile(t, dir+"/b.npy", numbers(0, docs, 2), plain)
			vectorFile(t, dir+"/a.npy", numbers(1, docs+1, 2), quoted)
			vectorFile(t, dir+"/more/c.npy", numbers(docs, docs+9, 2), plain)
		},
		"parquet": func(t *testing.T, dir string) {
			vectorFile(t, dir+"/0.parquet", numbers(100, docs+1, 1), plain)
			vectorFile(t, dir+"/1.parquet", numbers(0, 100, 1), plain)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "vectors"))
			r, err := importRun(t, dir, docs, ", sort_rows: 16")
			if err != nil {
				t.Fatal(err)
			}
			checkImported(t, r, docs)
			for _, stage := range []string{"vectorizer", "embed"} {
				againTheSame(t, filepath.Join(r.Dir(stage), "plan.json"))
			}
		})
	}
}

// againTheSame runs the first task of a plan again, which is to write the same.
func againTheSame(t *testing.T, plan string) {
	t.Helper()
	p, err := task.Load(plan)
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Manifest(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.Path("done", "00000.json")); err != nil {
		t.Fatal(err)
	}
	after, err := stage.RunTask(context.Background(), climb.Stages(), plan, 0)
	if err != nil || fmt.Sprint(before.Outputs) != fmt.Sprint(after.Outputs) {
		t.Errorf("%s: %v\n%v\n%v", plan, err, before.Outputs, after.Outputs)
	}
}

func TestImportRefuses(t *testing.T) {
	const docs = 60
	all := numbers(0, docs, 1)
	plain := func(i int) string { return fmt.Sprintf("d%d", i) }
	for name, c := range map[string]struct {
		write   func(dir string)
		options string
		want    []string
	}{
		"missing id":  {func(dir string) { vectorFile(t, dir+"/a.npy", all[1:], plain) }, "", []string{`"d0"`, "in.jsonl:1", "join: order"}},
		"repeated id": {func(dir string) { vectorFile(t, dir+"/a.npy", append(all, 7), plain) }, "", []string{"a.npy, row 7", "a.npy, row 60"}},
		"count":       {func(dir string) { vectorFile(t, dir+"/a.npy", append(all, docs), nil) }, "", []string{"61 vectors", "60 documents, after 1 duplicates", "corpus.dedup"}},
		"too few ids": {func(dir string) {
			vectorFile(t, dir+"/a.npy", all, plain)
			if err := os.WriteFile(dir+"/a.ids", []byte("d0\nd1\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		}, "", []string{"a.npy, row 2", "a.ids"}},
		"mixed": {func(dir string) {
			vectorFile(t, dir+"/a.npy", all[:30], plain)
			vectorFile(t, dir+"/b.npy", all[30:], nil)
		}, "", []string{"a.npy", "b.npy", "one has ids"}},
		"column": {func(dir string) { vectorFile(t, dir+"/a.parquet", all, plain) }, ", vector_field: vector", []string{"a.parquet", "vector_field", "embeddings"}},
		"text":   {func(dir string) { vectorFile(t, dir+"/a.parquet", all, plain) }, ", vector_field: text", []string{"a.parquet", "no list of float"}},
		"not finite": {func(dir string) {
			vectorFile(t, dir+"/a.npy", all, nil)
			data, err := os.ReadFile(dir + "/a.npy")
			if err != nil {
				t.Fatal(err)
			}
			copy(data[len(data)-4:], "\x00\x00\xc0\x7f")
			if err := os.WriteFile(dir+"/a.npy", data, 0o666); err != nil {
				t.Fatal(err)
			}
		}, "", []string{"a.npy, row 59", "NaN"}},
		"empty folder": {func(dir string) { os.MkdirAll(dir, 0o777) }, "", []string{"embed.import.files", "no .npy or .parquet"}},
	} {
		dir := t.TempDir()
		c.write(filepath.Join(dir, "vectors"))
		_, err := importRun(t, dir, docs, c.options)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\nwant %q in it", name, err, want)
			}
		}
	}
}

// Two documents of one id are refused where vectors are found by ids, in one shard and
// over shards: one would have the vector of the other. By order they are not.
func TestImportRefusesRepeatedIDs(t *testing.T) {
	for name, second := range map[string]int{"one shard": 3, "two shards": 59} {
		dir := t.TempDir()
		var lines strings.Builder
		for i := range 60 {
			id := i
			if i == second {
				id = 2
			}
			fmt.Fprintf(&lines, "{\"id\":\"d%d\",\"text\":\"text number %d\"}\n", id, i)
		}
		if err := os.WriteFile(filepath.Join(dir, "in.jsonl"), []byte(lines.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		vectorFile(t, filepath.Join(dir, "vectors", "a.npy"), numbers(0, 60, 1), func(i int) string { return fmt.Sprintf("d%d", i) })
		for _, join := range []string{"", ", join: order"} {
			r := openRun(t, fmt.Sprintf("out: %[1]s/run\ncorpus: {inputs: [%[1]s/in.jsonl], shard_bytes: 1000}\nembed: {method: import, import: {files: [%[1]s/vectors], sort_rows: 16%[2]s}}\n", dir, join))
			for range 2 { // also when the stage was done before
				err := r.Until(t.Context(), "embed")
				if join == "" && (err == nil || !strings.Contains(err.Error(), `"d2"`) || !strings.Contains(err.Error(), "two documents")) || join != "" && err != nil {
					t.Errorf("%s%s: %v", name, join, err)
				}
			}
		}
	}
}
