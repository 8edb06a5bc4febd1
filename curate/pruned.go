package curate

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/climb-go/climb/stage"
)

// A PrunedSample is the start of a document that is in no domain, and what took
// it out.
type PrunedSample struct {
	Example
	Code    int     // PrunedCluster, PrunedDocument, Overlaps or SemanticCopy
	Cluster int     // of the document
	Score   string  // of PrunedDocument: the one below its floor
	Value   float64 // of the score
	Floor   float64
}

// prunedShards bounds the shards whose texts are read for samples.
const prunedShards = 4

// PrunedSamples draws so many documents for each rule that has taken some out,
// from a few shards that are spread evenly. They are sorted by rule.
func (r *Curation) PrunedSamples(ctx context.Context, most int) ([]PrunedSample, error) {
	p, err := r.Assignment()
	if err != nil {
		return nil, err
	}
	d, err := DomainsOf(p)
	if err != nil {
		return nil, err
	}
	rule, err := newDocumentRule(r.Config.Prune, d.ScoreNames)
	if err != nil {
		return nil, err
	}
	t, err := r.Texts()
	if err != nil {
		return nil, err
	}
	drawn := map[prunedRule][]prunedAt{}
	n := min(len(t.Shards), prunedShards)
	for i := range n {
		shard := i * len(t.Shards) / n
		codes, err := DomainOf.Ints(p, shard)
		if err != nil {
			return nil, err
		}
		g, err := ReadGrades(p, shard)
		if err != nil {
			return nil, err
		}
		for row, code := range codes[:min(len(codes), len(g.Clusters))] {
			if code >= 0 || code == HeldOut {
				continue
			}
			at := prunedAt{shard: shard, row: row, key: stage.SplitMix(r.Config.Seed^uint64(shard)<<32, uint64(row)^0x9d)}
			at.Code, at.Cluster = int(code), int(g.Clusters[row])
			if code == PrunedDocument {
				at.Score, at.Value, at.Floor = rule.failing(g.Row(row))
			}
			of := prunedRule{at.Code, at.Score}
			drawn[of] = append(drawn[of], at)
			if len(drawn[of]) > 64*most { // in memory that does not grow with the shard
				drawn[of] = least(drawn[of], most)
			}
		}
	}
	var all []prunedAt
	for _, of := range slices.SortedFunc(maps.Keys(drawn), func(a, b prunedRule) int { return cmp.Or(b.code-a.code, cmp.Compare(a.score, b.score)) }) {
		all = append(all, least(drawn[of], most)...)
	}
	return readPruned(ctx, t, all)
}

// A prunedRule is what takes documents out.
type prunedRule struct {
	code  int
	score string
}

// A prunedAt is a sample with its place.
type prunedAt struct {
	PrunedSample
	shard, row int
	key        uint64
}

func least(list []prunedAt, n int) []prunedAt {
	slices.SortFunc(list, func(a, b prunedAt) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.shard, b.shard), cmp.Compare(a.row, b.row))
	})
	return list[:min(len(list), n)]
}

// failing is the first score below its floor.
func (r *documentRule) failing(scores []float32) (name string, value, least float64) {
	name = r.fails(scores)
	for _, f := range r.floors {
		if f.name == name {
			return name, float64(f.value(scores)), float64(f.least)
		}
	}
	return name, 0, 0
}

// readPruned reads the starts of the texts.
func readPruned(ctx context.Context, t *Texts, all []prunedAt) ([]PrunedSample, error) {
	wanted := map[int]map[int]int{} // shard, row -> index
	for i, at := range all {
		if wanted[at.shard] == nil {
			wanted[at.shard] = map[int]int{}
		}
		wanted[at.shard][at.row] = i
	}
	for _, shard := range slices.Sorted(maps.Keys(wanted)) {
		left := len(wanted[shard])
		for doc, err := range t.Shard(ctx, shard) {
			if err != nil {
				return nil, err
			}
			if i, ok := wanted[shard][doc.Row]; ok {
				all[i].Example = Example{doc.ID, CutRunes(doc.Text, ExampleBytes)}
				if left--; left == 0 {
					break
				}
			}
		}
	}
	out := make([]PrunedSample, len(all))
	for i, at := range all {
		out[i] = at.PrunedSample
	}
	return out, nil
}
