package cluster

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the Namer.
const (
	termRunes   = 24        // longest word that is a term
	termRepeats = 3         // how often one text may count a term
	termBytes   = 1 << 14   // bytes of a text that are read
	termEntries = 2_000_000 // default of Namer.MaxEntries
)

// Namer finds the words that set groups of texts apart: the class-based
// TF-IDF of BERTopic (Grootendorst 2022, arXiv 2203.05794, equation 2),
//
//	W(t, c) = tf(t, c) / |c| * ln(1 + A / f(t)),
//
// with tf the count of term t in group c, |c| the words of the group, A their
// mean over the groups and f the count over all groups. Terms are single
// words and pairs of neighbours, in lower case, without stop words, numbers and
// codes. We differ
// in counting a term at most three times a text, so that one long text cannot
// name its group. The zero value is ready for use, by one goroutine; feed it
// in a fixed order.
type Namer struct {
	MaxEntries int // counts held before the rarest are dropped; 0: 2,000,000, some 200 MB

	id     map[string]int32
	text   []string
	count  map[entry]int32
	words  []float64 // of each group
	floor  int32     // counts up to it have been dropped
	repeat map[int32]int32
}

// An entry is a term in a group.
type entry struct{ group, term int32 }

// A Term is a word or a pair of words, and its weight W in the group.
type Term struct {
	Text   string  `json:"text"`
	Weight float64 `json:"weight"`
}

// A Label is what the reader sees of a group.
type Label struct {
	Name  string `json:"name"`  // its three best words, like "protein-cells-binding"; no two groups share one
	Terms []Term `json:"terms"` // by descending weight
}

// Add counts the words of a text of the group (0-based).
func (n *Namer) Add(group int, text string) {
	if n.id == nil {
		n.id, n.count, n.repeat = map[string]int32{}, map[entry]int32{}, map[int32]int32{}
		if n.MaxEntries <= 0 {
			n.MaxEntries = termEntries
		}
	}
	for group >= len(n.words) {
		n.words = append(n.words, 0)
	}
	clear(n.repeat)
	text, last := text[:min(len(text), termBytes)], ""
	for text != "" {
		var word string
		var joined bool
		word, joined, text = nextWord(text)
		if !joined {
			last = ""
		}
		if size := utf8.RuneCountInString(word); size < 3 || size > termRunes || stop[word] || !readable(word) {
			last = ""
			continue
		}
		n.words[group]++
		n.put(group, word)
		if last != "" && last != word {
			n.put(group, last+" "+word)
		}
		last = word
	}
	if len(n.count) > n.MaxEntries {
		n.shrink()
	}
}

// nextWord returns the next run of letters and digits of text in lower case,
// whether only a space or hyphen is before it, and what follows it.
func nextWord(text string) (word string, joined bool, rest string) {
	isLetter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) }
	start := strings.IndexFunc(text, isLetter)
	if start < 0 {
		return "", false, ""
	}
	joined = start == 1 && (text[0] == ' ' || text[0] == '-')
	text = text[start:]
	end := strings.IndexFunc(text, func(r rune) bool { return !isLetter(r) })
	if end < 0 {
		end = len(text)
	}
	return strings.ToLower(text[:end]), joined, text[end:]
}

// readable tells whether a word can name anything: digits stand only at its end,
// as in "utf8", after two letters or more, so that no part of "0xbf" or "e3b0c4"
// does; and no letter stands four times in a row, as in "ffffff".
func readable(word string) bool {
	letters, run, digits, last := 0, 0, false, rune(-1)
	for _, r := range word {
		if run++; r != last {
			run = 1
		}
		last = r
		switch {
		case unicode.IsNumber(r):
			if digits = true; letters < 2 {
				return false
			}
		case digits || run == 4:
			return false
		default:
			letters++
		}
	}
	return true
}

func (n *Namer) put(group int, term string) {
	id, ok := n.id[term]
	if !ok {
		id = int32(len(n.text))
		n.id[strings.Clone(term)] = id
		n.text = append(n.text, strings.Clone(term))
	}
	if n.repeat[id]++; n.repeat[id] <= termRepeats {
		n.count[entry{int32(group), id}]++
	}
}

