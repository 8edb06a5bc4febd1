package history_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/history"
)

// Read a table of runs that were trained elsewhere, and ask what it tells.
func ExampleTable_Fit() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "runs.csv")
	if err := os.WriteFile(path, []byte(`run,domain:books,domain:web,metric:loss
a,0.05,0.95,3.40
b,0.15,0.85,3.25
c,0.25,0.75,3.15
d,0.35,0.65,3.05
e,0.45,0.55,3.01
f,0.55,0.45,3.00
g,0.75,0.25,3.08
h,0.95,0.05,3.30
`), 0o666); err != nil {
		log.Fatal(err)
	}
	table, err := history.Read(path)
	if err != nil {
		log.Fatal(err)
	}
	report, err := table.Fit(history.FitOptions{Predictor: "gp", Candidates: 1000, Next: 2, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Runs, "runs of", report.Domains, "of which", report.Lower, "is to be low")
	books := report.Best.Mixture[0]
	fmt.Println("recommended: more than 0.4 and less than 0.7 of books:", books > 0.4 && books < 0.7)
	fmt.Println(len(report.Next), "mixtures to train next")
	// Output:
	// 8 runs of [books web] of which [loss] is to be low
	// recommended: more than 0.4 and less than 0.7 of books: true
	// 2 mixtures to train next
}
