package curate

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// done is a stage below out whose tasks have written what the function writes.
func done(t *testing.T, out, kind string, options any, tasks int, write func(n int, a *task.Attempt) error) *task.Plan {
	t.Helper()
	p := &task.Plan{Kind: kind, Options: stage.Marshal(options), Inputs: map[string]string{}}
	if s := Stages().Find(kind); s != nil {
		p.Format = s.Format
		for _, in := range s.Inputs {
			p.Inputs[in] = in
		}
	}
	for n := range tasks {
		p.Tasks = append(p.Tasks, json.RawMessage(fmt.Sprintf(`{"shard": %d}`, n)))
	}
	if err := p.Save(filepath.Join(out, kind)); err != nil {
		t.Fatal(err)
	}
	for n := 0; write != nil && n < tasks; n++ {
		if _, err := p.Run(t.Context(), n, taskOf(write)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// A graded document, as the stages before domains have judged it.
type graded struct {
	cluster, bytes int32
	scores         [2]float32
	tag            string
}

// gradedPlan is a plan of the stage domains whose inputs hold the documents, by
// shard.
func gradedPlan(t *testing.T, shards ...[]graded) *task.Plan {
	t.Helper()
	out := t.TempDir()
	column := func(n int, of func(graded) int32) (x []int32) {
		for _, d := range shards[n] {
			x = append(x, of(d))
		}
		return x
	}
	done(t, out, "cluster", nil, len(shards), func(n int, a *task.Attempt) error {
		return ClusterOf.WriteInts(a, n, column(n, func(d graded) int32 { return d.cluster }))
	})
	done(t, out, "label", nil, len(shards), func(n int, a *task.Attempt) error {
		var x []float32
		for _, d := range shards[n] {
			x = append(x, d.scores[:]...)
		}
		if err := scoresOf.WriteFloats(a, n, 2, x); err != nil {
			return err
		}
		return bytesOf.WriteInts(a, n, column(n, func(d graded) int32 { return d.bytes }))
	})
	done(t, out, "tags", nil, len(shards), func(n int, a *task.Attempt) error {
		var names []string
		for _, d := range shards[n] {
			if !slices.Contains(names, d.tag) {
				names = append(names, d.tag)
			}
		}
		slices.Reverse(names) // their numbers are the shard's own
		if err := tagNamesOf.Write(a, n, names); err != nil {
			return err
		}
		return tagOf.WriteInts(a, n, column(n, func(d graded) int32 { return int32(slices.Index(names, d.tag)) }))
	})
	return done(t, out, "domains", nil, 1, nil)
}

func TestCountClusters(t *testing.T) {
	p := gradedPlan(t, []graded{{0, 10, [2]float32{1, 0}, ""}, {2, 20, [2]float32{0.5, 1}, ""}}, []graded{{2, 5, [2]float32{1, 0.25}, ""}})
	texts := &Texts{Shards: make([]corpus.Shard, 2)}
	d := &Domains{ScoreNames: []string{"a", "b"}}
	if err := d.countClusters(p, texts, 3); err != nil {
		t.Fatal(err)
	}
	want := []Cluster{{Docs: 1, Bytes: 10, Scores: []float64{1, 0}}, {Scores: []float64{0, 0}}, {Docs: 2, Bytes: 25, Scores: []float64{0.75, 0.625}}}
	if d := cmp.Diff(want, d.Clusters); d != "" {
		t.Error(d)
	}
	if err := d.countClusters(p, texts, 2); err == nil || !strings.Contains(err.Error(), "shard 0 row 1: cluster 2 of 2") {
		t.Errorf("a cluster too high: %v", err)
	}
	d.ScoreNames = []string{"a"}
	if err := d.countClusters(p, texts, 3); err == nil || !strings.Contains(err.Error(), "labeled with 2 scores, want 1") {
		t.Errorf("another labeler: %v", err)
	}
	negative := gradedPlan(t, []graded{{-1, 10, [2]float32{}, ""}})
	d.ScoreNames = []string{"a", "b"}
	if err := d.countClusters(negative, &Texts{Shards: make([]corpus.Shard, 1)}, 3); err == nil || !strings.Contains(err.Error(), "cluster -1 of 3") {
		t.Errorf("a cluster below 0: %v", err)
	}
}

// fiveClusters have scores on both sides of the floors 0.5; the last is empty.
func fiveClusters() *Domains {
	d := &Domains{ScoreNames: []string{"a", "b"}}
	for i, s := range [][]float64{{0.5, 0.5}, {0.9, 0.4}, {0.1, 0.9}, {0.1, 0.2}, {0, 0}} {
		d.Clusters = append(d.Clusters, Cluster{Scores: s, Docs: int64(4 - i), Bytes: int64(10 * (4 - i))})
	}
	return d
}

func TestPruneClusters(t *testing.T) {
	for _, c := range []struct {
		floors map[string]float64
		when   string
		kept   []int
	}{
		{nil, "any", []int{0, 1, 2, 3}},
		{map[string]float64{"a": 0.5, "b": 0.5}, "any", []int{0}},
		{map[string]float64{"a": 0.5, "b": 0.5}, "all", []int{0, 1, 2}},
		{map[string]float64{"mean": 0.5}, "any", []int{0, 1, 2}},
		{map[string]float64{"mean": 0.6}, "any", []int{1}},
	} {
		d := fiveClusters()
		if err := d.prune(PruneConfig{Clusters: c.floors, ClustersIf: c.when}); err != nil {
			t.Fatal(err)
		}
		var kept []int
		for i, cl := range d.Clusters {
			if cl.Domain >= 0 {
				kept = append(kept, i)
			}
			if (cl.Domain < 0) != (len(cl.Reasons) > 0) {
				t.Errorf("%v %s: cluster %d has domain %d and the reasons %q", c.floors, c.when, i, cl.Domain, cl.Reasons)
			}
		}
		if d := cmp.Diff(c.kept, kept); d != "" {
			t.Errorf("%v %s:\n%s", c.floors, c.when, d)
		}
		if r := d.Clusters[4].Reasons; len(r) != 1 || r[0] != "holds no document" {
			t.Errorf("the empty cluster: %q", r)
		}
	}
	for want, floors := range map[string]map[string]float64{"every cluster was pruned": {"a": 2}, `prune.clusters: prune clusters: floor for "c"`: {"c": 1}} {
		if err := fiveClusters().prune(PruneConfig{Clusters: floors}); !task.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Domains are numbered by falling size, and their scores are means over documents,
// not over clusters.
func TestMergeClusters(t *testing.T) {
	cents := &cluster.Centroids{K: 6, D: 2, X: []float32{0, 0, 10, 0, 0, 10, 0.1, 0, 99, 99, 10, 0.1}}
	clusters := func() *Domains {
		return &Domains{ScoreNames: []string{"a"}, Clusters: []Cluster{
			{Docs: 1, Bytes: 10, Scores: []float64{1}}, {Docs: 3, Bytes: 30, Scores: []float64{0}}, {Docs: 2, Bytes: 500, Scores: []float64{0.25}},
			{Docs: 3, Bytes: 20, Scores: []float64{0}}, {Docs: 9, Bytes: 9000, Scores: []float64{1}, Domain: -1}, {Docs: 1, Bytes: 7, Scores: []float64{1}}}}
	}
	d := clusters()
	o := DomainsConfig{By: "clusters", Method: cluster.ChooseMerger(&cluster.Ward{Count: 3})}
	if err := d.merge(o, cents); err != nil {
		t.Fatal(err)
	}
	want := []Domain{
		{Clusters: []int{2}, Docs: 2, Bytes: 500, Scores: []float64{0.25}},
		{Clusters: []int{1, 5}, Docs: 4, Bytes: 37, Scores: []float64{0.25}},
		{Clusters: []int{0, 3}, Docs: 4, Bytes: 30, Scores: []float64{0.25}}}
	if d := cmp.Diff(want, d.Domains); d != "" {
		t.Error(d)
	}
	var of []int
	for _, c := range d.Clusters {
		of = append(of, c.Domain)
	}
	if d := cmp.Diff([]int{2, 1, 0, 2, -1, 1}, of); d != "" {
		t.Errorf("domains of the clusters:\n%s", d)
	}
	// The centroids of the domains are means over documents too: of 0 and 0.1 with
	// one and three documents, and of 0 and 0.1 with three and one.
	p := done(t, t.TempDir(), "domains", nil, 1, func(_ int, a *task.Attempt) error { return d.writeCentroids(cents, a) })
	got, err := loadCentroids(p.Path(centroidsName))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float32{0, 10, 10, 0.025, 0.075, 0}, got.X, cmpopts.EquateApprox(0, 1e-6)); d != "" {
		t.Errorf("centroids:\n%s", d)
	}
	byLabel := clusters()
	if err := byLabel.merge(DomainsConfig{By: "label"}, cents); err != nil || len(byLabel.Domains) != 1 || byLabel.Domains[0].Bytes != 567 {
		t.Errorf("labels are the domains: %+v, %v", byLabel.Domains, err)
	}
}

func TestAlarm(t *testing.T) {
	for want, sizes := range map[string][]int64{
		"":                                  {50, 30, 20},
		`domain "b" holds 60 % of the text`: {30, 60, 10},
		"all text is in one domain: there is nothing to mix": {7},
	} {
		d := &Domains{}
		for i, n := range sizes {
			d.Domains = append(d.Domains, Domain{Name: string(rune('a' + i)), Bytes: n})
		}
		d.alarm()
		if got := strings.Join(d.Warnings, "; "); want == "" && got != "" || !strings.HasPrefix(got, want) || len(d.Warnings) > 1 {
			t.Errorf("%v: %q, want %q", sizes, got, want)
		}
	}
}

// crossed are two groups of clusters, 0 and 1, and a pruned cluster 3, with labels
// whose shares of the 200 unpruned bytes are: web 0.5, code 0.25, art 0.2, and
// others below a tenth.
func crossed(t *testing.T) (*Domains, *task.Plan) {
	t.Helper()
	d := &Domains{ScoreNames: []string{"a", "b"}, Domains: make([]Domain, 2), Clusters: []Cluster{{Domain: 1}, {Domain: 0}, {Domain: 0}, {Domain: -1}}}
	one, two := [2]float32{1, 0}, [2]float32{0, 0.5}
	return d, gradedPlan(t,
		[]graded{{0, 70, one, "web"}, {0, 30, two, "web"}, {1, 40, one, "art"}, {3, 900, one, "web"}, {2, 4, two, "z"}},
		[]graded{{1, 25, one, "code"}, {2, 25, two, "code"}, {0, 5, one, "y"}, {1, 1, one, otherTag}, {3, 900, two, "gone"}})
}

func whole(tag string) string { return tag }

func TestFrequentTags(t *testing.T) {
	d, p := crossed(t)
	for _, c := range []struct {
		least float64
		want  string
	}{{0.1, "web code art"}, {0.2, "web code art"}, {0.21, "web code"}, {0.26, "web"}, {0.51, ""}, {0.02, "web code art y z"}} {
		got, err := d.frequentTags(p, c.least, 2, whole)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("min_share %v: %q, want %q; %v", c.least, got, c.want, err)
		}
	}
	ties := gradedPlan(t, []graded{{0, 5, [2]float32{}, "b"}, {0, 5, [2]float32{}, "c"}, {0, 5, [2]float32{}, "a"}})
	if got, err := d.frequentTags(ties, 0.01, 1, whole); err != nil || strings.Join(got, " ") != "a b c" {
		t.Errorf("of one size: %q, %v", got, err)
	}
}

// Every pair of a group and a label that holds a document is a domain, the largest
// first; rare labels are one, (other), and pruned clusters none.
func TestCrossProduct(t *testing.T) {
	d, p := crossed(t)
	x, err := d.cross(p, &domainsOptions{Domains: DomainsConfig{By: "both", Tag: TagConfig{MinShare: 0.1}}}, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []Domain{
		{Label: "web", Clusters: []int{0}, Docs: 2, Bytes: 100, Scores: []float64{0.5, 0.25}},
		{Label: "code", Clusters: []int{1, 2}, Docs: 2, Bytes: 50, Scores: []float64{0.5, 0.25}},
		{Label: "art", Clusters: []int{1}, Docs: 1, Bytes: 40, Scores: []float64{1, 0}},
		{Label: otherTag, Clusters: []int{0}, Docs: 1, Bytes: 5, Scores: []float64{1, 0}}, // of group 1, which was the first
		{Label: otherTag, Clusters: []int{1, 2}, Docs: 2, Bytes: 5, Scores: []float64{0.5, 0.25}}}
	if diff := cmp.Diff(want, d.Domains); diff != "" {
		t.Error(diff)
	}
	var rows [][]int32
	for n := range 2 {
		row, err := x.shard(n)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if diff := cmp.Diff([][]int32{{0, 0, 2, -1, 4}, {1, 1, 3, 4, -1}}, rows); diff != "" {
		t.Errorf("domains of the documents:\n%s", diff)
	}
	of := []int{}
	for _, c := range d.Clusters { // where most of its text is
		of = append(of, c.Domain)
	}
	if diff := cmp.Diff([]int{0, 2, 1, -1}, of); diff != "" {
		t.Errorf("domains of the clusters:\n%s", diff)
	}
	// Without labels the domains are the groups, and the labels are not read.
	p.Inputs["tags"] = "nowhere"
	plain := &Domains{Domains: make([]Domain, 2), Clusters: []Cluster{{Domain: 1}, {Domain: 0}, {Domain: 0}, {Domain: -1}}}
	if x, err = plain.cross(p, &domainsOptions{Domains: DomainsConfig{By: "clusters"}}, 2); err != nil {
		t.Fatal(err)
	}
	row, err := x.shard(1)
	if diff := cmp.Diff([]int32{0, 0, 1, 0, -1}, row); diff != "" || err != nil {
		t.Errorf("%v:\n%s", err, diff)
	}
}

// Whatever the labels, no document is lost or counted twice.
func TestCrossProductKeepsDocuments(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		clusters, labels := rapid.IntRange(1, 5).Draw(rt, "clusters"), rapid.IntRange(1, 6).Draw(rt, "labels")
		names, kept := make([]string, labels), int64(0)
		x := &crossing{group: make([]int, clusters), labels: []labelAxis{{names: names}}}
		cells := make([]map[int]*cell, clusters)
		d := &Domains{ScoreNames: []string{"a"}, Domains: make([]Domain, 2), Clusters: make([]Cluster, clusters)}
		for c := range cells {
			x.group[c] = rapid.IntRange(-1, 1).Draw(rt, "group")
			cells[c] = map[int]*cell{}
			for l := range labels {
				names[l] = fmt.Sprint("label ", l)
				n := rapid.Int64Range(0, 3).Draw(rt, "docs")
				cells[c][l] = &cell{docs: n, bytes: n * rapid.Int64Range(1, 9).Draw(rt, "bytes"), scores: []float64{float64(n)}}
				if x.group[c] >= 0 {
					kept += n
				}
			}
		}
		if err := d.replace(x, cells); err != nil {
			rt.Fatal(err)
		}
		for i, dom := range d.Domains {
			kept -= dom.Docs
			if dom.Docs == 0 || dom.Scores[0] != 1 || i > 0 && dom.Bytes > d.Domains[i-1].Bytes {
				rt.Fatalf("domain %d: %+v", i, dom)
			}
			for _, c := range dom.Clusters {
				if x.cell[x.group[c]][slices.Index(names, dom.Label)] != i {
					rt.Fatalf("cluster %d, %s: not in domain %d", c, dom.Label, i)
				}
			}
		}
		if kept != 0 {
			rt.Fatalf("%d documents lost", kept)
		}
	})
}

func TestTagOfFields(t *testing.T) {
	fields := json.RawMessage(`{"meta":{"url":"https://www.Example.org:8080/a?b","n":12,"ok":true,"none":null,"list":["x"],"empty":"","deep":{"lang":"de"}},"plain":"x y"}`)
	d := corpus.Document{Source: "web", Text: "text", Fields: fields}
	for _, c := range []struct {
		field string
		host  bool
		want  string
	}{
		{"source", false, "web"},
		{"plain", false, "x y"},
		{"meta.n", false, "12"},
		{"meta.ok", false, "true"},
		{"meta.deep.lang", false, "de"},
		{"meta.none", false, noTag},
		{"meta.list", false, noTag},
		{"meta.deep", false, noTag},
		{"meta.empty", false, noTag},
		{"meta.gone", false, noTag},
		{"plain.deeper", false, noTag},
		{"meta.url", true, "example.org"},
		{"source", true, "web"},
		{"meta.empty", true, noTag},
	} {
		if got := (&TagConfig{Field: c.field, Host: c.host}).of(d); got != c.want {
			t.Errorf("%s, host %v: %q, want %q", c.field, c.host, got, c.want)
		}
	}
	host := &TagConfig{Field: "source", Host: true}
	for url, want := range map[string]string{
		"http://WWW.a.org/x": "a.org", " b.org/path ": "b.org", "www.c.org": "c.org", "//d.org/": "d.org", "https://u:p@e.org:1/": "e.org",
		"http://wwww.f.org": "wwww.f.org", "http://[::1]:80/": "::1", "http://%zz": noTag, "": noTag,
	} {
		if got := host.of(corpus.Document{Source: url}); got != want {
			t.Errorf("host of %q: %q, want %q", url, got, want)
		}
	}
	if got := (&TagConfig{Field: "source"}).of(corpus.Document{Source: strings.Repeat("é", 50)}); got != strings.Repeat("é", 40)+"…" {
		t.Errorf("a long label: %q", got)
	}
}

// taskOf is a task that needs no plan.
func taskOf(f func(n int, a *task.Attempt) error) task.Func {
	return func(_ context.Context, _ *task.Plan, n int, a *task.Attempt) error { return f(n, a) }
}

// A tally drops no label that has the share, whatever the others are, and holds no
// more than 1/share of them between the shards.
func TestTally(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 4))
		share := []float64{0.3, 0.05, 0.01}[seed%3]
		tally, exact, total := newTally(share), map[string]int64{}, int64(0)
		for range 1 + rng.IntN(12) {
			shard := map[string]int64{}
			for range 1 + rng.IntN(400) {
				name := fmt.Sprint(int(math.Exp(rng.Float64() * 8)))
				n := 1 + rng.Int64N(100)
				shard[name] += n
				exact[name] += n
				total += n
			}
			tally.add(shard)
			if len(tally.size) > tally.most {
				t.Fatalf("seed %d: %d labels are held, at most %d", seed, len(tally.size), tally.most)
			}
		}
		for name, n := range exact {
			got, there := tally.size[name]
			if float64(n) >= share*float64(total) && !there || got > n || !tally.cut && got != n {
				t.Errorf("seed %d: %s has %d of %d; held with %d: %v", seed, name, n, total, got, there)
			}
		}
	}
	if all := newTally(0); all.most != math.MaxInt {
		t.Errorf("without a share %d labels are held", all.most)
	}
}
