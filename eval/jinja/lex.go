package jinja

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	end       kind = iota
	text           // outside of all tags
	open           // {{
	shut           // }}
	openBlock      // {%
	shutBlock      // %}
	name
	number
	quoted // text is what it stands for
	operator
)

type lexeme struct {
	kind kind
	text string
	at   int // byte offset
}

// operators, longest first.
var operators = []string{"**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "|", ".", ",", ":", "(", ")", "[", "]", "{", "}"}

// lex cuts a template in pieces. A "-" beside a tag's bracket takes the white
// space beside the tag away.
func lex(source string) ([]lexeme, error) {
	var out []lexeme
	trim := false // the tag before ended in "-"
	for i := 0; i < len(source); {
		j := nextTag(source, i)
		body := source[i:j]
		if trim {
			body = strings.TrimLeftFunc(body, isSpace)
		}
		if j < len(source) && strings.HasPrefix(source[j+2:], "-") {
			body = strings.TrimRightFunc(body, isSpace)
		}
		trim = false
		if body != "" {
			out = append(out, lexeme{text, body, i})
		}
		if j == len(source) {
			break
		}
		var err error
		if i, trim, err = lexTag(source, j, &out); err != nil {
			return nil, err
		}
	}
	return append(out, lexeme{end, "", len(source)}), nil
}

// nextTag is the offset of the first tag from i on.
func nextTag(source string, i int) int {
	for ; i+1 < len(source); i++ {
		if source[i] == '{' && strings.IndexByte("{%#", source[i+1]) >= 0 {
			return i
		}
	}
	return len(source)
}

// lexTag reads the tag at j, and returns where it ends and whether it takes
// the white space after it.
func lexTag(source string, j int, out *[]lexeme) (next int, trim bool, err error) {
	if source[j+1] == '#' {
		n := strings.Index(source[j:], "#}")
		if n < 0 {
			return 0, false, fmt.Errorf("%s: a comment without #}", at(source, j))
		}
		return j + n + 2, source[j+n-1] == '-', nil
	}
	kinds, closing := [2]kind{open, shut}, "}}"
	if source[j+1] == '%' {
		kinds, closing = [2]kind{openBlock, shutBlock}, "%}"
	}
	*out = append(*out, lexeme{kinds[0], source[j : j+2], j})
	i := j + 2
	if i < len(source) && (source[i] == '-' || source[i] == '+') {
		i++
	}
	depth := 0 // of { } in the tag
	for {
		for i < len(source) && isSpace(rune(source[i])) {
			i++
		}
		rest := source[i:]
		switch {
		case depth == 0 && strings.HasPrefix(rest, "-"+closing), depth == 0 && strings.HasPrefix(rest, "+"+closing):
			*out = append(*out, lexeme{kinds[1], closing, i})
			return i + 3, rest[0] == '-', nil
		case depth == 0 && strings.HasPrefix(rest, closing):
			*out = append(*out, lexeme{kinds[1], closing, i})
			return i + 2, false, nil
		case rest == "":
			return 0, false, fmt.Errorf("%s: a %s without %s", at(source, j), source[j:j+2], closing)
		}
		l, n, err := lexOne(source, i)
		if err != nil {
			return 0, false, err
		}
		switch {
		case l.kind == operator && l.text == "{":
			depth++
		case l.kind == operator && l.text == "}":
			depth--
		}
		*out = append(*out, l)
		i = n
	}
}

// lexExpression cuts an expression without tags around it.
func lexExpression(source string) ([]lexeme, error) {
	var out []lexeme
	for i := 0; ; {
		for i < len(source) && isSpace(rune(source[i])) {
			i++
		}
		if i == len(source) {
			return append(out, lexeme{end, "", i}), nil
		}
		l, n, err := lexOne(source, i)
		if err != nil {
			return nil, err
		}
		out, i = append(out, l), n
	}
}

// lexOne reads one piece of an expression.
func lexOne(source string, i int) (l lexeme, next int, err error) {
	rest := source[i:]
	c, _ := utf8.DecodeRuneInString(rest)
	switch {
	case c == '"' || c == '\'':
		return lexString(source, i)
	case '0' <= c && c <= '9':
		n := lexNumber(rest)
		return lexeme{number, rest[:n], i}, i + n, nil
	case c == '_' || unicode.IsLetter(c):
		n := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if n < 0 {
			n = len(rest)
		}
		return lexeme{name, rest[:n], i}, i + n, nil
	}
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			return lexeme{operator, op, i}, i + len(op), nil
		}
	}
	return l, 0, fmt.Errorf("%s: %q has no meaning here", at(source, i), c)
}

// lexNumber is the length of the number that s begins with.
func lexNumber(s string) int {
	digits := func(n int) int {
		for n < len(s) && ('0' <= s[n] && s[n] <= '9' || s[n] == '_') {
			n++
		}
		return n
	}
	n := digits(0)
	if n+1 < len(s) && s[n] == '.' && '0' <= s[n+1] && s[n+1] <= '9' {
		n = digits(n + 1)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		m := n + 1
		if m < len(s) && (s[m] == '+' || s[m] == '-') {
			m++
		}
		if digits(m) > m {
			n = digits(m)
		}
	}
	return n
}

// lexString reads a string literal with Python's escapes.
func lexString(source string, i int) (l lexeme, next int, err error) {
	var b strings.Builder
	quote := source[i]
	for j := i + 1; j < len(source); j++ {
		switch c := source[j]; {
		case c == quote:
			return lexeme{quoted, b.String(), i}, j + 1, nil
		case c != '\\' || j+1 == len(source):
			b.WriteByte(c)
		default:
			j++
			n, err := unescape(&b, source[j:])
			if err != nil {
				return l, 0, fmt.Errorf("%s: %w", at(source, j-1), err)
			}
			j += n
		}
	}
	return l, 0, fmt.Errorf("%s: a string without its closing %c", at(source, i), quote)
}

// unescape writes what the escape stands for and returns how many bytes it has
// after the first.
func unescape(b *strings.Builder, s string) (int, error) {
	if r := strings.IndexByte("ntrabfv", s[0]); r >= 0 {
		b.WriteByte("\n\t\r\a\b\f\v"[r])
		return 0, nil
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	switch {
	case digits > 0:
		var r rune
		if len(s) <= digits {
			return 0, fmt.Errorf(`\%c needs %d hexadecimal digits`, s[0], digits)
		}
		if n, err := fmt.Sscanf(s[1:1+digits], "%x", &r); n != 1 || err != nil {
			return 0, fmt.Errorf(`\%c needs %d hexadecimal digits`, s[0], digits)
		}
		b.WriteRune(r)
		return digits, nil
	case s[0] == '\n':
		return 0, nil
	case s[0] == '\\' || s[0] == '\'' || s[0] == '"':
		b.WriteByte(s[0])
	case '0' <= s[0] && s[0] <= '7':
		return 0, fmt.Errorf(`octal escapes are not known; write \x%02x`, s[0]-'0')
	default: // Python keeps both
		b.WriteByte('\\')
		b.WriteByte(s[0])
	}
	return 0, nil
}
