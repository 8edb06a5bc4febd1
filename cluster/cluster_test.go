package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/vec"
)

// blobs makes n points in d dimensions around k centres, and the centre of
// each.
func blobs(n, d, k int, noise float64, seed uint64) (x []float32, truth []int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	centers := make([]float64, k*d)
	for i := range centers {
		centers[i] = rng.NormFloat64()
	}
	for i := range n {
		truth = append(truth, i%k)
		for j := range d {
			x = append(x, float32(centers[i%k*d+j]+noise*rng.NormFloat64()))
		}
	}
	return x, truth
}

func ints(label []int32) []int {
	out := make([]int, len(label))
	for i, l := range label {
		out[i] = int(l)
	}
	return out
}

const pythonExe = "/usr/bin/python3" // Debian's, which has sklearn where it is installed

var havePython = sync.OnceValue(func() bool { return exec.Command(pythonExe, "-c", "import sklearn, scipy").Run() == nil })

// python runs a program of testdata on a JSON value and decodes its answer,
// or skips.
func python(t *testing.T, script string, in, out any) {
	t.Helper()
	if !havePython() {
		t.Skipf("no %s with sklearn and scipy to compare with", pythonExe)
	}
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(pythonExe, "testdata/"+script)
	cmd.Stdin = strings.NewReader(string(data))
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	var errOut strings.Builder
	cmd.Stderr = &errOut
	answer, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, errOut.String())
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatal(err)
	}
}

// set returns a method of a family with options written as in a configuration.
func set[T any](t testing.TB, f option.Family[T], name, options string) T {
	t.Helper()
	v, err := f.New(name)
	if err == nil {
		err = json.Unmarshal([]byte(options), v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestClustererConformance(t *testing.T) {
	x, truth := blobs(3000, 20, 12, 0.1, 1)
	for _, m := range Methods {
		t.Run(m.Name, func(t *testing.T) {
			with := func(k int) Clusterer { return set(t, Methods, m.Name, fmt.Sprintf(`{"k": %d}`, k)) }
			o := with(12)
			c, err := o.Fit(context.Background(), x, 3000, 20, 5, 2)
			if err != nil {
				t.Fatal(err)
			}
			if got := labels(c, x); ARI(got, truth) < 0.8 {
				t.Errorf("adjusted Rand index %.3f on clear groups", ARI(got, truth))
			}
			wellFormed(t, c, 3000)
			for _, workers := range []int{1, 3, 8} {
				old := runtime.GOMAXPROCS(workers)
				again, err := o.Fit(context.Background(), x, 3000, 20, 5, workers)
				runtime.GOMAXPROCS(old)
				if err != nil || !slices.Equal(c.X, again.X) || c.Inertia != again.Inertia {
					t.Errorf("%d workers give other centroids, %v", workers, err)
				}
			}
			edgeCases(t, with)
		})
	}
}

func labels(c *Centroids, x []float32) []int {
	label := make([]int32, len(x)/c.D)
	c.Assign(label, nil, x, len(label), 2)
	return ints(label)
}

func wellFormed(t *testing.T, c *Centroids, n int) {
	t.Helper()
	var sum int64
	for j, count := range c.Counts {
		if count <= 0 {
			t.Errorf("cluster %d has %d points", j, count)
		}
		sum += count
	}
	if len(c.X) != c.K*c.D || len(c.Counts) != c.K || sum != int64(n) {
		t.Errorf("K %d, D %d, %d numbers, %d counts that sum to %d", c.K, c.D, len(c.X), len(c.Counts), sum)
	}
}

func edgeCases(t *testing.T, with func(k int) Clusterer) {
	point := []float32{0.5, -1, 2}
	two := slices.Concat(slices.Repeat(point, 40), slices.Repeat([]float32{3, 3, 3}, 60))
	for name, c := range map[string]struct {
		x       []float32
		k, want int
	}{
		"one point":        {point, 4, 1},
		"all alike":        {slices.Repeat(point, 100), 7, 1},
		"two places":       {two, 10, 2},
		"more K than rows": {[]float32{1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1}, 50, 4},
		"K is one":         {two, 1, 1},
	} {
		got, err := with(c.k).Fit(context.Background(), c.x, len(c.x)/3, 3, 1, 2)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wellFormed(t, got, len(c.x)/3)
		counts := with(c.k).Shape().K == c.k // it can be asked for a number of clusters
		if counts && got.K != c.want {
			t.Errorf("%s: %d clusters, want %d", name, got.K, c.want)
		}
		if counts && c.k > 1 && got.Inertia > 1e-9 {
			t.Errorf("%s: inertia %v, want 0", name, got.Inertia)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30} {
		x := slices.Clone(two)
		x[3*17+1] = float32(bad)
		if _, err := with(2).Fit(context.Background(), x, 100, 3, 1, 2); err == nil || !strings.Contains(err.Error(), "row 17 ") {
			t.Errorf("a vector with %v: %v, want an error that names row 17", bad, err)
		}
	}
	if _, err := with(2).Fit(context.Background(), nil, 0, 3, 1, 2); err == nil {
		t.Error("no rows are accepted")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := with(2).Fit(ctx, two, 100, 3, 1, 2); err == nil {
		t.Error("a cancelled context is ignored")
	}
}

func TestAssign(t *testing.T) {
	const n, d, k = 333, 7, 1100 // more than a block of rows and of columns
	x, _ := blobs(n, d, 50, 0.5, 1)
	c := &Centroids{K: k, D: d}
	c.X, _ = blobs(k, d, 90, 0.5, 2)
	copy(c.row(900), c.row(30))
	copy(x[5*d:6*d], c.row(30)) // ties of two centroids go to the first
	x[8*d] = float32(math.NaN())
	label, dist := make([]int32, n), make([]float32, n)
	c.Assign(label, dist, x, n, 3)
	for i := range n {
		if i == 8 {
			if label[i] != -1 || dist[i] == dist[i] {
				t.Errorf("a NaN row is given %d, %v", label[i], dist[i])
			}
			continue
		}
		best, at := float32(math.Inf(1)), -1
		for j := range k {
			if s := vec.SquaredDistance(x[i*d:(i+1)*d], c.row(j)); s < best {
				best, at = s, j
			}
		}
		if dist[i]-best > 1e-5*(1+best) || best == 0 && int(label[i]) != at {
			t.Errorf("row %d: centroid %d at %v, want %d at %v", i, label[i], dist[i], at, best)
		}
	}
}

func TestMerged(t *testing.T) {
	c := &Centroids{K: 4, D: 2, X: []float32{0, 0, 4, 0, 1, 1, 3, 5}, Counts: []int64{1, 2, 3, 4}}
	m, err := c.Merged([]int{0, 0, 1, 1}, []float64{1, 3, 0, 0})
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{3, 0, 2, 3}; !slices.Equal(m.X, want) || !slices.Equal(m.Counts, []int64{3, 7}) {
		t.Errorf("got %v %v, want %v", m.X, m.Counts, want)
	}
	if _, err := c.Merged([]int{0, 0, 1, -1}, []float64{1, 1, 1, 1}); err == nil {
		t.Error("a negative group is accepted")
	}
}
