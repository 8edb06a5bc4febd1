package view

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
)

// staged is a run with stages of these names, of which nothing is done.
func staged(t *testing.T, names ...string) *View {
	t.Helper()
	r := unrun(t)
	r.Out = t.TempDir()
	for _, name := range names {
		if err := r.Add(&stage.Stage{Name: name, Title: "do " + name, Options: func() (any, error) { return nil, nil }}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// do makes a stage by hand: a task for each function.
func do(t *testing.T, r *View, name string, tasks ...func(a *task.Attempt) error) *task.Plan {
	t.Helper()
	p := &task.Plan{Kind: name, Inputs: map[string]string{}}
	for _, s := range r.Stages() {
		p.Inputs[s.Name] = r.Base(s.Name)
	}
	for n := range tasks {
		p.Tasks = append(p.Tasks, stage.Marshal(n))
	}
	if err := p.Save(r.Dir(name)); err != nil {
		t.Fatal(err)
	}
	for n := range tasks {
		if _, err := p.Run(t.Context(), n, func(_ context.Context, _ *task.Plan, n int, a *task.Attempt) error { return tasks[n](a) }); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func file(name, text string) func(a *task.Attempt) error {
	return func(a *task.Attempt) error { return a.WriteFile(name, []byte(text)) }
}

func counted(counters map[string]int64) func(a *task.Attempt) error {
	return func(a *task.Attempt) error {
		for key, n := range counters {
			a.Count(key, n)
		}
		return nil
	}
}

// gathered is a run of 100 documents of 10000 bytes in two domains and a pruned
// cluster, up to its confirmation.
func gathered(t *testing.T) *View {
	t.Helper()
	r := staged(t, "rows", "overlap", "domains", "assign", "encode", "confirm")
	do(t, r, "rows", file("scan.json", `{"documents": 100, "text_bytes": 10000, "duplicates": {"duplicates": 7, "id_reused": 2},
		"bad": {"lines": 114, "repaired": 3, "reasons": {"not JSON": 4}}, "near_duplicates": {"duplicates": 3, "pairs": [{"kept": {"id": "a"}, "dropped": {"id": "b"}, "similarity": 0.75}]}}`))
	overlap := `{"documents": %d, "files": [{"file": "v.jsonl", "items": 9, "short": 2, "documents": %d, "samples": [{"id": "%s", "words": "one two"}]}]}`
	do(t, r, "overlap", file("part-00000.json", fmt.Sprintf(overlap, 3, 2, "x")), file("part-00001.json", fmt.Sprintf(overlap, 2, 1, "y")))
	do(t, r, "domains", file("domains.json", `{"score_names": ["q"], "warnings": ["one", "two"],
		"domains": [{"name": "sea", "clusters": [0], "docs": 40, "bytes": 4000, "scores": [0.5]}, {"name": "sky", "clusters": [2], "docs": 50, "bytes": 4500, "scores": [0.25]}],
		"clusters": [{"docs": 40, "bytes": 4000, "scores": [0.5], "domain": 0, "name": "waves"},
			{"docs": 10, "bytes": 1500, "scores": [0], "domain": -1, "name": "spam", "reasons": ["q below 0.1"]}, {"docs": 50, "bytes": 4500, "scores": [0.25], "domain": 1, "name": "birds"}]}`))
	do(t, r, "assign", counted(map[string]int64{"documents:-1": 6, "documents:-3": 5, "documents:0": 30, "pruned_documents:q": 2}), counted(map[string]int64{"documents:-1": 4, "documents:-4": 3, "documents:1": 49, "pruned_documents:q": 1}))
	do(t, r, "encode", counted(map[string]int64{"tokens:0": 600, "bytes:0": 3000, "tokens:1": 900}), counted(map[string]int64{"tokens:0": 400, "bytes:1": 4000, "bytes:0": 1000}))
	gain := map[string]trial.Difference{"natural": {Mean: 0.5, Interval: &[2]float64{0.25, 0.75}, Significant: true}, "random": {Mean: 0.125}}
	confirmed := &trial.Confirmation{Level: 0.9, Verdict: "good", Warnings: []string{"mind the seeds"}, Rows: []trial.ConfirmedRow{
		{Name: "found", Mixture: mix.Mixture{0.75, 0.25}, Scores: []float64{-1, -2}, Seeds: []uint64{8, 9}, Mean: -1.5, Against: gain, TestAgainst: gain, TestMean: -2, Failed: []string{"seed 7: killed"},
			Metrics: map[string]float64{"validation/a:b:acc": 0.5, "test/c:bpb": 2}},
		{Name: "natural", Baseline: true, Mixture: mix.Mixture{0.5, 0.5}, Scores: []float64{-2}, Seeds: []uint64{8}, Mean: -2, Interval: &[2]float64{-3, -1}},
		{Name: "uniform", Baseline: true, Mixture: mix.Mixture{0.5, 0.5}}, {Name: "random", Baseline: true},
	}}
	if err := (stage.Answer[trial.Confirmation]{Stage: "confirm"}).Write(do(t, r, "confirm"), confirmed); err != nil {
		t.Fatal(err)
	}
	return r
}

// fill makes the parts of the report that the hand-made run has.
func fill(t *testing.T, r *View) *report.Data {
	t.Helper()
	d := &report.Data{}
	for _, f := range []func(*report.Data) error{r.reportCorpus, r.reportOverlap, r.reportDomains, r.reportTokens, r.reportConfirm, r.reportCost} {
		if err := f(d); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// Every number of the report is that of the files, or their sum by hand.
func TestGatherHandMade(t *testing.T) {
	r := gathered(t)
	r.Curation.Skipped = "2 of .bin"
	d := fill(t, r)
	want := []report.Reason{{Reason: "not JSON", Count: 4}, {Reason: "copy of another document", Count: 7}, {Reason: "near-duplicate of another document", Count: 3},
		{Reason: "held out to score the mixtures", Count: 5}, {Reason: "in a pruned cluster", Count: 10}, {Reason: "overlaps with a target file", Count: 3}, {Reason: "score q below its floor", Count: 3}}
	if diff := gocmp.Diff(want, d.Corpus.Dropped); diff != "" {
		t.Errorf("dropped:\n%s", diff)
	}
	if c := d.Corpus; c.In != 114 || c.Documents != 100 || c.Kept != 100-21 || c.Bytes != 10000 || c.Tokens != 1900 || c.Repaired != 3 || len(c.BadLines) != 1 || c.Pairs[0].Similarity != 0.75 || c.Pairs[0].Dropped.ID != "b" {
		t.Errorf("corpus %+v", c)
	}
	overlaps := []report.Overlap{{File: "v.jsonl", Items: 9, Short: 2, Documents: 3, Samples: []report.Snippet{{ID: "x", Text: "one two"}, {ID: "y", Text: "one two"}}}}
	if diff := gocmp.Diff(overlaps, d.Corpus.Overlaps); diff != "" {
		t.Errorf("overlaps:\n%s", diff)
	}
	for i, want := range []report.Domain{{Name: "sea", Tokens: 1000, Bytes: 4000, Natural: 10.0 / 19, Chosen: 0.5}, {Name: "sky", Tokens: 900, Bytes: 4500, Natural: 9.0 / 19, Chosen: 0.5}} {
		x := d.Domains[i]
		if x.Name != want.Name || x.Tokens != want.Tokens || x.Bytes != want.Bytes || math.Abs(x.Natural-want.Natural) > 1e-12 || x.Quality[0].Name != "q" {
			t.Errorf("domain %+v, want %+v", x, want)
		}
	}
	// 1900 tokens of 8000 bytes: what was pruned is taken to have as many a byte.
	if len(d.Clusters) != 2 || len(d.PrunedClusters) != 1 || d.Clusters[1].ID != 2 || d.Clusters[1].Domain != "sky" || d.PrunedClusters[0].Reasons[0] != "q below 0.1" {
		t.Fatalf("clusters %+v, pruned %+v", d.Clusters, d.PrunedClusters)
	}
	for _, x := range []struct {
		got, bytes float64
	}{{float64(d.Clusters[0].Tokens), 4000}, {float64(d.PrunedClusters[0].Tokens), 1500}, {d.Map[1].Size, 1500}, {d.Map[2].Size, 4500}} {
		if math.Abs(x.got-x.bytes*1900/8000) > 1 {
			t.Errorf("%v tokens of %v bytes", x.got, x.bytes)
		}
	}
	if !d.Map[1].Pruned || d.Map[2].Pruned || d.Map[2].Domain != "sky" || !slices.Contains(d.Warnings(), "One.") || !slices.Contains(d.Warnings(), "Two.") {
		t.Errorf("map %+v, %q", d.Map, d.Warnings())
	}
	counts := map[string]int64{}
	for _, x := range d.Cost {
		counts[x.Name] = int64(x.Tasks)
		if x.Wall < 0 || x.Wall < x.Seconds*0.5 { // the tasks ran one after the other
			t.Errorf("%+v", x)
		}
	}
	if diff := gocmp.Diff(map[string]int64{"do rows": 1, "do overlap": 2, "do domains": 1, "do assign": 2, "do encode": 2}, counts); diff != "" || d.Run.Started.IsZero() {
		t.Errorf("started %v, tasks:\n%s", d.Run.Started, diff)
	}
}

// The confirmation is shown with what is not known as such, and its notes say
// what failed, what is doubtful and how the test files came out.
func TestGatherConfirmation(t *testing.T) {
	r := gathered(t)
	for how, want := range map[string]float64{"natural": 0.5, "best": 0.75, "proven": 0.75} {
		r.Trials.Config.Dataset.Mixture = how
		if d := fill(t, r); d.Domains[0].Chosen != want || d.Domains[1].Chosen != 1-want {
			t.Errorf("%s: %v and %v", how, d.Domains[0].Chosen, d.Domains[1].Chosen)
		}
	}
	d := fill(t, r)
	var notes []string
	for _, n := range d.Notes {
		notes = append(notes, fmt.Sprint(n.Warning, " ", n.Text))
	}
	for _, want := range []string{
		"false Documents with bytes that are not UTF-8: 3. U+FFFD stands in their place.",
		"true Documents with the id of an earlier one and another text: 2. They were kept.",
		"true Confirmation of found: seed 7: killed.", "true Mind the seeds.",
		"false On the test files, which the search never saw, found scores -2.0000: +0.5000 [+0.2500, +0.7500] against natural, +0.1250 of unknown error against random.",
	} {
		if !slices.Contains(notes, want) {
			t.Errorf("no note %q among\n%s", want, strings.Join(notes, "\n"))
		}
	}
	if d.Confirmed.Comparisons != 3 {
		t.Errorf("corrected for %d comparisons", d.Confirmed.Comparisons)
	}
	c := d.Confirmed
	found, random := c.Candidates[0], c.Candidates[3]
	if c.Chosen != "found" || c.Verdict != "good" || found.Mean != -1.5 || !math.IsNaN(found.Interval[0]) || !math.IsNaN(random.Mean) || c.Candidates[1].Interval != [2]float64{-3, -1} {
		t.Errorf("%+v", c)
	}
	if len(found.Differences) != 2 || found.Differences[0].To != "natural" || !found.Differences[0].Significant || found.Differences[1].To != "random" || !math.IsNaN(found.Differences[1].Interval[1]) {
		t.Errorf("differences %+v", found.Differences)
	}
	metrics := []report.Metric{{Task: "c", Name: "bpb", Split: "test", Mean: 2}, {Task: "a:b", Name: "acc", Split: "validation", Mean: 0.5}}
	if diff := gocmp.Diff(metrics, found.Metrics); diff != "" {
		t.Errorf("metrics:\n%s", diff)
	}
}

// plane is a run of six documents in two shards, with vectors of two numbers
// around the centroids (0,0), (4,0) and (0,3); a fourth cluster is empty.
func plane(t *testing.T) (*View, []place) {
	t.Helper()
	r := staged(t, "embed", "refine", "cluster", "domains")
	r.Curation.Shards = make([]corpus.Shard, 2)
	x := [][]float32{{0.5, 0, 1.9375, 0, 4, 1}, {1.96875, 0, 0, 1.5, 1.96875, 0}}
	ids, squares := [][]int32{{0, 0, 1}, {0, 0, 0}}, [][]float32{{0.25, 3.75390625, 1}, {3.8759765625, 2.25, 3.8759765625}}
	columns := func(write func(a *task.Attempt, shard int) error) []func(a *task.Attempt) error {
		return []func(a *task.Attempt) error{func(a *task.Attempt) error { return write(a, 0) }, func(a *task.Attempt) error { return write(a, 1) }}
	}
	do(t, r, "embed", columns(func(a *task.Attempt, s int) error { return curate.VectorOf.WriteFloats(a, s, 2, x[s]) })...)
	do(t, r, "cluster", columns(func(a *task.Attempt, s int) error {
		return cmp.Or(curate.ClusterOf.WriteInts(a, s, ids[s]), curate.DistanceOf.WriteFloats(a, s, 0, squares[s]))
	})...)
	do(t, r, "refine", func(a *task.Attempt) error {
		return stage.WriteFloats(a, "centroids.npy", "<f4", 2, []float32{0, 0, 4, 0, 0, 3, 50, 50})
	})
	do(t, r, "domains", file("domains.json", `{"domains": [{"name": "all"}], "clusters": [
		{"docs": 5, "bytes": 300, "domain": 0, "name": "a"}, {"docs": 1, "bytes": 100, "domain": -1, "name": "b"}, {"domain": 0, "name": "c"}, {"domain": -1, "name": "d"}]}`))
	return r, []place{{0, 0, 0.25}, {0, 1, 3.75390625}, {1, 0, 3.8759765625}, {1, 1, 2.25}, {1, 2, 3.8759765625}}
}

// Neighbours come by the distance of their centroids, and overlap by the
// documents that are within 5 % of being theirs: 1.96875 is, 1.9375 is not.
func TestClusterNeighbors(t *testing.T) {
	r, members := plane(t)
	all, err := r.Clusters()
	if err != nil {
		t.Fatal(err)
	}
	near(t, "distance", all[0].Distance, (0.5+1.9375+2*1.96875+1.5)/5)
	near(t, "distance", all[1].Distance, 1)
	if all[0].Share != 0.75 || all[1].Share != 0.25 || all[0].DomainName != "all" || all[1].DomainName != "" || all[3].Distance != 0 {
		t.Errorf("%+v", all)
	}
	got, err := r.neighbors(all, 0, members)
	if err != nil {
		t.Fatal(err)
	}
	want := []ClusterNear{{ID: 2, Name: "c", Distance: 3, Overlap: 0.2}, {ID: 1, Name: "b", Distance: 4, Overlap: 0.4}, {ID: 3, Name: "d", Distance: math.Sqrt(5000)}}
	if d := gocmp.Diff(want, got, gocmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-5 })); d != "" {
		t.Errorf("neighbours:\n%s", d)
	}
	if v, err := r.Cluster(t.Context(), 2, 3); err != nil || v.Name != "c" || v.Neighbors != nil {
		t.Errorf("an empty cluster: %+v, %v", v, err)
	}
	for _, id := range []int{-1, 4} {
		if _, err := r.Cluster(t.Context(), id, 3); task.ExitCode(err) != task.ExitUsage || !strings.Contains(err.Error(), "clusters 0 to 3") {
			t.Errorf("cluster %d: %v", id, err)
		}
	}
}

// A sample of members is evenly spaced, in order, and starts with the first.
func TestSparse(t *testing.T) {
	for n := range 40 {
		members := make([]place, n)
		for i := range members {
			members[i].row = i
		}
		for most := 1; most < 45; most++ {
			got := sparse(members, most)
			if len(got) != min(n, most) || n > 0 && got[0].row != 0 {
				t.Fatalf("%d of %d: %v", most, n, got)
			}
			for i := 1; i < len(got); i++ {
				if gap := got[i].row - got[i-1].row; gap < n/len(got) || gap > (n+len(got)-1)/len(got) {
					t.Fatalf("%d of %d: a gap of %d", most, n, gap)
				}
			}
		}
	}
}

// A border keeps the examples of least priority, whatever the order they come in.
func TestKeepExample(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	key := func(a, b PreviewExample) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.shard, b.shard), cmp.Compare(a.row, b.row))
	}
	for range 200 {
		n := rng.IntN(8)
		var all, kept []PreviewExample
		for row := range rng.IntN(30) {
			e := PreviewExample{priority: float64(rng.IntN(5)), shard: rng.IntN(2), row: row}
			all = append(all, e)
			keepExample(&kept, n, e)
		}
		slices.SortFunc(all, key)
		if !slices.Equal(kept, all[:min(n, len(all))]) {
			t.Fatalf("%d of %v: %v", n, all, kept)
		}
	}
}
