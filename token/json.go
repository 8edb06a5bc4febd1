package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The parts of Hugging Face's tokenizer.json that we read and write.
type fileJSON struct {
	Version       string           `json:"version"`
	Truncation    *json.RawMessage `json:"truncation"`
	Padding       *json.RawMessage `json:"padding"`
	AddedTokens   []addedToken     `json:"added_tokens"`
	Normalizer    json.RawMessage  `json:"normalizer"`
	PreTokenizer  json.RawMessage  `json:"pre_tokenizer"`
	PostProcessor *json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage  `json:"decoder"`
	Model         modelJSON        `json:"model"`
}

// An addedToken is a token that is no result of merges.
type addedToken struct {
	ID         uint32 `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type typeJSON struct {
	Type string `json:"type"`
}

type byteLevelJSON struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       *bool  `json:"use_regex,omitempty"` // true if absent
}

type modelJSON struct {
	Type          string      `json:"type"`
	Dropout       *float64    `json:"dropout"`
	UnkToken      *string     `json:"unk_token"`
	SubwordPrefix *string     `json:"continuing_subword_prefix"`
	WordSuffix    *string     `json:"end_of_word_suffix"`
	FuseUnk       bool        `json:"fuse_unk"`
	ByteFallback  bool        `json:"byte_fallback"`
	IgnoreMerges  bool        `json:"ignore_merges"`
	Vocab         vocabJSON   `json:"vocab"`
	Merges        []mergeJSON `json:"merges"`
}

// vocabJSON is written in order of id.
type vocabJSON map[string]uint32

func (v vocabJSON) MarshalJSON() ([]byte, error) {
	names := slices.SortedFunc(maps.Keys(v), func(a, b string) int { return int(v[a]) - int(v[b]) })
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	out.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := enc.Encode(name); err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, ":%d", v[name])
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// mergeJSON is written as "a b", which every version of the tokenizers library
// reads, and read as that or as ["a","b"] (version 0.20 and later).
type mergeJSON [2]string

func (m mergeJSON) MarshalText() ([]byte, error) { return []byte(m[0] + " " + m[1]), nil }

func (m *mergeJSON) UnmarshalJSON(b []byte) error {
	var parts []string
	if b[0] == '[' {
		if err := json.Unmarshal(b, &parts); err != nil {
			return err
		}
	} else {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		parts = strings.Split(s, " ")
	}
	if len(parts) != 2 {
		return fmt.Errorf("model.merges: %s is not a pair of tokens", b)
	}
	*m = mergeJSON(parts)
	return nil
}

// parts are the fields of a file that [Tokenizer.Save] writes as they were read.
type parts struct{ normalizer, preTokenizer, decoder json.RawMessage }

// simple are the parts of a tokenizer that cuts by one pattern.
func (t *Tokenizer) simple() (p parts, err error) {
	no, yes := false, true
	byteLevel := preJSON{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &yes}
	pre := &byteLevel
	if t.pattern.regex != gpt2Regex {
		byteLevel.UseRegex = &no
		split := preJSON{Type: "Split", Pattern: &regexJSON{Regex: t.pattern.regex}, Behavior: "Isolated", Invert: &no}
		pre = &preJSON{Type: "Sequence", Pretokenizers: []preJSON{split, byteLevel}}
	}
	if p.preTokenizer, err = json.Marshal(pre); err == nil {
		p.decoder, err = json.Marshal(byteLevelJSON{Type: "ByteLevel", TrimOffsets: true, UseRegex: &yes})
	}
	return p, err
}

// Save writes the tokenizer as tokenizer.json. The same tokenizer gives the
// same bytes. A post_processor that a loaded file had is not kept: nothing is
// put around a text when it is encoded.
func (t *Tokenizer) Save(w io.Writer) error {
	p, err := t.parts, error(nil)
	if t.pattern != nil {
		p, err = t.simple()
	}
	f := fileJSON{Version: "1.0", AddedTokens: t.added, Normalizer: p.normalizer, PreTokenizer: p.preTokenizer, Decoder: p.decoder,
		Model: modelJSON{Type: "BPE", IgnoreMerges: t.ignoreMerges, Vocab: vocabJSON{}, Merges: []mergeJSON{}}}
	if c := t.chars; c != nil {
		f.Model.ByteFallback, f.Model.FuseUnk = c.bytes != nil, c.fuse
		if c.unknown != noToken {
			f.Model.UnkToken = &t.names[c.unknown]
		}
	}
	for id, name := range t.names {
		if name != "" {
			f.Model.Vocab[name] = uint32(id)
		}
	}
	for _, m := range t.merges {
		f.Model.Merges = append(f.Model.Merges, mergeJSON{t.names[m[0]], t.names[m[1]]})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err == nil {
		err = enc.Encode(f)
	}
	if err != nil {
		return fmt.Errorf("write tokenizer: %w", err)
	}
	return nil
}

// Load reads tokenizer.json, or the one in the folder path: BPE over bytes
// (GPT-2, Llama 3, Qwen, DeepSeek, ...) or over characters, with or without byte
// fallback (Llama 2, Gemma, Mistral, ...), with Hugging Face's normalizers,
// pre-tokenizers and decoders, and gives the ids that Hugging Face's library
// gives. What is not supported is refused by naming the file and the field,
// since a tokenizer that is nearly right trains a model that is quietly worse.
func Load(path string) (*Tokenizer, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "tokenizer.json")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %w", err)
	}
	return Parse(path, data)
}

// Parse is [Load] for a file that is in memory; name is used in errors.
func Parse(name string, data []byte) (*Tokenizer, error) {
	return parseFile(name, data, (*fileJSON).tokenizer)
}

// parseFile reads a file as an F and makes a T of it. Errors name the file, and the
// line where it is no JSON.
func parseFile[F, T any](name string, data []byte, tokenizer func(*F) (*T, error)) (*T, error) {
	var f F
	err := json.Unmarshal(data, &f)
	var t *T
	if err == nil {
		t, err = tokenizer(&f)
	}
	if err == nil {
		err = checkKnown(data)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		err = fmt.Errorf("line %d: %w", line, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read tokenizer %s: %w", name, err)
	}
	return t, nil
}

func (f *fileJSON) tokenizer() (*Tokenizer, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	t := &Tokenizer{ignoreMerges: f.Model.IgnoreMerges, added: f.AddedTokens}
	bytes, err := t.setParts(f)
	if err != nil {
		return nil, err
	}
	if err := t.setVocab(f.Model.Vocab, bytes); err != nil {
		return nil, err
	}
	for i, m := range f.Model.Merges {
		var ids [3]uint32
		for k, s := range []string{m[0], m[1], m[0] + m[1]} {
			id, ok := f.Model.Vocab[s]
			if !ok || s == "" {
				return nil, fmt.Errorf("model.merges[%d]: the token %q is not in model.vocab", i, s)
			}
			ids[k] = id
		}
		t.merges = append(t.merges, ids)
	}
	if !bytes {
		if t.chars, err = newCharacters(t, &f.Model); err != nil {
			return nil, err
		}
	}
	return t, t.assemble()
}

// part reads one of the parts of a file; nil if it is absent or null.
func part[T any](data json.RawMessage) (*T, error) {
	if len(data) == 0 || string(data) == "null" {
		return nil, nil
	}
	var p T
	return &p, json.Unmarshal(data, &p)
}

// setParts makes the normalizer, the pre-tokenizers and the decoder, and tells
// whether the tokenizer works on bytes.
func (t *Tokenizer) setParts(f *fileJSON) (bytes bool, err error) {
	normal, err := part[normalJSON](f.Normalizer)
	if err != nil {
		return false, err
	}
	if t.normalize, err = normal.normalizer("normalizer"); err != nil {
		return false, err
	}
	pre, err := part[preJSON](f.PreTokenizer)
	if err != nil {
		return false, err
	}
	var c cutters
	if err := c.add(pre, "pre_tokenizer"); err != nil {
		return false, err
	}
	decode, err := part[decodeJSON](f.Decoder)
	if err != nil {
		return false, err
	}
	switch {
	case decode == nil && !c.bytes:
		t.decode = func(tokens []string) []string { return []string{strings.Join(tokens, " ")} } // as the library does
	case decode != nil && !(c.bytes && decode.Type == "ByteLevel"):
		if t.decode, err = decode.decoder("decoder"); err != nil {
			return false, err
		}
	}
	t.cutters, t.parts = c, parts{f.Normalizer, f.PreTokenizer, f.Decoder}
	t.joined = t.normalize != nil || c.changes
	if len(c.list) == 1 && c.bytes && t.normalize == nil && t.decode == nil {
		if scan, ok := c.list[0].(scanner); ok {
			t.pattern = scan.pattern
		}
	}
	return c.bytes, nil
}

// check refuses the settings that would change an encoding and that we do not
// have.
func (f *fileJSON) check() error {
	m := &f.Model
	switch {
	case m.Type != "BPE" && (m.Type != "" || len(m.Merges) == 0): // old files do not say
		return fmt.Errorf("model.type: %q is not BPE", m.Type)
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("model.dropout: %v is not supported; set it to null", *m.Dropout)
	case m.SubwordPrefix != nil && *m.SubwordPrefix != "":
		return fmt.Errorf("model.continuing_subword_prefix: %q is not supported", *m.SubwordPrefix)
	case m.WordSuffix != nil && *m.WordSuffix != "":
		return fmt.Errorf("model.end_of_word_suffix: %q is not supported", *m.WordSuffix)
	}
	return nil
}

const maxID = 1 << 22 // so that a damaged file cannot ask for all memory

// setVocab fills names and tokens from model.vocab and t.added; bytes tells
// whether names are written in the byte-level alphabet.
func (t *Tokenizer) setVocab(vocab vocabJSON, bytes bool) error {
	put := func(s *[]string, id uint32, name string) {
		*s = slices.Grow(*s, max(0, int(id)+1-len(*s)))
		*s = (*s)[:max(len(*s), int(id)+1)]
		(*s)[id] = name
	}
	for _, name := range slices.Sorted(maps.Keys(vocab)) {
		id := vocab[name]
		switch {
		case name == "":
			return errors.New("model.vocab: holds an empty token")
		case id >= maxID:
			return fmt.Errorf("model.vocab: the id %d of %q is not below %d", id, name, maxID)
		case int(id) < len(t.names) && t.names[id] != "":
			return fmt.Errorf("model.vocab: %q and %q have the same id %d", t.names[id], name, id)
		}
		put(&t.names, id, name)
		if bytes {
			name = unspell(name)
		}
		put(&t.tokens, id, name)
	}
	for i, a := range t.added {
		id, known := vocab[a.Content]
		switch {
		case a.Content == "":
			return fmt.Errorf("added_tokens[%d].content: is empty", i)
		case a.ID >= maxID:
			return fmt.Errorf("added_tokens[%d].id: %d is not below %d", i, a.ID, maxID)
		case known && id != a.ID:
			return fmt.Errorf("added_tokens[%d].id: %q has the id %d here and %d in model.vocab", i, a.Content, a.ID, id)
		case !known && int(a.ID) < len(t.tokens) && t.tokens[a.ID] != "" && t.tokens[a.ID] != a.Content:
			return fmt.Errorf("added_tokens[%d].id: %d is that of %q already", i, a.ID, t.tokens[a.ID])
		case !a.Special && known && t.tokens[id] != a.Content:
			return fmt.Errorf("added_tokens[%d].content: %q decodes to %q", i, a.Content, t.tokens[id])
		}
		if !known {
			put(&t.tokens, a.ID, a.Content)
		}
	}
	return nil
}
