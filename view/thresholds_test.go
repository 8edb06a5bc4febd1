package view

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

func values(s PreviewScore) (out []float64) {
	for _, th := range s.Thresholds {
		out = append(out, th.Value)
	}
	return out
}

// The scores are those asked for, or those with a floor; their thresholds those
// given, or the floors, each once and rising.
func TestChooseThresholds(t *testing.T) {
	names := []string{"quality", "tables", "ads"}
	prune := curate.PruneConfig{Clusters: map[string]float64{"tables": 0.5, "ads": 0.25}, Documents: map[string]float64{"tables": 0.125, "ads": 0.25, "mean": 0.9}}
	for _, c := range []struct {
		o    PreviewOptions
		want map[string][]float64
	}{
		{PreviewOptions{}, map[string][]float64{"ads": {0.25}, "tables": {0.125, 0.5}}},
		{PreviewOptions{Scores: []string{"quality"}}, map[string][]float64{"quality": nil}},
		{PreviewOptions{Scores: []string{"tables"}, Thresholds: []float64{3, 1, 3, 2}}, map[string][]float64{"tables": {1, 2, 3}}},
		{PreviewOptions{Thresholds: []float64{1}}, map[string][]float64{"ads": {1}, "tables": {1}}},
	} {
		var v Preview
		if err := v.choose(prune, c.o, names); err != nil {
			t.Fatal(err)
		}
		got := map[string][]float64{}
		for _, s := range v.Scores {
			got[s.Name] = values(s)
			if names[s.column] != s.Name {
				t.Errorf("%s is column %d", s.Name, s.column)
			}
		}
		if d := gocmp.Diff(c.want, got); d != "" {
			t.Errorf("%+v:\n%s", c.o, d)
		}
	}
	if len(prune.Clusters) != 2 {
		t.Errorf("the configuration was changed: %v", prune)
	}
	var v Preview
	if err := v.choose(curate.PruneConfig{Documents: map[string]float64{"mean": 1}}, PreviewOptions{}, names); err == nil || !strings.Contains(err.Error(), "--score: quality, tables, ads") {
		t.Errorf("without floors: %v", err)
	}
	if err := v.choose(prune, PreviewOptions{Scores: []string{"adds"}}, names); err == nil || !strings.Contains(err.Error(), `"adds"; there are quality, tables, ads`) {
		t.Errorf("an unknown score: %v", err)
	}
}

// graded is a run of two shards with scores that are multiples of 1/16, in three
// clusters of which the last is empty, and what a document is in order.
type graded struct {
	shard, row, cluster, bytes, code int
	scores                           [2]float32
}

func gradedRun(t *testing.T) (*task.Plan, []graded, *curate.Domains) {
	t.Helper()
	r := staged(t, "cluster", "label", "assign")
	rng := rand.New(rand.NewPCG(9, 0))
	var all []graded
	var clusters, bytes, codes [2][]int32
	var scores [2][]float32
	for i := range 60 {
		s := i / 35
		g := graded{shard: s, row: i - 35*s, cluster: rng.IntN(2), bytes: 1 + rng.IntN(90), code: rng.IntN(7) - 5, scores: [2]float32{float32(rng.IntN(16)) / 16, float32(rng.IntN(16)) / 16}}
		all = append(all, g)
		clusters[s], bytes[s], codes[s] = append(clusters[s], int32(g.cluster)), append(bytes[s], int32(g.bytes)), append(codes[s], int32(g.code))
		scores[s] = append(scores[s], g.scores[:]...)
	}
	two := func(write func(a *task.Attempt, s int) error) []func(a *task.Attempt) error {
		return []func(a *task.Attempt) error{func(a *task.Attempt) error { return write(a, 0) }, func(a *task.Attempt) error { return write(a, 1) }}
	}
	do(t, r, "cluster", two(func(a *task.Attempt, s int) error { return curate.ClusterOf.WriteInts(a, s, clusters[s]) })...)
	do(t, r, "label", two(func(a *task.Attempt, s int) error {
		return cmp.Or(stage.Column{Stage: "label", Ext: "npy", Dtype: "<f4"}.WriteFloats(a, s, 2, scores[s]), stage.Column{Stage: "label", Ext: "bytes.npy", Dtype: "<i4"}.WriteInts(a, s, bytes[s]))
	})...)
	p := do(t, r, "assign", two(func(a *task.Attempt, s int) error { return curate.DomainOf.WriteInts(a, s, codes[s]) })...)
	return p, all, &curate.Domains{ScoreNames: []string{"quality", "tables"}, Clusters: []curate.Cluster{{Docs: 1, Scores: []float64{0.5, 0.2}}, {Docs: 1, Scores: []float64{0.5, 0.8}}, {Scores: []float64{0, 0}}}}
}

