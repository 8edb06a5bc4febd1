package curate_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/report"
)

// contaminated writes a corpus of n documents, in every tenth of which a part of
// a target item is hidden, and the two target files.
func contaminated(t *testing.T, dir string, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	some := func(n int) []string {
		words := make([]string, n)
		for i := range words {
			words[i] = letters(r.IntN(2000))
		}
		return words
	}
	var docs, choice, texts []byte
	for i := range n {
		doc := some(60 + r.IntN(60))
		question, answer := some(20), some(5)
		if i%10 == 0 { // the end of the question with the right answer
			doc = append(doc[:30:30], append(append(question[12:20:20], answer...), doc[30:]...)...)
			choice = fmt.Appendf(choice, `{"query":"%s?","choices":["%s","%s"],"gold":0}`+"\n",
				strings.Join(question, " "), strings.ToUpper(strings.Join(answer, " ")), strings.Join(some(3), " "))
		}
		if i%10 == 5 {
			texts = fmt.Appendf(texts, `{"text":"%s"}`+"\n", strings.Join(doc[20:35], "\\n"))
		}
		docs = corpus.AppendDocument(docs, corpus.Document{ID: fmt.Sprint(i), Text: strings.Join(doc, " ")})
	}
	texts = append(texts, `{"text":"too short to be looked for"}`+"\n"...)
	for name, data := range map[string][]byte{"docs.jsonl": docs, "choice.json": choice, "texts.json": texts} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// Documents that hold a part of a target file belong to no domain, or are
// marked; no other document does, and the totals add up.
func TestOverlap(t *testing.T) {
	dir := t.TempDir()
	const n = 400
	contaminated(t, dir, n)
	for action, dropped := range map[string]int64{"drop": n / 5, "mark": 0, "none": 0} {
		r := openRun(t, fmt.Sprintf(`out: %[1]s/%[2]s
corpus: {inputs: [%[1]s/docs.jsonl]}
decontaminate: {action: %[2]s}
embed: {lexical: {dim: 8}}
cluster: {kmeans: {k: 4}}
prune: {clusters: {}, documents: {}}
domains: {ward: {count: 2}}
target: {validation: [{file: %[1]s/choice.json}], test: [{file: %[1]s/texts.json}, {file: %[1]s/choice.json}]}
`, dir, action))
		if err := r.Until(context.Background(), "domains"); err != nil {
			t.Fatal(err)
		}
		codes, err := ints(filepath.Join(r.Dir("assign"), part(0, "npy")))
		if err != nil || len(codes) != n {
			t.Fatalf("%d codes, %v", len(codes), err)
		}
		for row, code := range codes {
			if (code == curate.Overlaps) != (dropped > 0 && row%5 == 0) {
				t.Errorf("%s: document %d has the code %d", action, row, code)
			}
		}
		d, err := r.Report(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		total := d.Corpus.Kept
		for _, reason := range d.Corpus.Dropped {
			total += reason.Count
		}
		if d.Corpus.In != n || total != n || d.Corpus.Kept > n-dropped {
			t.Errorf("%s: %d documents in, %d kept, %+v", action, d.Corpus.In, d.Corpus.Kept, d.Corpus.Dropped)
		}
		if action == "none" {
			if len(d.Corpus.Overlaps) > 0 {
				t.Errorf("none: %+v", d.Corpus.Overlaps)
			}
			continue
		}
		for i, want := range []report.Overlap{{File: "choice.json", Items: n / 10, Documents: n / 10}, {File: "texts.json", Items: n/10 + 1, Short: 1, Documents: n / 10}} {
			got := d.Corpus.Overlaps[i]
			if got.File != want.File || got.Items != want.Items || got.Short != want.Short || got.Documents != want.Documents || len(got.Samples) != 5 {
				t.Errorf("%s: %+v, want %+v", action, got, want)
			}
			for _, s := range got.Samples {
				if len(strings.Fields(s.Text)) != 13 {
					t.Errorf("sample %q has not 13 words", s.Text)
				}
			}
		}
	}
}
