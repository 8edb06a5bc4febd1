//go:build readers

package export_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/handover"
	"github.com/climb-go/climb/token"
)

// The trainers' own readers, run as they are from the checkouts that
// CLIMB_TEST_READERS names a folder of, over Debian's NumPy and PyTorch:
//
//	CLIMB_TEST_READERS=FOLDER CLIMB_TEST_NPM=FOLDER go test -tags readers -v -run TestReaders ./export
//
// FOLDER holds Megatron-LM, OLMo-core, streaming, nanotron, datatrove, llm.c,
// litData, levanter; that of CLIMB_TEST_NPM what `npm install hyparquet hyparquet-compressors
// @duckdb/node-api` leaves. What is not there is skipped by name. Its output is in
// docs/trainers.md.

// shares of the export that is read.
var shares = map[string]float64{"long": 0.43, "short": 0.21, "middle": 0.3137, "rare": 0.0463}

func corpusFor(t *testing.T) (mixture, tokenizer string) {
	t.Helper()
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(17, 4))
	yaml := "domains:\n"
	var sample strings.Builder
	for _, d := range []struct {
		name             string
		documents, words int
	}{{"long", 900, 700}, {"short", 30000, 8}, {"middle", 5000, 90}, {"rare", 700, 40}} {
		var b bytes.Buffer
		for i := range d.documents {
			var words []string
			for range 1 + rng.IntN(2*d.words) {
				words = append(words, fmt.Sprintf("%s%d", d.name[:1], rng.IntN(400)))
			}
			text := strings.Join(words, " ")
			fmt.Fprintf(&b, "{\"id\":\"%s-%d\",\"text\":%q}\n", d.name, i, text)
			if i < 60 {
				sample.WriteString(text + "\n")
			}
		}
		file := filepath.Join(dir, d.name+".jsonl")
		if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		yaml += fmt.Sprintf("  %s: {share: %v, inputs: [%s]}\n", d.name, shares[d.name], file)
	}
	tok, err := token.Train(func(yield func(string) bool) { yield(sample.String()) }, token.TrainOptions{Vocab: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := tok.Save(&saved); err != nil {
		t.Fatal(err)
	}
	mixture, tokenizer = filepath.Join(dir, "mixture.yaml"), filepath.Join(dir, "tokenizer.json")
	for name, data := range map[string][]byte{mixture: []byte(yaml), tokenizer: saved.Bytes()} {
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return mixture, tokenizer
}

const readContext = 32

func exported(t *testing.T, to, mixture, tokenizer string) (string, *export.Handover) {
	t.Helper()
	w, err := handover.LoadWeights(mixture)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	x, err := handover.OfFiles(t.Context(), w, handover.WorkDir(out, mixture), 0, handover.Options{To: to, Tokenizer: tokenizer, Context: readContext,
		Epochs: 8, Batch: 16, Tokens: 3_300_000, Valid: 0.01, Test: 0.01, ShardBytes: 1 << 20, Level: 3, At: ".", Mixture: "proven", Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	h, err := x.Make(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	return out, h
}

// sums are the SHA-256 of the training tokens of each domain as our reader gives
// them.
func sums(t *testing.T, dir string, h *export.Handover) map[string]string {
	t.Helper()
	trainer, err := export.TrainerNamed(h.Trainer)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i, p := range h.Parts {
		if p.Split != export.Train {
			continue
		}
		sum := sha256.New()
		err := trainer.Read(dir, h.Part(i), func(d export.Doc) error {
			for _, id := range d.Tokens {
				binary.Write(sum, binary.LittleEndian, id)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		out[p.Folder] = fmt.Sprintf("%x", sum.Sum(nil))
	}
	return out
}

func checkout(t *testing.T, names ...string) string {
	t.Helper()
	dir := os.Getenv("CLIMB_TEST_READERS")
	if dir == "" {
		t.Skip("CLIMB_TEST_READERS names no folder of checkouts")
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Skipf("not there: %s", name)
		}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func TestReaders(t *testing.T) {
	mixture, tokenizer := corpusFor(t)
	for _, r := range []struct {
		trainer, what string
		needs         []string
	}{
		{"megatron", "IndexedDataset and build_blending_indices of helpers.cpp", []string{"Megatron-LM/megatron/core/datasets/indexed_dataset.py", "Megatron-LM/megatron/core/datasets/helpers.cpp"}},
		{"olmo", "SourceMixtureDatasetConfig.build", []string{"OLMo-core/src/olmo_core/data/source_mixture.py"}},
		{"mds", "MDSReader and Stream.apply_weights", []string{"streaming/streaming/base/format/mds/reader.py", "streaming/streaming/base/stream.py"}},
		{"nanotron", "datatrove's DatatroveFileDataset and Nanoset.build_nanoset_index", []string{"nanotron/src/nanotron/data/nanoset.py", "datatrove/src/datatrove/utils/dataset.py"}},
		{"litdata", "TokensLoader and the draw of CombinedStreamingDataset", []string{"litData/src/litdata/streaming/item_loader.py", "litData/src/litdata/streaming/combined.py"}},
	} {
		t.Run(r.trainer, func(t *testing.T) {
			dir := checkout(t, r.needs...)
			out, h := exported(t, r.trainer, mixture, tokenizer)
			read := drive(t, r.trainer, dir, out)
			for folder, want := range sums(t, out, h) {
				if read.Sums[folder] != want {
					t.Errorf("%s: its reader gives other tokens than ours", folder)
				}
			}
			off := read.off(t, r.trainer == "litdata")
			t.Logf("%s: %s read %d domains, every token as ours; %s (Python %s, NumPy %s, PyTorch %s)", r.trainer, r.what, len(read.Sums), off, read.Python, read.Numpy, read.Torch)
		})
	}
	t.Run("llmc", func(t *testing.T) { readLLMC(t, mixture, tokenizer) })
	for _, to := range []string{"nanochat", "hf"} {
		t.Run(to, func(t *testing.T) { readParquet(t, to, mixture, tokenizer) })
	}
	t.Run("nanochat-loader", func(t *testing.T) {
		if out, err := exec.Command("/usr/bin/python3", "-c", "import pyarrow").CombinedOutput(); err != nil {
			t.Skipf("not there: pyarrow, which nanochat/dataloader.py reads with (%s)", lastLine(out))
		}
	})
	t.Run("levanter", func(t *testing.T) { readLevanter(t, mixture, tokenizer) })
	for name, why := range map[string]string{"torchtitan": "Grain"} {
		t.Run(name, func(t *testing.T) { t.Skipf("not there: %s, which its reader stands on", why) })
	}
}

// driven is what drive.py prints.
type driven struct {
	Sums                 map[string]string
	Counts               map[string]int64
	Python, Numpy, Torch string
}

func drive(t *testing.T, trainer, dir, out string) *driven {
	t.Helper()
	script, err := filepath.Abs("testdata/readers/drive.py")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/usr/bin/python3", "-W", "ignore", script, trainer, dir, out)
	c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if trainer == "megatron" {
		blend := filepath.Join(t.TempDir(), "blend")
		helpers := filepath.Join(dir, "Megatron-LM/megatron/core/datasets/helpers.cpp")
		if out, err := exec.Command("g++", "-O2", "-w", "-I", "testdata/readers", "-DHELPERS=\""+helpers+"\"", "testdata/readers/blend.cpp", "-o", blend).CombinedOutput(); err != nil {
			t.Skipf("not there: a C++ compiler for helpers.cpp: %v %s", err, lastLine(out))
		}
		c.Env = append(c.Env, "CLIMB_BLEND="+blend)
	}
	var stderr bytes.Buffer
	c.Stderr = &stderr
	data, err := c.Output()
	if err != nil {
		if strings.Contains(stderr.String(), "No module named") {
			t.Skipf("not there: %s", lastLine(stderr.Bytes()))
		}
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var read driven
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	return &read
}

// off compares the shares of sequences, which are of tokens, with those asked for:
// to a tenth of a point, or to four standard deviations of a random draw.
func (d *driven) off(t *testing.T, random bool) string {
	t.Helper()
	if len(d.Counts) == 0 {
		return "shares not counted"
	}
	var all int64
	for _, n := range d.Counts {
		all += n
	}
	most, noise := 0.0, 0.0
	for name, want := range shares {
		most, noise = max(most, math.Abs(float64(d.Counts[name])/float64(all)-want)), max(noise, math.Sqrt(want*(1-want)/float64(all)))
	}
	limit := 0.001
	if random {
		limit = 4 * noise
	}
	if all < 99_000 || most > limit {
		t.Errorf("shares are %v points off over %d sequences: %v", 100*most, all, d.Counts)
	}
	if random {
		return fmt.Sprintf("shares over %d sequences, drawn at random (standard deviation %.4f points), at most %.4f points off", all, 100*noise, 100*most)
	}
	return fmt.Sprintf("shares over %d sequences at most %.4f points off", all, 100*most)
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// readLevanter has Levanter's MixtureDataset lay out the blocks of an export with one
// mixture, and with two.
func readLevanter(t *testing.T, mixture, tokenizer string) {
	dir := checkout(t, "levanter/src/levanter/data/mixture.py")
	out, _ := exported(t, "levanter", mixture, tokenizer)
	one := drive(t, "levanter", dir, out)
	t.Logf("levanter: MixtureDataset laid out its blocks; %s (Python %s, NumPy %s; texts were not read)", one.off(t, false), one.Python, one.Numpy)
	text, err := os.ReadFile(mixture)
	if err != nil {
		t.Fatal(err)
	}
	var yaml strings.Builder
	yaml.WriteString("phases:\n- {share: 0.6, mixture: {long: 0.5, short: 0.3, middle: 0.2}}\n- {share: 0.4, mixture: {long: 0.1, rare: 0.03, middle: 0.87}}\n")
	for line := range strings.Lines(string(text)) {
		before, _, _ := strings.Cut(line, "{share")
		_, after, has := strings.Cut(line, "inputs")
		if has {
			line = before + "{inputs" + after
		}
		yaml.WriteString(line)
	}
	staged := filepath.Join(filepath.Dir(mixture), "staged.yaml")
	if err := os.WriteFile(staged, []byte(yaml.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	out, h := exported(t, "levanter", staged, tokenizer)
	two := drive(t, "levanter", dir, out)
	most := 0.0
	for k, want := range []map[string]float64{{"long": 0.5, "short": 0.3, "middle": 0.2}, {"long": 0.1, "rare": 0.03, "middle": 0.87}} {
		var counts map[string]int64
		if err := json.Unmarshal([]byte(two.Sums[fmt.Sprintf("phase %d", k)]), &counts); err != nil {
			t.Fatal(err)
		}
		all := int64(0)
		for _, n := range counts {
			all += n
		}
		for _, d := range h.Domains {
			most = max(most, math.Abs(float64(counts[d.Name])/float64(all)-want[d.Name]))
		}
	}
	if most > 0.001 || len(two.Sums) != 2 {
		t.Errorf("phases are %v points off: %v", 100*most, two.Sums)
	}
	t.Logf("levanter: of two phases, from steps %d and %d, shares at most %.4f points off", h.Phases[0].From, h.Phases[1].From, 100*most)
}

// readLLMC compares the batches of llm.c's loader with the tokens of each shard.
func readLLMC(t *testing.T, mixture, tokenizer string) {
	dir := checkout(t, "llm.c/llmc/dataloader.h")
	program := filepath.Join(t.TempDir(), "llmc")
	if out, err := exec.Command("gcc", "-O2", "-w", "-I", filepath.Join(dir, "llm.c"), "testdata/readers/llmc.c", "-o", program, "-lm").CombinedOutput(); err != nil {
		t.Skipf("not there: a C compiler for dataloader.h: %v %s", err, lastLine(out))
	}
	out, h := exported(t, "llmc", mixture, tokenizer)
	var stderr bytes.Buffer
	c := exec.Command(program, filepath.Join(out, "climb_train_*.bin"), fmt.Sprint(readContext))
	c.Stderr = &stderr
	got, err := c.Output()
	if err != nil {
		t.Fatalf("%v %s", err, stderr.String())
	}
	var want bytes.Buffer
	trainer := &export.LLMC{}
	sequences := 0
	for i, p := range h.Parts {
		if p.Split != export.Train {
			continue
		}
		var ids []uint32
		if err := trainer.Read(out, h.Part(i), func(d export.Doc) error { ids = append(ids, d.Tokens...); return nil }); err != nil {
			t.Fatal(err)
		}
		n := (len(ids) - 1) / readContext
		sequences += n
		binary.Write(&want, binary.LittleEndian, ids[:n*readContext])
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("its loader gives %d bytes of tokens, other than ours (%d)", len(got), want.Len())
	}
	c2, err := handover.Verify(t.Context(), out)
	if err != nil || len(c2.Wrong) > 0 || c2.Off > 0.001 {
		t.Errorf("%+v %v", c2, err)
	}
	t.Logf("llmc: dataloader.h read %s, every token as ours; shares of the %d sequences at most %.4f points off", strings.TrimSpace(stderr.String()), sequences, 100*c2.Off)
}

// readParquet compares the texts that DuckDB and hyparquet read with ours.
func readParquet(t *testing.T, to, mixture, tokenizer string) {
	modules := os.Getenv("CLIMB_TEST_NPM")
	if modules == "" {
		t.Skip("CLIMB_TEST_NPM names no folder of npm's modules")
	}
	out, h := exported(t, to, mixture, tokenizer)
	trainer, err := export.TrainerNamed(to)
	if err != nil {
		t.Fatal(err)
	}
	sum, rows := sha256.New(), 0
	var files []string
	for i, p := range h.Parts {
		if p.Split != export.Train {
			continue
		}
		if err := trainer.Read(out, h.Part(i), func(d export.Doc) error { rows++; sum.Write([]byte(d.Text + "\x00")); return nil }); err != nil {
			t.Fatal(err)
		}
		pattern := fmt.Sprintf("data/%s/train-*.parquet", p.Folder)
		if to == "nanochat" {
			pattern = fmt.Sprintf("base_data_climbmix/shard_%05d.parquet", p.Before+p.Shard)
		}
		found, _ := filepath.Glob(filepath.Join(out, pattern))
		files = append(files, found...)
	}
	var stderr bytes.Buffer
	c := exec.Command("node", append([]string{"testdata/readers/parquet.mjs", modules}, files...)...)
	c.Stderr = &stderr
	data, err := c.Output()
	if err != nil {
		t.Fatalf("%v %s", err, stderr.String())
	}
	var read map[string]struct {
		SHA256, Missing string
		Rows            int
		Groups          []int
	}
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"hyparquet", "duckdb"} {
		r := read[name]
		if r.Missing != "" {
			t.Logf("%s: not there: %s: %s", to, name, r.Missing)
			continue
		}
		if want := fmt.Sprintf("%x", sum.Sum(nil)); r.SHA256 != want || r.Rows != rows {
			t.Errorf("%s reads %d rows, other than ours (%d)", name, r.Rows, rows)
		}
		if len(r.Groups) > 0 && slices.Max(r.Groups) > 1024 {
			t.Errorf("row groups of %v", r.Groups)
		}
		t.Logf("%s: %s read %d rows of %d files, every text as ours", to, name, r.Rows, len(files))
	}
	check, err := handover.Verify(t.Context(), out)
	if err != nil || check.Off > 0.001 || len(check.Wrong) > 0 {
		t.Errorf("%+v %v", check, err)
	}
	t.Logf("%s: shares at most %.4f points off", to, 100*check.Off)
}
