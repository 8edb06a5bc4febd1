// Package handover turns a mixture into the files of a trainer (package export):
// documents are tokenized and counted, shares are settled in the trainer's unit,
// and the documents are shuffled and written, in four stages (package stage). The
// documents come from a finished run, or from files that a person names for each
// domain.
package handover

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
)

// Options describe an export.
type Options struct {
	To         string  `json:"to" doc:"trainer: one of export.Trainers"`
	Tokenizer  string  `json:"tokenizer,omitempty" doc:"tokenizer.json of the model to train; of a run the proxies' if none is given"`
	Tokens     int64   `json:"tokens" min:"0" doc:"tokens of the training, which the epochs are counted for, and which a mixed stream holds; 0 = as many as there are, or as the epoch cap allows"`
	Budget     int64   `json:"budget" min:"0" doc:"a small try-out with the same shares: tokens of training, and at most so many of data; 0 = all"`
	Epochs     float64 `json:"epochs" default:"4" min:"0.01" doc:"epoch cap: more repetition of a domain is an error"`
	Context    int     `json:"context" default:"2048" min:"8" max:"16777216" doc:"tokens of a training sequence"`
	Batch      int64   `json:"batch,omitempty" min:"0" doc:"sequences of a training step, of mixtures with phases: trainers change them at a step"`
	Valid      float64 `json:"valid" default:"0.01" min:"0" max:"0.5" doc:"share of each domain's documents that is held out for validation"`
	Test       float64 `json:"test" default:"0.01" min:"0" max:"0.5" doc:"share of each domain's documents that is held out for a test, where the trainer knows one"`
	ShardBytes int64   `json:"shard_bytes" default:"67108864" min:"1024" max:"2147483647" doc:"bytes of one file, where the trainer takes several, before compression; bounds the memory of a task"`
	Level      int     `json:"level" default:"3" min:"1" max:"22" doc:"zstd compression level"`
	At         string  `json:"at" default:"." doc:"where the trainer finds the folder, written into its configuration"`
	Mixture    string  `json:"mixture" default:"proven" choices:"proven,best,natural" doc:"of a run: which mixture"`
	Seed       uint64  `json:"seed" default:"1" doc:"random seed"`
	Version    string  `json:"-"`
}

// Defaults are the options of an export for a trainer. A zero is not one of them:
// Valid 0 holds nothing out.
func Defaults(to string) Options {
	o := Options{To: to}
	option.Fill(&o)
	return o
}

// check refuses what cannot be written.
func (o *Options) check(needs export.Needs, files bool) error {
	if err := option.Check("", o); err != nil {
		return err
	}
	if o.Valid+o.Test > 0.9 {
		return fmt.Errorf("--valid %g and --test %g leave too little to train on", o.Valid, o.Test)
	}
	if needs.Tokens && files && o.Tokenizer == "" {
		return fmt.Errorf("%s reads tokens: give the tokenizer of the model to train, --tokenizer tokenizer.json", o.To)
	}
	if !needs.Spaces && strings.ContainsFunc(o.At, func(r rune) bool { return r <= ' ' }) {
		return fmt.Errorf("--at %q: %s splits its list of paths at white space; use a path without", o.At, o.To)
	}
	if strings.ContainsAny(o.At, "|\n\"\\") {
		return fmt.Errorf("--at %q: a path with |, quotes, backslashes or line ends does not survive in the configuration of trainers", o.At)
	}
	if strings.Contains(o.At, "://") && !needs.URLs {
		return fmt.Errorf("--at %s: %s reads local files; copy the folder, and name its path there", o.At, o.To)
	}
	return nil
}

// An Export is an export in the making.
type Export struct {
	*stage.Run
	Options Options
	Trainer export.Trainer

	source source
	tokens [2]stamp // of the tokenizer and of the one that shares are given in
}

// A source is where documents and shares come from: a run or files.
type source struct {
	curation *curate.Curation // of a run
	weights  *Weights         // of files
	own      *ownShares       // of a run, instead of those of its answer
}

// ownShares are a person's shares of a run's domains.
type ownShares struct {
	From  string    `json:"from"` // name of the file
	Share []float64 `json:"share"`
}

