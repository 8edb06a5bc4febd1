package export

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/climb-go/climb/token"
)

// Megatron writes SPLIT/DOMAIN.bin and .idx, one prefix for each domain and
// split, with the token that ends a document at the end of each (NVIDIA
// Megatron-LM, megatron/core/datasets/indexed_dataset.py). Weights are shares
// of sequences, which all have one length; the reader takes the domain that is
// furthest behind its weight (helpers.cpp, build_blending_indices).
type Megatron struct{}

// Needs implements Trainer. It refuses 32767 domains.
func (*Megatron) Needs() Needs {
	return Needs{Tokens: true, Unit: InTokens, Reader: Greedy, Splits: []string{Train, Valid, Test}, Rows: true, Domains: 32766,
		Dtype: func(vocab int) int {
			if token.Dtype(vocab) == token.Uint16 {
				return 2
			}
			return 4
		}}
}

func prefix(p Part) string { return p.Split + "/" + p.Folder }

// Write implements Trainer.
func (*Megatron) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	bin, err := dst.Create(prefix(p) + ".bin")
	if err != nil {
		return err
	}
	idx, err := dst.Create(prefix(p) + ".idx")
	if err != nil {
		return err
	}
	w, err := token.NewIndexWriter(bin, idx, token.Dtype(p.Vocab))
	if err != nil {
		return err
	}
	for d, err := range docs {
		if err == nil {
			err = w.Add(d.Tokens)
		}
		if err != nil {
			w.Close() // removes its temporary file; the first error counts
			return err
		}
	}
	return w.Close()
}

// Read implements Trainer.
func (*Megatron) Read(dir string, p Part, use func(Doc) error) error {
	x, err := token.OpenIndexed(local(dir, Part{Split: p.Split}, p.Folder))
	if err != nil {
		return err
	}
	defer x.Close()
	for i := range x.Docs() {
		if err := use(Doc{Tokens: x.Doc(i)}); err != nil {
			return err
		}
	}
	return nil
}

// blend is the list of weights and prefixes of a split. Held-out documents have
// the weights of training, without the domains that hold out none.
func blend(h *Handover, split string) []string {
	var list []string
	for _, p := range h.of(split) {
		list = append(list, weight(h.Domains[p.Domain].Weight), h.path(prefix(p)))
	}
	return list
}

// Notes implements Trainer.
func (*Megatron) Notes(h *Handover) []Note {
	perSplit := map[string][]string{}
	for _, split := range []string{Train, Valid, Test} {
		if perSplit[split] = blend(h, split); perSplit[split] == nil {
			perSplit[split] = []string{}
		}
	}
	notes := []Note{
		{"blend.txt", strings.Join(pairs(blend(h, Train)), "\n") + "\n"},
		{"blend-per-split.json", indent(perSplit)},
	}
	counts := ""
	if known := counted(h); known != nil {
		notes = append(notes, Note{"sequences.json", indent(known)})
		counts = "      --per-dataset-sequences-path " + h.path("sequences.json") + " \\"
	}
	lines := []string{
		"Run it from this folder, or name the folder with `climb export --at`:", "",
		"    torchrun --nproc-per-node 8 pretrain_gpt.py \\",
		"      --per-split-data-args-path " + h.path("blend-per-split.json") + " \\",
		counts,
		"      --tokenizer-type HuggingFaceTokenizer --tokenizer-model " + h.path("tokenizer") + fmt.Sprintf(" --seq-length %d ...", h.Context), "",
		"`--data-args-path " + h.path("blend.txt") + " --split 99,1,0` reads the training prefixes alone. A weight is a share of sequences, so of tokens.",
	}
	if counts == "" {
		lines = slices.Delete(lines, 4, 5)
	}
	return append(notes, readme(h, "Megatron-LM", lines))
}

// counted is what --per-dataset-sequences-path reads, so that Megatron need not
// open every index: sequences, and documents + 1, as in the header. With that
// option Megatron takes tokens to be 16 bits up to a vocabulary of 65536
// (gpt_dataset.py, token_dtype_code), where its own writer takes 32 from 65500
// on (DType.optimal_dtype): between the two the option would read nonsense, so
// nil.
func counted(h *Handover) map[string][2]int64 {
	if h.Vocab >= 65500 && h.Vocab <= 1<<16 {
		return nil
	}
	out := map[string][2]int64{}
	for _, split := range []string{Train, Valid, Test} {
		for _, p := range h.of(split) {
			out[h.path(prefix(p))] = [2]int64{p.Documents, p.Documents + 1}
		}
	}
	return out
}

func pairs(list []string) []string {
	var out []string
	for i := 0; i+1 < len(list); i += 2 {
		out = append(out, list[i]+" "+list[i+1])
	}
	return out
}

func indent(v any) string {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return string(data) + "\n"
}
