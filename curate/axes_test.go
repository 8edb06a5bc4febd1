package curate

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/climb-go/climb/corpus"
)

func TestAxes(t *testing.T) {
	for text, want := range map[string]string{
		"clusters": "clusters", "both": "both", "[clusters, label]": "clusters,label", "[clusters, quality:5]": "clusters,quality:5",
		`"file, quality:2"`: "file,quality:2", "[file, {quality: 3}]": "file,quality:3", "[field:meta.lang, folder]": "field:meta.lang,folder", "[quality: 20]": "quality:20",
	} {
		var a Axes
		if err := yaml.Unmarshal([]byte(text), &a); err != nil || string(a) != want {
			t.Errorf("%s: %q, %v", text, a, err)
			continue
		}
		if _, err := a.parse(); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		var back Axes
		if data, err := yaml.Marshal(a); err != nil || yaml.Unmarshal(data, &back) != nil || back != a {
			t.Errorf("%s: written as %s, read as %q; %v", text, data, back, err)
		}
	}
	if a := Axes("clusters,label"); a.canonical() != "both" || !a.plain() || Axes("label,clusters").plain() {
		t.Error("lists that were legal before have other stages")
	}
}

func TestAxesRefused(t *testing.T) {
	scores := []string{"quality", "advert"}
	for by, want := range map[Axes]string{
		"": "is empty", "quality:1": "2 to 100 tiers", "quality": "quality:5", "quality:101": "2 to 100", "quality:x": "2 to 100", "fild": "is not one of clusters",
		"field": "lacks its name", "file:x": "takes nothing", "file,file": "file is there twice", "quality:3,quality:4": "quality is there twice", "both,clusters": "is not one of",
	} {
		if err := (&DomainsConfig{By: by, Quality: QualityConfig{Score: "mean"}}).Check(scores); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "domains.by: ") {
			t.Errorf("%q: %v, want %q", by, err, want)
		}
	}
	for score, of := range map[string][]string{"fluency": scores, "mean": nil} {
		if err := (&DomainsConfig{By: "quality:3", Quality: QualityConfig{Score: score}}).Check(of); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("has no score %q", score)) {
			t.Errorf("score %q of %v: %v", score, of, err)
		}
	}
	for _, bad := range []string{"[[x]]", "{file: 1}", `["a,b"]`, "[{quality: 3, file: x}]", "[3]"} {
		var a Axes
		if err := yaml.Unmarshal([]byte(bad), &a); err == nil {
			t.Errorf("%s is read as %q", bad, a)
		}
	}
}

func TestPlaceLabels(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, c := range []struct{ paths, files, folders string }{
		{"/d/web.jsonl /d/code.jsonl", "web code", "d d"},
		{"/d/only.jsonl.zst", "only", "d"},
		{"/d/web/a.bin /d/web/b.bin /d/code/a.bin", "web/a web/b code/a", "web web code"},
		{"/d/a.jsonl /d/a.parquet /d/b.jsonl", "a.jsonl a.parquet b", "d d d"},
		{"/d/top.txt /d/in/x.txt", "top in/x", "d in"},
		{"s3://b/k/web/0.jsonl s3://b/k/code/0.jsonl", "web/0 code/0", "web code"},
		{"/a/x.jsonl /b/y.jsonl", "a/x b/y", "a b"},
		{"/d/.jsonl /d/e\tf\x01.jsonl", ".jsonl e_f_", "d d"},
		{"/d/" + long + "1 /d/" + long + "2", long[:64] + "…~" + "48", "d d"},
	} {
		paths := strings.Split(strings.ReplaceAll(c.paths, "\t", "\x00"), " ")
		for i := range paths {
			paths[i] = strings.ReplaceAll(paths[i], "\x00", "\t")
		}
		files, folders := placeLabels(paths)
		seen := map[string]bool{}
		for i, p := range paths {
			if want := strings.Split(c.files, " "); len(want) == len(paths) && files[p] != want[i] || folders[p] != strings.Split(c.folders, " ")[i] || seen[files[p]] {
				t.Errorf("%q: file %q of %s, folder %q of %s", p, files[p], c.files, folders[p], c.folders)
			}
			seen[files[p]] = true
		}
	}
}