// A stamp names a tokenizer by its content.
type stamp struct {
	Path   string `json:"path,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

func stampOf(path string) (stamp, error) {
	if path == "" {
		return stamp{}, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return stamp{}, err
	}
	if _, err := token.Load(path); err != nil {
		return stamp{}, task.Usage(fmt.Errorf("%w; text of any kind has to survive the tokenizer, so it must be byte-level BPE", err))
	}
	sum := sha256.Sum256(data)
	return stamp{path, hex.EncodeToString(sum[:])}, nil
}

// OfRun opens an export of a run's mixture. The run must have one.
func OfRun(c *curate.Curation, o Options) (*Export, error) {
	x, err := open(c.Run, source{curation: c}, o)
	if err != nil {
		return nil, err
	}
	if c.Find("confirm") == nil || !c.Done("confirm") {
		return nil, fmt.Errorf("%s has no winner yet: its search is not confirmed; climb run finishes it, and climb export --weights takes shares of your own", c.Out)
	}
	return x, nil
}

// OfShares opens an export of a run's documents with the shares of w. The run must
// have tokens.
func OfShares(c *curate.Curation, w *Weights, o Options) (*Export, error) {
	if !c.Done("encode") {
		return nil, fmt.Errorf("%s has no tokens yet: climb run --until tokens makes them", c.Out)
	}
	d, err := c.Domains()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(d.Domains))
	for i, one := range d.Domains {
		names[i] = one.Name
	}
	share, err := w.ofRun(names)
	if err != nil {
		return nil, task.Usage(err)
	}
	return open(c.Run, source{curation: c, own: &ownShares{w.Name, share}}, o)
}

// OfFiles opens an export of the files and shares that a person has named; work
// is the folder of what is unfinished.
func OfFiles(ctx context.Context, w *Weights, work string, workers int, o Options) (*Export, error) {
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	return open(stage.New(work, workers), source{weights: w}, o)
}

func open(run *stage.Run, s source, o Options) (*Export, error) {
	t, err := export.TrainerNamed(o.To)
	if err != nil {
		return nil, task.Usage(err)
	}
	if err := o.check(t.Needs(), s.weights != nil); err != nil {
		return nil, task.Usage(err)
	}
	if s.weights != nil && len(s.weights.phase) > 0 {
		if err := o.checkPhases(t.Needs()); err != nil {
			return nil, task.Usage(err)
		}
	}
	x := &Export{Run: run, Options: o, Trainer: t, source: s}
	given := ""
	if s.weights != nil {
		given = s.weights.Tokenizer
	}
	for i, path := range []string{o.Tokenizer, given} {
		if x.tokens[i], err = stampOf(path); err != nil {
			return nil, err
		}
	}
	return x, x.Add(x.stages()...)
}

// ID names the export by what it is made from and how.
func (x *Export) ID() string { return x.Base(writeName) }

// Do writes the files into the stages of the export.
func (x *Export) Do(ctx context.Context) error {
	if x.Done(writeName) {
		return nil
	}
	if x.source.curation != nil && !x.Done("encode") {
		return errors.New("the run's tokens are not there any more; climb run makes them again")
	}
	list := x.stages()
	for i, s := range list {
		own := x.Find(s.Name)
		e := stage.Event{Stage: own.Name, Title: own.Title, Number: i + 1, Of: len(list)}
		if err := x.Run.Do(ctx, own, e); err != nil {
			return fmt.Errorf("%s: %w", own.Title, err)
		}
	}
	return nil
}

// Stages are the stages as a worker needs them.
func Stages() stage.Table { return (&Export{}).stages() }

// Names of the stages. settleName decides, writeName writes.
const (
	gatherName = "gather"
	settleName = "settle"
	spreadName = "spread"
	writeName  = "handover"
)

// What the stages write and count.
var (
	docsOf      = stage.Parts{Stage: gatherName, Ext: "docs"} // documents, zstd: see docWriter
	lengthsOf   = stage.Parts{Stage: gatherName, Ext: "lens"} // domain, tokens, bytes of each, uint32
	settledFile = stage.File[settled]{Stage: settleName, Name: "settled.json"}
	pieceOf     = stage.Parts{Stage: spreadName, Ext: "piece"} // export.Piece
)

const (
	documentsAs = stage.Counts("documents") // of gather, by domain
	tokensAs    = stage.Counts("tokens")    // likewise
	bytesAs     = stage.Counts("bytes")     // likewise
	givenAs     = stage.Counts("given")     // likewise, tokens of the tokenizer that shares are given in
)

func (x *Export) stages() stage.Table {
	return stage.Table{x.gatherStage(), x.settleStage(), x.spreadStage(), x.writeStage()}
}
