package curate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// TestSampleVectors holds the vectors of the sample once: each row as it was
// written, and not much more memory made than they need.
func TestSampleVectors(t *testing.T) {
	const dim, rows, limit = 64, 3000, 8000
	dir := t.TempDir()
	scan := ScanReport{Documents: 4 * rows, Rows: []int64{rows, rows, rows, rows}}
	for _, d := range []string{"rows", "embed", "centroids"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(scan)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rows", "scan.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	for shard := range scan.Rows {
		f, err := os.Create(filepath.Join(dir, "embed", VectorOf.Name(shard)))
		if err != nil {
			t.Fatal(err)
		}
		w, err := vec.NewNPYWriter(f, "<f4", dim)
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, rows*dim)
		for i := range x {
			x[i] = float32(shard*rows + i/dim) // the row's number
		}
		if err := w.WriteFloats(x); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	p := &task.Plan{Kind: "centroids", Inputs: map[string]string{"rows": "rows", "embed": "embed"}}
	if err := p.Save(filepath.Join(dir, "centroids")); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x, n, d, err := sampleVectors(p, limit, 1)
	runtime.ReadMemStats(&after)
	if err != nil || n != limit || d != dim || len(x) != n*d {
		t.Fatalf("%d rows of %d in %d numbers, want %d of %d: %v", n, d, len(x), limit, dim, err)
	}
	last := float32(-1)
	for i := range n {
		row := x[i*d : (i+1)*d]
		if row[0] <= last || row[0] != row[d-1] {
			t.Fatalf("row %d holds %v to %v, after %v", i, row[0], row[d-1], last)
		}
		last = row[0]
	}
	if made, needed := after.TotalAlloc-before.TotalAlloc, uint64(4*n*d); made > needed*3/2 {
		t.Errorf("%d bytes made for a sample of %d", made, needed)
	}
}
