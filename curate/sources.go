package curate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/climb-go/climb/corpus"
)

// A SourceTokens is what the documents of a source have in the domains.
type SourceTokens struct {
	Source  string
	Tokens  []int64 // by domain
	Dataset int64   // tokens of them in the dataset, repeated as often as there
}

// BySource counts the tokens of each source, most first, from a run that has
// reached the target tokens. times says how often the dataset has a document; nil
// where there is no dataset. It reads one shard after another; sources beyond the
// first corpus.MostSources count as corpus.OtherSources.
func (r *Curation) BySource(domains int, times func(domain, shard, row int) int) ([]SourceTokens, error) {
	scanned, err := r.Plan(sourcesOf.Stage)
	if err != nil {
		return nil, err
	}
	rows, err := r.Plan(dropOf.Stage)
	if err != nil {
		return nil, err
	}
	assigned, err := r.Assignment()
	if err != nil {
		return nil, err
	}
	encoded, err := r.Plan(TokensOf.Stage)
	if err != nil {
		return nil, err
	}
	index := map[string]int{}
	var out []SourceTokens
	of := func(name string) *SourceTokens {
		i, ok := index[name]
		if !ok && len(index) >= corpus.MostSources {
			name = corpus.OtherSources
			i, ok = index[name]
		}
		if !ok {
			i = len(out)
			index[name] = i
			out = append(out, SourceTokens{Source: name, Tokens: make([]int64, domains)})
		}
		return &out[i]
	}
	for shard := range scanned.Tasks {
		sources, err := readSources(sourcesOf.Path(scanned, shard))
		if err != nil {
			return nil, err
		}
		drop, err := readRows(dropOf.Path(rows, shard))
		if err != nil {
			return nil, err
		}
		domain, err := DomainOf.Ints(assigned, shard)
		if err != nil {
			return nil, err
		}
		tokens, err := TokensOf.Ints(encoded, shard)
		if err != nil {
			return nil, err
		}
		row := 0
		for at, name := range sources.All() {
			if drop.Has(at) {
				continue
			}
			if row >= len(domain) || row >= len(tokens) || int(domain[row]) >= domains {
				return nil, fmt.Errorf("shard %d: %d documents have a domain of %d, %d have tokens, and there are more", shard, len(domain), domains, len(tokens))
			}
			if d := int(domain[row]); d >= 0 {
				s := of(name)
				s.Tokens[d] += int64(tokens[row])
				if times != nil {
					s.Dataset += int64(tokens[row]) * int64(times(d, shard, row))
				}
			}
			row++
		}
	}
	slices.SortStableFunc(out, func(a, b SourceTokens) int {
		return cmp.Or(cmp.Compare(sum(b.Tokens), sum(a.Tokens)), cmp.Compare(a.Source, b.Source))
	})
	return out, nil
}

func sum(x []int64) (n int64) {
	for _, v := range x {
		n += v
	}
	return n
}
