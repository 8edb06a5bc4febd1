package predict

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// On the mixing laws' runs, a few runs of a larger model with those of the 70M
// model beside them rank other mixtures no worse than the better of the two does
// alone, and their intervals hold what they say: of mixtures that the smaller model
// ran, and of those that it did not. Of one number of runs eight mixtures, where
// two that change places are 1.2, may be ranked worse by that; 8 runs are too few
// for intervals of 95 %.
func TestTransferOnMixingLaws(t *testing.T) {
	const choices, unseen, every = 6, 8, 4 // subsets; runs that judge; one loss in so many
	lowX, lowSets := mixLaws(t, "70M")
	at := map[string]int{}
	for i, row := range lowX {
		at[fmt.Sprint(row)] = i
	}
	var ranks, better float64
	for _, known := range []bool{true, false} {
		for _, n := range []int{8, 12, 16} {
			rank, miss := map[string]float64{}, map[string]float64{}
			var in80, in95, all float64
			for _, size := range []string{"160M", "305M", "410M"} {
				x, sets := mixLaws(t, size)
				for k := range uint64(choices) {
					order := rand.New(rand.NewPCG(5, k)).Perm(len(x))
					judged, lower := order[len(x)-unseen:], order
					if !known {
						lower = order[:len(x)-unseen]
					}
					var seen []int
					for _, i := range lower {
						if j, ok := at[fmt.Sprint(x[i])]; ok {
							seen = append(seen, j)
						}
					}
					said, truth := map[string][]float64{}, make([]float64, unseen)
					for s := 0; s < len(sets); s += every {
						low, own := &GP{}, &GP{}
						p := &Transfer{Low: low, Seen: rowsOf(lowX, seen), Rest: func() Predictor { return own }}
						for _, err := range []error{low.Fit(p.Seen, rowsOf(lowSets[s], seen)), p.Fit(rowsOf(x, order[:n]), rowsOf(sets[s], order[:n]))} {
							if err != nil {
								t.Fatal(err)
							}
						}
						for name, one := range map[string]Predictor{"smaller": low, "larger": own, "both": p} {
							if said[name] == nil {
								said[name] = make([]float64, unseen)
							}
							for i, row := range judged {
								v := one.Predict(x[row])
								said[name][i] += v
								miss[name] += math.Abs(v-sets[s][row]) / float64(unseen*choices*3)
							}
						}
						for i, row := range judged {
							truth[i] += sets[s][row]
							e := math.Abs(p.Predict(x[row]) - sets[s][row])
							all++
							if e <= p.HalfWidth(x[row], 0.8) {
								in80++
							}
							if e <= p.HalfWidth(x[row], 0.95) {
								in95++
							}
						}
					}
					for name, v := range said {
						rank[name] += 100 * Spearman(v, truth) / (choices * 3)
					}
				}
			}
			ranks, better = ranks+rank["both"], better+max(rank["smaller"], rank["larger"])
			if rank["both"] < max(rank["smaller"], rank["larger"])-1.2 || miss["both"] > 1.1*min(miss["smaller"], miss["larger"]) {
				t.Errorf("%d runs: rank correlation %.4v, error %.3v: worse than one of the models alone", n, rank, miss)
			}
			if share := in80 / all; share < 0.75 || share > 0.85 {
				t.Errorf("%d runs: 80 %% intervals hold %.3f", n, share)
			}
			if share := in95 / all; share < 0.92 && n > 8 || share < 0.88 || share > 0.98 {
				t.Errorf("%d runs: 95 %% intervals hold %.3f", n, share)
			}
			t.Logf("the smaller model ran the judged mixtures: %v; %d runs of the larger: rank correlation %.4v, error %.3v; intervals hold %.1f and %.1f %%",
				known, n, rank, miss, 100*in80/all, 100*in95/all)
		}
	}
	if ranks < better {
		t.Errorf("rank correlation %.2f on the mean, %.2f by the better one alone", ranks/6, better/6)
	}
}

// rowsOf returns elements of v.
func rowsOf[T any](v []T, rows []int) []T {
	var out []T
	for _, i := range rows {
		out = append(out, v[i])
	}
	return out
}
