package simulate

import (
	"math/rand/v2"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

// A misfit is what no law of mixtures that a predictor here assumes has.
//
//	interact sum_r (v_r.w - c_r)^2
//
// has interactions of either sign between all domains, and is convex. A task
// also loses cliff_j (1 - S(w_j / threshold_j)) where the share of a domain that
// it lives off is below a threshold; S is the smoothstep x^2 (3 - 2x), so that
// the score is flat at 0 and from the threshold on, and neither convex nor
// concave between. Every threshold is below the domain's share in the optimum of
// the convex part, which so remains the optimum: score <= convex part <= its
// optimum, and there both are equal.
type misfit struct {
	interact   float64
	forms      [][]float64 // v
	centres    []float64   // c
	cliff      []float64   // nats; 0 for domains without a threshold
	thresholds []float64
}

const (
	interactions = 4    // forms of a task
	leastShare   = 0.01 // in the optimum, of a domain with a threshold
	lifeline     = 0.5  // use of a domain that a task lives off
)

// misfits draws what the kind has of them, from a stream of their own: the rest
// of a world does not depend on them.
func (w *World) misfits() {
	rng, domains := rand.New(rand.NewPCG(w.seed, 1<<32|uint64(len(w.supply)))), len(w.supply)
	if w.Kind.Interact > 0 {
		for k := range w.laws {
			l := &w.laws[k]
			l.interact = w.Kind.Interact
			for range interactions {
				form := make([]float64, domains)
				for j := range form {
					form[j] = rng.NormFloat64()
				}
				l.forms, l.centres = append(l.forms, form), append(l.centres, 0.2*rng.NormFloat64())
			}
		}
	}
	if w.Kind.Threshold == 0 {
		return
	}
	best, _, _ := w.Best()
	for k := range w.laws {
		l := &w.laws[k]
		l.cliff, l.thresholds = make([]float64, domains), make([]float64, domains)
		for j, share := range best {
			at := (0.4 + 0.5*rng.Float64()) * share
			if l.use[j] >= lifeline && share > leastShare {
				l.cliff[j], l.thresholds[j] = w.Kind.Threshold, at
			}
		}
	}
}

// interaction is the interactions' part of the loss; see World.loss.
func (f *misfit) interaction(m mix.Mixture, grad []float64) float64 {
	loss := 0.0
	for r, form := range f.forms {
		v := -f.centres[r]
		for j, share := range m {
			v += form[j] * share
		}
		loss += f.interact * v * v
		for j := range grad {
			grad[j] -= 2 * f.interact * v * form[j]
		}
	}
	return loss
}

// missing is the thresholds' part of the loss; see World.loss.
func (f *misfit) missing(m mix.Mixture, grad []float64) float64 {
	loss := 0.0
	for j, cliff := range f.cliff {
		if cliff == 0 || m[j] >= f.thresholds[j] {
			continue
		}
		x := max(0, m[j]) / f.thresholds[j]
		loss += cliff * (1 - x*x*(3-2*x))
		if grad != nil {
			grad[j] += cliff * 6 * x * (1 - x) / f.thresholds[j]
		}
	}
	return loss
}

// shift adds to a trial what its round adds to all: the rounds of a real search
// are weeks apart, on other machines and other versions, and all tasks of a
// round are off by the same.
func (w *World) shift(t *search.Trial, round int) {
	if w.drift == 0 {
		return
	}
	by := w.drift * rand.New(rand.NewPCG(w.seed^w.Problem.Seed<<32, 1<<33|uint64(round))).NormFloat64()
	t.Score += by
	for name := range t.Scores {
		t.Scores[name] += by
	}
}
