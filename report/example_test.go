package report_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/report"
)

// A report is a page for people and a file for programs, made of what is known:
// every part may be missing.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	d := &report.Data{Domains: []report.Domain{{Name: "books"}, {Name: "web"}}}
	if err := report.Write(dir, d); err != nil {
		log.Fatal(err)
	}
	_, err1 := os.Stat(filepath.Join(dir, "index.html"))
	_, err2 := os.Stat(filepath.Join(dir, "summary.json"))
	fmt.Println(errors.Join(err1, err2))
	// Output: <nil>
}
