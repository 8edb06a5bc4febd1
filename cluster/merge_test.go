package cluster

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/climb-go/climb/vec"
)

func TestLinkageAgainstScipy(t *testing.T) {
	const k, d = 120, 5
	x, _ := blobs(k, d, 15, 0.4, 8)
	thresholds := []float64{0.5, 1.5, 2.5, 4, 100}
	ones := slices.Repeat([]float64{1}, k)
	for name, tree := range map[string]func() (*Tree, error){
		"ward":    func() (*Tree, error) { return Ward{}.Tree(x, k, d, ones) },
		"average": func() (*Tree, error) { return Average{}.Tree(x, k, d, ones) },
	} {
		t.Run(name, func(t *testing.T) {
			var want struct {
				Z    [][4]float64
				Flat [][]int
			}
			python(t, "scipy_linkage.py", map[string]any{"x": x, "k": k, "method": name, "thresholds": thresholds}, &want)
			got, err := tree()
			if err != nil {
				t.Fatal(err)
			}
			for i, m := range got.Merges {
				z := want.Z[i]
				if m.A != int(z[0]) || m.B != int(z[1]) || math.Abs(m.Distance-z[2]) > 1e-5*z[2] || m.Leaves != int(z[3]) {
					t.Fatalf("merge %d is %v, scipy's %v", i, m, z)
				}
			}
			for i, at := range thresholds {
				if ARI(got.Cut(at), want.Flat[i]) != 1 {
					t.Errorf("cut at %v differs from scipy's", at)
				}
			}
		})
	}
}

// Ward over weighted points is Ward over points repeated that often.
func TestWardWeighted(t *testing.T) {
	const k, d = 12, 3
	x, _ := blobs(k, d, 4, 0.5, 9)
	var weight []float64
	var repeated []float32
	for i := range k {
		weight = append(weight, float64(1+i%3))
		for range 1 + i%3 {
			repeated = append(repeated, x[i*d:(i+1)*d]...)
		}
	}
	n := len(repeated) / d
	whole, err := Ward{}.Tree(repeated, n, d, slices.Repeat([]float64{1}, n))
	if err != nil {
		t.Fatal(err)
	}
	short, err := Ward{Weighted: true}.Tree(x, k, d, weight)
	if err != nil {
		t.Fatal(err)
	}
	scale := math.Sqrt(float64(k) / float64(n)) // weights have mean 1
	for i, m := range short.Merges {
		if want := whole.Merges[n-k+i].Distance * scale; math.Abs(m.Distance-want) > 1e-5*want {
			t.Errorf("merge %d at %v, want %v", i, m.Distance, want)
		}
	}
}

func TestTreeCuts(t *testing.T) {
	tree := &Tree{N: 4, Merges: []Merge{{1, 3, 1, 2}, {0, 2, 2, 2}, {4, 5, 3, 4}}}
	for _, c := range []struct {
		at   float64
		want []int
	}{{0.5, []int{0, 1, 2, 3}}, {1, []int{0, 1, 2, 1}}, {2.5, []int{0, 1, 0, 1}}, {3, []int{0, 0, 0, 0}}} {
		if got := tree.Cut(c.at); !slices.Equal(got, c.want) {
			t.Errorf("cut at %v: %v, want %v", c.at, got, c.want)
		}
	}
	for groups, want := range map[int]int{-1: 1, 0: 1, 1: 1, 3: 3, 4: 4, 9: 4} {
		if got := slices.Max(tree.CutCount(groups)) + 1; got != want {
			t.Errorf("asked for %d groups, got %d, want %d", groups, got, want)
		}
	}
}

// merger is one of the table, asked for count groups of any size.
func merger(t testing.TB, name string, count int) Merger {
	return set(t, Mergers, name, fmt.Sprintf(`{"count": %d, "max_share": 1}`, count))
}

