package export

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Nanotron writes SPLIT/DOMAIN/00000_NNNNN_shuffled.ds, datatrove's form: tokens
// without a header; .ds.index, the end of every document in tokens, uint64; and
// .ds.metadata, "TOKENIZER|BYTES", the tokens, and the tokens for people. It
// needs the name of a tokenizer that AutoTokenizer can load.
type Nanotron struct{}

// Needs implements Trainer.
func (*Nanotron) Needs() Needs {
	return Needs{Tokens: true, Unit: InTokens, Reader: Greedy, Splits: []string{Train, Valid}, Rows: true, Spaces: true, URLs: true, Dtype: wide16, Stages: everyStep}
}

func (*Nanotron) name(p Part, n int) string {
	return p.path(fmt.Sprintf("00000_%05d_shuffled.ds", n))
}

// Write implements Trainer.
func (f *Nanotron) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	return writeUnits(p, docs, func(unit int) (unitFile, error) {
		return newDS(dst, f.name(p, unit), p.Tokenizer, wide16(p.Vocab))
	})
}

type dsWriter struct {
	tokens, index *tokenWriter
	metadata      io.Writer
	tokenizer     string
}

func newDS(dst Folder, name, tokenizer string, width int) (unitFile, error) {
	var w [3]io.Writer
	for i, ext := range []string{"", ".index", ".metadata"} {
		var err error
		if w[i], err = dst.Create(name + ext); err != nil {
			return nil, err
		}
	}
	return &dsWriter{newTokenWriter(w[0], width), newTokenWriter(w[1], 4), w[2], tokenizer}, nil
}

func (d *dsWriter) add(doc Doc) error {
	if err := d.tokens.add(doc.Tokens...); err != nil {
		return err
	}
	end := uint64(d.tokens.n)
	return d.index.add(uint32(end), uint32(end>>32)) // a uint64, little endian
}

func (d *dsWriter) end() error {
	if err := d.tokens.w.Flush(); err != nil {
		return err
	}
	if err := d.index.w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(d.metadata, "%s|%d\n%d\n%s", d.tokenizer, d.tokens.width, d.tokens.n, human(d.tokens.n))
	return err
}

// human writes a number of tokens as datatrove does.
func human(n int64) string {
	x := float64(n)
	for _, unit := range []string{"", "k", "M", "G"} {
		if x < 1000 {
			return fmt.Sprintf("%.3g %sT", x, unit)
		}
		x /= 1000
	}
	return fmt.Sprintf("%.3g TT", x)
}

// Read implements Trainer.
func (f *Nanotron) Read(dir string, p Part, use func(Doc) error) error {
	for n := range max(1, p.Units) {
		if err := readDS(filepath.Join(dir, filepath.FromSlash(f.name(p, n))), use); err != nil {
			return err
		}
	}
	return nil
}

// readDS reads a .ds file by its index, with the width that its metadata says.
func readDS(path string, use func(Doc) error) error {
	metadata, err := os.ReadFile(path + ".metadata")
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(metadata), "\n")
	width := 0
	if i := strings.LastIndexByte(first, '|'); i < 0 {
		return fmt.Errorf("read %s.metadata: the first line is not TOKENIZER|BYTES: %q", path, first[:min(len(first), 80)])
	} else if _, err := fmt.Sscanf(first[i+1:], "%d", &width); err != nil || width != 2 && width != 4 {
		return fmt.Errorf("read %s.metadata: tokens of %q bytes; 2 and 4 are supported", path, first[i+1:])
	}
	index, err := os.Open(path + ".index")
	if err != nil {
		return err
	}
	defer index.Close()
	data, err := os.Open(path)
	if err != nil {
		return err
	}
	defer data.Close()
	info, err := data.Stat()
	if err != nil {
		return err
	}
	ends := newIDReader(index, 8)
	tokens := newIDReader(data, width)
	at, total := uint64(0), uint64(info.Size())/uint64(width)
	var doc []uint32
	for {
		end, err := ends.next()
		if err == io.EOF {
			break
		}
		if err != nil || end < at || end > total || end-at > mostTokens {
			return fmt.Errorf("read %s.index: a document from token %d to %d of %d (%v)", path, at, end, total, err)
		}
		doc = doc[:0]
		for ; at < end; at++ {
			id, err := tokens.next()
			if err != nil {
				return fmt.Errorf("read %s: %w", path, err)
			}
			doc = append(doc, uint32(id))
		}
		if err := use(Doc{Tokens: doc}); err != nil {
			return err
		}
	}
	if at != total || info.Size()%int64(width) != 0 {
		return fmt.Errorf("read %s: %d tokens (%d bytes), %d in the index", path, total, info.Size(), at)
	}
	return nil
}

