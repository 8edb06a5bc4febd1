package eval_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb/eval"
)

// short is a model that likes short answers.
type short struct{}

func (short) LogLikelihood(_ context.Context, requests []eval.Request) ([]eval.Likelihood, error) {
	out := make([]eval.Likelihood, len(requests))
	for i, r := range requests {
		n := len(strings.TrimSpace(r.Continuation))
		out[i] = eval.Likelihood{LogProb: -float64(n), Tokens: n, Bytes: n}
	}
	return out, nil
}

// Evaluate a model on a file of questions.
func ExampleTask_Evaluate() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "animals.jsonl")
	if err := os.WriteFile(path, []byte(`{"query": "It barks:", "choices": ["dog", "elephant"], "gold": 0}
{"query": "It has a trunk:", "choices": ["dog", "elephant"], "gold": 1}
`), 0o666); err != nil {
		log.Fatal(err)
	}
	t, err := eval.LoadTask(path)
	if err != nil {
		log.Fatal(err)
	}
	r, err := t.Evaluate(context.Background(), short{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Task, r.Items, "items, accuracy", r.Metrics["acc"])
	// Output: animals 2 items, accuracy 0.5
}

// Of several comparisons, which are significant? Holm's correction keeps the
// chance of one false claim at the level.
func ExampleHolm() {
	fmt.Printf("%.2f\n", eval.Holm([]float64{0.01, 0.04, 0.03}))
	// Output: [0.03 0.06 0.06]
}
