package mmap_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/mmap"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "a")
	if err := os.WriteFile(path, []byte("a few bytes"), 0o600); err != nil {
		panic(err)
	}
	f, err := mmap.Open(path)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Printf("%s\n", f.Data[2:5])
	// Output: few
}
