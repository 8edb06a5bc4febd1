package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outcome is the part of report/summary.json that says how sure it is.
type outcome struct {
	Confirmed struct {
		Verdict     string
		Interval    [2]*float64
		Differences []struct {
			To          string
			Interval    [2]*float64
			Significant bool
		}
	}
	Dataset struct {
		Mixture string
		Tokens  int64
		Parts   []struct{ Epochs float64 }
	}
	Corpus   struct{ Tokens int64 }
	Warnings []string
}

func readOutcome(t *testing.T, run string) (o outcome) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(run, "report", "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// scoreByShare is a trainer that does not look at the seed: its score is the
// share of the first domain.
const scoreByShare = `awk '/"mixture"/ {getline; sub(/,/, ""); printf "{\"score\": %s}\n", $1; exit}' "$1" > "$2"` + "\n"

// A trainer without seeds is told so, nothing is called significant for its
// equal scores, and what is written is the natural mixture at one epoch, unless
// something else is asked for.
func TestTrainerWithoutSeeds(t *testing.T) {
	t.Parallel()
	config := strings.Replace(small, "proxy:\n", "proxy:\n  command: [sh, trainer.sh, \"{job}\", \"{result}\"]\n", 1)
	dir := prepared(t, config)
	writeFile(t, filepath.Join(dir, "trainer.sh"), []byte(scoreByShare))
	out := mustRun(t, dir, "run")
	for _, want := range []string{"[unknown]", "Verdict: no significant gain over natural", "Warning: The score is the same with every seed: predicted", "the trainer ignores the seed of its job",
		"Warning: The error of the evaluation is not known", "the natural mixture at one epoch: no significant gain over it was shown (dataset.mixture: best would write "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if again := mustRun(t, dir, "report"); !strings.Contains(again, "the trainer ignores the seed") {
		t.Errorf("climb report does not warn:\n%s", again)
	}
	o := readOutcome(t, filepath.Join(dir, "run"))
	if !strings.Contains(strings.Join(o.Warnings, "\n"), "the trainer ignores the seed") || o.Confirmed.Interval[0] != nil {
		t.Errorf("summary: %+v", o)
	}
	if o.Dataset.Tokens != o.Corpus.Tokens {
		t.Errorf("the dataset has %d tokens, the corpus %d", o.Dataset.Tokens, o.Corpus.Tokens)
	}
	for file, want := range map[string]string{"README.md": "Written is the natural mixture at one epoch", "manifest.json": `"reason": "no significant gain over it`} {
		if data, err := os.ReadFile(filepath.Join(dir, "run", "dataset", file)); err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s: no %q, %v", file, want, err)
		}
	}

	ask := func(options string) outcome {
		t.Helper()
		writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(ofShared(strings.Replace(config, "dataset: {", "dataset: {"+options, 1))))
		mustRun(t, dir, "run")
		return readOutcome(t, filepath.Join(dir, "run"))
	}
	twice := 2 * o.Corpus.Tokens
	if o := ask(fmt.Sprintf("tokens: %d, ", twice)); o.Dataset.Tokens < twice*99/100 || !strings.Contains(o.Dataset.Mixture, "the natural mixture at 2.00 epochs") {
		t.Errorf("asked for %d tokens: %d, %s", twice, o.Dataset.Tokens, o.Dataset.Mixture)
	}
	o = ask("mixture: best, ")
	most := 0.0
	for _, p := range o.Dataset.Parts {
		most = max(most, p.Epochs)
	}
	if strings.Contains(o.Dataset.Mixture, "natural mixture at") || !strings.Contains(o.Dataset.Mixture, "as dataset.mixture asks") || most < 3.5 || most > 4.01 {
		t.Errorf("mixture: best wrote %s, at most %g epochs", o.Dataset.Mixture, most)
	}
}

// Two seeds and 20 questions decide nothing.
func TestTinyStudyDecidesNothing(t *testing.T) {
	t.Parallel()
	dir := prepared(t, strings.Replace(small, "validation: [{file: validation.jsonl}]", "validation: [{file: questions.jsonl, metric: acc}]", 1))
	var b strings.Builder
	for i := range 20 {
		words := strings.Fields(topics[0])
		fmt.Fprintf(&b, `{"query": "The %s and the", "choices": [%q, %q], "gold": 0}`+"\n", words[i%12], words[(i+3)%12], strings.Fields(topics[1+i%3])[i%12])
	}
	writeFile(t, filepath.Join(dir, "questions.jsonl"), []byte(b.String()))
	out := mustRun(t, dir, "run")
	o := readOutcome(t, filepath.Join(dir, "run"))
	if strings.Contains(o.Confirmed.Verdict, "better than") || !strings.Contains(out, "Verdict: no significant gain") {
		t.Errorf("verdict %q in\n%s", o.Confirmed.Verdict, out)
	}
	for _, d := range o.Confirmed.Differences {
		if d.Significant || d.Interval[0] == nil || *d.Interval[1]-*d.Interval[0] < 0.1 {
			t.Errorf("a difference on 20 questions: %+v", d)
		}
	}
}
