package climb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/option"
)

// TestFastTextLabeler: the models of climb.yaml score texts, Curator's scheme
// brings its thresholds, and a model that changed is refused.
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
	section := "label:\n  method: fasttext\n  fasttext:\n    scheme: %s\n    models: [{name: advertisement, file: %q, label: \"5\"}, {name: quality, file: %q, label: \"5\"}]\n"
	c := parse(t, minimal+fmt.Sprintf(section, "climb-recipe", path, path))
	if d := cmp.Diff(map[string]float64{"advertisement": 0.5, "quality": 1.0 / 3}, c.Prune.Clusters); d != "" || c.Prune.Documents != nil {
		t.Errorf("floors of the recipe, documents %v:\n%s", c.Prune.Documents, d)
	}
	c = parse(t, minimal+fmt.Sprintf(section, "climb-recipe", path, path)+"prune: {clusters: {quality: 0.9}}\n")
	if d := cmp.Diff(map[string]float64{"quality": 0.9}, c.Prune.Clusters); d != "" {
		t.Errorf("what the user wrote:\n%s", d)
	}
	if c := parse(t, minimal+fmt.Sprintf(section, "probability", path, path)); len(c.Prune.Clusters)+len(c.Prune.Documents) > 0 {
		t.Errorf("floors of other scores: %+v", c.Prune)
	}
	options, err := c.Label.options()
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
	if _, err := ParseConfig([]byte(minimal + "label: {method: fasttext}\n")); err == nil || !strings.Contains(err.Error(), "label.fasttext.models") {
		t.Errorf("no model: %v", err)
	}
}
