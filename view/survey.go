package view

import (
	"context"
	"math"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
)

// A Survey is what a folder holds, and the section corpus that reads it.
type Survey struct {
	Options corpus.Options `json:"corpus"`
	Files   int            `json:"files"`
	Stored  int64          `json:"bytes"` // of the files
	Shards  int            `json:"shards"`
	Count                  // copies left out
	Read    int64          `json:"read"` // documents, copies included
	Guessed bool           `json:"guessed,omitempty"`
	Formats map[string]int `json:"formats"`          // files of each
	Fields  map[string]int `json:"fields,omitempty"` // files whose text is in each field
	Bad     corpus.Bad     `json:"bad"`

	Languages []Group                   `json:"languages"` // most text first
	Skipped   map[string]map[string]int `json:"skipped,omitempty"`
	Left      string                    `json:"-"` // Skipped in words
}

// Look surveys a folder: which files are read, and by which field. Where one of them
// is damaged the options read such files as far as they go, and Bad counts them; where
// more lines are bad than a run allows, but fewer than half, they allow more.
func Look(ctx context.Context, dir string) (*Survey, error) {
	o, list, err := settle(ctx, dir)
	if err != nil {
		return nil, err
	}
	shards, err := list.Shards(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Survey{Options: o, Files: len(list.Files), Shards: len(shards), Formats: map[string]int{}, Fields: map[string]int{}, Skipped: list.Kinds, Left: list.SkippedText()}
	for _, f := range list.Files {
		s.Stored += f.Bytes
		s.Formats[f.Format]++
		if hasFields(f) {
			field := f.TextField
			if field == "" {
				field = o.TextField
			}
			s.Fields[field]++
		}
	}
	z, err := measureSize(ctx, shards, list.Files, o, wholeBytes)
	if err != nil { // of a damaged file what can be had, if that is what is wrong
		o.Truncated = "skip"
		var still error
		if z, still = measureSize(ctx, shards, list.Files, o, wholeBytes); still != nil {
			return nil, err
		}
	}
	option.Fill(&o)
	if z.Bad.Check(o.BadLineLimit) != nil && z.Bad.Check(0.5) == nil {
		o.BadLineLimit = math.Ceil(150*float64(z.Bad.Dropped())/float64(z.Bad.Lines)) / 100 // half as many again
	}
	s.Options = o
	s.Count, s.Read, s.Bad, s.Guessed, s.Languages = z.Count, z.Read, z.Bad, z.Guessed, z.languages.groups()
	return s, nil
}

// Settle finds the options that read a folder, as Look does.
func Settle(ctx context.Context, dir string) (corpus.Options, error) {
	o, _, err := settle(ctx, dir)
	return o, err
}

func hasFields(f corpus.FileInfo) bool {
	return slices.Contains([]string{"jsonl", "parquet", "csv", "tar"}, f.Format)
}

// settle finds the options that read a folder: the plainest with which all that can
// be read is.
func settle(ctx context.Context, dir string) (o corpus.Options, list *corpus.Listing, err error) {
	o.TextField = corpus.AutoField
	o.Inputs = []corpus.Input{{Path: dir, All: true}}
	if list, err = corpus.List(ctx, o); err != nil {
		return o, nil, err
	}
	fields, other := map[string]bool{}, map[string]bool{}
	for _, f := range list.Files {
		if hasFields(f) {
			fields[f.TextField] = true
		}
		other[f.Format] = true
	}
	plain := o
	plain.Inputs = corpus.Paths(dir)
	if len(fields) == 0 {
		plain.TextField = "text"
	} else if len(fields) == 1 && len(list.Kinds["no_text"]) == 0 {
		for field := range fields {
			plain.TextField = field
		}
	}
	o.TextField = plain.TextField
	// The plain path, if it comes to the same.
	for _, try := range []corpus.Options{plain, o} {
		again, err := corpus.List(ctx, try)
		if err == nil && slices.EqualFunc(again.Files, list.Files, func(a, b corpus.FileInfo) bool { return a.Path == b.Path && a.Format == b.Format }) {
			return try, again, nil
		}
	}
	o.TextField = corpus.AutoField
	return o, list, nil
}
