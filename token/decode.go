package token

import (
	"fmt"
	"strconv"
	"strings"
)

// decodeJSON is the union of the decoders that we have.
type decodeJSON struct {
	Type           string       `json:"type"`
	Decoders       []decodeJSON `json:"decoders"`
	Pattern        *regexJSON   `json:"pattern"`
	Content        string       `json:"content"`
	Start          int          `json:"start"`
	Stop           int          `json:"stop"`
	Replacement    string       `json:"replacement"`
	PrependScheme  string       `json:"prepend_scheme"`
	AddPrefixSpace *bool        `json:"add_prefix_space"`
}

// A decoder rewrites the texts of tokens, which are then joined.
type decoder func(tokens []string) []string

func (d *decodeJSON) decoder(at string) (decoder, error) {
	switch d.Type {
	case "Sequence":
		var all []decoder
		for i := range d.Decoders {
			f, err := d.Decoders[i].decoder(fmt.Sprintf("%s.decoders[%d]", at, i))
			if err != nil {
				return nil, err
			}
			all = append(all, f)
		}
		return func(tokens []string) []string {
			for _, f := range all {
				tokens = f(tokens)
			}
			return tokens
		}, nil
	case "Fuse":
		return func(tokens []string) []string { return []string{strings.Join(tokens, "")} }, nil
	case "ByteLevel":
		return eachToken(unspell), nil
	case "ByteFallback":
		return eachToken(unfall), nil
	case "Strip":
		return eachToken(func(s string) string { return stripEnds(s, d.Content, d.Start, d.Stop) }), nil
	case "Replace":
		n := normalJSON{Pattern: d.Pattern, Content: d.Content}
		f, err := n.replace(at)
		return eachToken(f), err
	case "Metaspace":
		return d.metaspace(), nil
	}
	return nil, fmt.Errorf("%s.type: %q is not supported; ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace and Sequence are", at, d.Type)
}

func eachToken(f func(string) string) decoder {
	return func(tokens []string) []string {
		for i, s := range tokens {
			tokens[i] = f(s)
		}
		return tokens
	}
}

// unfall gives the byte that a token of byte fallback stands for.
func unfall(s string) string {
	if len(s) == 6 && strings.HasPrefix(s, "<0x") && s[5] == '>' {
		if b, err := strconv.ParseUint(s[3:5], 16, 8); err == nil {
			return string([]byte{byte(b)})
		}
	}
	return s
}

func stripEnds(s, cut string, start, stop int) string {
	for range start {
		s = strings.TrimPrefix(s, cut)
	}
	for range stop {
		s = strings.TrimSuffix(s, cut)
	}
	return s
}

// metaspace makes marks spaces again, but for those of the first token, which
// were put there.
func (d *decodeJSON) metaspace() decoder {
	mark := d.Replacement
	if mark == "" {
		mark = "▁"
	}
	first := ""
	if d.PrependScheme == "never" || d.PrependScheme == "" && d.AddPrefixSpace != nil && !*d.AddPrefixSpace {
		first = " "
	}
	return func(tokens []string) []string {
		for i, s := range tokens {
			to := " "
			if i == 0 {
				to = first
			}
			tokens[i] = strings.ReplaceAll(s, mark, to)
		}
		return tokens
	}
}
