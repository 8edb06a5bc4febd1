package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	kzstd "github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/climb-go/climb/corpus"
)

// A row is a document in a Parquet dataset. Fields is the JSON object of the
// other fields as they came: their types may differ from document to document,
// which columns do not allow.
type row struct {
	ID     string     `parquet:"id"`
	Text   string     `parquet:"text"`
	Source string     `parquet:"source,optional,dict"`
	Fields string     `parquet:"fields,optional"`
	Climb  provenance `parquet:"climb" json:"climb"`
}

// provenance says where a document was put.
type provenance struct {
	Cluster int32  `parquet:"cluster" json:"cluster"`
	Domain  string `parquet:"domain,dict" json:"domain"`
	Copy    int32  `parquet:"copy" json:"copy"` // counts a repeated document from 0
}

// Row groups hold groupRows documents, so that a reader of many ranks has one
// for each, or fewer once these hold groupBytes of text.
const (
	groupRows  = 1024
	groupBytes = 16 << 20
)

// GatherParquet is Gather with the documents as rows of a Parquet file, which
// is compressed with zstd. The lines must be as scattered by the pipeline:
// AppendDocument's, with the member "climb" at the end.
func GatherParquet(w io.Writer, pieces []string, i, level int) (rows int, err error) {
	records, err := gather(pieces, i)
	if err != nil {
		return 0, err
	}
	out := parquet.NewGenericWriter[row](w, parquet.Compression(&zstd.Codec{Level: kzstd.EncoderLevelFromZstd(level), Concurrency: 1}),
		parquet.MaxRowsPerRowGroup(groupRows), parquet.CreatedBy("climb", "", ""))
	size := 0
	for _, r := range records {
		x, err := parseRow(r.line)
		if err != nil {
			return 0, err
		}
		if size += len(x.Text); size > groupBytes {
			if err := out.Flush(); err != nil {
				return 0, err
			}
			size = len(x.Text)
		}
		if _, err := out.Write([]row{x}); err != nil {
			return 0, err
		}
	}
	return len(records), out.Close()
}

// parseRow takes a line of the dataset apart.
func parseRow(line []byte) (row, error) {
	// Inside a string the quotes of the key would be escaped.
	at := bytes.LastIndex(line, []byte(`,"climb":`))
	if at < 0 {
		return row{}, fmt.Errorf("a line of the dataset does not say where its document was put: %q", line[:min(len(line), 120)])
	}
	var out row
	if err := json.Unmarshal(append([]byte{'{'}, line[at+1:]...), &out); err != nil {
		return row{}, fmt.Errorf("read a line of the dataset: %w", err)
	}
	d, err := corpus.ParseDocument(append(line[:at:at], '}'))
	out.ID, out.Text, out.Source, out.Fields = d.ID, d.Text, d.Source, string(d.Fields)
	return out, err
}
