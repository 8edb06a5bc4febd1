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
	Normalizer    *typeJSON        `json:"normalizer"`
	PreTokenizer  *preJSON         `json:"pre_tokenizer"`
	PostProcessor *json.RawMessage `json:"post_processor"`
	Decoder       *byteLevelJSON   `json:"decoder"`
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

// preJSON is the union of the pre_tokenizers ByteLevel, Split and Sequence.
type preJSON struct {
	Type           string     `json:"type"`
	Pattern        *regexJSON `json:"pattern,omitempty"`
	Behavior       string     `json:"behavior,omitempty"`
	Invert         *bool      `json:"invert,omitempty"`
	AddPrefixSpace *bool      `json:"add_prefix_space,omitempty"`
	TrimOffsets    *bool      `json:"trim_offsets,omitempty"`
	UseRegex       *bool      `json:"use_regex,omitempty"`
	Pretokenizers  []preJSON  `json:"pretokenizers,omitempty"`
}

type regexJSON struct {
	Regex string `json:"Regex,omitempty"`
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

// Save writes the tokenizer as tokenizer.json. The same tokenizer gives the
// same bytes. A post_processor that a loaded file had is not kept: nothing is
// put around a text when it is encoded.
func (t *Tokenizer) Save(w io.Writer) error {
	no, yes := false, true
	byteLevel := preJSON{Type: "ByteLevel", AddPrefixSpace: &no, TrimOffsets: &yes, UseRegex: &yes}
	pre := &byteLevel
	if t.pattern.regex != gpt2Regex {
		byteLevel.UseRegex = &no
		split := preJSON{Type: "Split", Pattern: &regexJSON{t.pattern.regex}, Behavior: "Isolated", Invert: &no}
		pre = &preJSON{Type: "Sequence", Pretokenizers: []preJSON{split, byteLevel}}
	}
	f := fileJSON{Version: "1.0", AddedTokens: t.added, PreTokenizer: pre,
		Decoder: &byteLevelJSON{Type: "ByteLevel", TrimOffsets: true, UseRegex: &yes},
		Model:   modelJSON{Type: "BPE", IgnoreMerges: t.ignoreMerges, Vocab: vocabJSON{}, Merges: []mergeJSON{}}}
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
	if err := enc.Encode(f); err != nil {
		return fmt.Errorf("write tokenizer: %w", err)
	}
	return nil
}

// Load reads tokenizer.json, or the one in the folder path. It takes byte-level
// BPE that cuts words as GPT-2 or as Llama 3 and cl100k do, without a
// normalizer, and refuses anything else by naming the file and the field, since
// a tokenizer that is nearly right trains a model that is quietly worse.
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
	p, err := f.PreTokenizer.pattern()
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{pattern: p, ignoreMerges: f.Model.IgnoreMerges, added: f.AddedTokens}
	if err := t.setVocab(f.Model.Vocab); err != nil {
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
	return t, t.assemble()
}

// check refuses the settings that would change an encoding and that we do not
// have.
func (f *fileJSON) check() error {
	m := &f.Model
	switch {
	case m.Type != "BPE" && (m.Type != "" || len(m.Merges) == 0): // old files do not say
		return fmt.Errorf("model.type: %q is not BPE", m.Type)
	case f.Normalizer != nil:
		return fmt.Errorf("normalizer: %q is not supported; only tokenizers without a normalizer keep every byte", f.Normalizer.Type)
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("model.dropout: %v is not supported; set it to null", *m.Dropout)
	case m.SubwordPrefix != nil && *m.SubwordPrefix != "":
		return fmt.Errorf("model.continuing_subword_prefix: %q is not supported", *m.SubwordPrefix)
	case m.WordSuffix != nil && *m.WordSuffix != "":
		return fmt.Errorf("model.end_of_word_suffix: %q is not supported", *m.WordSuffix)
	case m.ByteFallback:
		return errors.New("model.byte_fallback: true is not supported; the tokenizer must be byte-level")
	case f.Decoder != nil && f.Decoder.Type != "ByteLevel":
		return fmt.Errorf("decoder.type: %q is not ByteLevel", f.Decoder.Type)
	}
	return nil
}

// pattern recognises the pre_tokenizer.
func (p *preJSON) pattern() (*pattern, error) {
	if p == nil {
		return nil, errors.New("pre_tokenizer: is absent; ByteLevel, or Split and ByteLevel, is needed")
	}
	parts, field := p.Pretokenizers, "pre_tokenizer.pretokenizers[%d]"
	if p.Type != "Sequence" {
		parts, field = []preJSON{*p}, "pre_tokenizer"
	}
	regex := ""
	for i, part := range parts {
		at := strings.ReplaceAll(field, "%d", fmt.Sprint(i))
		last := i == len(parts)-1
		switch {
		case part.Type == "Split" && !last && regex == "":
			if part.Pattern == nil || part.Pattern.Regex == "" || part.Behavior != "Isolated" || part.Invert != nil && *part.Invert {
				return nil, fmt.Errorf("%s: a Split must have a pattern.Regex, behavior Isolated and invert false", at)
			}
			regex = part.Pattern.Regex
		case part.Type == "ByteLevel" && last:
			if part.AddPrefixSpace == nil || *part.AddPrefixSpace { // the library's default is true
				return nil, fmt.Errorf("%s.add_prefix_space: must be false; a space put before a text is not in the text", at)
			}
			if part.UseRegex == nil || *part.UseRegex {
				if regex != "" {
					return nil, fmt.Errorf("%s.use_regex: must be false after a Split", at)
				}
				regex = gpt2Regex
			}
			return findPattern(at, regex)
		default:
			return nil, fmt.Errorf("%s.type: %q is not supported here; ByteLevel, or Split and ByteLevel, is needed", at, part.Type)
		}
	}
	return nil, errors.New("pre_tokenizer.pretokenizers: is empty; ByteLevel, or Split and ByteLevel, is needed")
}

func findPattern(at, regex string) (*pattern, error) {
	for i := range patterns {
		if p := &patterns[i]; p.regex == regex || slices.Contains(p.spellings, regex) {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s: words cut by %q are not supported; those of GPT-2 and of Llama 3 (cl100k) are", at, regex)
}

const maxID = 1 << 22 // so that a damaged file cannot ask for all memory

// setVocab fills names and tokens from model.vocab and t.added.
func (t *Tokenizer) setVocab(vocab vocabJSON) error {
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
		put(&t.tokens, id, unspell(name))
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
		case !a.Special && (a.SingleWord || a.LStrip || a.RStrip):
			return fmt.Errorf("added_tokens[%d]: single_word, lstrip and rstrip of %q are not supported", i, a.Content)
		}
		if !known {
			put(&t.tokens, a.ID, a.Content)
		}
	}
	return nil
}
