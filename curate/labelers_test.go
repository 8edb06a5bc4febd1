package curate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
)

// TestFastTextLabeler: the models of climb.yaml score texts, and a model that changed is refused.
func TestFastTextLabeler(t *testing.T) {
	o := fasttext.Classifier{}
	option.Fill(&o)
	o.Dim, o.Buckets = 4, 100
	var texts []string
	var labels []int
	for i := range 100 {
		texts, labels = append(texts, []string{"bad text", "good text"}[i%2]), append(labels, i%2)
	}
	m, err := o.Train(t.Context(), texts, labels, []string{"-1", "5"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "grades.bin")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	c := LabelConfig{Method: label.Choose(&label.FastText{Scheme: "climb-recipe", Models: []label.Classifier{{Name: "advertisement", File: path, Label: "5"}, {Name: "quality", File: path, Label: "5"}}})}
	options, err := c.options()
	if err != nil {
		t.Fatal(err)
	}
	l, err := options.labeler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 4)
	if err := l.Label(t.Context(), got, []string{"good text", "bad text"}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float32{1, 1, 0, 0}, got); d != "" || strings.Join(l.Names(), " ") != "advertisement quality" {
		t.Errorf("scores %v of %v", got, l.Names())
	}
	if err := os.WriteFile(path+".new", []byte("another model"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if _, err := options.labeler(t.Context()); err == nil {
		t.Error("a model that changed after the plan was made is used")
	}
}
