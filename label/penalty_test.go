package label

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// orderless makes texts whose label shows in single words; word order says nothing.
func orderless(n int, seed uint64) (texts []string, labels []int) {
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		l := i % 2
		var b strings.Builder
		for range 20 {
			if r.IntN(6) == 0 {
				fmt.Fprintf(&b, "%c%d ", 'a'+rune(l), r.IntN(8))
			} else {
				fmt.Fprintf(&b, "w%d ", r.IntN(60))
			}
		}
		texts, labels = append(texts, b.String()), append(labels, l)
	}
	return texts, labels
}

// Learned penalties hold down what says nothing, and the same texts give the same
// ones; every group is there once, and together they have all features.
func TestLinearLearned(t *testing.T) {
	texts, labels := orderless(240, 3)
	o := Linear{WordNGrams: 2, Bits: 14, L2: 1e-4, Iterations: 500, Tolerance: 1e-4, Learned: true}
	m, err := o.Train(t.Context(), texts, labels, []string{"no", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := o.Train(t.Context(), texts, labels, []string{"no", "yes"})
	if err != nil || !cmp.Equal(m.Penalties, again.Penalties) || !cmp.Equal(m.weights, again.weights) {
		t.Errorf("the same texts give other penalties: %v, %v (%v)", m.Penalties, again.Penalties, err)
	}
	count, seen := 0, map[string]bool{}
	for _, p := range m.Penalties {
		count += p.Features
		if seen[p.String()] || p.L2 < penaltyLeast*0.999 || p.Features == 0 {
			t.Errorf("penalty %+v", p)
		}
		seen[p.String()] = true
	}
	nonzero := 0
	for b := range 1 << 14 {
		if m.weights[2*b] != 0 || m.weights[2*b+1] != 0 {
			nonzero++
		}
	}
	if count-1 < nonzero || nonzero == 0 || !seen["bias"] {
		t.Errorf("groups have %d features, %d have a weight", count, nonzero)
	}
	unseen, truth := orderless(2000, 4)
	loss := func(m *LinearModel) float64 {
		p := set{unseen, truth}.ask(&linearWorker{model: m}, 2)
		return reliability(p, 2, truth).LogLoss
	}
	plain := o
	plain.Learned = false
	best := 10.0
	for _, l2 := range penaltyGrid {
		plain.L2 = l2
		one, err := plain.Train(t.Context(), texts, labels, []string{"no", "yes"})
		if err != nil {
			t.Fatal(err)
		}
		best = min(best, loss(one))
	}
	if got := loss(m); got > best {
		t.Errorf("log loss on unseen texts is %.4f, that of the best single penalty %.4f; penalties %v", got, best, m.Penalties)
	}
}

// The report of a training says which penalties were learned.
func TestTrainingLearned(t *testing.T) {
	texts, labels := orderless(200, 5)
	o := training("linear", "temperature")
	o.Linear.Learned = true
	r, err := o.Train(t.Context(), filepath.Join(t.TempDir(), "m"), texts, labels, []string{"no", "yes"})
	if err != nil || len(r.Penalties) < 3 {
		t.Errorf("%+v, %v", r, err)
	}
}
