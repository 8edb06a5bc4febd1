package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/token"
)

func TestEval(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tok, err := token.Train(func(yield func(string) bool) { yield("the river and the stone by the lake") }, token.TrainOptions{Vocab: 280})
	if err != nil {
		t.Fatal(err)
	}
	m, err := lm.New(lm.Config{Vocab: tok.Vocab(), Width: 16, Layers: 1, Heads: 2, Context: 64}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Save(filepath.Join(dir, "model")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "tok.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "q.jsonl"), []byte(`{"query":"the river","choices":["and","the stone"],"gold":1}`+"\n"+`{"query":"a","choices":["lake","sea"],"gold":0}`))

	// Both choices are one text: the first counts, whatever the model.
	writeFile(t, filepath.Join(dir, "sure.jsonl"), []byte(strings.Repeat(`{"query":"the river","choices":["and","and"],"gold":0}`+"\n", 4)))
	if code, _, errs := climbRun(t, dir, "eval", "model", "q.jsonl"); code != 2 || !strings.Contains(errs, "--tokenizer") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, _, errs := climbRun(t, dir, "eval", "model", "none.yaml", "--tokenizer", "tok.json"); code != 2 || !strings.Contains(errs, "none.yaml") {
		t.Errorf("exit %d, %s", code, errs)
	}
	writeFile(t, filepath.Join(dir, "rows.jsonl"), []byte(`{"sentence":"the river by _ and the lake","option1":"the stone","option2":"the lake","answer":"1"}`+"\n"))
	if out := mustRun(t, dir, "eval", "model", "--task", "winogrande", "rows.jsonl", "--tokenizer", "tok.json"); !strings.Contains(out, "\nwinogrande  1.0") {
		t.Errorf("--task printed\n%s", out)
	}
	if code, _, errs := climbRun(t, dir, "eval", "model", "--task", "winogrand", "rows.jsonl", "--tokenizer", "tok.json"); code != 2 || !strings.Contains(errs, "climb eval --tasks") {
		t.Errorf("exit %d, %s", code, errs)
	}
	out := mustRun(t, dir, "eval", "model", "q.jsonl", "--tokenizer", "tok.json", "--output", "r.json")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 1+len(eval.Core)+1 || !strings.HasPrefix(lines[0], "TASK") || !strings.Contains(lines[5], "bpb") || !strings.Contains(lines[5], "lower") || !strings.Contains(lines[5], "± ") {
		t.Errorf("printed\n%s", out)
	}
	all := mustRun(t, dir, "eval", "model", "sure.jsonl", "--tokenizer", "tok.json", "--json")
	var sure struct {
		Results   map[string]map[string]any
		Intervals map[string]map[string][2]float64
	}
	if err := json.Unmarshal([]byte(all), &sure); err != nil {
		t.Fatal(err)
	}
	// Wilson's interval of 4 of 4: z^2/(n+z^2) is 0.4899 of the way.
	if acc := sure.Intervals["sure"]["acc"]; sure.Results["sure"]["acc,none"] != 1.0 || math.Abs(acc[0]-0.5101) > 1e-4 || acc[1] != 1 {
		t.Errorf("all right: %v in %v", sure.Results["sure"], sure.Intervals)
	}
	if out := mustRun(t, dir, "eval", "model", "sure.jsonl", "--tokenizer", "tok.json"); strings.Contains(out, "± 0.0000") || !strings.Contains(out, "[0.5101, 1.0000]") {
		t.Errorf("printed\n%s", out)
	}
	written, err := eval.ReadResults(filepath.Join(dir, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	var printed eval.Results
	if err := json.Unmarshal([]byte(mustRun(t, dir, "eval", "model", "q.jsonl", "--tokenizer", "tok.json", "--json", "--limit", "1")), &printed); err != nil {
		t.Fatal(err)
	}
	if q, err := written.Task("q"); err != nil || q.Items != 2 || printed.Samples["q"].Effective != 1 || printed.Results["q"]["acc_stderr,none"] != "N/A" {
		t.Errorf("%+v, %v, %+v", q, err, printed)
	}
}
