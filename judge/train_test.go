package judge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/judge"
	"github.com/climb-go/climb/label"
)

// writeLines puts lines into a file of a temporary folder.
func writeLines(t *testing.T, name string, lines []string) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTrainLabel: graded texts and pairs of files give a model that scores by
// them, and what cannot be used is refused with file and line.
func TestTrainLabel(t *testing.T) {
	var graded, good, bad []string
	for i := range 300 {
		graded = append(graded, fmt.Sprintf(`{"text":"grade%d text %d","score":%.1f}`, 2*(i%3), i, float64(2*(i%3))+0.2))
		good = append(good, fmt.Sprintf(`{"text":"a fine text %d"}`, i))
		bad = append(bad, fmt.Sprintf(`{"text":"buy now %d"}`, i))
	}
	o := judge.Training{GradeField: "score", Graded: []string{writeLines(t, "graded.jsonl", graded)}, Out: filepath.Join(t.TempDir(), "m.linear"),
		Training: label.Training{Method: "linear"}}
	r, err := judge.Train(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Labels, []string{"0", "2", "4"}) || r.After.Accuracy < 0.95 {
		t.Errorf("labels %v, accuracy %v", r.Labels, r.After.Accuracy)
	}
	scores := scoresOf(t, label.FastText{Scheme: "expected", Models: []label.Classifier{{Name: "q", File: o.Out}}}, "grade0 text", "grade2 text", "grade4 text")
	if !(scores[0] < 0.3 && scores[1] > 0.3 && scores[1] < 0.7 && scores[2] > 0.7) {
		t.Errorf("texts of the grades 0, 2 and 4 of 4 have the scores %v", scores)
	}

	pairs := judge.Training{Positive: []string{writeLines(t, "good.jsonl", good)}, Negative: []string{writeLines(t, "bad.jsonl", bad)}, Out: filepath.Join(t.TempDir(), "m.bin")}
	pairs.FastText.Buckets, pairs.FastText.Dim = 1000, 8
	if _, err = judge.Train(t.Context(), pairs); err != nil {
		t.Fatal(err)
	}
	scores = scoresOf(t, label.FastText{Scheme: "probability", Models: []label.Classifier{{Name: "good", File: pairs.Out, Label: "pos"}}}, "a fine text", "buy now")
	if !(scores[0] > 0.8 && scores[1] < 0.2) {
		t.Errorf("a good and a bad text have the scores %v", scores)
	}

	for want, bad := range map[string]judge.Training{
		"graded ones":  {Positive: pairs.Positive},
		"bad.jsonl:2:": {GradeField: "score", Graded: []string{writeLines(t, "bad.jsonl", []string{graded[0], `{"text":"x","score":7}`})}},
		"hold out":     {Positive: []string{writeLines(t, "one.jsonl", good[:3])}, Negative: pairs.Negative[:1], Training: label.Training{HoldOut: 0.02}},
	} {
		bad.Out = pairs.Out
		if _, err := judge.Train(t.Context(), bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func scoresOf(t *testing.T, o label.FastText, texts ...string) []float32 {
	t.Helper()
	l, err := o.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	scores := make([]float32, len(texts))
	if err := l.Label(t.Context(), scores, texts); err != nil {
		t.Fatal(err)
	}
	return scores
}
