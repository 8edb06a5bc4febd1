package token

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// Hugging Face's own library is compared twice. What version 0.23.2 gave for
// the files in testdata is recorded there and compared always. Where
// CLIMB_TEST_HF is a folder in which `npm install tokenizers@0.23.2` was run, it
// is run on many more texts; with -update its answers are recorded anew.

func needHF(t testing.TB) {
	if os.Getenv("CLIMB_TEST_HF") == "" {
		t.Skip("CLIMB_TEST_HF is not set to a folder with npm's package tokenizers")
	}
}

func runHF(t testing.TB, stdin []byte, args ...string) []byte {
	cmd := exec.Command("node", append([]string{"testdata/hf.cjs"}, args...)...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func encodeHF(t testing.TB, tokenizer string, texts []string) [][]uint32 {
	in, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	var ids [][]uint32
	if err := json.Unmarshal(runHF(t, in, "encode", tokenizer), &ids); err != nil {
		t.Fatal(err)
	}
	return ids
}

// nastyTexts are n valid texts; the same for every run.
func nastyTexts(n int) []string {
	rng := rand.New(rand.NewPCG(3, 4))
	parts := slices.DeleteFunc(slices.Clone(nasty), func(s string) bool {
		return !utf8.ValidString(s) || strings.HasPrefix(s, "<|") // which the library finds in text
	})
	texts := make([]string, n)
	for i := range texts {
		for range 1 + rng.IntN(24) {
			texts[i] += parts[rng.IntN(len(parts))]
		}
	}
	return texts
}

type recorded struct {
	Texts []string   `json:"texts"`
	IDs   [][]uint32 `json:"ids"` // of every text
}

func TestEncodeAsRecordedFromHuggingFace(t *testing.T) {
	for _, p := range patterns {
		dir := filepath.Join("testdata", p.name)
		if *update && os.Getenv("CLIMB_TEST_HF") != "" {
			r := recorded{Texts: append(lines(t), nastyTexts(100)...)}
			r.IDs = encodeHF(t, filepath.Join(dir, "tokenizer.json"), r.Texts)
			data, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "encoded.json"), append(data, '\n'), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(filepath.Join(dir, "encoded.json"))
		if err != nil {
			t.Fatal(err)
		}
		var r recorded
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
		tok, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Texts) < 100 {
			t.Errorf("%s: only %d texts", dir, len(r.Texts))
		}
		for i, s := range r.Texts {
			if got := tok.Encode(nil, s); !slices.Equal(got, r.IDs[i]) {
				t.Errorf("%s: %q is %v, recorded %v", dir, s, got, r.IDs[i])
			}
		}
	}
}

func TestEncodeAsHuggingFace(t *testing.T) {
	needHF(t)
	texts := append(nastyTexts(4000), miniTexts(t)...)
	for _, p := range patterns {
		tok, err := Train(slices.Values(texts), TrainOptions{Vocab: 8192, Pattern: p.name})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "tokenizer.json")
		if err := os.WriteFile(path, saved(t, tok), 0o666); err != nil {
			t.Fatal(err)
		}
		wrong := 0
		for i, want := range encodeHF(t, path, texts) {
			if got := tok.Encode(nil, texts[i]); !slices.Equal(got, want) {
				if wrong++; wrong <= 5 {
					t.Errorf("%s: %.200q is %v, want %v", p.name, texts[i], got, want)
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d texts differ", p.name, wrong, len(texts))
		}
	}
}

// The library's merges, in order, are ours: recorded in testdata, and of the
// mini corpus where the library is at hand.
func TestTrainAsHuggingFace(t *testing.T) {
	for _, p := range patterns {
		dir := filepath.Join("testdata", p.name)
		record := filepath.Join(dir, "merges.txt")
		if *update && os.Getenv("CLIMB_TEST_HF") != "" {
			merges := trainHF(t, dir, "testdata/text.txt")
			if err := os.WriteFile(record, []byte(strings.Join(merges, "\n")), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		tok := trained(t, TrainOptions{Vocab: 30000, MinFrequency: 1, Pattern: p.name})
		if d := cmp.Diff(strings.Split(string(data), "\n"), mergeNames(tok)); d != "" {
			t.Errorf("%s: %s", p.name, d)
		}
	}
	t.Run("mini", func(t *testing.T) {
		needHF(t)
		text := strings.SplitAfter(strings.Join(miniTexts(t), "\n"), "\n")
		path := filepath.Join(t.TempDir(), "text.txt")
		if err := os.WriteFile(path, []byte(strings.Join(text, "")), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, p := range patterns {
			merges := trainHF(t, filepath.Join("testdata", p.name), path)
			tok, err := Train(slices.Values(text), TrainOptions{Vocab: 30000, MinFrequency: 1, Pattern: p.name})
			if err != nil {
				t.Fatal(err)
			}
			ours, same := mergeNames(tok), 0
			for same < min(len(ours), len(merges)) && ours[same] == merges[same] {
				same++
			}
			t.Logf("%s: the first %d merges of %d and %d are the same", p.name, same, len(ours), len(merges))
			if same < min(len(ours), len(merges)) {
				t.Errorf("%s: merge %d differs", p.name, same)
			}
		}
	})
}

func trainHF(t testing.TB, dir, text string) []string {
	out := filepath.Join(t.TempDir(), "out.json")
	runHF(t, nil, "train", filepath.Join(dir, "tokenizer.json"), text, out)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var f fileJSON
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	var merges []string
	for _, m := range f.Model.Merges {
		merges = append(merges, m[0]+" "+m[1])
	}
	return merges
}

func mergeNames(tok *Tokenizer) []string {
	var out []string
	for _, m := range tok.merges {
		out = append(out, tok.names[m[0]]+" "+tok.names[m[1]])
	}
	return out
}