// An idReader reads little-endian numbers of 2, 4 or 8 bytes.
type idReader struct {
	r     io.Reader
	width int
	b     [8]byte
}

func newIDReader(r io.Reader, width int) *idReader {
	return &idReader{r: bufio.NewReaderSize(r, 1<<16), width: width}
}

// next is io.EOF at the end.
func (r *idReader) next() (uint64, error) {
	if _, err := io.ReadFull(r.r, r.b[:r.width]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(r.b[:]), nil // what is beyond the width stays 0
}

// Notes implements Trainer.
func (f *Nanotron) Notes(h *Handover) []Note {
	var s strings.Builder
	s.WriteString("# Merge into the configuration of nanotron; weights are shares of sequences, so of tokens.\ndata_stages:\n")
	for k, p := range h.staged() {
		name := "climb"
		if len(h.Phases) > 0 {
			name = fmt.Sprintf("climb-%d", k)
		}
		// A stage begins its data anew: another seed gives another order.
		s.WriteString(f.stage(h, p, name, h.Seed+uint64(k)))
	}
	fmt.Fprintf(&s, "tokens:\n  sequence_length: %d\n", h.Context)
	lines := []string{
		"Merge `nanotron.yaml` into the configuration, and start it from this folder, or name the folder with `climb export --at`:", "",
		"    torchrun --nproc_per_node=8 run_train.py --config-file config.yaml", "",
		"A weight is a share of sequences, so of tokens. The first line of each .metadata names the folder `tokenizer`, which AutoTokenizer loads.",
		"nanotron repeats one order of as many sequences as there are in all: in each such epoch a domain's first sequences are read, as many as its weight says.",
	}
	if len(h.Phases) > 0 {
		lines = append(lines, fmt.Sprintf("Each of the %d stages begins at its start_training_step; the steps hold for batches of %d sequences of %d tokens.", len(h.Phases), h.Batch, h.Context))
	}
	return []Note{{"nanotron.yaml", s.String()}, readme(h, "nanotron", lines)}
}

// stage is one of data_stages; its first step is 1-based.
func (*Nanotron) stage(h *Handover, phase HandoverPhase, name string, seed uint64) string {
	var folders, weights strings.Builder
	for _, p := range h.of(Train) {
		if w := phase.Weights[p.Domain]; w > 0 {
			fmt.Fprintf(&folders, "      - %s\n", quote(h.path("train", p.Folder)))
			fmt.Fprintf(&weights, "      - %s\n", weight(w))
		}
	}
	return fmt.Sprintf(`- name: %s
  start_training_step: %d
  data:
    seed: %d
    num_loading_workers: 1
    dataset:
      token_size_in_bytes: %d
      vocab_size: %d
      tokenizer_name: %s
      dataset_folder:
%s      dataset_weights:
%s`, name, phase.From+1, seed, wide16(h.Vocab), h.Vocab, quote(h.path("tokenizer")), folders.String(), weights.String())
}

// everyStep is of trainers that change their weights at any step.
func everyStep([][]float64, int64) int64 { return 1 }
