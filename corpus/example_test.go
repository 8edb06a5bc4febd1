package corpus_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
)

// Read every document below a folder, whatever the form of its files, shard by
// shard; what is no document is counted.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "docs.jsonl"), []byte(`{"id": "a", "text": "One.", "lang": "en"}
not JSON
{"id": "b", "text": "Two."}
`), 0o666); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	o := corpus.Options{Inputs: corpus.Paths(dir)}
	option.Fill(&o)
	shards, _, err := corpus.Split(ctx, o)
	if err != nil {
		log.Fatal(err)
	}
	var bad corpus.Bad
	for _, shard := range shards {
		for doc, err := range corpus.Read(ctx, shard, o, &bad) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%s: %q, other fields %q\n", doc.ID, doc.Text, doc.Fields)
		}
	}
	fmt.Println(bad.Accepted, "of", bad.Lines, "lines;", bad.ReasonsText())
	// Output:
	// a: "One.", other fields "{\"lang\": \"en\"}"
	// b: "Two.", other fields ""
	// 2 of 3 lines; 1 invalid_json
}
