package view

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/trial"

	"github.com/parquet-go/parquet-go"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-6*max(1e-3, math.Abs(want))) {
		t.Errorf("%s: %.12g, want %.12g", what, got, want)
	}
}

// unrun is a run with the default options of which nothing is done.
func unrun(t *testing.T) *View {
	t.Helper()
	run := stage.New(filepath.Join(t.TempDir(), "not", "there"), 2)
	r := &View{Run: run, Curation: &curate.Curation{Run: run}, Trials: &trial.Trials{Run: run}}
	option.Fill(&r.Curation.Config)
	option.Fill(&r.Trials.Config)
	return r
}

// The time and the disk of every stage follow from the rates, by hand.
func TestStageEstimates(t *testing.T) {
	r := unrun(t)
	c := &r.Trials.Config
	c.Proxy.Tokens, c.Confirm.Seeds, c.Confirm.Measured = 6000, 1, 0
	confirm := c.Confirm.Runs()
	e := &Estimate{Cores: 2, Documents: 1000, TextBytes: 3_800_000, Tokens: 1_000_000, ProxyRate: 100, ProxyRuns: 5 + confirm, ProxyParams: 7}
	r.addStages(e, textRates{read: 1e6, label: 2e5, embed: embedding.Cost{Dim: 64, Rate: 4e5, Fixed: 1, Fit: 3}})
	at := map[string]StageEstimate{}
	for _, s := range e.Stages {
		at[s.Stage] = s
		if s.Done {
			t.Errorf("%s is done", s.Stage)
		}
	}
	names := float64(len(r.Curation.Config.Label.Names()))
	shape := r.Curation.Config.Cluster.Method.Value().Shape()
	for name, want := range map[string]struct {
		seconds, disk float64
		work          string
	}{
		"corpus":  {1.9, 28_000, "1000 documents"},                                 // half of the text a core, at 1 MB/s
		"embed":   {1 + 1.5 + 4.75, 1000 * (128 + 40), "1000 vectors of 64"},       // at 0.4 MB/s
		"label":   {9.5, 4000 * (names + 1), " scores"},                            // at 0.2 MB/s
		"domains": {2 + 1.9, 2000, "prune, merge, name"},                           //
		"tokens":  {1.9/6 + 3, 4_016_000, "1000000 tokens"},                        //
		"search":  {3 * 60, 5 * 50_000, "5 proxy runs"},                            // five runs on two cores are three waves
		"confirm": {float64((confirm+1)/2) * 60, float64(confirm) * 5e4, "y runs"}, //
		"dataset": {1.9 + 0.095, 3_800_000, "draw, shuffle, write"},                //
		"base":    {float64(c.Proxy.Base.Tokens) / 100, 0, "tokens"},               // none by default
		"cluster": {2 * 1000 * min(shape.Comparisons, 1000) * 64 * 30 / 2e11, 8000, " on 1000 vectors"},
	} {
		s, ok := at[name]
		if !ok || !strings.HasSuffix(s.Work, want.work) {
			t.Errorf("%s: %+v, want %q", name, s, want.work)
		}
		near(t, name+", seconds", s.Seconds, want.seconds)
		near(t, name+", disk", float64(s.Disk), want.disk)
	}
	if _, ok := at["duplicates"]; ok || len(e.Stages) != 10 {
		t.Errorf("%d stages: %+v", len(e.Stages), e.Stages)
	}
	r.Curation.Config.Corpus.Dedup, r.Curation.Config.Corpus.MinHash.Buckets, r.Curation.Config.Corpus.MinHash.Hashes = "fuzzy", 10, 5
	c.Proxy.Base.Tokens, e.Stages = 500, nil
	r.addStages(e, textRates{read: 1e6, label: 2e5})
	for _, s := range e.Stages {
		switch s.Stage {
		case "duplicates":
			near(t, "duplicates, seconds", s.Seconds, 1.9+1.9e6*50e-10)
			near(t, "duplicates, disk", float64(s.Disk), 1000*(280+50))
		case "base":
			near(t, "base, seconds", s.Seconds, 5)
			near(t, "base, disk", float64(s.Disk), 28)
		}
	}
	if len(e.Stages) != 11 {
		t.Errorf("with near-duplicates %d stages", len(e.Stages))
	}
}

