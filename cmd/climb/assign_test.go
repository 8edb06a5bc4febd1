package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/vec"
)

// An assignedRow is what climb assign prints.
type assignedRow struct {
	ID       string             `json:"id"`
	Path     string             `json:"path"`
	Cluster  int                `json:"cluster"`
	Distance float32            `json:"distance"`
	Domain   *string            `json:"domain"`
	Pruned   *string            `json:"pruned"`
	Scores   map[string]float32 `json:"scores"`
}

func assignedRows(t *testing.T, path string) (out []assignedRow) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		var r assignedRow
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, r)
	}
	return out
}

// A runRow is what a run says of a document.
type runRow struct {
	cluster, domain int
	distance        float32
}

// runRows reads a run's columns by the documents' ids.
func runRows(t *testing.T, dir string) map[string]runRow {
	t.Helper()
	out := map[string]runRow{}
	ids, err := filepath.Glob(filepath.Join(dir, "embed-*", "part-*.ids"))
	if err != nil || len(ids) == 0 {
		t.Fatal(ids, err)
	}
	for _, path := range ids {
		part := strings.TrimSuffix(filepath.Base(path), ".ids")
		clusters, domains := readColumn(t, dir, "cluster-*/"+part+".npy"), readColumn(t, dir, "domains-*/"+part+".npy")
		dist, _, err := stage.ReadFloats(glob(t, dir, "cluster-*/"+part+".dist.npy"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		scan := bufio.NewScanner(f)
		for row := 0; scan.Scan(); row++ {
			id, err := strconv.Unquote(scan.Text())
			if err != nil {
				t.Fatal(err)
			}
			out[id] = runRow{int(clusters[row]), int(domains[row]), dist[row]}
		}
		f.Close()
	}
	return out
}

func readColumn(t *testing.T, dir, pattern string) []int32 {
	t.Helper()
	r, err := vec.OpenNPY(glob(t, dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	x := make([]int32, r.Header.Rows)
	if len(x) > 0 {
		if _, err := r.ReadInts(x); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

// equalRows holds what assign says to what the run says, for every document.
func equalRows(t *testing.T, what string, got []assignedRow, want map[string]runRow, names []string) {
	t.Helper()
	seen := map[string]bool{}
	for _, r := range got {
		w, ok := want[r.ID]
		if !ok {
			continue // a duplicate of other text that the run has left out
		}
		domain := "none"
		if r.Domain != nil {
			domain = *r.Domain
		}
		of := "none"
		if w.domain >= 0 {
			of = names[w.domain]
		}
		if r.Cluster != w.cluster || domain != of || r.Distance != w.distance {
			t.Fatalf("%s: document %s: cluster %d at %v, domain %s; the run has %d at %v, %s", what, r.ID, r.Cluster, r.Distance, domain, w.cluster, w.distance, of)
		}
		seen[r.ID] = true
	}
	if len(seen) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d documents, the run has %d", what, len(seen), len(want))
	}
}

func domainNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	var d curate.Domains
	data, err := os.ReadFile(glob(t, dir, "domains-*/domains.json"))
	if err != nil || json.Unmarshal(data, &d) != nil {
		t.Fatal(err)
	}
	for _, dom := range d.Domains {
		names = append(names, dom.Name)
	}
	return names
}

// A run's own documents get what they have in the run, by the run and by its model
// file, whatever the axes.
func TestAssignIsTheRun(t *testing.T) {
	t.Parallel()
	for i, by := range []string{"clusters", "both", "[clusters, quality:3]", "[file, quality:2]", "label", "quality:4"} {
		dir := finished(t, strings.Replace(small, "domains: {ward: {count: 4}}", "domains: {ward: {count: 4}, by: "+by+"}", 1))
		if by != "clusters" {
			for _, name := range []string{"domains", "assign", "tags"} {
				if err := os.RemoveAll(filepath.Dir(glob(t, dir, "run/"+name+"-*/plan.json"))); err != nil {
					t.Fatal(err)
				}
			}
		}
		mustRun(t, dir, "domains")
		run := filepath.Join(dir, "run")
		text := filepath.Join(shared.dir, "text")
		want, names := runRows(t, run), domainNames(t, run)
		mustRun(t, dir, "assign", "run", text, "-o", "own.jsonl")
		equalRows(t, by, assignedRows(t, filepath.Join(dir, "own.jsonl")), want, names)
		mustRun(t, dir, "model", "pack", "run", "-o", "m.climb-model")
		if i == 0 { // the same bytes each time
			mustRun(t, dir, "model", "pack", "climb.yaml", "-o", "again.climb-model")
			a, err := os.ReadFile(filepath.Join(dir, "m.climb-model"))
			b, err2 := os.ReadFile(filepath.Join(dir, "again.climb-model"))
			if err != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("two packs of a run differ: %v %v", err, err2)
			}
		}
		if err := os.RemoveAll(run); err != nil { // the file is enough
			t.Fatal(err)
		}
		mustRun(t, dir, "assign", "m.climb-model", text, "-o", "packed.jsonl")
		a, err := os.ReadFile(filepath.Join(dir, "own.jsonl"))
		b, err2 := os.ReadFile(filepath.Join(dir, "packed.jsonl"))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: the model file says other than the run: %v %v", by, err, err2)
		}
		if i == 0 {
			assignParquet(t, dir, text)
		}
	}
}

func assignParquet(t *testing.T, dir, text string) {
	t.Helper()
	mustRun(t, dir, "assign", "m.climb-model", text, "-o", "rows.parquet")
	type row struct {
		ID       string  `parquet:"id"`
		Path     string  `parquet:"path"`
		Cluster  int32   `parquet:"cluster"`
		Distance float32 `parquet:"distance"`
		Domain   *string `parquet:"domain,optional"`
		Pruned   *string `parquet:"pruned,optional"`
		Quality  float32 `parquet:"score_quality"`
	}
	rows, err := parquet.ReadFile[row](filepath.Join(dir, "rows.parquet"))
	lines := assignedRows(t, filepath.Join(dir, "packed.jsonl"))
	if err != nil || len(rows) != len(lines) {
		t.Fatalf("%d rows of Parquet, want %d; %v", len(rows), len(lines), err)
	}
	text2 := func(s *string) string {
		if s == nil {
			return "none"
		}
		return *s
	}
	for i, r := range rows {
		if l := lines[i]; r.ID != l.ID || r.Path != l.Path || int(r.Cluster) != l.Cluster || r.Distance != l.Distance || text2(r.Domain) != text2(l.Domain) || text2(r.Pruned) != text2(l.Pruned) || r.Quality != l.Scores["quality"] {
			t.Fatalf("row %d: %+v, want %+v", i, r, l)
		}
	}
}

// Real text: the clusters are fitted on every second document of each source. Its own
// half comes out as it is in the run; batches of the other half raise no alarm, and
// batches of one source do.
func TestDriftOnRealText(t *testing.T) {
	t.Parallel()
	data := os.Getenv("CLIMB_TEST_DATA")
	if data == "" {
		data = filepath.Join("..", "..", "..", "shared", "data")
	}
	sources, err := filepath.Glob(filepath.Join(data, "mini", "corpus", "*.jsonl"))
	if err != nil || len(sources) == 0 {
		t.Skipf("no text below %s; set CLIMB_TEST_DATA", data)
	}
	dir, half := t.TempDir(), [2]bytes.Buffer{}
	for _, path := range sources {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for line := range bytes.Lines(text) {
			half[i%2].Write(line)
			i++
		}
	}
	writeFile(t, filepath.Join(dir, "a.jsonl"), half[0].Bytes())
	writeFile(t, filepath.Join(dir, "b.jsonl"), half[1].Bytes())
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte("out: run\ncorpus: {inputs: [a.jsonl]}\ncluster: {kmeans: {k: 60}}\ndomains: {by: [clusters, quality:3], ward: {count: 8}}\ntarget: {holdout: 0.02}\n"))
	mustRun(t, dir, "domains")
	run := filepath.Join(dir, "run")
	mustRun(t, dir, "model", "pack", "run", "-o", "m.climb-model")
	mustRun(t, dir, "assign", "m.climb-model", "a.jsonl", "-o", "a.out.jsonl")
	names := domainNames(t, run)
	equalRows(t, "half a", assignedRows(t, filepath.Join(dir, "a.out.jsonl")), runRows(t, run), names)
	mustRun(t, dir, "assign", "m.climb-model", "b.jsonl", "-o", "b.out.jsonl")
	m, err := curate.OpenModel(t.Context(), filepath.Join(dir, "m.climb-model"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	measureDrift(t, &m.Card.Fit, assignedRows(t, filepath.Join(dir, "b.out.jsonl")), half[1].Bytes(), names)
}

// measureDrift draws batches of the rows, of all sources and of one alone.
func measureDrift(t *testing.T, fit *curate.Fit, rows []assignedRow, text []byte, names []string) {
	t.Helper()
	number, bySource := map[string]int{}, map[string][]int{}
	for i, name := range names {
		number[name] = i
	}
	i := 0
	for line := range bytes.Lines(text) {
		var d struct{ Source string }
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		bySource[d.Source] = append(bySource[d.Source], i)
		i++
	}
	if i != len(rows) {
		t.Fatalf("%d documents, %d rows", i, len(rows))
	}
	rng, all := rand.New(rand.NewPCG(1, 7)), make([]int, len(rows))
	for i := range all {
		all[i] = i
	}
	test := func(from []int, n int) curate.Drift {
		dist, dom := make([]float32, n), make([]int, n)
		for i := range n {
			r := rows[from[rng.IntN(len(from))]]
			if dist[i], dom[i] = r.Distance, -1; r.Domain != nil {
				dom[i] = number[*r.Domain]
			}
		}
		return fit.Drift(dist, dom)
	}
	const batches = 2000
	for _, n := range []int{50, 200, 1000, 5000} {
		alarms, worst := 0, [2]float64{}
		for range batches {
			d := test(all, n)
			if d.Distance.Drifted || d.Domains.Drifted {
				alarms++
			}
			worst[0], worst[1] = max(worst[0], d.Distance.Statistic/d.Distance.Threshold), max(worst[1], d.Domains.Statistic/d.Domains.Threshold)
		}
		t.Logf("%d of %d batches of %d documents raise an alarm; statistics up to %.2f and %.2f of their thresholds", alarms, batches, n, worst[0], worst[1])
		if alarms > batches/500 {
			t.Errorf("%d false alarms of %d, batches of %d", alarms, batches, n)
		}
	}
	var missed []string
	by := [2]int{}
	for source, from := range bySource {
		d := test(from, 200)
		if d.Distance.Drifted {
			by[0]++
		}
		if d.Domains.Drifted {
			by[1]++
		}
		if !d.Distance.Drifted && !d.Domains.Drifted {
			missed = append(missed, fmt.Sprintf("%s (%.2f of %.2f, %.2f of %.2f)", source, d.Distance.Statistic, d.Distance.Threshold, d.Domains.Statistic, d.Domains.Threshold))
		}
	}
	t.Logf("of %d sources alone, 200 documents each, found by their distances %d, by their domains %d, missed: %v", len(bySource), by[0], by[1], missed)
	if len(missed) > len(bySource)/10 {
		t.Errorf("drift is missed: %v", missed)
	}
}
