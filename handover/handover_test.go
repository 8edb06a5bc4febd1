package handover_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/handover"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
)

// A folder has texts of three domains, with long and short documents, a
// tokenizer of the texts, and mixture.yaml.
type folder struct{ dir, tokenizer string }

var kinds = []struct {
	name      string
	words     string
	documents int
	length    int // words
}{
	{"prose of old", "the river and stone of a long day were with them under trees", 400, 90},
	{"code", "func return err nil package var int for range if", 900, 12},
	{"numbers", "12 345 6 78 90 1234 5 67 8 9", 150, 300},
}

func texts(t testing.TB, seed uint64, share string) folder {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(seed, 0))
	var yaml strings.Builder
	yaml.WriteString("domains:\n")
	all, train := strings.Fields(share), ""
	for k, kind := range kinds {
		var b bytes.Buffer
		words := strings.Fields(kind.words)
		for i := range kind.documents {
			var text []string
			for range 1 + rng.IntN(2*kind.length) {
				text = append(text, words[rng.IntN(len(words))])
			}
			line, err := json.Marshal(map[string]string{"id": fmt.Sprintf("%d-%d", k, i), "text": strings.Join(text, " ")})
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(line, '\n'))
			if i < 50 {
				train += strings.Join(text, " ") + "\n"
			}
		}
		name := fmt.Sprintf("%d.jsonl", k)
		write(t, filepath.Join(dir, name), b.Bytes())
		fmt.Fprintf(&yaml, "  %q: {share: %s, inputs: [%s]}\n", kind.name, all[k], name)
	}
	write(t, filepath.Join(dir, "mixture.yaml"), []byte(yaml.String()))
	f := folder{dir, filepath.Join(dir, "tokenizer.json")}
	tok, err := token.Train(func(yield func(string) bool) { yield(train) }, token.TrainOptions{Vocab: 400})
	if err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := tok.Save(&saved); err != nil {
		t.Fatal(err)
	}
	write(t, f.tokenizer, saved.Bytes())
	return f
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// options of small exports.
func (f folder) options(to string) handover.Options {
	return handover.Options{To: to, Tokenizer: f.tokenizer, Context: 32, Epochs: 4, Valid: 0.05, Test: 0.02, ShardBytes: 20000, Level: 1, At: ".", Mixture: "proven", Seed: 7, Version: "test"}
}

func (f folder) open(t testing.TB, o handover.Options, out string, workers int) (*handover.Export, error) {
	t.Helper()
	w, err := handover.LoadWeights(filepath.Join(f.dir, "mixture.yaml"))
	if err != nil {
		return nil, err
	}
	return handover.OfFiles(t.Context(), w, handover.WorkDir(out, filepath.Join(f.dir, "mixture.yaml")), workers, o)
}

func (f folder) make(t testing.TB, o handover.Options, out string) (*export.Handover, error) {
	t.Helper()
	x, err := f.open(t, o, out, 2)
	if err != nil {
		return nil, err
	}
	return x.Make(t.Context(), out)
}

// digest hashes every file of a folder.
func digest(t testing.TB, dir string) string {
	t.Helper()
	h := sha256.New()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		fmt.Fprintf(h, "%s %d %x\n", path, len(data), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// Every trainer's export, read back: shares by token are those that were asked
// for, to a tenth of a point, and nothing differs from the manifest.
func TestExports(t *testing.T) {
	t.Parallel()
	f := texts(t, 1, "0.5 0.2 0.3")
	for _, m := range export.Trainers {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "out")
			h, err := f.make(t, f.options(m.Name), out)
			if err != nil {
				t.Fatal(err)
			}
			c, err := handover.Verify(t.Context(), out)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Wrong) > 0 || c.Off > 0.001 || len(c.Domains) != 3 {
				t.Errorf("off by %v points, %q", 100*c.Off, c.Wrong)
			}
			for d, one := range c.Domains {
				want := map[string]float64{"prose of old": 0.5, "code": 0.2, "numbers": 0.3}[one.Name]
				if math.Abs(one.Asked.Token-want) > 1e-9 || math.Abs(one.Seen.Token-want) > 0.001+4*c.Noise {
					t.Errorf("%s: asked %v, seen %v (noise %v), want %v", one.Name, one.Asked.Token, one.Seen.Token, c.Noise, want)
				}
				if e := one.Asked.Token * float64(h.Tokens) / float64(h.Domains[d].Train.Tokens); math.Abs(e-one.Epochs) > 1e-9 || e > 4.0001 {
					t.Errorf("%s: %v epochs, want %v", one.Name, one.Epochs, e)
				}
			}
			left, err := os.ReadDir(out)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range left {
				if strings.HasPrefix(e.Name(), ".") {
					t.Errorf("%s is left", e.Name())
				}
			}
		})
	}
}

