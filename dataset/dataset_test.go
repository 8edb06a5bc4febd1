package dataset_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
)

// corpusOf writes 90 documents of three sources, in several shards.
func corpusOf(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	for i := range 90 {
		word := []string{"river", "stone", "engine"}[i%3]
		fmt.Fprintf(&b, "{\"id\":\"d%d\",\"source\":%q,\"text\":\"the %s runs over word %d and over word %d of the day\"}\n", i, word, word, i, i*7%50)
	}
	path := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens a run whose domains are the three sources.
func open(t *testing.T, input, out, more string) *climb.Run {
	t.Helper()
	c, err := climb.ParseConfig(fmt.Appendf(nil, `
out: %s
corpus: {inputs: [%s], shard_bytes: 2048}
cluster: {kmeans: {k: 2}}
domains: {by: label, tag: {field: source}}
tokens: {bpe: {vocab: 300}}
prune: {clusters: {}, documents: {}}
target: {holdout: 0}
dataset: {shard_bytes: 3000, epochs: 4, %s}
`, out, input, more))
	if err != nil {
		t.Fatal(err)
	}
	r := climb.NewRun(c)
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// mixed runs to the tokens, puts a confirmation with the shares of the sources
// made by hand in its place, and runs the three stages of the dataset.
func mixed(t *testing.T, r *climb.Run, share map[string]float64) error {
	t.Helper()
	if err := r.Until(t.Context(), "tokens"); err != nil {
		t.Fatal(err)
	}
	d, err := r.Curation.Domains()
	if err != nil {
		t.Fatal(err)
	}
	m := make(mix.Mixture, len(d.Domains))
	for i, dom := range d.Domains {
		m[i] = share[dom.Label]
	}
	natural := mix.Mixture{1. / 3, 1. / 3, 1. / 3}
	confirm := r.Find("confirm")
	p := &task.Plan{Kind: "confirm", Format: confirm.Format, Options: []byte("{}"), Inputs: map[string]string{}}
	if err := p.Save(r.Dir("confirm")); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	c := trial.Confirmation{Level: 0.95, Winner: 0, Verdict: "by hand", Rows: []trial.ConfirmedRow{
		{Name: "predicted", Mixture: m}, {Name: "natural", Baseline: true, Mixture: natural}}}
	if err := task.WriteSealed(filepath.Join(r.Dir("confirm"), "confirm.json"), c); err != nil {
		t.Fatal(err)
	}
	return writtenDataset(t, r)
}

func writtenDataset(t *testing.T, r *climb.Run) error {
	return r.Hold(func() error {
		for _, name := range []string{"draw", "scatter", "dataset"} {
			if err := r.Do(t.Context(), r.Find(name), stage.Event{Stage: name}); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}

// files are those of the dataset, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range names {
		if st, err := os.Stat(path); err != nil || st.IsDir() || filepath.Base(path) == "plan.json" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(path)] = string(data)
	}
	return out
}

// Documents come out as often as the mixture says: of a domain that is asked for
// twice what it has, every one twice; of one that is not, none; and the counts of
// the manifest and of the stages are those of the files.
func TestMixtureComesOut(t *testing.T) {
	input := corpusOf(t)
	r := open(t, input, filepath.Join(t.TempDir(), "run"), "mixture: best")
	if err := r.Until(t.Context(), "tokens"); err != nil {
		t.Fatal(err)
	}
	tokens, _, err := r.Curation.Supply(3)
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Curation.Domains()
	if err != nil {
		t.Fatal(err)
	}
	// Twice the river, once the stone, no engine, exactly.
	size := map[string]float64{}
	for i, dom := range d.Domains {
		size[dom.Label] = float64(tokens[i])
	}
	whole := 2*size["river"] + size["stone"]
	r2 := open(t, input, r.Out, fmt.Sprintf("mixture: best, tokens: %d", int64(whole)))
	if err := mixed(t, r2, map[string]float64{"river": 2 * size["river"] / whole, "stone": size["stone"] / whole}); err != nil {
		t.Fatal(err)
	}
	m, err := r2.Dataset.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	times, lines := map[string]int{}, 0
	for _, s := range m.Shards {
		data, err := os.ReadFile(filepath.Join(r2.Dataset.Path(), s.Name))
		if err != nil {
			t.Fatal(err)
		}
		dec, _ := zstd.NewReader(nil)
		text, err := dec.DecodeAll(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range bytes.Lines(text) {
			var doc struct{ ID string }
			if err := json.Unmarshal(line, &doc); err != nil {
				t.Fatal(err)
			}
			times[doc.ID]++
			n++
		}
		if int64(n) != s.Documents {
			t.Errorf("%s holds %d documents, and its entry says %d", s.Name, n, s.Documents)
		}
		lines += n
	}
	want := map[string]int{}
	for i := range 90 {
		if n := []int{2, 1, 0}[i%3]; n > 0 {
			want[fmt.Sprintf("d%d", i)] = n
		}
	}
	if d := cmp.Diff(want, times); d != "" {
		t.Errorf("documents by how often they are there:\n%s", d)
	}
	if len(m.Shards) < 2 || m.Documents != int64(lines) || m.Tokens != int64(whole) {
		t.Errorf("%d shards, %d documents of %d, %d tokens of %v", len(m.Shards), m.Documents, lines, m.Tokens, whole)
	}
	documents, repeated, err := r2.Dataset.Taken(3)
	if err != nil {
		t.Fatal(err)
	}
	for i, dom := range d.Domains {
		wantDocs, wantTwice := map[string]int64{"river": 60, "stone": 30}[dom.Label], map[string]int64{"river": 30}[dom.Label]
		if documents[i] != wantDocs || repeated[i] != wantTwice {
			t.Errorf("%s: %d documents, %d more than once; want %d and %d", dom.Label, documents[i], repeated[i], wantDocs, wantTwice)
		}
	}
}

// The bytes of the dataset do not depend on the workers, and a bucket gets every
// file as it is in the folder.
func TestSameBytesOnAnyWorkers(t *testing.T) {
	input := corpusOf(t)
	share := map[string]float64{"river": 0.5, "stone": 0.3, "engine": 0.2}
	var first map[string]string
	for _, workers := range []int{1, 4} {
		url := fmt.Sprintf("mem://%s/of-%d", t.Name(), workers)
		r := open(t, input, filepath.Join(t.TempDir(), "run"), "mixture: best, url: "+url)
		r.Workers = workers
		if err := mixed(t, r, share); err != nil {
			t.Fatal(err)
		}
		got := files(t, r.Dataset.Path())
		if len(got) < 4 {
			t.Errorf("%d files", len(got))
		}
		if first == nil {
			first = got
		}
		if d := cmp.Diff(first, got); d != "" {
			t.Errorf("%d workers:\n%s", workers, d)
		}
		inBucket := map[string]string{}
		for name := range got {
			data, err := blob.ReadAll(t.Context(), blob.Join(url, name))
			if err != nil {
				t.Fatal(err)
			}
			inBucket[name] = string(data)
		}
		if d := cmp.Diff(got, inBucket); d != "" {
			t.Errorf("in the bucket:\n%s", d)
		}
	}
}

// A piece that was damaged is named, and no shard is made of it.
func TestDamagedPiece(t *testing.T) {
	r := open(t, corpusOf(t), filepath.Join(t.TempDir(), "run"), "mixture: best")
	if err := mixed(t, r, map[string]float64{"river": 0.4, "stone": 0.3, "engine": 0.3}); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(r.Dataset.Path()); err != nil {
		t.Fatal(err)
	}
	pieces, _ := filepath.Glob(filepath.Join(r.Dir("scatter"), "*.piece"))
	if len(pieces) < 2 {
		t.Fatalf("%d pieces", len(pieces))
	}
	data, err := os.ReadFile(pieces[1])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(pieces[1], data, 0o666); err != nil {
		t.Fatal(err)
	}
	again := open(t, r.Config.Corpus.Inputs[0].Path, r.Out, "mixture: best")
	err = writtenDataset(t, again)
	var damage *task.DamageError
	if !errors.As(err, &damage) || damage.Path != pieces[1] {
		t.Errorf("error %v, want that %s is damaged", err, pieces[1])
	}
	if got := files(t, again.Dataset.Path()); len(got) > 0 {
		t.Errorf("%d files were made of it", len(got))
	}
}
