package corpus

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/vec"
)

// A Vector is one row of a file of vectors.
type Vector struct {
	X     []float32 // valid until the next row
	ID    string
	HasID bool // the file has ids
}

// VectorFiles lists the files that ReadVectors reads: those that are named, and
// the .npy and .parquet files of the folders that are named, by name.
func VectorFiles(names []string) (files []string, err error) {
	for _, name := range names {
		if info, err := os.Stat(name); blob.IsURL(name) || err == nil && !info.IsDir() {
			files = append(files, name)
			continue
		} else if err != nil {
			return nil, err
		}
		before := len(files)
		err := filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
			hidden := path != name && strings.HasPrefix(d.Name(), ".")
			switch ext := filepath.Ext(path); {
			case err != nil:
				return err
			case hidden && d.IsDir():
				return fs.SkipDir
			case !hidden && !d.IsDir() && (ext == ".npy" || ext == ".parquet"):
				files = append(files, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		if len(files) == before {
			return nil, fmt.Errorf("folder %s holds no .npy or .parquet file", name)
		}
	}
	return files, nil
}

// ReadVectors yields the rows of a .npy file, with the ids of the .ids file
// beside it if there is one, or of a Parquet file, whose column vectorField is a
// list of numbers and whose column idField, if there is one, has the ids. Errors
// name the file and the row, from 0.
func ReadVectors(ctx context.Context, path, vectorField, idField string) iter.Seq2[Vector, error] {
	return func(yield func(Vector, error) bool) {
		row, stopped := 0, false
		use := func(v Vector) error {
			if row++; !yield(v, nil) {
				stopped = true
				return errStop
			}
			return ctx.Err()
		}
		var err error
		switch filepath.Ext(path) {
		case ".npy":
			err = readNPYVectors(path, use)
		case ".parquet":
			err = readParquetVectors(ctx, path, vectorField, idField, use)
		default:
			err = errors.New("is neither .npy nor .parquet")
		}
		if err != nil && !stopped {
			yield(Vector{}, fmt.Errorf("vectors %s, row %d: %w", path, row, err))
		}
	}
}

func readNPYVectors(path string, use func(Vector) error) error {
	r, err := vec.OpenNPY(path)
	if err != nil {
		return err
	}
	defer r.Close()
	if r.Header.Cols == 0 {
		return errors.New("the array has one dimension, want one row for each document")
	}
	v := Vector{X: make([]float32, r.Header.Cols)}
	next := func() (string, error) { return "", nil }
	ids, err := os.Open(strings.TrimSuffix(path, ".npy") + ".ids")
	if v.HasID = err == nil; v.HasID {
		defer ids.Close()
		next = idLines(ids)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for range r.Header.Rows {
		if _, err := r.ReadFloats(v.X); err != nil {
			return err
		}
		if v.ID, err = next(); err != nil {
			return err
		}
		if err := use(v); err != nil {
			return err
		}
	}
	if _, err := next(); v.HasID && err == nil {
		return fmt.Errorf("%s has more lines than the %d rows of the array", ids.Name(), r.Header.Rows)
	}
	return nil
}

// idLines reads ids, one a line, plain or as JSON strings.
func idLines(f *os.File) func() (string, error) {
	r := bufio.NewReaderSize(f, 1<<16)
	return func() (id string, err error) {
		line, err := r.ReadString('\n')
		if err != nil && (err != io.EOF || line == "") {
			return "", fmt.Errorf("%s has no line for it: %w", f.Name(), noEOF(err))
		}
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, `"`) && json.Unmarshal([]byte(line), &id) == nil {
			return id, nil
		}
		return line, nil
	}
}

func readParquetVectors(ctx context.Context, path, vectorField, idField string, use func(Vector) error) error {
	file, err := blob.Open(ctx, path)
	if err != nil {
		return err
	}
	defer file.Close()
	f, err := openParquet(file)
	if err != nil {
		return err
	}
	list, err := findNumbers(f.Root(), vectorField)
	if err != nil {
		return err
	}
	t := &table{leaves: []*column{newColumn(list)}}
	v := Vector{}
	if id, err := findColumn(f.Root(), idField); err == nil {
		t.leaves, v.HasID = append(t.leaves, newColumn(id)), true
	}
	for _, g := range f.RowGroups() {
		if err := t.vectors(g, v, use); err != nil {
			return err
		}
	}
	return nil
}

// vectors gives the rows of a row group to use.
func (t *table) vectors(g parquet.RowGroup, v Vector, use func(Vector) error) error {
	defer t.close()
	if err := guarded(func() error { return t.open(g) }); err != nil {
		return err
	}
	for range g.NumRows() {
		for _, c := range t.leaves {
			if err := c.next(); err != nil {
				return noEOF(err)
			}
		}
		v.X = v.X[:0]
		for _, x := range t.leaves[0].row {
			switch {
			case x.IsNull():
				return errors.New("the vector is null, or holds a null")
			case x.Kind() == parquet.Float:
				v.X = append(v.X, x.Float())
			default:
				v.X = append(v.X, float32(x.Double()))
			}
		}
		if v.HasID {
			if t.leaves[1].row[0].IsNull() {
				return errors.New("the id is null")
			}
			v.ID = t.leaves[1].plain()
		}
		if err := use(v); err != nil {
			return err
		}
	}
	return nil
}

// findNumbers finds the leaf of a list of numbers by its dotted path.
func findNumbers(root *parquet.Column, path string) (*parquet.Column, error) {
	var names []string
	for _, child := range root.Columns() {
		names = append(names, child.Name())
	}
	c := root
	for name := range strings.SplitSeq(path, ".") {
		if c = c.Column(name); c == nil {
			return nil, fmt.Errorf("there is no column %q: set vector_field to one of %s", path, strings.Join(names, ", "))
		}
	}
	for !c.Leaf() && len(c.Columns()) == 1 {
		c = c.Columns()[0]
	}
	numbers := []parquet.Kind{parquet.Float, parquet.Double}
	if !c.Leaf() || c.MaxRepetitionLevel() != 1 || !slices.Contains(numbers, c.Type().Kind()) {
		return nil, fmt.Errorf("column %q is no list of float or double: set vector_field to one of %s", path, strings.Join(names, ", "))
	}
	return c, nil
}
