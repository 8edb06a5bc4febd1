package curate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
)

func TestDocumentRule(t *testing.T) {
	names := []string{"a", "b"}
	for _, test := range []struct {
		floors map[string]float64
		when   string
		scores []float32
		want   string
	}{
		{nil, "any", []float32{0, 0}, ""},
		{nil, "all", []float32{0, 0}, ""},
		{map[string]float64{"a": 0.5, "b": 0.5}, "any", []float32{0.5, 0.5}, ""},
		{map[string]float64{"a": 0.5, "b": 0.5}, "any", []float32{0.6, 0.4}, "b"},
		{map[string]float64{"a": 0.5, "b": 0.5}, "any", []float32{0.4, 0.4}, "a"},
		{map[string]float64{"a": 0.5, "b": 0.5}, "all", []float32{0.4, 0.6}, ""},
		{map[string]float64{"a": 0.5, "b": 0.5}, "all", []float32{0.6, 0.4}, ""},
		{map[string]float64{"a": 0.5, "b": 0.5}, "all", []float32{0.4, 0.4}, "a"},
		{map[string]float64{"mean": 0.5}, "any", []float32{0.1, 0.8}, "mean"},
		{map[string]float64{"mean": 0.5}, "any", []float32{0.2, 0.8}, ""},
	} {
		r, err := newDocumentRule(PruneConfig{Documents: test.floors, DocumentsIf: test.when}, names)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.fails(test.scores); got != test.want {
			t.Errorf("floors %v, %s: %v falls for %q, want %q", test.floors, test.when, test.scores, got, test.want)
		}
	}
	if _, err := newDocumentRule(PruneConfig{Documents: map[string]float64{"c": 1}}, names); err == nil || !strings.Contains(err.Error(), "prune.documents") {
		t.Errorf("unknown score: %v", err)
	}
}

// TestNGramLabeler trains on files of the corpus's formats, once for a plan,
// and not on files that have changed since the plan was made.
func TestNGramLabeler(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "good.jsonl")
	line := `{"text": "the cat sat on the mat and the dog lay by the door of the old house"}` + "\n"
	if err := os.WriteFile(path, []byte(strings.Repeat(line, 20)), 0o644); err != nil {
		t.Fatal(err)
	}
	m := label.NGram{}
	option.Fill(&m)
	m.Reference = path
	c := LabelConfig{Method: label.Choose(&m)}
	ctx := stage.WithCache(t.Context(), &stage.Cache{})
	o, err := c.options()
	if err != nil {
		t.Fatal(err)
	}
	l, err := o.labeler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 4)
	if err := l.Label(t.Context(), dst, []string{"The cat sat on the mat.", "quite other words"}); err != nil || dst[0] <= dst[2] || dst[1] != 1 {
		t.Errorf("scores %v, %v", dst, err)
	}
	if again, err := o.labeler(ctx); err != nil || again != l {
		t.Errorf("trained again: %v", err)
	}
	if err := os.WriteFile(path, []byte(line), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := o.labeler(ctx); err == nil {
		t.Error("a changed reference was not noticed")
	}
}
