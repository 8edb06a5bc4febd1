package stage

import (
	"fmt"
	"path/filepath"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// Part is the name of an output of task n: part-NNNNN.EXT.
func Part(n int, ext string) string { return fmt.Sprintf("part-%05d.%s", n, ext) }

// A Column is an array with a value, or a row of values, for each document: one
// NumPy file a shard, written by the task of that shard.
type Column struct {
	Stage string // that writes it
	Ext   string // of the files: "npy", "dist.npy"
	Dtype string // of NumPy: "<i4"
}

// Path is the file of a shard, for a plan that reads the stage.
func (c Column) Path(p *task.Plan, shard int) string { return c.In(p.Input(c.Stage), shard) }

// In is the file of a shard in the directory of the stage.
func (c Column) In(dir string, shard int) string { return filepath.Join(dir, Part(shard, c.Ext)) }

// Ints loads the whole numbers of a shard, for a plan that reads the stage.
func (c Column) Ints(p *task.Plan, shard int) ([]int32, error) { return ReadInts(c.Path(p, shard)) }

// Floats loads the numbers of a shard, rows x columns, for a plan that reads the
// stage.
func (c Column) Floats(p *task.Plan, shard int) ([]float32, vec.NPYHeader, error) {
	return ReadFloats(c.Path(p, shard))
}

// WriteInts writes the whole numbers of a shard as an output.
func (c Column) WriteInts(a *task.Attempt, shard int, x []int32) error {
	return writeArray(a, Part(shard, c.Ext), c.Dtype, 0, func(w *vec.NPYWriter) error { return w.WriteInts(x) })
}

// WriteFloats writes the numbers of a shard as an output, rows x cols; 0 columns
// make an array of one dimension.
func (c Column) WriteFloats(a *task.Attempt, shard, cols int, x []float32) error {
	return WriteFloats(a, Part(shard, c.Ext), c.Dtype, cols, x)
}

// ReadFloats loads a whole float matrix.
func ReadFloats(path string) ([]float32, vec.NPYHeader, error) {
	r, err := vec.OpenNPY(path)
	if err != nil {
		return nil, vec.NPYHeader{}, err
	}
	defer r.Close()
	h := r.Header
	x := make([]float32, h.Rows*max(1, h.Cols))
	if len(x) > 0 {
		_, err = r.ReadFloats(x)
	}
	return x, h, err
}

// WriteFloats writes a float matrix as an output.
func WriteFloats(a *task.Attempt, name, dtype string, cols int, x []float32) error {
	return writeArray(a, name, dtype, cols, func(w *vec.NPYWriter) error { return w.WriteFloats(x) })
}

// ReadInts loads a whole integer column.
func ReadInts(path string) ([]int32, error) {
	r, err := vec.OpenNPY(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := make([]int32, r.Header.Rows)
	if len(x) > 0 {
		_, err = r.ReadInts(x)
	}
	return x, err
}

func writeArray(a *task.Attempt, name, dtype string, cols int, write func(*vec.NPYWriter) error) error {
	f, err := a.Create(name)
	if err != nil {
		return err
	}
	w, err := vec.NewNPYWriter(f, dtype, cols)
	if err != nil {
		return err
	}
	if err := write(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