// Every file has a label of its own, whatever the names.
func TestFilesKeepTheirLabels(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		paths := rapid.SliceOfNDistinct(rapid.StringMatching(`/d/([ab\x01]{1,3}/)?[ab\x02 é]{1,90}(\.jsonl|\.bin)?(\.gz)?`), 1, 12, rapid.ID).Draw(rt, "paths")
		files, folders := placeLabels(paths)
		seen := map[string]string{}
		for _, p := range paths {
			if other, ok := seen[files[p]]; ok && strings.TrimSpace(p) != strings.TrimSpace(other) {
				rt.Fatalf("%q and %q are both %q", p, other, files[p])
			}
			seen[files[p]] = p
			if files[p] == "" || folders[p] == "" || len(files[p]) > labelBytes+4 {
				rt.Fatalf("%q: %q, %q", p, files[p], folders[p])
			}
		}
	})
}

func TestTagger(t *testing.T) {
	shards := []corpus.Shard{{Path: "/d/web/1.jsonl"}, {Path: "/d/code/1.jsonl", Files: []string{"/d/code/1.jsonl", "/d/code/2.jsonl"}}}
	doc := corpus.Document{Path: "/d/code/2.jsonl", Source: "s", Fields: []byte(`{"meta":{"lang":"de\u0007"},"n":3}`), Text: "x"}
	for axes, want := range map[string]string{
		"file": "code/2", "folder": "code", "source": "s", "field:meta.lang": "de_", "field:n": "3", "field:none": noTag,
		"folder field:n label": "code\x1f3\x1fs",
	} {
		o := &tagsOptions{Axes: strings.Split(axes, " "), TagConfig: TagConfig{Field: "source"}}
		if got := newTagger(o, shards).of(doc); got != want {
			t.Errorf("%s: %q, want %q", axes, got, want)
		}
	}
	if got := newTagger(&tagsOptions{Axes: []string{"file", "source"}}, shards).other(); got != otherTag+"\x1f"+otherTag {
		t.Errorf("past the most labels: %q", got)
	}
}

// The two passes over histograms give what sorting gives.
func TestQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, draw := range []func() float32{
		func() float32 { return rng.Float32() },
		func() float32 { return float32(rng.IntN(3)) / 2 },
		func() float32 { return float32(rng.NormFloat64()) },
		func() float32 { return 0.5 + float32(rng.IntN(50))*1e-7 }, // that differ in their lower bits
		func() float32 { return 1 },
	} {
		for _, n := range []int{2, 5, 20, 100} {
			type doc struct {
				x float32
				w int64
			}
			docs := make([]doc, 1+rng.IntN(3000))
			total := int64(0)
			for i := range docs {
				docs[i] = doc{draw(), 1 + rng.Int64N(1000)}
				total += docs[i].w
			}
			cuts, err := quantiles(n, func(add func(float32, int64)) error {
				for _, d := range docs {
					add(d.x, d.w)
				}
				return nil
			})
			if err != nil || len(cuts) != n-1 || !slices.IsSorted(cuts) {
				t.Fatal(cuts, err)
			}
			slices.SortFunc(docs, func(a, b doc) int { return cmp.Compare(a.x, b.x) })
			i, sum := 0, docs[0].w
			for k, cut := range cuts {
				for float64(sum) < float64(total)*float64(k+1)/float64(n)*(1-1e-12) {
					i++
					sum += docs[i].w
				}
				if docs[i].x != cut {
					t.Fatalf("cut %d of %d: %v, want %v", k+1, n, cut, docs[i].x)
				}
			}
		}
	}
	for _, x := range []float32{0, 1, -1, 0.25, -3e-40, math.MaxFloat32, -math.MaxFloat32} {
		if got := keyScore(scoreKey(x)); got != x {
			t.Errorf("%v becomes %v", x, got)
		}
	}
	if scoreKey(float32(math.Copysign(0, -1))) != scoreKey(0) {
		t.Error("-0 is not 0")
	}
}

func TestTierOf(t *testing.T) {
	tiers := &Tiers{Cuts: []float32{0.2, 0.5, 0.5}}
	for x, want := range map[float32]int{0: 0, 0.2: 0, 0.3: 1, 0.5: 1, 0.6: 3} { // tier 2 is empty: 0.5 is in one tier
		if got := tiers.of(x); got != want {
			t.Errorf("%v is in tier %d, want %d", x, got, want)
		}
	}
}