// What a corpus holds is counted if it is small, and within 15 % if parts of it are
// read: the texts are longer and longer through each, in files of all sizes.
func TestMeasureSize(t *testing.T) {
	gz := func(file func([]string) (string, []byte)) func([]string) (string, []byte) {
		return func(texts []string) (string, []byte) {
			name, data := file(texts)
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			if _, err := z.Write(data); err != nil || z.Close() != nil {
				t.Fatal(err)
			}
			return name + ".gz", b.Bytes()
		}
	}
	for name, c := range map[string]struct {
		files, bytes int // of them, and of text in each
		guessed      bool
		file         func(texts []string) (string, []byte)
	}{
		"small": {4, 130_000, false, jsonlFile}, "lines": {36, 130_000, true, jsonlFile}, "a large file": {1, 9_000_000, true, jsonlFile},
		"table": {36, 130_000, true, csvFile}, "packed": {36, 330_000, true, gz(jsonlFile)}, "a packed file": {1, 8_000_000, true, gz(jsonlFile)},
		"many": {900, 4000, true, jsonlFile}, "texts": {900, 4000, true, textFile}, "packed texts": {900, 9000, true, gz(textFile)},
		"parquet": {12, 600_000, true, parquetFile}, "tar": {36, 130_000, true, tarFile},
	} {
		dir, rng := t.TempDir(), rand.New(rand.NewPCG(1, 2))
		var documents, size int64
		for i := range c.files {
			var texts []string
			for left := c.bytes/4 + rng.IntN(3*c.bytes/2); left > 0; {
				var b strings.Builder
				for range 20 + rng.IntN(40) + 30*i/c.files {
					fmt.Fprintf(&b, "%s%d ", []string{"river", "stone", "law", "heart"}[rng.IntN(4)], rng.IntN(500))
				}
				texts = append(texts, strings.TrimSpace(b.String()))
				left -= b.Len()
			}
			base, data := c.file(texts)
			documents, size = documents+int64(len(texts)), size+int64(len(strings.Join(texts, "")))
			if strings.HasPrefix(base, "x.txt") {
				documents, size = documents-int64(len(texts))+1, size+int64(len(texts))-1
			}
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d-%s", i, base)), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		o := corpus.Options{Inputs: corpus.Paths(dir)}
		option.Fill(&o)
		shards, files, err := corpus.Split(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		z, err := measureSize(t.Context(), shards, files, o, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		off := max(math.Abs(float64(z.Documents)/float64(documents)-1), math.Abs(float64(z.Bytes)/float64(size)-1))
		if z.Guessed != c.guessed || off > 0.15 || !c.guessed && off > 0 {
			t.Errorf("%s: %d documents of %d bytes, got %d of %d, guessed: %v", name, documents, size, z.Documents, z.Bytes, z.Guessed)
		}
		t.Logf("%s: %d documents, got %d; %d bytes, got %d; %d read", name, documents, z.Documents, size, z.Bytes, z.Read)
	}
}

func textFile(texts []string) (string, []byte) {
	return "x.txt", []byte(strings.Join(texts, "\n"))
}

func parquetFile(texts []string) (string, []byte) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[struct {
		Text string `parquet:"text"`
	}](&b, parquet.MaxRowsPerRowGroup(700))
	for _, text := range texts {
		if _, err := w.Write([]struct {
			Text string `parquet:"text"`
		}{{text}}); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return "x.parquet", b.Bytes()
}

func tarFile(texts []string) (string, []byte) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, text := range texts {
		err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%06d.txt", i), Size: int64(len(text)), Mode: 0o644})
		if _, err2 := w.Write([]byte(text)); err != nil || err2 != nil {
			panic(errors.Join(err, err2))
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return "x.tar", b.Bytes()
}

func jsonlFile(texts []string) (string, []byte) {
	var b bytes.Buffer
	for _, text := range texts {
		fmt.Fprintf(&b, "{\"text\":%q,\"n\":1}\n", text)
	}
	return "x.jsonl", b.Bytes()
}

func csvFile(texts []string) (string, []byte) {
	return "x.csv", []byte("text,n\n\"" + strings.Join(texts, "\",1\n\"") + "\",1\n")
}

// Evaluation reads a context once for all its choices, and each context where
// they differ; a limit takes fewer items, and a file that cannot be read none.
func TestEvalTokens(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	choices := file("choices.jsonl", `{"query": "Which one", "choices": ["ab", "cde"], "gold": 1}`+"\n")
	contexts := file("contexts.jsonl", `{"contexts": ["aa", "bbb"], "target": " right", "gold": 0}`+"\n")
	texts := file("texts.jsonl", strings.Repeat(`{"text": "twelve bytes"}`+"\n", 10))
	for _, c := range []struct {
		terms []eval.Term
		bytes float64
	}{
		{[]eval.Term{{File: choices}}, 9 + 3 + 4}, // a space before each choice
		{[]eval.Term{{File: contexts}}, 2 + 6 + 3 + 6},
		{[]eval.Term{{File: texts}}, 120},
		{[]eval.Term{{File: texts, Limit: 3}}, 36},
		{[]eval.Term{{File: filepath.Join(dir, "none.jsonl")}}, 0},
		{[]eval.Term{{File: texts, Limit: 1}, {File: texts}, {File: filepath.Join(dir, "none.jsonl")}, {File: choices}}, 12 + 120 + 16},
		{nil, 0},
	} {
		near(t, "tokens", EvalTokens(c.terms), c.bytes/3.8)
	}
}

// The space of a folder that is to be made is that of the one it will be in.
func TestFreeBytes(t *testing.T) {
	dir := t.TempDir()
	if freeBytes(dir) <= 0 || freeBytes(filepath.Join(dir, "a", "b", "c")) <= 0 {
		t.Errorf("free: %d, and below it %d", freeBytes(dir), freeBytes(filepath.Join(dir, "a", "b", "c")))
	}
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if n := freeBytes(filepath.Join(path, "below")); n != 0 {
		t.Errorf("below a file: %d", n)
	}
}

// A command's time is not known.
func TestMeasureProxy(t *testing.T) {
	r := unrun(t)
	c := &r.Trials.Config
	c.Proxy.Model, c.Proxy.Batch, c.Proxy.Tokens = lm.Config{Vocab: 10, Width: 4, Layers: 1, Heads: 1, Context: 8}, 4, 32*299
	c.Search.Rounds, c.Proxy.Command = []int{4, 2}, []string{"train-it"}
	e := &Estimate{}
	if err := r.measureProxy(e); err != nil || e.ProxyRuns != 6+c.Confirm.Runs() || e.ProxyRate != 0 || len(e.Warnings) != 1 || !strings.Contains(e.Warnings[0], "proxy.command") {
		t.Errorf("%+v, %v", e, err)
	}
	// Nor is that of a trainer which nobody has measured; one that was told is counted.
	c.Proxy.Command, e = nil, &Estimate{}
	if err := c.Proxy.Trainer.Set("torch"); err != nil {
		t.Fatal(err)
	}
	if err := r.measureProxy(e); err != nil || e.ProxyRate != 0 || !strings.Contains(e.Warnings[len(e.Warnings)-1], "climb lm rate") {
		t.Errorf("%+v, %v", e, err)
	}
	c.Proxy.Rate, e = 1e6, &Estimate{Cores: 8}
	torch := c.Proxy.Trainer.Value().(*train.Torch)
	torch.AtOnceMax, torch.BatchOfModels, torch.Processes, c.Proxy.Tokens = 2, 3, 4, 3_600_000
	if err := r.measureProxy(e); err != nil || e.ProxyRate != 1e6 {
		t.Errorf("%+v, %v", e, err)
	}
	r.addStages(e, textRates{read: 1, label: 1})
	i := slices.IndexFunc(e.Stages, func(s StageEstimate) bool { return s.Stage == "search" })
	// 6 runs in 2 processes of 3, at once; each process has 4 devices for 3 x 3.6 s.
	if s := e.Stages[i]; math.Abs(s.Seconds-3*3.6) > 1e-9 || math.Abs(s.Devices-6*3.6*4) > 1e-9 || e.AtOnce != 2 {
		t.Errorf("%+v, %d at once", s, e.AtOnce)
	}
	if err := c.Proxy.Trainer.Set("builtin"); err != nil {
		t.Fatal(err)
	}
	c.Proxy.Rate, c.Proxy.Tokens, e = 0, 32*299, &Estimate{}
	if err := r.measureProxy(e); err != nil || e.ProxyRate <= 0 || e.ProxyParams != c.Proxy.Model.NumParams() || len(e.Warnings) != 0 {
		t.Errorf("%+v, %v", e, err)
	}
}
