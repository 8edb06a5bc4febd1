package label

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/climb-go/climb/option"
)

// Rules grades a text by the thresholds of published filters and some of our
// own. Where filters keep or drop, a rule here gives a number: 1/2 exactly at
// the threshold, near 1 well inside, near 0 well outside, so that the mean of a
// cluster says how far it is from the border. A column is the least of its
// rules: the filters too drop a text that fails any one of them.
//
//	length       50 to 100,000 words                                          Gopher
//	words        mean word length of 3 to 10 characters                       Gopher
//	symbols      "#" and ellipses under 0.1 a word                            Gopher
//	             digits under 20 %, other marks under 30 % of the characters  ours
//	alpha        80 % of the words hold a letter                              Gopher
//	stopwords    2 stop words in a text of 50 words: 4 % of the words         Gopher's count, as a share
//	             less where the language has fewer than 15 % of them          ours
//	lines        12 % of the lines end in terminal punctuation                FineWeb, after C4
//	             under 67 % of the lines shorter than 30 characters           FineWeb
//	             under 0.3 line ends a word                                   FineWeb (datatrove)
//	             under 90 % bulleted lines, 30 % that trail off in "..."      Gopher
//	repetition   duplicate lines 30 %, paragraphs 30 %, characters in
//	             duplicate lines 20 %, in duplicate paragraphs 20 %, in the
//	             top 2, 3, 4-gram 20, 18, 16 %, in duplicate 5..10-grams
//	             15, 14, 13, 12, 11, 10 %                                     Gopher
//	boilerplate  1 phrase of policies and page furniture in 100 words         C4's phrases and our own
//	advert       1 phrase of advertising in 100 words                         ours; CLIMB's fourth score
//	tables       30 % of the characters in rows and rules of tables           ours
//	logs         30 % of the lines with a time stamp and few stop words       ours
//	menus        35 % of the lines are up to 5 words from a capital to a
//	             letter or digit                                              ours
//	prose        30 % of the words in lower case                              ours
//	titles       35 % of the words in lower case but for one capital          ours
//	shouting     10 % of the words in capitals, with exclamation marks        ours
//	address      6 % of the words are we, us, our, you, your, yours           ours
//	letters      4.6 bits of surprise of an ASCII letter after two others,
//	             on average; in English text 4.2                              ours
//	noise        3 % of the words have a digit or a mark between letters      ours
//	encoding     what a wrong encoding leaves, 5 in 100 words                 ours
//	order        12 % of English determiners before a word that follows none  ours
//	variety      4 % of the pairs of words of 4 letters or more are equal     ours
//	markup       half of the bytes are in tags of HTML or XML                 ours
//	quality      1/(1 + e^2), e the evidence of all these but length          ours
//
// Gopher: Rae et al. 2021, arXiv 2112.11446, section A1.1 and table A1. C4:
// Raffel et al. 2019, arXiv 1910.10683, section 2.2. FineWeb: Penedo et al.
// 2024, arXiv 2406.17557, section 3.6. CLIMB: arXiv 2504.13161.
//
// With v the measured value and t the threshold, "at most" is 1/(1+(v/t)^4)
// for lengths and rates, and 1/(1+(odds(v)/odds(t))^2), odds(x) = x/(1-x), for
// shares; "at least" is 1 minus that. Shares of a short text are unsure and
// are drawn to a typical value as if 20 more words, 5 lines, or 100 characters
// had been read (50 words where tweets have much of it): a tweet without a full
// stop is not yet a bad text.
//
// The evidence of a column is -ln of it, over what the column has at the worst in
// good text (ruleColumns). The evidence e of a text is the larger of two: the largest
// column's, and the sum over all columns, each counted up to 1, over evidenceSum: a text goes when one column is lower than in any kind of good text, or
// many are low together, with equal weights. The limits are quantiles of good text
// of 22 English sources, two of them code, and of technical prose in other
// languages, so that no kind loses more than 2 %; no junk is in them. Which
// quantile, junk decides (docs/quality.md has what each kind of junk loses when it
// was left out of that).
//
// Where a rule does not apply it says nothing. Code and formulas, by the share of
// words with their marks, are exempt from words, symbols, alpha, stopwords, lines,
// repetition, menus, prose, titles, shouting, letters, noise, order and variety;
// scripts that do not part words, and Korean, from stopwords; Thai and Lao, which
// have no full stop, from that part of lines. Menus, titles and shouting need
// capitals, letters needs ASCII letters, order English; menus counts less in other
// languages, whose manuals have such lists; boilerplate, advert and address know
// English only. A phrase alone says nothing, and a single word counts
// once: a text about JavaScript is not a page's furniture.
//
// Where we differ besides: quality leaves length out, because a question or a
// dialogue turn is short and good; duplicates are found regardless of case,
// punctuation and digits (see doc), and an n-gram counts as a duplicate from its
// second occurrence; C4's rule against curly brackets is left out, because it
// drops all code and LaTeX. Words are what white space parts, and in Han, kana,
// Thai, Lao, Tibetan, Burmese and Khmer text what a hash of two neighbouring
// letters parts: two or four letters on average. Stop words are those of the
// language, of 428, that the text has most of.
//
// A text without words scores 0 everywhere.
type Rules struct {
	MaxBytes  int      `json:"max_bytes" default:"131072" min:"1024" doc:"score the first so many bytes of a document"`
	StopWords []string `json:"stop_words,omitempty" doc:"stop words that running text must contain; empty = built-in lists of 428 languages, for English Gopher's eight"`
}

