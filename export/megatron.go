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
	return Needs{Tokens: true, Unit: InTokens, Reader: Greedy, Splits: []string{Train, Valid, Test}, Rows: true, Domains: 32766, Stages: everyStep,
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
	return blendBy(h, split, func(d int) float64 { return h.Domains[d].Weight })
}

func blendBy(h *Handover, split string, of func(domain int) float64) []string {
	var list []string
	for _, p := range h.of(split) {
		if w := of(p.Domain); w > 0 {
			list = append(list, weight(w), h.path(prefix(p)))
		}
	}
	return list
}

// Notes implements Trainer. A training whose mixture changes has a pair of blends
// for each phase; held-out documents keep the weights of all of it, so that their
// losses compare.
func (*Megatron) Notes(h *Handover) []Note {
	var notes []Note
	for k, p := range h.staged() {
		name := "blend"
		if len(h.Phases) > 0 {
			name = fmt.Sprintf("blend-phase-%d", k)
		}
		train := blendBy(h, Train, func(d int) float64 { return p.Weights[d] })
		perSplit := map[string][]string{Train: train, Valid: blend(h, Valid), Test: blend(h, Test)}
		for split, list := range perSplit {
			if list == nil {
				perSplit[split] = []string{}
			}
		}
		notes = append(notes, Note{name + ".txt", strings.Join(pairs(train), "\n") + "\n"}, Note{strings.Replace(name, "blend", "blend-per-split", 1) + ".json", indent(perSplit)})
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
	if n := len(h.Phases); n > 0 {
		last := h.Phases[n-1]
		lines[3] = "      --per-split-data-args-path " + h.path("blend-per-split-phase-0.json") + " \\"
		lines[5] += fmt.Sprintf(" --global-batch-size %d --train-iters %d --phase-transition-iterations %s --save CHECKPOINTS --load CHECKPOINTS", h.Batch, last.From+last.Steps, transitions(h.Phases))
		lines[7] = fmt.Sprintf("Megatron saves and exits where a phase ends. Start the same command again for each of the %d phases, with the next `blend-per-split-phase-N.json` and nothing else changed. A weight is a share of sequences, so of tokens.", n)
	}
	if counts == "" {
		lines = slices.Delete(lines, 4, 5)
	}
	return append(notes, readme(h, "Megatron-LM", lines))
}

// transitions are the iterations at which all phases but the first begin.
func transitions(phases []HandoverPhase) string {
	var list []string
	for _, p := range phases[1:] {
		list = append(list, fmt.Sprint(p.From))
	}
	return strings.Join(list, ",")
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
