// Package lang identifies the language that a text is written in: by its
// script where that decides, and by naive Bayes over the n-grams of its
// characters where several languages share one.
//
// The model is built in (model.bin, less than 1 MiB). It is trained on the
// translations of the Universal Declaration of Human Rights; the first lines of
// the file say from which edition, under which licence and when, and
// bench/lang makes it anew.
package lang

import (
	"math"
	"slices"
	"unicode/utf8"
)

// Undetermined is the code of ISO 639-2 for a text whose language cannot be
// told: too short, in several languages, or hardly language: code, numbers.
const Undetermined = "und"

// Least is the confidence below which a text is Undetermined.
const Least = 0.5

const (
	window  = 1 << 10 // bytes that are judged together
	windows = 4       // of a text; those of a longer one lie evenly over it
	most    = 192     // languages at most
)

// Identify returns the code of the language that text is most probably in, of
// ISO 639-1 where there is one and else of ISO 639-3, and how sure that is, in
// [0, 1]. Below Least the code is Undetermined, and the confidence still that
// of the most probable language.
//
// The text is read in windows of 1 KiB, of a long one four; the confidence is
// the mean over them of the posterior of naive Bayes, each with the share of
// the window that looks like running text: half French and half English is
// neither.
func Identify(text string) (code string, confidence float32) {
	m := builtin()
	var p posterior
	m.judge(&p, text)
	best := 0
	for i, x := range p[:len(m.codes)] {
		if x > p[best] {
			best = i
		}
	}
	if p[best] < Least {
		return Undetermined, p[best]
	}
	return m.codes[best], p[best]
}

// macros are the macrolanguages of ISO 639-3 whose members are written so much alike
// that character n-grams confuse them.
var macros = []struct {
	code string
	of   []string
}{
	{"hbs", []string{"hr", "sr"}}, // Serbo-Croatian
	{"msa", []string{"id", "ms"}}, // Malay
	{"nor", []string{"nb", "nn"}}, // Norwegian
}

// Macrolanguages lists the codes that stand for several languages.
func Macrolanguages() (codes []string) {
	for _, m := range macros {
		codes = append(codes, m.code)
	}
	return codes
}

// Macrolanguage is the code of the macrolanguage that a language belongs to, or the
// language's own.
func Macrolanguage(code string) string {
	for _, m := range macros {
		if slices.Contains(m.of, code) {
			return m.code
		}
	}
	return code
}

// Confidence returns how sure it is that text is in one of the languages of
// codes, or of their macrolanguages. Without codes it is the confidence in the most
// probable language.
func Confidence(text string, codes []string) float32 {
	if len(codes) == 0 {
		_, c := Identify(text)
		return c
	}
	m := builtin()
	var p posterior
	m.judge(&p, text)
	var sum float32
	for i, x := range p[:len(m.codes)] {
		if slices.Contains(codes, m.codes[i]) || slices.Contains(codes, Macrolanguage(m.codes[i])) {
			sum += x
		}
	}
	return min(sum, 1)
}

// Languages lists the codes that Identify knows, sorted.
func Languages() []string { return slices.Sorted(slices.Values(builtin().codes)) }

// A posterior is the probability of each language of a Model.
type posterior [most]float32

// judge writes the probabilities of the languages, which sum to 1 at most.
func (m *Model) judge(p *posterior, text string) {
	n := (len(text) + window - 1) / window
	var weight float32
	for i := range min(n, windows) {
		from := i * window
		if n > windows {
			from = i * ((len(text) - window) / (windows - 1))
		}
		weight += m.judgeWindow(p, cut(text, from, from+window))
	}
	if weight > 0 {
		for i := range m.codes {
			p[i] /= weight
		}
	}
}

// cut is text[from:to] without the pieces of characters at its ends.
func cut(text string, from, to int) string {
	to = min(to, len(text))
	for to < len(text) && to > from && !utf8.RuneStart(text[to]) {
		to--
	}
	for from > 0 && from < to && !utf8.RuneStart(text[from]) {
		from++
	}
	return text[from:to]
}

// A census counts the characters of a window.
type census struct {
	of    [scripts]int32 // letters
	marks int32          // digits, punctuation, symbols, as letters[].lower weighs them
}

func (m *Model) count(text string) (c census) {
	for i := 0; i < len(text); {
		b := text[i]
		if b < utf8.RuneSelf {
			if l := m.letters[b]; l.script == common {
				c.marks += int32(l.lower)
			} else {
				c.of[l.script]++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if i += size; r > 0xffff {
			if r >= 0x20000 && r < 0x32000 {
				c.of[han]++
			}
			continue
		}
		c.of[m.letters[r].script]++
	}
	return c
}

// main is the script that a window is written in, how many letters it has of
// that and how many of all. Latin letters give way to others that are a third
// of the text: names and commands stand in it in every language.
func (c *census) main() (s script, own, all int32) {
	c.of[common] = 0
	if c.of[kana] > 0 && c.of[kana]*8 >= c.of[han] { // Chinese characters are a part of Japanese
		c.of[kana], c.of[han] = c.of[kana]+c.of[han], 0
	}
	if c.of[hangul] > 0 && c.of[hangul] >= c.of[han] {
		c.of[hangul], c.of[han] = c.of[hangul]+c.of[han], 0
	}
	var foreign script
	for i := range c.of {
		c.of[i] *= int32(max(letters[i], 1))
		all += c.of[i]
		if script(i) != latin && c.of[i] > c.of[foreign] {
			foreign = script(i)
		}
	}
	if s = latin; 2*c.of[foreign] > c.of[latin] {
		s = foreign
	}
	return s, c.of[s], all
}

// judgeWindow adds the probabilities of a window to p and returns its weight.
func (m *Model) judgeWindow(p *posterior, text string) float32 {
	c := m.count(text)
	s, own, all := c.main()
	weight := float32(own) + float32(all-own)/2 // names and commands are in other scripts everywhere
	if own == 0 {
		return weight
	}
	g := &m.groups[s]
	sure := float32(own) * enough(own) * prose(all, c.marks)
	if len(g.languages) == 0 {
		if code := m.only[s]; code >= 0 {
			p[code] += sure
		}
		return weight
	}
	var scores [most]float32
	grams := g.score(m, &scores, s, text)
	x := scores[:len(g.languages)]
	if len(x) >= 8 { // of fewer none is far above the mean of all
		sure *= fits(slices.Max(x), grams)
	}
	softmax(x)
	for i, l := range g.languages {
		p[l] += sure * x[i]
	}
	return weight
}

// enough is how much a number of letters can tell: half at 8, 0.9 at 28.
func enough(own int32) float32 { return 1 - float32(math.Exp(-float64(own)/12)) }

// prose is 1 for text with the marks of running text and 0 for code and tables.
func prose(all, marks int32) float32 {
	return ramp(float32(all)/(float32(all)+float32(marks)/4), 0.72, 0.88)
}

// fits is 1 where the n-grams are on the mean more frequent in the language
// than in all together, by a tenth of a nat, and 0 where they are rarer.
func fits(best float32, grams int) float32 {
	return ramp(best/float32(grams+1), -0.25, -0.05)
}

// ramp is 0 below low, 1 above high, and rises evenly between them.
func ramp(x, low, high float32) float32 { return min(max((x-low)/(high-low), 0), 1) }
