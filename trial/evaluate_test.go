package trial

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/token"
)

// checkpoint writes a small random model with its tokenizer.
func checkpoint(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tok, err := token.Train(slices.Values([]string{strings.Repeat("the question of the sun and the answer is light ", 20)}), token.TrainOptions{Vocab: 300})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := tok.Save(f); err != nil {
		t.Fatal(err)
	}
	m, err := lm.New(lm.Config{Vocab: tok.Vocab(), Width: 32, Layers: 1, Heads: 2, Context: 256}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEvaluate(t *testing.T) {
	o := EvalOptions{Model: checkpoint(t), Files: []string{"../eval/testdata/tasks/arc_easy.yaml", "../eval/testdata/tasks/mmlu_algebra.yaml", "../eval/testdata/tasks/wikitext.yaml"}}
	var seen []string
	e, err := Evaluate(t.Context(), o, func(name string, _ int) { seen = append(seen, name) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(seen, []string{"arc_easy", "mmlu_abstract_algebra", "wikitext"}) {
		t.Error(seen)
	}
	var metrics []string
	for _, r := range e.Rows {
		metrics = append(metrics, r.Task+":"+r.Metric)
		if math.IsNaN(r.Value) || math.IsNaN(r.StdErr) != (r.Items == 1) || r.Lower != (r.Metric != "acc" && r.Metric != "acc_norm") {
			t.Errorf("%+v", r)
		}
	}
	want := []string{"arc_easy:acc", "arc_easy:acc_norm", "arc_easy:bpb", "mmlu_abstract_algebra:acc", "mmlu_abstract_algebra:bpb",
		"wikitext:word_perplexity", "wikitext:byte_perplexity", "wikitext:bits_per_byte", "wikitext:bpb"}
	if !slices.Equal(metrics, want) {
		t.Error(metrics)
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := eval.ParseResults(data)
	if err != nil {
		t.Fatal(err)
	}
	arc, err := back.Task("arc_easy")
	if err != nil || arc.Metrics["bpb"] != e.Rows[2].Value || arc.StdErr["bpb"] != e.Rows[2].StdErr || arc.Items != 2 {
		t.Errorf("%+v, %v", arc, err)
	}

	none := 0
	o.Fewshot, o.Limit = &none, 1
	bare, err := Evaluate(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bare.Rows[3].Shots != 0 || bare.Rows[0].Items != 1 || bare.Samples["arc_easy"] != (eval.SampleCount{Original: 2, Effective: 1}) || bare.Rows[3].Value == e.Rows[4].Value {
		t.Errorf("%+v", bare.Rows)
	}
}

func TestEvaluateErrors(t *testing.T) {
	model, arc := checkpoint(t), "../eval/testdata/tasks/arc_easy.yaml"
	odd := filepath.Join(t.TempDir(), "odd.yaml")
	text, err := os.ReadFile(arc)
	if err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs("../eval/testdata/tasks")
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.NewReplacer("arc.jsonl", filepath.Join(here, "arc.jsonl"), "metric: acc_norm", "metric: f1").Replace(string(text)))
	if err := os.WriteFile(odd, text, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := Evaluate(t.Context(), EvalOptions{Model: model, Files: []string{odd}}, nil)
	if err != nil || len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], "odd.yaml lists f1, which is not computed for it; there are acc, ") {
		t.Errorf("%v, %v", e, err)
	}
	two := 2
	for _, c := range []struct {
		o    EvalOptions
		want string
	}{
		{EvalOptions{Model: model, Files: []string{arc, odd}}, "two tasks are called arc_easy"},
		{EvalOptions{Model: model, Files: []string{"no.yaml"}}, "open task: open no.yaml"},
		{EvalOptions{Model: t.TempDir(), Files: []string{arc}}, "name the tokenizer with --tokenizer"},
		{EvalOptions{Model: t.TempDir(), Tokenizer: filepath.Join(model, "tokenizer.json"), Files: []string{arc}}, "load model: "},
		{EvalOptions{Model: model, Fewshot: &two, Files: []string{"../eval/testdata/tasks/arc.jsonl"}}, "examples before the questions are for YAML tasks"},
		{EvalOptions{Model: model, Fewshot: &two, Files: []string{arc}}, "3 examples are wanted and there are 2 documents"},
	} {
		if _, err := Evaluate(t.Context(), c.o, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestTargetYAML: a target that is YAML is hashed with its data, and a search
// does not look at a test split.
func TestTargetYAML(t *testing.T) {
	_, err := ValidationFiles(nil, []eval.Term{{File: "../eval/testdata/tasks/sciq.yaml"}})
	if err == nil || !strings.Contains(err.Error(), "sciq.yaml scores its test_split, which a search must not look at") {
		t.Error(err)
	}
	if _, err := curate.TargetFiles(nil, []eval.Term{{File: "../eval/testdata/tasks/sciq.yaml"}}); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"arc_easy.yaml", "arc.jsonl"} {
		data, err := os.ReadFile(filepath.Join("../eval/testdata/tasks", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	term := []eval.Term{{File: filepath.Join(dir, "arc_easy.yaml")}, {Task: "piqa"}}
	before, err := ValidationFiles(nil, term)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "arc.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := ValidationFiles(nil, term)
	if err != nil || before[0].SHA256 == after[0].SHA256 || after[1].Task != "piqa" || after[1].SHA256 != "" {
		t.Errorf("%+v, %+v, %v", before, after, err)
	}
}
