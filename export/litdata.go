package export

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// LitData writes SPLIT/DOMAIN/chunk-0-N.bin and index.json, what litData's
// optimize leaves for its TokensLoader and LitGPT: a chunk is the number of
// documents, their offsets (all uint32), and their tokens as int32
// (streaming/writer.py). CombinedStreamingDataset draws blocks of one length
// from the domains by their weights, so these are shares of tokens.
type LitData struct{}

// Needs implements Trainer.
func (*LitData) Needs() Needs {
	return Needs{Tokens: true, Unit: InTokens, Reader: Random, Splits: []string{Train, Valid}, Rows: true, Spaces: true, URLs: true, Dtype: func(int) int { return 4 }}
}

// litChunk is the size that a chunk is cut at, bytes; litFormat a tensor of
// torch.int without a header, and its place in a tree that is one leaf.
const (
	litChunk  = 1 << 26
	litFormat = "no_header_tensor:16"
	litSpec   = `[1, {"type": null, "context": null, "children_spec": []}]`
)

type litIndex struct {
	Chunks []litEntry `json:"chunks"`
	Config litConfig  `json:"config"`
}

type litEntry struct {
	Bytes    int64  `json:"chunk_bytes"`
	Size     int    `json:"chunk_size"` // documents
	Dim      int64  `json:"dim"`        // tokens
	Filename string `json:"filename"`
}

type litConfig struct {
	ChunkBytes  int64    `json:"chunk_bytes"`
	ChunkSize   *int     `json:"chunk_size"`
	Compression *string  `json:"compression"`
	DataFormat  []string `json:"data_format"`
	DataSpec    string   `json:"data_spec"`
	Encryption  *string  `json:"encryption"`
	ItemLoader  string   `json:"item_loader"`
}

// Write implements Trainer.
func (*LitData) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	index := litIndex{Chunks: []litEntry{}, Config: litConfig{ChunkBytes: litChunk, DataFormat: []string{litFormat}, DataSpec: litSpec, ItemLoader: "TokensLoader"}}
	var data []byte
	var ends []int
	flush := func() error {
		if len(ends) == 0 {
			return nil
		}
		name := fmt.Sprintf("chunk-0-%d.bin", len(index.Chunks))
		w, err := dst.Create(p.path(name))
		if err != nil {
			return err
		}
		head := 4 + 4*(len(ends)+1)
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(ends)))
		b = binary.LittleEndian.AppendUint32(b, uint32(head))
		for _, end := range ends {
			b = binary.LittleEndian.AppendUint32(b, uint32(head+end))
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
		// litData's chunk_bytes are of the items, without the header.
		index.Chunks = append(index.Chunks, litEntry{int64(len(data)), len(ends), int64(len(data) / 4), name})
		data, ends = data[:0], ends[:0]
		return nil
	}
	for d, err := range docs {
		if err == nil && len(data) > 0 && len(data)+4*len(d.Tokens) > litChunk {
			err = flush()
		}
		if err == nil {
			data, err = appendIDs(data, d.Tokens, 4)
		}
		if err != nil {
			return err
		}
		ends = append(ends, len(data))
	}
	if err := flush(); err != nil {
		return err
	}
	w, err := dst.Create(p.path("index.json"))
	if err != nil {
		return err
	}
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// Read implements Trainer.
func (*LitData) Read(dir string, p Part, use func(Doc) error) error {
	return readLit(filepath.Join(dir, filepath.FromSlash(p.Split), p.Folder), use)
}

func readLit(dir string, use func(Doc) error) error {
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return err
	}
	var index litIndex
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(dir, "index.json"), err)
	}
	if f := index.Config.DataFormat; len(f) != 1 || f[0] != litFormat {
		return fmt.Errorf("read %s: data_format %q; %q is supported", filepath.Join(dir, "index.json"), f, litFormat)
	}
	for _, c := range index.Chunks {
		if !filepath.IsLocal(c.Filename) {
			return fmt.Errorf("read %s: %q lies outside", dir, c.Filename)
		}
		if err := readChunk(filepath.Join(dir, c.Filename), c, use); err != nil {
			return err
		}
	}
	return nil
}

func readChunk(path string, c litEntry, use func(Doc) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	bad := fmt.Errorf("read %s: not a chunk of %d documents and %d tokens", path, c.Size, c.Dim)
	if c.Size < 0 || c.Dim < 0 || int64(c.Size) > info.Size()/4 || info.Size() != 4*(2+int64(c.Size)+c.Dim) {
		return bad
	}
	head := make([]byte, 4*(2+c.Size))
	if _, err := io.ReadFull(f, head); err != nil || binary.LittleEndian.Uint32(head) != uint32(c.Size) {
		return bad
	}
	ids := newIDReader(f, 4)
	var doc []uint32
	at := int64(len(head))
	for i := range c.Size {
		from, end := int64(binary.LittleEndian.Uint32(head[4+4*i:])), int64(binary.LittleEndian.Uint32(head[8+4*i:]))
		if from != at || end < from || end > info.Size() || (end-from)%4 != 0 {
			return bad
		}
		doc = doc[:0]
		for ; at < end; at += 4 {
			id, err := ids.next()
			if err != nil {
				return fmt.Errorf("read %s: %w", path, err)
			}
			doc = append(doc, uint32(id))
		}
		if err := use(Doc{Tokens: doc}); err != nil {
			return err
		}
	}
	if at != info.Size() {
		return bad
	}
	return nil
}

// Notes implements Trainer.
func (*LitData) Notes(h *Handover) []Note {
	var list strings.Builder
	for _, p := range h.of(Train) {
		fmt.Fprintf(&list, "    (%s, %s),\n", quote(h.path("train", p.Folder)), weight(h.Domains[p.Domain].Weight))
	}
	code := fmt.Sprintf(`# Weights are of blocks of one length, so of tokens.
from litdata.streaming import CombinedStreamingDataset, StreamingDataset, TokensLoader

DOMAINS = [
%s]
BLOCK = %d + 1

train = CombinedStreamingDataset(
    datasets=[StreamingDataset(folder, item_loader=TokensLoader(block_size=BLOCK), shuffle=True, drop_last=True) for folder, _ in DOMAINS],
    weights=[weight for _, weight in DOMAINS],
    iterate_over_all=False,
    seed=%d,
)
`, list.String(), h.Context, h.Seed)
	return []Note{{"dataset.py", code}, readme(h, "LitGPT and litData", []string{
		"Import `dataset.py` in a LitGPT DataModule (`train_dataloader` returns a StreamingDataLoader over `train`), and start it:", "",
		"    litgpt pretrain pythia-160m --data your_module.Climb --tokenizer_dir " + h.path("tokenizer"), "",
		"Blocks have one length, so a weight is a share of tokens.",
	})}
}
