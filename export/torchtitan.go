package export

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
)

// Torchtitan writes SPLIT/DOMAIN/tokens.bin, uint32, and document_offsets.npy,
// int64, one more than there are documents: what the source in the README of
// torchtitan's data components reads. Its weights count what the child emits, so
// the data set packs each domain into rows before it mixes them.
type Torchtitan struct{}

// Needs implements Trainer.
func (*Torchtitan) Needs() Needs {
	return Needs{Tokens: true, Unit: InTokens, Reader: Exact, Splits: []string{Train, Valid}, Rows: true, Spaces: true, Dtype: func(int) int { return 4 }}
}

// Write implements Trainer.
func (*Torchtitan) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	w, err := dst.Create(p.path("tokens.bin"))
	if err != nil {
		return err
	}
	offsets, err := dst.Create(p.path("document_offsets.npy"))
	if err != nil {
		return err
	}
	out, index := newTokenWriter(w, 4), bufio.NewWriterSize(offsets, 1<<16)
	if _, err := index.WriteString(npyHeader("<i8", p.Documents+1)); err != nil {
		return err
	}
	var b [8]byte
	index.Write(b[:]) // keeps its first error for Flush
	n := int64(0)
	for d, err := range docs {
		if err == nil {
			err = out.add(d.Tokens...)
		}
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(b[:], uint64(out.n))
		index.Write(b[:])
		n++
	}
	if n != p.Documents {
		return fmt.Errorf("write %s: %d documents, %d were announced", p.path("tokens.bin"), n, p.Documents)
	}
	if err := index.Flush(); err != nil {
		return err
	}
	return out.w.Flush()
}

// npyHeader is the header of a NumPy file of version 1.0 with one dimension,
// 128 bytes.
func npyHeader(dtype string, n int64) string {
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }", dtype, n)
	return "\x93NUMPY\x01\x00" + string([]byte{118, 0}) + dict + strings.Repeat(" ", 117-len(dict)) + "\n"
}

// Read implements Trainer.
func (*Torchtitan) Read(dir string, p Part, use func(Doc) error) error {
	path := local(dir, p, "document_offsets.npy")
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var head [128]byte
	var n int64
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if _, shape, ok := strings.Cut(string(head[:]), "'shape': ("); !ok || !strings.HasPrefix(string(head[:]), "\x93NUMPY\x01\x00") {
		return fmt.Errorf("read %s: not a NumPy file of version 1.0", path)
	} else if _, err := fmt.Sscanf(shape, "%d", &n); err != nil || n < 1 || string(head[:]) != npyHeader("<i8", n) {
		return fmt.Errorf("read %s: not an array of int64 with one dimension", path)
	}
	tokens, err := os.Open(local(dir, p, "tokens.bin"))
	if err != nil {
		return err
	}
	defer tokens.Close()
	offsets, ids := newIDReader(f, 8), newIDReader(tokens, 4)
	at, err := offsets.next()
	if err != nil || at != 0 {
		return fmt.Errorf("read %s: the first document is at %d (%v)", path, at, err)
	}
	var doc []uint32
	for i := range n - 1 {
		end, err := offsets.next()
		if err != nil || end < at || end-at > mostTokens {
			return fmt.Errorf("read %s: document %d is from token %d to %d (%v)", path, i, at, end, err)
		}
		doc = doc[:0]
		for ; at < end; at++ {
			id, err := ids.next()
			if err != nil {
				return fmt.Errorf("read %s: document %d: %w", local(dir, p, "tokens.bin"), i, err)
			}
			doc = append(doc, uint32(id))
		}
		if err := use(Doc{Tokens: doc}); err != nil {
			return err
		}
	}
	if _, err := ids.next(); err != io.EOF {
		return fmt.Errorf("read %s: there are more tokens than the offsets say", local(dir, p, "tokens.bin"))
	}
	return nil
}

// Notes implements Trainer.
func (*Torchtitan) Notes(h *Handover) []Note {
	var list strings.Builder
	for _, p := range h.of(Train) {
		fmt.Fprintf(&list, "    (%s, %s),\n", quote(h.path("train", p.Folder)), weight(h.Domains[p.Domain].Weight))
	}
	code := fmt.Sprintf(torchtitanCode, list.String())
	return []Note{{"climb_dataset.py", code}, readme(h, "torchtitan", []string{
		"Put `climb_dataset.py` beside your configuration, and set its data set there:", "",
		fmt.Sprintf("    config.dataloader = GrainDataLoader.Config(dataset=climb_dataset.mixture, collator=TextCollator.Config(), shuffle=True, repeat=True, seed=%d)", h.Seed),
		"    ./run_train.sh", "",
		"A weight counts what the mixed child emits. Each domain is packed into rows first, so weights are shares of rows, and of tokens.",
	})}
}

const torchtitanCode = `# A mixture for torchtitan: each domain is packed into rows before they are mixed,
# so that weights count rows of one length, and not documents.
from dataclasses import dataclass

import numpy as np
from torchtitan.components.data import (
    ConcatThenSplitPackingConfig,
    DatasetMixConfig,
    SampleProcessor,
    SingleDatasetConfig,
    TextSequence,
    WeightedDataset,
)
from torchtitan.config import Configurable

DOMAINS = [
%s]


class Tokens(Configurable):
    """Documents of tokens.bin, by document_offsets.npy."""

    @dataclass(kw_only=True, slots=True)
    class Config(Configurable.Config):
        folder: str

    def __init__(self, config, *, dataset_iteration_policy=None):
        self.tokens = np.memmap(config.folder + "/tokens.bin", dtype=np.uint32, mode="r")
        self.offsets = np.load(config.folder + "/document_offsets.npy")

    def __len__(self):
        return len(self.offsets) - 1

    def __getitem__(self, index):
        return np.asarray(self.tokens[self.offsets[index] : self.offsets[index + 1]], dtype=np.int64)


class ToSequence(SampleProcessor):
    @dataclass(kw_only=True, slots=True)
    class Config(SampleProcessor.Config):
        pass

    def __init__(self, config, *, context):
        pass

    def __call__(self, ids, rng):
        return TextSequence(input_ids=ids, labels=ids.copy())


mixture = DatasetMixConfig(
    datasets=tuple(
        WeightedDataset(
            dataset=ConcatThenSplitPackingConfig(
                dataset=SingleDatasetConfig(source=Tokens.Config(folder=folder), processor=ToSequence.Config())
            ),
            weight=weight,
        )
        for folder, weight in DOMAINS
    )
)
`
