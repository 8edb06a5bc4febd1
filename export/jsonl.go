package export

import (
	"fmt"
	"iter"

	"github.com/klauspost/compress/zstd"
)

// JSONLines writes shard-NNNNN.jsonl.zst, one JSON object a line.
type JSONLines struct{}

var _ Format = (*JSONLines)(nil)

// About implements Format.
func (*JSONLines) About() About {
	return About{Words: "JSON lines, zstd", Files: "shard-*.jsonl.zst",
		Rows: "Each line is a JSON object: `id`, `text`, `source` and any other fields as they came, and `climb`"}
}

// Write implements Format.
func (*JSONLines) Write(dst Folder, s Shard, docs iter.Seq2[Line, error]) error {
	w, err := dst.Create(fmt.Sprintf("shard-%05d.jsonl.zst", s.N))
	if err != nil {
		return err
	}
	enc, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(s.Level)))
	if err != nil {
		return err
	}
	for line, err := range docs {
		if err == nil {
			_, err = enc.Write(line)
		}
		if err != nil {
			return err
		}
	}
	return enc.Close()
}
