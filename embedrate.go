package climb

import (
	"context"
	"fmt"
	"strings"
	"time"

	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/task"
)

// An embedCost is what the chosen embedder takes.
type embedCost struct {
	fixed   float64 // seconds that are the same for every corpus, on one core
	fit     float64 // seconds of fitting on the sample, of one core; all cores share them
	rate    float64 // bytes of text per second on one core; 0: see wall
	wall    float64 // seconds for all vectors whatever the cores are
	dim     int
	unknown string // why the time is not known
}

const (
	// likelyDim is the length of vectors that only a server or a file knows: that
	// of stella_en_400M_v5, which CLIMB uses.
	likelyDim = 1024
	// importRate is the bytes of vectors a second that are read, scaled and written
	// again as float16: declared, as disks differ more than processors.
	importRate = 2e8

	timedTraining = 1 << 17 // bytes of text that the training of word vectors is timed on
	timedTexts    = 8       // texts that a model of BERT's kind is timed on
)

// measureEmbed times the chosen embedder on the first texts, size bytes of the
// corpus that e is about. Nothing is asked of a server.
func (r *Run) measureEmbed(ctx context.Context, e *Estimate, texts []string, size int64) (embedCost, error) {
	c := &r.Config.Embed
	switch c.Method {
	case "word":
		return r.measureWord(ctx, e, texts, size)
	case "onnx":
		m, err := c.ONNX.Open(ctx)
		if err != nil {
			return embedCost{dim: likelyDim, unknown: "embed." + err.Error()}, nil
		}
		cost, err := timeEmbedder(ctx, m, texts[:min(len(texts), timedTexts)])
		return cost, err
	case "http":
		h, dim := c.HTTP, likelyDim
		if h.Dimensions > 0 {
			dim = h.Dimensions
		}
		cost := embedCost{dim: dim, unknown: fmt.Sprintf("vectors come from a server, whose time is not known, in %d requests", (e.Documents+int64(h.Batch)-1)/int64(h.Batch))}
		if h.Rate > 0 {
			cost.wall = float64(e.Documents) / float64(h.Batch) / h.Rate * 60
			cost.unknown += fmt.Sprintf("; embed.http.rate allows %g a minute", h.Rate)
		}
		return cost, nil
	case "import":
		stamps, err := importStamps(c.Import)
		var bytes int64
		for _, s := range stamps {
			bytes += s.Bytes
		}
		return embedCost{dim: likelyDim, wall: float64(bytes) / importRate}, err
	}
	start := time.Now()
	m, err := c.Lexical.Fit(ctx, texts, r.Config.Seed, 1)
	if err != nil {
		return embedCost{}, err
	}
	fit := time.Since(start).Seconds() * float64(min(e.Documents, int64(c.Lexical.Sample))) / float64(len(texts))
	cost, err := timeEmbedder(ctx, m, texts)
	cost.fit = fit
	return cost, err
}

// measureWord times word vectors: training on a part of the texts, if they are
// trained, and pooling.
func (r *Run) measureWord(ctx context.Context, e *Estimate, texts []string, size int64) (embedCost, error) {
	o := r.Config.Embed.Word
	var words *fasttext.Model
	if o.File != "" {
		stamp, err := task.Stamp(o.File)
		if err == nil {
			words, err = openWords(&stamp)
		}
		if err != nil {
			return embedCost{}, err
		}
		defer words.Close()
	}
	all := o.TrainBytes
	o.TrainBytes = min(o.TrainBytes, timedTraining)
	start := time.Now()
	m, err := o.Fit(ctx, texts, words, r.Config.Seed, 1)
	if err != nil {
		if o.File == "" && strings.Contains(err.Error(), "min_count") { // too little text to time, not to train on
			return embedCost{dim: o.Train.Dim, unknown: err.Error()}, nil
		}
		return embedCost{}, err
	}
	took := time.Since(start).Seconds()
	cost, err := timeEmbedder(ctx, m, texts)
	if o.File == "" {
		part := max(1, (size+int64(o.TrainBytes)-1)/int64(o.TrainBytes)) // one text in so many was trained on
		cost.fixed = took * float64(min(int64(all), e.TextBytes)) / float64(size) * float64(part)
	}
	return cost, err
}

// timeEmbedder times m on texts.
func timeEmbedder(ctx context.Context, m embedding.Embedder, texts []string) (embedCost, error) {
	var size int64
	for _, t := range texts {
		size += int64(len(t))
	}
	start := time.Now()
	err := m.Embed(ctx, make([]float32, len(texts)*m.Dim()), texts)
	return embedCost{rate: perSecond(size, start), dim: m.Dim()}, err
}

// seconds is the time on the clock for text bytes on cores.
func (c *embedCost) seconds(text, cores float64) float64 {
	s := c.fixed + c.fit/cores + c.wall
	if c.rate > 0 {
		s += text / c.rate / cores
	}
	return s
}
