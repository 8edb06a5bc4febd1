package export

import (
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"strings"
)

// OLMo writes SPLIT/DOMAIN/part-0-NNNNN.npy for OLMo-core: tokens back to back,
// little endian, without NumPy's header, whatever the name says; documents end
// with the token that ends them (olmo_core/data/numpy_dataset.py). The mixture
// is a SourceMixtureList of ratios of tokens, source_mixture.py.
type OLMo struct{}

// Needs implements Trainer.
func (*OLMo) Needs() Needs {
	return Needs{Tokens: true, Unit: InTokens, Reader: Exact, Splits: []string{Train, Valid}, Rows: true, Spaces: true, URLs: true, Dtype: wide16}
}

func (*OLMo) name(p Part, n int) string { return p.path(fmt.Sprintf("part-0-%05d.npy", n)) }

// Write implements Trainer.
func (o *OLMo) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	return writeUnits(p, docs, func(unit int) (unitFile, error) {
		w, err := dst.Create(o.name(p, unit))
		if err != nil {
			return nil, err
		}
		return flatFile{newTokenWriter(w, wide16(p.Vocab))}, nil
	})
}

// flatFile is nothing but tokens.
type flatFile struct{ out *tokenWriter }

func (f flatFile) add(d Doc) error { return f.out.add(d.Tokens...) }
func (f flatFile) end() error      { return f.out.w.Flush() }

// Read implements Trainer.
func (o *OLMo) Read(dir string, p Part, use func(Doc) error) error {
	for n := range max(1, p.Units) {
		s := &splitter{eod: p.EOD, use: use}
		if err := readTokens(filepath.Join(dir, filepath.FromSlash(o.name(p, n))), wide16(p.Vocab), s); err != nil {
			return err
		}
		if err := s.end(); err != nil {
			return err
		}
	}
	return nil
}

// Notes implements Trainer.
func (o *OLMo) Notes(h *Handover) []Note {
	var s strings.Builder
	s.WriteString("# A SourceMixtureList of OLMo-core; ratios are of tokens.\nsources:\n")
	for _, p := range h.of(Train) {
		d := h.Domains[p.Domain]
		fmt.Fprintf(&s, "- source_name: %s\n  target_ratio: %s\n  max_repetition_ratio: %.4g\n  max_source_fraction: 1.0\n  paths:\n  - %s\n",
			quote(d.Folder), weight(d.Weight), repetition(d, h), quote(h.path("train", d.Folder, "*.npy")))
	}
	dtype := map[int]string{2: "uint16", 4: "uint32"}[wide16(h.Vocab)]
	code := fmt.Sprintf(`# Builds the data set of OLMo-core from mixture.yaml.
from olmo_core.data import NumpyDatasetDType, NumpyFSLDatasetConfig, TokenizerConfig
from olmo_core.data.source_mixture import SourceMixtureDatasetConfig, SourceMixtureList
from omegaconf import OmegaConf

SEQUENCE_LENGTH = %d
tokenizer = TokenizerConfig(vocab_size=%d, eos_token_id=%d, pad_token_id=%d, identifier=%s)
sources = SourceMixtureList(**OmegaConf.to_container(OmegaConf.load(%s)))
dataset = NumpyFSLDatasetConfig.from_src_mix(
    SourceMixtureDatasetConfig(source_list=sources, requested_tokens=%d, global_batch_size=SEQUENCE_LENGTH * 512, seed=%d),
    tokenizer=tokenizer,
    sequence_length=SEQUENCE_LENGTH,
    dtype=NumpyDatasetDType.%s,
)
`, h.Context, h.Vocab, h.EOD, h.EOD, quote(h.path("tokenizer")), quote(h.path("mixture.yaml")), h.Tokens, h.Seed, dtype)
	return []Note{{"mixture.yaml", s.String()}, {"dataset.py", code}, readme(h, "OLMo-core", []string{
		"Use `dataset.py` in your training script, with `mixture.yaml`:", "",
		"    torchrun --nproc-per-node=8 train.py run-name --dataset=from dataset.py", "",
		"Files are " + dtype + " without a header. `target_ratio` is a share of tokens; a source that is too short for `max_repetition_ratio` is an error of OLMo-core.",
	})}
}

// repetition lets the reader round up to whole sequences and batches.
func repetition(d HandoverDomain, h *Handover) float64 {
	slack := 1 + 2*float64(h.Context)/float64(max(1, d.Train.Tokens))
	return max(1, math.Ceil(1000*d.Epochs*1.01*slack)/1000)
}
