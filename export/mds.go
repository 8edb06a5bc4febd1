package export

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// MDS writes SPLIT/DOMAIN/shard.NNNNN.mds and index.json of MosaicML Streaming
// (streaming/base/format/mds/writer.py): a stream a domain. A sample is a
// sequence of the training's length, documents packed back to back; what is left
// of the last one is dropped. So shares of samples, which a stream's proportion
// is of, are shares of tokens.
type MDS struct{}

// Needs implements Trainer.
func (*MDS) Needs() Needs {
	return Needs{Tokens: true, Unit: InTokens, Reader: Exact, Splits: []string{Train, Valid}, Rows: true, Spaces: true, URLs: true, Dtype: wide16}
}

// mdsLimit is the size of a shard, bytes.
const mdsLimit = 1 << 26

// An mdsColumn is the only column of a shard.
type mdsColumn struct {
	name, encoding string
	size           int // bytes, -1: each sample states its own
}

func mdsTokens(vocab, context int) mdsColumn {
	width := wide16(vocab)
	return mdsColumn{"tokens", fmt.Sprintf("ndarray:uint%d:%d", 8*width, context), width * context}
}

// config is the JSON in a shard, and its members in index.json, as Python's json
// writes them with sorted keys.
func (c mdsColumn) config() (head, tail string) {
	size := "null"
	if c.size >= 0 {
		size = fmt.Sprint(c.size)
	}
	head = fmt.Sprintf(`{"column_encodings": [%s], "column_names": [%s], "column_sizes": [%s], "compression": null, "format": "mds", "hashes": []`, quote(c.encoding), quote(c.name), size)
	return head, fmt.Sprintf(`"size_limit": %d, "version": 2}`, mdsLimit)
}

// An mdsWriter writes the shards of a stream.
type mdsWriter struct {
	dst     Folder
	p       Part
	column  mdsColumn
	samples [][]byte
	size    int
	shards  []string // of index.json
}

func (w *mdsWriter) overhead() int {
	head, tail := w.column.config()
	return 4 + 4 + len(head) + 2 + len(tail)
}

// add takes a sample, and keeps it.
func (w *mdsWriter) add(datum []byte) error {
	if w.column.size < 0 {
		datum = append(binary.LittleEndian.AppendUint32(nil, uint32(len(datum))), datum...)
	}
	if w.size == 0 {
		w.size = w.overhead()
	}
	if len(w.samples) > 0 && w.size+len(datum)+4 > mdsLimit {
		if err := w.flush(); err != nil {
			return err
		}
		w.size = w.overhead()
	}
	w.samples, w.size = append(w.samples, datum), w.size+len(datum)+4
	return nil
}

func (w *mdsWriter) flush() error {
	name := fmt.Sprintf("shard.%05d.mds", len(w.shards))
	out, err := w.dst.Create(w.p.path(name))
	if err != nil {
		return err
	}
	head, tail := w.column.config()
	config := head + ", " + tail
	at := 4 + 4*(len(w.samples)+1) + len(config)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(w.samples)))
	for i := range len(w.samples) + 1 {
		b = binary.LittleEndian.AppendUint32(b, uint32(at))
		if i < len(w.samples) {
			at += len(w.samples[i])
		}
	}
	b = append(b, config...)
	for _, s := range w.samples {
		if len(b) > 1<<20 {
			if _, err := out.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
		b = append(b, s...)
	}
	if _, err := out.Write(b); err != nil {
		return err
	}
	w.shards = append(w.shards, fmt.Sprintf(`%s, "raw_data": {"basename": "%s", "bytes": %d, "hashes": {}}, "samples": %d, %s`,
		head, name, at, len(w.samples), strings.TrimSuffix(tail, "}")+`, "zip_data": null}`))
	w.samples, w.size = nil, 0
	return nil
}

// end writes index.json.
func (w *mdsWriter) end() error {
	if len(w.samples) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	out, err := w.dst.Create(w.p.path("index.json"))
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, `{"shards": [`+strings.Join(w.shards, ", ")+`], "version": 2}`)
	return err
}

// Write implements Trainer.
func (*MDS) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	w := &mdsWriter{dst: dst, p: p, column: mdsTokens(p.Vocab, p.Context)}
	row := make([]byte, 0, w.column.size)
	for d, err := range docs {
		if err != nil {
			return err
		}
		for ids := d.Tokens; len(ids) > 0; {
			n := min(len(ids), (w.column.size-len(row))/wide16(p.Vocab))
			if row, err = appendIDs(row, ids[:n], wide16(p.Vocab)); err != nil {
				return err
			}
			if ids = ids[n:]; len(row) == w.column.size {
				if err := w.add(row); err != nil {
					return err
				}
				row = make([]byte, 0, w.column.size)
			}
		}
	}
	return w.end()
}

