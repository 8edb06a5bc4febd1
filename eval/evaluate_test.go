package eval

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// table is a model that knows its answers.
type table map[Request]Likelihood

func (m table) LogLikelihood(_ context.Context, requests []Request) ([]Likelihood, error) {
	out := make([]Likelihood, len(requests))
	for i, q := range requests {
		l, ok := m[q]
		if !ok {
			return nil, errors.New("unknown request " + q.Context + "|" + q.Continuation)
		}
		out[i] = l
		out[i].Bytes = len(q.Continuation)
	}
	return out, nil
}

func load(t *testing.T, name, data string) *Task {
	t.Helper()
	task, err := LoadTask(write(t, name, data))
	if err != nil {
		t.Fatal(err)
	}
	return task
}

var near = cmpopts.EquateApprox(0, 1e-12)

func TestEvaluateChoiceByHand(t *testing.T) {
	task := load(t, "c.jsonl", `{"query":"a","choices":["xx","yyyyy"],"gold":0}
{"query":"b","choices":["xx","yyyyy"],"gold":1}
{"query":"c","choices":["éé","yyy"],"gold":0}`)
	m := table{
		{"a", " xx"}: {LogProb: -2, Tokens: 1, Greedy: true}, {"a", " yyyyy"}: {LogProb: -3, Tokens: 2},
		{"b", " xx"}: {LogProb: -2, Tokens: 2}, {"b", " yyyyy"}: {LogProb: -2, Tokens: 2},
		{"c", " éé"}: {LogProb: -4, Tokens: 4}, {"c", " yyy"}: {LogProb: -3, Tokens: 2},
	}
	// Item a: sums -2 > -3; per token -2 < -1.5; per character -1 < -0.6.
	// Item b: sums tie, so the first, wrong, choice; per token ties too; per character -1 < -0.4: right.
	// Item c: sums -4 < -3; per token -1 > -1.5: right; per character -2 < -1; per byte -1 ties, so the first: right.
	// Bits per byte of the gold, delimiter included: 2/3, 2/6 and 4/5 nats.
	got, err := task.Evaluate(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	// Brier of two choices is 2 (1-p)^2 with p of the gold: 1/(1+e^-1), 1/2 and 1/(1+e).
	p := 1 / (1 + math.Exp(-1))
	brierA, brierC := 2*(1-p)*(1-p), 2*p*p
	want := map[string]float64{"acc": 1. / 3, "acc_token": 1. / 3, "acc_norm": 1. / 3, "acc_bytes": 2. / 3, "greedy": 1. / 3, "exact_match": 1. / 3,
		"brier_score": (brierA + 0.5 + brierC) / 3,
		"bpb":         (2./3 + 2./6 + 4./5) / 3 / math.Ln2}
	if d := cmp.Diff(want, got.Metrics, near); d != "" {
		t.Error(d)
	}
	checkMetrics(t, task, got)
	scores := map[string][]float64{"acc": {1, 0, 0}, "acc_token": {0, 0, 1}, "acc_norm": {0, 1, 0}, "acc_bytes": {0, 1, 1}, "greedy": {1, 0, 0}, "exact_match": {1, 0, 0},
		"brier_score": {brierA, 0.5, brierC},
		"bpb":         {2. / 3 / math.Ln2, 2. / 6 / math.Ln2, 4. / 5 / math.Ln2}}
	if d := cmp.Diff(scores, got.Scores, near); d != "" {
		t.Error(d)
	}
	// Standard deviation of {1,0,0} with n-1 is sqrt(1/3); over sqrt(3) it is 1/3.
	if d := cmp.Diff(1./3, got.StdErr["acc"], near); d != "" {
		t.Error(d)
	}
}

// The metrics of a result are those that the task promises.
func checkMetrics(t *testing.T, task *Task, r *TaskResult) {
	t.Helper()
	if d := cmp.Diff(slices.Sorted(slices.Values(task.Metrics())), slices.Sorted(maps.Keys(r.Metrics))); d != "" {
		t.Errorf("metrics of %s items: %s", r.Kind, d)
	}
}

func TestEvaluateTargetAndText(t *testing.T) {
	task := load(t, "l.jsonl", `{"context":"go","target":"home"}
{"context":"","target":"now"}`)
	got, err := task.Evaluate(t.Context(), table{{"go", " home"}: {LogProb: -5, Tokens: 1, Greedy: true}, {"", "now"}: {LogProb: -6, Tokens: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]float64{"acc": 0.5, "greedy": 0.5, "bpb": 1.5 / math.Ln2, "perplexity": math.Exp(5.5)}, got.Metrics, near); d != "" {
		t.Error(d)
	}
	checkMetrics(t, task, got)
	task = load(t, "x.jsonl", `{"text":"abcd"}
{"text":"ab"}`)
	got, err = task.Evaluate(t.Context(), table{{"", "abcd"}: {LogProb: -8, Tokens: 4}, {"", "ab"}: {LogProb: -1, Tokens: 2}})
	if err != nil {
		t.Fatal(err)
	}
	// 9 nats over 6 bytes. Residuals 8-6=2 and 1-3=-2: s = sqrt(8), over sqrt(2)*3.
	want := map[string]float64{"bpb": 1.5 / math.Ln2, "bits_per_byte": 1.5 / math.Ln2, "byte_perplexity": math.Exp(1.5), "word_perplexity": math.Exp(4.5)}
	if d := cmp.Diff(want, got.Metrics, near); d != "" {
		t.Error(d)
	}
	checkMetrics(t, task, got)
	// By words: 8-4.5 and 1-4.5, so s = sqrt(2) 3.5, over sqrt(2) is 3.5.
	se := map[string]float64{"bpb": 2. / 3 / math.Ln2, "bits_per_byte": 2. / 3 / math.Ln2, "byte_perplexity": math.Exp(1.5) * 2 / 3, "word_perplexity": math.Exp(4.5) * 3.5}
	if d := cmp.Diff(se, got.StdErr, near); d != "" {
		t.Error(d)
	}
	one, err := task.Limit(1).Evaluate(t.Context(), table{{"", "abcd"}: {LogProb: -8, Tokens: 4}})
	if err != nil || len(one.StdErr) != 0 || one.Items != 1 {
		t.Errorf("one item: %+v, %v", one, err)
	}
}

// hash is a model with likelihoods that depend on the request alone. It
// records how it was called.
type hash struct{ calls, most int }

func (m *hash) LogLikelihood(_ context.Context, requests []Request) ([]Likelihood, error) {
	m.calls++
	m.most = max(m.most, len(requests))
	out := make([]Likelihood, len(requests))
	for i, q := range requests {
		h := uint64(14695981039346656037)
		for _, b := range []byte(q.Context + "\x00" + q.Continuation) {
			h = (h ^ uint64(b)) * 1099511628211
		}
		out[i] = Likelihood{LogProb: -float64(h>>40) / (1 << 20), Tokens: 1 + len(q.Continuation)/4, Bytes: len(q.Continuation), Greedy: h&1 == 0}
		if i > 0 && len(q.Context)+len(q.Continuation) > len(requests[i-1].Context)+len(requests[i-1].Continuation) {
			return nil, errors.New("requests are not sorted by length")
		}
	}
	return out, nil
}

// TestEvaluateMatchesReference compares a thousand random questions with the
// plainest code for the same metrics, and the item order with its reverse.
func TestEvaluateMatchesReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	task := &Task{Name: "r", Kind: Choice}
	for range 1000 {
		item := Item{Gold: rng.IntN(3)}
		for range 3 {
			answer := strings.Repeat("x", 1+rng.IntN(20)) + string(rune('a'+rng.IntN(26)))
			item.add(newRequest(strings.Repeat("q", rng.IntN(30)), answer), answer)
		}
		task.Items = append(task.Items, item)
	}
	m := &hash{}
	got, err := task.Evaluate(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if m.calls != 3 || m.most != 1024 {
		t.Errorf("%d calls of at most %d requests, want 3 of 1024", m.calls, m.most)
	}
	var acc, norm, bpb float64
	for _, item := range task.Items {
		var sums, norms [3]float64
		for k, q := range item.Requests {
			l, _ := (&hash{}).LogLikelihood(t.Context(), []Request{q})
			sums[k] = l[0].LogProb
			norms[k] = l[0].LogProb / float64(len(strings.TrimPrefix(q.Continuation, " ")))
			if k == item.Gold {
				bpb -= l[0].LogProb / math.Ln2 / float64(len(q.Continuation)) / 1000
			}
		}
		if argmax(sums) == item.Gold {
			acc += 1. / 1000
		}
		if argmax(norms) == item.Gold {
			norm += 1. / 1000
		}
	}
	for metric, want := range map[string]float64{"acc": acc, "acc_norm": norm, "bpb": bpb} {
		if math.Abs(got.Metrics[metric]-want) > 1e-9 {
			t.Errorf("%s %v, want %v", metric, got.Metrics[metric], want)
		}
	}
	if p := acc; math.Abs(got.StdErr["acc"]-math.Sqrt(p*(1-p)/999)) > 1e-9 {
		t.Errorf("stderr %v, want the binomial one", got.StdErr["acc"])
	}
}

func argmax(x [3]float64) int {
	win := 0
	for i := range x {
		if x[i] > x[win] {
			win = i
		}
	}
	return win
}

type broken struct {
	l Likelihood
	n int
}

func (m broken) LogLikelihood(_ context.Context, requests []Request) ([]Likelihood, error) {
	out := make([]Likelihood, len(requests)+m.n)
	for i := range out {
		out[i] = m.l
	}
	return out, nil
}

// Of every metric of every kind, the items' scores have the metric as their mean
// and its standard error as theirs.
func TestItemScores(t *testing.T) {
	for _, file := range []string{
		`{"query":"q","choices":["a","bb"],"gold":0}
{"query":"r","choices":["a","bb","c"],"gold":2}
{"query":"s","choices":["a","bb"],"gold":1}`,
		`{"context":"q","target":"a bc"}
{"context":"r","target":"d"}
{"context":"s","target":"efg h i"}`,
		`{"id":"1","text":"one two three"}
{"id":"2","text":"four"}
{"id":"3","text":"five six"}`,
	} {
		task := load(t, "x.jsonl", file)
		r, err := task.Evaluate(t.Context(), lengths{})
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range task.Metrics() {
			mean, stderr := meanStdErr(r.Scores[metric])
			if math.Abs(mean-r.Metrics[metric]) > 1e-9*math.Abs(mean) || math.Abs(stderr-r.StdErr[metric]) > 1e-9*math.Abs(mean) {
				t.Errorf("%s %s: items give %v ± %v, the metric is %v ± %v", task.Kind, metric, mean, stderr, r.Metrics[metric], r.StdErr[metric])
			}
		}
		r.Keep("bpb")
		if r.Scores["word_perplexity"] != nil || r.Scores["exact_match"] != nil || len(r.Scores["bpb"]) != 3 {
			t.Errorf("%s: kept %v", task.Kind, r.Scores)
		}
	}
}

// lengths makes up likelihoods that differ from text to text.
type lengths struct{}

func (lengths) LogLikelihood(_ context.Context, requests []Request) ([]Likelihood, error) {
	out := make([]Likelihood, len(requests))
	for i, q := range requests {
		n := len(q.Continuation)
		out[i] = Likelihood{LogProb: -math.Sqrt(float64(n)) - float64(len(q.Context)%3)/5, Tokens: n, Bytes: n, Greedy: n%2 == 0}
	}
	return out, nil
}

func TestEvaluateRefusesBadLikelihoods(t *testing.T) {
	task := load(t, "x.jsonl", `{"id":"seven","text":"abcd"}`)
	for want, m := range map[string]Model{
		"item seven, answer 0: log-likelihood is NaN": broken{l: Likelihood{LogProb: math.NaN(), Tokens: 1, Bytes: 1}},
		"log-likelihood is -Inf":                      broken{l: Likelihood{LogProb: math.Inf(-1), Tokens: 1, Bytes: 1}},
		"scored 0 tokens":                             broken{l: Likelihood{LogProb: -1, Bytes: 1}},
		"and 0 bytes":                                 broken{l: Likelihood{LogProb: -1, Tokens: 1}},
		"2 likelihoods for 1 requests":                broken{n: 1},
		"evaluate x: unknown request":                 table{},
	} {
		if _, err := task.Evaluate(t.Context(), m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := task.Evaluate(ctx, table{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestObjective(t *testing.T) {
	results := []*TaskResult{
		{Kind: Choice, Metrics: map[string]float64{"bpb": 1.5, "acc_norm": 0.25}},
		{Kind: Text, Metrics: map[string]float64{"bpb": 3}},
	}
	tests := []struct {
		a, b Term
		want float64
	}{
		{Term{}, Term{}, -2.25},
		{Term{Weight: 3}, Term{}, -(3*1.5 + 3) / 4},
		{Term{Metric: "acc_norm"}, Term{Weight: 0.5}, (0.25 - 0.5*3) / 1.5},
	}
	for _, test := range tests {
		got, err := Objective([]Term{test.a, test.b}, results)
		if err != nil || math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%+v: got %v, %v, want %v", test, got, err, test.want)
		}
	}
	for want, terms := range map[string][]Term{
		"0 terms": {}, "1 terms": {{}},
		"objective[1].metric: text items of f have no acc; choose one of bpb": {{}, {File: "f", Metric: "acc"}},
		`objective[0].metric: "f1" is not one of`:                             {{Metric: "f1"}, {}},
		"objective[0].weight: -1 is below":                                    {{Weight: -1}, {}},
	} {
		if _, err := Objective(terms, results); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSeveralRightAndAlone(t *testing.T) {
	task := &Task{Kind: Choice, Items: []Item{{Gold: 0, Also: []int{2}}}}
	m := table{}
	for k, answer := range []string{"a", "b", "c"} {
		task.Items[0].add(Request{"q", " " + answer}, answer)
		task.Items[0].Alone = append(task.Items[0].Alone, Request{"", " " + answer})
		m[Request{"q", " " + answer}] = Likelihood{LogProb: []float64{-3, -2, -1}[k], Tokens: 1, Greedy: k == 2}
		m[Request{"", " " + answer}] = Likelihood{LogProb: []float64{-4, -4, -1.5}[k], Tokens: 1}
	}
	got, err := task.Evaluate(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	// Gains by the question: 1, 2 and 0.5, so the second, wrong, choice.
	if got.Metrics["acc"] != 1 || got.Metrics["greedy"] != 1 || got.Metrics["acc_mutual_info"] != 0 {
		t.Error(got.Metrics)
	}
	got.Keep("acc_mutual_info")
	if _, ok := got.Metrics["brier_score"]; ok || got.Metrics["acc_mutual_info"] != 0 || len(got.Metrics) != len(Core)+1 {
		t.Error(got.Metrics)
	}
}

// TestPerplexityStdErr compares linearisation with the harness's bootstrap:
// the standard deviation of 20,000 resampled perplexities, with its own error
// of 0.5 % and the bias of n against n-1.
func TestPerplexityStdErr(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	task, m, ll := &Task{Kind: Target}, table{}, make([]float64, 400)
	for i := range ll {
		ll[i] = -2 - rng.ExpFloat64()/2
		q := Request{"", strings.Repeat("x", i+1)}
		task.Items = append(task.Items, Item{Requests: []Request{q}})
		m[q] = Likelihood{LogProb: ll[i], Tokens: 1}
	}
	got, err := task.Evaluate(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	var sum, squares float64
	const n = 20000
	for range n {
		mean := 0.0
		for range ll {
			mean -= ll[rng.IntN(len(ll))] / float64(len(ll))
		}
		sum, squares = sum+math.Exp(mean), squares+math.Exp(2*mean)
	}
	bootstrap := math.Sqrt((squares - sum*sum/n) / (n - 1))
	if ratio := got.StdErr["perplexity"] / bootstrap; ratio < 0.98 || ratio > 1.02 {
		t.Errorf("by linearisation %v, by bootstrap %v", got.StdErr["perplexity"], bootstrap)
	}
}

func TestCountWords(t *testing.T) {
	for text, want := range map[string]int{"a": 1, "": 1, "a b": 2, " a  b\n": 4, "\u00a0\x1ca": 2} {
		if got := countWords(text); got != want {
			t.Errorf("%q has %d words, want %d", text, got, want)
		}
	}
}
