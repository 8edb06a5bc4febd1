package curate

import (
	"context"
	"fmt"
	"iter"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/task"
)

// Judged is a document with what the run has found out about it.
type Judged struct {
	corpus.Document
	Cluster int
	Scores  []float32 // by the names of Domains.ScoreNames
	Domain  int       // below 0: of no domain, see Fate
}

// Fate says what became of the document: "kept", "pruned cluster", "pruned
// document", "held out", or why else it was left out.
func (j Judged) Fate() string {
	switch j.Domain {
	case PrunedCluster:
		return "pruned cluster"
	case PrunedDocument:
		return "pruned document"
	case HeldOut:
		return "held out"
	case Overlaps:
		return "overlaps with a target file"
	case SemanticCopy:
		return "near the meaning of another"
	}
	return "kept"
}

// Judged reads every document of a run that has reached the target domains,
// in the order of shards and rows.
func (r *Curation) Judged(ctx context.Context) iter.Seq2[Judged, error] {
	return func(yield func(Judged, error) bool) {
		p, err := r.Assignment()
		if err != nil {
			yield(Judged{}, err)
			return
		}
		t, err := OpenTexts(ctx, p)
		if err != nil {
			yield(Judged{}, err)
			return
		}
		for shard := range t.Shards {
			for j, err := range judgedShard(ctx, p, t, shard) {
				if !yield(j, err) || err != nil {
					return
				}
			}
		}
	}
}

func judgedShard(ctx context.Context, p *task.Plan, t *Texts, shard int) iter.Seq2[Judged, error] {
	return func(yield func(Judged, error) bool) {
		g, err := ReadGrades(p, shard)
		if err != nil {
			yield(Judged{}, err)
			return
		}
		domains, err := DomainOf.Ints(p, shard)
		if err == nil && len(domains) != len(g.Clusters) {
			err = fmt.Errorf("shard %d: %d documents assigned, %d clustered", shard, len(domains), len(g.Clusters))
		}
		if err != nil {
			yield(Judged{}, err)
			return
		}
		for doc, err := range t.Shard(ctx, shard) {
			if err == nil && doc.Row >= len(domains) {
				err = fmt.Errorf("shard %d: more documents than the %d that were labeled", shard, len(domains))
			}
			if err != nil {
				yield(Judged{}, err)
				return
			}
			if !yield(Judged{doc, int(g.Clusters[doc.Row]), g.Row(doc.Row), int(domains[doc.Row])}, nil) {
				return
			}
		}
	}
}

// grades is what the cluster and label stages say of the documents of one
// shard.
type grades struct {
	Clusters []int32
	Bytes    []int32   // of the texts
	scores   []float32 // documents x columns
	columns  int
}

// ReadGrades reads them from the stages cluster and label of the plan.
func ReadGrades(p *task.Plan, shard int) (*grades, error) {
	g := &grades{}
	var err error
	if g.Clusters, err = ClusterOf.Ints(p, shard); err != nil {
		return nil, err
	}
	if g.Bytes, err = bytesOf.Ints(p, shard); err != nil {
		return nil, err
	}
	scores, h, err := scoresOf.Floats(p, shard)
	if err != nil {
		return nil, err
	}
	if g.scores, g.columns = scores, h.Cols; len(g.Clusters) != h.Rows || len(g.Bytes) != h.Rows {
		return nil, fmt.Errorf("shard %d: %d documents clustered, %d labeled", shard, len(g.Clusters), h.Rows)
	}
	return g, nil
}

// Row is the scores of one document.
func (g *grades) Row(i int) []float32 { return g.scores[i*g.columns : (i+1)*g.columns] }