// Read implements Trainer.
func (*MDS) Read(dir string, p Part, use func(Doc) error) error {
	s := &splitter{eod: p.EOD, use: use}
	column := mdsTokens(p.Vocab, p.Context)
	err := readMDS(filepath.Join(dir, filepath.FromSlash(p.Split), p.Folder), column, func(sample []byte) error {
		if len(sample) != column.size {
			return fmt.Errorf("a sample of %d bytes; %d are %d tokens", len(sample), column.size, p.Context)
		}
		return eachID(bytes.NewReader(sample), wide16(p.Vocab), s.add)
	})
	if err != nil {
		return err
	}
	return s.end()
}

// mdsIndex is what readMDS needs of index.json.
type mdsIndex struct {
	Version int `json:"version"`
	Shards  []struct {
		Names     []string `json:"column_names"`
		Encodings []string `json:"column_encodings"`
		Samples   uint32   `json:"samples"`
		Raw       struct {
			Name  string `json:"basename"`
			Bytes int64  `json:"bytes"`
		} `json:"raw_data"`
	} `json:"shards"`
}

// readMDS gives the samples of a stream: of their only column, without the size.
func readMDS(dir string, c mdsColumn, use func([]byte) error) error {
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		return err
	}
	var index mdsIndex
	if err := json.Unmarshal(data, &index); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Join(dir, "index.json"), err)
	}
	for _, s := range index.Shards {
		if len(s.Names) != 1 || s.Names[0] != c.name || len(s.Encodings) != 1 || s.Encodings[0] != c.encoding || !filepath.IsLocal(s.Raw.Name) {
			return fmt.Errorf("read %s: a shard %q with the columns %q (%q); wanted is %s (%s)", dir, s.Raw.Name, s.Names, s.Encodings, c.name, c.encoding)
		}
		path := filepath.Join(dir, s.Raw.Name)
		shard, err := os.ReadFile(path) // no larger than mdsLimit, or one sample
		if err != nil {
			return err
		}
		if int64(len(shard)) != s.Raw.Bytes {
			return fmt.Errorf("read %s: %d bytes, %d in index.json", path, len(shard), s.Raw.Bytes)
		}
		if err := eachSample(shard, s.Samples, c, use); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	return nil
}

func eachSample(shard []byte, samples uint32, c mdsColumn, use func([]byte) error) error {
	if len(shard) < 8 || binary.LittleEndian.Uint32(shard) != samples || uint64(len(shard)) < 4+4*(uint64(samples)+1) {
		return fmt.Errorf("not an MDS shard of %d samples", samples)
	}
	for i := range int(samples) {
		from, to := binary.LittleEndian.Uint32(shard[4+4*i:]), binary.LittleEndian.Uint32(shard[8+4*i:])
		if from > to || int64(to) > int64(len(shard)) {
			return fmt.Errorf("sample %d is from byte %d to %d of %d", i, from, to, len(shard))
		}
		b := shard[from:to]
		if c.size < 0 {
			if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) != int64(len(b)-4) {
				return fmt.Errorf("sample %d of %d bytes does not hold the size that it states", i, len(b))
			}
			b = b[4:]
		}
		if err := use(b); err != nil {
			return err
		}
	}
	return nil
}

// Notes implements Trainer.
func (*MDS) Notes(h *Handover) []Note {
	var s, py strings.Builder
	fmt.Fprintf(&s, "# Merge into the YAML of LLM Foundry; proportions are of samples, which are %d tokens each.\ntrain_loader:\n  name: text\n  dataset:\n    max_seq_len: %d\n    shuffle: true  # without it streams come one after another\n    shuffle_seed: %d\n    streams:\n", h.Context, h.Context, h.Seed)
	py.WriteString("# Proportions are of samples, which all have one length.\nfrom streaming import Stream, StreamingDataset\n\ntrain = StreamingDataset(\n    streams=[\n")
	where := "local"
	if strings.Contains(h.At, "://") {
		where = "remote"
	}
	for _, p := range h.of(Train) {
		d := h.Domains[p.Domain]
		fmt.Fprintf(&s, "      %s:\n        %s: %s\n        proportion: %s\n", quote(p.Folder), where, quote(h.path("train", p.Folder)), weight(d.Weight))
		fmt.Fprintf(&py, "        Stream(%s=%s, proportion=%s),\n", where, quote(h.path("train", p.Folder)), weight(d.Weight))
	}
	fmt.Fprintf(&py, "    ],\n    shuffle=True,  # without it streams come one after another\n    shuffle_seed=%d,\n    batch_size=8,\n    epoch_size=%d,  # samples: the whole training is one epoch, in which streams repeat by their share\n)\n", h.Seed, h.Tokens/int64(max(1, h.Context)))
	return []Note{{"train_loader.yaml", s.String()}, {"dataset.py", py.String()}, readme(h, "MosaicML Streaming and LLM Foundry", []string{
		"Merge `train_loader.yaml` into the configuration of LLM Foundry, or import `dataset.py`:", "",
		"    composer train.py config.yaml", "",
		fmt.Sprintf("A sample is a packed sequence of %d tokens, so a proportion is a share of tokens; `shuffle` must stay on.", h.Context),
	})}
}
