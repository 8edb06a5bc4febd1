package export

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
)

// A Format is a form in which the documents of a dataset are written. It is
// asked once for each output shard, for several at the same time.
type Format interface {
	// Write writes the documents of a shard, in their order, to files that it
	// creates in dst. The same documents give the same bytes. An error of docs,
	// such as the end of a context, is returned as it is.
	Write(dst Folder, s Shard, docs iter.Seq2[Line, error]) error
	// About says what Write writes.
	About() About
}

// A Folder is where a format creates the files of a shard. Whoever owns the
// folder closes them when Write returns.
type Folder interface {
	// Create makes a file; name is a relative path with slashes.
	Create(name string) (io.Writer, error)
}

// A Shard is an output shard: a part of the shuffled documents.
type Shard struct {
	N, Of int // 0-based number, of how many
	Level int // zstd's, for formats that compress
}

// About is a format in words.
type About struct {
	Words string // for the report: "Parquet, zstd"
	Files string // glob pattern of the files with documents
	Rows  string // for the dataset card: what a row or line holds, up to the provenance
}

// Formats lists the formats of datasets.
var Formats = option.Family[Format]{
	{Name: "jsonl.zst", Summary: "JSON lines, compressed with zstd: every field as it came, and where the document was put.", New: func() Format { return &JSONLines{} }},
	{Name: "parquet", Summary: "Parquet, compressed with zstd: columns id, text, source, fields and where the document was put.", New: func() Format { return &Parquet{} }},
}

type formatTable struct{}

func (formatTable) Family() option.Family[Format] { return Formats }

// A FormatChoice is a format with its options, as a configuration names it.
type FormatChoice = option.Choice[Format, formatTable]

// ChooseFormat returns the choice of f, such as &Parquet{}.
func ChooseFormat(f Format) FormatChoice { return option.Choose[Format, formatTable](f) }

// Write gathers the documents of an output shard from the pieces, in shuffled
// order, and writes them with f. It returns how many there are. Memory is the
// shard's text, and what the format needs beside it.
func Write(ctx context.Context, f Format, dst Folder, s Shard, pieces []string) (documents int, err error) {
	records, err := gather(ctx, pieces, s.N)
	if err != nil {
		return 0, err
	}
	return len(records), f.Write(dst, s, func(yield func(Line, error) bool) {
		for _, r := range records {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(r.line, nil) {
				return
			}
		}
	})
}

// A Line is one copy of a document in a dataset: the JSON object that
// corpus.AppendDocument writes, with the member "climb", a Provenance, at its
// end, and a newline.
type Line []byte

// A Provenance says where a document was put.
type Provenance struct {
	Cluster int32  `json:"cluster"`
	Domain  string `json:"domain"`
	Overlap bool   `json:"overlap,omitempty"` // it holds a part of a target file
	Copy    int    `json:"copy"`              // counts a repeated document from 0
}

// head is the document's line up to the number of the copy.
func head(doc corpus.Document, p Provenance) []byte {
	line := corpus.AppendDocument(nil, doc)
	line = fmt.Appendf(line[:len(line)-len("}\n")], `,"climb":{"cluster":%d,"domain":`, p.Cluster)
	line = corpus.AppendString(line, p.Domain)
	if p.Overlap {
		line = append(line, `,"overlap":true`...)
	}
	return append(line, `,"copy":`...)
}

// Parse takes the line apart. Names of fields that a dataset has itself have
// an underscore before them.
func (l Line) Parse() (doc corpus.Document, p Provenance, err error) {
	// Inside a string the quotes of the key would be escaped.
	at := bytes.LastIndex(l, []byte(`,"climb":`))
	if at < 0 {
		return doc, p, fmt.Errorf("a line of the dataset does not say where its document was put: %q", l[:min(len(l), 120)])
	}
	var out struct {
		Climb *Provenance `json:"climb"`
	}
	out.Climb = &p
	if err := json.Unmarshal(append([]byte{'{'}, l[at+1:]...), &out); err != nil {
		return doc, p, fmt.Errorf("read a line of the dataset: %w", err)
	}
	doc, err = corpus.ParseDocument(append(l[:at:at], '}'))
	return doc, p, err
}
