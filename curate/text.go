package curate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// corpusOptions are what the corpus stage depends on.
type corpusOptions struct {
	Corpus corpus.Options   `json:"corpus"`
	Files  []task.FileStamp `json:"files"`
}

// corpusStage scans every shard once: ids and texts are hashed, bad lines
// counted.
func (r *Curation) corpusStage() *stage.Stage {
	return &stage.Stage{
		Name: "corpus", Title: "scan the corpus", Format: 6, ByShard: true,
		Options: func() (any, error) {
			return corpusOptions{scanOptions(&r.Config), stamps(r.Inputs)}, nil
		},
		After: r.tellSkipped,
		Tasks: func(p *task.Plan) ([]any, error) {
			p.Files = stamps(r.Inputs)
			tasks := make([]any, len(r.Shards))
			for i, s := range r.Shards {
				tasks[i] = s
			}
			return tasks, nil
		},
		Run:    scanShard,
		Amount: func() (float64, string) { return r.InputBytes(), "B" },
	}
}

// scanOptions are the corpus options that what is read depends on. The limit
// of bad lines is not one of them: raising it must not redo anything; nor is
// what near-duplicates are, which are found by stages of their own.
func scanOptions(c *Config) corpus.Options {
	o := c.Corpus
	o.BadLineLimit, o.MinHash = 1, corpus.MinHash{}
	if o.Dedup == "fuzzy" {
		o.Dedup = "text"
	}
	return o
}

// tellSkipped tells what of the inputs is not read, and stops the run if too
// many lines could not be.
func (r *Curation) tellSkipped(p *task.Plan) error {
	var bad corpus.Bad
	for i := range p.Tasks {
		var scan corpus.ScanResult
		if err := task.ReadJSON(p.Path(stage.Part(i, "json")), &scan); err != nil {
			return errors.Join(r.Verify(context.Background(), p.Dir()), err)
		}
		bad.Merge(&scan.Bad)
	}
	if err := bad.Check(r.Config.Corpus.BadLineLimit); err != nil {
		return task.Permanent(err)
	}
	if r.Skipped != "" {
		r.Note("corpus", "files left out: %s", r.Skipped)
	}
	if n := bad.Dropped(); n > 0 {
		r.Note("corpus", "%d of %d lines are skipped: %s; the report shows some", n, bad.Lines, bad.ReasonsText())
	}
	if bad.Repaired > 0 {
		r.Note("corpus", "documents with bytes that are not UTF-8, U+FFFD put in their place: %d", bad.Repaired)
	}
	return nil
}

// stamps identifies the content of the input files.
func stamps(files []corpus.FileInfo) []task.FileStamp {
	out := make([]task.FileStamp, len(files))
	for i, f := range files {
		out[i] = task.FileStamp{Path: f.Path, Bytes: f.Bytes, ModTime: f.ModTime, ETag: f.ETag}
	}
	return out
}

func (r *Curation) InputBytes() (n float64) {
	for _, f := range r.Inputs {
		n += float64(f.Bytes)
	}
	return n
}

func scanShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o corpusOptions
	var s corpus.Shard
	if err := p.Option(&o); err != nil {
		return err
	}
	if err := p.Task(n, &s); err != nil {
		return err
	}
	stamps, _ := stage.Cached(ctx, "stamps", func(string) (map[string]task.FileStamp, error) { return stampsByPath(p), nil })
	if err := unchanged(s, stamps); err != nil {
		return err
	}
	f, err := a.Create(stage.Part(n, "scan"))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<18)
	result, err := corpus.Scan(ctx, s, o.Corpus, w)
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return err
	}
	a.Count("documents", result.Documents)
	a.Count("bad_lines", result.Bad.Dropped())
	sources, err := result.Sources.MarshalBinary()
	if err != nil {
		return err
	}
	if err := a.WriteFile(stage.Part(n, "sources"), sources); err != nil {
		return err
	}
	return a.WriteJSON(stage.Part(n, "json"), result)
}

// Texts reads the documents of a run for a stage: shard by shard, duplicates
// and bad lines left out, rows numbered from 0 in each shard.
type Texts struct {
	options corpus.Options
	Shards  []corpus.Shard
	stamps  map[string]task.FileStamp
	corpus  string // directory of the corpus stage
	rowsDir string
	Scan    ScanReport
}

// OpenTexts finds the documents from the directories of the corpus and rows
// stages.
func OpenTexts(ctx context.Context, p *task.Plan) (*Texts, error) {
	return stage.Cached(ctx, p.Input("rows"), func(rows string) (*Texts, error) { return LoadTexts(p.Input("corpus"), rows) })
}

func LoadTexts(corpusDir, rowsDir string) (*Texts, error) {
	t, err := loadShards(corpusDir)
	if err != nil {
		return nil, err
	}
	t.rowsDir = rowsDir
	return t, task.ReadJSON(filepath.Join(rowsDir, "scan.json"), &t.Scan)
}

