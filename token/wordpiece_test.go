package token

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func wordPiece(t testing.TB, dir string) *WordPiece {
	t.Helper()
	w, err := LoadWordPiece(filepath.Join("testdata", dir))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// pieceNames spells ids as the file does.
func pieceNames(t testing.TB, dir string, ids []uint32) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", dir, "tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f bertJSON
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	names := make([]string, len(ids))
	for name, id := range f.Model.Vocab {
		for i := range ids {
			if ids[i] == id {
				names[i] = name
			}
		}
	}
	return names
}

// The pieces were worked out by hand from the description of BERT's tokenizer
// (Devlin et al. 2019, section "Tokenization" of the README of its code): clean,
// lower case, accents, punctuation alone, then the longest piece from the left.
func TestWordPieceByHand(t *testing.T) {
	for _, c := range []struct{ dir, text, want string }{
		{"bert", "The CAT sat.", "the cat sat ."},
		{"bert", "unbreakable walkers", "un ##break ##able walker ##s"}, // the longest start, not walk
		{"bert", "walked, walking!", "walk ##ed , walk ##ing !"},
		{"bert", "Don't", "do ##n ' t"},
		{"bert", "né€ né", "[UNK] n ##e"}, // at one place no piece fits: all of the word is unknown
		{"bert", "ab", "a ##b"},
		{"bert", "a\tb\r\nc\u00a0d\u3000e", "a b c d e"},
		{"bert", "c\x00a\u200bt\ufffd\x7f", "cat"}, // control and format characters go
		{"bert", "a\vb", "a ##b"},                  // also those that are white space
		{"bert", "É e\u0301 \u0301", "e e"},        // accents go, with decomposition
		{"bert", "İx", "i ##x"},                    // the dot is an accent
		{"bert", "漢字x字", "漢 字 x 字"},                // each a word
		{"bert", "$^<|>[a]", "$ ^ < | > [ a ]"},    // symbols of ASCII, too
		{"bert", "“a”(b)", "“ a ” ( b )"},          // punctuation beyond ASCII
		{"bert", "12345 1234", "123 ##45 123 ##4"}, // longest first
		{"bert", "[CLS]", "[ c ##l ##s ]"},         // not the special token
		{"bert", strings.Repeat("a", 100), "a" + strings.Repeat(" ##a", 99)},
		{"bert", strings.Repeat("a", 101), "[UNK]"}, // a word of more than 100 characters
		{"bert", "\xffa\xf0\x28", "a ("},            // what is not UTF-8 is U+FFFD, which goes
		{"bert-cased", "The LÉ", "The [UNK]"},
		{"bert-cased", "Éé e\u0301\u0301", "É ##é e\u0301 ##\u0301"},
		{"bert-cased", "AB\x00", "[UNK]"}, // nothing is cleaned
		{"bert-cased", "AB a\vb", "A ##B a b"},
		{"bert-cased", "漢字", "漢 ##字"},
	} {
		w := wordPiece(t, c.dir)
		got := pieceNames(t, c.dir, w.Encode(nil, c.text, 1000))
		if want := "[CLS] " + c.want + " [SEP]"; strings.Join(got, " ") != want {
			t.Errorf("%s: %.40q is %q, want %q", c.dir, c.text, got, want)
		}
	}
}

