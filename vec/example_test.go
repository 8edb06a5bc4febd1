package vec_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/vec"
)

// A matrix product of a 2 x 3 matrix and the transpose of another: row by row.
func ExampleGemm() {
	a, b := []float32{1, 2, 3, 4, 5, 6}, []float32{1, 0, 0, 0, 1, 0}
	c := make([]float32, 4)
	vec.Gemm(false, true, 2, 2, 3, 1, a, 3, b, 3, 0, c, 2)
	fmt.Println(c)
	// Output: [1 2 4 5]
}

// Vectors are kept in NumPy's files, which every tool reads.
func ExampleNPYWriter() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "vectors.npy")
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	w, err := vec.NewNPYWriter(f, "<f4", 2)
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(w.WriteFloats([]float32{1, 2, 3, 4}), w.Close(), f.Close()); err != nil {
		log.Fatal(err)
	}
	r, err := vec.OpenNPY(path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Printf("%d x %d of %s\n", r.Header.Rows, r.Header.Cols, r.Header.Dtype)
	// Output: 2 x 2 of <f4
}
