package handover_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/handover"
)

// phased rewrites the mixture file of the texts with phases, or with what head says.
func phased(t *testing.T, f folder, head string) {
	text := head + "domains:\n"
	for k, kind := range kinds {
		text += fmt.Sprintf("  %q: {inputs: [%d.jsonl]}\n", kind.name, k)
	}
	write(t, filepath.Join(f.dir, "mixture.yaml"), []byte(text))
}

const twoPhases = `phases:
- {share: 3, mixture: {prose of old: 0.7, code: 0.1, numbers: 0.2}}
- {share: 1, mixture: {prose of old: 0.1, numbers: 0.9}}
`

// Trainers that can change their mixture get each phase's, which climb verify reads
// back; the others refuse in words.
func TestPhases(t *testing.T) {
	t.Parallel()
	f := texts(t, 3, "1 1 1")
	phased(t, f, twoPhases)
	want := [][]float64{{0.1, 0.2, 0.7}, {0, 0.9, 0.1}} // code, numbers, prose of old
	staged := 0
	for _, m := range export.Trainers {
		o, out := f.options(m.Name), filepath.Join(t.TempDir(), "out")
		o.Batch = 16
		if m.New().Needs().Stages == nil {
			if _, err := f.open(t, o, out, 1); err == nil || !strings.Contains(err.Error(), "megatron, nanotron, levanter") {
				t.Errorf("%s: %v", m.Name, err)
			}
			continue
		}
		staged++
		o.Batch = 0
		if _, err := f.open(t, o, out, 1); err == nil || !strings.Contains(err.Error(), "say --batch") {
			t.Errorf("%s without a batch: %v", m.Name, err)
		}
		o.Batch, o.Tokens = 16, 150000
		if m.Name == "levanter" { // a stage begins with a block of 2048 sequences
			o.Tokens = 60000
			if _, err := f.make(t, o, out); err == nil || !strings.Contains(err.Error(), "at multiples of 128 steps only") {
				t.Errorf("levanter: a phase shorter than a block: %v", err)
			}
			o.Context, o.Tokens, out = 8, 150000, filepath.Join(t.TempDir(), "out")
		}
		h, err := f.make(t, o, out)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		c, err := handover.Verify(t.Context(), out)
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		if len(c.Wrong) > 0 || c.Off > 0.001 || len(c.Phases) != 2 || h.Domains[0].Name != "code" {
			t.Errorf("%s: off by %v, wrong %q, %d phases", m.Name, c.Off, c.Wrong, len(c.Phases))
			continue
		}
		steps := int64(0)
		for k, p := range c.Phases {
			for d := range want[k] {
				if math.Abs(p.Asked[d]-want[k][d]) > 1e-9 || math.Abs(p.Seen[d]-want[k][d]) > 0.001 {
					t.Errorf("%s: phase %d asked %v, seen %v, want %v", m.Name, k, p.Asked, p.Seen, want[k])
				}
			}
			if p.From != steps || p.Off > 0.001 {
				t.Errorf("%s: phase %d begins at %d, want %d; off by %v", m.Name, k, p.From, steps, p.Off)
			}
			steps += p.Steps
		}
		if n := int64(math.Ceil(float64(o.Tokens) / float64(o.Context) / 16)); steps != n || math.Abs(float64(c.Phases[0].Steps)/float64(n)-0.75) > 0.07 {
			t.Errorf("%s: %d steps, want %d; the first phase has %d", m.Name, steps, n, c.Phases[0].Steps)
		}
		for d, one := range c.Domains {
			if all := 0.75*want[0][d] + 0.25*want[1][d]; math.Abs(one.Asked.Token-all) > 1e-9 {
				t.Errorf("%s: %s has %v of all, want %v", m.Name, one.Name, one.Asked.Token, all)
			}
		}
	}
	if staged != 3 {
		t.Errorf("%d trainers can change their mixture", staged)
	}
}

// A fit to a table with phases is an answer.
func TestPhasesOfAnAnswer(t *testing.T) {
	f := texts(t, 4, "1 1 1")
	write(t, filepath.Join(f.dir, "fit.json"), []byte(`{"domains":["phase_0_code","phase_0_numbers","phase_0_prose of old","phase_1_code","phase_1_numbers","phase_1_prose of old"],"phases":[0.75,0.25],
"recommended":{"mixture":[0.075,0.15,0.525,0,0.225,0.025]}}`))
	var digests []string
	for _, head := range []string{"answer: fit.json\n", twoPhases} {
		phased(t, f, head)
		o, out := f.options("nanotron"), filepath.Join(t.TempDir(), "out")
		o.Batch, o.Tokens = 16, 100000
		if _, err := f.make(t, o, out); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(out, "nanotron.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, string(text))
	}
	if digests[0] != digests[1] || !strings.Contains(digests[0], "start_training_step: 148") {
		t.Errorf("of the fit:\n%s\nby hand:\n%s", digests[0], digests[1])
	}
}

// What makes no mixture of each phase is refused, with the place.
func TestPhasesRefused(t *testing.T) {
	f := texts(t, 5, "1 1 1")
	for head, want := range map[string]string{
		"phases: [{share: 0, mixture: {code: 1}}]\n":                                       "phases[0].share: 0",
		"phases: [{share: 1, mixture: {cod: 1}}]\n":                                        `phases[0].mixture: domain "cod" is not in domains`,
		"phases: [{share: 1, mixture: {code: -1}}]\n":                                      "phases[0].mixture.code: -1",
		"phases: [{share: 1, mixture: {code: 1}}, {share: 1, mixture: {}}]\n":              "phases[1].mixture: its shares sum to 0",
		"answer: fit.json\n" + twoPhases:                                                   "it has phases, and so has the mixture file",
		"phases: [{share: 1, mixture: {code: 1}}, {share: 1, mixtures: {code: 1}}]\n":      "mixtures",
		"phases: [{share: .inf, mixture: {code: 1}}, {share: 1, mixture: {numbers: 1}}]\n": "phases[0].share",
	} {
		write(t, filepath.Join(f.dir, "fit.json"), []byte(`{"domains":["phase_0_code","phase_1_code"],"phases":[0.5,0.5],"recommended":{"mixture":[0.5,0.5]}}`))
		phased(t, f, head)
		if _, err := handover.LoadWeights(filepath.Join(f.dir, "mixture.yaml")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", head, err, want)
		}
	}
	write(t, filepath.Join(f.dir, "mixture.yaml"), []byte(twoPhases+"domains: {code: {share: 1, inputs: [1.jsonl]}, numbers: {inputs: [2.jsonl]}, prose of old: {inputs: [0.jsonl]}}\n"))
	if _, err := handover.LoadWeights(filepath.Join(f.dir, "mixture.yaml")); err == nil || !strings.Contains(err.Error(), "domains.code.share: phases have the shares") {
		t.Errorf("shares beside phases: %v", err)
	}
	// Less than a sequence in one phase is left out of that one, and said.
	phased(t, f, "phases: [{share: 1, mixture: {code: 1, numbers: 0.00001}}, {share: 1, mixture: {numbers: 1}}]\n")
	o := f.options("megatron")
	o.Batch = 4
	h, err := f.make(t, o, filepath.Join(t.TempDir(), "out"))
	if err != nil || h.Phases[0].Weights[1] != 0 || h.Phases[0].Weights[0] != 1 || !strings.Contains(strings.Join(h.Said, "\n"), `Phase 0 leaves out "numbers"`) {
		t.Errorf("%v: %+v", err, h)
	}
}
