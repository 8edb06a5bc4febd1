package stage

import (
	"path/filepath"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// A Column is an array with a value, or a row of values, for each document: one
// NumPy file a shard, written by the task of that shard.
type Column struct {
	Stage string // that writes it
	Ext   string // of the files: "npy", "dist.npy"
	Dtype string // of NumPy: "<i4"
}

func (c Column) parts() Parts { return Parts{c.Stage, c.Ext} }

// Name is the file name of a shard, below the directory of the stage.
func (c Column) Name(shard int) string { return c.parts().Name(shard) }

// Path is the file of a shard, for a plan of the stage or one that reads it.
func (c Column) Path(p *task.Plan, shard int) string { return c.parts().Path(p, shard) }

// PathIn is the file of a shard of a run.
func (c Column) PathIn(r *Run, shard int) string {
	return filepath.Join(r.Dir(c.Stage), c.Name(shard))
}

// Create makes the file of a shard, to be written row by row. The caller closes
// both, the writer first.
func (c Column) Create(a *task.Attempt, shard, cols int) (*vec.NPYWriter, *task.File, error) {
	f, err := c.parts().Create(a, shard)
	if err != nil {
		return nil, nil, err
	}
	w, err := vec.NewNPYWriter(f, c.Dtype, cols)
	return w, f, err
}

// Open opens the file of a shard, for a plan of the stage or one that reads it.
func (c Column) Open(p *task.Plan, shard int) (*vec.NPYReader, error) {
	return vec.OpenNPY(c.Path(p, shard))
}

// Ints loads the whole numbers of a shard, for a plan of the stage or one that
// reads it.
func (c Column) Ints(p *task.Plan, shard int) ([]int32, error) { return readInts(c.Path(p, shard)) }

// IntsIn loads the whole numbers of a shard of a run.
func (c Column) IntsIn(r *Run, shard int) ([]int32, error) { return readInts(c.PathIn(r, shard)) }

// Floats loads the numbers of a shard, rows x columns, for a plan of the stage or
// one that reads it.
func (c Column) Floats(p *task.Plan, shard int) ([]float32, vec.NPYHeader, error) {
	return ReadFloats(c.Path(p, shard))
}

// FloatsIn loads the numbers of a shard of a run.
func (c Column) FloatsIn(r *Run, shard int) ([]float32, vec.NPYHeader, error) {
	return ReadFloats(c.PathIn(r, shard))
}

// WriteInts writes the whole numbers of a shard as an output.
func (c Column) WriteInts(a *task.Attempt, shard int, x []int32) error {
	return writeArray(a, c.Name(shard), c.Dtype, 0, func(w *vec.NPYWriter) error { return w.WriteInts(x) })
}

// WriteFloats writes the numbers of a shard as an output, rows x cols; 0 columns
// make an array of one dimension.
func (c Column) WriteFloats(a *task.Attempt, shard, cols int, x []float32) error {
	return WriteFloats(a, c.Name(shard), c.Dtype, cols, x)
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

// readInts loads a whole integer column.
func readInts(path string) ([]int32, error) {
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
