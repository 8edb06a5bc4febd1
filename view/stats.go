package view

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/lang"
	"github.com/climb-go/climb/token"
)

// StatsOptions say which corpus is described, and what is counted of it.
type StatsOptions struct {
	Corpus    corpus.Options
	Tokenizer string // tokenizer.json whose tokens are counted; "" counts none
	Language  string // fastText classifier, .bin or .ftz, whose most probable label is a document's language; "" is package lang
	Workers   int    // shards read side by side; 0 is one a core

	Watch func(done, total int64) // told the bytes of input files that were read; may be nil
}

// A Count is the size of a set of documents.
type Count struct {
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`            // of text
	Tokens    int64 `json:"tokens,omitempty"` // the end of a document included
}

func (c *Count) add(d Count) {
	c.Documents += d.Documents
	c.Bytes += d.Bytes
	c.Tokens += d.Tokens
}

// A Group is the documents of one source or language.
type Group struct {
	Name string `json:"name"`
	Count
}

// CorpusStats describes a corpus as it is read, duplicates included.
type CorpusStats struct {
	Files  int   `json:"files"`
	Stored int64 `json:"stored_bytes"` // of the files
	Count
	Bad       corpus.Bad                `json:"bad"`
	Skipped   map[string]map[string]int `json:"skipped,omitempty"` // files of folders that are not read, by reason and extension
	Left      string                    `json:"-"`                 // Skipped in words
	Lengths   *Lengths                  `json:"length_bytes"`
	InTokens  *Lengths                  `json:"length_tokens,omitempty"`
	Sources   []Group                   `json:"sources"` // most text first; those after the first 1000 as corpus.OtherSources
	Languages []Group                   `json:"languages"`
}

// Unknown is the language of a text without anything that a fastText model
// knows; package lang says und.
const Unknown = "(unknown)"

// DescribeCorpus reads a corpus once and counts. It holds a document and a
// table of sources for each shard that is being read, and the result does not
// depend on the number of workers.
func DescribeCorpus(ctx context.Context, o StatsOptions) (*CorpusStats, error) {
	c := &counter{o: o}
	defer c.close()
	if err := c.open(); err != nil {
		return nil, err
	}
	list, err := corpus.List(ctx, o.Corpus)
	if err != nil {
		return nil, err
	}
	shards, err := list.Shards(ctx, o.Corpus)
	if err != nil {
		return nil, err
	}
	files := slices.Concat(list.Files, list.Attributes)
	out := &CorpusStats{Files: len(files), Skipped: list.Kinds, Left: list.SkippedText()}
	for _, f := range files {
		out.Stored += f.Bytes
	}
	workers := o.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	all, done := newCounts(), int64(0)
	err = inOrder(ctx, len(shards), workers, func(ctx context.Context, i int) (*counts, error) { return c.count(ctx, shards[i]) },
		func(i int, part *counts) {
			all.merge(part)
			if done += shards[i].Bytes; o.Watch != nil {
				o.Watch(done, out.Stored)
			}
		})
	if err != nil {
		return nil, err
	}
	out.Count, out.Bad, out.Lengths, out.Sources = all.total, all.bad, all.bytes.lengths(), all.sources.groups()
	if c.tokenizer != nil {
		out.InTokens = all.tokens.lengths()
	}
	out.Languages = all.languages.groups()
	return out, nil
}

// A counter counts shards.
type counter struct {
	o         StatsOptions
	tokenizer *token.Tokenizer
	model     *fasttext.Model
}

func (c *counter) open() (err error) {
	if c.o.Tokenizer != "" {
		if c.tokenizer, err = token.Load(c.o.Tokenizer); err != nil {
			return err
		}
	}
	if c.o.Language == "" {
		return nil
	}
	if c.model, err = fasttext.Open(c.o.Language); err != nil {
		return err
	}
	if _, err = c.model.NewPredictor(); err != nil {
		return fmt.Errorf("%s: %w", c.o.Language, err)
	}
	return nil
}

func (c *counter) close() {
	if c.model != nil {
		_ = c.model.Close() // nothing was written
	}
}

// counts are what is counted of one shard, or of all.
type counts struct {
	total              Count
	bad                corpus.Bad
	bytes, tokens      histogram
	sources, languages tally
}

func newCounts() *counts {
	return &counts{sources: tally{most: corpus.MostSources, counts: map[string]*Count{}}, languages: tally{most: 1 << 20, counts: map[string]*Count{}}}
}

func (a *counts) merge(b *counts) {
	a.total.add(b.total)
	a.bad.Merge(&b.bad)
	a.bytes.merge(&b.bytes)
	a.tokens.merge(&b.tokens)
	a.sources.merge(&b.sources)
	a.languages.merge(&b.languages)
}

func (c *counter) count(ctx context.Context, s corpus.Shard) (*counts, error) {
	out := newCounts()
	var ids []uint32
	var predictor *fasttext.Predictor
	if c.model != nil {
		predictor, _ = c.model.NewPredictor() // it is a classifier
	}
	o := c.o.Corpus
	o.Fields = "drop"
	for d, err := range corpus.Read(ctx, s, o, &out.bad) {
		if err != nil {
			return nil, err
		}
		n := Count{Documents: 1, Bytes: int64(len(d.Text))}
		out.bytes.add(n.Bytes)
		if c.tokenizer != nil {
			ids = c.tokenizer.Encode(ids[:0], d.Text)
			n.Tokens = int64(len(ids)) + 1
			out.tokens.add(n.Tokens)
		}
		out.languages.add(c.language(predictor, d.Text), n)
		out.sources.add(d.Source, n)
		out.total.add(n)
	}
	return out, nil
}

// language is the language of a text, by the fastText model if there is one.
func (c *counter) language(p *fasttext.Predictor, text string) string {
	if p == nil {
		code, _ := lang.Identify(text)
		return code
	}
	if best := p.Predict(strings.ReplaceAll(text, "\n", " ")+"\n", 1, 0); len(best) > 0 {
		return c.model.LabelName(best[0].Label)
	}
	return Unknown
}

// A tally counts by name. It keeps the first names, and counts later ones
// under corpus.OtherSources.
type tally struct {
	most   int
	names  []string
	counts map[string]*Count
}

func (t *tally) add(name string, n Count) {
	c := t.counts[name]
	if c == nil && len(t.names) >= t.most {
		name = corpus.OtherSources
		c = t.counts[name]
	}
	if c == nil {
		c = &Count{}
		t.names = append(t.names, name)
		t.counts[name] = c
	}
	c.add(n)
}

func (t *tally) merge(u *tally) {
	for _, name := range u.names {
		t.add(name, *u.counts[name])
	}
}

// groups are what was counted, most text first.
func (t *tally) groups() []Group {
	out := make([]Group, len(t.names))
	for i, name := range t.names {
		out[i] = Group{name, *t.counts[name]}
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Documents, a.Documents), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// inOrder calls do with 0 to n-1, some at a time, and use with each result in
// this order. Of the results that wait for an earlier one there are at most 32
// for each worker.
func inOrder[T any](ctx context.Context, n, workers int, do func(ctx context.Context, i int) (T, error), use func(i int, x T)) error {
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	queue := make(chan chan result, 32*workers)
	wg.Go(func() {
		defer close(queue)
		free := make(chan struct{}, workers)
		for i := range n {
			slot := make(chan result, 1)
			select {
			case queue <- slot:
			case <-ctx.Done():
				return
			}
			free <- struct{}{}
			wg.Go(func() {
				defer func() { <-free }()
				x, err := do(ctx, i)
				slot <- result{x, err}
			})
		}
	})
	i := 0
	for slot := range queue {
		r := <-slot
		if r.err != nil {
			return r.err
		}
		use(i, r.value)
		i++
	}
	return ctx.Err()
}
