package curate_test

import (
	"fmt"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/vec"
)

// openRun opens a run of a climb.yaml.
func openRun(t *testing.T, yaml string) *climb.Run {
	t.Helper()
	c, err := climb.ParseConfig([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	r := climb.NewRun(c)
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// part is the name of an output as docs/format.md has it.
func part(n int, ext string) string { return fmt.Sprintf("part-%05d.%s", n, ext) }

// ints reads a column of whole numbers.
func ints(path string) ([]int32, error) {
	r, err := vec.OpenNPY(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := make([]int32, r.Header.Rows)
	_, err = r.ReadInts(x)
	return x, err
}
