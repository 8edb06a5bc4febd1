package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"

	"golang.org/x/text/encoding/charmap"
)

// A damage is a kind of junk that is made from sound English text.
type damage struct {
	name string
	make func(r *rand.Rand, words []string) string
}

// damages are the kinds that the rules were looked at with. Nothing of them is in
// the calibration of a column, which reads sound text only; the norm of the
// combination is chosen for each from the others.
var damages = []damage{
	{"keyboard mash", mash}, {"repeated n-grams", repeatedNGrams}, {"OCR noise", ocrNoise}, {"navigation menus", menus},
	{"keyword stuffing", stuffing}, {"base64", base64Lines}, {"hex dumps", hexDump}, {"mojibake", mojibake}, {"shuffled words", shuffled}, {"shuffled letters", shuffledLetters},
}

// sealedDamages were written before the rules were changed, and first scored when
// nothing was changed any more.
var sealedDamages = []damage{
	{"markup", markup}, {"rows of numbers", numberRows}, {"stack traces", stackTraces},
	{"pseudo-Latin", pseudoLatin}, {"torn lines", tornLines},
}

var keyRows = []string{"qwertyuiop", "asdfghjkl;", "zxcvbnm,./"}

// mash walks over the keys, as idle hands do.
func mash(r *rand.Rand, words []string) string {
	var b strings.Builder
	for i := range len(words) {
		row, at := r.IntN(3), r.IntN(10)
		for range 3 + r.IntN(8) {
			b.WriteByte(keyRows[row][at])
			at = min(9, max(0, at+r.IntN(5)-2))
			if r.IntN(4) == 0 {
				row = r.IntN(3)
			}
		}
		b.WriteByte(" \n"[min(1, (i%15)/14)])
	}
	return b.String()
}

func repeatedNGrams(r *rand.Rand, words []string) string {
	n := min(len(words), 3+r.IntN(10))
	at := r.IntN(len(words) - n + 1)
	var out []string
	for range 10 + r.IntN(40) {
		out = append(out, words[at:at+n]...)
		if r.IntN(5) == 0 {
			out = append(out, words[r.IntN(len(words))])
		}
	}
	return strings.Join(out, " ")
}

var confusions = map[rune]string{'l': "1", 'i': "l", 'o': "0", 'e': "c", 'c': "e", 'h': "b", 'b': "h", 'n': "u", 'u': "n", 'm': "rn", 'w': "vv", 's': "5", 't': "f", 'f': "t", 'a': "u", 'd': "cl", 'r': "i'", 'g': "9", 'y': "v"}

// ocrNoise errs in 12 % of the characters.
func ocrNoise(r *rand.Rand, words []string) string {
	var b strings.Builder
	for _, c := range lined(words, 12) {
		if r.Float64() > 0.12 {
			b.WriteRune(c)
			continue
		}
		switch other, ok := confusions[unicode.ToLower(c)]; r.IntN(5) {
		case 0:
			b.WriteByte(".,'|~-_"[r.IntN(7)])
		case 1:
			b.WriteString(string(c) + " ")
		case 2: // lost
		default:
			if !ok {
				other = string(c)
			}
			b.WriteString(other)
		}
	}
	return b.String()
}

// menus are lines, or cells between bars, of one to three words each.
func menus(r *rand.Rand, words []string) string {
	sep := []string{"\n", "\n", " | ", " » ", " · "}[r.IntN(5)]
	var items []string
	for range 15 + r.IntN(60) {
		var item []string
		for range 1 + r.IntN(3) {
			w := strings.Trim(words[r.IntN(len(words))], ".,;:!?()\"'")
			if w != "" {
				item = append(item, strings.ToUpper(w[:1])+w[1:])
			}
		}
		items = append(items, strings.Join(item, " "))
	}
	return strings.Join(items, sep)
}

// stuffing combines a dozen keywords over and over.
func stuffing(r *rand.Rand, words []string) string {
	var keys []string
	for range 200 {
		w := strings.ToLower(strings.Trim(words[r.IntN(len(words))], ".,;:!?()\"'"))
		if len(w) >= 5 && len(keys) < 8+r.IntN(8) {
			keys = append(keys, w)
		}
	}
	if len(keys) == 0 {
		keys = []string{"cheap", "online", "deals"}
	}
	sep := []string{", ", " ", "\n"}[r.IntN(3)]
	var out []string
	for range 50 + r.IntN(100) {
		var item []string
		for range 2 + r.IntN(3) {
			item = append(item, keys[r.IntN(len(keys))])
		}
		out = append(out, strings.Join(item, " "))
	}
	return strings.Join(out, sep)
}

func base64Lines(r *rand.Rand, words []string) string {
	code := base64.StdEncoding.EncodeToString([]byte(strings.Join(words, " ")))
	return cut(code, 60+4*r.IntN(5))
}

// cut breaks ASCII into lines of n.
func cut(text string, n int) string {
	var b strings.Builder
	for ; len(text) > n; text = text[n:] {
		b.WriteString(text[:n] + "\n")
	}
	return b.String() + text
}

