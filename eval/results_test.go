package eval

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/wire"
)

// newer is in the layout of lm-evaluation-harness 0.4 (evaluator.py), with
// what Python writes for numbers that JSON does not have.
const newer = `{
  "results": {
    "arc_easy": {"alias": "arc_easy", "acc,none": 0.25, "acc_stderr,none": 0.0089, "acc_norm,none": 0.5, "acc_norm_stderr,none": NaN},
    "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.01, "exact_match_stderr,strict-match": 0.002, "exact_match,flexible-extract": 0.03},
    "wikitext": {"alias": "wiki\"NaN", "word_perplexity,none": 41.5, "word_perplexity_stderr,none": "N/A", "bits_per_byte,none": 1.25, "byte_perplexity,none": Infinity}
  },
  "group_subtasks": {"arc_easy": []},
  "configs": {"arc_easy": {"task": "arc_easy", "output_type": "multiple_choice", "num_fewshot": 5}, "wikitext": {"output_type": "loglikelihood_rolling"}},
  "versions": {"arc_easy": 1.0, "gsm8k": 3, "wikitext": "Yaml"},
  "n-shot": {"arc_easy": 5},
  "higher_is_better": {"arc_easy": {"acc": true, "acc_norm": true}},
  "n-samples": {"arc_easy": {"original": 2376, "effective": 100}},
  "config": {"model": "hf", "bootstrap_iters": 100000},
  "date": 1720000000.5
}`

func TestParseResults(t *testing.T) {
	r, err := ParseResults([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]*TaskResult{
		"arc_easy": {Task: "arc_easy", Kind: Choice, Items: 100, Metrics: map[string]float64{"acc": 0.25, "acc_norm": 0.5}, StdErr: map[string]float64{"acc": 0.0089}},
		"gsm8k":    {Task: "gsm8k", Metrics: map[string]float64{"exact_match": 0.03}, StdErr: map[string]float64{"exact_match": 0.002}},
		"wikitext": {Task: "wikitext", Kind: Text, Metrics: map[string]float64{"word_perplexity": 41.5, "bits_per_byte": 1.25}, StdErr: map[string]float64{}},
	} {
		got, err := r.Task(name)
		if err != nil {
			t.Error(err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	old, err := ParseResults([]byte(`{"results": {"piqa": {"acc": 0.75, "acc_stderr": 0.01, "acc_norm": 0.7}}, "versions": {"piqa": 0}, "config": {"num_fewshot": 0}}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := old.Task("piqa")
	want := &TaskResult{Task: "piqa", Metrics: map[string]float64{"acc": 0.75, "acc_norm": 0.7}, StdErr: map[string]float64{"acc": 0.01}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestParseResultsErrors(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{"", "not a results file of lm_eval"},
		{"{}", `no "results"; give the file that lm_eval writes with --output_path`},
		{`{"results": []}`, `field "results" holds a JSON array`},
		{`{"results": {"a": 1}}`, `holds a JSON number; is this a results file of lm_eval?`},
	} {
		if _, err := ParseResults([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.data, err, c.want)
		}
	}
	path := write(t, "r.json", newer)
	r, err := ReadResults(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Task("piqa"); err == nil || !strings.Contains(err.Error(), path+`: no results of a task "piqa"; there are arc_easy, gsm8k, wikitext`) {
		t.Error(err)
	}
}

func TestReadResultsOfFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadResults(dir); err == nil || !strings.Contains(err.Error(), "no file is called results*.json; is this lm_eval's --output_path?") {
		t.Error(err)
	}
	for name, acc := range map[string]string{"a/results_2026-01-02T03-04-05.json": "0.5", "b/results_2026-01-01T03-04-05.json": "0.1", "a/samples_2027.json": "0"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(`{"results":{"x":{"acc,none":`+acc+`}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := ReadResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Task("x"); err != nil || got.Metrics["acc"] != 0.5 {
		t.Error(got, err)
	}
}

func TestResultsOfTerm(t *testing.T) {
	r, err := ParseResults([]byte(`{"results":{"mmlu_abstract_algebra":{"acc,none":0.5},"arc.validation":{"acc,none":0.25}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for term, want := range map[Term]float64{{Task: "arc.validation"}: 0.25, {File: "x/arc.validation.jsonl.zst"}: 0.25, {File: "testdata/tasks/mmlu_algebra.yaml"}: 0.5} {
		got, err := r.Of(term)
		if err != nil || got.Metrics["acc"] != want || got.Task != term.Name() {
			t.Errorf("%+v: %+v, %v", term, got, err)
		}
	}
	text, err := ParseResults([]byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := text.Of(Term{Task: "wikitext"}); err != nil || got.Metrics["bpb"] != 1.25 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := r.Of(Term{File: "testdata/tasks/piqa.yaml"}); err == nil {
		t.Error("piqa has results")
	}
}

// TestResultsRoundTrip writes every kind of task and reads the same figures.
func TestResultsRoundTrip(t *testing.T) {
	r := NewResults(map[string]any{"model": "climb"})
	scored := map[string]*TaskResult{}
	for _, name := range []string{"arc_easy", "lambada", "wikitext", "mmlu_algebra"} {
		task, err := LoadTask("testdata/tasks/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		got, err := task.Evaluate(t.Context(), &hash{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add(task, got); err != nil {
			t.Fatal(err)
		}
		if err := r.Add(task, got); err == nil || !strings.Contains(err.Error(), "two tasks are called") {
			t.Error(err)
		}
		scored[task.Label()] = got
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseResults(data)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range scored {
		got, err := back.Task(name)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(want.Metrics, got.Metrics) || !maps.Equal(want.StdErr, got.StdErr) || got.Kind != want.Kind || got.Items != want.Items {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	row := r.Results["mmlu_abstract_algebra"]
	if row["alias"] != "mmlu_abstract_algebra" || row["acc_stderr,none"] != "N/A" || r.Shots["mmlu_abstract_algebra"] != 1 || !r.Higher["arc_easy"]["acc"] || r.Higher["arc_easy"]["bpb"] {
		t.Errorf("%+v", r)
	}
}

func FuzzParseResults(f *testing.F) {
	f.Add([]byte(newer))
	f.Add([]byte(`{"results":{"a":{"acc":1}},"configs":{"a":{"output_type":[]}}}`))
	f.Add([]byte(`{"results":{"a":{"acc":1}},"x":"\"NaN","y":-Infinity}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if plain := wire.Finite(data); json.Valid(data) && string(plain) != string(data) {
			t.Fatalf("%q became %q", data, plain)
		}
		r, err := ParseResults(data)
		if err != nil {
			return
		}
		for name, row := range r.Results {
			got, err := r.Task(name)
			if row == nil {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			for metric, x := range got.Metrics {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("%s is %v", metric, x)
				}
			}
		}
	})
}