// shrink drops the smallest counts until half of the room is free, and the
// terms that are left without one.
func (n *Namer) shrink() {
	for len(n.count) > n.MaxEntries/2 {
		n.floor++
		for e, c := range n.count {
			if c <= n.floor {
				delete(n.count, e)
			}
		}
	}
	used := make([]bool, len(n.text))
	for e := range n.count {
		used[e.term] = true
	}
	renamed := make([]int32, len(n.text))
	old := n.text
	n.text, n.id = nil, map[string]int32{}
	for i, t := range old {
		if used[i] {
			renamed[i] = int32(len(n.text))
			n.id[t] = renamed[i]
			n.text = append(n.text, t)
		}
	}
	count := make(map[entry]int32, len(n.count))
	for e, c := range n.count {
		count[entry{e.group, renamed[e.term]}] = c
	}
	n.count = count
}

// Labels returns a name and the best top terms for each of the groups. A
// group without words is called "group-" and its number.
func (n *Namer) Labels(groups, top int) []Label {
	terms := n.weigh(groups)
	out := make([]Label, groups)
	taken := map[string]bool{}
	for g := range out {
		out[g].Name = name(terms[g], g, taken)
		out[g].Terms = slices.Clone(terms[g][:min(top, len(terms[g]))])
		taken[out[g].Name] = true
	}
	return out
}

// weigh returns the terms of each group by descending W, then by text.
func (n *Namer) weigh(groups int) [][]Term {
	var mean float64
	for _, w := range n.words {
		mean += w / float64(len(n.words))
	}
	all := make([]float64, len(n.text))
	for e, c := range n.count {
		all[e.term] += float64(c)
	}
	terms := make([][]Term, groups)
	for e, c := range n.count {
		if int(e.group) < groups {
			w := float64(c) / n.words[e.group] * math.Log1p(mean/all[e.term])
			terms[e.group] = append(terms[e.group], Term{n.text[e.term], w})
		}
	}
	for _, t := range terms {
		slices.SortFunc(t, func(a, b Term) int {
			return cmp.Or(cmp.Compare(b.Weight, a.Weight), strings.Compare(a.Text, b.Text))
		})
	}
	return terms
}

// name joins the three best single words, none a form of another, and more
// while the name is taken.
func name(terms []Term, group int, taken map[string]bool) string {
	var words []string
	for _, t := range terms {
		if strings.Contains(t.Text, " ") || slices.ContainsFunc(words, func(w string) bool { return alike(w, t.Text) }) {
			continue
		}
		words = append(words, t.Text)
		if name := strings.Join(words, "-"); len(words) >= 3 && !taken[name] {
			return name
		}
		if len(words) == 8 {
			break
		}
	}
	base := fmt.Sprintf("group-%d", group)
	if len(words) > 0 {
		base = strings.Join(words[:min(3, len(words))], "-")
	}
	name := base
	for i := 2; taken[name]; i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	return name
}

// alike tells whether two words share all but their endings, as "cell" and
// "cells" do.
func alike(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	stem := max(3, len(a)-2)
	return len(b)-len(a) <= 3 && len(a) >= stem && strings.HasPrefix(b, a[:stem])
}

// stop holds the English words that say nothing about a subject, and what is
// left of contractions and web addresses.
var stop = func() map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(stopWords) {
		set[w] = true
	}
	return set
}()

const stopWords = `about above across actually after afterwards again against ago all almost alone along already also
although always am among amongst an and another any anybody anyone anything anyway anywhere are aren around as ask at away
back be became because become becomes been before behind being below beside besides between beyond both but by call came can
cannot cant come comes could couldn did didn do does doesn doing don done down during each either else enough etc even ever
every everybody everyone everything everywhere except far few first for former found four from further gave get gets getting
give given gives go goes going gone gonna got had hadn has hasn have haven having he hence her here hers herself him himself
his how however i if in indeed instead into is isn it its itself just keep kept know known last later least less let like
likely ll look made make makes making many may maybe me mean might mine more moreover most mostly much must my myself namely near
need neither never nevertheless new next no nobody none nor not nothing now nowhere of off often oh ok okay old on once one
ones only onto or other others otherwise our ours ourselves out over own per perhaps put quite rather re really said same saw
say saying says second see seem seemed seeming seems seen several shall she should shouldn since six so some somebody somehow
someone something sometimes somewhere still such sure take taken takes taking tell ten than that thats the their theirs them
themselves then there thereby therefore these they thing things think this those though three through throughout thus till to
together too took toward towards two under unless until up upon us use used uses using usually ve very via want wants was wasn
way we well went were weren what whatever when whenever where whereas wherever whether which while who whoever whole whom
whose why will with within without won would wouldn yes yet you your yours yourself yourselves http https www com org net html`
