package corpus

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Sampling says how many documents Sample draws.
type Sampling struct {
	Docs    int    // at most
	Bytes   int64  // of id, text and fields together, at most; 0: no such bound
	Seed    uint64 // same seed, same documents
	Workers int    // shards read side by side; at least 1 is used
}

// Sample draws documents at random, without replacement, in one pass over the
// shards. drop, unless nil, gives the rows to leave out of each shard; rows
// are numbered as by Skip.
//
// Each document has a random priority, the hash of its seed, id and text, and
// the sample is those that come first, as many as both bounds allow; so it
// depends on the documents and the seed alone, not on how they are cut into
// shards or on the workers. It is in the order of the priorities: its first m
// documents are a sample of m.
func Sample(ctx context.Context, shards []Shard, o Options, drop func(shard int) (*Rows, error), s Sampling) ([]Document, error) {
	r := NewReservoir(s)
	g, within := errgroup.WithContext(ctx)
	g.SetLimit(max(s.Workers, 1))
	for i, shard := range shards {
		if within.Err() != nil {
			break
		}
		g.Go(func() error {
			var rows *Rows
			if drop != nil {
				var err error
				if rows, err = drop(i); err != nil {
					return err
				}
			}
			for d, err := range Skip(Read(within, shard, o, nil), rows) {
				if err != nil {
					return err
				}
				r.Add(i, d)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return r.Documents(), ctx.Err()
}

// A Reservoir holds the sample while the documents pass. It is safe for
// concurrent use.
type Reservoir struct {
	s     Sampling
	mu    sync.Mutex
	docs  drawnHeap
	bytes int64
	full  bool
	limit drawn // once full: this one and those behind it are out
}

// NewReservoir makes an empty one.
func NewReservoir(s Sampling) *Reservoir { return &Reservoir{s: s} }

// Add offers a document of a shard.
func (r *Reservoir) Add(shard int, doc Document) {
	x := drawn{priority: Hash(doc.Text, Hash(doc.ID, r.s.Seed)), shard: shard, doc: doc}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full && compareDrawn(x, r.limit) >= 0 {
		return
	}
	heap.Push(&r.docs, x)
	for r.bytes += x.bytes(); len(r.docs) > r.s.Docs || r.s.Bytes > 0 && r.bytes > r.s.Bytes; {
		r.limit = heap.Pop(&r.docs).(drawn)
		r.bytes -= r.limit.bytes()
		r.limit.doc = Document{Row: r.limit.doc.Row}
		r.full = true
	}
}

// Documents is the sample so far, in the order of the priorities.
func (r *Reservoir) Documents() []Document {
	r.mu.Lock()
	defer r.mu.Unlock()
	sorted := slices.SortedFunc(slices.Values(r.docs), compareDrawn)
	docs := make([]Document, len(sorted))
	for i, x := range sorted {
		docs[i] = x.doc
	}
	return docs
}

type drawn struct {
	priority uint64
	shard    int
	doc      Document
}

func (x drawn) bytes() int64 { return int64(len(x.doc.ID) + len(x.doc.Text) + len(x.doc.Fields)) }

func compareDrawn(x, y drawn) int {
	return cmp.Or(cmp.Compare(x.priority, y.priority), cmp.Compare(x.shard, y.shard), cmp.Compare(x.doc.Row, y.doc.Row))
}

// drawnHeap has the last in order on top.
type drawnHeap []drawn

func (h drawnHeap) Len() int           { return len(h) }
func (h drawnHeap) Less(i, j int) bool { return compareDrawn(h[i], h[j]) > 0 }
func (h drawnHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *drawnHeap) Push(x any)        { *h = append(*h, x.(drawn)) }
func (h *drawnHeap) Pop() any {
	n := len(*h) - 1
	x := (*h)[n]
	(*h)[n] = drawn{}
	*h = (*h)[:n]
	return x
}
