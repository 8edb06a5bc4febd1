package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The parts of a tokenizer.json of BERT's kind that we read. What it says of
// truncation is left to the caller of Encode.
type bertJSON struct {
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    *bertNormalJSON `json:"normalizer"`
	PreTokenizer  *typeJSON       `json:"pre_tokenizer"`
	PostProcessor *aroundJSON     `json:"post_processor"`
	Padding       *struct {
		PadID uint32 `json:"pad_id"`
	} `json:"padding"`
	Model struct {
		Type     string    `json:"type"`
		UnkToken string    `json:"unk_token"`
		Prefix   *string   `json:"continuing_subword_prefix"`
		MaxChars *int      `json:"max_input_chars_per_word"`
		Vocab    vocabJSON `json:"vocab"`
	} `json:"model"`
}

type bertNormalJSON struct {
	Type         string `json:"type"`
	CleanText    bool   `json:"clean_text"`
	Chinese      bool   `json:"handle_chinese_chars"`
	StripAccents *bool  `json:"strip_accents"` // null: as lowercase
	Lowercase    bool   `json:"lowercase"`
}

// aroundJSON is the union of TemplateProcessing and BertProcessing.
type aroundJSON struct {
	Type   string         `json:"type"`
	Single []templateJSON `json:"single"`
	Tokens map[string]struct {
		IDs []uint32 `json:"ids"`
	} `json:"special_tokens"`
	CLS *namedID `json:"cls"`
	SEP *namedID `json:"sep"`
}

// templateJSON is one place of a template: a token, or the text.
type templateJSON struct {
	Token *struct {
		ID     string `json:"id"`
		TypeID int    `json:"type_id"`
	} `json:"SpecialToken"`
	Text *struct {
		ID     string `json:"id"`
		TypeID int    `json:"type_id"`
	} `json:"Sequence"`
}

// LoadWordPiece reads the tokenizer.json of a model of BERT's kind, or the one
// in the folder path: WordPiece with BertNormalizer, BertPreTokenizer, and
// TemplateProcessing, BertProcessing or nothing around a text. Anything else is
// refused by naming the file and the field, since a tokenizer that is nearly
// right gives vectors that are quietly worse.
func LoadWordPiece(path string) (*WordPiece, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "tokenizer.json")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %w", err)
	}
	return ParseWordPiece(path, data)
}

// ParseWordPiece is [LoadWordPiece] for a file that is in memory; name is used
// in errors.
func ParseWordPiece(name string, data []byte) (*WordPiece, error) {
	return parseFile(name, data, (*bertJSON).tokenizer)
}

func (f *bertJSON) tokenizer() (*WordPiece, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	n := f.Normalizer
	w := &WordPiece{start: map[string]uint32{}, rest: map[string]uint32{}, maxChars: 100,
		normal: bertNormalizer{clean: n.CleanText, chinese: n.Chinese, stripAccents: n.Lowercase, lowercase: n.Lowercase}}
	if n.StripAccents != nil {
		w.normal.stripAccents = *n.StripAccents
	}
	if f.Model.MaxChars != nil {
		w.maxChars = *f.Model.MaxChars
	}
	if err := w.setVocab(f); err != nil {
		return nil, err
	}
	var ok bool
	if w.unknown, ok = f.Model.Vocab[f.Model.UnkToken]; !ok {
		return nil, fmt.Errorf("model.unk_token: %q is not in model.vocab", f.Model.UnkToken)
	}
	if f.PostProcessor == nil {
		return w, nil
	}
	var err error
	if w.before, w.after, err = f.PostProcessor.around(); err != nil {
		return nil, fmt.Errorf("post_processor%w", err)
	}
	for _, id := range slices.Concat(w.before, w.after) {
		if int(id) >= w.vocab {
			return nil, fmt.Errorf("post_processor: the id %d is not below %d, the size of the vocabulary", id, w.vocab)
		}
	}
	return w, nil
}

