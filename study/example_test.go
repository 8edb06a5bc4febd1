package study_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb/study"
)

// A study is a climb.yaml, the strategies to compare, the target model and the
// files to score it on. Estimate says what it will cost before anything is spent;
// Compare runs it, or resumes.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	text := strings.Repeat(`{"text": "The river runs through the valley and into the sea."}`+"\n", 50)
	for name, content := range map[string]string{"docs.jsonl": text, "validation.jsonl": text, "test.jsonl": text, "study.yaml": `
run: {corpus: {inputs: [docs.jsonl]}, search: {rounds: [4, 2]}}
strategies: [natural, regmix, {name: ours, strategy: climb-auto}]
objectives: [{name: rivers, validation: [{file: validation.jsonl}], test: [{file: test.jsonl}]}]
target: {model: {layers: 1, width: 16, heads: 1, context: 32}, tokens: 20000, batch: 4}
seeds: 3
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			log.Fatal(err)
		}
	}
	s, err := study.Load(filepath.Join(dir, "study.yaml"))
	if err != nil {
		log.Fatal(err)
	}
	for _, x := range s.Strategies {
		fmt.Println(x.Name, "by", x.Strategy)
	}
	e, err := s.Estimate(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range e.Parts {
		fmt.Println(p.Runs, "runs:", p.Name)
	}
	// Output:
	// natural by natural
	// regmix by regmix
	// ours by climb-auto
	// 0 runs: corpus to tokens
	// 6 runs: regmix
	// 6 runs: ours
	// 9 runs: target models
	// 9 runs: ranks by proxies: own
}
