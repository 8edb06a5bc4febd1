package view

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/climb-go/climb/cluster"
)

// marks grades a text by the mark that it begins with.
type marks struct{}

func (marks) Names() []string { return []string{"mark"} }

func (marks) Label(_ context.Context, dst []float32, texts []string) error {
	for i, text := range texts {
		if strings.HasPrefix(text, "good") {
			dst[i] = 1
		}
	}
	return nil
}

// A good text goes with the bad ones that it is like, and a bad one by itself.
func TestKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var texts []string
	for i := range 400 {
		words, mark := "river valley stone forest", "good"
		if i%2 == 1 {
			words = "click offer cheap winner"
		}
		if (i%2 == 1) == (i%20 > 1) { // nine of ten
			mark = "bad"
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %d", mark, i)
		for range 60 {
			b.WriteString(" " + strings.Fields(words)[rng.IntN(4)])
		}
		texts = append(texts, b.String())
	}
	r := unrun(t)
	if err := r.Curation.Config.Cluster.Method.Set("kmeans"); err != nil {
		t.Fatal(err)
	}
	r.Curation.Config.Cluster.Method.Value().(*cluster.KMeans).K = 2
	for _, c := range []struct {
		clusters, documents map[string]float64
		want                func(i int, good bool) bool
	}{
		{nil, nil, func(int, bool) bool { return true }},
		{nil, map[string]float64{"mark": 0.5}, func(_ int, good bool) bool { return good }},
		{map[string]float64{"mark": 0.5}, nil, func(i int, _ bool) bool { return i%2 == 0 }},
		{map[string]float64{"mark": 0.5}, map[string]float64{"mark": 0.5}, func(i int, good bool) bool { return i%2 == 0 && good }},
	} {
		r.Curation.Config.Prune.Clusters, r.Curation.Config.Prune.Documents = c.clusters, c.documents
		kept, _, err := r.kept(t.Context(), marks{}, texts)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range kept {
			if k != c.want(i, strings.HasPrefix(texts[i], "good")) {
				t.Fatalf("clusters %v, documents %v: text %d (%.20q) is kept: %v", c.clusters, c.documents, i, texts[i], k)
			}
		}
	}
}
