package curate

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// fuzzy are the options of the stages that find near-duplicates; false if none
// are to be found, so that nothing depends on the others.
func (r *Curation) fuzzy() (any, error) {
	if r.Config.Corpus.Dedup != "fuzzy" {
		return false, nil
	}
	o := scanOptions(&r.Config)
	o.MinHash = r.Config.Corpus.MinHash
	return o, nil
}

// signaturesStage writes the MinHash signatures of every document,
// part-NNNNN.sig, and what their similarities are estimated from,
// part-NNNNN.sketch.
func (r *Curation) signaturesStage() *stage.Stage {
	return &stage.Stage{
		Name: "signatures", Title: "sign every document", Format: 2, ByShard: true, Inputs: []string{"corpus"},
		Options: r.fuzzy,
		Tasks: func(p *task.Plan) ([]any, error) {
			if r.Config.Corpus.Dedup != "fuzzy" {
				return nil, nil
			}
			return r.PerShard(p)
		},
		Run:    signShard,
		Amount: func() (float64, string) { return r.InputBytes(), "B" },
	}
}

func signShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o corpus.Options
	if err := p.Option(&o); err != nil {
		return err
	}
	t, err := scannedTexts(p)
	if err != nil {
		return err
	}
	if err := unchanged(t.Shards[n], t.stamps); err != nil {
		return err
	}
	scan, err := scanOf.Read(p, n)
	if err != nil {
		return err
	}
	f, err := signatureOf.Create(a, n)
	if err != nil {
		return err
	}
	g, err := sketchOf.Create(a, n)
	if err != nil {
		return err
	}
	w, sketches := bufio.NewWriterSize(f, 1<<18), bufio.NewWriterSize(g, 1<<18)
	err = corpus.Sign(ctx, t.Shards[n], o, w, sketches, func(done int64) { a.Report(done, scan.Documents) })
	return errors.Join(err, w.Flush(), sketches.Flush(), f.Close(), g.Close())
}

// bucketsStage writes the pairs of documents that share the key of a bucket,
// part-NNNNN.pairs: one task for each bucket.
func (r *Curation) bucketsStage() *stage.Stage {
	return &stage.Stage{
		Name: "buckets", Title: "match the signatures", Format: 1, Inputs: []string{"corpus", "signatures"},
		Options: r.fuzzy,
		Tasks: func(*task.Plan) ([]any, error) {
			if r.Config.Corpus.Dedup != "fuzzy" {
				return nil, nil
			}
			tasks := make([]any, r.Config.Corpus.MinHash.Buckets)
			for i := range tasks {
				tasks[i] = struct {
					Bucket int `json:"bucket"`
				}{i}
			}
			return tasks, nil
		},
		Run: matchBucket,
	}
}

func matchBucket(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o corpus.Options
	if err := p.Option(&o); err != nil {
		return err
	}
	signatures, err := signatureOf.All(p)
	if err != nil {
		return err
	}
	sketches, err := sketchOf.All(p)
	if err != nil {
		return err
	}
	f, err := pairsOf.Create(a, n)
	if err != nil {
		return err
	}
	counts, err := corpus.Match(ctx, signatures, sketches, n, o.MinHash, f)
	documents.Add(a, counts.Documents)
	a.Count("pairs", counts.Pairs)
	a.Count("rejected", counts.Rejected)
	return errors.Join(err, f.Close())
}

// ScanReport is the output of the rows stage beside the dropped rows.
// Duplicates.Documents = Documents + Duplicates.Duplicates + Near.Duplicates.
type ScanReport struct {
	Documents int64         `json:"documents"` // that later stages see
	TextBytes int64         `json:"text_bytes"`
	Rows      []int64       `json:"rows"` // documents by shard
	Bad       corpus.Bad    `json:"bad"`
	Counts    corpus.Counts `json:"duplicates"`
	Near      nearReport    `json:"near_duplicates"`
	Sources   []sourceCount `json:"sources"` // by name
}

// nearReport tells of the near-duplicates.
type nearReport struct {
	Groups     int64      `json:"groups"`
	Duplicates int64      `json:"duplicates"` // documents dropped
	Bytes      int64      `json:"duplicate_bytes"`
	Pairs      []nearPair `json:"pairs"` // a sample
}

// nearPair shows a document that was dropped beside the one that stayed.
type nearPair struct {
	Kept       Example `json:"kept"`
	Dropped    Example `json:"dropped"`
	Similarity float64 `json:"similarity"` // Jaccard, of the runs of words
}

// sourceCount says what became of the documents of a source.
type sourceCount struct {
	Source     string `json:"source"`
	Documents  int64  `json:"documents"`       // read
	Duplicates int64  `json:"duplicates"`      // of them, dropped as copies
	Near       int64  `json:"near_duplicates"` // dropped as near-duplicates
}

// rowsStage finds duplicates over all shards and settles which rows stay.
func (r *Curation) rowsStage() *stage.Stage {
	return &stage.Stage{
		Name: "rows", Title: "find duplicate documents", Format: 3, Inputs: []string{"corpus", "buckets"},
		Options: func() (any, error) {
			o := scanOptions(&r.Config)
			if o.Dedup = r.Config.Corpus.Dedup; o.Dedup == "fuzzy" {
				o.MinHash = r.Config.Corpus.MinHash
			}
			return o, nil
		},
		Tasks: stage.One,
		Run:   dropRows,
	}
}