// check refuses the settings that would change an encoding and that we do not
// have.
func (f *bertJSON) check() error {
	switch {
	case f.Model.Type != "WordPiece":
		return fmt.Errorf("model.type: %q is not WordPiece", f.Model.Type)
	case f.Normalizer == nil || f.Normalizer.Type != "BertNormalizer":
		return errors.New("normalizer.type: is not BertNormalizer")
	case f.PreTokenizer == nil || f.PreTokenizer.Type != "BertPreTokenizer":
		return errors.New("pre_tokenizer.type: is not BertPreTokenizer")
	case f.Model.MaxChars != nil && *f.Model.MaxChars < 1:
		return fmt.Errorf("model.max_input_chars_per_word: %d is not above 0", *f.Model.MaxChars)
	}
	for i, a := range f.AddedTokens {
		if !a.Special {
			return fmt.Errorf("added_tokens[%d]: %q is not special; tokens that are found in text before it is cut into words are not supported", i, a.Content)
		}
	}
	return nil
}

// setVocab sorts the vocabulary into pieces at the start and inside of a word.
func (w *WordPiece) setVocab(f *bertJSON) error {
	prefix := "##"
	if f.Model.Prefix != nil {
		prefix = *f.Model.Prefix
	}
	names := map[uint32]string{}
	for _, name := range slices.Sorted(maps.Keys(f.Model.Vocab)) {
		id := f.Model.Vocab[name]
		if other, twice := names[id]; twice {
			return fmt.Errorf("model.vocab: %q and %q have the same id %d", other, name, id)
		}
		if id >= maxID {
			return fmt.Errorf("model.vocab: the id %d of %q is not below %d", id, name, maxID)
		}
		names[id] = name
		w.vocab = max(w.vocab, int(id)+1)
		w.longest = max(w.longest, len(name))
		w.start[name] = id
		if piece, ok := strings.CutPrefix(name, prefix); ok {
			w.rest[piece] = id
		}
	}
	for i, a := range f.AddedTokens {
		if id, known := f.Model.Vocab[a.Content]; known && id != a.ID {
			return fmt.Errorf("added_tokens[%d].id: %q has the id %d here and %d in model.vocab", i, a.Content, a.ID, id)
		}
		if a.ID >= maxID {
			return fmt.Errorf("added_tokens[%d].id: %d is not below %d", i, a.ID, maxID)
		}
		if w.vocab = max(w.vocab, int(a.ID)+1); a.Content == "[PAD]" || a.Content == "<pad>" {
			w.pad = a.ID
		}
	}
	if f.Padding != nil {
		w.pad = f.Padding.PadID
	}
	if int(w.pad) >= w.vocab {
		return fmt.Errorf("padding.pad_id: %d is not below %d, the size of the vocabulary", w.pad, w.vocab)
	}
	return nil
}

// around is what stands before and after a single text. Its errors go on from
// "post_processor".
func (p *aroundJSON) around() (before, after []uint32, err error) {
	switch p.Type {
	case "BertProcessing":
		if p.CLS == nil || p.SEP == nil {
			return nil, nil, errors.New(": cls or sep is absent")
		}
		return []uint32{p.CLS.id}, []uint32{p.SEP.id}, nil
	case "TemplateProcessing":
	default:
		return nil, nil, fmt.Errorf(".type: %q is neither TemplateProcessing nor BertProcessing", p.Type)
	}
	seen := false
	for i, part := range p.Single {
		switch {
		case part.Text != nil && !seen && part.Text.ID == "A" && part.Text.TypeID == 0:
			seen = true
		case part.Token != nil && part.Token.TypeID == 0:
			token, ok := p.Tokens[part.Token.ID]
			if !ok {
				return nil, nil, fmt.Errorf(".special_tokens: %q of the template is absent", part.Token.ID)
			}
			if seen {
				after = append(after, token.IDs...)
			} else {
				before = append(before, token.IDs...)
			}
		default:
			return nil, nil, fmt.Errorf(".single[%d]: is neither a token nor the one text, of type 0", i)
		}
	}
	if !seen {
		return nil, nil, errors.New(".single: the text is absent")
	}
	return before, after, nil
}

// namedID is written as ["[CLS]", 101].
type namedID struct{ id uint32 }

func (n *namedID) UnmarshalJSON(data []byte) error {
	var name string
	pair := []any{&name, &n.id}
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("%s is not a token and its id", data)
	}
	return nil
}
