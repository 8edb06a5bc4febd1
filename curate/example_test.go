package curate_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb"
)

// What became of every document: kept in a domain, pruned, or held out.
func ExampleCuration_Judged() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, "docs.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	nouns := []string{"river", "stone", "engine", "garden", "letter"}
	for i := range 100 { // sentences that say little
		fmt.Fprintf(f, "{\"id\": \"s%d\", \"text\": \"The %s lies beside the %s, and the %s was there before.\"}\n", i, nouns[i%5], nouns[i/5%5], nouns[i/25])
	}
	for i := range 4 { // and lines that are no text
		fmt.Fprintf(f, "{\"id\": \"x%d\", \"text\": \"%s\"}\n", i, strings.Repeat(fmt.Sprintf("%d ; # %d * ", i, i*7919), 12))
	}
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
	c, err := climb.ParseConfig([]byte(`
corpus: {inputs: [docs.jsonl]}
embed: {method: lexical, lexical: {dim: 8}}
cluster: {kmeans: {k: 2}}
prune: {clusters: {}, documents: {quality: 0.5}}
target: {holdout: 0.1}
`))
	if err != nil {
		log.Fatal(err)
	}
	c.Out = "run"
	c.RelativeTo(dir)
	ctx := context.Background()
	run := climb.NewRun(c)
	if err := run.Until(ctx, "domains"); err != nil {
		log.Fatal(err)
	}
	fates := map[string]int{}
	for d, err := range run.Curation.Judged(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fates[d.Fate()]++
	}
	fmt.Println(fates)
	// Output: map[held out:11 kept:89 pruned document:4]
}