// Thresholds count the documents and clusters strictly below, and the examples
// of each side are the nearest that chance picks: all of them, if there is room.
func TestCountThresholds(t *testing.T) {
	p, all, d := gradedRun(t)
	o := PreviewOptions{Scores: []string{"tables", "quality"}, Thresholds: []float64{0.5, 0.8, 2}, Examples: 1000, Seed: 4}
	var v Preview
	if err := v.choose(curate.PruneConfig{}, o, d.ScoreNames); err != nil {
		t.Fatal(err)
	}
	for shard := range 2 {
		if err := v.count(p, shard, d, o); err != nil {
			t.Fatal(err)
		}
	}
	var want, kept Amount
	for _, g := range all {
		want.add(int32(g.bytes))
		if g.code >= 0 || g.code == -3 { // held out
			kept.add(int32(g.bytes))
		}
	}
	if v.All != want || v.Kept != kept || kept.Documents == 0 || kept.Documents == want.Documents {
		t.Errorf("all %+v, kept %+v; want %+v, %+v", v.All, v.Kept, want, kept)
	}
	for _, s := range v.Scores {
		for i, th := range s.Thresholds {
			var below, inClusters Amount
			for _, g := range all {
				if float64(g.scores[s.column]) < th.Value {
					below.add(int32(g.bytes))
				}
				if d.Clusters[g.cluster].Scores[s.column] < th.Value {
					inClusters.add(int32(g.bytes))
				}
			}
			if th.Documents != below || th.InClusters != inClusters || len(th.Below) != int(below.Documents) || len(th.Above) != len(all)-len(th.Below) {
				t.Errorf("%s below %g: %+v and %+v in clusters, want %+v and %+v", s.Name, th.Value, th.Documents, th.InClusters, below, inClusters)
			}
			if clusters := map[string][]int{"tables": {1, 1, 2}, "quality": {0, 2, 2}}[s.Name][i]; th.Clusters != clusters {
				t.Errorf("%s below %g: %d clusters, want %d", s.Name, th.Value, th.Clusters, clusters)
			}
			for _, e := range th.Below {
				if at := slices.IndexFunc(all, func(g graded) bool { return g.shard == e.shard && g.row == e.row }); at < 0 || float64(all[at].scores[s.column]) != e.Score {
					t.Errorf("example %+v", e)
				}
			}
		}
	}
	if share := v.Share(Amount{Bytes: v.All.Bytes / 2}); math.Abs(share-0.5) > 0.01 || new(Preview).Share(Amount{}) != 0 {
		t.Errorf("half of the bytes is a share of %v", share)
	}
	// Without a tokenizer four bytes are a token.
	v.countTokens(staged(t), 2)
	if v.All.Tokens != v.All.Bytes/4 || v.Scores[0].Thresholds[2].Documents.Tokens != v.All.Bytes/4 {
		t.Errorf("%+v", v.All)
	}
}

// The deciles of a sample of all rows are the sorted scores at a tenth of them
// each, up to the median.
func TestDeciles(t *testing.T) {
	p, all, d := gradedRun(t)
	var v Preview
	if err := v.choose(curate.PruneConfig{}, PreviewOptions{Scores: []string{"tables"}}, d.ScoreNames); err != nil {
		t.Fatal(err)
	}
	if err := v.deciles(p, 2, int64(len(all))); err != nil {
		t.Fatal(err)
	}
	var sorted, want []float64
	for _, g := range all {
		sorted = append(sorted, float64(g.scores[1]))
	}
	slices.Sort(sorted)
	for i := 1; i <= 5; i++ {
		want = append(want, math.Round(1e4*sorted[6*i])/1e4)
	}
	if d := gocmp.Diff(slices.Compact(want), values(v.Scores[0])); d != "" {
		t.Errorf("deciles:\n%s", d)
	}
}

// Histograms of parts, empty ones too, merged in any order are the one of a
// single pass, down to the last bin; so are counts.
func TestMergedIsOnePass(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 0))
	for range 50 {
		var whole histogram
		parts := make([]histogram, 1+rng.IntN(5))
		sum := 0.0
		for range rng.IntN(12) {
			x := 1 + rng.Int64N(1<<(1+rng.IntN(40)))
			whole.add(x)
			parts[rng.IntN(len(parts))].add(x)
			sum += float64(x)
		}
		var merged histogram
		for _, i := range rng.Perm(len(parts)) {
			merged.merge(&parts[i])
		}
		if merged != whole {
			t.Fatalf("%d lengths from %d to %d, want %d from %d to %d", merged.n, merged.least, merged.most, whole.n, whole.least, whole.most)
		}
		l := whole.lengths()
		if whole.n > 0 && math.Abs(l.Mean-sum/float64(whole.n)) > 1e-9*l.Mean {
			t.Fatalf("mean %v, want %v", l.Mean, sum/float64(whole.n))
		}
		if !slices.IsSorted([]int64{l.Least, l.P5, l.P25, l.Median, l.P75, l.P95, l.P99, l.Most}) {
			t.Fatalf("quantiles %+v", l)
		}
	}
}

// By hand: the lengths 0, 1, 5, 100 and 1000.
func TestLengthsByHand(t *testing.T) {
	var h histogram
	for _, x := range []int64{1000, 0, 5, 1, 100} {
		h.add(x)
	}
	l := h.lengths()
	if l.Mean != 221.2 || l.Median != 5 || l.P25 != 1 || l.P5 != 0 || l.P99 != 1000 || l.P75 < 100 || l.P75 > 103 {
		t.Errorf("%+v", l)
	}
	got := map[int64]int64{}
	for i, b := range l.Bins {
		if b.Documents > 0 {
			got[b.From] = b.Documents
		}
		if i > 0 && (b.From != l.Bins[i-1].To || b.To != 2*b.From) {
			t.Errorf("bin %+v after %+v", b, l.Bins[i-1])
		}
	}
	if d := gocmp.Diff(map[int64]int64{0: 1, 1: 1, 4: 1, 64: 1, 512: 1}, got); d != "" {
		t.Errorf("bins:\n%s", d)
	}
}
