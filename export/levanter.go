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
	return Needs{Unit: InTokens, Reader: Exact, Splits: []string{Train, Valid}, Rows: true, Spaces: true, URLs: true}
}

func (*Levanter) name(p Part, n int) string { return p.path(fmt.Sprintf("part-%05d.jsonl.zst", n)) }

// Write implements Trainer.
func (l *Levanter) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	var enc *zstd.Encoder
	var line []byte
	unit := -1
	next := func() error {
		if enc != nil {
			if err := enc.Close(); err != nil {
				return err
			}
		}
		unit++
		w, err := dst.Create(l.name(p, unit))
		if err != nil {
			return err
		}
		enc, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(p.Level)))
		return err
	}
	for d, err := range docs {
		for err == nil && unit < d.Unit {
			err = next()
		}
		if err == nil {
			line = corpus.AppendDocument(line[:0], corpus.Document{ID: d.ID, Text: d.Text})
			_, err = enc.Write(line)
		}
		if err != nil {
			return err
		}
	}
	for unit+1 < max(1, p.Units) {
		if err := next(); err != nil {
			return err
		}
	}
	return enc.Close()
}

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
	var s, weights strings.Builder
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
		fmt.Fprintf(&weights, "    %s: %s\n", quote(d.Folder), weight(d.Weight))
	}
	// A block must hold a sequence of the rarest domain; 2048 is Levanter's own.
	block, least := 2048, 1.0
	for _, d := range h.Domains {
		if d.Weight > 0 {
			least = min(least, d.Weight)
		}
	}
	for float64(block)*least < 1 && block < 1<<20 {
		block *= 2
	}
	fmt.Fprintf(&s, "  mixture_block_size: %d  # sequences; of each domain as many as its weight says\n  train_weights:\n%s", block, weights.String())
	staged := "# The same weights as stages, to change them later: steps from which they hold.\ndata:\n  train_weights:\n  - - 0\n    - " +
		strings.ReplaceAll(strings.TrimPrefix(strings.TrimSuffix(weights.String(), "\n"), "    "), "\n    ", "\n      ") + "\n"
	return []Note{{"data.yaml", s.String()}, {"data-staged.yaml", staged}, readme(h, "Levanter and marin", []string{
		"Merge `data.yaml` into a configuration (`data-staged.yaml` has the weights as stages), and start it:", "",
		"    python -m levanter.main.train_lm --config_path config.yaml", "",
		"Levanter tokenizes and packs the text itself, so a weight is a share of sequences, and of tokens.",
	})}
}