// leastScore is what a column counts for at the least.
const leastScore = 1e-4

// evidenceSum is the evidence of all columns together, each counted up to its
// worst, at which quality is 1/2.
const evidenceSum = 4.1

// ruleColumns are the columns before quality, and for each the evidence, -ln of
// the column, at which it alone makes quality 1/2. They are what bench/quality
// prints under floors.choice.
var ruleColumns = []struct {
	name  string
	worst float64
}{
	{"length", 0}, {"words", 4.64}, {"symbols", 3.92}, {"alpha", 3.6}, {"stopwords", 2.1}, {"lines", 3.96}, {"repetition", 4.58},
	{"boilerplate", 1.31}, {"advert", 0.15}, {"tables", 5.46}, {"logs", 3.5}, {"menus", 2.5}, {"prose", 4.39}, {"titles", 1.61},
	{"shouting", 9.22}, {"address", 1.34}, {"letters", 0.63}, {"noise", 0.73}, {"encoding", 0.15}, {"order", 0.56}, {"variety", 2.31},
	{"markup", 0.15},
}

// ruleNames are the columns in order, quality last.
var ruleNames = func() (names []string) {
	for _, c := range ruleColumns {
		names = append(names, c.name)
	}
	return append(names, "quality")
}()

// Labeler implements Method: rules need nothing.
func (o Rules) Labeler(context.Context, Texts) (Labeler, error) { return o, nil }

// Names lists the columns, quality last.
func (r Rules) Names() []string { return slices.Clone(ruleNames) }

// Floors are cluster means below which pruning is advised; the same for
// single documents.
func (r Rules) Floors() map[string]float64 { return map[string]float64{"quality": 0.5} }

// Label writes the columns of each text.
func (r Rules) Label(ctx context.Context, dst []float32, texts []string) error {
	if len(dst) != len(texts)*len(ruleNames) {
		panic(fmt.Sprintf("label: dst of %d for %d texts x %d columns", len(dst), len(texts), len(ruleNames)))
	}
	option.Fill(&r)
	if err := option.Check("rules", r); err != nil {
		return err
	}
	known := everyLanguage()
	if len(r.StopWords) > 0 {
		known = newLexicon([]string{strings.Join(r.StopWords, " ")})
	}
	d := docs.Get().(*doc)
	defer docs.Put(d)
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.scan(head(text, r.MaxBytes))
		d.found.read(known, d.hash)
		d.grade(dst[i*len(ruleNames):][:len(ruleNames)])
	}
	return nil
}

