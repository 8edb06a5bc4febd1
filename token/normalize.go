package token

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/climb-go/climb/token/regex"
)

// A normalizer rewrites a text before it is cut into words.
type normalizer func(string) string

// normalJSON is the union of the normalizers that we have.
type normalJSON struct {
	Type        string       `json:"type"`
	Normalizers []normalJSON `json:"normalizers"`
	Prepend     string       `json:"prepend"`
	Pattern     *regexJSON   `json:"pattern"`
	Content     string       `json:"content"`
	StripLeft   *bool        `json:"strip_left"`
	StripRight  *bool        `json:"strip_right"`
}

// normalizer makes the function; nil if it changes nothing. at is the path of
// the field, for errors.
func (n *normalJSON) normalizer(at string) (normalizer, error) {
	if n == nil {
		return nil, nil
	}
	switch n.Type {
	case "Sequence":
		return n.sequence(at)
	case "NFC":
		return norm.NFC.String, nil
	case "NFD":
		return norm.NFD.String, nil
	case "NFKC":
		return norm.NFKC.String, nil
	case "NFKD":
		return norm.NFKD.String, nil
	case "Lowercase":
		return lowercase, nil
	case "StripAccents":
		return mapRunes(func(r rune) rune {
			if unicode.Is(unicode.M, r) {
				return -1
			}
			return r
		}), nil
	case "Strip":
		return func(s string) string {
			if n.StripLeft == nil || *n.StripLeft {
				s = strings.TrimLeftFunc(s, unicode.IsSpace)
			}
			if n.StripRight == nil || *n.StripRight {
				s = strings.TrimRightFunc(s, unicode.IsSpace)
			}
			return s
		}, nil
	case "Prepend":
		return func(s string) string {
			if s == "" {
				return s
			}
			return n.Prepend + s
		}, nil
	case "Replace":
		return n.replace(at)
	}
	return nil, fmt.Errorf("%s.type: %q is not supported; NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend and Sequence are", at, n.Type)
}

func (n *normalJSON) sequence(at string) (normalizer, error) {
	var all []normalizer
	for i := range n.Normalizers {
		f, err := n.Normalizers[i].normalizer(fmt.Sprintf("%s.normalizers[%d]", at, i))
		if err != nil {
			return nil, err
		}
		if f != nil {
			all = append(all, f)
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return func(s string) string {
		for _, f := range all {
			s = f(s)
		}
		return s
	}, nil
}

func (n *normalJSON) replace(at string) (normalizer, error) {
	if n.Pattern == nil {
		return nil, fmt.Errorf("%s.pattern: is absent", at)
	}
	if n.Pattern.Text != "" {
		return strings.NewReplacer(n.Pattern.Text, n.Content).Replace, nil
	}
	r, err := n.Pattern.compile(at)
	if err != nil {
		return nil, err
	}
	return func(s string) string {
		var b strings.Builder
		done := 0
		r.All(s, func(start, end int) {
			b.WriteString(s[done:start])
			b.WriteString(n.Content)
			done = end
		})
		if done == 0 && b.Len() == 0 {
			return s
		}
		b.WriteString(s[done:])
		return b.String()
	}, nil
}

// compile makes a regular expression of a pattern; nil of the empty text, which
// is found nowhere.
func (p *regexJSON) compile(at string) (*regex.Regexp, error) {
	source := p.Regex
	if source == "" {
		if p.Text == "" {
			return nil, nil
		}
		source = regex.Quote(p.Text)
	}
	r, err := regex.Compile(source)
	if err != nil {
		return nil, fmt.Errorf("%s.pattern: %w", at, err)
	}
	return r, nil
}

// lowercase is that of each character by itself, by Unicode's full mapping,
// which differs from the simple one in one character.
func lowercase(s string) string {
	return strings.ReplaceAll(mapRunes(func(r rune) rune {
		if r == 'İ' {
			return r
		}
		return unicode.ToLower(r)
	})(s), "İ", "i\u0307")
}

// mapRunes is strings.Map that keeps bytes which are no UTF-8.
func mapRunes(f func(rune) rune) normalizer {
	return func(s string) string {
		var b strings.Builder
		for i, r := range s {
			if w := runeWidth(s, i); r == unicode.ReplacementChar && w == 1 {
				b.WriteByte(s[i])
			} else if r = f(r); r >= 0 {
				b.WriteRune(r)
			}
		}
		return b.String()
	}
}
