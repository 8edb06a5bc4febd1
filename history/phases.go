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

// Phases are those of a training; a mixture of a table with phases is a schedule:
// the coordinates of marin's two-phase tables, each times the length of its phase.
type Phases = mix.Phases

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

// scheduled makes a mixture of the shares of every phase, each of which has to sum
// to 1.
func scheduled(p Phases, w []float64) (mix.Mixture, error) {
	if len(p) == 0 {
		return normalize(w)
	}
	out := make([]float64, 0, len(w))
	for k, f := range p {
		m, err := normalize(p.Block(w, k))
		if err != nil {
			return nil, fmt.Errorf("phase %d: %w", k, err)
		}
		for _, share := range m {
			out = append(out, f*share)
		}
	}
	return mix.Normalize(out)
}
