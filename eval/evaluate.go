package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"unicode"
)

// Core metrics, which every result has, by kind of task. All but bpb are shares
// of the items, higher is better.
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
var Core = []string{"acc", "acc_token", "acc_norm", "acc_bytes", "bpb", "greedy"}

// Metrics are those of Core and further ones by the harness's names; lower is
// better for all but the first two. ll is the log-likelihood of the gold answer
// or of the text, in nats.
//
//	exact_match      choice: as greedy
//	acc_mutual_info  choice: the gold choice gains most by the question: ll less the choice's log-likelihood
//	                 without one; for tasks that list it in metric_list, since it asks for every choice twice
//	brier_score      choice: sum_k (p_k - [k = gold])^2 with p = softmax(ll), mean over the items
//	perplexity       target: exp(-mean ll)
//	word_perplexity  text: exp(-sum ll / sum words); words are what white space divides, as re.split(r"\s+") counts them
//	byte_perplexity  text: exp(-sum ll / sum bytes)
//	bits_per_byte    text: as bpb
var Metrics = append(slices.Clone(Core), "exact_match", "acc_mutual_info", "brier_score", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte")

// AnswerBytes is the mean length of the right answers, of texts their own, in
// UTF-8 bytes.
func (t *Task) AnswerBytes() float64 {
	sum := 0
	for _, item := range t.Items {
		sum += len(item.Requests[item.Gold].Continuation)
	}
	return float64(sum) / float64(max(1, len(t.Items)))
}

// Metrics lists what Evaluate measures of the task.
func (t *Task) Metrics() []string {
	switch t.Kind {
	case Choice:
		m := append(slices.Clone(Core), "exact_match", "brier_score")
		if t.Items[0].Alone != nil {
			m = append(m, "acc_mutual_info")
		}
		return m
	case Target:
		return []string{"acc", "bpb", "greedy", "perplexity"}
	}
	return []string{"bpb", "bits_per_byte", "byte_perplexity", "word_perplexity"}
}

// Oriented returns the value of a metric, negated where lower is better.
func Oriented(metric string, value float64) float64 {
	switch metric {
	case "bpb", "brier_score", "perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte":
		return -value
	}
	return value
}

// A TaskResult holds the figures of one model on one task.
type TaskResult struct {
	Task    string             `json:"task"`
	Kind    string             `json:"kind"`
	Items   int                `json:"items"`
	Metrics map[string]float64 `json:"metrics"`
	StdErr  map[string]float64 `json:"stderr"` // a metric of a single item has none
	// Scores are what each item adds to a metric, in file order: their mean is
	// the metric, and their standard deviation over sqrt(items) its standard
	// error. Of ratios and perplexities they are linearised (see Evaluate). Two
	// models are compared item by item with them.
	Scores map[string][]float64 `json:"item_scores,omitempty"`
	// LogProbs are the log-likelihoods of the items' gold answers, in nats.
	LogProbs []float64 `json:"log_probs,omitempty"`
}

// batch is the most requests in one call of a Model.
const batch = 1024

// Keep drops the metrics that are neither in Core nor named.
func (r *TaskResult) Keep(named ...string) {
	for _, metric := range Metrics {
		if !slices.Contains(Core, metric) && !slices.Contains(named, metric) {
			delete(r.Metrics, metric)
			delete(r.StdErr, metric)
			delete(r.Scores, metric)
		}
	}
}

// Evaluate scores every item with m. The result depends on nothing but what m
// answers: requests go out sorted by falling length, ties by file order. A
// likelihood that is not a finite number is an error that names the item.
//
// Standard errors of means are the harness's. For ratios and perplexities they
// are by linearisation (the delta method): s(exp x) = exp(x) s(x). The harness
// resamples perplexity 100,000 times (bootstrap), which tends to the same, and
// gives none for brier_score, word_perplexity, byte_perplexity and
// bits_per_byte.
func (t *Task) Evaluate(ctx context.Context, m Model) (*TaskResult, error) {
	answers, err := t.ask(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", t.Name, err)
	}
	r := &TaskResult{Task: t.Name, Kind: t.Kind, Items: len(t.Items),
		Metrics: map[string]float64{}, StdErr: map[string]float64{}, Scores: map[string][]float64{}}
	var nats, bits, bytes, words []float64
	for i := range t.Items {
		item, l := &t.Items[i], answers[i]
		gold := l[item.Gold]
		nats, bits = append(nats, -gold.LogProb), append(bits, -gold.LogProb/math.Ln2)
		bytes = append(bytes, item.scored(gold.Bytes))
		r.LogProbs = append(r.LogProbs, gold.LogProb)
		r.score("bpb", bits[i]/bytes[i])
		switch t.Kind {
		case Choice:
			r.scoreChoice(item, l)
		case Target:
			r.score("acc", is(gold.Greedy))
			r.score("greedy", is(gold.Greedy))
		case Text:
			words = append(words, float64(countWords(cmp.Or(item.Source, item.Requests[0].Continuation))))
		}
	}
	for metric, x := range r.Scores {
		value, stderr := meanStdErr(x)
		r.set(metric, value, stderr)
	}
	switch t.Kind {
	case Target:
		mean, stderr := meanStdErr(nats)
		r.setExp("perplexity", mean, stderr, nats)
	case Text:
		rate, stderr := ratioStdErr(bits, bytes)
		r.Scores["bpb"] = linear(bits, bytes)
		r.Scores["bits_per_byte"] = r.Scores["bpb"]
		r.set("bpb", rate, stderr)
		r.set("bits_per_byte", rate, stderr)
		rate, stderr = ratioStdErr(nats, bytes)
		r.setExp("byte_perplexity", rate, stderr, linear(nats, bytes))
		rate, stderr = ratioStdErr(nats, words)
		r.setExp("word_perplexity", rate, stderr, linear(nats, words))
	}
	return r, nil
}

// set keeps a metric; of one item, and of a perplexity beyond all numbers,
// there is no standard error.
func (r *TaskResult) set(metric string, value, stderr float64) {
	if math.IsInf(value, 0) { // JSON has no infinity
		value = math.MaxFloat64
	}
	r.Metrics[metric] = value
	if !math.IsNaN(stderr) && !math.IsInf(stderr, 0) {
		r.StdErr[metric] = stderr
	}
}

// setExp keeps exp(mean), where x are the items' values of the mean.
func (r *TaskResult) setExp(metric string, mean, stderr float64, x []float64) {
	value := math.Exp(mean)
	r.set(metric, value, value*stderr)
	if math.IsInf(value, 0) {
		return
	}
	scores := make([]float64, len(x))
	for i, v := range x {
		scores[i] = value * (1 + v - mean)
	}
	r.Scores[metric] = scores
}

// scoreChoice adds an item's shares. l are the likelihoods of its choices, and
// then, if they were asked for, those of the choices alone.
func (r *TaskResult) scoreChoice(item *Item, l []Likelihood) {
	n := len(item.Requests)
	l, alone := l[:n], l[n:]
	win := func(metric string, score func(k int) float64) {
		k := best(n, score)
		r.score(metric, is(k == item.Gold || slices.Contains(item.Also, k)))
	}
	if item.True != nil {
		r.score("acc", share(l, item.True))
	} else {
		win("acc", func(k int) float64 { return l[k].LogProb })
	}
	win("acc_token", func(k int) float64 { return l[k].LogProb / float64(l[k].Tokens) })
	win("acc_norm", func(k int) float64 { return l[k].LogProb / float64(item.Lengths[k]) })
	win("acc_bytes", func(k int) float64 { return l[k].LogProb / float64(item.Bytes[k]) })
	if len(alone) == n {
		win("acc_mutual_info", func(k int) float64 { return l[k].LogProb - alone[k].LogProb })
	}
	greedy := is(l[item.Gold].Greedy || slices.ContainsFunc(item.Also, func(k int) bool { return l[k].Greedy }))
	r.score("greedy", greedy)
	r.score("exact_match", greedy)
	r.score("brier_score", brier(l, item.Gold))
}

// scored is how many bytes of a text count, where n of what was asked were
// scored: as many of its source as that is of the whole.
func (item *Item) scored(n int) float64 {
	if item.Source == "" {
		return float64(n)
	}
	return float64(n) * float64(len(item.Source)) / float64(len(item.Requests[0].Continuation))
}

// share is what the true choices have of the choices' likelihoods, made to sum
// to 1.
func share(l []Likelihood, right []bool) float64 {
	top := slices.MaxFunc(l, func(a, b Likelihood) int { return cmp.Compare(a.LogProb, b.LogProb) }).LogProb
	var sum, of float64
	for k, x := range l {
		p := math.Exp(x.LogProb - top)
		if sum += p; right[k] {
			of += p
		}
	}
	return of / sum
}

// brier is sum_k (p_k - [k = gold])^2, where p are the choices' likelihoods
// made to sum to 1.
func brier(l []Likelihood, gold int) float64 {
	top := slices.MaxFunc(l, func(a, b Likelihood) int { return cmp.Compare(a.LogProb, b.LogProb) }).LogProb
	var sum, score float64
	for _, x := range l {
		sum += math.Exp(x.LogProb - top)
	}
	for k, x := range l {
		d := math.Exp(x.LogProb-top)/sum - is(k == gold)
		score += d * d
	}
	return score
}

// countWords is the length of re.split(r"\s+", text).
func countWords(text string) int {
	n, inside := 1, false
	for _, r := range text {
		space := unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f
		if space && !inside {
			n++
		}
		inside = space
	}
	return n
}

func (r *TaskResult) score(metric string, x float64) { r.Scores[metric] = append(r.Scores[metric], x) }

func is(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// best is the first of n choices with the highest score.
func best(n int, score func(k int) float64) int {
	win := 0
	for k := range n {
		if score(k) > score(win) {
			win = k
		}
	}
	return win
}

// ask returns the likelihoods of every item's requests, and after them those
// of its choices alone.
func (t *Task) ask(ctx context.Context, m Model) ([][]Likelihood, error) {
	type place struct{ item, choice int }
	var places []place
	answers := make([][]Likelihood, len(t.Items))
	for i := range t.Items {
		answers[i] = make([]Likelihood, len(t.Items[i].Requests)+len(t.Items[i].Alone))
		for k := range answers[i] {
			places = append(places, place{i, k})
		}
	}
	at := func(p place) Request {
		item := &t.Items[p.item]
		if p.choice < len(item.Requests) {
			return item.Requests[p.choice]
		}
		return item.Alone[p.choice-len(item.Requests)]
	}
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
