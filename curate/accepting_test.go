package curate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// array is a .npy file of whole numbers or of fractions.
func array[T int32 | float32](t *testing.T, dtype string, cols int, x ...T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.npy")
	f := must(os.Create(path))
	w := must(vec.NewNPYWriter(f, dtype, cols))
	var err error
	switch x := any(x).(type) {
	case []int32:
		err = w.WriteInts(x)
	case []float32:
		err = w.WriteFloats(x)
	}
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(must(os.ReadFile(path)))
}

// accepting is the plan of a stage of two shards, of 2 and 1 documents, whose
// inputs are done.
func accepting(t *testing.T, kind string, options any) *task.Plan {
	t.Helper()
	out := t.TempDir()
	outputs := map[string]func(n int, a *task.Attempt) error{
		"rows": func(_ int, a *task.Attempt) error {
			return scanReport.Write(a, &ScanReport{Documents: 3, Rows: []int64{2, 1}})
		},
		"embed": func(n int, a *task.Attempt) error { return VectorOf.WriteFloats(a, n, 2, []float32{1, 0}) },
		"domains": func(_ int, a *task.Attempt) error {
			return domainsFile.Write(a, &Domains{Domains: []Domain{{Name: "a"}, {Name: "b"}}})
		},
		"label": func(n int, a *task.Attempt) error { return bytesOf.WriteInts(a, n, []int32{30, 12}) },
	}
	for _, in := range Stages().Find(kind).Inputs {
		tasks, write := 2, outputs[in]
		if in == "rows" || in == "domains" {
			tasks = 1
		}
		if write == nil {
			write = func(int, *task.Attempt) error { return nil }
		}
		done(t, out, in, nil, tasks, write)
	}
	return done(t, out, kind, options, 2, nil)
}

