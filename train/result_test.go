package train

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
)

// TestParseResult: what a trainer may leave, and what of it can be used.
func TestParseResult(t *testing.T) {
	j := &Job{Mixture: mix.Mixture{0.25, 0.75}}
	of := j.Mixture.Hash()
	for _, c := range []struct{ name, text, want, failed string }{
		{"score alone", `{"score":-1.5}`, "", ""},
		{"with a byte order mark", "\xef\xbb\xbf{\"score\":-1.5}\r\n", "", ""},
		{"its mixture", `{"score":-1.5,"mixture":"` + of + `"}`, "", ""},
		{"fields of its own", `{"score":-1.5,"note":{"a":[1,2]}}`, "", ""},
		{"nulls where nothing is", `{"score":-1.5,"failed":null,"validate":null,"tokens":null,"loss":null}`, "", ""},
		{"metrics that are not measured", `{"score":-1.5,"validate":[{"task":"a","metrics":{"acc":null,"bpb":NaN,"x":1},"stderr":{"x":null}}]}`, "", ""},
		{"failed", `{"failed":"diverged"}`, "", "diverged"},
		{"failed with a null score", `{"failed":"diverged","score":null}`, "", "diverged"},
		{"failed with a score of NaN", `{"failed":"diverged","score":NaN,"loss":NaN}`, "", "diverged"},
		{"score NaN", `{"score":NaN}`, "", "the score is NaN"},
		{"score infinite", `{"score": -Infinity, "tokens":[1,3]}`, "", "the score is -Infinity"},

		{"empty file", ``, "EOF", ""},
		{"null", `null`, "is null", ""},
		{"a list", `[1]`, "array", ""},
		{"a text", `score 1`, "invalid character", ""},
		{"cut short", `{"score":1`, "EOF", ""},
		{"two values", `{"score":1}{"score":2}`, "data after", ""},
		{"no score", `{}`, "no score", ""},
		{"score null", `{"score":null}`, "no score", ""},
		{"score as text", `{"score":"0.5"}`, "string", ""},
		{"score of one too large to be any", `{"score":1.7e308}`, "score is 1.7e+308", ""},
		{"score past the end of numbers", `{"score":1e400}`, "1e400", ""},
		{"score twice", `{"score":1,"score":2}`, "score is there twice", ""},
		{"failed as a flag", `{"failed":true}`, "bool", ""},
		{"another mixture", `{"score":1,"mixture":"0011223344556677"}`, "is of mixture 0011223344556677", ""},
		{"another mixture, failed", `{"failed":"x","mixture":"0011223344556677"}`, "is of mixture 0011223344556677", ""},
		{"validate with a null", `{"score":1,"validate":[null]}`, "validate[0] is null", ""},
		{"test with a null", `{"score":1,"test":[{"task":"a"},null]}`, "test[1] is null", ""},
		{"curve with a null", `{"score":1,"curve":[{"score":1,"validate":[null]}]}`, "curve[0].validate[0] is null", ""},
		{"a file twice", `{"score":1,"validate":[{"task":"a"},{"task":"a"}]}`, `task "a" is there twice`, ""},
		{"a file without a name", `{"score":1,"validate":[{"metrics":{"acc":1}}]}`, "validate[0] has no task", ""},
		{"a metric that overflowed", `{"score":-1.5,"validate":[{"task":"a","metrics":{"ppl":1e300}}]}`, "", ""},
		{"item scores of other items", `{"score":1,"validate":[{"task":"a","items":2,"item_scores":{"acc":[1]}}]}`, "1 numbers for 2 items", ""},
		{"negative error", `{"score":1,"validate":[{"task":"a","stderr":{"acc":-1}}]}`, "validate[0].stderr.acc is -1", ""},
		{"negative items", `{"score":1,"validate":[{"task":"a","items":-1}]}`, "validate[0].items is -1", ""},
		{"log-likelihood null", `{"score":1,"validate":[{"task":"a","log_probs":[-1,null]}]}`, "validate[0].log_probs[1] is null", ""},
		{"log-likelihood beyond all", `{"score":1,"validate":[{"task":"a","log_probs":[-1e300]}]}`, "log_probs[0]", ""},
		{"test_mean beyond all", `{"score":1,"test_mean":-1e300}`, "test_mean is -1e+300", ""},
		{"tokens of too few domains", `{"score":1,"tokens":[1]}`, "tokens are of 1 domains, not 2", ""},
		{"tokens below 0", `{"score":1,"tokens":[-5,1]}`, "tokens[0] is -5", ""},
		{"tokens beyond all", `{"score":1,"tokens":[9223372036854775807,9223372036854775807]}`, "tokens[0] is", ""},
		{"tokens as parts", `{"score":1,"tokens":[0.5,1]}`, "number 0.5", ""},
		{"tokens null", `{"score":1,"tokens":[null,1]}`, "tokens[0] is null", ""},
		{"steps below 0", `{"score":1,"steps":-1}`, "steps is -1", ""},
		{"nested without end", `{"score":1,"x":` + strings.Repeat("[", 100_000), "nested deeper", ""},
		{"NUL bytes", "{\"score\":1}\x00\x00", "NUL byte", ""},
		{"UTF-16", "\xff\xfe{\x00}\x00", "UTF-16", ""},
	} {
		r, err := ParseResult([]byte(c.text), j)
		switch {
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		case c.want != "":
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case r.Failed != c.failed || c.failed == "" && r.Score != -1.5 || c.failed != "" && r.Score != 0:
			t.Errorf("%s: %+v", c.name, r)
		}
	}
	r, err := ParseResult([]byte(`{"score":1,"validate":[{"task":"a","metrics":{"acc":null,"bpb":NaN,"x":1}}]}`), j)
	if err != nil || !cmp.Equal(r.Validate[0].Metrics, map[string]float64{"x": 1}) {
		t.Errorf("metrics %v, %v: one that was not measured is no 0", r.Validate[0].Metrics, err)
	}
	if r, err := ParseResult([]byte(`{"failed":"`+strings.Repeat("ä", 5000)+`"}`), j); err != nil || len(r.Failed) > maxFailed+4 || !strings.HasSuffix(r.Failed, "ä ...") {
		t.Errorf("a reason of %d bytes, %v", len(r.Failed), err)
	}
}

