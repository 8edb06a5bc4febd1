package corpus

import (
	"errors"

	"github.com/climb-go/climb/vec"
)

// The functions of this file walk over JSON text (RFC 8259) and accept what
// encoding/json accepts. Each takes the text and a position, and returns the
// position behind what it passed, or that of the fault.

var (
	errSyntax = errors.New("not JSON")
	errDeep   = errors.New("nested too deep")
)

const maxDepth = 10000 // as in encoding/json

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString passes the string token that starts at b[i], a quote, and says
// whether it holds escapes.
func skipString(b []byte, i int) (end int, escaped bool, err error) {
	for i++; ; {
		n, escapes := vec.SkipText(b[i:])
		i, escaped = i+n, escaped || escapes > 0
		if i >= len(b) {
			return len(b), false, errSyntax
		}
		switch b[i] {
		case '"':
			return i + 1, escaped, nil
		case '\\':
			if i+2 > len(b) || b[i+1] != 'u' {
				return i, false, errSyntax
			}
			if _, ok := hex4(b[i+2:]); !ok {
				return i, false, errSyntax
			}
			i, escaped = i+6, true
		default:
			return i, false, errSyntax
		}
	}
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// skipScalar passes a string, a number, true, false or null.
func skipScalar(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, errSyntax
	}
	switch c := b[i]; {
	case c == '"':
		end, _, err := skipString(b, i)
		return end, err
	case c == '-' || '0' <= c && c <= '9':
		return skipNumber(b, i)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	}
	return i, errSyntax
}

func skipWord(b []byte, i int, word string) (int, error) {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return i, errSyntax
	}
	return i + len(word), nil
}

func skipNumber(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
	}
	j := skipDigits(b, i)
	if j == i || b[i] == '0' && j > i+1 {
		return i, errSyntax
	}
	if i = j; i < len(b) && b[i] == '.' {
		if j = skipDigits(b, i+1); j == i+1 {
			return i, errSyntax
		}
		i = j
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if j = skipDigits(b, i); j == i {
			return i, errSyntax
		}
		i = j
	}
	return i, nil
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// skipKey passes the key of a member, its colon and the space around both.
func skipKey(b []byte, i int) (key []byte, escaped bool, value int, err error) {
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != '"' {
		return nil, false, i, errSyntax
	}
	end, escaped, err := skipString(b, i)
	if err != nil {
		return nil, false, end, err
	}
	key = b[i+1 : end-1]
	if i = skipSpace(b, end); i >= len(b) || b[i] != ':' {
		return nil, false, i, errSyntax
	}
	return key, escaped, skipSpace(b, i+1), nil
}

// skipValue passes the value at b[i], which is nested in depth arrays and
// objects. The stack of what is open is kept for the next call.
func skipValue(b []byte, i, depth int, stack *[]byte) (int, error) {
	if i >= len(b) || b[i] != '{' && b[i] != '[' {
		return skipScalar(b, i)
	}
	open := (*stack)[:0]
	defer func() { *stack = open }()
	var err error
	for {
		// b[i] starts a value.
		if i < len(b) && (b[i] == '{' || b[i] == '[') {
			if depth+len(open) >= maxDepth {
				return i, errDeep
			}
			c := b[i] + 2 // the bracket that closes it
			open = append(open, c)
			if i = skipSpace(b, i+1); i < len(b) && b[i] == c {
				i, open = i+1, open[:len(open)-1]
			} else {
				if c == '}' {
					if _, _, i, err = skipKey(b, i); err != nil {
						return i, err
					}
				}
				continue
			}
		} else if i, err = skipScalar(b, i); err != nil {
			return i, err
		}
		// A value has ended at i: close what ends here, pass one comma.
		for {
			if len(open) == 0 {
				return i, nil
			}
			if i = skipSpace(b, i); i >= len(b) || b[i] != ',' && b[i] != open[len(open)-1] {
				return i, errSyntax
			}
			if i++; b[i-1] == ',' {
				break
			}
			open = open[:len(open)-1]
		}
		if i = skipSpace(b, i); open[len(open)-1] == '}' {
			if _, _, i, err = skipKey(b, i); err != nil {
				return i, err
			}
		}
	}
}
