// Package corpus brings documents in: JSON lines, Parquet, CSV, tar, WARC,
// Megatron's tokens, folders of text files and pages, packed with gzip or zstd, from this machine or from buckets. Split cuts the
// inputs into shards, Read streams the documents of one shard, Scan and
// Duplicates find the rows to drop, Sign, Match and FindNear those of
// near-duplicates, Skip leaves them out, AppendDocument writes them back.
//
// What Read yields depends on the shard and the options alone, so a document
// is named by (shard, row) in every later stage. Memory is bounded by
// Options.MaxLineBytes, whatever the inputs hold.
package corpus

import (
	"encoding/json"
	"fmt"
)

// A Document is one text of the corpus.
type Document struct {
	ID     string // of the id field; otherwise the first 32 hex digits of SHA-256 of Text
	Text   string // valid UTF-8
	Source string // of the source field, "" if absent; of a text file, the name of its folder

	// Fields is a JSON object of the line's other fields as they were written
	// (valid UTF-8), nil if there are none.
	Fields json.RawMessage

	// Tokens are those of a Megatron source that Text stands for, without what ends the
	// document; nil of any other.
	Tokens []uint32

	Path   string // file the document was read from
	Line   int64  // 1-based line of the file, or row of a Parquet file; of a shard that starts inside a file, counted from its first line
	Offset int64  // byte of the line's start: in a plain file from its beginning, otherwise in the decompressed bytes from Shard.Start; in Parquet, of its row group
	Row    int    // 0-based among the shard's accepted documents
}

// Options is the section `corpus` of the configuration.
type Options struct {
	Inputs       []Input  `json:"inputs" doc:"files, folders (searched in depth), globs (** crosses folders), and @LIST for a file that lists them, one a line; each may be a URL s3://, gs:// or azblob://, or a section {path, text_field, source, all}"`
	Format       string   `json:"format" default:"auto" choices:"auto,jsonl,text,parquet,warc,megatron,html,csv,tar" doc:"input format: JSON lines, plain text or HTML (one document a file), CSV or TSV (one a row), tar (WebDataset), or as named; auto detects it from the first bytes and the name"`
	TextField    string   `json:"text_field" default:"text" doc:"field that holds the text; a dotted path reaches into objects; auto finds it for each file by its first rows"`
	IDField      string   `json:"id_field" default:"id" doc:"field that holds the id, a string or a number; where absent the id is a hash of the text"`
	SourceField  string   `json:"source_field" default:"source" doc:"field with the provenance of the document, such as its data source; carried along, never used to decide"`
	Fields       string   `json:"fields" default:"keep" choices:"keep,drop" doc:"other fields (metadata): carry them into the dataset, or drop them, which reads faster"`
	Attributes   []string `json:"attributes,omitempty" doc:"dolma attributes to join to dolma's documents/, as names NAME of the folders attributes/NAME; carried along in the field attributes"`
	Tokenizer    string   `json:"tokenizer,omitempty" path:"file" doc:"tokenizer.json that Megatron .bin/.idx inputs were made with"`
	ShardBytes   int64    `json:"shard_bytes" default:"67108864" min:"1" doc:"upper bound of input bytes in one shard, which one task reads; a small corpus is split finer"`
	MaxLineBytes int64    `json:"max_line_bytes" default:"16777216" min:"16" max:"2147483647" doc:"longer lines and text files are skipped and counted as too_long; bounds the memory of a reader"`
	MinTextBytes int64    `json:"min_text_bytes" default:"1" min:"1" doc:"shorter texts are skipped and counted as too_short"`
	BadLineLimit float64  `json:"bad_line_limit" default:"0.05" min:"1e-12" max:"1" doc:"the run stops above this share of bad lines; 1 never stops, 1e-12 stops at the first"`
	InvalidUTF8  string   `json:"invalid_utf8" default:"replace" choices:"replace,skip" doc:"invalid UTF-8: replace the bytes with U+FFFD, or skip the document; both are counted"`
	Truncated    string   `json:"truncated" default:"error" choices:"error,skip" doc:"truncated or corrupt compressed file: stop with an error, or count it and continue with the next file"`
	Dedup        string   `json:"dedup" default:"id" choices:"none,id,text,words,fuzzy" doc:"deduplication; of equal documents the first stays. id: exact duplicates, same id and text; text: exact duplicates, same text; words: same words (case, punctuation, accents and white space ignored); fuzzy: near-duplicates, see minhash"`
	MinHash      MinHash  `json:"minhash" doc:"near-duplicate detection of dedup: fuzzy (MinHash, locality-sensitive hashing)"`
}

// A Shard is what one task reads: a byte range of a file, or a pack of small
// files.
type Shard struct {
	Path        string   `json:"path"` // the first file of a pack
	Format      string   `json:"format"`
	Compression string   `json:"compression,omitempty"` // "", "gzip", "zstd"; of a pack, found again for each file
	Start       int64    `json:"start"`                 // bytes of the file as stored; a zstd shard starts at a frame, one of Parquet at a row group
	End         int64    `json:"end"`                   // -1: to the end
	Files       []string `json:"files,omitempty"`       // a pack of whole files, Path included
	TextField   string   `json:"text_field,omitempty"`  // in the place of Options.TextField
	Source      string   `json:"source,omitempty"`      // of its documents, in the place of what they say
	Attributes  []string `json:"attributes,omitempty"`  // of the files, as many of each
	Bytes       int64    `json:"bytes"`                 // of the files, as stored
}

// options are those that the shard is read by.
func (s Shard) options(o Options) Options {
	if s.TextField != "" {
		o.TextField = s.TextField
	}
	return o
}

// String names the shard in errors.
func (s Shard) String() string {
	switch {
	case len(s.Files) > 1:
		return fmt.Sprintf("%s and %d more files", s.Path, len(s.Files)-1)
	case s.Start > 0 || s.End >= 0:
		return fmt.Sprintf("%s[%d:%d]", s.Path, s.Start, s.End)
	}
	return s.Path
}
