package export

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb/corpus"
)

// Levanter writes SPLIT/DOMAIN/part-NNNNN.jsonl.zst, {"id", "text"} a line, and
// the section data of a configuration of Levanter and marin. It tokenizes the
// text itself, packs it into sequences, and mixes those in blocks, as many of
// each domain as its weight says: weights are shares of tokens.
type Levanter struct{}

// Needs implements Trainer.
func (*Levanter) Needs() Needs {
	return Needs{Unit: InTokens, Reader: Blocks, Splits: []string{Train, Valid}, Rows: true, Spaces: true, URLs: true,
		Stages: func(phases [][]float64, batch int64) int64 { // a stage begins with a block
			block := blockOf(phases...)
			return block / gcd(block, batch)
		}}
}

func (*Levanter) name(p Part, n int) string { return p.path(fmt.Sprintf("part-%05d.jsonl.zst", n)) }

// Write implements Trainer.
func (l *Levanter) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	return writeUnits(p, docs, func(unit int) (unitFile, error) {
		w, err := dst.Create(l.name(p, unit))
		if err != nil {
			return nil, err
		}
		enc, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(p.Level)))
		return &linesFile{out: enc}, err
	})
}

// linesFile is JSON lines, compressed.
type linesFile struct {
	out  *zstd.Encoder
	line []byte
}

func (f *linesFile) add(d Doc) error {
	f.line = corpus.AppendDocument(f.line[:0], corpus.Document{ID: d.ID, Text: d.Text})
	_, err := f.out.Write(f.line)
	return err
}

func (f *linesFile) end() error { return f.out.Close() }

// Read implements Trainer.
func (l *Levanter) Read(dir string, p Part, use func(Doc) error) error {
	for n := range max(1, p.Units) {
		if err := readJSONL(filepath.Join(dir, filepath.FromSlash(l.name(p, n))), use); err != nil {
			return err
		}
	}
	return nil
}

func readJSONL(path string, use func(Doc) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dec, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(1<<27))
	if err != nil {
		return err
	}
	defer dec.Close()
	in := json.NewDecoder(bufio.NewReaderSize(dec, 1<<16))
	for {
		var line struct{ ID, Text string }
		if err := in.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if err := use(Doc{ID: line.ID, Text: line.Text}); err != nil {
			return err
		}
	}
}

// Notes implements Trainer.
func (l *Levanter) Notes(h *Handover) []Note {
	var s strings.Builder
	tokenizer := "set-your-tokenizer"
	if h.Vocab > 0 {
		tokenizer = h.path("tokenizer")
	}
	fmt.Fprintf(&s, "# Merge into the configuration of Levanter; weights are shares of sequences, so of tokens.\ndata:\n  tokenizer: %s\n  cache_dir: %s\n  shuffle: true\n  configs:\n", quote(tokenizer), quote(h.path("cache")))
	for i, d := range h.Domains {
		fmt.Fprintf(&s, "    %s:\n      train_urls:\n      - %s\n", quote(d.Folder), quote(h.path("train", d.Folder, "*.jsonl.zst")))
		if h.Has(i, Valid) {
			fmt.Fprintf(&s, "      validation_urls:\n      - %s\n", quote(h.path("valid", d.Folder, "*.jsonl.zst")))
		}
	}
	block := blockOf(weightsOf(h.staged())...)
	fmt.Fprintf(&s, "  mixture_block_size: %d  # sequences; a weight is so many of them, over the block\n", block)
	staged := l.stages(h, block)
	readmeLines := []string{
		"Merge `data.yaml` into a configuration, and start it:", "",
		"    python -m levanter.main.train_lm --config_path config.yaml", "",
		"Levanter tokenizes and packs the text itself, so a weight is a share of sequences, and of tokens. Weights are rounded to sequences of a block, which it would else cut down itself.",
	}
	if len(h.Phases) > 0 {
		s.WriteString(staged)
		readmeLines[4] += fmt.Sprintf(" Each of the %d stages begins at the step it names; the steps hold for batches of %d sequences of %d tokens.", len(h.Phases), h.Batch, h.Context)
		return []Note{{"data.yaml", s.String()}, readme(h, "Levanter and marin", readmeLines)}
	}
	s.WriteString("  train_weights:\n" + l.weights(h, h.staged()[0].Weights, block, "    "))
	readmeLines[0] = "Merge `data.yaml` into a configuration (`data-staged.yaml` has the weights as stages), and start it:"
	return []Note{{"data.yaml", s.String()},
		{"data-staged.yaml", "# The same weights as stages, to change them later: steps from which they hold.\ndata:\n" + staged},
		readme(h, "Levanter and marin", readmeLines)}
}

// stages are the weights of every phase, with the step from which they hold.
func (l *Levanter) stages(h *Handover, block int64) string {
	var s strings.Builder
	s.WriteString("  train_weights:\n")
	for _, p := range h.staged() {
		fmt.Fprintf(&s, "  - - %d\n    - %s", p.From, strings.TrimLeft(l.weights(h, p.Weights, block, "      "), " "))
	}
	return s.String()
}

func (*Levanter) weights(h *Handover, weights []float64, block int64, indent string) string {
	var s strings.Builder
	for d, n := range inBlock(weights, block) {
		if n > 0 {
			fmt.Fprintf(&s, "%s%s: %s\n", indent, quote(h.Domains[d].Folder), dyadic(n, block))
		}
	}
	return s.String()
}

func weightsOf(phases []HandoverPhase) (out [][]float64) {
	for _, p := range phases {
		out = append(out, p.Weights)
	}
	return out
}