// The same seed gives the same bytes on one core and on several; another seed
// others.
func TestSameBytes(t *testing.T) {
	f := texts(t, 2, "0.5 0.2 0.3")
	for _, to := range []string{"nanochat", "megatron"} {
		var sums []string
		for _, workers := range []int{1, 5} {
			before := runtime.GOMAXPROCS(workers)
			out := filepath.Join(t.TempDir(), "out")
			x, err := f.open(t, f.options(to), out, workers)
			if err == nil {
				_, err = x.Make(t.Context(), out)
			}
			runtime.GOMAXPROCS(before)
			if err != nil {
				t.Fatal(err)
			}
			sums = append(sums, digest(t, out))
		}
		o, out := f.options(to), filepath.Join(t.TempDir(), "out")
		o.Seed++
		if _, err := f.make(t, o, out); err != nil {
			t.Fatal(err)
		}
		if sums[0] != sums[1] || sums[0] == digest(t, out) {
			t.Errorf("%s: one core %s, five cores %s, another seed %s", to, sums[0], sums[1], digest(t, out))
		}
	}
}

// An export that is stopped at any stage goes on by the same call, to the same
// bytes; one that is done is found.
func TestStopped(t *testing.T) {
	t.Parallel()
	f := texts(t, 3, "0.5 0.2 0.3")
	want := filepath.Join(t.TempDir(), "out")
	if _, err := f.make(t, f.options("olmo"), want); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	for stop := range 12 {
		x, err := f.open(t, f.options("olmo"), out, 1)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		x.Watch = func(stage.Event) {
			if n++; n > stop {
				cancel()
			}
		}
		if _, err := x.Make(ctx, out); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
	}
	h, err := f.make(t, f.options("olmo"), out)
	if err != nil || h == nil {
		t.Fatal(err)
	}
	if a, b := digest(t, out), digest(t, want); a != b {
		t.Errorf("stopped and gone on: %s, at once: %s", a, b)
	}
	before := digest(t, out)
	if _, err := f.make(t, f.options("olmo"), out); err != nil || digest(t, out) != before {
		t.Errorf("made again: %v", err)
	}
}

// A folder that holds something else is refused, and stays as it is.
func TestFolderThatHoldsAnother(t *testing.T) {
	t.Parallel()
	f := texts(t, 4, "0.5 0.2 0.3")
	out := filepath.Join(t.TempDir(), "out")
	if _, err := f.make(t, f.options("hf"), out); err != nil {
		t.Fatal(err)
	}
	before := digest(t, out)
	_, err := f.make(t, f.options("levanter"), out)
	if err == nil || !strings.Contains(err.Error(), "holds another export (for hf)") || task.ExitCode(err) != task.ExitUsage {
		t.Errorf("another trainer: %v", err)
	}
	o := f.options("hf")
	o.Seed++
	if _, err = f.make(t, o, out); err == nil || !strings.Contains(err.Error(), "holds another export") {
		t.Errorf("another seed: %v", err)
	}
	if digest(t, out) != before {
		t.Error("the folder was changed")
	}
	other := t.TempDir()
	write(t, filepath.Join(other, "thesis.txt"), []byte("all I have"))
	if _, err = f.make(t, f.options("hf"), other); err == nil || !strings.Contains(err.Error(), "is not empty: it holds") {
		t.Errorf("a folder of a person's: %v", err)
	}
	begun := t.TempDir()
	write(t, filepath.Join(begun, ".climb-export"), []byte("handover-of-another"))
	if _, err = f.make(t, f.options("hf"), begun); err == nil || !strings.Contains(err.Error(), "a part of another export") {
		t.Errorf("an unfinished one: %v", err)
	}
}

