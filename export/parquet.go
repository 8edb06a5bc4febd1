package export

import (
	"fmt"
	"iter"

	kzstd "github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Parquet writes shard-NNNNN.parquet, one document a row.
type Parquet struct{}

var _ Format = (*Parquet)(nil)

// A row is a document in a Parquet dataset. Fields is the JSON object of the
// other fields as they came: their types may differ from document to document,
// which columns do not allow.
type row struct {
	ID     string   `parquet:"id"`
	Text   string   `parquet:"text"`
	Source string   `parquet:"source,optional,dict"`
	Fields string   `parquet:"fields,optional"`
	Climb  climbCol `parquet:"climb"`
}

// climbCol is a Provenance as columns.
type climbCol struct {
	Cluster int32  `parquet:"cluster"`
	Domain  string `parquet:"domain,dict"`
	Overlap bool   `parquet:"overlap,optional"` // absent where it is false, as in JSON
	Copy    int32  `parquet:"copy"`
}

// Row groups hold groupRows documents, so that a reader of many ranks has one
// for each, or fewer once these hold groupBytes of text.
const (
	groupRows  = 1024
	groupBytes = 16 << 20
)

// About implements Format.
func (*Parquet) About() About {
	return About{Words: "Parquet, zstd", Files: "shard-*.parquet",
		Rows: "Each row has the columns `id`, `text`, `source`, `fields` with any other fields as a JSON object, and `climb`"}
}

// Write implements Format.
func (*Parquet) Write(dst Folder, s Shard, docs iter.Seq2[Line, error]) error {
	w, err := dst.Create(fmt.Sprintf("shard-%05d.parquet", s.N))
	if err != nil {
		return err
	}
	out := parquet.NewGenericWriter[row](w, parquet.Compression(&zstd.Codec{Level: kzstd.EncoderLevelFromZstd(s.Level), Concurrency: 1}),
		parquet.MaxRowsPerRowGroup(groupRows), parquet.CreatedBy("climb", "", ""))
	size := 0
	for line, err := range docs {
		if err != nil {
			return err
		}
		d, p, err := line.Parse()
		if err != nil {
			return err
		}
		if size += len(d.Text); size > groupBytes {
			if err := out.Flush(); err != nil {
				return err
			}
			size = len(d.Text)
		}
		x := row{d.ID, d.Text, d.Source, string(d.Fields), climbCol{p.Cluster, p.Domain, p.Overlap, int32(p.Copy)}}
		if _, err := out.Write([]row{x}); err != nil {
			return err
		}
	}
	return out.Close()
}
