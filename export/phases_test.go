package export

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"
)

// A block gives every domain with a share a sequence, and otherwise its share to
// within a sequence; Levanter's own rounding, int(weight x block) with the rest for
// the largest, takes what is written as it is.
func TestBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, sum := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 60).Draw(t, "weights"), 0.0
		for _, x := range w {
			sum += x
		}
		if sum < 1e-3 {
			return
		}
		for d := range w {
			w[d] /= sum
		}
		block := blockOf(w)
		counts, total, lifted := inBlock(w, block), int64(0), 0.0
		for d, n := range counts {
			total += n
			if w[d] > 0 && n == 0 {
				t.Fatalf("domain %d with %v has no sequence of %d", d, w[d], block)
			}
			if n == 1 && w[d]*float64(block) < 1 {
				lifted++
			}
			text, err := strconv.ParseFloat(dyadic(n, block), 64)
			if err != nil || int64(text*float64(block)) != n {
				t.Fatalf("%d of %d is written %s", n, block, dyadic(n, block))
			}
		}
		for d, n := range counts {
			if off := math.Abs(float64(n) - w[d]*float64(block)); off > 1+lifted {
				t.Fatalf("domain %d has %d sequences of %d, want %v", d, n, block, w[d]*float64(block))
			}
		}
		if total != block || block > 1<<15 {
			t.Fatalf("%d sequences in a block of %d", total, block)
		}
	})
}

// Phases begin at multiples of the grain, one after another, and end with the
// training; what cannot is an error.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, steps, grain := rapid.IntRange(1, 5).Draw(t, "phases"), rapid.Int64Range(1, 1e6).Draw(t, "steps"), rapid.Int64Range(1, 4096).Draw(t, "grain")
		phases, sum := make([]HandoverPhase, n), 0.0
		for k := range phases {
			phases[k].Share = rapid.Float64Range(0.01, 1).Draw(t, "share")
			sum += phases[k].Share
		}
		for k := range phases {
			phases[k].Share /= sum
		}
		if err := Cut(phases, steps, grain); err != nil {
			if steps > 1000*grain {
				t.Fatal(err)
			}
			return
		}
		at := int64(0)
		for k, p := range phases {
			if p.From != at || p.Steps <= 0 || p.From%grain != 0 {
				t.Fatalf("phase %d: %+v, want from %d in steps of %d", k, p, at, grain)
			}
			if off := math.Abs(float64(p.Steps) - p.Share*float64(steps)); off > float64(grain)+1 {
				t.Fatalf("phase %d: %+v of %d steps is %v off", k, p, steps, off)
			}
			at += p.Steps
		}
		if at != steps {
			t.Fatalf("%d of %d steps", at, steps)
		}
	})
}

// staged is an export of two domains and two phases.
func stagedExport(name string) *Handover {
	h := &Handover{Trainer: name, Vocab: 1000, EOD: 0, Context: 32, Batch: 4, Tokens: 32 * 4 * 10240, Unit: InTokens, At: ".", Seed: 7,
		Domains: []HandoverDomain{{Name: "web", Folder: "web", Weight: 0.7}, {Name: "code", Folder: "code", Weight: 0.3}},
		Phases:  []HandoverPhase{{Share: 0.8, Steps: 8192, Weights: []float64{0.875, 0.125}}, {Share: 0.2, From: 8192, Steps: 2048, Weights: []float64{0, 1}}}}
	for d := range h.Domains {
		h.Parts = append(h.Parts, Part{Split: Train, Domain: d, Folder: h.Domains[d].Folder, Supply: Supply{Documents: 9, Tokens: 900, Bytes: 900}, Units: 1},
			Part{Split: Valid, Domain: d, Folder: h.Domains[d].Folder, Supply: Supply{Documents: 1, Tokens: 100, Bytes: 100}, Units: 1})
	}
	return h
}

func notesOf(t *testing.T, trainer Trainer, h *Handover) map[string]string {
	out := map[string]string{}
	for _, n := range trainer.Notes(h) {
		if out[n.Name] != "" {
			t.Errorf("%s stands twice", n.Name)
		}
		out[n.Name] = n.Text
	}
	return out
}

