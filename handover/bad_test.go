package handover_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/handover"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
)

// grown is the folder's tokenizer with names for ids up to and without vocab.
func (f folder) grown(t *testing.T, vocab int) string {
	t.Helper()
	var j map[string]any
	data, err := os.ReadFile(f.tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &j); err != nil {
		t.Fatal(err)
	}
	names := j["model"].(map[string]any)["vocab"].(map[string]any)
	tok, err := token.Load(f.tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	for id := tok.Vocab(); id < vocab; id++ {
		names[fmt.Sprintf("filler%d", id)] = id
	}
	return f.save(t, j)
}

func (f folder) save(t *testing.T, j any) string {
	t.Helper()
	data, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	write(t, path, data)
	return path
}

// Vocabularies around 16 bits: files have the width that the trainer reads.
func TestVocabularies(t *testing.T) {
	t.Parallel()
	f := texts(t, 11, "0.5 0.2 0.3")
	for vocab, width := range map[int]map[string]int64{
		65500: {"megatron": 4}, 65535: {"olmo": 2}, 65536: {"mds": 2}, 65537: {"nanotron": 4},
	} {
		path := f.grown(t, vocab)
		for to, want := range width {
			o, out := f.options(to), filepath.Join(t.TempDir(), "out")
			o.Tokenizer = path
			h, err := f.make(t, o, out)
			if err != nil {
				t.Fatal(err)
			}
			if h.Vocab != vocab {
				t.Fatalf("vocabulary %d, want %d", h.Vocab, vocab)
			}
			var size, tokens int64
			for _, file := range h.Files {
				if ext := filepath.Ext(file.Name); ext == ".bin" && !strings.HasPrefix(file.Name, "domains/") || ext == ".npy" || ext == ".ds" || ext == ".mds" {
					size += file.Bytes
				}
			}
			for _, p := range h.Parts {
				tokens += p.Tokens
			}
			if got := float64(size) / float64(tokens); math.Abs(got-float64(want)) > 0.2 {
				t.Errorf("%s, vocabulary %d: %.2f bytes a token, want %d", to, vocab, got, want)
			}
			if c, err := handover.Verify(t.Context(), out); err != nil || len(c.Wrong) > 0 {
				t.Errorf("%s, vocabulary %d: %+v %v", to, vocab, c, err)
			}
		}
	}
}

// A tokenizer that does not cover all bytes is refused before anything is read.
func TestTokenizerThatLacksBytes(t *testing.T) {
	t.Parallel()
	f := texts(t, 12, "0.5 0.2 0.3")
	data, err := os.ReadFile(f.tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	var j map[string]any
	if err := json.Unmarshal(data, &j); err != nil {
		t.Fatal(err)
	}
	delete(j["model"].(map[string]any)["vocab"].(map[string]any), "~")
	o := f.options("megatron")
	o.Tokenizer = f.save(t, j)
	if _, err := f.make(t, o, filepath.Join(t.TempDir(), "out")); err == nil || task.ExitCode(err) != task.ExitUsage || !strings.Contains(err.Error(), "0x7e") {
		t.Errorf("%v", err)
	}
	o.Tokenizer = ""
	if _, err := f.make(t, o, filepath.Join(t.TempDir(), "out")); err == nil || task.ExitCode(err) != task.ExitUsage || !strings.Contains(err.Error(), "--tokenizer") {
		t.Errorf("no tokenizer: %v", err)
	}
}

// Another tokenizer than the one that shares are given in re-weighs them by each
// domain's tokens a byte, so that shares of bytes stay what they were.
func TestReweighed(t *testing.T) {
	t.Parallel()
	f := texts(t, 13, "0.5 0.2 0.3")
	other := texts(t, 14, "1 1 1") // has learned other merges: those of code alone
	tok, err := token.Train(func(yield func(string) bool) { yield(strings.Repeat("func return err nil package var ", 50)) }, token.TrainOptions{Vocab: 300})
	if err != nil {
		t.Fatal(err)
	}
	w, err := os.Create(other.tokenizer)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	o, plain := f.options("megatron"), filepath.Join(t.TempDir(), "plain")
	o.Valid, o.Test = 0, 0
	a, err := f.make(t, o, plain)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.dir, "mixture.yaml")
	yaml, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, append([]byte("tokenizer: tokenizer.json\n"), yaml...))
	o.Tokenizer = other.tokenizer
	b, err := f.make(t, o, filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	moved := 0.0
	for d := range a.Domains {
		moved = max(moved, math.Abs(a.Domains[d].Asked.Token-b.Domains[d].Asked.Token))
		if math.Abs(a.Domains[d].Asked.Byte-b.Domains[d].Asked.Byte) > 1e-9 || math.Abs(b.Domains[d].Given-a.Domains[d].Given) > 1e-12 {
			t.Errorf("%s: %+v and %+v", a.Domains[d].Name, a.Domains[d], b.Domains[d])
		}
	}
	if moved < 0.01 || len(b.Said) == 0 {
		t.Errorf("shares of tokens moved by %v: the test tests nothing; notes %q", moved, b.Said)
	}
}

// A domain with a share and no documents is an error; one without a share is not
// read at all.
func TestEmptyDomains(t *testing.T) {
	t.Parallel()
	f := texts(t, 15, "0.5 0.2 0.3")
	write(t, filepath.Join(f.dir, "1.jsonl"), []byte("\n"))
	if _, err := f.make(t, f.options("hf"), filepath.Join(t.TempDir(), "out")); err == nil || !strings.Contains(err.Error(), `"code" has a share of 20 % and no documents`) {
		t.Errorf("%v", err)
	}
	f = texts(t, 15, "0.5 0 0.3")
	write(t, filepath.Join(f.dir, "1.jsonl"), []byte("not JSON\n"))
	if h, err := f.make(t, f.options("hf"), filepath.Join(t.TempDir(), "out")); err != nil || len(h.Domains) != 2 {
		t.Errorf("%v", err)
	}
}

// Documents longer than the context, and a context longer than all there is.
func TestLongContext(t *testing.T) {
	t.Parallel()
	f := texts(t, 16, "0.5 0.2 0.3")
	for _, to := range []string{"mds", "megatron", "llmc"} {
		o, out := f.options(to), filepath.Join(t.TempDir(), "out")
		o.Context = 8
		if _, err := f.make(t, o, out); err != nil {
			t.Fatal(err)
		}
		if c, err := handover.Verify(t.Context(), out); err != nil || len(c.Wrong) > 0 || c.Off > 0.001 {
			t.Errorf("%s: %+v %v", to, c, err)
		}
	}
	o := f.options("mds")
	o.Context = 1 << 20
	if _, err := f.make(t, o, filepath.Join(t.TempDir(), "out")); err == nil || !strings.Contains(err.Error(), "no domain is left") {
		t.Errorf("%v", err)
	}
}

// Mixture files that cannot be meant are refused with the place.
func TestBadWeights(t *testing.T) {
	t.Parallel()
	for yaml, want := range map[string]string{
		"":                                       "is empty",
		"domains: {a: {share: -1, inputs: [x]}}": "must be 0 or more",
		"domains: {a: {inputs: [x]}}":            "has no share",
		"domains: {a: {share: 1}}":               "no files",
		"domains: {a: {share: 0, inputs: [x]}}":  "sum to 0",
		"domains: {a: {share: 1, inputs: [x]}}\nweight: 3": "weight",
		"answer: fit.json\ndomains: {a: {inputs: [x]}}":    `"b" has a share of 0.4 and no files`,
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "fit.json"), []byte(`{"domains": ["a", "b"], "recommended": {"mixture": [0.6, 0.4]}}`))
		path := filepath.Join(dir, "mixture.yaml")
		write(t, path, []byte(yaml))
		if _, err := handover.LoadWeights(path); err == nil || task.ExitCode(err) != task.ExitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", yaml, err, want)
		}
	}
}

