package embed

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/option"
)

// A Sample is a part of a corpus that a Cost is measured on.
type Sample struct {
	Texts     []string
	Bytes     int64 // of Texts
	Documents int64 // of the corpus
	TextBytes int64 // of the corpus
	Seed      uint64
}

// A Cost is what the vectors of a corpus take.
type Cost struct {
	Fixed   float64 // seconds that are the same for every corpus, on one core
	Fit     float64 // seconds of fitting on the sample, of one core; all cores share them
	Rate    float64 // bytes of text per second on one core; 0: see Wall
	Wall    float64 // seconds for all vectors whatever the cores are
	Dim     int
	Unknown string // why the time is not known
}

// Seconds is the time on the clock for text bytes on cores.
func (c *Cost) Seconds(text, cores float64) float64 {
	s := c.Fixed + c.Fit/cores + c.Wall
	if c.Rate > 0 {
		s += text / c.Rate / cores
	}
	return s
}

const (
	// LikelyDim is the length of vectors that only a server or a file knows: that
	// of stella_en_400M_v5, which CLIMB uses.
	LikelyDim = 1024
	// ImportRate is the bytes of vectors a second that are read, scaled and written
	// again as float16: declared, as disks differ more than processors.
	ImportRate = 2e8

	timedTraining = 1 << 17 // bytes of text that the training of word vectors is timed on
	timedTexts    = 8       // texts that a model of BERT's kind is timed on
)

// Cost implements Method.
func (o Lexical) Cost(ctx context.Context, s Sample) (Cost, error) {
	option.Fill(&o)
	start := time.Now()
	m, err := o.Fit(ctx, s.Texts, s.Seed, 1)
	if err != nil {
		return Cost{}, err
	}
	fit := time.Since(start).Seconds() * float64(min(s.Documents, int64(o.Sample))) / float64(len(s.Texts))
	cost, err := timed(ctx, m, s.Texts)
	cost.Fit = fit
	return cost, err
}

// Cost implements Method: training is timed on a part of the texts, if there is
// any, and pooling.
func (o Word) Cost(ctx context.Context, s Sample) (Cost, error) {
	option.Fill(&o)
	var words *fasttext.Model
	if o.File != "" {
		var err error
		if words, err = o.open(); err != nil {
			return Cost{}, err
		}
		defer words.Close()
	}
	all := o.TrainBytes
	o.TrainBytes = min(o.TrainBytes, timedTraining)
	start := time.Now()
	m, err := o.Fit(ctx, s.Texts, words, s.Seed, 1)
	if err != nil {
		if o.File == "" && strings.Contains(err.Error(), "min_count") { // too little text to time, not to train on
			return Cost{Dim: o.Train.Dim, Unknown: err.Error()}, nil
		}
		return Cost{}, err
	}
	took := time.Since(start).Seconds()
	cost, err := timed(ctx, m, s.Texts)
	if o.File == "" {
		part := max(1, (s.Bytes+int64(o.TrainBytes)-1)/int64(o.TrainBytes)) // one text in so many was trained on
		cost.Fixed = took * float64(min(int64(all), s.TextBytes)) / float64(s.Bytes) * float64(part)
	}
	return cost, err
}

// Cost implements Method. A model that cannot be opened here may be opened where
// the run will be.
func (o ONNX) Cost(ctx context.Context, s Sample) (Cost, error) {
	m, err := o.Open(ctx)
	if err != nil {
		return Cost{Dim: LikelyDim, Unknown: "embed." + err.Error()}, nil
	}
	return timed(ctx, m, s.Texts[:min(len(s.Texts), timedTexts)])
}

// Cost implements Method.
func (o HTTP) Cost(_ context.Context, s Sample) (Cost, error) {
	option.Fill(&o)
	cost := Cost{Dim: LikelyDim, Unknown: fmt.Sprintf("vectors come from a server, whose time is not known, in %d requests", (s.Documents+int64(o.Batch)-1)/int64(o.Batch))}
	if o.Dimensions > 0 {
		cost.Dim = o.Dimensions
	}
	if o.Rate > 0 {
		cost.Wall = float64(s.Documents) / float64(o.Batch) / o.Rate * 60
		cost.Unknown += fmt.Sprintf("; embed.http.rate allows %g a minute", o.Rate)
	}
	return cost, nil
}

// Cost implements Method, by the bytes of the files, folders left out.
func (o Import) Cost(context.Context, Sample) (Cost, error) {
	var bytes int64
	for _, f := range o.Files {
		if info, err := os.Stat(f); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
	}
	return Cost{Dim: LikelyDim, Wall: float64(bytes) / ImportRate}, nil
}

// timed times m on texts.
func timed(ctx context.Context, m Embedder, texts []string) (Cost, error) {
	var size int64
	for _, t := range texts {
		size += int64(len(t))
	}
	start := time.Now()
	err := m.Embed(ctx, make([]float32, len(texts)*m.Dim()), texts)
	return Cost{Rate: float64(size) / max(1e-6, time.Since(start).Seconds()), Dim: m.Dim()}, err
}
