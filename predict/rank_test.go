package predict

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

// TestRankStats keeps the quality of the predictors on RegMix's public table
// in a file, so that a change of theirs shows in the diff: fitted to n of the
// 512 training runs, judged on the 256 test runs, mean over random subsets. The
// long form (build tag integration) also makes the lines of quickRuns, which are
// otherwise taken from the file.
func TestRankStats(t *testing.T) {
	x, y := regmix(t, "train")
	vx, vy := regmix(t, "test")
	var out strings.Builder
	out.WriteString("RegMix 1M, Pile-CC loss of 256 unseen mixtures. regret: loss of the mixture picked less the least;\n" +
		"in80, in95: share of losses within the 80 % and 95 % intervals.\n\n" +
		"predictor     runs  spearman  regret  in80  in95\n")
	type method struct {
		name string
		new  func() Predictor
	}
	methods := []method{
		{"ridge log", func() Predictor { return &Ridge{Features: "log"} }},
		{"ridge both", func() Predictor { return &Ridge{Features: "both"} }},
		{"ridge groups", func() Predictor { return &Ridge{Features: "both", Groups: true} }},
		{"gbdt raw", func() Predictor { return &GBDT{RawTarget: true} }},
	}
	for _, m := range Methods {
		methods = append(methods, method{m.Name, m.New})
	}
	sizes := []int{32, 64, 112, 512}
	lines := make([]string, len(methods)*len(sizes))
	t.Run("fits", func(t *testing.T) {
		for i := range lines {
			m, n := methods[i/len(sizes)], sizes[i%len(sizes)]
			if _, blends := m.new().(interface{ Members() []Member }); blends && n > 64 {
				continue // bench/predict has these; they take long
			}
			if m.name == "sparsebnn" {
				continue // TestSparseBNN: 9 fits of seconds each for the intervals
			}
			if most, slow := quickRuns[m.name]; slow && n > most && !longForm {
				lines[i] = committed(t, m.name, n)
				continue
			}
			t.Run(fmt.Sprint(m.name, n), func(t *testing.T) {
				t.Parallel()
				subsets := 3
				if n == len(x) {
					subsets = 1
				}
				var s stats
				for k := range subsets {
					var sx [][]float64
					var sy []float64
					for _, i := range rand.New(rand.NewPCG(1, uint64(k))).Perm(len(x))[:n] {
						sx, sy = append(sx, x[i]), append(sy, y[i])
					}
					p := m.new()
					s.add(t, p, sx, sy, vx, vy, 1/float64(subsets))
				}
				lines[i] = fmt.Sprintf("%-12s  %4d  %8.1f  %6.3f  %4.0f  %4.0f\n", m.name, n, 100*s.spearman, s.regret, 100*s.in80, 100*s.in95)
			})
		}
	})
	out.WriteString(strings.Join(lines, ""))
	golden := filepath.Join("testdata", "rank_stats.txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("rank statistics changed; if for the better, run go test ./predict -run RankStats -update:\n%s", d)
	}
}

// quickRuns is how many runs a network is fitted to at most in the quick form.
var quickRuns = map[string]int{"gbnn": 112}

// committed returns the line of a predictor fitted to n runs.
func committed(t *testing.T, name string, n int) string {
	golden, err := os.ReadFile(filepath.Join("testdata", "rank_stats.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		if strings.HasPrefix(line, fmt.Sprintf("%-12s  %4d  ", name, n)) {
			return line
		}
	}
	t.Errorf("rank_stats.txt has no line of %s with %d runs; run go test -tags integration ./predict -run RankStats -update", name, n)
	return ""
}

type stats struct{ spearman, regret, in80, in95 float64 }

func (s *stats) add(t *testing.T, p Predictor, x [][]float64, y []float64, vx [][]float64, vy []float64, weight float64) {
	if err := p.Fit(x, y); err != nil {
		t.Fatal(err)
	}
	predicted, picked, least := predictAll(p, vx), 0, math.Inf(1)
	for i, v := range predicted {
		if v < predicted[picked] {
			picked = i
		}
		least = min(least, vy[i])
		e := math.Abs(v - vy[i])
		if e < HalfWidth(p, vx[i], 0.8) {
			s.in80 += weight / float64(len(vx))
		}
		if e < HalfWidth(p, vx[i], 0.95) {
			s.in95 += weight / float64(len(vx))
		}
	}
	s.spearman += weight * Spearman(predicted, vy)
	s.regret += weight * (vy[picked] - least)
}