// TestSettle: a run of ours whose perplexity overflows is still JSON.
func TestSettle(t *testing.T) {
	r := &Result{Score: 1, Validate: []*eval.TaskResult{{Task: "a", Metrics: map[string]float64{"perplexity": math.Inf(1), "bpb": 1}}},
		Curve: []Point{{Score: math.NaN()}, {Score: 1}}}
	r.settle()
	if _, err := json.Marshal(r); err != nil || r.Failed != "" || len(r.Validate[0].Metrics) != 1 || len(r.Curve) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	r = &Result{Score: 1, TestMean: math.Inf(-1), Loss: math.NaN(), Test: []*eval.TaskResult{{Task: "a"}}}
	r.settle()
	if _, err := json.Marshal(r); err != nil || r.Failed == "" || r.Score != 0 || len(r.Test) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzResult(f *testing.F) {
	for _, s := range []string{`{"score":1,"tokens":[1,2]}`, `{"failed":"x"}`, `{"score":NaN}`, `{"score":1,"validate":[null]}`, `{"score":1.7e308}`,
		`{"score":1,"validate":[{"task":"a","metrics":{"acc":NaN},"log_probs":[-1]}],"curve":[{"score":1}]}`} {
		f.Add([]byte(s))
	}
	j := &Job{Mixture: mix.Mixture{0.5, 0.5}}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseResult(data, j)
		if err != nil {
			return
		}
		out, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		var back Result
		if err := json.Unmarshal(out, &back); err != nil || back.Check(j) != nil {
			t.Fatalf("%q: %v, %v", data, err, back.Check(j))
		}
	})
}
