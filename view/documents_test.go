package view_test

import (
	"testing"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
)

// TestDocuments reads every document of every domain, a few at a time.
func TestDocuments(t *testing.T) {
	r := finished(t)
	v, err := r.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := v.Gather(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lengths, err := v.DomainLengths(len(d.Domains))
	if err != nil {
		t.Fatal(err)
	}
	seen, all := map[string]bool{}, int64(0)
	for i, dom := range d.Domains {
		var n, bytes, binned int64
		for at := (&view.Cursor{}); at != nil; {
			var docs []view.Document
			if docs, at, err = v.Documents(t.Context(), i, *at, 7); err != nil {
				t.Fatal(err)
			}
			if len(docs) == 0 || at != nil && len(docs) != 7 {
				t.Fatalf("%d documents, and then %v", len(docs), at)
			}
			for _, x := range docs {
				if seen[x.ID] || x.Text == "" || x.Source == "" {
					t.Errorf("document %+v", x)
				}
				seen[x.ID] = true
				n, bytes = n+1, bytes+int64(x.Bytes)
			}
		}
		for _, b := range lengths[i].Bins {
			binned += b.Documents
		}
		all += n
		if binned != n || int64(lengths[i].Mean*float64(n)+0.5) != bytes || lengths[i].Least <= 0 {
			t.Errorf("%s: %d documents of %d bytes read; lengths %+v", dom.Name, n, bytes, lengths[i])
		}
	}
	if all != d.Corpus.Kept {
		t.Errorf("%d documents read, the report counts %d", all, d.Corpus.Kept)
	}
	for _, c := range []view.Cursor{{Shard: -1}, {Row: -1}, {Shard: 99}} {
		if _, _, err := v.Documents(t.Context(), 0, c, 1); task.ExitCode(err) != task.ExitUsage {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