var docs = sync.Pool{New: func() any { return new(doc) }}

// head is the first n bytes of text, less a character that the cut would halve.
func head(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for back := 0; back < utf8.UTFMax; back++ {
		if utf8.RuneStart(text[n-back]) {
			return text[:n-back]
		}
	}
	return text[:n]
}

// grade writes one row of scores.
func (d *doc) grade(dst []float32) {
	clear(dst)
	if d.words == 0 {
		return
	}
	words, chars, letters := float64(d.words), float64(d.chars), float64(d.letters)
	ofWords := func(k int, typical float64) float64 { return (float64(k) + 20*typical) / (words + 20) }
	ofMoreWords := func(k int, typical float64) float64 { return (float64(k) + 50*typical) / (words + 50) }
	ofLines := func(k int, typical float64) float64 { return (float64(k) + 5*typical) / (float64(d.lines) + 5) }
	ofChars := func(k int, typical float64) float64 { return (float64(k) + 100*typical) / (chars + 100) }
	phraseRate := func(p phraseCount) float64 { return p.weight() / (words + 50) }
	// Evidence counts for the share of the text that a rule applies to.
	notCode := 1 - shareAtLeast(ofWords(d.coded, 0), 0.1)
	parted := 1 - float64(d.joined)/max(1, letters)
	stops := 1 - float64(d.endless)/max(1, letters)

	meanLength := ofWords(d.chars, 5)
	// A log has few stop words, a conversation as many as other text. Of a text
	// that has few, the language is not known, nor its stop words.
	share := ofWords(d.found.stops, 0)
	said, stamped, logs := 0, 0, 0
	for _, s := range d.stamped {
		n := 0
		if share > 0.03 {
			n = d.found.stopsIn(s)
		}
		if said, stamped = said+n, stamped+s.b-s.a; 10*n <= s.b-s.a {
			logs++
		}
	}
	notSaid := 1 - shareAtLeast(float64(said)/float64(stamped+10), 0.12)
	// How rare triples of letters may be depends on the language.
	rare := 4.6
	if share > 0.06 && d.found.best == 0 {
		rare = 4.2
	}
	surprise := (float64(d.surprise)/16 + 100*usualSurprise) / (float64(d.triples) + 100)
	// Lists of names in capitals and of settings are frequent in other languages' manuals.
	menus := 0.3
	if d.found.best == 0 && share > 0.01 {
		menus = 1
	}
	pairs, long := d.sameWords()
	columns := [...]float64{
		min(atLeast(words, 50), atMost(words, 100_000)),
		math.Pow(min(atLeast(meanLength, 3), atMost(meanLength, 10)), notCode),
		math.Pow(min(atMost(ofMoreWords(d.hashes, 0), 0.1), atMost(ofWords(d.ellipses, 0), 0.1),
			shareAtMost(ofChars(d.digits, 0.02), 0.2), shareAtMost(ofChars(d.chars-d.letters-d.digits, 0.05), 0.3)), notCode),
		math.Pow(shareAtLeast(ofWords(d.alpha, 0.95), 0.8), notCode),
		math.Pow(shareAtLeast(ofWords(d.found.stops, 0.15), 0.04*min(1, d.found.usual/usualStops)), notCode*parted),
		math.Pow(min(math.Pow(shareAtLeast(ofLines(d.terminal, 0.5), 0.12), stops), shareAtMost(ofLines(d.short, 0.2), 0.67), atMost(ofWords(d.newlines, 0.05), 0.3),
			shareAtMost(ofLines(d.bullets, 0), 0.9), shareAtMost(ofLines(d.trailing, 0), 0.3)), notCode),
		math.Pow(d.repetition(), notCode),
		atMost(phraseRate(d.found.boilerplate), 0.01),
		atMost(phraseRate(d.found.ads), 0.01),
		shareAtMost(ofChars(d.tableChars, 0), 0.3),
		math.Pow(shareAtMost(ofLines(logs, 0), 0.3), notSaid),
		math.Pow(shareAtMost(ofLines(d.menu, 0.1), 0.35), notCode*menus),
		math.Pow(shareAtLeast(ofWords(d.plain, 0.7), 0.3), notCode),
		math.Pow(shareAtMost(ofWords(d.titled, 0.1), 0.35), notCode),
		math.Pow(shareAtMost(ofMoreWords(d.upper+d.exclaims, 0.01), 0.1), notCode),
		shareAtMost(ofMoreWords(d.found.you, 0.02), 0.06),
		math.Pow(atMost(max(0, surprise-usualSurprise), rare-usualSurprise), notCode),
		math.Pow(shareAtMost(ofMoreWords(d.garbled, 0.002), 0.03), notCode),
		shareAtMost(min(0.99, float64(d.broken)/(words+20)), 0.05),
		math.Pow(shareAtMost((float64(d.found.misplaced)+0.1)/(float64(d.found.determiners)+10), 0.12), notCode),
		math.Pow(shareAtMost(2*float64(pairs)/(float64(long+20)*float64(long+19)), 0.04), notCode),
		shareAtMost(float64(d.tagged)/float64(d.bytes+100), 0.5),
	}
	most, sum := 0.0, 0.0
	for i, x := range columns {
		dst[i] = float32(x)
		if worst := ruleColumns[i].worst; worst > 0 {
			evidence := max(0, -math.Log(max(x, leastScore))) / worst
			most = max(most, evidence)
			sum += min(1, evidence)
		}
	}
	dst[len(columns)] = float32(shareOfGood(max(most, sum/evidenceSum)))
}