// Hugging Face's library (see hf_test.go) gives the same tokens.
func TestWordPieceAsRecordedFromHuggingFace(t *testing.T) {
	for _, dir := range []string{"bert", "bert-cased"} {
		record := filepath.Join("testdata", dir, "encoded.json")
		if *update && os.Getenv("CLIMB_TEST_HF") != "" {
			r := recorded{Texts: append(append(lines(t), nastyTexts(100)...), pieceTexts(200)...)}
			r.IDs = encodeHF(t, filepath.Join("testdata", dir, "tokenizer.json"), r.Texts)
			data, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(record, append(data, '\n'), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		data, err := os.ReadFile(record)
		if err != nil {
			t.Fatal(err)
		}
		var r recorded
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
		if len(r.Texts) < 300 {
			t.Errorf("%s: only %d texts", dir, len(r.Texts))
		}
		checkPieces(t, wordPiece(t, dir), r.Texts, r.IDs)
	}
}

func TestWordPieceAsHuggingFace(t *testing.T) {
	needHF(t)
	texts := append(append(nastyTexts(4000), miniTexts(t)...), pieceTexts(4000)...)
	for _, dir := range []string{"bert", "bert-cased"} {
		checkPieces(t, wordPiece(t, dir), texts, encodeHF(t, filepath.Join("testdata", dir, "tokenizer.json"), texts))
	}
}

// checkPieces compares with ids that have nothing around them.
func checkPieces(t *testing.T, w *WordPiece, texts []string, want [][]uint32) {
	t.Helper()
	for i, text := range texts {
		got := w.Encode(nil, text, 1<<30)
		if !slices.Equal(got[1:len(got)-1], want[i]) {
			t.Errorf("%.200q is %v, want %v", text, got[1:len(got)-1], want[i])
		}
	}
}

// pieceTexts are n texts of pieces and of what normalisation touches.
func pieceTexts(n int) []string {
	rng := rand.New(rand.NewPCG(5, 6))
	parts := []string{"un", "break", "able", "walker", "ing", "ed", "s", "12", "345", "e\u0301", "É", "İ", "ß", "ẞ", "Σ", "ς", "漢", "字", "\u2b82", "\u00ad", "\u0301",
		"\u0307", "i\u0307", "ǆ", "ﬁ", "Å", "ệ", "가", "각", " ", "\n", "\v", "\u2028", "\u0085", "-", "'", "¿", "…", "€", "🙂", "\ue000", "\u0345", "\u1d165", "ⅷ", "x", "A", "B"}
	texts := make([]string, n)
	for i := range texts {
		for range 1 + rng.IntN(20) {
			texts[i] += parts[rng.IntN(len(parts))]
		}
	}
	return texts
}

// What a limit leaves is the start of the text, and the tokens around it stay.
func TestWordPieceLimit(t *testing.T) {
	w := wordPiece(t, "bert")
	for _, text := range append(pieceTexts(50), "unbreakable walkers", strings.Repeat("a b ", 1000)) {
		all := w.Encode(nil, text, 1<<30)
		for limit := range min(len(all), 30) + 2 {
			inner := max(0, min(limit-2, len(all)-2))
			want := slices.Concat([]uint32{9}, all[:1+inner], all[len(all)-1:])
			if got := w.Encode([]uint32{9}, text, limit); !slices.Equal(got, want) {
				t.Fatalf("%.100q within %d is %v, want %v", text, limit, got, want)
			}
		}
	}
}

func TestWordPieceErrors(t *testing.T) {
	data, err := os.ReadFile("testdata/bert/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`"WordPiece",`, `"Unigram",`, "model.type"},
		{`"BertNormalizer"`, `"NFC"`, "normalizer.type"},
		{`"BertPreTokenizer"`, `"Whitespace"`, "pre_tokenizer.type"},
		{`"TemplateProcessing"`, `"ByteLevel"`, "post_processor.type"},
		{`"unk_token": "[UNK]"`, `"unk_token": "?!"`, "model.unk_token"},
		{`"special": true`, `"special": false`, "added_tokens[0]"},
		{`"[SEP]": 3`, `"[SEP]": 2`, "have the same id 2"},
		{`"[SEP]": 3`, `"[SEP]": 4194304`, "is not below 4194304"},
		{`"id": 0`, `"id": 1`, "added_tokens[0].id"},
		{`"padding": null`, `"padding": {"pad_id": 99999}`, "padding.pad_id"},
		{`"max_input_chars_per_word": 100`, `"max_input_chars_per_word": 0`, "model.max_input_chars_per_word"},
		{`"version": "1.0",`, `"version": "1.0"`, "line 3"},
	} {
		if !strings.Contains(string(data), c.old) {
			t.Fatalf("the file has no %s", c.old)
		}
		_, err := ParseWordPiece("some.json", []byte(strings.Replace(string(data), c.old, c.new, 1)))
		if c.old == `"WordPiece",` { // the decoder has that type, too
			_, err = ParseWordPiece("some.json", []byte(strings.ReplaceAll(string(data), c.old, c.new)))
		}
		if err == nil || !strings.Contains(err.Error(), "some.json") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: %v, want %s", c.new, c.old, err, c.want)
		}
	}
	if _, err := Load("testdata/bert"); err == nil {
		t.Error("a WordPiece tokenizer is read as byte-level BPE")
	}
}

func FuzzWordPieceFile(f *testing.F) {
	for _, dir := range []string{"bert", "bert-cased"} {
		data, err := os.ReadFile(filepath.Join("testdata", dir, "tokenizer.json"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "Unbreakable É!")
	}
	f.Add([]byte(`{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":0,"":1,"##":2}},"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":{"type":"BertProcessing","cls":["a",0],"sep":[]}}`), "b")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		w, err := ParseWordPiece("fuzz", data)
		if err != nil {
			return
		}
		const limit = 64
		ids := w.Encode(nil, text, limit)
		if len(ids) > max(limit, w.Around()) || len(ids) < w.Around() {
			t.Errorf("%d tokens for a limit of %d and %d around", len(ids), limit, w.Around())
		}
		for _, id := range ids {
			if int(id) >= w.Vocab() {
				t.Errorf("the id %d is not below %d", id, w.Vocab())
			}
		}
	})
}

func BenchmarkWordPiece(b *testing.B) {
	w := wordPiece(b, "bert")
	text := strings.Join(miniTexts(b)[:200], " ")
	b.SetBytes(int64(len(text)))
	var ids []uint32
	for b.Loop() {
		ids = w.Encode(ids[:0], text, 1<<30)
	}
}
