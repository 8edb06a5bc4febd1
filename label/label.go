// Package label gives texts named scores in [0, 1], higher is better. Their
// means over a cluster are what pruning compares with its floors.
package label

import (
	"context"
	"iter"

	"github.com/climb-go/climb/option"
)

// A Labeler scores texts. It may be used by several goroutines at once, and
// the scores of a text do not depend on the texts beside it.
type Labeler interface {
	// Names lists the columns.
	Names() []string
	// Label writes the scores of texts to dst, len(texts) x len(Names()),
	// row-major; it panics if dst has another length.
	Label(ctx context.Context, dst []float32, texts []string) error
}

// A Method is a labeler that can be chosen: its options, before anything is read
// or trained.
type Method interface {
	// Names lists the columns.
	Names() []string
	// Labeler opens or trains the labeler.
	Labeler(ctx context.Context, texts Texts) (Labeler, error)
}

// Texts reads the texts of a file or folder, in any format of a corpus.
type Texts func(ctx context.Context, path string) iter.Seq2[string, error]

// A Sourced method is made from files, which its scores depend on.
type Sourced interface {
	// Sources lists model files, and files or folders of text, each with the
	// option that names it.
	Sources() (models, texts []Source)
}

// A Source is a file that a method is made from.
type Source struct{ Option, Path string }

// A Floored method knows floors for its scores. For the others there is no floor
// but what the configuration says.
type Floored interface {
	// Floors are the least mean scores of a cluster that stays.
	Floors() map[string]float64
}

// Methods lists the labelers of this package.
var Methods = option.Family[Method]{
	{Name: "rules", Summary: "graded forms of the published text-quality filters: no model, no training, 30 MB/s a core",
		Paper: "Rae et al. 2021, arXiv 2112.11446; Raffel et al. 2019, arXiv 1910.10683; Penedo et al. 2024, arXiv 2406.17557", New: func() Method { return &Rules{} }},
	{Name: "fasttext", Summary: "classifiers: fastText models and those of `climb label train`, one score each",
		Paper: "Joulin et al. 2017, arXiv 1607.01759; Diao et al. 2025, arXiv 2504.13161", New: func() Method { return &FastText{} }},
	{Name: "ngram", Summary: "perplexity under a word n-gram model with modified Kneser-Ney smoothing, trained on reference text",
		Paper: "Wenzek et al. 2020, arXiv 1911.00359; Chen and Goodman 1999", New: func() Method { return &NGram{} }},
}

type methods struct{}

func (methods) Family() option.Family[Method] { return Methods }

// A Choice is a labeler with its options, as a configuration names it.
type Choice = option.Choice[Method, methods]

// Choose returns the choice of m, such as &Rules{}.
func Choose(m Method) Choice { return option.Choose[Method, methods](m) }
