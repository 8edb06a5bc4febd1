// Package label gives texts named scores in [0, 1], higher is better. Their
// means over a cluster are what pruning compares with its floors.
package label

import (
	"context"

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

// Methods lists the labelers of this package.
var Methods = []option.Method{
	{Name: "rules", Summary: "graded forms of the published text-quality filters: no model, no training, 30 MB/s a core",
		Paper: "Rae et al. 2021, arXiv 2112.11446; Raffel et al. 2019, arXiv 1910.10683; Penedo et al. 2024, arXiv 2406.17557", Options: Rules{}},
	{Name: "fasttext", Summary: "classifiers: fastText models and those of `climb label train`, one score each",
		Paper: "Joulin et al. 2017, arXiv 1607.01759; Diao et al. 2025, arXiv 2504.13161", Options: FastText{}},
	{Name: "ngram", Summary: "perplexity under a word n-gram model with modified Kneser-Ney smoothing, trained on reference text",
		Paper: "Wenzek et al. 2020, arXiv 1911.00359; Chen and Goodman 1999", Options: NGram{}},
}
