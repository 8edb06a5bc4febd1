package climb

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/task"
)

// corpusOptions are what the corpus stage depends on.
type corpusOptions struct {
	Corpus corpus.Options   `json:"corpus"`
	Files  []task.FileStamp `json:"files"`
}

// corpusStage scans every shard once: ids and texts are hashed, bad lines
// counted.
var corpusStage = &stage{
	name: "corpus", title: "scan the corpus", format: 5, byShard: true,
	options: func(r *Run) (any, error) {
		return corpusOptions{scanOptions(r.Config), stamps(r.inputs)}, nil
	},
	after: tellSkipped,
	tasks: func(r *Run, p *task.Plan) ([]any, error) {
		p.Files = stamps(r.inputs)
		tasks := make([]any, len(r.shards))
		for i, s := range r.shards {
			tasks[i] = s
		}
		return tasks, nil
	},
	run:    scanShard,
	amount: func(r *Run) (float64, string) { return r.inputBytes(), "B" },
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
func tellSkipped(r *Run, p *task.Plan) error {
	var bad corpus.Bad
	for i := range p.Tasks {
		var scan corpus.ScanResult
		if err := readJSON(p.Path(part(i, "json")), &scan); err != nil {
			return errors.Join(r.checked.Stage(context.Background(), p.Dir()), err)
		}
		bad.Merge(&scan.Bad)
	}
	if err := bad.Check(r.Config.Corpus.BadLineLimit); err != nil {
		return task.Permanent(err)
	}
	if r.skipped != "" {
		r.note("corpus", "files left out: %s", r.skipped)
	}
	if n := bad.Dropped(); n > 0 {
		r.note("corpus", "%d of %d lines are skipped: %s; the report shows some", n, bad.Lines, bad.ReasonsText())
	}
	if bad.Repaired > 0 {
		r.note("corpus", "documents with bytes that are not UTF-8, U+FFFD put in their place: %d", bad.Repaired)
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

func (r *Run) inputBytes() (n float64) {
	for _, f := range r.inputs {
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
	if err := unchanged(s, stampsByPath(p)); err != nil {
		return err
	}
	f, err := a.Create(part(n, "scan"))
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
	if err := a.WriteFile(part(n, "sources"), sources); err != nil {
		return err
	}
	return a.WriteJSON(part(n, "json"), result)
}

// texts reads the documents of a run for a stage: shard by shard, duplicates
// and bad lines left out, rows numbered from 0 in each shard.
type texts struct {
	options corpus.Options
	shards  []corpus.Shard
	stamps  map[string]task.FileStamp
	corpus  string // directory of the corpus stage
	rowsDir string
	scan    scanReport
}

// loaded keeps what tasks read from the outputs of finished stages, which
// never change, for the next task in this process.
var loaded sync.Map // path -> value

// cached is load(path), once for each path; what two tasks load at the same
// time is loaded twice.
func cached[T any](path string, load func(path string) (T, error)) (T, error) {
	if v, ok := loaded.Load(path); ok {
		return v.(T), nil
	}
	v, err := load(path)
	if err == nil {
		loaded.Store(path, v)
	}
	return v, err
}

// openTexts finds the documents from the directories of the corpus and rows
// stages.
func openTexts(p *task.Plan) (*texts, error) {
	return cached(p.Input("rows"), func(rows string) (*texts, error) { return loadTexts(p.Input("corpus"), rows) })
}

func loadTexts(corpusDir, rowsDir string) (*texts, error) {
	t, err := loadShards(corpusDir)
	if err != nil {
		return nil, err
	}
	t.rowsDir = rowsDir
	return t, readJSON(filepath.Join(rowsDir, "scan.json"), &t.scan)
}

// loadShards finds the documents as they were scanned, with all their rows.
func loadShards(corpusDir string) (*texts, error) {
	in, err := task.Load(filepath.Join(corpusDir, "plan.json"))
	if err != nil {
		return nil, err
	}
	t := &texts{corpus: corpusDir, shards: make([]corpus.Shard, len(in.Tasks)), stamps: stampsByPath(in)}
	var o corpusOptions
	if err := in.Option(&o); err != nil {
		return nil, err
	}
	t.options = o.Corpus
	for i := range in.Tasks {
		if err := in.Task(i, &t.shards[i]); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// stampsByPath are the stamps of a plan's files.
func stampsByPath(p *task.Plan) map[string]task.FileStamp {
	m, _ := cached(p.Path("plan.json")+"#stamps", func(string) (map[string]task.FileStamp, error) {
		stamps := make(map[string]task.FileStamp, len(p.Files))
		for _, f := range p.Files {
			stamps[f.Path] = f
		}
		return stamps, nil
	})
	return m
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

// shard yields the documents of one shard. Once all were taken, their texts are
// held against what was scanned: a file may have been exchanged for one of the
// same size and time.
func (t *texts) shard(ctx context.Context, n int) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		if err := unchanged(t.shards[n], t.stamps); err != nil {
			yield(corpus.Document{}, err)
			return
		}
		drop, err := readRows(filepath.Join(t.rowsDir, part(n, "drop")))
		if err != nil {
			yield(corpus.Document{}, err)
			return
		}
		var scan corpus.ScanResult
		if err := readJSON(filepath.Join(t.corpus, part(n, "json")), &scan); err != nil {
			yield(corpus.Document{}, err)
			return
		}
		var bad corpus.Bad
		sum := scan.Texts
		for d, err := range corpus.Skip(corpus.Checksum(corpus.Read(ctx, t.shards[n], t.options, &bad), &sum), drop) {
			if !yield(d, err) || err != nil {
				return
			}
		}
		if sum != scan.Texts {
			yield(corpus.Document{}, task.Permanent(fmt.Errorf("input %s holds other text than when it was scanned, though its size and time are the same: put it back as it was, or remove %s and what was made from it and run again", t.shards[n], t.corpus)))
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
func (t *texts) sample(ctx context.Context, n int, seed uint64, use func(shard int, d corpus.Document) error) error {
	next := stratified(t.scan.Documents, int64(n), seed)
	want, more := next()
	var base int64
	for shard := range t.shards {
		end := base + t.scan.Rows[shard]
		if !more || want >= end {
			base = end
			continue
		}
		for d, err := range t.shard(ctx, shard) {
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
			return fmt.Errorf("shard %s holds fewer than the %d documents that were counted in it", t.shards[shard], t.scan.Rows[shard])
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
		x := lo + int64(splitmix(seed, uint64(i))%uint64(hi-lo))
		i++
		return x, true
	}
}

// splitmix hashes two words (Steele, Lea and Flood 2014).
func splitmix(a, b uint64) uint64 {
	x := (a ^ b*0x9e3779b97f4a7c15) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// perShard lists one task for each shard of the corpus.
func perShard(r *Run, _ *task.Plan) ([]any, error) {
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

// textBytes is the amount of the stages that read every document.
func textBytes(r *Run) (float64, string) {
	var s scanReport
	if readJSON(filepath.Join(r.Dir("rows"), "scan.json"), &s) != nil {
		return r.inputBytes(), "B"
	}
	return float64(s.TextBytes), "B"
}

// marshal is json.Marshal for values that cannot fail.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