// The shares of climb fit and climb propose, with files of one's own.
func TestAnswer(t *testing.T) {
	t.Parallel()
	f := texts(t, 18, "1 1 1")
	write(t, filepath.Join(f.dir, "fit.json"), []byte(`{"domains": ["code", "numbers", "other"], "recommended": {"mixture": [0.25, 0.75, 0]}}`))
	write(t, filepath.Join(f.dir, "mixture.yaml"), []byte("answer: fit.json\ndomains:\n  code: {inputs: [1.jsonl]}\n  numbers: {inputs: [2.jsonl]}\n"))
	out := filepath.Join(t.TempDir(), "out")
	h, err := f.make(t, f.options("olmo"), out)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Domains) != 2 || h.Domains[0].Given != 0.25 || math.Abs(h.Domains[1].Asked.Token-0.75) > 1e-12 {
		t.Errorf("%+v", h.Domains)
	}
}

// Ten thousand domains.
func TestManyDomains(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand files")
	}
	t.Parallel()
	f := texts(t, 19, "1 1 1")
	var yaml strings.Builder
	yaml.WriteString("domains:\n")
	const n = 10_000
	for d := range n {
		name := fmt.Sprintf("m%d.jsonl", d)
		write(t, filepath.Join(f.dir, name), fmt.Appendf(nil, "{\"id\":\"a\",\"text\":%q}\n{\"id\":\"b\",\"text\":\"the river\"}\n", strings.Repeat("the stone and river ", 10)))
		fmt.Fprintf(&yaml, "  domain %d: {share: %d, inputs: [%s]}\n", d, 1+d%3, name)
	}
	write(t, filepath.Join(f.dir, "mixture.yaml"), []byte(yaml.String()))
	o, out := f.options("megatron"), filepath.Join(t.TempDir(), "out")
	o.Context, o.ShardBytes = 8, 1<<20
	h, err := f.make(t, o, out)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Domains) != n {
		t.Errorf("%d domains, left out %d", len(h.Domains), len(h.LeftOut))
	}
	blend, err := os.ReadFile(filepath.Join(out, "blend.txt"))
	if got := len(strings.Fields(string(blend))); err != nil || got != 2*n {
		t.Errorf("%d words in the blend, want %d (%v)", got, 2*n, err)
	}
}