func hexDump(r *rand.Rand, words []string) string {
	data := []byte(strings.Join(words, " "))
	data = data[:min(len(data), 2000)]
	switch r.IntN(3) {
	case 0:
		return hex.Dump(data)
	case 1:
		return cut(hex.EncodeToString(data), 64)
	}
	var b strings.Builder
	for i := 0; i+16 <= len(data); i += 16 {
		fmt.Fprintf(&b, "%08x:", i)
		for k := i; k < i+16; k += 2 {
			fmt.Fprintf(&b, " %02x%02x", data[k], data[k+1])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var (
	toCyrillic = strings.NewReplacer("a", "а", "b", "б", "c", "ц", "d", "д", "e", "е", "f", "ф", "g", "г", "h", "х", "i", "и", "j", "й", "k", "к", "l", "л", "m", "м",
		"n", "н", "o", "о", "p", "п", "q", "щ", "r", "р", "s", "с", "t", "т", "u", "у", "v", "в", "w", "ш", "x", "ж", "y", "ы", "z", "з")
	withAccents = strings.NewReplacer("e ", "é ", "u", "ü", "ou", "où", "a ", "à ", "'", "’", "\"", "”", "ea", "ê")
)

// mojibake reads text in the wrong encoding: Cyrillic letters or accents in
// UTF-8 as Windows-1252, Windows-1251 as Latin-1.
func mojibake(r *rand.Rand, words []string) string {
	text := lined(words, 14)
	switch r.IntN(3) {
	case 0:
		return decoded(charmap.Windows1252, []byte(toCyrillic.Replace(strings.ToLower(text))))
	case 1:
		return decoded(charmap.Windows1252, []byte(withAccents.Replace(text)))
	}
	b, err := charmap.Windows1251.NewEncoder().String(toCyrillic.Replace(strings.ToLower(strings.ToValidUTF8(ascii(text), ""))))
	if err != nil {
		panic(err) // all of it is Cyrillic or ASCII
	}
	return decoded(charmap.ISO8859_1, []byte(b))
}

func ascii(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= unicode.MaxASCII {
			return -1
		}
		return c
	}, text)
}

func decoded(m *charmap.Charmap, b []byte) string {
	var out strings.Builder
	for _, c := range b {
		out.WriteRune(m.DecodeByte(c))
	}
	return out.String()
}

func shuffled(r *rand.Rand, words []string) string {
	out := append([]string(nil), words...)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return lined(out, 14)
}

// lined joins words, n on a line.
func lined(words []string, n int) string {
	var b strings.Builder
	for i, w := range words {
		b.WriteString(w)
		if i%n == n-1 {
			b.WriteByte('\n')
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func shuffledLetters(r *rand.Rand, words []string) string {
	var out []string
	for _, w := range words {
		c := []rune(w)
		r.Shuffle(len(c), func(i, j int) { c[i], c[j] = c[j], c[i] })
		out = append(out, string(c))
	}
	return lined(out, 14)
}

// markup is a page's tags with a word here and there.
func markup(r *rand.Rand, words []string) string {
	tags := []string{"div", "span", "td", "li", "a", "p", "tr"}
	var b strings.Builder
	for range 30 + r.IntN(60) {
		tag, class := tags[r.IntN(len(tags))], strings.ToLower(strings.Trim(words[r.IntN(len(words))], ".,;:!?()\"'"))
		fmt.Fprintf(&b, "<%s class=\"%s-%d\" id=\"%s%d\">", tag, class, r.IntN(20), class, r.IntN(100))
		if r.IntN(3) == 0 {
			b.WriteString(words[r.IntN(len(words))])
		}
		fmt.Fprintf(&b, "</%s>", tag)
		if r.IntN(2) == 0 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func numberRows(r *rand.Rand, _ []string) string {
	columns, sep := 3+r.IntN(8), []string{",", ";", "\t", ", "}[r.IntN(4)]
	var b strings.Builder
	for range 20 + r.IntN(60) {
		for c := range columns {
			if c > 0 {
				b.WriteString(sep)
			}
			if r.IntN(2) == 0 {
				fmt.Fprintf(&b, "%d", r.IntN(100000))
			} else {
				fmt.Fprintf(&b, "%.3f", r.Float64()*100)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func stackTraces(r *rand.Rand, words []string) string {
	name := func() string {
		w := strings.ToLower(strings.Trim(words[r.IntN(len(words))], ".,;:!?()\"'"))
		return strings.Map(func(c rune) rune {
			if c < 'a' || c > 'z' {
				return -1
			}
			return c
		}, w+"x")
	}
	var b strings.Builder
	for range 2 + r.IntN(5) {
		fmt.Fprintf(&b, "Exception in thread \"main\" java.lang.IllegalStateException: %s\n", name())
		for range 8 + r.IntN(12) {
			fmt.Fprintf(&b, "\tat com.%s.%s.%s$%s(%s.java:%d)\n", name(), name(), name(), name(), name(), r.IntN(900))
		}
	}
	return b.String()
}

var latin = strings.Fields("lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat duis aute irure in reprehenderit voluptate velit esse cillum fugiat nulla pariatur excepteur sint occaecat cupidatat non proident sunt culpa qui officia deserunt mollit anim id est laborum")

func pseudoLatin(r *rand.Rand, words []string) string {
	var b strings.Builder
	for range 4 + len(words)/12 {
		for i := range 6 + r.IntN(10) {
			w := latin[r.IntN(len(latin))]
			if i == 0 {
				w = strings.ToUpper(w[:1]) + w[1:]
			} else {
				b.WriteByte(' ')
			}
			b.WriteString(w)
		}
		b.WriteString(". ")
	}
	return b.String()
}

// tornLines keeps a part of 4 to 20 characters of each line and puts the parts
// in another order.
func tornLines(r *rand.Rand, words []string) string {
	lines := strings.Split(lined(words, 14), "\n")
	for i, l := range lines {
		c := []rune(l)
		n := min(len(c), 4+r.IntN(17))
		at := r.IntN(len(c) - n + 1)
		lines[i] = string(c[at : at+n])
	}
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return strings.Join(lines, "\n")
}
