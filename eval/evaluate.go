package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// Metrics, by kind of task. All but bpb are shares of the items, higher is better.
//
//	acc        choice: the gold choice has the highest log-likelihood; target: same as greedy
//	acc_token  choice: ... the highest log-likelihood per token
//	acc_norm   choice: ... the highest log-likelihood per character of the choice without its
//	           delimiter (the harness's code; its documentation says byte)
//	acc_bytes  choice: ... the highest log-likelihood per byte of the same, the harness's acc_bytes
//	bpb        bits per byte, lower is better. choice and target: of the gold answer with its
//	           delimiter, mean over the items; text: all bits over all bytes, the harness's bits_per_byte
//	greedy     choice and target: every token of the gold answer is the model's first choice
//
// Of equal choices the first wins, as in the harness.
var Metrics = []string{"acc", "acc_token", "acc_norm", "acc_bytes", "bpb", "greedy"}

// MetricsOf lists the metrics of a kind of task.
func MetricsOf(kind string) []string {
	switch kind {
	case Choice:
		return Metrics
	case Target:
		return []string{"acc", "bpb", "greedy"}
	}
	return []string{"bpb"}
}

// Oriented returns the value of a metric, negated where lower is better.
func Oriented(metric string, value float64) float64 {
	if metric == "bpb" {
		return -value
	}
	return value
}

// A TaskResult holds the figures of one model on one task.
type TaskResult struct {
	Task    string               `json:"task"`
	Kind    string               `json:"kind"`
	Items   int                  `json:"items"`
	Metrics map[string]float64   `json:"metrics"`
	StdErr  map[string]float64   `json:"stderr"` // a metric of a single item has none
	Scores  map[string][]float64 `json:"-"`      // every metric of each item, in file order; pair them between models
	// LogProbs are the log-likelihoods of the items' gold answers, in nats.
	LogProbs []float64 `json:"log_probs,omitempty"`
}

// batch is the most requests in one call of a Model.
const batch = 1024

// Evaluate scores every item with m. The result depends on nothing but what m
// answers: requests go out sorted by falling length, ties by file order. A
// likelihood that is not a finite number is an error that names the item.
func (t *Task) Evaluate(ctx context.Context, m Model) (*TaskResult, error) {
	answers, err := t.ask(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", t.Name, err)
	}
	r := &TaskResult{Task: t.Name, Kind: t.Kind, Items: len(t.Items),
		Metrics: map[string]float64{}, StdErr: map[string]float64{}, Scores: map[string][]float64{}}
	var bits, bytes []float64
	for i := range t.Items {
		item, l := &t.Items[i], answers[i]
		gold := l[item.Gold]
		bits, bytes = append(bits, -gold.LogProb/math.Ln2), append(bytes, float64(gold.Bytes))
		r.LogProbs = append(r.LogProbs, gold.LogProb)
		r.score("bpb", bits[i]/bytes[i])
		switch t.Kind {
		case Choice:
			r.score("acc", is(item.Gold == best(l, func(int) int { return 1 })))
			r.score("acc_token", is(item.Gold == best(l, func(k int) int { return l[k].Tokens })))
			r.score("acc_norm", is(item.Gold == best(l, func(k int) int { return item.Lengths[k] })))
			r.score("acc_bytes", is(item.Gold == best(l, func(k int) int { return item.Bytes[k] })))
			r.score("greedy", is(gold.Greedy))
		case Target:
			r.score("acc", is(gold.Greedy))
			r.score("greedy", is(gold.Greedy))
		}
	}
	for metric, x := range r.Scores {
		value, stderr := meanStdErr(x)
		if metric == "bpb" && t.Kind == Text {
			value, stderr = ratioStdErr(bits, bytes)
		}
		r.Metrics[metric] = value
		if len(x) > 1 {
			r.StdErr[metric] = stderr
		}
	}
	return r, nil
}

func (r *TaskResult) score(metric string, x float64) { r.Scores[metric] = append(r.Scores[metric], x) }

func is(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// best is the first choice with the highest log-likelihood over its size.
func best(l []Likelihood, size func(k int) int) int {
	win := 0
	for k := range l {
		if l[k].LogProb/float64(size(k)) > l[win].LogProb/float64(size(win)) {
			win = k
		}
	}
	return win
}

// ask returns the likelihoods of every item's requests.
func (t *Task) ask(ctx context.Context, m Model) ([][]Likelihood, error) {
	type place struct{ item, choice int }
	var places []place
	answers := make([][]Likelihood, len(t.Items))
	for i := range t.Items {
		answers[i] = make([]Likelihood, len(t.Items[i].Requests))
		for k := range answers[i] {
			places = append(places, place{i, k})
		}
	}
	at := func(p place) Request { return t.Items[p.item].Requests[p.choice] }
	size := func(p place) int { return len(at(p).Context) + len(at(p).Continuation) }
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(size(b), size(a)) })
	for part := range slices.Chunk(places, batch) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		requests := make([]Request, len(part))
		for i, p := range part {
			requests[i] = at(p)
		}
		got, err := m.LogLikelihood(ctx, requests)
		if err != nil {
			return nil, err
		}
		if len(got) != len(part) {
			return nil, fmt.Errorf("the model gave %d likelihoods for %d requests", len(got), len(part))
		}
		for i, p := range part {
			if err := got[i].check(); err != nil {
				return nil, fmt.Errorf("item %s, answer %d: %w", t.Items[p.item].ID, p.choice, err)
			}
			answers[p.item][p.choice] = got[i]
		}
	}
	return answers, nil
}

func (l Likelihood) check() error {
	switch {
	case math.IsNaN(l.LogProb) || math.IsInf(l.LogProb, 0):
		return fmt.Errorf("log-likelihood is %v: the model has diverged", l.LogProb)
	case l.Tokens <= 0 || l.Bytes <= 0:
		return fmt.Errorf("the model scored %d tokens and %d bytes; it must score at least one", l.Tokens, l.Bytes)
	}
	return nil
}
