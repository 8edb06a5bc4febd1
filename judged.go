package climb

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

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
	case prunedCluster:
		return "pruned cluster"
	case prunedDocument:
		return "pruned document"
	case heldOut:
		return "held out"
	case overlaps:
		return "overlaps with a target file"
	case semanticCopy:
		return "near the meaning of another"
	}
	return "kept"
}

// Judged reads every document of a run that has reached the target domains,
// in the order of shards and rows.
func (r *Run) Judged(ctx context.Context) iter.Seq2[Judged, error] {
	return func(yield func(Judged, error) bool) {
		p, err := task.Load(filepath.Join(r.Dir("assign"), "plan.json"))
		if err != nil {
			yield(Judged{}, err)
			return
		}
		t, err := openTexts(p)
		if err != nil {
			yield(Judged{}, err)
			return
		}
		for shard := range t.shards {
			for j, err := range judgedShard(ctx, p, t, shard) {
				if !yield(j, err) || err != nil {
					return
				}
			}
		}
	}
}

func judgedShard(ctx context.Context, p *task.Plan, t *texts, shard int) iter.Seq2[Judged, error] {
	return func(yield func(Judged, error) bool) {
		g, err := readGrades(p, shard)
		if err != nil {
			yield(Judged{}, err)
			return
		}
		domains, err := readInts(p.Path(part(shard, "npy")))
		if err == nil && len(domains) != len(g.clusters) {
			err = fmt.Errorf("shard %d: %d documents assigned, %d clustered", shard, len(domains), len(g.clusters))
		}
		if err != nil {
			yield(Judged{}, err)
			return
		}
		for doc, err := range t.shard(ctx, shard) {
			if err == nil && doc.Row >= len(domains) {
				err = fmt.Errorf("shard %d: more documents than the %d that were labeled", shard, len(domains))
			}
			if err != nil {
				yield(Judged{}, err)
				return
			}
			if !yield(Judged{doc, int(g.clusters[doc.Row]), g.row(doc.Row), int(domains[doc.Row])}, nil) {
				return
			}
		}
	}
}

// grades is what the cluster and label stages say of the documents of one
// shard.
type grades struct {
	clusters []int32
	bytes    []int32   // of the texts
	scores   []float32 // documents x columns
	columns  int
}

// readGrades reads them from the stages cluster and label of the plan.
func readGrades(p *task.Plan, shard int) (*grades, error) {
	g := &grades{}
	var err error
	if g.clusters, err = readInts(filepath.Join(p.Input("cluster"), part(shard, "npy"))); err != nil {
		return nil, err
	}
	if g.bytes, err = readInts(filepath.Join(p.Input("label"), part(shard, "bytes.npy"))); err != nil {
		return nil, err
	}
	scores, h, err := readNPY(filepath.Join(p.Input("label"), part(shard, "npy")))
	if err != nil {
		return nil, err
	}
	if g.scores, g.columns = scores, h.Cols; len(g.clusters) != h.Rows || len(g.bytes) != h.Rows {
		return nil, fmt.Errorf("shard %d: %d documents clustered, %d labeled", shard, len(g.clusters), h.Rows)
	}
	return g, nil
}

// row is the scores of one document.
func (g *grades) row(i int) []float32 { return g.scores[i*g.columns : (i+1)*g.columns] }
