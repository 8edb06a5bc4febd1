package token

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testdata/variants.json lists tokenizers in the shape of published ones: their
// normalizer, pre-tokenizers, decoder, added tokens and switches of the model,
// over one of two small vocabularies: that of testdata/gpt2 on bytes, and that of
// testdata/metaspace on characters, which npm's tokenizers 0.23.2 was trained
// for. Ids of added tokens below 0 count from the end of the vocabulary.
type variant struct {
	Name        string           `json:"name"`
	Base        string           `json:"base"`
	Normalizer  json.RawMessage  `json:"normalizer"`
	Pre         json.RawMessage  `json:"pre_tokenizer"`
	Decoder     json.RawMessage  `json:"decoder"`
	Post        json.RawMessage  `json:"post_processor"`
	AddedTokens []map[string]any `json:"added"`
	Model       map[string]any   `json:"model"`
}

// file is the tokenizer.json; without special tokens that are found in text
// where plain is set.
func (v *variant) file(t testing.TB, plain bool) []byte {
	data, err := os.ReadFile(filepath.Join("testdata", map[string]string{"bytes": "gpt2", "chars": "metaspace"}[v.Base], "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f map[string]any
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	model := f["model"].(map[string]any)
	maps.Copy(model, v.Model)
	vocab := model["vocab"].(map[string]any)
	added := f["added_tokens"].([]any)
	if v.Base == "chars" {
		added = []any{}
	}
	for _, a := range v.AddedTokens {
		a = maps.Clone(a)
		if id := a["id"].(float64); id < 0 {
			a["id"] = float64(len(vocab)-1) - id
		}
		added = append(added, a)
	}
	if plain { // the model keeps what special tokens have for ids
		for _, a := range added {
			vocab[a.(map[string]any)["content"].(string)] = a.(map[string]any)["id"]
		}
		added = slices.DeleteFunc(added, func(a any) bool { return a.(map[string]any)["special"].(bool) })
	}
	f["added_tokens"], f["normalizer"], f["pre_tokenizer"], f["decoder"], f["post_processor"] = added, v.Normalizer, v.Pre, v.Decoder, v.Post
	if data, err = json.Marshal(f); err != nil {
		t.Fatal(err)
	}
	return data
}

func readVariants(t testing.TB) []variant {
	data, err := os.ReadFile("testdata/variants.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []variant
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func variants(t testing.TB) map[string][]byte {
	out := map[string][]byte{}
	for _, v := range readVariants(t) {
		out[v.Name] = v.file(t, false)
	}
	return out
}

// difficult are the texts that the ids of every variant are recorded for.
var difficult = []string{
	"The people of the world are here.",
	" leading and trailing ",
	"   three  spaces   and\ttabs\t\t\nand lines\n\n\nend\n",
	"\r\nCRLF\r\n\r\n lines \r alone\r",
	"I'm you're WE'LL it'S don't 'tis 's 'ſ o'clock",
	"0 12 123 1234 12345 1234567 3.14 1,000,000 ٣٤٥ ½ Ⅷ ² 2024年",
	"Привет, мир! Как дела? ΑΒΓ αβγ",
	"漢字とかな、日本語。한국어 العربية مرحبا नमस्ते ไทย",
	"e\u0301 é ñ n\u0303 Å A\u030a ﬁ ﬀ 한 \u1112\u1161\u11ab ḍ\u0307 d\u0307\u0323",
	"👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 ☃️ 🙂🙂",
	"\u00a0nbsp\u2003em\u3000wide\u200bzero\ufeffbom\u2028line\u0085next",
	"\x00\x01\x1b[0m\x7f\v\f control",
	"bad \ufffd\ufffd bytes \ufffd",
	"for (int i=0; i<n; i++) {\n\tx[i] += y[i]*2; // 𝒳 != \"y\"\n}\n\n    return x;",
	"https://example.com/a_b?c=d&e=%20#f user@mail.org",
	"<|endoftext|> in text <|im_start|>user\nhi<|im_end|> </s><s> [INST] x [/INST]  <mask>  <|user|>\n  y <unk>",
	"<tool_call> |||EMAIL_ADDRESS||| >>TITLE<< <h1> ▁▁ \n\n ø <|begin_of_text|><｜begin▁of▁sentence｜>",
	"École ecole ÉCOLE Word Words word. a cut  of cutting cut",
	strings.Repeat("lower", 40) + strings.Repeat("漢", 40) + strings.Repeat("9", 70),
	strings.Repeat(" ", 70) + "x" + strings.Repeat("\n", 40) + strings.Repeat("\t", 9) + ".",
	"CamelCaseHTTPServer snake_case kebab-case XMLÜber iPhone's MCDONALD'S ǅ ǆ ʰ",
	"…—–“quoted” ‘single’ «guillemets» !!!??? #$%^&*()_+{}|:<>~` ⁂ ± × ÷ € ₹",
	"▁metaspace▁ in text ▁ and<0x41> <0xE9> bytes",
}

// recordedVariant is what the library gave.
type recordedVariant struct {
	Special [][]uint32     `json:"special"` // ids of every text, special tokens found in it
	Plain   map[int]any    `json:"plain"`   // where they differ if special tokens are not
	Decoded map[int]string `json:"decoded"` // of the ids of special, where it is not the text
}

const recordedVariants = "testdata/variants-encoded.json"

// hfRun asks the library for every file.
func hfRun(t testing.TB, mode string, files [][]byte, in any) (out [][]json.RawMessage) {
	dir := t.TempDir()
	args := []string{mode}
	for i, f := range files {
		path := filepath.Join(dir, string(rune('a'+i/26))+string(rune('a'+i%26))+".json")
		if err := os.WriteFile(path, f, 0o666); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	stdin, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(runHF(t, stdin, args...), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (r *recordedVariant) decoded(i int) string {
	if s, ok := r.Decoded[i]; ok {
		return s
	}
	return difficult[i]
}

// recordVariants asks the library anew.
func recordVariants(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not here")
	}
	list := readVariants(t)
	var files, plain [][]byte
	for i := range list {
		files, plain = append(files, list[i].file(t, false)), append(plain, list[i].file(t, true))
	}
	var out bytes.Buffer
	out.WriteString("{\n")
	marked, unmarked, decoded := hfRun(t, "encode-many", files, difficult), hfRun(t, "encode-many", plain, difficult), hfRun(t, "round-many", files, difficult)
	for i, v := range list {
		r := map[string]any{"special": marked[i]}
		differ, texts := map[int]any{}, map[int]any{}
		for k := range difficult {
			if !bytes.Equal(marked[i][k], unmarked[i][k]) {
				differ[k] = unmarked[i][k]
			}
			var s string
			if err := json.Unmarshal(decoded[i][k], &s); err != nil {
				t.Fatal(err)
			}
			if s != difficult[k] {
				texts[k] = s
			}
		}
		r["plain"], r["decoded"] = differ, texts
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(map[bool]string{false: "", true: ",\n"}[i > 0] + `"` + v.Name + `": ` + string(line))
	}
	out.WriteString("\n}\n")
	if err := os.WriteFile(recordedVariants, out.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestVariantsAsRecordedFromHuggingFace(t *testing.T) {
	if *update && os.Getenv("CLIMB_TEST_HF") != "" {
		recordVariants(t)
	}
	data, err := os.ReadFile(recordedVariants)
	if err != nil {
		t.Fatal(err)
	}
	var recorded map[string]recordedVariant
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(difficult) != 23 || len(recorded) < 40 {
		t.Errorf("%d texts, %d variants", len(difficult), len(recorded))
	}
	for _, v := range readVariants(t) {
		t.Run(v.Name, func(t *testing.T) {
			tok, err := Parse(v.Name, v.file(t, false))
			if err != nil {
				t.Fatal(err)
			}
			again := parse(t, saved(t, tok))
			r := recorded[v.Name]
			for i, text := range difficult {
				got := tok.EncodeSpecial(nil, text)
				if !slices.Equal(got, r.Special[i]) {
					t.Errorf("%q is %v, recorded %v", text, got, r.Special[i])
				}
				if s := tok.Decode(got); strings.ToValidUTF8(s, "\ufffd") != strings.ToValidUTF8(r.decoded(i), "\ufffd") {
					t.Errorf("%q decodes to %q, recorded %q", text, s, r.decoded(i))
				}
				if !slices.Equal(again.EncodeSpecial(nil, text), got) {
					t.Errorf("%q is encoded otherwise after saving", text)
				}
				want := r.Special[i]
				if plain, ok := r.Plain[i]; ok {
					want = nil
					for _, id := range plain.([]any) {
						want = append(want, uint32(id.(float64)))
					}
				}
				if got := tok.Encode(nil, text); !slices.Equal(got, want) {
					t.Errorf("without special tokens %q is %v, recorded %v", text, got, want)
				}
			}
		})
	}
}

// Many more texts, where the library is at hand.
func TestVariantsAsHuggingFace(t *testing.T) {
	needHF(t)
	texts := append(nastyTexts(400), difficult...)
	list := readVariants(t)
	var files [][]byte
	for i := range list {
		files = append(files, list[i].file(t, false))
	}
	for i, ids := range hfRun(t, "encode-many", files, texts) {
		tok, wrong := parse(t, files[i]), 0
		for k, raw := range ids {
			var want []uint32
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if got := tok.EncodeSpecial(nil, texts[k]); !slices.Equal(got, want) {
				if wrong++; wrong <= 3 {
					t.Errorf("%s: %q is %v, want %v", list[i].Name, texts[k], got, want)
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d texts differ", list[i].Name, wrong, len(texts))
		}
	}
}

// Bytes of any kind are encoded, and come back where nothing takes them away:
// on bytes without a normalizer, and on characters with byte fallback where
// only spaces are rewritten.
func FuzzVariants(f *testing.F) {
	toks := map[string]*Tokenizer{}
	for name, file := range variants(f) {
		toks[name] = parse(f, file)
	}
	for _, s := range append(difficult, "\xff\xfe\x00 '\xc5", "\xe2\x96") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, tok := range toks {
			ids := tok.EncodeSpecial(nil, s)
			back := tok.Decode(tok.Encode(nil, s))
			if back != s && (tok.exact() || name == "gemma-2" && !strings.Contains(s, "▁") && !strings.Contains(s, "<0x")) {
				t.Errorf("%s: %q came back as %q", name, s, back)
			}
			for _, id := range ids {
				if int(id) >= tok.Vocab() {
					t.Errorf("%s: %q has the id %d of %d", name, s, id, tok.Vocab())
				}
			}
		}
	})
}

// Words of characters are cut where no merge crosses, and the tokens are those
// of the whole text.
func TestCutsOfCharactersChangeNothing(t *testing.T) {
	for _, v := range readVariants(t) {
		tok := parse(t, v.file(t, false))
		if tok.chars == nil {
			continue
		}
		if tok.chars.mark == "" {
			t.Errorf("%s is not cut", v.Name)
		}
		uncut := parse(t, v.file(t, false))
		uncut.chars.mark = ""
		for _, s := range append(nastyTexts(100), difficult...) {
			if got, want := tok.Encode(nil, s), uncut.Encode(nil, s); !slices.Equal(got, want) {
				t.Errorf("%s: %q is %v, uncut %v", v.Name, s, got, want)
			}
		}
	}
}

// A continuation has the tokens that it has in the whole, as in the harness: no
// mark of a start is put into the middle of a text.
func TestContinue(t *testing.T) {
	for _, v := range readVariants(t) {
		tok := parse(t, v.file(t, false))
		const context, rest = "The people of the", " world are"
		got := append(tok.Encode(nil, context), tok.Continue(nil, context, rest)...)
		if want := tok.Encode(nil, context+rest); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", v.Name, got, want)
		}
	}
}

// Bytes that no UTF-8 has may be missing (DeepSeek), others may not.
func TestVocabWithoutBytesThatNoTextHas(t *testing.T) {
	tok := parse(t, edit(t, func(_, model map[string]any) {
		for _, b := range []int{0xc0, 0xc1, 0xf5, 0xff} {
			delete(model["vocab"].(map[string]any), string(alphabet[b]))
		}
	}))
	if got := tok.Decode(tok.Encode(nil, "a\xff🙂\xc0")); got != "a?🙂?" {
		t.Errorf("%q", got)
	}
}

func BenchmarkVariants(b *testing.B) {
	texts := miniTexts(b)[:1000]
	for _, v := range readVariants(b) {
		if !slices.Contains([]string{"gpt2", "qwen2", "smollm", "falcon", "deepseek-v3", "gpt-4o", "llama-2", "gemma"}, v.Name) {
			continue
		}
		tok := parse(b, v.file(b, false))
		b.Run(v.Name, func(b *testing.B) {
			b.SetBytes(size(texts))
			var dst []uint32
			for b.Loop() {
				for _, s := range texts {
					dst = tok.Encode(dst[:0], s)
				}
			}
		})
	}
}