// loadShards finds the documents as they were scanned, with all their rows.
func loadShards(corpusDir string) (*Texts, error) {
	in, err := task.Load(filepath.Join(corpusDir, "plan.json"))
	if err != nil {
		return nil, err
	}
	t := &Texts{corpus: corpusDir, Shards: make([]corpus.Shard, len(in.Tasks)), stamps: stampsByPath(in)}
	var o corpusOptions
	if err := in.Option(&o); err != nil {
		return nil, err
	}
	t.options = o.Corpus
	for i := range in.Tasks {
		if err := in.Task(i, &t.Shards[i]); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// stampsByPath are the stamps of a plan's files.
func stampsByPath(p *task.Plan) map[string]task.FileStamp {
	stamps := make(map[string]task.FileStamp, len(p.Files))
	for _, f := range p.Files {
		stamps[f.Path] = f
	}
	return stamps
}

// unchanged refuses a shard whose files are not what they were when the run
// was planned.
func unchanged(s corpus.Shard, stamps map[string]task.FileStamp) error {
	files := s.Files
	if len(files) == 0 {
		files = []string{s.Path}
	}
	for _, path := range slices.Concat(files, s.Attributes) {
		if err := stamps[path].Check(); err != nil {
			return task.Permanent(err)
		}
	}
	return nil
}

// Shard yields the documents of one shard. Once all were taken, their texts are
// held against what was scanned: a file may have been exchanged for one of the
// same size and time.
func (t *Texts) Shard(ctx context.Context, n int) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		if err := unchanged(t.Shards[n], t.stamps); err != nil {
			yield(corpus.Document{}, err)
			return
		}
		drop, err := readRows(filepath.Join(t.rowsDir, stage.Part(n, "drop")))
		if err != nil {
			yield(corpus.Document{}, err)
			return
		}
		var scan corpus.ScanResult
		if err := task.ReadJSON(filepath.Join(t.corpus, stage.Part(n, "json")), &scan); err != nil {
			yield(corpus.Document{}, err)
			return
		}
		var bad corpus.Bad
		sum := scan.Texts
		for d, err := range corpus.Skip(corpus.Checksum(corpus.Read(ctx, t.Shards[n], t.options, &bad), &sum), drop) {
			if !yield(d, err) || err != nil {
				return
			}
		}
		if sum != scan.Texts {
			yield(corpus.Document{}, task.Permanent(fmt.Errorf("input %s holds other text than when it was scanned, though its size and time are the same: put it back as it was, or remove %s and what was made from it and run again", t.Shards[n], t.corpus)))
		}
	}
}

// readRows loads a set of rows.
func readRows(path string) (*corpus.Rows, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows := &corpus.Rows{}
	if err := rows.UnmarshalBinary(data); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return rows, nil
}

// writeRows writes a set of rows as an output.
func writeRows(a *task.Attempt, name string, rows *corpus.Rows) error {
	data, err := rows.MarshalBinary()
	if err != nil {
		return err
	}
	return a.WriteFile(name, data)
}

// sample returns about n documents spread evenly over the corpus: one drawn
// from each of n equal runs of rows. The same seed gives the same documents.
func (t *Texts) sample(ctx context.Context, n int, seed uint64, use func(shard int, d corpus.Document) error) error {
	next := stratified(t.Scan.Documents, int64(n), seed)
	want, more := next()
	var base int64
	for shard := range t.Shards {
		end := base + t.Scan.Rows[shard]
		if !more || want >= end {
			base = end
			continue
		}
		for d, err := range t.Shard(ctx, shard) {
			if err != nil {
				return err
			}
			if !more || base+int64(d.Row) != want { // to the end of the shard, where its texts are checked
				continue
			}
			if err := use(shard, d); err != nil {
				return err
			}
			want, more = next()
		}
		if more && want < end {
			return fmt.Errorf("shard %s holds fewer than the %d documents that were counted in it", t.Shards[shard], t.Scan.Rows[shard])
		}
		base = end
	}
	return nil
}

// stratified yields, in order, one number from each of n equal runs of
// [0, total), or all of them if there are no more than n.
func stratified(total, n int64, seed uint64) func() (int64, bool) {
	var i int64
	n = min(n, total)
	return func() (int64, bool) {
		if i >= n {
			return 0, false
		}
		lo, hi := i*total/n, (i+1)*total/n
		x := lo + int64(stage.SplitMix(seed, uint64(i))%uint64(hi-lo))
		i++
		return x, true
	}
}

// PerShard lists one task for each shard of the corpus.
func (r *Curation) PerShard(_ *task.Plan) ([]any, error) {
	in, err := task.Load(filepath.Join(r.Dir("corpus"), "plan.json"))
	if err != nil {
		return nil, err
	}
	tasks := make([]any, len(in.Tasks))
	for i := range tasks {
		tasks[i] = struct {
			Shard int `json:"shard"`
		}{i}
	}
	return tasks, nil
}

// TextBytes is the amount of the stages that read every document.
func (r *Curation) TextBytes() (float64, string) {
	var s ScanReport
	if task.ReadJSON(filepath.Join(r.Dir("rows"), "scan.json"), &s) != nil {
		return r.InputBytes(), "B"
	}
	return float64(s.TextBytes), "B"
}
