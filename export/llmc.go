package export

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
)

// LLMC writes climb_SPLIT_NNNNNN.bin for llm.c (dev/data/data_common.py): 256
// int32 of header, [0] 20240520 for uint16 or 20240801 for uint32, [1] the
// version 1 or 7, [2] the number of tokens; then the tokens. The token that ends
// documents stands before each, as in llm.c's own data.
type LLMC struct{}

// Needs implements Trainer.
func (*LLMC) Needs() Needs {
	return Needs{Tokens: true, Mixed: true, Unit: InData, Reader: Sequential, Splits: []string{Train, Valid}, Spaces: true, Dtype: wide16}
}

const llmcHeader = 4 * 256

func (*LLMC) name(p Part) string {
	split := map[string]string{Train: "train", Valid: "val"}[p.Split]
	return fmt.Sprintf("climb_%s_%06d.bin", split, p.Shard)
}

func llmcMagic(width int) (magic, version uint32) {
	if width == 2 {
		return 20240520, 1
	}
	return 20240801, 7
}

// Write implements Trainer.
func (l *LLMC) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	w, err := dst.Create(l.name(p))
	if err != nil {
		return err
	}
	if p.Tokens > math.MaxInt32 {
		return fmt.Errorf("write %s: %d tokens, and llm.c's header holds fewer than 2^31; lower --shard-bytes", l.name(p), p.Tokens)
	}
	out, err := newLLMC(w, wide16(p.Vocab), uint32(p.Tokens))
	if err != nil {
		return err
	}
	for d, err := range docs {
		if err == nil {
			err = out.add(p.EOD)
		}
		if err == nil {
			err = out.add(d.Tokens[:max(0, len(d.Tokens)-1)]...)
		}
		if err != nil {
			return err
		}
	}
	if out.n != p.Tokens {
		return fmt.Errorf("write %s: %d tokens, %d were announced", l.name(p), out.n, p.Tokens)
	}
	return out.w.Flush()
}

// newLLMC writes the header of a file of so many tokens.
func newLLMC(w io.Writer, width int, tokens uint32) (*tokenWriter, error) {
	head := make([]byte, llmcHeader)
	magic, version := llmcMagic(width)
	binary.LittleEndian.PutUint32(head, magic)
	binary.LittleEndian.PutUint32(head[4:], version)
	binary.LittleEndian.PutUint32(head[8:], tokens)
	_, err := w.Write(head)
	return newTokenWriter(w, width), err
}

// Read implements Trainer.
func (l *LLMC) Read(dir string, p Part, use func(Doc) error) error {
	return readLLMC(filepath.Join(dir, l.name(p)), &splitter{eod: p.EOD, begins: true, use: use})
}

func readLLMC(path string, s *splitter) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	head := make([]byte, llmcHeader)
	if _, err := io.ReadFull(in, head); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	width := 2
	if binary.LittleEndian.Uint32(head) == 20240801 {
		width = 4
	}
	magic, version := llmcMagic(width)
	if binary.LittleEndian.Uint32(head) != magic || binary.LittleEndian.Uint32(head[4:]) != version {
		return fmt.Errorf("read %s: not a file of llm.c: magic %d, version %d", path, binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:]))
	}
	n := int64(0)
	if err := eachID(in, width, func(id uint32) error { n++; return s.add(id) }); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if want := int64(binary.LittleEndian.Uint32(head[8:])); n != want {
		return fmt.Errorf("read %s: %d tokens, %d in the header", path, n, want)
	}
	return s.end()
}

// Notes implements Trainer.
func (l *LLMC) Notes(h *Handover) []Note {
	lines := []string{
		"From a clone of llm.c:", "",
		fmt.Sprintf("    ./train_gpt2cu -i %s -j %s -t %d -e d12 ...", quote(h.path("climb_train_*.bin")), quote(h.path("climb_val_*.bin")), h.Context), "",
		fmt.Sprintf("Tokens are %d bytes, of a vocabulary of %d. Documents are shuffled, and repeated as often as the mixture says: the shares are in the data.", wide16(h.Vocab), h.Vocab),
	}
	if h.Vocab != 50257 {
		lines = append(lines, "llm.c's -e names models of GPT-2's vocabulary, 50257: start from a model file with yours.")
	}
	return []Note{readme(h, "llm.c", lines)}
}
