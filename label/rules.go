package label

import (
	"context"
	"fmt"
	"math"
	"slices"
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
//	quality      1/(1 + exp(sum of weight x -ln(column) - 5)) over all of
//	             these but length, weights in ruleColumns                     ours
//
// Gopher: Rae et al. 2021, arXiv 2112.11446, section A1.1 and table A1. C4:
// Raffel et al. 2019, arXiv 1910.10683, section 2.2. FineWeb: Penedo et al.
// 2024, arXiv 2406.17557, section 3.6. CLIMB: arXiv 2504.13161.
//
// With v the measured value and t the threshold, "at most" is 1/(1+(v/t)^4)
// for lengths and rates, and 1/(1+(odds(v)/odds(t))^2), odds(x) = x/(1-x), for
// shares; "at least" is 1 minus that. Shares of a short text are unsure and
// are drawn to a typical value as if 20 more words, 5 lines, or 100 characters
// had been read (50 words for phrases): a tweet without a full stop is not yet
// a bad text.
//
// Quality is a logistic regression with weights of one sign: a text is as bad
// as its evidence taken together, and no evidence makes up for other evidence.
// The weights were fitted to one half (by hash) of the documents of 22 sound
// and 4 bad English sources, two of the sound being code, and rounded; the
// figures in docs/quality.md are of the other half. What no column has evidence
// of, they cannot find: the same file has the figures for a kind of bad text
// that was kept out of the fit.
//
// Where we differ besides: quality leaves length out, because a question or a
// dialogue turn is short and good; duplicates are found regardless of case,
// punctuation and digits (see doc), and an n-gram counts as a duplicate from its
// second occurrence; C4's rule against curly brackets is left out, because it
// drops all code and LaTeX. Words are what white space parts, and stop words
// and phrases are English: give StopWords for another language.
//
// A text without words scores 0 everywhere.
type Rules struct {
	MaxBytes  int      `json:"max_bytes" default:"131072" min:"1024" doc:"score the first so many bytes of a document"`
	StopWords []string `json:"stop_words" default:"the,be,to,of,and,that,have,with" doc:"words that running text cannot do without (Gopher's eight)"`
}

// ruleColumns are the columns before quality with their weights in it.
var ruleColumns = []struct {
	name   string
	weight float64
}{
	{"length", 0}, {"words", 0.4}, {"symbols", 0.15}, {"alpha", 0.15}, {"stopwords", 0.1}, {"lines", 0.1}, {"repetition", 0.35},
	{"boilerplate", 1.5}, {"advert", 2.5}, {"tables", 1}, {"logs", 2}, {"menus", 0.3}, {"prose", 0.1}, {"titles", 1.6},
	{"shouting", 0.5}, {"address", 3.5},
}

// qualityOffset is the evidence at which quality is 1/2.
const qualityOffset = 5

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
	d := docs.Get().(*doc)
	defer docs.Put(d)
	stop := newPhrases(r.StopWords)
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		d.scan(head(text, r.MaxBytes))
		d.grade(dst[i*len(ruleNames):][:len(ruleNames)], stop)
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
func (d *doc) grade(dst []float32, stop *phrases) {
	clear(dst)
	if d.words == 0 {
		return
	}
	words, chars := float64(d.words), float64(d.chars)
	ofWords := func(k int, typical float64) float64 { return (float64(k) + 20*typical) / (words + 20) }
	ofLines := func(k int, typical float64) float64 { return (float64(k) + 5*typical) / (float64(d.lines) + 5) }
	ofParagraphs := func(k int) float64 { return float64(k) / (float64(d.paragraphs) + 5) }
	ofChars := func(k int, typical float64) float64 { return (float64(k) + 100*typical) / (chars + 100) }
	phraseRate := func(k int) float64 { return float64(k) / (words + 50) }

	meanLength := ofWords(d.chars, 5)
	repetition := min(
		shareAtMost(ofLines(d.dupLines, 0), 0.30), shareAtMost(ofChars(d.dupLineChars, 0), 0.20),
		shareAtMost(ofParagraphs(d.dupParagraphs), 0.30), shareAtMost(ofChars(d.dupParagraphChars, 0), 0.20))
	for n, k := range d.repeats() {
		repetition = min(repetition, shareAtMost(ofChars(k, 0), repeatLimits[n]))
	}
	logs := 0 // lines of a log, not of a conversation
	for _, s := range d.stamped {
		if 20*stop.count(d.hash[s.a:s.b]) <= s.b-s.a {
			logs++
		}
	}
	columns := [...]float64{
		min(atLeast(words, 50), atMost(words, 100_000)),
		min(atLeast(meanLength, 3), atMost(meanLength, 10)),
		min(atMost(ofWords(d.hashes, 0), 0.1), atMost(ofWords(d.ellipses, 0), 0.1),
			shareAtMost(ofChars(d.digits, 0.02), 0.2), shareAtMost(ofChars(d.chars-d.letters-d.digits, 0.05), 0.3)),
		shareAtLeast(ofWords(d.alpha, 0.95), 0.8),
		shareAtLeast(ofWords(stop.count(d.hash), 0.15), 0.04),
		min(shareAtLeast(ofLines(d.terminal, 0.5), 0.12), shareAtMost(ofLines(d.short, 0.2), 0.67), atMost(ofWords(d.newlines, 0.05), 0.3),
			shareAtMost(ofLines(d.bullets, 0), 0.9), shareAtMost(ofLines(d.trailing, 0), 0.3)),
		repetition,
		atMost(phraseRate(boilerplate().count(d.hash)), 0.01),
		atMost(phraseRate(advert().count(d.hash)), 0.01),
		shareAtMost(ofChars(d.tableChars, 0), 0.3),
		shareAtMost(ofLines(logs, 0), 0.3),
		shareAtMost(ofLines(d.menu, 0.1), 0.35),
		shareAtLeast(ofWords(d.plain, 0.7), 0.3),
		shareAtMost(ofWords(d.titled, 0.1), 0.35),
		shareAtMost(ofWords(d.upper+d.exclaims, 0.01), 0.1),
		shareAtMost(ofWords(you().count(d.hash), 0.02), 0.06),
	}
	var evidence float64
	for i, x := range columns {
		dst[i] = float32(x)
		evidence -= ruleColumns[i].weight * math.Log(max(x, 1e-3))
	}
	dst[len(columns)] = float32(1 / (1 + math.Exp(evidence-qualityOffset)))
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
