package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/label"
)

// Floors is what the default floor of the rules, quality 1/2, takes of every kind
// of text in the reported half.
type Floors struct {
	Good map[string]Taken `json:"good"` // English, and code
	// Languages are technical prose and the Universal Declaration of Human Rights;
	// Other has all languages of the latter together.
	Languages map[string]Taken `json:"languages"`
	Other     Taken            `json:"declaration_all_languages"`
	// Junk has for each kind two figures: with the choice that the other kinds lead
	// to, and with the one that is built in.
	Junk   map[string]Removed `json:"junk"`
	Sealed map[string]float64 `json:"sealed,omitempty"` // with what is built in
	Choice Choice             `json:"choice"`           // that all kinds of junk lead to: what is built in
}

// Taken is the share of documents and of bytes that goes.
type Taken struct {
	Documents int     `json:"documents"`
	Lost      float64 `json:"lost"`
	Bytes     float64 `json:"lost_bytes"`
}

// Removed is the share of documents that goes.
type Removed struct {
	Documents int     `json:"documents"`
	LeftOut   float64 `json:"removed_left_out"`
	BuiltIn   float64 `json:"removed"`
	Quantile  float64 `json:"quantile"` // that the others lead to
}

// A Choice is how columns become one quality. Each column has the evidence that
// at most 1 - Quantile of any kind of good text exceeds; Sum is how much evidence
// of all columns together, each counted up to its own limit, does the same.
type Choice struct {
	Quantile float64            `json:"quantile"`
	Sum      float64            `json:"sum"`
	Worst    map[string]float64 `json:"worst"` // evidence, -ln of the column
	worst    []float64
}

// Constants of the fit. Of a kind of fewer documents the quantile is not known:
// languages with fewer count together.
const (
	fitLoss   = 0.015 // of the documents and of the bytes of a kind, in the half that is fitted to
	fitDocs   = 40
	fitBytes  = 16_000 // a document counts for no more: a kind's share of bytes must not hang on one file
	leastEver = 0.15   // evidence that says nothing, however rare
	mostSum   = 6      // a sum that takes nothing
)

func benchFloors(ctx context.Context, inputs []string, languages string, withSealed bool) (*Floors, error) {
	all, err := kinds(ctx, inputs, languages, withSealed)
	if err != nil {
		return nil, err
	}
	var sound, bad []*kind
	for _, k := range all {
		switch {
		case k.role == junk:
			bad = append(bad, k)
		case k.role != sealed && len(k.docs[1-reportedHalf]) >= fitDocs:
			sound = append(sound, k)
		}
	}
	choices := candidates(sound, declarations(all))
	f := &Floors{Good: map[string]Taken{}, Languages: map[string]Taken{}, Junk: map[string]Removed{}, Sealed: map[string]float64{}}
	f.Choice = best(choices, bad, nil)
	builtIn := func(d scored) bool { return d.quality < 0.5 }
	var declaration []scored
	for _, k := range all {
		docs := k.docs[reportedHalf]
		switch k.role {
		case good:
			f.Good[k.name] = taken(docs, builtIn)
		case foreign:
			if strings.HasPrefix(k.name, "declaration") {
				declaration = append(declaration, docs...)
			} else {
				f.Languages[k.name] = taken(docs, builtIn)
			}
		case junk:
			c := best(choices, bad, k)
			f.Junk[k.name] = Removed{len(docs), taken(docs, c.takes).Lost, taken(docs, builtIn).Lost, c.Quantile}
		case sealed:
			f.Sealed[k.name] = taken(docs, builtIn).Lost
		}
	}
	for _, k := range all {
		if name, ok := strings.CutPrefix(k.name, "declaration "); ok && slices.Contains(reportedLanguages, name) {
			f.Languages[k.name] = taken(append(slices.Clone(k.docs[0]), k.docs[1]...), builtIn)
		}
	}
	f.Other = taken(declaration, builtIn)
	return f, nil
}

// reportedLanguages are those whose declaration is reported by name, of both
// halves together because it is short.
var reportedLanguages = []string{"arb", "cmn", "deu", "ell", "fin", "fra", "heb", "hin", "jpn", "kor", "pol", "rus", "spa", "swh", "tam", "tha", "tur", "vie", "zul"}

func taken(docs []scored, takes func(scored) bool) (t Taken) {
	bytes, lost := 0, 0
	for _, d := range docs {
		bytes += d.bytes
		if takes(d) {
			lost += d.bytes
			t.Lost++
		}
	}
	t.Documents = len(docs)
	t.Lost, t.Bytes = t.Lost/float64(max(1, len(docs))), float64(lost)/float64(max(1, bytes))
	return t
}

