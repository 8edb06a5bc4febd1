package history

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/mix"
)

// Phases are the shares of the tokens that the phases of a training have, in
// their order; of one phase, nil. A mixture of a table with phases holds the
// share of all tokens that each domain has in each phase: the coordinates of
// marin's two-phase tables, each times the length of its phase. So they sum to 1,
// and those of a phase to its length.
type Phases []float64

// phaseColumn is a column of marin's tables (experiments/domain_phase_mix,
// build_results_dataframe): phase_0_web. Its phase_0_web_epochs are no shares.
var phaseColumn = regexp.MustCompile(`^phase_([0-9]{1,3})_(.+)$`)

const epochsSuffix = "_epochs"

// phased finds the columns of phases, by phase and then in the order of the file,
// and enters them as domains; nil if there are none.
func (h Hints) phased(t *Table, s *sheet) ([]int, error) {
	var columns [][]int
	var names [][]string
	for c, column := range s.header {
		m := phaseColumn.FindStringSubmatch(column)
		if m == nil {
			continue
		}
		if base, ok := strings.CutSuffix(column, epochsSuffix); ok && slices.Contains(s.header, base) {
			t.ignore(column, "is how often the text was read")
			continue
		}
		k, _ := strconv.Atoi(m[1]) // digits
		for len(names) <= k {
			columns, names = append(columns, nil), append(names, nil)
		}
		columns[k], names[k] = append(columns[k], c), append(names[k], m[2])
	}
	if len(names) == 0 {
		return nil, nil
	}
	var out []int
	for k := range names {
		for _, name := range names[0] {
			at := slices.Index(names[k], name)
			if at < 0 || len(names[k]) != len(names[0]) {
				return nil, fmt.Errorf("read %s: phase 0 has %d domains and phase %d has %d (%q is one of phase 0): every phase needs a column of every domain, phase_%d_DOMAIN", s.path, len(names[0]), k, len(names[k]), name, k)
			}
			out, t.Domains = append(out, columns[k][at]), append(t.Domains, s.header[columns[k][at]])
		}
	}
	var err error
	t.Phases, err = h.lengths(len(names), s.path)
	return out, err
}

// lengths are the shares of the phases' tokens.
func (h Hints) lengths(n int, path string) (Phases, error) {
	if n == 1 {
		return nil, nil
	}
	if len(h.Phases) != n {
		return nil, fmt.Errorf("read %s: its mixtures have %d phases, of which it does not say how long they are, and %d lengths are given: say --phases, the tokens or shares of each, as in --phases 0.8,0.2", path, n, len(h.Phases))
	}
	sum := 0.0
	for _, f := range h.Phases {
		if !(f > 0) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("phases: %g is no length: want positive numbers, the tokens or shares of each phase", f)
		}
		sum += f
	}
	out := make(Phases, n)
	for k, f := range h.Phases {
		out[k] = f / sum
	}
	return out, nil
}

// normalize makes a mixture of the shares of every phase, each of which has to
// sum to 1.
func (p Phases) normalize(w []float64) (mix.Mixture, error) {
	if len(p) == 0 {
		return normalize(w)
	}
	out := make([]float64, 0, len(w))
	for k, f := range p {
		m, err := normalize(p.block(w, k))
		if err != nil {
			return nil, fmt.Errorf("phase %d: %w", k, err)
		}
		for _, share := range m {
			out = append(out, f*share)
		}
	}
	return mix.Normalize(out)
}

// block is the part of m that is phase k's.
func (p Phases) block(m []float64, k int) []float64 {
	n := len(m) / max(1, len(p))
	return m[k*n : (k+1)*n : (k+1)*n]
}

// of returns the phase of domain j of n, and its length: of one phase, 0 and 1.
func (p Phases) of(j, n int) (k int, length float64) {
	if len(p) == 0 {
		return 0, 1
	}
	k = j / (n / len(p))
	return k, p[k]
}

// Within are the shares of m by phase: of the tokens of the phase.
func (p Phases) Within(m []float64) []float64 {
	out := slices.Clone(m)
	for j := range out {
		_, f := p.of(j, len(m))
		out[j] /= f
	}
	return out
}

// Keep scales the shares of every phase to its length.
func (p Phases) Keep(m mix.Mixture) mix.Mixture {
	for k, f := range p {
		part, sum := p.block(m, k), 0.0
		for _, w := range part {
			sum += w
		}
		for j := range part {
			if part[j] *= f / sum; sum <= 0 {
				part[j] = f / float64(len(part))
			}
		}
	}
	return m
}

// project is the nearest mixture within the bounds, phase by phase.
func (p Phases) project(box mix.Bounds, m mix.Mixture) (mix.Mixture, error) {
	if len(p) == 0 {
		if err := box.Feasible(len(m)); err != nil {
			return nil, err
		}
		return box.Project(m), nil
	}
	out := make(mix.Mixture, 0, len(m))
	for k, f := range p {
		over := func(v []float64) []float64 {
			w := slices.Clone(p.block(v, k))
			for j := range w {
				w[j] = min(w[j]/f, 1)
			}
			return w
		}
		one, err := Phases(nil).project(mix.Bounds{Lower: over(box.Lower), Upper: over(box.Upper)}, over(m))
		if err != nil {
			return nil, err
		}
		for _, w := range one {
			out = append(out, f*w)
		}
	}
	return out, nil
}
