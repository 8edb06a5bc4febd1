package label

import (
	"context"
	"errors"
	"slices"
	"testing"
)

const english = "The ferry leaves the harbour at seven in the morning, and on clear days you can watch the lighthouse until it sinks below the horizon."
const german = "Als der Regen endlich aufhörte, gingen die Kinder hinaus und bauten aus dem nassen Sand eine Burg mit einem tiefen Graben."

// TestLanguageColumn: the labeler's columns stay as they are, and the last one
// tells the languages that are asked for from others.
func TestLanguageColumn(t *testing.T) {
	texts := []string{english, german, "1 2 3 4 5"}
	rules := Rules{}
	n := len(rules.Names())
	alone := make([]float32, len(texts)*n)
	if err := rules.Label(t.Context(), alone, texts); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		codes []string
		high  []bool
	}{
		{[]string{"en"}, []bool{true, false, false}},
		{[]string{"de", "fr"}, []bool{false, true, false}},
		{[]string{"en", "de"}, []bool{true, true, false}},
		{[]string{AnyLanguage}, []bool{true, true, false}},
	} {
		l := Language{rules, c.codes}
		if names := l.Names(); len(names) != n+1 || names[n] != LanguageColumn {
			t.Fatalf("columns %q", names)
		}
		dst := make([]float32, len(texts)*(n+1))
		if err := l.Label(t.Context(), dst, texts); err != nil {
			t.Fatal(err)
		}
		for i := range texts {
			row := dst[i*(n+1):][:n+1]
			if !slices.Equal(row[:n], alone[i*n:][:n]) {
				t.Errorf("%v: text %d: the labeler's scores are not what they are alone", c.codes, i)
			}
			if x := row[n]; c.high[i] && x < 0.9 || !c.high[i] && x > 0.1 || x < 0 || x > 1 {
				t.Errorf("%v: text %d: %v", c.codes, i, x)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Language{rules, []string{"en"}}).Label(ctx, make([]float32, len(texts)*(n+1)), texts); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
