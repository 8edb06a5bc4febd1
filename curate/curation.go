// Package curate takes a corpus to domains and their tokens: documents are
// scanned, deduplicated, embedded, clustered, scored, pruned, merged into domains,
// held out and tokenized. Each step is a stage (package stage).
package curate

import (
	"context"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/stage"
)

// A Curation takes a corpus to domains and their tokens.
type Curation struct {
	*stage.Run
	Config Config

	Inputs  []corpus.FileInfo
	Skipped string // files of the input folders that are not read, in words
	Shards  []corpus.Shard
	targets *stage.Cache
}

// Open lists the inputs and adds the stages to the run. The cache holds
// what was read of target files; it may be nil.
func Open(ctx context.Context, run *stage.Run, c Config, targets *stage.Cache) (*Curation, error) {
	r := &Curation{Run: run, Config: c, targets: targets}
	files, err := corpus.List(ctx, c.Corpus)
	if err != nil {
		return nil, err
	}
	r.Inputs, r.Skipped = slices.Concat(files.Files, files.Attributes), files.SkippedText()
	if r.Shards, err = files.Shards(ctx, c.Corpus); err != nil {
		return nil, err
	}
	return r, run.Add(r.stages()...)
}

// Stages are the stages as a worker needs them: their tasks hold all that
// they depend on.
func Stages() stage.Table { return (&Curation{}).stages() }

func (r *Curation) stages() stage.Table {
	return stage.Table{
		r.corpusStage(), r.signaturesStage(), r.bucketsStage(), r.rowsStage(),
		r.vectorizerStage(), r.embedStage(),
		r.centroidsStage(), r.refineStage(), r.clusterStage(), r.semanticStage(),
		r.labelStage(), r.overlapStage(), r.tagsStage(),
		r.domainsStage(), r.assignStage(),
		r.holdoutStage(),
		r.vocabStage(), r.encodeStage(), r.tokensStage(),
	}
}
