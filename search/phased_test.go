package search

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
)

func phasedProblem(t *testing.T, last mix.Mixture) Problem {
	t.Helper()
	p := Problem{Domains: []string{"a", "b", "c"}, Prior: mix.Mixture{0.6, 0.3, 0.1}, Rounds: []int{8, 4, 4}, Seed: 7,
		Bounds: mix.Bounds{Upper: []float64{1, 0.7, 0.2}}}
	out, err := p.InPhases(mix.Phases{0.75, 0.25}, last)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every proposal and every answer of every strategy that takes phases is a schedule
// that keeps the caps over all phases, though one phase may read more of a domain; a
// fixed last phase stays as it is.
func TestPhasedKeepsBounds(t *testing.T) {
	for _, last := range []mix.Mixture{nil, {0.2, 0.3, 0.5}} {
		p := phasedProblem(t, last)
		for _, name := range []string{"climb-auto", "climb", "regmix", "random", "bayes", "natural", "uniform"} {
			c := Choice{}
			if err := c.Set(name); err != nil {
				t.Fatal(err)
			}
			if x, ok := c.Value().(*Climb); ok {
				x.Candidates = 500
			}
			s, above := Phased{c.Value()}, false
			checked := func(m mix.Mixture) {
				t.Helper()
				if err := p.Schedule.Phases.CheckSchedule(m); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if total := p.Schedule.Phases.Total(m); !p.Schedule.Totals.Contains(total) {
					t.Fatalf("%s: %v is beyond the caps", name, total)
				}
				if last != nil && mix.L1(p.Schedule.Phases.Within(m)[3:], last) > 1e-9 {
					t.Fatalf("%s: the last phase is %v", name, p.Schedule.Phases.Within(m)[3:])
				}
				above = above || p.Schedule.Phases.Within(m)[5] > 0.2
			}
			// c pays at the end alone, b at the start alone
			eval := func(_ context.Context, list []mix.Mixture, _ int) (out []Trial, _ error) {
				for _, m := range list {
					checked(m)
					out = append(out, Trial{Mixture: m, Score: 3*m[5] + m[1] - m[4]})
				}
				return out, nil
			}
			history, err := Run(t.Context(), p, s, eval, nil, nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			static := 0
			for _, h := range history {
				if p.Schedule.Phases.IsStatic(h.Mixture) {
					static++
				}
			}
			if first := Rounds(p, s)[0]; last == nil && first > 1 && (static < first/2 || static == len(history) || !p.Schedule.Phases.IsStatic(history[0].Mixture)) {
				t.Errorf("%s: %d of %d runs are static, of a first round of %d", name, static, len(history), first)
			}
			best, err := s.Best(p, history)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			checked(best)
			again, err := s.Best(p, history)
			if err != nil || again.Hash() != best.Hash() {
				t.Errorf("%s: another answer of the same history", name)
			}
			if name == "climb-auto" && last == nil {
				natural, err := NaturalMixture(p)
				if err != nil {
					t.Fatal(err)
				}
				if got, was := 3*best[5]+best[1]-best[4], 3*natural[5]+natural[1]-natural[4]; !above || got < was+0.3 {
					t.Errorf("the answer is worth %.3f, natural %.3f; a phase above the cap: %v", got, was, above)
				}
			}
		}
	}
}

// Baselines have one mixture in all phases: that of the problem without them.
func TestPhasedBaselines(t *testing.T) {
	p := phasedProblem(t, mix.Mixture{0.2, 0.3, 0.5})
	flat := Problem{Domains: []string{"a", "b", "c"}, Prior: mix.Mixture{0.6, 0.3, 0.1}, Seed: 7, Bounds: mix.Bounds{Upper: []float64{1, 0.7, 0.2}}}
	for name, f := range map[string]func(Problem) (mix.Mixture, error){"natural": NaturalMixture, "uniform": UniformMixture,
		"random": func(p Problem) (mix.Mixture, error) { return RandomMixture(p, 5) }} {
		got, err := f(p)
		want, err2 := f(flat)
		if err != nil || err2 != nil || !p.Schedule.Phases.IsStatic(got) || mix.L1(p.Schedule.Phases.Total(got), want) > 1e-12 {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
}

func TestPhasedRefused(t *testing.T) {
	p := Problem{Domains: []string{"a", "b"}, Prior: mix.Mixture{0.9, 0.1}, Bounds: mix.Bounds{Upper: []float64{1, 0.2}}}
	for want, f := range map[string]func() (Problem, error){
		"lengths sum to 0.9":                          func() (Problem, error) { return p.InPhases(mix.Phases{0.5, 0.4}, nil) },
		"there is one; leave it out":                  func() (Problem, error) { return p.InPhases(mix.Phases{1}, nil) },
		"0.5 of all tokens of phase_0_b, and at most": func() (Problem, error) { return p.InPhases(mix.Phases{0.5, 0.5}, mix.Mixture{0, 1}) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if q, err := p.InPhases(mix.Phases{0.8, 0.2}, mix.Mixture{0, 1}); err != nil || math.Abs(q.Prior[3]-0.2) > 1e-12 {
		t.Errorf("%v, %v", q.Prior, err)
	}
}
