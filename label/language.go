package label

import (
	"context"
	"fmt"
	"slices"

	"github.com/climb-go/climb/lang"
)

// LanguageColumn is the name of the column that Language adds.
const LanguageColumn = "language"

// AnyLanguage stands for the most probable language of each text.
const AnyLanguage = "any"

// A Language adds a column to those of a labeler: how sure it is that a text is
// in one of some languages (package lang).
type Language struct {
	Labeler
	Codes []string // of ISO 639, as lang has them, or AnyLanguage
}

// Names lists the labeler's columns, and LanguageColumn.
func (l Language) Names() []string { return append(slices.Clone(l.Labeler.Names()), LanguageColumn) }

// Label writes the labeler's scores, and the score of the language.
func (l Language) Label(ctx context.Context, dst []float32, texts []string) error {
	n := len(l.Labeler.Names())
	if len(dst) != len(texts)*(n+1) {
		panic(fmt.Sprintf("label: dst of %d for %d texts x %d columns", len(dst), len(texts), n+1))
	}
	scores := make([]float32, len(texts)*n)
	if err := l.Labeler.Label(ctx, scores, texts); err != nil {
		return err
	}
	codes := l.Codes
	if slices.Contains(codes, AnyLanguage) {
		codes = nil
	}
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		row := dst[i*(n+1):][:n+1]
		copy(row, scores[i*n:][:n])
		row[n] = lang.Confidence(text, codes)
	}
	return nil
}
