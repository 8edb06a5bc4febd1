package label

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/option"
)

// gradeModel is a model whose labels are the grades; "word3" is a text of 3.
func gradeModel(t *testing.T) string {
	var texts, names []string
	var labels []int
	for g := -1; g <= 5; g++ {
		names = append(names, map[bool]string{true: "-1", false: string(rune('0' + max(0, g)))}[g < 0])
		for range 30 {
			texts, labels = append(texts, "word"+names[g+1]+" . "), append(labels, g+1)
		}
	}
	o := fasttext.Classifier{}
	option.Fill(&o)
	o.Dim, o.Epochs, o.Buckets = 8, 50, 100
	m, err := o.Train(t.Context(), texts, labels, names)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "grades.bin")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFastTextSchemes(t *testing.T) {
	path := gradeModel(t)
	for _, c := range []struct {
		scheme, text string
		want         float64
		within       float64
	}{
		{"climb-recipe", "WORD2.", 3.0 / 6, 1e-6}, // lower case, the mark apart
		{"climb-recipe", "word-1 .", 0, 1e-6},
		{"climb-recipe", "word5 .", 1, 1e-6},
		{"climb-recipe-expected", "word5 .", 1, 0.1},
		{"argmax", "word0 .", 1.0 / 6, 1e-6},
		{"expected", "word2 .", 3.0 / 6, 0.1},
		{"probability", "word3 .", 1, 0.1},
		{"probability", "word4 .", 0, 0.1},
	} {
		o := FastText{Scheme: c.scheme, Models: []Classifier{{"a", path, "3"}, {"b", path, "3"}}}
		l, err := o.Open()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 2)
		if err := l.Label(t.Context(), got, []string{c.text}); err != nil {
			t.Fatal(err)
		}
		if math.Abs(float64(got[0])-c.want) > c.within || got[0] != got[1] {
			t.Errorf("%s: %q has %v, not %.3f", c.scheme, c.text, got, c.want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, o := range map[string]FastText{
		"no model":      {Scheme: "expected"},
		"no such file":  {Scheme: "expected", Models: []Classifier{{"a", path + "x", ""}}},
		"no such label": {Scheme: "probability", Models: []Classifier{{"a", path, "9"}}},
		"no name":       {Scheme: "expected", Models: []Classifier{{"", path, ""}}},
	} {
		if _, err := o.Open(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRecipeText(t *testing.T) {
	for text, want := range map[string]string{
		"It's  (really)\n\nGood/bad, NO!": "it ' s ( really ) <newline><newline>good / bad , no !\n",
		"":                                "\n",
		"  a\tb ":                         "a b\n",
	} {
		if got := recipeText(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
	if f := RecipeFloors([]string{"advertisement", "quality"}); f["advertisement"] != 0.5 || math.Abs(f["quality"]-1.0/3) > 1e-9 {
		t.Errorf("floors %v", f)
	}
}