// A bucket gets the same bytes as a folder, the manifest last; one that refuses is
// an error, and the same call goes on.
func TestBucket(t *testing.T) {
	t.Parallel()
	f := texts(t, 5, "0.5 0.2 0.3")
	out := "mem://export-" + strings.ToLower(t.Name()) + "/mix"
	o := f.options("mds")
	o.At = out
	if _, err := f.make(t, o, out); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "out")
	if _, err := f.make(t, o, folder); err != nil {
		t.Fatal(err)
	}
	n := 0
	for info, err := range blob.List(t.Context(), out) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := blob.ReadAll(t.Context(), info.Path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(strings.TrimPrefix(info.Path, out+"/"))))
		if err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s differs from the file (%v)", info.Path, err)
		}
		n++
	}
	if n < 10 {
		t.Errorf("%d objects", n)
	}
	if _, err := f.make(t, f.options("hf"), "s3://no-such-bucket/mix?endpoint=http://127.0.0.1:1&use_path_style=true&region=us-east-1"); err == nil {
		t.Error("a bucket that cannot be reached is not an error")
	}
}

// Too much repetition is an error that names the domain and what would do.
func TestRepetition(t *testing.T) {
	t.Parallel()
	f := texts(t, 6, "0.98 0.01 0.01")
	o := f.options("megatron")
	o.Tokens = 10_000_000
	_, err := f.make(t, o, filepath.Join(t.TempDir(), "out"))
	if err == nil || !strings.Contains(err.Error(), `"prose of old" would be read`) || !strings.Contains(err.Error(), "ask for at most") {
		t.Fatal(err)
	}
	var most int64
	if _, err := fmt.Sscanf(err.Error()[strings.Index(err.Error(), "at most"):], "at most %d", &most); err != nil {
		t.Fatal(err)
	}
	o.Tokens = most
	h, err := f.make(t, o, filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatalf("the most that was named: %v", err)
	}
	for _, d := range h.Domains {
		if d.Epochs > 4.001 {
			t.Errorf("%s: %v epochs", d.Name, d.Epochs)
		}
	}
}

// A share of less than one sequence is left out, and named; the others are shared
// out anew.
func TestExtremeShares(t *testing.T) {
	t.Parallel()
	f := texts(t, 7, "0.9 1e-7 0.1")
	out := filepath.Join(t.TempDir(), "out")
	h, err := f.make(t, f.options("megatron"), out)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Domains) != 2 || len(h.LeftOut) != 1 || h.LeftOut[0].Name != "code" || !strings.Contains(h.LeftOut[0].Why, "Megatron-LM#705") {
		t.Errorf("%d domains, left out %+v", len(h.Domains), h.LeftOut)
	}
	blend, err := os.ReadFile(filepath.Join(out, "blend.txt"))
	if err != nil || strings.Contains(string(blend), "code") {
		t.Errorf("%s %v", blend, err)
	}
	if c, err := handover.Verify(t.Context(), out); err != nil || c.Off > 1e-6 || len(c.Wrong) > 0 {
		t.Errorf("%+v %v", c, err)
	}
}

// A try-out holds the budget, with the shares of the whole.
func TestBudget(t *testing.T) {
	t.Parallel()
	f := texts(t, 8, "0.5 0.2 0.3")
	for _, to := range []string{"megatron", "llmc", "hf"} {
		o, out := f.options(to), filepath.Join(t.TempDir(), "out")
		o.Budget = 20000
		h, err := f.make(t, o, out)
		if err != nil {
			t.Fatal(err)
		}
		var tokens int64
		for _, d := range h.Domains {
			tokens += d.Written.Tokens
			if want := d.Asked.Token * 20000; math.Abs(float64(d.Written.Tokens)-want) > 600 {
				t.Errorf("%s: %s holds %d tokens, want %v", to, d.Name, d.Written.Tokens, want)
			}
		}
		if tokens < 19000 || tokens > 21000 || h.Tokens != 20000 {
			t.Errorf("%s: %d tokens for a training of %d", to, tokens, h.Tokens)
		}
		if c, err := handover.Verify(t.Context(), out); err != nil || len(c.Wrong) > 0 || to != "llmc" && c.Off > 1e-6 || c.Off > 0.005 {
			t.Errorf("%s: %+v %v", to, c, err)
		}
	}
}
