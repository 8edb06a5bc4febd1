package curate

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// AssignOptions says what text a model is used on.
type AssignOptions struct {
	Corpus  corpus.Options
	Workers int                    // 0: all cores
	Watch   func(done, of float64) // documents' bytes as stored, if not nil
}

// Assigned sums up what became of new text.
type Assigned struct {
	Documents int64            `json:"documents"`
	TextBytes int64            `json:"text_bytes"`
	Bad       corpus.Bad       `json:"bad"`
	Domains   []AssignedDomain `json:"domains"`
	Left      map[string]int64 `json:"left"` // documents of no domain, by the reason
	Drift     Drift            `json:"drift"`
	Warnings  []string         `json:"warnings,omitempty"`
}

// An AssignedDomain is a domain of the run, and what of the new text is in it.
type AssignedDomain struct {
	Name      string  `json:"name"`
	Documents int64   `json:"documents"`
	TextBytes int64   `json:"text_bytes"`
	Share     float64 `json:"share"`     // of the new documents
	RunShare  float64 `json:"run_share"` // of the run's documents
}

// Why a document is in no domain, beside the score that is below its floor.
const (
	leftCluster = "cluster pruned"
	leftLabel   = "label unknown"
)

// Names lists the scores, in the order of corpus.Placed.Scores.
func (m *Model) Names() []string { return m.Card.Domains.ScoreNames }

// Defaults are the options that the run read its text with.
func (m *Model) Defaults() corpus.Options { return m.Card.Corpus }

// Assign gives every document of the inputs its cluster, domain and scores, in their
// order. A document below a floor of the run keeps its domain, as it would there, and
// Pruned names the score. Memory is some batches of documents for each worker.
func (m *Model) Assign(ctx context.Context, o AssignOptions, use func(*corpus.Placed) error) (*Assigned, error) {
	option.Fill(&o.Corpus)
	shards, files, err := corpus.Split(ctx, o.Corpus)
	if err != nil {
		return nil, err
	}
	total := 0.0
	for _, f := range files {
		total += float64(f.Bytes)
	}
	a := &assigner{m: m, out: &Assigned{Left: map[string]int64{}}, drift: newDriftCount(&m.Card.Fit), tagger: m.tagger(shards)}
	for i, d := range m.Card.Domains.Domains {
		a.out.Domains = append(a.out.Domains, AssignedDomain{Name: d.Name, RunShare: m.Card.Fit.Shares[i]})
	}
	workers := o.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	err = a.run(ctx, shards, o, workers, func(done float64) {
		if o.Watch != nil {
			o.Watch(done, total)
		}
	}, use)
	if err != nil {
		return nil, err
	}
	if err := a.out.Bad.Check(o.Corpus.BadLineLimit); err != nil {
		return nil, task.Permanent(err)
	}
	a.sum()
	return a.out, nil
}

// tagger finds the labels that the stage tags finds.
func (m *Model) tagger(shards []corpus.Shard) *tagger {
	c := &Curation{Config: Config{Domains: DomainsConfig{By: m.Card.By, Tag: m.Card.Tag}}}
	switch o, _ := c.tagsOptions(); o := o.(type) {
	case tagsOptions:
		return newTagger(&o, shards)
	case TagConfig:
		return newTagger(&tagsOptions{TagConfig: o}, shards)
	}
	return nil
}

// An assigner works on the inputs of one call.
type assigner struct {
	m      *Model
	tagger *tagger // nil: no axis is a label
	out    *Assigned
	drift  *driftCount
}

// A batch is some documents, and what they become.
type assignBatch struct {
	docs []corpus.Document
	rows []corpus.Placed
	doms []int
	done float64 // bytes of the shards before
	err  error
}

// run reads in one goroutine, computes in many, and gives the rows in order.
func (a *assigner) run(ctx context.Context, shards []corpus.Shard, o AssignOptions, workers int, watch func(float64), use func(*corpus.Placed) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	queue, free := make(chan chan *assignBatch, 2*workers), make(chan struct{}, workers)
	wg.Go(func() {
		defer close(queue)
		send := func(b *assignBatch) bool {
			slot := make(chan *assignBatch, 1)
			select {
			case queue <- slot:
			case <-ctx.Done():
				return false
			}
			free <- struct{}{}
			wg.Go(func() {
				defer func() { <-free }()
				if b.err == nil {
					b.err = a.place(ctx, b)
				}
				slot <- b
			})
			return true
		}
		if err := a.read(ctx, shards, o.Corpus, send); err != nil {
			send(&assignBatch{err: err})
		}
	})
	for slot := range queue {
		b := <-slot
		if b.err != nil {
			return b.err
		}
		for i := range b.rows {
			a.count(&b.rows[i], b.doms[i], len(b.docs[i].Text))
			if err := use(&b.rows[i]); err != nil {
				return err
			}
		}
		watch(b.done)
	}
	return ctx.Err()
}

