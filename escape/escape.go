// Package escape makes text that others wrote harmless where it is shown: on a terminal, and in Markdown. (HTML has html/template.)
// What steers a terminal, or turns the direction of what follows (Trojan Source, Boucher and Anderson 2021, arXiv 2111.00169), is
// written out as in JSON.
package escape

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Text is s for a terminal: lines and tabs stay, all other control characters and all invisible ones that format are written as
// \u202e, bytes that are not UTF-8 as \xff. Of JSON the value stays the same.
func Text(s string) string { return text(s, "\n\t") }

// Line is Text on one line: for what stands in a table or within a sentence.
func Line(s string) string { return text(s, "") }

func text(s, keep string) string {
	at := 0
	for at < len(s) {
		r, n := utf8.DecodeRuneInString(s[at:])
		if steers(r, n) && !strings.ContainsRune(keep, r) {
			break
		}
		at += n
	}
	if at == len(s) {
		return s
	}
	var b strings.Builder
	b.WriteString(s[:at])
	for at < len(s) {
		r, n := utf8.DecodeRuneInString(s[at:])
		switch {
		case !steers(r, n) || r != utf8.RuneError && strings.ContainsRune(keep, r):
			b.WriteString(s[at : at+n])
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, s[at])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		at += n
	}
	return b.String()
}

// steers tells whether a character of n bytes is no text: it controls, formats without being seen, or is not UTF-8. The joiners are
// text: Persian and emoji are written with them.
func steers(r rune, n int) bool {
	switch {
	case r == utf8.RuneError:
		return n == 1
	case r < 0x80:
		return r < 0x20 || r == 0x7f
	case r == '\u200c' || r == '\u200d':
		return false
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

// Markdown is s as text on one line of GitHub's Markdown (GFM), also in a cell of a table: no markup, no HTML, no link. What is
// written from right to left is isolated from its neighbours (U+2068, U+2069; UAX #9).
func Markdown(s string) string {
	var b strings.Builder
	isolate := false
	line := Line(s)
	for i, r := range line {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '@', r == ':' && !strings.HasPrefix(line[i:]+" ", ": "), r == '.' && i >= 3 && strings.EqualFold(line[i-3:i], "www"): // of what becomes a link by itself
			fmt.Fprintf(&b, "&#%d;", r)
		case strings.ContainsRune("\\`*_[]|~$", r), strings.ContainsRune("#+-=", r) && i == 0:
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
			isolate = isolate || rightToLeft(r)
		}
	}
	if isolate {
		return "\u2068" + b.String() + "\u2069"
	}
	return b.String()
}

// rightToLeft tells whether a character belongs to a script that is written from right to left.
func rightToLeft(r rune) bool {
	return r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfeff || r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1efff
}
