package view_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/view"
)

// Count what is in a corpus: documents, bytes, what is no document, languages.
func ExampleDescribeCorpus() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "docs.jsonl"), []byte(`{"text": "The river runs through the valley and into the sea."}
{"text": "Der Fluss fließt durch das Tal und in das Meer."}
oops
`), 0o666); err != nil {
		log.Fatal(err)
	}
	o := view.StatsOptions{Corpus: corpus.Options{Inputs: corpus.Paths(dir)}, Workers: 1}
	option.Fill(&o.Corpus)
	o.Corpus.BadLineLimit = 1
	s, err := view.DescribeCorpus(context.Background(), o)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Documents, "documents;", s.Bad.ReasonsText())
	for _, l := range s.Languages {
		fmt.Println(l.Name, l.Documents)
	}
	// Output:
	// 2 documents; 1 invalid_json
	// en 1
	// de 1
}
