package corpus

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func sampleFile(t *testing.T, n int) string {
	var file []byte
	for i := range n {
		file = AppendDocument(file, Document{ID: fmt.Sprint(i), Text: noise(1 + i%50)})
	}
	return write(t, "a.jsonl", string(file))
}

func sample(t *testing.T, o Options, drop func(int) (*Rows, error), s Sampling) []Document {
	t.Helper()
	shards, _, err := Split(o)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := Sample(context.Background(), shards, o, drop, s)
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// The sample does not depend on shards and workers, and a smaller one is the
// beginning of a larger one.
func TestSampleIsDeterministic(t *testing.T) {
	path := sampleFile(t, 1000)
	where := cmpopts.IgnoreFields(Document{}, "Row", "Line")
	want := sample(t, Options{Inputs: []string{path}}, nil, Sampling{Docs: 100, Seed: 1, Workers: 1})
	if len(want) != 100 {
		t.Fatalf("%d documents", len(want))
	}
	for _, bytes := range []int64{100, 5000, 1 << 20} {
		got := sample(t, Options{Inputs: []string{path}, ShardBytes: bytes}, nil, Sampling{Docs: 100, Seed: 1, Workers: 4})
		if d := cmp.Diff(want, got, where); d != "" {
			t.Errorf("shards of %d bytes: %s", bytes, d)
		}
	}
	few := sample(t, Options{Inputs: []string{path}, ShardBytes: 300}, nil, Sampling{Docs: 30, Seed: 1, Workers: 3})
	if d := cmp.Diff(want[:30], few, where); d != "" {
		t.Error(d)
	}
	other := sample(t, Options{Inputs: []string{path}}, nil, Sampling{Docs: 100, Seed: 2})
	if cmp.Equal(want, other, where) {
		t.Error("the seed says nothing")
	}
	all := sample(t, Options{Inputs: []string{path}}, nil, Sampling{Docs: 5000})
	if len(all) != 1000 {
		t.Errorf("%d of all documents", len(all))
	}
}

func TestSampleLeavesOutDropped(t *testing.T) {
	path := sampleFile(t, 100)
	drop := func(int) (*Rows, error) {
		var r Rows
		for row := range 90 {
			r.Add(row)
		}
		return &r, nil
	}
	docs := sample(t, Options{Inputs: []string{path}}, drop, Sampling{Docs: 50})
	var ids []string
	for _, d := range docs {
		ids = append(ids, d.ID)
		if fmt.Sprint(d.Row+90) != d.ID {
			t.Errorf("row %d of %s", d.Row, d.ID)
		}
	}
	slices.Sort(ids)
	if len(ids) != 10 || ids[0] != "90" || ids[9] != "99" {
		t.Errorf("got %v", ids)
	}
}

// Each document is as likely as any other: chi-square of 40 cells, far beyond
// the 99.99 % point of 39 degrees of freedom (83) only if the draw is uneven.
func TestSampleIsEven(t *testing.T) {
	var hits [40]float64
	const rounds, n = 2000, 10
	for seed := range rounds {
		r := NewReservoir(Sampling{Docs: n, Seed: uint64(seed)})
		for i := range hits {
			r.Add(0, Document{ID: fmt.Sprint(i), Text: "the same", Row: i})
		}
		for _, d := range r.Documents() {
			hits[d.Row]++
		}
	}
	mean, chi2 := float64(rounds*n)/float64(len(hits)), 0.0
	for _, h := range hits {
		chi2 += (h - mean) * (h - mean) / mean
	}
	if chi2 > 83 {
		t.Errorf("chi-square %.1f", chi2)
	}
}

// With a bound in bytes the sample is the longest beginning of the order of
// priorities that fits, in whatever order the documents come.
func TestSampleBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Sampling{Docs: rapid.IntRange(1, 12).Draw(t, "docs"), Bytes: rapid.Int64Range(1, 60).Draw(t, "bytes")}
		var docs []Document
		all := NewReservoir(Sampling{Docs: 100})
		for i, n := range rapid.SliceOfN(rapid.IntRange(1, 20), 0, 15).Draw(t, "lengths") {
			docs = append(docs, Document{Text: noise(n), Row: i})
			all.Add(0, docs[i])
		}
		r := NewReservoir(s)
		for _, d := range rapid.Permutation(docs).Draw(t, "order") {
			r.Add(0, d)
		}
		var want []Document
		for left, i := s.Bytes, 0; i < min(len(docs), s.Docs); i++ {
			d := all.Documents()[i]
			if left -= int64(len(d.Text)); left < 0 {
				break
			}
			want = append(want, d)
		}
		if d := cmp.Diff(want, r.Documents(), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}