// The fragments have each phase's weights, from its step on.
func TestStagedNotes(t *testing.T) {
	nanotron := notesOf(t, &Nanotron{}, stagedExport("nanotron"))
	var n struct {
		Stages []struct {
			Start int64 `yaml:"start_training_step"`
			Data  struct {
				Seed    int
				Dataset struct {
					Folders []string  `yaml:"dataset_folder"`
					Weights []float64 `yaml:"dataset_weights"`
				}
			}
		} `yaml:"data_stages"`
	}
	if err := yaml.Unmarshal([]byte(nanotron["nanotron.yaml"]), &n); err != nil {
		t.Fatal(err)
	}
	if len(n.Stages) != 2 || n.Stages[0].Start != 1 || n.Stages[1].Start != 8193 || n.Stages[1].Data.Seed != 8 || n.Stages[0].Data.Dataset.Weights[0] != 0.875 ||
		strings.Join(n.Stages[1].Data.Dataset.Folders, " ") != "train/code" || len(n.Stages[1].Data.Dataset.Weights) != 1 {
		t.Errorf("nanotron: %+v", n)
	}
	levanter := notesOf(t, &Levanter{}, stagedExport("levanter"))
	var l struct {
		Data struct {
			Block  int64   `yaml:"mixture_block_size"`
			Stages [][]any `yaml:"train_weights"`
		}
	}
	if err := yaml.Unmarshal([]byte(levanter["data.yaml"]), &l); err != nil {
		t.Fatal(err)
	}
	if len(l.Data.Stages) != 2 || l.Data.Block != 2048 || levanter["data-staged.yaml"] != "" {
		t.Fatalf("levanter: %+v", l)
	}
	for k, want := range []struct {
		step    string
		weights map[string]float64
	}{{"0", map[string]float64{"web": 0.875, "code": 0.125}}, {"8192", map[string]float64{"code": 1}}} {
		got, _ := l.Data.Stages[k][1].(map[string]any)
		if step, err := yaml.Marshal(l.Data.Stages[k][0]); err != nil || strings.TrimSpace(string(step)) != want.step || len(got) != len(want.weights) {
			t.Errorf("levanter: stage %d: %v", k, l.Data.Stages[k])
		}
		for name, w := range want.weights {
			text, err := yaml.Marshal(got[name])
			if x, bad := strconv.ParseFloat(strings.TrimSpace(string(text)), 64); err != nil || bad != nil || x != w {
				t.Errorf("levanter: stage %d: %s has %s, want %v", k, name, text, w)
			}
		}
	}
	megatron := notesOf(t, &Megatron{}, stagedExport("megatron"))
	if megatron["blend.txt"] != "" || megatron["blend-phase-0.txt"] != "0.875 train/web\n0.125 train/code\n" || megatron["blend-phase-1.txt"] != "1 train/code\n" ||
		!strings.Contains(megatron["blend-per-split-phase-1.json"], `"0.7"`) ||
		!strings.Contains(megatron["README.md"], "--global-batch-size 4 --train-iters 10240 --phase-transition-iterations 8192 --save") {
		t.Errorf("megatron: %q", megatron)
	}
}

// A training of one mixture has the same fragments as before there were phases,
// but for Levanter's weights, which are whole sequences of a block.
func TestUnstagedNotes(t *testing.T) {
	h := stagedExport("levanter")
	h.Phases, h.Batch = nil, 0
	levanter := notesOf(t, &Levanter{}, h)
	if !strings.Contains(levanter["data.yaml"], "  train_weights:\n    \"web\": 0.7001953125\n    \"code\": 0.2998046875\n") ||
		!strings.Contains(levanter["data-staged.yaml"], "  - - 0\n    - \"web\": 0.7001953125\n      \"code\": 0.2998046875\n") {
		t.Errorf("levanter: %q, %q", levanter["data.yaml"], levanter["data-staged.yaml"])
	}
	nanotron := notesOf(t, &Nanotron{}, h)["nanotron.yaml"]
	if !strings.Contains(nanotron, "- name: climb\n  start_training_step: 1\n  data:\n    seed: 7\n") || !strings.Contains(nanotron, "      - 0.7\n      - 0.3\ntokens:\n") {
		t.Errorf("nanotron: %s", nanotron)
	}
}
