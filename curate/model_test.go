package curate

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// handModel is a model of two clusters, crossed with a label and two tiers, and its
// bytes as a file.
func handModel(t testing.TB) (*Model, []byte) {
	t.Helper()
	dir := t.TempDir()
	lexical := embedding.Lexical{Dim: 4, Features: 4096}
	option.Fill(&lexical)
	texts := []string{"the river runs to the lake", "a loop calls the function", "the lake is deep and cold", "the function returns a value", "water of the river", "types and values of a loop"}
	fitted, err := lexical.Fit(t.Context(), texts, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := fitted.Save(&b); err != nil {
		t.Fatal(err)
	}
	cents := &cluster.Centroids{K: 2, D: fitted.Dim(), X: make([]float32, 2*fitted.Dim())}
	if err := fitted.Embed(t.Context(), cents.X, texts[:2]); err != nil {
		t.Fatal(err)
	}
	x := &memoryFile{}
	w, err := vec.NewNPYWriter(x, "<f4", cents.D)
	if err == nil {
		err = w.WriteFloats(cents.X)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"c.npy": x.data, "lexical.model": b.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rules := &label.Rules{}
	option.Fill(rules)
	c := LabelConfig{Method: label.Choose(rules)}
	domain := func(name string) Domain {
		return Domain{Name: name, Docs: 1, Bytes: 9, Clusters: []int{0}, Scores: make([]float64, len(c.Names()))}
	}
	cl := Cluster{Docs: 2, Bytes: 18, Scores: make([]float64, len(c.Names()))}
	var read corpus.Options
	option.Fill(&read)
	prune := PruneConfig{ClustersIf: "any", DocumentsIf: "any"}
	m := &Model{Card: ModelCard{Format: ModelFormat, Version: "0", Stage: "domains-0", Corpus: read, Embed: embedding.Choose(&lexical), Label: c, Prune: prune,
		By: "clusters,source,quality:2", Tag: TagConfig{Field: "source", MinShare: 0.01},
		Domains: &Domains{ScoreNames: c.Names(), Domains: []Domain{domain("web low"), domain("web high"), domain("others")}, Clusters: []Cluster{cl, cl},
			Axes: []string{"clusters", "source", "quality:2"}, Quality: &Tiers{"alpha", "text", []float32{0.6}}},
		Groups: []int{0, 0}, Places: []Place{{0, []string{"web"}, &[2]int{1, 1}}, {0, []string{"web"}, &[2]int{2, 2}}, {0, []string{otherTag}, &[2]int{1, 2}}},
		Fit: Fit{Documents: 4, Distances: []float32{0.1, 0.5}, UpTo: []float64{0.25, 0.75}, Mean: 0.3, Shares: []float64{0.25, 0.25, 0.25, 0.25}}},
		files: []modelFile{{centroidsName, filepath.Join(dir, "c.npy")}, {embedderDir + "/lexical.model", filepath.Join(dir, "lexical.model")}}}
	if err := m.load(t.Context(), filepath.Join(dir, "c.npy"), dir); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	if err := m.Pack(&packed); err != nil {
		t.Fatal(err)
	}
	return m, packed.Bytes()
}

// repacked changes the card of a model file, and seals it again.
func repacked(t testing.TB, data []byte, card func([]byte) []byte) []byte {
	return rewritten(t, data, cardName, func(body []byte) []byte {
		object, _, _ := task.Unseal(body)
		return task.Seal(card(object))
	})
}

// rewritten changes a file of a model file, whose own checksums are then right.
func rewritten(t testing.TB, data []byte, name string, change func([]byte) []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(in)
		if err == nil && f.Name == name {
			body = change(body)
		}
		if err == nil {
			err = store(w, f.Name, bytes.NewReader(body))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openBytes(t testing.TB, data []byte) (*Model, error) {
	path := filepath.Join(t.TempDir(), "m.climb-model")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return OpenModel(t.Context(), path)
}

// assignLines assigns JSON lines.
func assignLines(t testing.TB, m *Model, lines ...string) ([]corpus.Placed, *Assigned, error) {
	path := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	o := m.Defaults()
	o.Inputs = corpus.Paths(path)
	var rows []corpus.Placed
	sum, err := m.Assign(t.Context(), AssignOptions{Corpus: o, Workers: 2}, func(p *corpus.Placed) error {
		rows = append(rows, *p)
		return nil
	})
	return rows, sum, err
}

func TestModelFile(t *testing.T) {
	m, data := handModel(t)
	back, err := openBytes(t, data)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{`{"text":"The river runs to the cold lake, and the water is deep.","source":"web"}`, `{"text":"$$$ >>> ### !!!","source":"web"}`, `{"text":"Another text that nobody knows.","source":"news"}`, `{"text":"no source at all here"}`}
	rows, sum, err := assignLines(t, m, lines...)
	if err != nil || len(rows) != 4 || sum.Documents != 4 {
		t.Fatal(rows, err)
	}
	for i, want := range []string{"web high", "web low", "others", "others"} {
		if rows[i].Domain != want {
			t.Errorf("document %d is in %q, want %q: %v", i, rows[i].Domain, want, rows[i].Scores)
		}
	}
	again, _, err := assignLines(t, back, lines...)
	for i := range rows {
		if again[i].Path = rows[i].Path; err != nil || again[i].Cluster != rows[i].Cluster || again[i].Distance != rows[i].Distance || !slices.Equal(again[i].Scores, rows[i].Scores) {
			t.Errorf("%+v, then %+v", rows[i], again[i])
		}
	}
	at := back.dir
	if err := back.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(at); err == nil {
		t.Error("what was unpacked is left behind")
	}
	if err := back.Pack(io.Discard); err == nil || !strings.Contains(err.Error(), "is a model file already") {
		t.Errorf("packed twice: %v", err)
	}
}

// A label that the run does not know is in no domain where it has none for others.
func TestUnknownLabel(t *testing.T) {
	_, data := handModel(t)
	m, err := openBytes(t, repacked(t, data, func(card []byte) []byte { return bytes.ReplaceAll(card, []byte("(other)"), []byte("news")) }))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	rows, sum, err := assignLines(t, m, `{"text":"one","source":"news"}`, `{"text":"two","source":"mail"}`)
	if err != nil || rows[0].Domain != "others" || rows[1].Domain != "" || rows[1].Pruned != leftLabel || sum.Left[leftLabel] != 1 || !strings.Contains(strings.Join(sum.Warnings, " "), "knows no such label") {
		t.Errorf("%+v, %+v, %v", rows, sum, err)
	}
}

func TestModelFilesRefused(t *testing.T) {
	_, data := handModel(t)
	unpacked := t.TempDir() // the test's own: other packages' tests unpack models at the same time
	t.Setenv("TMPDIR", unpacked)
	swap := func(old, now string) []byte {
		return repacked(t, data, func(card []byte) []byte {
			if !bytes.Contains(card, []byte(old)) {
				t.Fatalf("the card does not hold %s: %s", old, card)
			}
			return bytes.Replace(card, []byte(old), []byte(now), 1)
		})
	}
	flipped := func(at int) []byte {
		out := bytes.Clone(data)
		out[at] ^= 1
		return out
	}
	var deflated bytes.Buffer
	z := zip.NewWriter(&deflated)
	w, err := z.CreateHeader(&zip.FileHeader{Name: cardName, Method: zip.Deflate})
	if err == nil {
		_, err = w.Write(bytes.Repeat([]byte("a"), 10_000))
	}
	if err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	for want, bad := range map[string][]byte{
		"no model file of climb model pack":               []byte("PK\x03\x04 and nothing more"),
		"or was cut short":                                data[:len(data)/2],
		"is compressed":                                   deflated.Bytes(),
		"has format 2, and this version":                  swap(`"format":1`, `"format":2`),
		"model.json has changed since it was packed: zip": flipped(bytes.Index(data, []byte(`"stage"`)) + 12),
		"its content has changed since it was written":    rewritten(t, data, cardName, func(b []byte) []byte { return bytes.Replace(b, []byte("web low"), []byte("web law"), 1) }),
		"its SHA-256 is":                                  rewritten(t, data, centroidsName, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
		"lexical.model in it has changed":                 flipped(bytes.LastIndex(data, []byte("PK\x03\x04")) + 200),
		"is listed":                                       swap(`embedder/lexical.model`, `embedder/../../x`),
		"at a place that is not on its axes":              swap(`"tiers":[2,2]`, `"tiers":[2,9]`),
		"its 1 cuts of the score":                         swap(`quality:2"`, `quality:3"`),
		"cluster 1 is in group 99999":                     swap(`"groups":[0,0]`, `"groups":[0,99999]`),
		"2 clusters, want 3":                              swap(`"groups":[0,0]`, `"groups":[0,0,0]`),
		"all its clusters are pruned":                     swap(`"groups":[0,0]`, `"groups":[-1,-1]`),
		"does not fit together":                           swap(`"up_to":[0.25,0.75]`, `"up_to":[0.25]`),
		"not between 0 and 1":                             swap(`"up_to":[0.25,0.75]`, `"up_to":[0.25,75]`),
		"is not one of clusters":                          swap(`"by":"clusters,source,quality:2"`, `"by":"clusters,sauce,quality:2"`),
		"score_names are":                                 swap(`"score_names":["length"`, `"score_names":["width"`),
		"asks a server":                                   swap(`"embed":{`, `"embed":{"method":"http","http":{"url":"http://127.0.0.1:1"}},"unused":{`),
	} {
		m, err := openBytes(t, bad)
		if err == nil {
			m.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "m.climb-model") {
			t.Errorf("%v, want %q", err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(unpacked, "climb-model-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// FuzzModelFile gives any bytes as a model file, and any card in a sound one: there is
// an error, or a model that works.
func FuzzModelFile(f *testing.F) {
	_, data := handModel(f)
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		f.Fatal(err)
	}
	in, err := z.File[0].Open()
	if err != nil {
		f.Fatal(err)
	}
	card, err := io.ReadAll(in)
	if err != nil {
		f.Fatal(err)
	}
	object, _, err := task.Unseal(card)
	if err != nil || !json.Valid(object) {
		f.Fatal(err)
	}
	f.Add(data, true)
	f.Add(data[:len(data)-9], true)
	f.Add(object, false)
	f.Add(bytes.Replace(object, []byte(`"by":"clusters,source`), []byte(`"by":"label,field:x,file`), 1), false)
	f.Fuzz(func(t *testing.T, b []byte, whole bool) {
		if !whole {
			b = repacked(t, data, func([]byte) []byte { return b })
		}
		m, err := openBytes(t, b)
		if err != nil {
			return
		}
		defer m.Close()
		if _, _, err := assignLines(t, m, `{"text":"The river runs to the lake.","source":"web","x":1}`, `{"text":"b","source":"y"}`); err != nil {
			t.Logf("assign: %v", err)
		}
	})
}

// Chance alone raises an alarm in less than one of a thousand cases, whatever the
// documents; text of other domains does.
func TestDriftBounds(t *testing.T) {
	fit := &Fit{Documents: 1000, Distances: []float32{0.25, 0.5, 0.75}, UpTo: []float64{0.25, 0.5, 0.75}, Shares: []float64{0.5, 0.5, 0}}
	same, doms := make([]float32, 1000), make([]int, 1000)
	for i := range same {
		same[i], doms[i] = (float32(i)+0.5)/1000, i%2
	}
	d := fit.Drift(same, doms)
	if d.Distance.Statistic != 0 || d.Domains.Statistic != 0 || d.Distance.Drifted || d.Domains.Drifted || d.Mean < 0.49 || d.Mean > 0.51 {
		t.Errorf("the same again: %+v", d)
	}
	for i := range same {
		same[i], doms[i] = 0.9, -1
	}
	if d := fit.Drift(same, doms); d.Distance.Statistic != 0.75 || d.Domains.Statistic != 1 || !d.Distance.Drifted || !d.Domains.Drifted {
		t.Errorf("other text: %+v", d)
	}
	if d := fit.Drift(same[:3], doms[:3]); d.Distance.Drifted || d.Domains.Drifted {
		t.Errorf("three documents say nothing: %+v", d)
	}
	if d := fit.Drift(nil, nil); d.Documents != 0 || d.Distance.Drifted {
		t.Errorf("nothing: %+v", d)
	}
}