// usualStops is the share of the words of a text that are stop words of its language,
// in most languages at least.
const usualStops = 0.15

// usualSurprise is the surprise of a letter after two others in most text, in bits.
const usualSurprise = 3.4

// shareOfGood is 1 for no evidence, and 1/2 for as much as the worst of good text
// has.
func shareOfGood(evidence float64) float64 { return 1 / (1 + evidence*evidence) }

// repetition is the least of Gopher's rules for repeated lines, paragraphs and
// n-grams.
func (d *doc) repetition() float64 {
	ofParagraphs := float64(d.dupParagraphs) / (float64(d.paragraphs) + 5)
	ofLines := float64(d.dupLines) / (float64(d.lines) + 5)
	ofChars := func(k int) float64 { return float64(k) / (float64(d.chars) + 100) }
	x := min(shareAtMost(ofLines, 0.30), shareAtMost(ofChars(d.dupLineChars), 0.20),
		shareAtMost(ofParagraphs, 0.30), shareAtMost(ofChars(d.dupParagraphChars), 0.20))
	for n, k := range d.repeats() {
		x = min(x, shareAtMost(ofChars(k), repeatLimits[n]))
	}
	return x
}

// repeatLimits are Gopher's greatest shares of characters in the top 2, 3,
// 4-gram and in duplicate 5..10-grams (table A1).
var repeatLimits = [9]float64{0.20, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.10}

func atMost(v, limit float64) float64  { x := v / limit; return 1 / (1 + x*x*x*x) }
func atLeast(v, limit float64) float64 { return 1 - atMost(v, limit) }

// shareAtMost takes v and limit in [0, 1).
func shareAtMost(v, limit float64) float64 {
	if v >= 1 {
		return 0
	}
	x := v / (1 - v) * (1 - limit) / limit
	return 1 / (1 + x*x)
}

func shareAtLeast(v, limit float64) float64 { return 1 - shareAtMost(v, limit) }
