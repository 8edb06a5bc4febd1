package climb

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/trial"
)

// With weights by bytes the mean over files is bits over bytes.
func TestWeightsByBytes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) eval.Term {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return eval.Term{File: path, Metric: "bpb", Weight: 2}
	}
	yes := write("yes.jsonl", `{"query":"Is it?","choices":["yes","no"],"gold":0}
{"query":"Was it?","choices":["yes","no"],"gold":1}
`)
	long := write("long.jsonl", `{"context":"Once upon","target":" a time there was"}
`)
	c := &Config{Target: trial.TargetConfig{Validation: []eval.Term{yes, long}, Weights: "bytes"}}
	out, err := c.weighed(nil)
	if err != nil {
		t.Fatal(err)
	}
	// " yes" and " no" with the space before them; " a time there was".
	if v := out.Target.Validation; v[0].Weight != 2*3.5 || v[1].Weight != 2*17 || out.Target.Weights != "equal" {
		t.Errorf("weights %v and %v, %s", v[0].Weight, v[1].Weight, out.Target.Weights)
	}
	if c.Target.Validation[0].Weight != 2 || c.Target.Weights != "bytes" {
		t.Error("the configuration that was given has changed")
	}
	score, err := eval.Objective(out.Target.Validation, []*eval.TaskResult{{Metrics: map[string]float64{"bpb": 6}}, {Metrics: map[string]float64{"bpb": 2}}})
	if want := -(6*3.5 + 2*17) / (3.5 + 17); err != nil || math.Abs(score-want) > 1e-12 {
		t.Errorf("score %v, %v; want %v", score, err, want)
	}
	c.Target.Test = []eval.Term{{File: yes.File, Metric: "acc", Weight: 1}}
	if _, err := c.weighed(nil); err == nil || !strings.Contains(err.Error(), "measured by bpb") {
		t.Errorf("accuracy by bytes: %v", err)
	}
}
