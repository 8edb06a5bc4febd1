package view_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/view"
)

// TestPreview counts against a second reading of every document.
func TestPreview(t *testing.T) {
	dir := t.TempDir()
	var b strings.Builder
	for i := range 120 {
		text := fmt.Sprintf("The house number %d is by the river, and the people of the town walk to it with their dogs on a summer day.", i)
		if i%3 == 0 {
			text = strings.Repeat(fmt.Sprintf("| a%d | beta | gamma |\n|----|---|---|\n| 1%d | 2 | 3 |\n", i, i), 20)
		}
		fmt.Fprintf(&b, "{\"id\": \"d%d\", \"text\": %q}\n", i, text)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.jsonl"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := climb.ParseConfig(fmt.Appendf(nil, "out: %q\ncorpus: {inputs: [%q]}\ncluster: {kmeans: {k: 4}}\ndomains: {ward: {count: 2}}\n", filepath.Join(dir, "run"), filepath.Join(dir, "c.jsonl")))
	if err != nil {
		t.Fatal(err)
	}
	r := climb.NewRun(c)
	if err := r.Until(t.Context(), "domains"); err != nil {
		t.Fatal(err)
	}
	look, err := r.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := look.Preview(t.Context(), view.PreviewOptions{Scores: []string{"tables"}, Thresholds: []float64{0.9, 0.5}, Examples: 3, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Curation.Domains()
	if err != nil {
		t.Fatal(err)
	}
	column := 0
	for d.ScoreNames[column] != "tables" {
		column++
	}
	var all, kept, below, inClusters int64
	for j, err := range r.Curation.Judged(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all++
		if f := j.Fate(); f == "kept" || f == "held out" {
			kept++
		}
		if j.Scores[column] < 0.5 {
			below++
		}
		if d.Clusters[j.Cluster].Scores[column] < 0.5 {
			inClusters++
		}
	}
	th := v.Scores[0].Thresholds[0]
	if v.All.Documents != all || v.Kept.Documents != kept || th.Value != 0.5 || th.Documents.Documents != below || th.InClusters.Documents != inClusters {
		t.Errorf("%+v; want %d documents, %d kept, %d below, %d in clusters", v, all, kept, below, inClusters)
	}
	if all != 120 || below != 40 || kept > 80 || v.All.Tokens != v.All.Bytes/4 {
		t.Errorf("%d documents, %d below, %d kept, %+v", all, below, kept, v.All)
	}
	if len(th.Below) != 3 || len(th.Above) != 3 {
		t.Fatalf("examples %+v", th)
	}
	for i := range 3 {
		if !strings.HasPrefix(th.Below[i].Text, "| a") || th.Below[i].Score >= 0.5 || !strings.HasPrefix(th.Above[i].Text, "The house") || th.Above[i].ID == "" {
			t.Errorf("example %d: %+v, %+v", i, th.Below[i], th.Above[i])
		}
	}
	auto, err := look.Preview(t.Context(), view.PreviewOptions{Examples: 1})
	if err != nil || len(auto.Scores) != 1 || auto.Scores[0].Name != "quality" || len(auto.Scores[0].Thresholds) < 3 {
		t.Errorf("by the configuration: %+v, %v", auto, err)
	}
	if _, err := look.Preview(t.Context(), view.PreviewOptions{Scores: []string{"x"}}); err == nil || !strings.Contains(err.Error(), "quality") {
		t.Errorf("unknown score: %v", err)
	}
}