// read sends the documents in batches.
func (a *assigner) read(ctx context.Context, shards []corpus.Shard, o corpus.Options, send func(*assignBatch) bool) error {
	b, held, done := &assignBatch{}, 0, 0.0
	for _, s := range shards {
		for d, err := range corpus.Read(ctx, s, o, &a.out.Bad) {
			if err != nil {
				return err
			}
			b.docs = append(b.docs, d)
			if held += len(d.Text); len(b.docs) == batchRows || held > batchBytes {
				b.done = done
				if !send(b) {
					return ctx.Err()
				}
				b, held = &assignBatch{}, 0
			}
		}
		done += float64(s.Bytes)
	}
	if b.done = done; len(b.docs) > 0 && !send(b) {
		return ctx.Err()
	}
	return nil
}

// place computes what a batch becomes, as the stages embed, cluster, label, domains
// and assign do.
func (a *assigner) place(ctx context.Context, b *assignBatch) error {
	m, n := a.m, len(b.docs)
	texts := make([]string, n)
	for i, d := range b.docs {
		texts[i] = d.Text
	}
	x := vec.Make(n * m.cents.D)
	if err := m.embedder.Embed(ctx, x, texts); err != nil {
		return err
	}
	half := make([]uint16, len(x)) // vectors are kept so
	vec.HalfFromFloat(half, x)
	vec.FloatFromHalf(x, half)
	clusters, dist := make([]int32, n), make([]float32, n)
	m.cents.Assign(clusters, dist, x, n, 1)
	names := m.Names()
	scores := make([]float32, n*len(names))
	if err := m.labeler.Label(ctx, scores, texts); err != nil {
		return err
	}
	b.rows, b.doms = make([]corpus.Placed, n), make([]int, n)
	for i, d := range b.docs {
		own, tag := scores[i*len(names):(i+1)*len(names)], ""
		if clusters[i] < 0 {
			return task.Permanent(fmt.Errorf("the vector of document %q (%s:%d) is not finite", d.ID, d.Path, d.Line))
		}
		if a.tagger != nil {
			tag = a.tagger.of(d)
		}
		row := corpus.Placed{ID: d.ID, Path: d.Path, Line: d.Line, Cluster: clusters[i], Distance: dist[i], Scores: own}
		switch b.doms[i] = m.crossing.domain(clusters[i], tag, own); b.doms[i] {
		case PrunedCluster:
			row.Pruned = leftCluster
		case noDomain:
			row.Pruned = leftLabel
		default:
			row.Domain = m.Card.Domains.Domains[b.doms[i]].Name
			if low := m.rule.fails(own); low != "" {
				row.Pruned = low + " below its floor"
			}
		}
		b.rows[i] = row
	}
	return nil
}

func (a *assigner) count(row *corpus.Placed, dom, size int) {
	a.out.Documents++
	a.out.TextBytes += int64(size)
	a.drift.add(row.Distance, dom)
	if row.Pruned != "" {
		a.out.Left[row.Pruned]++
	} else {
		a.out.Domains[dom].Documents++
		a.out.Domains[dom].TextBytes += int64(size)
	}
}

// sum fills in shares and warnings.
func (a *assigner) sum() {
	out := a.out
	for i := range out.Domains {
		out.Domains[i].Share = float64(a.drift.domains[i]) / float64(max(1, out.Documents))
	}
	out.Drift = a.drift.drift()
	if t := out.Drift.Distance; t.Drifted {
		out.Warnings = append(out.Warnings, fmt.Sprintf("the text has drifted: documents lie at other distances from the centroids than those that the clusters were fitted on (mean %.3f, then %.3f; statistic %.3f, threshold %.3f): the domains describe it less well; cluster anew if it stays", out.Drift.Mean, out.Drift.FitMean, t.Statistic, t.Threshold))
	}
	if t := out.Drift.Domains; t.Drifted {
		out.Warnings = append(out.Warnings, fmt.Sprintf("the text has drifted: the domains have other shares of it than of the run's (statistic %.3f, threshold %.3f): the mixture was searched for another supply", t.Statistic, t.Threshold))
	}
	if n := out.Left[leftLabel]; n > 0 {
		out.Warnings = append(out.Warnings, fmt.Sprintf("%d documents are in no domain: the run knows no such label on its axes (%s)", n, strings.Join(a.m.Card.By.List(), ", ")))
	}
}