func TestMergeSpans(t *testing.T) {
	for _, c := range []struct {
		bytes []int64
		least float64
		want  string
	}{
		{[]int64{5, 5, 5}, 5, "0-0:5 1-1:5 2-2:5"},
		{[]int64{5, 1, 9}, 2, "0-1:6 2-2:9"},
		{[]int64{9, 1, 5}, 2, "0-0:9 1-2:6"},
		{[]int64{5, 1, 5}, 2, "0-1:6 2-2:5"}, // equal neighbours: the lower
		{[]int64{0, 7, 7}, 0, "0-1:7 2-2:7"}, // an empty one goes with its neighbour
		{[]int64{7, 7, 0}, 0, "0-0:7 1-2:7"},
		{[]int64{1, 1, 1, 1}, 2, "0-1:2 2-3:2"},
		{[]int64{1, 1, 1}, 100, "0-2:3"},
		{[]int64{0, 0}, 0, "0-1:0"},
	} {
		var s []span
		for i, n := range c.bytes {
			s = append(s, span{i, i, n})
		}
		var got []string
		for _, s := range mergeSpans(s, c.least) {
			got = append(got, fmt.Sprintf("%d-%d:%d", s.from, s.to, s.bytes))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v, least %v: %s, want %s", c.bytes, c.least, strings.Join(got, " "), c.want)
		}
	}
}

// Two groups of clusters by three tiers of the second score: of group 0 the best tier
// is a byte, and goes with the one below.
func TestCrossTiers(t *testing.T) {
	d := &Domains{ScoreNames: []string{"a", "b"}, Domains: make([]Domain, 2), Clusters: []Cluster{{Domain: 1}, {Domain: 0}, {Domain: -1}}}
	of := func(b float32) [2]float32 { return [2]float32{0, b} }
	p := gradedPlan(t, []graded{{0, 31, of(0.1), ""}, {0, 10, of(0.5), ""}, {0, 20, of(0.9), ""}, {2, 500, of(0.9), ""}},
		[]graded{{1, 9, of(0.2), ""}, {1, 29, of(0.6), ""}, {1, 1, of(0.95), ""}, {1, 300, of(0.01), ""}})
	o := &domainsOptions{Scores: d.ScoreNames, Prune: PruneConfig{Documents: map[string]float64{"b": 0.05}},
		Domains: DomainsConfig{By: "clusters,quality:3", Quality: QualityConfig{Score: "b", Over: "text", MinShare: 0.02}}}
	x, err := d.cross(p, o, 2)
	if err != nil {
		t.Fatal(err)
	}
	// 100 bytes stay: 31 up to 0.1, 40 up to 0.2, 79 up to 0.6.
	if diff := gocmp.Diff(&Tiers{"b", "text", []float32{0.2, 0.6}}, d.Quality); diff != "" {
		t.Error(diff)
	}
	var got []string
	for _, dom := range d.Domains {
		got = append(got, fmt.Sprintf("g%d %s: %d documents, %d bytes of %v", *dom.Group, tiersText(*dom.Tiers), dom.Docs, dom.Bytes, dom.Clusters))
	}
	want := []string{"g0 q1: 2 documents, 309 bytes of [1]", "g1 q1: 1 documents, 31 bytes of [0]", "g0 q2-3: 2 documents, 30 bytes of [1]", "g1 q3: 1 documents, 20 bytes of [0]", "g1 q2: 1 documents, 10 bytes of [0]"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	rows := [][]int32{{1, 4, 3, -1}, {0, 2, 2, 0}}
	for n := range rows {
		if row, err := x.shard(n); err != nil || !slices.Equal(row, rows[n]) {
			t.Errorf("shard %d: %v, want %v; %v", n, row, rows[n], err)
		}
	}
	if d.Clusters[0].Domain != 1 || *d.Clusters[1].Group != 0 || d.Clusters[2].Group != nil {
		t.Errorf("%+v", d.Clusters)
	}
	o.Prune.Documents["b"] = 2
	again := &Domains{ScoreNames: d.ScoreNames, Domains: make([]Domain, 2), Clusters: []Cluster{{Domain: 1}, {Domain: 0}, {Domain: -1}}}
	if _, err := again.cross(p, o, 2); err == nil || !strings.Contains(err.Error(), "leaves no document") {
		t.Errorf("no document left: %v", err)
	}
}

// Ten thousand labels are pooled where each is rare, and kept where they may be small.
func TestManyLabels(t *testing.T) {
	var docs []graded
	for i := range 10_000 {
		docs = append(docs, graded{0, 10, [2]float32{}, fmt.Sprint("label ", i)})
	}
	p := gradedPlan(t, docs)
	for least, want := range map[float64]int{0.01: 1, 0.0001: 10_000} {
		d := &Domains{ScoreNames: []string{"a", "b"}, Domains: make([]Domain, 1), Clusters: []Cluster{{Domain: 0}}}
		if _, err := d.cross(p, &domainsOptions{Scores: d.ScoreNames, Domains: DomainsConfig{By: "field:x", Tag: TagConfig{MinShare: least}}}, 1); err != nil || len(d.Domains) != want {
			t.Errorf("min_share %v: %d domains, want %d; %v", least, len(d.Domains), want, err)
		}
	}
}
