package vec

import (
	"fmt"
	"sort"
)

// NPYRows are the rows of several .npy files of floats as if they were one
// array. They stay on disk; files are opened as they are read, so their number
// does not matter.
type NPYRows struct {
	paths []string
	first []int // row of the whole that each file begins with, then the end
	cols  int
}

// OpenNPYRows checks the headers of the files.
func OpenNPYRows(paths ...string) (*NPYRows, error) {
	n := &NPYRows{paths: paths, first: make([]int, 1, len(paths)+1)}
	for i, path := range paths {
		r, err := OpenNPY(path)
		if err != nil {
			return nil, err
		}
		h := r.Header
		if err := r.Close(); err != nil {
			return nil, err
		}
		if i > 0 && h.Cols != n.cols {
			return nil, fmt.Errorf("read npy %s: rows of %d, but those of %s have %d", path, h.Cols, paths[0], n.cols)
		}
		n.cols = h.Cols
		n.first = append(n.first, n.first[i]+h.Rows)
	}
	return n, nil
}

// Len is the number of rows of all files.
func (n *NPYRows) Len() int { return n.first[len(n.paths)] }

// Dim is the number of columns.
func (n *NPYRows) Dim() int { return n.cols }

// Read fills dst with whole rows from row at on. Calls may overlap.
func (n *NPYRows) Read(dst []float32, at int) error {
	if at < 0 || len(dst)%n.cols != 0 || at+len(dst)/n.cols > n.Len() {
		return fmt.Errorf("read npy: %d numbers from row %d of %d x %d", len(dst), at, n.Len(), n.cols)
	}
	for len(dst) > 0 {
		file := sort.SearchInts(n.first, at+1) - 1
		rows := min(len(dst)/n.cols, n.first[file+1]-at)
		if err := n.readFile(dst[:rows*n.cols], file, at-n.first[file]); err != nil {
			return err
		}
		dst, at = dst[rows*n.cols:], at+rows
	}
	return nil
}

func (n *NPYRows) readFile(dst []float32, file, at int) error {
	r, err := OpenNPY(n.paths[file])
	if err != nil {
		return err
	}
	defer r.Close()
	if want := n.first[file+1] - n.first[file]; r.Header.Rows != want || r.Header.Cols != n.cols {
		return fmt.Errorf("read npy %s: it has %d rows of %d now and had %d of %d", n.paths[file], r.Header.Rows, r.Header.Cols, want, n.cols)
	}
	if err := r.SeekRow(at); err != nil {
		return err
	}
	_, err = r.ReadFloats(dst)
	return err
}