func dropRows(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o corpus.Options
	if err := p.Option(&o); err != nil {
		return err
	}
	parts, err := hashesOf.All(p)
	if err != nil {
		return err
	}
	rep := ScanReport{}
	for i := range parts {
		scan, err := scanOf.Read(p, i)
		if err != nil {
			return err
		}
		rep.Bad.Merge(&scan.Bad)
		rep.TextBytes += scan.TextBytes
		rep.Rows = append(rep.Rows, scan.Documents)
	}
	copies := make([]*corpus.Rows, len(parts))
	rep.Counts, err = corpus.Duplicates(ctx, parts, launch.Cores(ctx), func(shard int, drop *corpus.Rows) error {
		copies[shard] = drop
		return nil
	})
	if err != nil {
		return err
	}
	near, err := findNear(ctx, p, rep.Rows, copies)
	if err != nil {
		return err
	}
	if err := rep.drop(p, copies, near, a); err != nil {
		return err
	}
	if rep.Documents == 0 {
		return task.Permanent(fmt.Errorf("the corpus holds no document: %d lines read, %d not accepted; check corpus.text_field (%q)",
			rep.Bad.Lines, rep.Bad.Dropped(), o.TextField))
	}
	if rep.Near.Pairs, err = samplePairs(ctx, p, near, o.MinHash); err != nil {
		return err
	}
	documents.Add(a, rep.Documents)
	return scanReport.Write(a, &rep)
}

// findNear joins what the buckets stage found.
func findNear(ctx context.Context, p *task.Plan, rows []int64, copies []*corpus.Rows) (*corpus.Near, error) {
	pairs, err := pairsOf.All(p)
	if err != nil {
		return nil, err
	}
	return corpus.FindNear(ctx, pairs, rows, copies, launch.Cores(ctx))
}

// drop writes the rows to drop of each shard, and counts them.
func (rep *ScanReport) drop(p *task.Plan, copies []*corpus.Rows, near *corpus.Near, a *task.Attempt) error {
	bySource := map[string]*sourceCount{}
	next, stop := iter.Pull(near.All())
	defer stop()
	d, more := next()
	for shard, drop := range copies {
		isNear := &corpus.Rows{}
		for ; more && d.Shard == shard; d, more = next() {
			isNear.Add(d.Row)
			rep.Near.Bytes += d.Bytes
		}
		sources, err := readSources(sourcesOf.Path(p, shard))
		if err != nil {
			return err
		}
		for row, source := range sources.All() {
			c := bySource[source]
			if c == nil {
				c = &sourceCount{Source: source}
				bySource[source] = c
			}
			c.count(drop.Has(row), isNear.Has(row))
		}
		for row := range isNear.All() {
			drop.Add(row)
		}
		rep.Rows[shard] -= int64(drop.Len())
		rep.Documents += rep.Rows[shard]
		if err := writeRows(a, dropOf, shard, drop); err != nil {
			return err
		}
	}
	rep.Near.Groups, rep.Near.Duplicates = near.Groups, near.Drops
	rep.TextBytes -= rep.Counts.DuplicateBytes + rep.Near.Bytes
	for _, c := range bySource {
		rep.Sources = append(rep.Sources, *c)
	}
	slices.SortFunc(rep.Sources, func(a, b sourceCount) int { return cmp.Compare(a.Source, b.Source) })
	return nil
}

func readSources(path string) (*corpus.Sources, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &corpus.Sources{}
	if err := s.UnmarshalBinary(data); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}

func (c *sourceCount) count(isCopy, isNear bool) {
	c.Documents++
	switch {
	case isCopy:
		c.Duplicates++
	case isNear:
		c.Near++
	}
}

// reportPairs is the number of near-duplicates that are shown.
const reportPairs = 8

// samplePairs reads some of the documents that were dropped, and those that
// stayed for them.
func samplePairs(ctx context.Context, p *task.Plan, near *corpus.Near, o corpus.MinHash) ([]nearPair, error) {
	if near.Drops == 0 {
		return nil, nil
	}
	t, err := scannedTexts(p)
	if err != nil {
		return nil, err
	}
	var chosen []corpus.NearDrop
	docs := map[[2]int]corpus.Document{} // by shard and row
	next := stratified(near.Drops, reportPairs, 0)
	want, more := next()
	i := int64(0)
	for d := range near.All() {
		if more && i == want {
			chosen = append(chosen, d)
			docs[[2]int{d.Shard, d.Row}], docs[keptFor(near, d)] = corpus.Document{}, corpus.Document{}
			want, more = next()
		}
		i++
	}
	if err := t.fetch(ctx, docs); err != nil {
		return nil, err
	}
	var out []nearPair
	for _, d := range chosen {
		kept, dropped := docs[keptFor(near, d)], docs[[2]int{d.Shard, d.Row}]
		out = append(out, nearPair{
			Kept:       Example{kept.ID, CutRunes(kept.Text, ExampleBytes)},
			Dropped:    Example{dropped.ID, CutRunes(dropped.Text, ExampleBytes)},
			Similarity: o.Jaccard(kept.Text, dropped.Text),
		})
	}
	return out, nil
}

// keptFor is the shard and row of the document that stays for d.
func keptFor(near *corpus.Near, d corpus.NearDrop) [2]int {
	shard, row := near.Kept(d)
	return [2]int{shard, row}
}

// fetch reads the documents whose shards and rows, as scanned, are the keys.
func (t *Texts) fetch(ctx context.Context, docs map[[2]int]corpus.Document) error {
	last := map[int]int{} // row by shard
	for at := range docs {
		last[at[0]] = max(last[at[0]], at[1])
	}
	for shard, row := range last {
		if err := unchanged(t.Shards[shard], t.stamps); err != nil {
			return err
		}
		for d, err := range corpus.Read(ctx, t.Shards[shard], t.options, nil) {
			if err != nil {
				return err
			}
			if _, ok := docs[[2]int{shard, d.Row}]; ok {
				docs[[2]int{shard, d.Row}] = d
			}
			if d.Row >= row {
				break
			}
		}
	}
	return nil
}