// publish gives files to task 0.
func publish(t *testing.T, p *task.Plan, files map[string]string) (*task.Manifest, error) {
	t.Helper()
	own := t.TempDir()
	var paths []string
	for name, data := range files {
		path := filepath.Join(own, name)
		if err := os.WriteFile(path, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	if err := stage.PublishTask(t.Context(), Stages(), p.Path("plan.json"), 0, paths); err != nil {
		return nil, err
	}
	return p.Manifest(0)
}

// What other programs make of the stages that TestPublishChecksWhatItIsGiven leaves
// out is counted as the stage counts, or refused with what is wrong.
func TestAcceptedFiles(t *testing.T) {
	scores := labelOptions{Labeler: label.Choose(&label.Rules{})}
	n := len(scores.config().Names())
	grades := func(rows, cols int) string { return array(t, "<f4", cols, make([]float32, rows*cols)...) }
	sizes := array(t, "<i4", 0, int32(3), 4)
	codes := array(t, "<i2", 0, int32(1), SemanticCopy)
	plans := map[string]*task.Plan{}
	for _, c := range []struct { // the refused ones first: what is published is done
		stage   string
		files   map[string]string
		counted map[string]int64
		want    string
	}{
		{"label", map[string]string{"part-00000.npy": grades(2, n)}, nil, "no file part-00000.bytes.npy"},
		{"label", map[string]string{"part-00000.npy": grades(2, n+1), "part-00000.bytes.npy": sizes}, nil, fmt.Sprintf("of shape (2, %d), want <f4 of shape (2, %d)", n+1, n)},
		{"label", map[string]string{"part-00000.npy": grades(3, n), "part-00000.bytes.npy": sizes}, nil, fmt.Sprintf("of shape (3, %d), want", n)},
		{"label", map[string]string{"part-00000.npy": grades(2, n), "part-00000.bytes.npy": array(t, "<i4", 0, int32(3), -4)}, nil, "row 1 is -4: want 0 to"},
		{"assign", map[string]string{"part-00000.npy": array(t, "<i2", 0, int32(2), 0)}, nil, "row 0 is 2: want -5 to 1"},
		{"assign", map[string]string{"part-00000.npy": array(t, "<i2", 0, int32(0), -6)}, nil, "row 1 is -6: want -5 to 1"},
		{"assign", map[string]string{"part-00000.npy": array(t, "<i2", 0, int32(0))}, nil, "part-00000.npy"},
		{"assign", map[string]string{"part-00000.npy": codes, "more.txt": ""}, nil, "more.txt: task 0 of assign writes part-00000.npy"},
		{"centroids", map[string]string{"centroids.npy": array(t, "<f4", 3, float32(1), 0, 0)}, nil, "of shape (1, 3), want <f4 of shape (any, 2)"},
		{"centroids", map[string]string{"centroids.npy": array(t, "<f2", 2, float32(1), 0)}, nil, "<f2 of shape (1, 2), want <f4"},
		{"vocab", map[string]string{"tokenizer.json": "{}"}, nil, "tokenizer.json"},
		{"vocab", map[string]string{"vocab.json": "{}"}, nil, "vocab.json: task 0 of vocab writes tokenizer.json"},
		{"label", map[string]string{"part-00000.npy": grades(2, n), "part-00000.bytes.npy": sizes}, map[string]int64{}, ""},
		{"assign", map[string]string{"part-00000.npy": codes}, map[string]int64{"documents:1": 1, "documents:-5": 1, "bytes:1": 30, "bytes:-5": 12}, ""},
		{"centroids", map[string]string{"centroids.npy": array(t, "<f4", 2, float32(1), 0, 0, 1, 1, 1)}, map[string]int64{"clusters": 3}, ""},
	} {
		var options any
		if c.stage == "label" {
			options = scores
		}
		if plans[c.stage] == nil {
			plans[c.stage] = accepting(t, c.stage, options)
		}
		m, err := publish(t, plans[c.stage], c.files)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || task.ExitCode(err) != task.ExitUsage {
				t.Errorf("%s: exit %d, %v; want %q", c.stage, task.ExitCode(err), err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.stage, err)
			continue
		}
		got := map[string]int64{}
		for name, n := range m.Counters {
			got[name] = n
		}
		if d := cmp.Diff(c.counted, got); d != "" {
			t.Errorf("%s: counters:\n%s", c.stage, d)
		}
	}
}

// Domains made elsewhere are held to their clusters and scores, each number of them.
func TestDomainsAreChecked(t *testing.T) {
	scores := []string{"a"}
	good := func() *Domains {
		return &Domains{ScoreNames: []string{"a"}, Domains: []Domain{{Name: "d", Docs: 1, Clusters: []int{0, 1}, Scores: []float64{1}}},
			Clusters: []Cluster{{Docs: 1, Bytes: 5, Scores: []float64{1}}, {Domain: PrunedCluster, Scores: []float64{0}}}}
	}
	for want, change := range map[string]func(d *Domains){
		"":                                      func(*Domains) {},
		`score_names are ["b"]`:                 func(d *Domains) { d.ScoreNames[0] = "b" },
		"0 domains, want 1 to 32768":            func(d *Domains) { d.Domains = nil },
		"32769 domains, want 1 to 32768":        func(d *Domains) { d.Domains = make([]Domain, 1<<15+1) },
		"3 clusters, want 2":                    func(d *Domains) { d.Clusters = append(d.Clusters, Cluster{}) },
		"domains[0].name is empty":              func(d *Domains) { d.Domains[0].Name = "" },
		"domains[0] has 0 docs and 0 bytes":     func(d *Domains) { d.Domains[0].Docs = 0 },
		"domains[0] has 1 docs and -1 bytes":    func(d *Domains) { d.Domains[0].Bytes = -1 },
		"domains[0].scores has 2 numbers":       func(d *Domains) { d.Domains[0].Scores = []float64{1, 2} },
		"domains[0].clusters names cluster 2":   func(d *Domains) { d.Domains[0].Clusters[1] = 2 },
		"domains[0].clusters names cluster -1":  func(d *Domains) { d.Domains[0].Clusters[1] = -1 },
		"clusters[0].domain is 1, want -1 to 0": func(d *Domains) { d.Clusters[0].Domain = 1 },
		"clusters[1].domain is -2":              func(d *Domains) { d.Clusters[1].Domain = -2 },
		"clusters[0] has -1 docs and 5 bytes":   func(d *Domains) { d.Clusters[0].Docs = -1 },
		"clusters[1] has 0 docs and -5 bytes":   func(d *Domains) { d.Clusters[1].Bytes = -5 },
		"clusters[1].scores has 0 numbers":      func(d *Domains) { d.Clusters[1].Scores = nil },
	} {
		d := good()
		change(d)
		if err := d.check(scores, 2); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A document has one fate: its cluster's first, then its own scores, a target
// file's text, a copy's meaning, and at last the draw that holds it out.
func TestFatesOfDocuments(t *testing.T) {
	good, bad := [2]float32{1, 1}, [2]float32{0, 1}
	docs := []graded{{0, 1, bad, ""}, {1, 2, bad, ""}, {1, 4, good, ""}, {1, 8, good, ""}, {1, 16, good, ""}, {1, 32, good, ""}}
	fates := func(o assignOptions) ([]int32, *task.Manifest) {
		out := filepath.Dir(gradedPlan(t, docs).Dir())
		if err := os.RemoveAll(filepath.Join(out, "domains")); err != nil {
			t.Fatal(err)
		}
		done(t, out, "domains", nil, 1, func(n int, a *task.Attempt) error {
			return errors.Join(domainsFile.Write(a, &Domains{ScoreNames: []string{"a", "b"}, Domains: make([]Domain, 4)}), mergedOf.WriteInts(a, n, []int32{-1, 3, 3, 3, 3, 3}))
		})
		done(t, out, "overlap", nil, 1, func(n int, a *task.Attempt) error { return writeRows(a, overlapRows, n, rowSet(0, 1, 2)) })
		done(t, out, "semantic", nil, 1, func(n int, a *task.Attempt) error {
			return writeRowSets(a, n, []corpus.Rows{*rowSet(0, 1, 2, 3)})
		})
		p := done(t, out, "assign", o, 1, nil)
		m, err := p.Run(t.Context(), 0, assignShard)
		if err != nil {
			t.Fatal(err)
		}
		return must(readColumn(p)), m
	}
	floor := PruneConfig{Documents: map[string]float64{"a": 0.5, "b": 0.5}, DocumentsIf: "any"}
	got, m := fates(assignOptions{Prune: floor, Overlap: "drop"})
	if d := cmp.Diff([]int32{PrunedCluster, PrunedDocument, Overlaps, SemanticCopy, 3, 3}, got); d != "" {
		t.Error(d)
	}
	want := map[string]int64{"documents:-1": 1, "documents:-2": 1, "documents:-4": 1, "documents:-5": 1, "documents:3": 2,
		"bytes:-1": 1, "bytes:-2": 2, "bytes:-4": 4, "bytes:-5": 8, "bytes:3": 48, "pruned_documents:a": 1, "pruned_bytes:a": 2}
	if d := cmp.Diff(want, m.Counters); d != "" {
		t.Errorf("counters:\n%s", d)
	}
	got, _ = fates(assignOptions{Overlap: "mark", Holdout: 1})
	if d := cmp.Diff([]int32{PrunedCluster, SemanticCopy, SemanticCopy, SemanticCopy, HeldOut, HeldOut}, got); d != "" {
		t.Errorf("marked only, all held out:\n%s", d)
	}
}

func rowSet(rows ...int) *corpus.Rows {
	set := &corpus.Rows{}
	for _, row := range rows {
		set.Add(row)
	}
	return set
}

// readColumn reads the domains that a plan of the stage assign has written.
func readColumn(p *task.Plan) ([]int32, error) {
	r, err := vec.OpenNPY(p.Path(DomainOf.Name(0)))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := make([]int32, r.Header.Rows)
	_, err = r.ReadInts(x)
	return x, err
}

// The held-out documents of a domain go to the two halves in turn, until each has
// as many as it may.
func TestHeldOutHalves(t *testing.T) {
	r := scanned(t, numbered(0, 150), numbered(150, 5))
	codes, domains := [2][]int32{}, [2][]int32{}
	for i := range 155 { // every tenth is of domain 1, of which the first is not held out
		n := i / 150
		code, dom := int32(HeldOut), int32(0)
		if i%10 == 0 {
			dom = 1
		}
		if i == 0 {
			code = 1
		}
		codes[n], domains[n] = append(codes[n], code), append(domains[n], dom)
	}
	done(t, r.Out, "assign", nil, 2, func(n int, a *task.Attempt) error { return DomainOf.WriteInts(a, n, codes[n]) })
	done(t, r.Out, "domains", nil, 1, func(_ int, a *task.Attempt) error {
		return errors.Join(domainsFile.Write(a, &Domains{Domains: make([]Domain, 3)}), mergedOf.WriteInts(a, 0, domains[0]), mergedOf.WriteInts(a, 1, domains[1]))
	})
	p := &task.Plan{Kind: "holdout", Inputs: map[string]string{"corpus": r.Base("corpus"), "rows": r.Base("rows"), "domains": "domains", "assign": "assign"}, Tasks: done(t, t.TempDir(), "one", nil, 1, nil).Tasks}
	if err := p.Save(filepath.Join(r.Out, "holdout")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context(), 0, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		return writeHoldout(ctx, p, n, a)
	}); err != nil {
		t.Fatal(err)
	}
	for half, want := range map[string][]string{"validation": {"1 3 5 7 9", "10 30 50 70 90 110 130 150"}, "test": {"2 4 6 8 11", "20 40 60 80 100 120 140"}} {
		files := must(heldOutFiles(p, half))
		if len(files) != 2 {
			t.Fatalf("%s: %v", half, files)
		}
		for dom, path := range files {
			var ids []string
			for _, line := range strings.Split(strings.TrimSpace(string(must(os.ReadFile(path)))), "\n") {
				ids = append(ids, strings.Split(line, `"`)[3])
			}
			if got := strings.Join(ids, " "); filepath.Base(path) != heldOutName(half, dom) || dom == 1 && got != want[1] || dom == 0 && (!strings.HasPrefix(got, want[0]+" ") || len(ids) != holdoutItems) {
				t.Errorf("%s: %d documents, %s; want %s", filepath.Base(path), len(ids), got, want[dom])
			}
		}
	}
	for name, want := range map[string]int{"validation-012": 12, "validation-000": 0, "test-001": -1, "validation-": -1, "piqa": -1} {
		if dom, ok := HeldOutDomain(name); ok != (want >= 0) || ok && dom != want {
			t.Errorf("%s: domain %d, %v", name, dom, ok)
		}
	}
}
