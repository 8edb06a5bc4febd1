package token

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the files in testdata")

func saved(t testing.TB, tok *Tokenizer) []byte {
	var b bytes.Buffer
	if err := tok.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTokenizerGolden(t *testing.T) {
	for _, p := range patterns {
		got := saved(t, trained(t, TrainOptions{Vocab: 400, Pattern: p.name}))
		path := filepath.Join("testdata", p.name, "tokenizer.json")
		if *update {
			if err := os.WriteFile(path, got, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}

func TestLoadGivesTheSameTokenizer(t *testing.T) {
	for _, p := range patterns {
		tok := trained(t, TrainOptions{Vocab: 600, Pattern: p.name})
		file := saved(t, tok)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "tokenizer.json"), file, 0o666); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{dir, filepath.Join(dir, "tokenizer.json")} {
			got, err := Load(path)
			if err != nil {
				t.Fatal(err)
			}
			if got.pattern.name != p.name || got.Vocab() != tok.Vocab() || got.EOD() != tok.EOD() {
				t.Errorf("pattern %s, %d ids, EOD %d", got.pattern.name, got.Vocab(), got.EOD())
			}
			for _, s := range lines(t) {
				if !slices.Equal(got.Encode(nil, s), tok.Encode(nil, s)) {
					t.Errorf("%q is encoded otherwise", s)
				}
			}
			if !bytes.Equal(saved(t, got), file) {
				t.Error("saved again, the file differs")
			}
		}
	}
}

// edit decodes a saved tokenizer, changes it, and encodes it again.
func edit(t testing.TB, change func(f, model map[string]any)) []byte {
	var f map[string]any
	if err := json.Unmarshal(saved(t, trained(t, TrainOptions{Vocab: 300})), &f); err != nil {
		t.Fatal(err)
	}
	change(f, f["model"].(map[string]any))
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t testing.TB, data []byte) *Tokenizer {
	tok, err := Parse("test.json", data)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestParseMergesAsPairs(t *testing.T) {
	plain := parse(t, edit(t, func(_, _ map[string]any) {}))
	pairs := parse(t, edit(t, func(_, model map[string]any) {
		for i, m := range model["merges"].([]any) {
			model["merges"].([]any)[i] = strings.Split(m.(string), " ")
		}
	}))
	if d := cmp.Diff(plain.merges, pairs.merges); d != "" || len(plain.merges) == 0 {
		t.Errorf("%d merges; %s", len(plain.merges), d)
	}
}

func TestParseOfOtherMakers(t *testing.T) {
	// As GPT-2's file: no type, ByteLevel without use_regex, <|endoftext|> last.
	gpt2 := parse(t, edit(t, func(f, model map[string]any) {
		delete(model, "type")
		model["continuing_subword_prefix"], model["end_of_word_suffix"] = "", ""
		f["pre_tokenizer"] = map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}
		delete(model["vocab"].(map[string]any), "<|endoftext|>")
		f["added_tokens"] = []any{map[string]any{"id": 300, "content": "<|endoftext|>", "special": true}}
	}))
	if gpt2.pattern.name != "gpt2" || gpt2.EOD() != 300 || gpt2.Vocab() != 301 {
		t.Errorf("pattern %s, EOD %d, %d ids", gpt2.pattern.name, gpt2.EOD(), gpt2.Vocab())
	}
	// As Llama 3's: ignore_merges, an end token of another name, a post_processor.
	llama := parse(t, edit(t, func(f, model map[string]any) {
		model["ignore_merges"] = true
		vocab := model["vocab"].(map[string]any)
		vocab["zqzq"] = 300 // no merge makes it
		delete(vocab, "<|endoftext|>")
		f["added_tokens"] = []any{
			map[string]any{"id": 301, "content": "<|begin_of_text|>", "special": true},
			map[string]any{"id": 302, "content": "<|end_of_text|>", "special": true}}
		f["post_processor"] = map[string]any{"type": "TemplateProcessing"}
	}))
	if got := llama.Encode(nil, "zqzq"); !slices.Equal(got, []uint32{300}) || llama.EOD() != 302 {
		t.Errorf("zqzq is %v, EOD %d", got, llama.EOD())
	}
	if got := parse(t, saved(t, llama)).Encode(nil, "zqzq"); !slices.Equal(got, []uint32{300}) {
		t.Errorf("after saving, zqzq is %v", got)
	}
}

func TestAddedTokensThatAreNotSpecial(t *testing.T) {
	tok := parse(t, edit(t, func(f, _ map[string]any) {
		f["added_tokens"] = append(f["added_tokens"].([]any),
			map[string]any{"id": 300, "content": "  ", "special": false},
			map[string]any{"id": 301, "content": "    ", "special": false})
	}))
	const text = "a     b   "
	ids := tok.Encode(nil, text)
	want := slices.Concat(tok.Encode(nil, "a"), []uint32{301}, tok.Encode(nil, " b"), []uint32{300}, tok.Encode(nil, " "))
	if !slices.Equal(ids, want) || tok.Decode(ids) != text {
		t.Errorf("tokens %v, want %v; decoded %q", ids, want, tok.Decode(ids))
	}
}

func TestParseNamesTheField(t *testing.T) {
	type m = map[string]any
	pre := func(v any) func(f, model m) { return func(f, _ m) { f["pre_tokenizer"] = v } }
	model := func(k string, v any) func(f, model m) { return func(_, model m) { model[k] = v } }
	added := func(v m) func(f, model m) {
		return func(f, _ m) { f["added_tokens"] = append(f["added_tokens"].([]any), v) }
	}
	vocab := func(k string, v any) func(f, model m) { return func(_, model m) { model["vocab"].(m)[k] = v } }
	for want, change := range map[string]func(f, model m){
		`model.type: "WordPiece"`:               model("type", "WordPiece"),
		`normalizer.type: "Precompiled" is not`: func(f, _ m) { f["normalizer"] = m{"type": "Precompiled"} },
		`normalizer.normalizers[1].type: "Nmt"`: func(f, _ m) {
			f["normalizer"] = m{"type": "Sequence", "normalizers": []m{{"type": "NFC"}, {"type": "Nmt"}}}
		},
		`normalizer.pattern: \1 is not`:            func(f, _ m) { f["normalizer"] = m{"type": "Replace", "pattern": m{"Regex": `(a)\1`}, "content": ""} },
		`model.dropout: 0.1`:                       model("dropout", 0.1),
		`model.continuing_subword_prefix: "##"`:    model("continuing_subword_prefix", "##"),
		`model.end_of_word_suffix: "</w>"`:         model("end_of_word_suffix", "</w>"),
		`model.vocab: <0x00> is missing`:           func(f, model m) { f["pre_tokenizer"] = nil; model["byte_fallback"] = true },
		`model.unk_token: "<unk>" is not in`:       func(f, model m) { f["pre_tokenizer"] = nil; model["unk_token"] = "<unk>" },
		`decoder.type: "CTC" is not`:               func(f, _ m) { f["decoder"] = m{"type": "CTC"} },
		`decoder.decoders[0].type: "BPEDecoder"`:   func(f, _ m) { f["decoder"] = m{"type": "Sequence", "decoders": []m{{"type": "BPEDecoder"}}} },
		`pre_tokenizer.type: "UnicodeScripts"`:     pre(m{"type": "UnicodeScripts"}),
		`pre_tokenizer.prepend_scheme: "last"`:     pre(m{"type": "Metaspace", "prepend_scheme": "last"}),
		`pre_tokenizer.pretokenizers[0].pattern: `: pre(m{"type": "Sequence", "pretokenizers": []m{{"type": "Split", "behavior": "Removed"}, {"type": "ByteLevel"}}}),
		`pretokenizers[0].behavior: "Dropped"`:     pre(m{"type": "Sequence", "pretokenizers": []m{{"type": "Split", "behavior": "Dropped", "pattern": m{"Regex": "a"}}, {"type": "ByteLevel"}}}),
		`pretokenizers[1]: a second ByteLevel`:     pre(m{"type": "Sequence", "pretokenizers": []m{{"type": "ByteLevel"}, {"type": "ByteLevel"}}}),
		`pre_tokenizer.pattern: named groups are`:  pre(m{"type": "Split", "behavior": "Isolated", "pattern": m{"Regex": `(?<x>\d)`}}),
		`model.merges[0]: the token "zz" is not`:   model("merges", []string{"zz a"}),
		`model.merges: "abc" is not a pair`:        model("merges", []string{"abc"}),
		`model.merges: ["a"] is not a pair`:        model("merges", [][]string{{"a"}}),
		`model.vocab: the byte 0x61 ("a")`:         func(_, model m) { delete(model["vocab"].(m), "a"); model["merges"] = []string{} },
		`model.vocab: holds an empty token`:        vocab("", 400),
		`model.vocab: the id 4194304 of "zq"`:      vocab("zq", maxID),
		`have the same id 5`:                       vocab("zq", 5),
		`model.vocab of type uint32`:               vocab("zq", -1),
		`added_tokens: no special token`:           func(f, _ m) { f["added_tokens"] = []any{} },
		`added_tokens[1].content: is empty`:        added(m{"id": 300, "content": ""}),
		`added_tokens[1].id: 4194304`:              added(m{"id": maxID, "content": "x1"}),
		`added_tokens[1].id: "a" has the id 300`:   added(m{"id": 300, "content": "a"}),
		`added_tokens[1].id: 0 is that of "<|en`:   added(m{"id": 0, "content": "x1"}),
	} {
		_, err := Parse("dir/tokenizer.json", edit(t, change))
		if err == nil || !strings.HasPrefix(err.Error(), "read tokenizer dir/tokenizer.json: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := Parse("x", []byte("{\n\"version\": \"1.0\",\n]")); err == nil || !strings.HasPrefix(err.Error(), "read tokenizer x: line 3: ") {
		t.Errorf("syntax: %v", err)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.json")); err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("no file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range patterns {
		f.Add(saved(f, trained(f, TrainOptions{Vocab: 264, Pattern: p.name})), "lower 123")
	}
	for name, file := range variants(f) {
		f.Add(file, "a1 \u0301 "+name)
	}
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a","a"]]}}`), "a")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		tok, err := Parse("fuzz", data)
		if err != nil {
			return
		}
		ids := tok.EncodeSpecial(nil, text)
		if got := tok.Decode(tok.Encode(nil, text)); got != text && tok.exact() {
			t.Errorf("%q came back as %q", text, got)
		}
		tok.Continue(ids, text, text)
		again, err := Parse("again", saved(t, tok))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.Encode(nil, text), tok.Encode(nil, text)) {
			t.Errorf("%q is encoded otherwise after saving", text)
		}
	})
}

// exact tells whether decoding gives every text back.
func (t *Tokenizer) exact() bool {
	stripped := slices.ContainsFunc(t.added, func(a addedToken) bool { return !a.Special && (a.LStrip || a.RStrip) })
	return t.chars == nil && t.decode == nil && !t.joined && !stripped
}

// TestUnknownFieldsAreRefused: what a newer library may mean by them would cut
// texts in another way.
func TestUnknownFieldsAreRefused(t *testing.T) {
	for want, change := range map[string]func(f, model map[string]any){
		"model.cut_at_digits":             func(_, model map[string]any) { model["cut_at_digits"] = true },
		"fallback":                        func(f, _ map[string]any) { f["fallback"] = map[string]any{"type": "x"} },
		"pre_tokenizer.behavior_at_end":   func(f, _ map[string]any) { f["pre_tokenizer"].(map[string]any)["behavior_at_end"] = 1 },
		"added_tokens[0].case_sensitive:": func(f, _ map[string]any) { f["added_tokens"].([]any)[0].(map[string]any)["case_sensitive"] = false },
	} {
		if _, err := Parse("test.json", edit(t, change)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "is not known here") {
			t.Errorf("%s: %v", want, err)
		}
	}
	parse(t, edit(t, func(f, model map[string]any) { f["fallback"], model["cut_at_digits"] = nil, nil }))
}
