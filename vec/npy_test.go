package vec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writeNPY writes x as floats or as integers, a few rows at a time.
func writeNPY(t *testing.T, dtype string, cols int, x []float32) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.npy")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewNPYWriter(f, dtype, cols)
	if err != nil {
		t.Fatal(err)
	}
	for len(x) > 0 {
		n := min(len(x), 700*max(cols, 1))
		if dtype[1] == 'f' {
			err = w.WriteFloats(x[:n])
		} else {
			err = w.WriteInts(ints(x[:n]))
		}
		if err != nil {
			t.Fatal(err)
		}
		x = x[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func ints(x []float32) (y []int32) {
	for _, v := range x {
		y = append(y, int32(v))
	}
	return y
}

// wholeNumbers are exact in all four types.
func wholeNumbers(n int) []float32 {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.IntN(4001) - 2000)
	}
	return x
}

func TestNPYRoundTrip(t *testing.T) {
	for dtype := range npySizes {
		for _, shape := range [][2]int{{0, 0}, {1, 0}, {5000, 0}, {0, 3}, {1, 1}, {1999, 17}, {3, 40000}} {
			rows, cols := shape[0], shape[1]
			x := wholeNumbers(rows * max(cols, 1))
			r, err := OpenNPY(writeNPY(t, dtype, cols, x))
			if err != nil {
				t.Fatal(err)
			}
			if want := (NPYHeader{dtype, rows, cols}); r.Header != want {
				t.Fatalf("header %+v, want %+v", r.Header, want)
			}
			if got := readAll(t, r, 100*max(cols, 1)+max(cols, 1)/2); !slices.Equal(got, x) {
				t.Fatalf("%s %v: read something else than was written", dtype, shape)
			}
			if rows > 1 {
				if err := r.SeekRow(rows - 1); err != nil {
					t.Fatal(err)
				}
				if got := readAll(t, r, max(cols, 1)); !slices.Equal(got, x[len(x)-max(cols, 1):]) {
					t.Fatalf("%s %v: last row is %v", dtype, shape, got)
				}
			}
			if err := r.SeekRow(rows + 1); err == nil {
				t.Fatal("seek beyond the end is no error")
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// readAll reads to the end with a buffer of room elements.
func readAll(t *testing.T, r *NPYReader, room int) (all []float32) {
	t.Helper()
	f, i := make([]float32, room), make([]int32, room)
	for {
		var n int
		var err error
		if r.Header.Dtype[1] == 'f' {
			n, err = r.ReadFloats(f)
		} else if n, err = r.ReadInts(i); err == nil {
			for k := range n * r.Header.width() {
				f[k] = float32(i[k])
			}
		}
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f[:n*r.Header.width()]...)
	}
}

// TestNPYNumpy has numpy read what we write, and reads what numpy writes.
func TestNPYNumpy(t *testing.T) {
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import numpy").Run(); err != nil {
		t.Skip("no numpy in " + python)
	}
	x := wholeNumbers(21)
	var paths, want []string
	for _, dtype := range slices.Sorted(maps.Keys(npySizes)) {
		for _, cols := range []int{0, 1, 7} {
			shape := NPYHeader{Rows: 21 / max(cols, 1), Cols: cols}
			paths = append(paths, writeNPY(t, dtype, cols, x))
			want = append(want, fmt.Sprintf("%s (%d, %d) %v", dtype, shape.Rows, cols, ints(x)))
		}
	}
	const script = `
import sys, numpy as np
for path in sys.argv[1:]:
	x = np.load(path)
	assert x.flags.c_contiguous
	np.save(path + ".numpy.npy", x)
	rows, cols = x.shape if x.ndim == 2 else (len(x), 0)
	print(x.dtype.str, (rows, cols), "[" + " ".join("%d" % v for v in x.ravel()) + "]")`
	out, err := exec.Command(python, append([]string{"-c", script}, paths...)...).CombinedOutput()
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v: numpy read\n%s\nwant\n%s", err, out, strings.Join(want, "\n"))
	}
	for _, path := range paths {
		r, err := OpenNPY(path + ".numpy.npy")
		if err != nil {
			t.Fatal(err)
		}
		if all := readAll(t, r, 14); !slices.Equal(all, x) {
			t.Fatalf("%+v: numpy's file reads as %v", r.Header, all)
		}
		r.Close()
	}
}

func TestNPYBadFiles(t *testing.T) {
	header := func(dict string) string { return npyMagic + "\x01\x00" + string(rune(len(dict))) + "\x00" + dict }
	for _, c := range []struct{ file, want string }{
		{"", "not a .npy file"},
		{"PK\x03\x04 and more of a zip file", "not a .npy file"},
		{npyMagic + "\x01\x00\x76\x00{'descr'", "cut short"},
		{npyMagic + "\x09\x00\x01\x00\x00\x00{", "version 9.0"},
		{npyMagic + "\x02\x00\xff\xff\xff\xff{", "cut short"},
		{header("descr"), "not a dictionary"},
		{header("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }"), "ascontiguousarray"},
		{header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"), "astype"},
		{header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"), "header has"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }"), "(rows, columns)"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (), }"), "(rows, columns)"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"), "(rows, columns)"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2), }"), "cut short"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }") + "1234567", "7 bytes of data for 2 rows of 1 x <f4"},
		{header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }") + "123456789", "more than one array"},
	} {
		path := filepath.Join(t.TempDir(), "bad.npy")
		if err := os.WriteFile(path, []byte(c.file), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := OpenNPY(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: error %v, want the path and %q", c.file, err, c.want)
		}
	}
	if _, err := OpenNPY(filepath.Join(t.TempDir(), "none.npy")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestNPYMisuse(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x.npy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := NewNPYWriter(f, "<f8", 1); err == nil {
		t.Error("dtype <f8 is no error")
	}
	for _, c := range []struct {
		dtype string
		write func(w *NPYWriter) error
		want  string
	}{
		{"<f4", func(w *NPYWriter) error { return w.WriteFloats(make([]float32, 3)) }, "not whole rows of 2"},
		{"<f4", func(w *NPYWriter) error { return w.WriteInts(make([]int32, 2)) }, "integers to an array of <f4"},
		{"<i2", func(w *NPYWriter) error { return w.WriteInts([]int32{0, 32768}) }, "use <i4"},
	} {
		w, err := NewNPYWriter(f, c.dtype, 2)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.write(w); err == nil || !strings.Contains(err.Error(), c.want) || w.Close() == nil {
			t.Errorf("error %v, want %q, and again from Close", err, c.want)
		}
	}
	path := writeNPY(t, "<f2", 4, wholeNumbers(8))
	r, err := OpenNPY(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.ReadInts(make([]int32, 4)); err == nil || !strings.Contains(err.Error(), "<f2, not integers") {
		t.Errorf("ReadInts from <f2: %v", err)
	}
	if _, err := r.ReadFloats(make([]float32, 3)); err == nil || !strings.Contains(err.Error(), "a row has 4") {
		t.Errorf("no room for a row: %v", err)
	}
	if err := os.Truncate(path, 130); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadFloats(make([]float32, 8)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("file cut while open: %v", err)
	}
}

// FuzzNPY: no file makes the reader panic or take more memory than it has bytes,
// and what is read can be written to the same array.
func FuzzNPY(f *testing.F) {
	f.Add(append(NPYHeader{"<f4", 2, 3}.bytes(), make([]byte, 24)...))
	f.Add(append(NPYHeader{"<i2", 3, 0}.bytes(), make([]byte, 6)...))
	f.Add([]byte(npyMagic + "\x02\x00\x38\x00\x00\x00{\"shape\":(1,),'fortran_order':False , 'descr': '<f2'}     \n12"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := readNPY(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		h := r.Header
		if h.Rows < 0 || h.Cols < 0 || h.Rows*h.width()*h.itemSize() != len(file)-int(r.data) {
			t.Fatalf("%+v accepted for %d bytes of data", h, len(file)-int(r.data))
		}
		if h.width() > 1<<20 { // no rows, so nothing says how wide a row may be
			return
		}
		n := len(readAll(t, r, 2*h.width()))
		if n != h.Rows*h.width() {
			t.Fatalf("%+v: read %d elements", h, n)
		}
	})
}

// TestNPYRows reads across the ends of files, some of them empty.
func TestNPYRows(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	row := 0
	for i, rows := range []int{3, 0, 1, 5, 0} {
		path := filepath.Join(dir, fmt.Sprintf("%d.npy", i))
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewNPYWriter(f, []string{"<f2", "<f4"}[i%2], 2)
		if err != nil {
			t.Fatal(err)
		}
		for range rows {
			if err := w.WriteFloats([]float32{float32(row), -float32(row)}); err != nil {
				t.Fatal(err)
			}
			row++
		}
		if err := errors.Join(w.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	r, err := OpenNPYRows(paths...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Len() != 9 || r.Dim() != 2 {
		t.Fatalf("%d rows of %d", r.Len(), r.Dim())
	}
	for at := range 9 {
		for n := 1; at+n <= 9; n++ {
			x := make([]float32, 2*n)
			if err := r.Read(x, at); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if want := float32(at + i); x[2*i] != want || x[2*i+1] != -want {
					t.Fatalf("row %d of %d from %d: %v", i, n, at, x[2*i:2*i+2])
				}
			}
		}
	}
	if err := r.Read(make([]float32, 4), 8); err == nil {
		t.Error("more rows than there are are read")
	}
	if err := os.Remove(paths[3]); err != nil {
		t.Fatal(err)
	}
	if err := r.Read(make([]float32, 2), 8); err == nil {
		t.Error("a file that is gone is read")
	}
}
