// Package embed turns texts into unit vectors, so that texts about the same
// thing lie close together. It knows nothing of corpora or clusters.
package embed

import (
	"context"
	"math"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// An Embedder maps texts to points on the unit sphere. It is safe for
// concurrent use, and the vector of a text does not depend on the texts
// that share its batch.
type Embedder interface {
	// Dim is the length of every vector.
	Dim() int
	// Embed writes the vector of texts[i] to dst[i*Dim:(i+1)*Dim].
	// dst is len(texts) x Dim, row-major.
	Embed(ctx context.Context, dst []float32, texts []string) error
}

// Methods lists the embedders.
var Methods = []option.Row{
	{Name: "lexical", Summary: "hashed words, or word and character n-grams, by inverse document frequency, reduced by a randomized SVD fitted on a sample of the corpus, less the mean",
		Paper: "Halko, Martinsson, Tropp 2011, arXiv 0909.4061; Deerwester et al. 1990", Options: Lexical{}},
	{Name: "word", Summary: "word vectors, trained on a sample of the corpus or of a fastText .bin or .vec, pooled with smooth inverse frequencies, less the mean, directions evened out half way",
		Paper: "Bojanowski et al. 2016, arXiv 1607.04606; Arora, Liang, Ma 2017 (SIF)", Options: Word{}},
	{Name: "http", Summary: "a model behind a server with OpenAI's /v1/embeddings, such as vLLM, Text Embeddings Inference or Ollama",
		Paper: "", Options: HTTP{}},
	{Name: "onnx", Summary: "a model of BERT's kind in this process, by ONNX Runtime; for programs that are built with -tags onnx",
		Paper: "Reimers, Gurevych 2019, arXiv 1908.10084", Options: ONNX{}},
	{Name: "import", Summary: "vectors that another program has made of the same documents, in .npy or Parquet files, joined by the documents' ids or by order",
		Paper: "", Options: Import{}},
}

// normalize scales x to length 1; no direction becomes (1, 0, 0, ...).
func normalize(x []float32) {
	norm := math.Sqrt(vec.SumSquares(x))
	if norm < 1e-6 {
		clear(x)
		x[0] = 1
		return
	}
	vec.Scale(float32(1/norm), x)
}
