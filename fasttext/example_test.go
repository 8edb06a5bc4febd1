package fasttext_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/fasttext"
)

// Train a classifier, save it as fastText's .bin, and ask the file.
func ExampleClassifier() {
	var texts []string
	var labels []int
	for range 50 {
		texts = append(texts, "the river runs to the sea", "the engine needs oil")
		labels = append(labels, 0, 1)
	}
	m, err := fasttext.Classifier{Dim: 8, Epochs: 20, LR: 0.5, Buckets: 1000, Seed: 1}.Train(context.Background(), texts, labels, []string{"nature", "cars"})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "topics.bin")
	if err := m.Save(path); err != nil {
		log.Fatal(err)
	}
	saved, err := fasttext.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer saved.Close()
	p, err := saved.NewPredictor()
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"a river and a sea\n", "oil for an engine\n"} {
		best := p.Predict(text, 1, 0)[0]
		fmt.Println(saved.LabelName(best.Label), best.Probability > 0.5)
	}
	// Output:
	// nature true
	// cars true
}
