package export

import (
	"fmt"
	"io"
	"iter"
	"path/filepath"

	kzstd "github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// Nanochat writes shard_NNNNN.parquet as nanochat's own data is packed (karpathy
// nanochat, dev/repackage_data_reference.py): one string column, text, groups of
// 1024 rows, zstd, no dictionary and no statistics. Documents are shuffled over
// all shards of training, repeated as often as the mixture says; the last shard
// is validation, which is how the reader tells it.
type Nanochat struct{}

// Needs implements Trainer.
func (*Nanochat) Needs() Needs {
	return Needs{Mixed: true, Unit: InData, Reader: Sequential, Splits: []string{Train, Valid}, Spaces: true}
}

// nanochatFolder is where the reader looks below NANOCHAT_BASE_DIR.
const nanochatFolder = "base_data_climbmix"

func (*Nanochat) name(p Part) string {
	return fmt.Sprintf("%s/shard_%05d.parquet", nanochatFolder, p.Before+p.Shard)
}

type textRow struct {
	Text string `parquet:"text"`
}

// Write implements Trainer.
func (n *Nanochat) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	w, err := dst.Create(n.name(p))
	if err != nil {
		return err
	}
	out := newTextParquet[textRow](w, p.Level)
	for d, err := range docs {
		if err == nil {
			_, err = out.Write([]textRow{{d.Text}})
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}

// newTextParquet writes rows without dictionaries and bounds.
func newTextParquet[T any](w io.Writer, level int) *parquet.GenericWriter[T] {
	return parquet.NewGenericWriter[T](w, parquet.Compression(&zstd.Codec{Level: kzstd.EncoderLevelFromZstd(level), Concurrency: 1}),
		parquet.MaxRowsPerRowGroup(groupRows), parquet.DataPageStatistics(false), parquet.SkipPageBounds("text"), parquet.CreatedBy("climb", "", ""))
}

// Read implements Trainer.
func (n *Nanochat) Read(dir string, p Part, use func(Doc) error) error {
	return eachRow(filepath.Join(dir, filepath.FromSlash(n.name(p))), func(r textRow) error { return use(Doc{Text: r.Text}) })
}

// Notes implements Trainer.
func (*Nanochat) Notes(h *Handover) []Note {
	shards := 0
	for _, p := range h.of(Train) {
		shards = p.Shards
	}
	return []Note{readme(h, "nanochat", []string{
		"From a clone of nanochat; the folder must be writable, since nanochat keeps its tokenizer and checkpoints beside the data:", "",
		"    export NANOCHAT_BASE_DIR=" + h.path(""),
		"    python -m scripts.tok_train",
		"    torchrun --standalone --nproc_per_node=8 -m scripts.base_train -- --depth=20", "",
		fmt.Sprintf("`%s/` holds %d shards of training, shuffled, and one of validation, the last. The shares are in the data.", nanochatFolder, shards),
		"nanochat's loader begins every row with a document and crops what does not fit, so long documents lose tokens (about a third at 2048): shares after the crop are not those of the manifest.",
	})}
}