// declarations are those of all languages, most of which have too few documents to be
// kinds of their own.
func declarations(all []*kind) *kind {
	out := &kind{name: "declarations", role: good}
	for _, k := range all {
		if strings.HasPrefix(k.name, "declaration ") {
			for h, docs := range k.docs {
				out.docs[h] = append(out.docs[h], docs...)
			}
		}
	}
	return out
}

// candidates are the choices that lose no more than fitLoss of any kind: for each
// quantile of the columns the least sum. How rare letters are depends on the language
// more than all else, so that column looks at the declarations too.
func candidates(sound []*kind, declarations *kind) (out []Choice) {
	for q := 0.988; q < 0.9985; q += 0.0005 {
		c := Choice{Quantile: math.Round(1e4*q) / 1e4, Worst: map[string]float64{}}
		for column, name := range (label.Rules{}).Names() {
			if name == "quality" {
				break
			}
			worst := leastEver
			for _, k := range sound {
				worst = max(worst, quantile(k, column, c.Quantile))
			}
			switch name {
			case "length": // short is not bad
				worst = 0
			case "letters":
				worst = max(worst, quantile(declarations, column, c.Quantile))
			}
			worst = math.Ceil(worst*100) / 100
			c.worst, c.Worst[name] = append(c.worst, worst), worst
		}
		if c.Sum = c.leastSum(sound); c.Sum < mostSum {
			out = append(out, c)
		}
	}
	return out
}

// quantile is the evidence of a column that at most 1-q of a kind's documents, and
// of their bytes, exceed; for another language half a percent more, because there
// are many and each has few documents.
func quantile(k *kind, column int, q float64) float64 {
	docs := k.docs[1-reportedHalf]
	n := float64(len(docs))
	spare := 1.01 / n
	if k.role == foreign {
		q, spare = q-0.005, 2.01/n
	}
	above := max(1-q, spare)
	type weighed struct{ x, bytes float64 }
	list := make([]weighed, len(docs))
	bytes := 0.0
	for i, d := range docs {
		list[i] = weighed{d.evidence[column], float64(min(d.bytes, fitBytes))}
		bytes += list[i].bytes
	}
	slices.SortFunc(list, func(a, b weighed) int { return cmp.Compare(b.x, a.x) })
	most, sum := 0.0, 0.0
	for i, w := range list {
		if float64(i+1) > above*n {
			most = max(most, w.x)
			break
		}
	}
	for _, w := range list {
		if sum += w.bytes; sum > above*bytes {
			return max(most, w.x)
		}
	}
	return most
}

// takes tells whether a document goes.
func (c Choice) takes(d scored) bool { return c.evidence(d) > c.Sum }

// evidence is the sum of a document's evidence, beyond all limits if that of one
// column alone is.
func (c Choice) evidence(d scored) (sum float64) {
	for i, worst := range c.worst {
		if worst == 0 {
			continue
		}
		x := d.evidence[i] / worst
		if x > 1 {
			return math.Inf(1)
		}
		sum += x
	}
	return sum
}

// leastSum is the least sum, in tenths, with which no kind loses more than fitLoss.
func (c Choice) leastSum(sound []*kind) float64 {
	least := 1.0
	for _, k := range sound {
		docs := k.docs[1-reportedHalf]
		sums, bytes := make([]float64, len(docs)), 0.0
		for i, d := range docs {
			sums[i] = c.evidence(d)
			bytes += float64(min(d.bytes, fitBytes))
		}
		for ; least < mostSum; least += 0.1 {
			documents, size := 0.0, 0.0
			for i, d := range docs {
				if sums[i] > least {
					documents, size = documents+1, size+float64(min(d.bytes, fitBytes))
				}
			}
			if documents <= fitLoss*float64(len(docs)) && size <= fitLoss*bytes {
				break
			}
		}
	}
	return math.Round(10*least) / 10
}

// best is the choice that removes most of the kinds of junk but one on average, in
// the half that is fitted to.
func best(choices []Choice, bad []*kind, but *kind) Choice {
	at, most := 0, -1.0
	for i, c := range choices {
		sum := 0.0
		for _, k := range bad {
			if k != but {
				sum += taken(k.docs[1-reportedHalf], c.takes).Lost
			}
		}
		if sum > most+1e-9 {
			at, most = i, sum
		}
	}
	return choices[at]
}
