package climb_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb"
)

// writeCorpus writes 400 documents, half of them sentences and half of them rows
// of digits, and sentences as the target. Nobody would train on so little; it takes
// seconds.
func writeCorpus(dir string) {
	nouns := strings.Fields("river stone engine garden winter letter harbour teacher window mountain")
	verbs := strings.Fields("follows carries watches remembers paints crosses")
	sentence := func(i int) string {
		return fmt.Sprintf("The %s %s the %s while the %s %s another %s near the old %s.", nouns[i%10], verbs[i%6], nouns[i*3%10], nouns[i*7%10], verbs[i%5], nouns[i/10%10], nouns[i/3%10])
	}
	var docs, target strings.Builder
	for i := range 200 {
		fmt.Fprintf(&docs, "{\"id\": \"p%d\", \"source\": \"prose\", \"text\": %q}\n", i, sentence(i)+" "+sentence(i+77))
		fmt.Fprintf(&docs, "{\"id\": \"n%d\", \"source\": \"numbers\", \"text\": \"%d,%d,%d;%d,%d,%d;%d,%d\"}\n", i, i*7919, i*104729, i*31, i*15485863, i*17, i*271, i*99991, i*i)
	}
	for i := range 40 {
		fmt.Fprintf(&target, "{\"text\": %q}\n", sentence(i*5+1)+" "+sentence(i+123))
	}
	for name, text := range map[string]string{"docs.jsonl": docs.String(), "prose.jsonl": target.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			log.Fatal(err)
		}
	}
}

// tiny is a climb.yaml whose domains are the sources and whose proxies are the
// smallest there are.
const tiny = `
out: run
corpus: {inputs: [docs.jsonl]}
target: {validation: [{file: prose.jsonl}]}
decontaminate: {action: none}
embed: {method: lexical, lexical: {dim: 8}}
cluster: {kmeans: {k: 4}}
prune: {clusters: {}, documents: {}}
domains: {by: label}
tokens: {bpe: {vocab: 320}}
proxy: {model: {layers: 1, width: 16, heads: 1, context: 32}, tokens: 12000, batch: 4}
search: {rounds: [5, 3]}
confirm: {seeds: 2, measured: 1}
dataset: {mixture: best}
`

// load writes the corpus and the configuration into a folder and reads the
// configuration.
func load(dir string) *climb.Config {
	writeCorpus(dir)
	path := filepath.Join(dir, "climb.yaml")
	if err := os.WriteFile(path, []byte(tiny), 0o666); err != nil {
		log.Fatal(err)
	}
	c, err := climb.LoadConfig(path)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// Run the whole pipeline and read the outcome. The same calls resume a run that
// was killed, and a finished run is only read.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	run := climb.NewRun(load(dir)) // reads and writes nothing
	if err := run.Until(ctx, ""); err != nil {
		log.Fatal(err)
	}
	r, err := run.Report(ctx) // writes run/report/index.html and summary.json too
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range r.Domains {
		fmt.Println(d.Name, "has a larger share than by nature:", d.Chosen > d.Natural)
	}
	fmt.Println(len(r.Trials), "proxy runs")
	// Output:
	// prose has a larger share than by nature: true
	// numbers has a larger share than by nature: false
	// 8 proxy runs
}

// Run the first stages only, and look at the clusters that they have found.
func ExampleRun_View() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	run := climb.NewRun(load(dir))
	if err := run.Until(ctx, "domains"); err != nil {
		log.Fatal(err)
	}
	v, err := run.View(ctx) // a view writes nothing
	if err != nil {
		log.Fatal(err)
	}
	clusters, err := v.Clusters()
	if err != nil {
		log.Fatal(err)
	}
	var documents int64
	for _, c := range clusters {
		documents += c.Docs
	}
	fmt.Println(len(clusters), "clusters of", documents, "documents")
	// Output: 4 clusters of 400 documents
}

// Every stage has a directory that is named by the hash of its options and of
// what it reads: a changed option redoes the stages that depend on it, and no
// others.
func ExampleRun_Open() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	c := load(dir)
	open := func(c *climb.Config) *climb.Run {
		r := climb.NewRun(c)
		if err := r.Open(context.Background()); err != nil {
			log.Fatal(err)
		}
		return r
	}
	before := open(c)
	c.Proxy.Tokens *= 2
	after := open(c)
	for _, s := range []string{"embed", "tokens", "search", "confirm"} {
		fmt.Println(s, before.Base(s) == after.Base(s))
	}
	// Output:
	// embed true
	// tokens true
	// search false
	// confirm false
}
