// Package embed turns texts into unit vectors, so that texts about the same
// thing lie close together. It knows nothing of corpora or clusters.
package embed

import (
	"context"
	"io"
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

// A Method is an embedder that can be chosen: its options, before anything is
// fitted or reached. It is a Maker or a Joiner.
type Method interface {
	// Cost says what the vectors of a corpus take, measured on some of its texts.
	// Nothing is asked of a server.
	Cost(ctx context.Context, s Sample) (Cost, error)
}

// A Maker makes an embedder, which makes vectors of texts.
type Maker interface {
	Method
	// Make fits the embedder, or reaches it, and writes the files that Load needs.
	Make(ctx context.Context, s Site) error
	// Load opens what Make has written into the folder dir.
	Load(ctx context.Context, dir string) (Embedder, error)
}

// A Joiner has the vectors already.
type Joiner interface {
	Method
	Vectors() Import
}

// A Site is where a Maker works.
type Site struct {
	Seed    uint64
	Workers int
	// Sample returns the first maxBytes of n texts of the corpus, or of all that
	// there are.
	Sample func(ctx context.Context, n, maxBytes int) ([]string, error)
	Create func(name string) (io.WriteCloser, error)
}

// A Remote method has options that its vectors do not depend on: where a server
// is, how fast it may be asked.
type Remote interface {
	Method
	// Identity is the method without them.
	Identity() Method
	// Reach is the method with the connection settings of now: the same method as it
	// is configured now.
	Reach(now Method) Method
}

// A Keeper is an Embedder whose vectors are dear: what Embed was answered is
// kept, and not asked for again.
type Keeper interface {
	Embedder
	EmbedKept(ctx context.Context, dst []float32, texts []string, kept *Answers) error
}

// Methods lists the embedders.
var Methods = option.Family[Method]{
	{Name: "lexical", Summary: "hashed words, or word and character n-grams, by inverse document frequency, reduced by a randomized SVD fitted on a sample of the corpus, less the mean",
		Paper: "Halko, Martinsson, Tropp 2011, arXiv 0909.4061; Deerwester et al. 1990", New: func() Method { return &Lexical{} }},
	{Name: "word", Summary: "word vectors, trained on a sample of the corpus or of a fastText .bin or .vec, averaged with SIF weights, centred, and partly whitened (each principal direction divided by the root of its standard deviation)",
		Paper: "Bojanowski et al. 2016, arXiv 1607.04606; Arora, Liang, Ma 2017 (SIF)", New: func() Method { return &Word{} }},
	{Name: "http", Summary: "a model behind a server with OpenAI's /v1/embeddings, such as vLLM, Text Embeddings Inference or Ollama", New: func() Method { return &HTTP{} }},
	{Name: "onnx", Summary: "a model of BERT's kind in this process, by ONNX Runtime; for programs that are built with -tags onnx",
		Paper: "Reimers, Gurevych 2019, arXiv 1908.10084", New: func() Method { return &ONNX{} }},
	{Name: "import", Summary: "vectors that another program has made of the same documents, in .npy or Parquet files, joined by the documents' ids or by order", New: func() Method { return &Import{} }},
}

type methodTable struct{}

func (methodTable) Family() option.Family[Method] { return Methods }

// A Choice is an embedder with its options, as a configuration names it.
type Choice = option.Choice[Method, methodTable]

// Choose returns the choice of m, such as &Lexical{}.
func Choose(m Method) Choice { return option.Choose[Method, methodTable](m) }

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
