package judge_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/judge"
	"github.com/climb-go/climb/option"
)

// Draw a sample for a chat model to grade, and ask for the most that it can cost.
// Nothing is sent before Run.
func ExampleNew() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	docs := filepath.Join(dir, "docs.jsonl")
	if err := os.WriteFile(docs, []byte(`{"text": "The river runs through the valley."}
{"text": "The stone lies beside the road."}
{"text": "The engine waits in the yard."}
`), 0o666); err != nil {
		log.Fatal(err)
	}
	o := judge.Options{Corpus: corpus.Options{Inputs: corpus.Paths(docs)}, Sample: 2, Repeat: 2, Seed: 1, Out: filepath.Join(dir, "grades.jsonl"), PriceIn: 1, PriceOut: 2}
	option.Fill(&o.Corpus)
	option.Fill(&o.Judge)
	o.Judge.URL, o.Judge.Model = "http://127.0.0.1:8000/v1", "a-model"
	j, err := judge.New(context.Background(), o)
	if err != nil {
		log.Fatal(err)
	}
	r := j.Estimate()
	fmt.Println(r.Documents, "documents,", r.Left, "judgements to ask for; costs something:", r.Cost > 0)
	// Output: 2 documents, 4 judgements to ask for; costs something: true
}