func TestMergerConformance(t *testing.T) {
	const k, d = 60, 6
	x, truth := blobs(k, d, 6, 0.02, 10)
	weight := make([]float64, k)
	for i := range weight {
		weight[i] = float64(1 + i%7)
	}
	for _, m := range Mergers {
		t.Run(m.Name, func(t *testing.T) {
			with := func(count int) Merger { return merger(t, m.Name, count) }
			got, err := with(6).Merge(x, k, d, weight)
			if err != nil || ARI(got, truth) != 1 {
				t.Errorf("clear groups are found as %v, %v", got, err)
			}
			if !slices.Equal(got, renumber(got)) {
				t.Error("groups are not numbered by their first cluster")
			}
			again, _ := with(6).Merge(x, k, d, weight)
			if !slices.Equal(got, again) {
				t.Error("a second call differs")
			}
			for name, c := range map[string]struct {
				k      int
				weight []float64
				groups int
			}{"one cluster": {1, weight[:1], 1}, "fewer clusters than groups": {3, weight[:3], 3}, "no weight": {k, make([]float64, k), 6}} {
				if got, err := with(6).Merge(x[:c.k*d], c.k, d, c.weight); err != nil || slices.Max(got)+1 != c.groups {
					t.Errorf("%s: %v, %v", name, got, err)
				}
			}
			alike, err := with(3).Merge(make([]float32, 10*d), 10, d, weight[:10])
			if err != nil || slices.Max(alike) > 2 {
				t.Errorf("clusters all alike: %v, %v", alike, err)
			}
			bad := slices.Clone(x)
			bad[4*d] = float32(math.NaN())
			if _, err := with(6).Merge(bad, k, d, weight); err == nil || !strings.Contains(err.Error(), "row 4 ") {
				t.Errorf("a NaN centroid: %v", err)
			}
			if _, err := with(6).Merge(x, k, d, append(slices.Clone(weight[1:]), -1)); err == nil {
				t.Error("a negative weight is accepted")
			}
		})
	}
}

// Whatever the sizes, no group is above the cap unless one cluster alone is.
func TestBalancedKeepsTheCap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 80).Draw(t, "k")
		count := rapid.IntRange(2, 12).Draw(t, "count")
		share := math.Min(1, rapid.Float64Range(1.05, 3).Draw(t, "slack")/float64(count))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		x, weight, total := make([]float32, 3*k), make([]float64, k), 0.0
		for i := range weight {
			weight[i] = math.Exp(rng.NormFloat64())
			total += weight[i]
		}
		for i := range x {
			x[i] = rng.Float32()
		}
		group, err := Balanced{Count: count, MaxShare: share}.Merge(x, k, 3, weight)
		if err != nil {
			if !strings.Contains(err.Error(), "raise max_share") {
				t.Fatal(err)
			}
			return
		}
		if n := slices.Max(group) + 1; n != min(k, count) {
			t.Fatalf("%d groups of %d clusters, want %d", n, k, min(k, count))
		}
		size, members := make([]float64, count), make([]int, count)
		for i, g := range group {
			size[g] += weight[i]
			members[g]++
		}
		for g, s := range size {
			if s > share*total*(1+1e-6) && members[g] > 1 {
				t.Fatalf("group %d holds %.3f of at most %.3f", g, s/total, share)
			}
		}
	})
}

// Where a distance threshold puts nearly all into one group, the balanced
// merge does not, and it says when the cap cannot be kept.
func TestBalancedAgainstCollapse(t *testing.T) {
	const k, d = 200, 16
	x, _ := blobs(k, d, k, 0, 11)
	weight := slices.Repeat([]float64{1}, k)
	for i := range k {
		vec.Scale(float32(1/math.Sqrt(vec.SumSquares(x[i*d:(i+1)*d]))), x[i*d:(i+1)*d])
	}
	share := func(m Merger) (float64, bool) {
		group, err := m.Merge(x, k, d, weight)
		if err != nil {
			t.Fatal(err)
		}
		size := make([]float64, k)
		for i, g := range group {
			size[g] += weight[i]
		}
		_, s, alarm := Collapsed(size)
		return s, alarm
	}
	if s, alarm := share(Average{}); !alarm {
		t.Errorf("average linkage at 1.5: largest share %.2f raises no alarm", s)
	}
	if s, alarm := share(Balanced{}); alarm || s > 0.15+1e-9 {
		t.Errorf("balanced: largest share %.2f, alarm %v", s, alarm)
	}
	if _, err := (Balanced{Count: 5, MaxShare: 0.1}).Merge(x, k, d, weight); err == nil {
		t.Error("five groups of a tenth are accepted")
	}
}

func TestCollapsed(t *testing.T) {
	for _, c := range []struct {
		weight []float64
		want   string
	}{{[]float64{1, 6, 3}, "1 0.6 true"}, {[]float64{5, 5}, "0 0.5 false"}, {nil, "0 0 false"}, {[]float64{0, 0}, "0 0 false"}} {
		g, s, alarm := Collapsed(c.weight)
		if got := fmt.Sprint(g, s, alarm); got != c.want {
			t.Errorf("%v: %s, want %s", c.weight, got, c.want)
		}
	}
}

func BenchmarkMerge(b *testing.B) {
	const k, d = 1000, 256
	x, _ := blobs(k, d, 200, 0.5, 12)
	weight := slices.Repeat([]float64{1}, k)
	for _, m := range Mergers {
		b.Run(m.Name, func(b *testing.B) {
			for b.Loop() {
				if _, err := merger(b, m.Name, 20).Merge(x, k, d, weight); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
