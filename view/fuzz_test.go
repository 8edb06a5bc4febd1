package view

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/trial"
)

// FuzzGather: whatever is read of a confirm.json or a search.json is shown, with
// numbers that are numbers.
func FuzzGather(f *testing.F) {
	f.Add(true, []byte(`{"winner":0,"rows":[{"name":"natural","mixture":[1],"scores":[-1],"seeds":[2],"mean":-1,"metrics":{"test/x:acc":0.5}}]}`))
	f.Add(false, []byte(`{"problem":{"Domains":["a","b"],"Prior":[0.5,0.5],"Rounds":[2]},"predicted":[0.25,0.75],"trials":[{"mixture":[0.5,0.5],"failed":"diverged"}]}`))
	f.Fuzz(func(t *testing.T, confirm bool, data []byte) {
		run := stage.New(t.TempDir(), 1)
		r := &View{Run: run, Trials: &trial.Trials{Run: run}}
		name := map[bool]string{true: "confirm", false: "search"}[confirm]
		if err := run.Add(&stage.Stage{Name: name, Options: func() (any, error) { return nil, nil }}); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(run.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(run.Dir(name), name+".json"), data, 0o666); err != nil {
			t.Fatal(err)
		}
		d := &report.Data{}
		if confirm {
			c, err := r.Trials.ReadConfirm()
			if err != nil {
				return
			}
			d.Domains = make([]report.Domain, len(c.Rows[c.Winner].Mixture))
			if err := r.reportConfirm(d); err != nil {
				t.Fatal(err)
			}
		} else {
			s, err := r.Trials.ReadSearch()
			if err != nil {
				return
			}
			d.Domains = make([]report.Domain, len(s.Predicted))
			if err := r.reportSearch(d); err != nil {
				t.Fatal(err)
			}
		}
		for _, x := range d.Trials {
			if math.IsNaN(x.Score) || math.IsInf(x.Score, 0) {
				t.Fatalf("a score of %v", x.Score)
			}
		}
		if err := report.Write(filepath.Join(t.TempDir(), "report"), d); err != nil {
			t.Fatal(err)
		}
	})
}
