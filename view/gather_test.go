package view_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/report"
)

// finished runs a small pipeline to its end.
func finished(t *testing.T) *climb.Run {
	t.Helper()
	r := smallRun(t)
	if err := r.Until(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	return r
}

// smallRun is a run that has not begun: of 120 documents, 10 of them again, and a
// line that is none.
func smallRun(t *testing.T) *climb.Run {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	for i := range 130 {
		n := i % 120
		fmt.Fprintf(&b, "{\"id\":\"d%d\",\"source\":\"s%d\",\"text\":\"the %s runs over word %d and over word %d of the day\"}\n", i, n%2, []string{"river", "stone", "engine"}[n%3], n, n*7%50)
	}
	b.WriteString("{\"id\": \"cut off\n")
	input := filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(input, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	c, err := climb.ParseConfig(fmt.Appendf(nil, `
out: %s
corpus: {inputs: [%s], bad_line_limit: 0.5, dedup: text}
cluster: {kmeans: {k: 3}}
domains: {ward: {count: 2}}
tokens: {bpe: {vocab: 300}}
proxy: {model: {layers: 1, width: 16, heads: 1, context: 16}, tokens: 2000, batch: 4}
search: {rounds: [3, 2], strategy: random}
confirm: {seeds: 2, measured: 0}
target: {holdout: 0.2}
prune: {clusters: {}, documents: {mean: 0.86}}
`, filepath.Join(dir, "run"), input))
	if err != nil {
		t.Fatal(err)
	}
	return climb.NewRun(c)
}

// checkDetail adds up the sources, and looks for predictions, curves, samples and
// descriptions.
func checkDetail(t *testing.T, d *report.Data) {
	t.Helper()
	byDomain := make([]int64, len(d.Domains))
	var written int64
	for _, s := range d.Corpus.Sources {
		written += s.Dataset
		for i, n := range s.Tokens {
			byDomain[i] += n
		}
	}
	for i, x := range d.Domains {
		if byDomain[i] != x.Tokens || !strings.Contains(x.About, "bytes a document") || !strings.Contains(x.About, "from ") {
			t.Errorf("domain %s: %d tokens by source, %d in all; %q", x.Name, byDomain[i], x.Tokens, x.About)
		}
	}
	if written != d.Dataset.Tokens || len(d.Corpus.Sources) < 2 {
		t.Errorf("%d tokens of %d sources in the dataset, it has %d", written, len(d.Corpus.Sources), d.Dataset.Tokens)
	}
	kinds := map[string]int{}
	for _, c := range d.Curves {
		kinds[c.Kind]++
		if n := len(c.Loss); n < 2 || n != len(c.Tokens) || c.Tokens[n-1] < 2000 {
			t.Errorf("curve %+v", c)
		}
	}
	if most := 5 + 4 + 6; kinds["chosen"] != 2 || len(d.Curves) > most || len(d.Curves) < 10 {
		t.Errorf("curves %v", kinds)
	}
	rules := map[string]bool{}
	for _, s := range d.PrunedSamples {
		rules[s.Rule[:min(len(s.Rule), 11)]] = true
		if s.ID == "" || s.Text == "" {
			t.Errorf("%+v", s)
		}
	}
	if pruned := len(d.PrunedDocuments) > 1; pruned != (len(d.PrunedSamples) > 0) { // what is held out is counted there too
		t.Errorf("samples of %v, pruned %+v", rules, d.PrunedDocuments)
	}
}

// The numbers of the report add up: lines to documents and to what was dropped,
// domains to the corpus, parts to the dataset; and the plan of a run that is done
// says so.
func TestReportAddsUp(t *testing.T) {
	r := finished(t)
	v, err := r.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.Gather(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := d.Corpus
	dropped := int64(0)
	for _, x := range c.Dropped {
		dropped += x.Count
	}
	if c.In != 131 || c.Duplicates != 10 || c.Documents != 120 || c.Kept+dropped != c.In || c.Kept >= c.Documents {
		t.Errorf("%d lines, %d copies, %d documents, %d kept and %d dropped", c.In, c.Duplicates, c.Documents, c.Kept, dropped)
	}
	var documents, bytes, tokens int64
	natural, chosen := 0.0, 0.0
	for _, x := range d.Domains {
		documents, bytes, tokens = documents+x.Documents, bytes+x.Bytes, tokens+x.Tokens
		natural, chosen = natural+x.Natural, chosen+x.Chosen
	}
	if documents != c.Documents || bytes != c.Bytes || tokens != c.Tokens || math.Abs(natural-1) > 1e-12 || math.Abs(chosen-1) > 1e-12 {
		t.Errorf("domains of %d documents, %d bytes, %d tokens, shares of %v and %v; corpus of %d, %d, %d", documents, bytes, tokens, natural, chosen, c.Documents, c.Bytes, c.Tokens)
	}
	if n := len(d.Clusters) + len(d.PrunedClusters); n != 3 || len(d.Map) != n {
		t.Errorf("%d clusters, %d on the map", n, len(d.Map))
	}
	if len(d.Trials) != 5 || len(d.Confirmed.Candidates) != 4 {
		t.Errorf("%d trials, %d candidates", len(d.Trials), len(d.Confirmed.Candidates))
	}
	var parts, partTokens int64
	share := 0.0
	for _, x := range d.Dataset.Parts {
		parts, partTokens, share = parts+x.Documents, partTokens+x.Tokens, share+x.Achieved
		if x.Repeated > x.Documents {
			t.Errorf("%s: %d documents, %d of them repeated", x.Domain, x.Documents, x.Repeated)
		}
	}
	if parts != d.Dataset.Documents || partTokens != d.Dataset.Tokens || math.Abs(share-1) > 1e-12 || parts == 0 {
		t.Errorf("parts of %d documents, %d tokens, share %v; dataset of %d, %d", parts, partTokens, share, d.Dataset.Documents, d.Dataset.Tokens)
	}
	checkDetail(t, d)
	e, err := v.Estimate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range e.Stages {
		if !s.Done {
			t.Errorf("the plan says that %s is not done", s.Stage)
		}
	}
	if e.Seconds != 0 || e.Disk != 0 || e.Documents != c.Documents || e.Tokens != c.Tokens || e.ProxyRuns != 5+r.Config.Confirm.Runs() {
		t.Errorf("left: %v s, %d bytes; %d documents, %d tokens, %d runs", e.Seconds, e.Disk, e.Documents, e.Tokens, e.ProxyRuns)
	}
	// Without its dataset the report tells of the rest, and the plan of what is left.
	if err := os.RemoveAll(r.Dir("dataset")); err != nil {
		t.Fatal(err)
	}
	if d, err = v.Gather(t.Context()); err != nil || d.Dataset.Documents != 0 || d.Confirmed.Verdict == "" {
		t.Errorf("%d documents, verdict %q, %v", d.Dataset.Documents, d.Confirmed.Verdict, err)
	}
	if e, err = v.Estimate(t.Context()); err != nil || e.Seconds == 0 || e.Stages[len(e.Stages)-1].Done {
		t.Errorf("left: %v s, %+v, %v", e.Seconds, e.Stages[len(e.Stages)-1], err)
	}
}
