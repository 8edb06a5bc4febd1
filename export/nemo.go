package export

import (
	"fmt"
	"strings"
)

// Bridge writes Megatron's files and a blend for Megatron-Bridge.
type Bridge struct{ Megatron }

// Needs implements Trainer: those of Megatron, of which the phases are options of
// its own command.
func (b *Bridge) Needs() Needs { return unstaged(b.Megatron.Needs()) }

func unstaged(n Needs) Needs {
	n.Stages = nil
	return n
}

// Notes implements Trainer.
func (b *Bridge) Notes(h *Handover) []Note {
	var s strings.Builder
	s.WriteString("# Paste into a recipe of Megatron-Bridge; weights are shares of sequences, so of tokens.\nblend_per_split = [\n")
	for _, split := range []string{Train, Valid, Test} {
		parts := h.of(split)
		if len(parts) == 0 {
			fmt.Fprintf(&s, "    None,  # %s\n", split)
			continue
		}
		var paths, weights []string
		for _, p := range parts {
			paths, weights = append(paths, quote(h.path(prefix(p)))), append(weights, weight(h.Domains[p.Domain].Weight))
		}
		fmt.Fprintf(&s, "    ([%s],\n     [%s]),  # %s\n", strings.Join(paths, ", "), strings.Join(weights, ", "), split)
	}
	fmt.Fprintf(&s, "]\ncfg.dataset.blend = None\ncfg.dataset.split = None\ncfg.dataset.blend_per_split = blend_per_split\ncfg.dataset.sequence_length = %d\n", h.Context)
	s.WriteString("cfg.tokenizer.tokenizer_type = \"HuggingFaceTokenizer\"\ncfg.tokenizer.tokenizer_model = " + quote(h.path("tokenizer")) + "\n")
	return []Note{{"blend.py", s.String()}, readme(h, "Megatron-Bridge", []string{
		"Paste `blend.py` into the recipe, and start it as you do:", "",
		"    torchrun --nproc-per-node 8 pretrain.py", "",
		"The files are Megatron-LM's. A weight is a share of sequences, so of tokens; paths are as `climb export --at` says.",
	})}
}

// Automodel writes Megatron's files and a data set for NeMo Automodel.
type Automodel struct{ Megatron }

// Needs implements Trainer.
func (a *Automodel) Needs() Needs { return unstaged(a.Megatron.Needs()) }

// Notes implements Trainer.
func (a *Automodel) Notes(h *Handover) []Note {
	var s strings.Builder
	s.WriteString("# Merge into the recipe's YAML; weights are shares of sequences, so of tokens.\ndataset:\n")
	s.WriteString("  _target_: nemo_automodel.components.datasets.llm.megatron_dataset.MegatronPretraining\n  paths:\n")
	for _, split := range []struct{ name, key string }{{Train, "train"}, {Valid, "validation"}, {Test, "test"}} {
		list := blend(h, split.name)
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(&s, "    %s:\n", split.key)
		for i := 0; i+1 < len(list); i += 2 {
			fmt.Fprintf(&s, "    - %s\n    - %s\n", quote(list[i]), quote(list[i+1]))
		}
	}
	fmt.Fprintf(&s, "  seq_length: %d\n  splits_to_build: train\n", h.Context)
	return []Note{{"dataset.yaml", s.String()}, readme(h, "NeMo Automodel", []string{
		"Merge `dataset.yaml` into the recipe, and start it:", "",
		"    automodel pretrain llm -c recipe.yaml", "",
		"The files are Megatron-LM's. A weight is a share of sequences, so of tokens; paths are as `climb export --at` says.",
	})}
}
