package curate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// corpusOptions are what the corpus stage depends on.
type corpusOptions struct {
	Corpus corpus.Options   `json:"corpus"`
	Files  []task.FileStamp `json:"files"`

	// Formats are those of files that earlier versions read as plain text, or not
	// at all: their stages must not be taken for these.
	Formats []string `json:"formats,omitempty"`
}

// corpusStage scans every shard once: ids and texts are hashed, bad lines
// counted.
func (r *Curation) corpusStage() *stage.Stage {
	return &stage.Stage{
		Name: "corpus", Title: "scan the corpus", Format: 6, ByShard: true,
		Options: func() (any, error) {
			return corpusOptions{scanOptions(&r.Config), stamps(r.Inputs), corpus.NewFormats(r.Inputs)}, nil
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
		scan, err := scanOf.Read(p, i)
		if err != nil {
			return errors.Join(r.Verify(context.Background(), p.Dir()), err)
		}
		bad.Merge(&scan.Bad)
	}
	if err := bad.Check(r.Config.Corpus.BadLineLimit); err != nil {
		return task.Permanent(err)
	}
	r.Note("corpus", "%d documents in %d files", bad.Accepted, len(r.Inputs))
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
	f, err := hashesOf.Create(a, n)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<18)
	result, err := corpus.Scan(ctx, s, o.Corpus, w)
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return err
	}
	documents.Add(a, result.Documents)
	a.Count("bad_lines", result.Bad.Dropped())
	sources, err := result.Sources.MarshalBinary()
	if err != nil {
		return err
	}
	if err := sourcesOf.Write(a, n, sources); err != nil {
		return err
	}
	return scanOf.Write(a, n, *result)
}

// Texts reads the documents of a run for a stage: shard by shard, duplicates
// and bad lines left out, rows numbered from 0 in each shard.
type Texts struct {
	Shards  []corpus.Shard
	Scan    *ScanReport
	options corpus.Options
	stamps  map[string]task.FileStamp
	corpus  *task.Plan // of the stage
	rows    *task.Plan // of the stage; nil: duplicates are not left out
}

// OpenTexts finds the documents of a plan that reads the stages corpus and rows.
func OpenTexts(ctx context.Context, p *task.Plan) (*Texts, error) {
	return stage.Cached(ctx, p.Input(dropOf.Stage), func(string) (*Texts, error) {
		in, err := stage.PlanOf(p, scanOf.Stage)
		if err != nil {
			return nil, err
		}
		rows, err := stage.PlanOf(p, dropOf.Stage)
		if err != nil {
			return nil, err
		}
		return loadTexts(in, rows)
	})
}

// Texts finds the documents of a run that has reached the target corpus.
func (r *Curation) Texts() (*Texts, error) {
	in, err := r.Plan(scanOf.Stage)
	if err != nil {
		return nil, err
	}
	rows, err := r.Plan(dropOf.Stage)
	if err != nil {
		return nil, err
	}
	return loadTexts(in, rows)
}

func loadTexts(in, rows *task.Plan) (*Texts, error) {
	t, err := loadShards(in)
	if err != nil {
		return nil, err
	}
	t.rows = rows
	t.Scan, err = scanReport.Read(rows)
	return t, err
}

// scannedTexts finds the documents of a plan that reads the stage corpus, as they
// were scanned, with all their rows.
func scannedTexts(p *task.Plan) (*Texts, error) {
	in, err := stage.PlanOf(p, scanOf.Stage)
	if err != nil {
		return nil, err
	}
	return loadShards(in)
}

func loadShards(in *task.Plan) (*Texts, error) {
	t := &Texts{corpus: in, Shards: make([]corpus.Shard, len(in.Tasks)), stamps: stampsByPath(in)}
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
		drop, err := readRows(dropOf.Path(t.rows, n))
		if err != nil {
			yield(corpus.Document{}, err)
			return
		}
		scan, err := scanOf.Read(t.corpus, n)
		if err != nil {
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
			yield(corpus.Document{}, task.Permanent(fmt.Errorf("input %s holds other text than when it was scanned, though its size and time are the same: put it back as it was, or remove %s and what was made from it and run again", t.Shards[n], t.corpus.Dir())))
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

// writeRows writes a set of rows as the output of task n.
func writeRows(a *task.Attempt, to stage.Parts, n int, rows *corpus.Rows) error {
	data, err := rows.MarshalBinary()
	if err != nil {
		return err
	}
	return to.Write(a, n, data)
}

// sampledShards is the most shards that a sample is read from: what one process
// reads does not grow with the corpus beyond it.
const sampledShards = 256

// some returns the shards that samples are read from and the number of their
// documents: all of them, or one drawn from each of 256 equal runs.
func (t *Texts) some(seed uint64) (shards []int, documents int64) {
	next := stratified(int64(len(t.Shards)), sampledShards, seed^0x5a)
	for i, ok := next(); ok; i, ok = next() {
		shards = append(shards, int(i))
		documents += t.Scan.Rows[i]
	}
	return shards, documents
}

// someFirst are all shards, those that samples are read from first, of which there
// are drawn.
func (t *Texts) someFirst(seed uint64) (order []int, drawn int) {
	order, _ = t.some(seed)
	drawn = len(order)
	seen := make([]bool, len(t.Shards))
	for _, shard := range order {
		seen[shard] = true
	}
	for shard := range t.Shards {
		if !seen[shard] {
			order = append(order, shard)
		}
	}
	return order, drawn
}

// sample returns about n documents spread evenly over the corpus, or over some of its
// shards: one drawn from each of n equal runs of rows. The same seed gives the same
// documents.
func (t *Texts) sample(ctx context.Context, n int, seed uint64, use func(shard int, d corpus.Document) error) error {
	shards, documents := t.some(seed)
	next := stratified(documents, int64(n), seed)
	want, more := next()
	var base int64
	for _, shard := range shards {
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
	in, err := r.Plan(scanOf.Stage)
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
	s, err := r.Scan()
	if err != nil { // not there yet
		return r.InputBytes(), "B"
	}
	return float64(s.TextBytes), "B"
}
