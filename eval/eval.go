// Package eval measures a language model on question files and texts, by
// likelihood alone: which choice is likeliest, and how many bits per byte the
// right answer costs. Conventions and standard errors are those of
// EleutherAI's lm-evaluation-harness (Gao et al. 2021, doi 10.5281/zenodo.5371628;
// lm_eval/api/task.py), so figures can be laid beside published ones.
//
// The package knows no tokenizer and no model: it asks a Model for the
// likelihood of texts after texts.
package eval

import (
	"context"
	"unicode"
	"unicode/utf8"
)

// A Request asks for log p(Continuation | Context). Context is "" where
// nothing comes before; the model then starts from its end-of-document token.
// A Context never ends in white space: it has been moved to the Continuation,
// which is what a byte-pair tokenizer needs to see whole words.
type Request struct {
	Context      string
	Continuation string // not empty
}

// A Likelihood answers a Request.
type Likelihood struct {
	LogProb float64 // nats, sum over the tokens of the continuation
	Tokens  int     // tokens scored
	Bytes   int     // UTF-8 bytes of the continuation that the tokens stand for
	Greedy  bool    // every token was the model's first choice
}

// A Model scores requests. It returns one Likelihood for each, in order, and
// may batch them as it likes; requests arrive sorted by falling length so that
// neighbours pad little. A continuation longer than the model's window is
// scored in windows, or cut; Bytes says how much of it was scored.
type Model interface {
	LogLikelihood(ctx context.Context, requests []Request) ([]Likelihood, error)
}

// The kinds of a Task.
const (
	Choice = "choice" // which of several answers is likeliest
	Target = "target" // how likely is the one right answer
	Text   = "text"   // how likely is a text, from its start
)

// An Item is one question or text.
type Item struct {
	ID       string
	Requests []Request // one a choice; a single one for Target and Text
	Alone    []Request // the choices without a question, for acc_mutual_info; nil where it is not asked for
	Gold     int       // 0-based index of the right choice; 0 for Target and Text
	Also     []int     // further right choices
	Head     int       // bytes at the start of each context that are description and examples
	Lengths  []int     // characters of each answer without its delimiter, for acc_norm
	Bytes    []int     // UTF-8 bytes of the same, for acc_bytes
	Source   string    // of a text that was rewritten: as it was, which the rates are counted in
	True     []bool    // choices whose share of probability is acc; nil: acc is the likeliest being right
}

// A Task is a file of items of one kind.
type Task struct {
	Name       string   // file name without its extensions
	Alias      string   // the name that a YAML task gives itself
	Version    string   // metadata.version of a YAML task
	Split      string   // of a YAML task: "test" or "validation"
	Shots      int      // examples before each question
	Listed     []string // metric_list of a YAML task
	Path       string
	Kind       string // Choice, Target or Text
	Items      []Item
	Duplicates int // items whose id was used on an earlier line; they are kept
}

// Limit returns a task of at most n items, spread evenly over the file: the
// i-th is number i*len(Items)/n. n <= 0 means all of them.
func (t *Task) Limit(n int) *Task {
	if n <= 0 || n >= len(t.Items) {
		return t
	}
	sub := *t
	sub.Items = make([]Item, n)
	for i := range sub.Items {
		sub.Items[i] = t.Items[i*len(t.Items)/n]
	}
	return &sub
}

// newRequest joins a query and an answer as the harness does: with the
// delimiter " ", except where the query is empty, ends in white space, or the
// answer brings its own (there the harness would double it). White space at
// the query's end moves to the continuation (the harness's _encode_pair).
func newRequest(query, answer string) Request {
	last, _ := utf8.DecodeLastRuneInString(query)
	if first, _ := utf8.DecodeRuneInString(answer); query != "" && !unicode.IsSpace(last) && !unicode.IsSpace(first) {
		answer = " " + answer
	}
	return pairOf(query, answer)
}
