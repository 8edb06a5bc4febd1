package curate

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// semanticStage finds semantic duplicates (SemDeDup, arXiv 2303.09540): documents
// whose vector nearly equals the vector of another document in the cluster. It
// writes their rows by shard, part-NNNNN.rowsets, and does nothing unless
// semdedup.epsilon is set.
func (r *Curation) semanticStage() *stage.Stage {
	return &stage.Stage{
		Name: "semantic", Title: "find documents of one meaning", Format: 1, Inputs: []string{"rows", "embed", "cluster"},
		Options: func() (any, error) {
			if r.Config.SemDeDup.Epsilon == 0 {
				return false, nil
			}
			return r.Config.SemDeDup, nil
		},
		Tasks: r.semanticTasks,
		Run:   dropSemantic,
	}
}

// A semanticTask takes the clusters that are Part modulo Parts.
type semanticTask struct {
	Part  int `json:"part"`
	Parts int `json:"parts"`
}

// semanticDocs is how many document positions (12 bytes each) one task holds in
// memory.
const semanticDocs = 1 << 20

func (r *Curation) semanticTasks(_ *task.Plan) ([]any, error) {
	if r.Config.SemDeDup.Epsilon == 0 {
		return nil, nil
	}
	scan, err := r.Scan()
	if err != nil {
		return nil, err
	}
	parts := int(min(256, 1+scan.Documents/semanticDocs))
	tasks := make([]any, parts)
	for i := range tasks {
		tasks[i] = semanticTask{i, parts}
	}
	return tasks, nil
}

// A member is a document of a cluster.
type member struct {
	radius     float32 // distance from the centroid
	shard, row int32
}

func dropSemantic(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o cluster.SemDeDup
	var t semanticTask
	if err := p.Option(&o); err != nil {
		return err
	}
	if err := p.Task(n, &t); err != nil {
		return err
	}
	scan, err := scanReport.Read(p)
	if err != nil {
		return err
	}
	members, err := membersOf(p, t, len(scan.Rows))
	if err != nil {
		return err
	}
	drop := make([]corpus.Rows, len(scan.Rows))
	for i, docs := range members {
		// Of a pair, the document farther from the centroid stays; ties go to the first.
		slices.SortFunc(docs, func(x, y member) int {
			return cmp.Or(cmp.Compare(y.radius, x.radius), cmp.Compare(x.shard, y.shard), cmp.Compare(x.row, y.row))
		})
		for block := range slices.Chunk(docs, o.Block) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := semanticBlock(p, o, block, drop); err != nil {
				return err
			}
		}
		a.Report(int64(i+1), int64(len(members)))
	}
	for i := range drop {
		documents.Add(a, int64(drop[i].Len()))
	}
	return writeRowSets(a, n, drop)
}

// membersOf lists the documents of the clusters of a task, by cluster.
func membersOf(p *task.Plan, t semanticTask, shards int) ([][]member, error) {
	var out [][]member
	for shard := range shards {
		ids, err := ClusterOf.Ints(p, shard)
		if err != nil {
			return nil, err
		}
		dist, _, err := DistanceOf.Floats(p, shard)
		if err != nil {
			return nil, err
		}
		for row, c := range ids {
			if c < 0 || int(c)%t.Parts != t.Part {
				continue
			}
			at := int(c) / t.Parts
			for len(out) <= at {
				out = append(out, nil)
			}
			out[at] = append(out[at], member{float32(math.Sqrt(float64(max(0, dist[row])))), int32(shard), int32(row)})
		}
	}
	return out, nil
}

// semanticBlock compares some documents of a cluster and adds those to drop.
func semanticBlock(p *task.Plan, o cluster.SemDeDup, docs []member, drop []corpus.Rows) error {
	x, dim, err := vectorsOf(p, docs)
	if err != nil {
		return err
	}
	radius, dropped := make([]float32, len(docs)), make([]bool, len(docs))
	for i, m := range docs {
		radius[i] = m.radius
	}
	o.Duplicates(dropped, x, radius, len(docs), dim)
	for i, m := range docs {
		if dropped[i] {
			drop[m.shard].Add(int(m.row))
		}
	}
	return nil
}

// vectorsOf loads the vectors of documents, in the order of docs.
func vectorsOf(p *task.Plan, docs []member) (x []float32, dim int, err error) {
	order := make([]int, len(docs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(docs[i].shard, docs[j].shard), cmp.Compare(docs[i].row, docs[j].row))
	})
	var in *vec.NPYReader
	shard := int32(-1)
	for _, i := range order {
		if docs[i].shard != shard {
			if in != nil {
				in.Close()
			}
			shard = docs[i].shard
			if in, err = VectorOf.Open(p, int(shard)); err != nil {
				return nil, 0, err
			}
			dim = in.Header.Cols
			x = slices.Grow(x, len(docs)*dim-len(x))[:len(docs)*dim]
		}
		if err = in.SeekRow(int(docs[i].row)); err == nil {
			_, err = in.ReadFloats(x[i*dim : (i+1)*dim])
		}
		if err != nil {
			break
		}
	}
	if in != nil {
		in.Close()
	}
	return x, dim, err
}

// writeRowSets writes the rows of every shard: the offsets of the sets and their
// end, uint64, then the sets.
func writeRowSets(a *task.Attempt, n int, sets []corpus.Rows) error {
	at := uint64(8 * (len(sets) + 1))
	head, body := binary.LittleEndian.AppendUint64(nil, at), []byte(nil)
	for i := range sets {
		data, err := sets[i].MarshalBinary()
		if err != nil {
			return err
		}
		body = append(body, data...)
		head = binary.LittleEndian.AppendUint64(head, at+uint64(len(body)))
	}
	return dropSetsOf.Write(a, n, append(head, body...))
}

// readRowSet reads the rows of one shard.
func readRowSet(path string, shard int) (*corpus.Rows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var head [16]byte
	if _, err := f.ReadAt(head[:], int64(8*shard)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	from, to := binary.LittleEndian.Uint64(head[:]), binary.LittleEndian.Uint64(head[8:])
	data, err := io.ReadAll(io.NewSectionReader(f, int64(from), int64(to-from)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	rows := &corpus.Rows{}
	if err := rows.UnmarshalBinary(data); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}

// semanticDuplicates reads the rows of a shard that the semantic stage found.
func semanticDuplicates(p *task.Plan, shard int) (*corpus.Rows, error) {
	sets, err := dropSetsOf.All(p)
	if err != nil {
		return nil, err
	}
	out := &corpus.Rows{}
	for _, path := range sets {
		rows, err := readRowSet(path, shard)
		if err != nil {
			return nil, err
		}
		for row := range rows.All() {
			out.Add(row)
		}
	}
	return out, nil
}
