// Package judge grades texts by a language model behind an HTTP interface, and
// trains classifiers on grades.
package judge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/wire"
)

// Options say what is judged, by whom, and where the judgements go.
type Options struct {
	label.Judge
	Corpus   corpus.Options
	Sample   int     // documents
	Repeat   int     // judgements of each
	Seed     uint64  // of the sample
	Out      string  // JSONL; what it holds is not asked for again
	Compare  string  // JSONL of another judge, "" for none
	PriceIn  float64 // of a million tokens
	PriceOut float64
}

// A Judgement is a line of the output: a text with its grades.
type Judgement struct {
	ID   string `json:"id"`
	Text string `json:"text"` // as far as it was judged
	label.Grades
	Model string `json:"model"`
	Pass  int    `json:"pass"` // 1 for the first judgement of the text
}

// A Report is the state of judging, and its cost so far or at most.
type Report struct {
	Documents int               `json:"documents"`
	Done      int               `json:"done"`  // judgements in the output
	Left      int               `json:"left"`  // still to be asked for
	Usage     label.Usage       `json:"usage"` // of this call; before it, the most that it can be
	Cost      float64           `json:"cost"`  // in the unit of the prices
	Repeated  []label.Agreement `json:"repeated,omitempty"`
	Compared  []label.Agreement `json:"compared,omitempty"`
	Errors    []string          `json:"errors,omitempty"` // the first few texts without grades
}

// A Judging is a sample of documents with the grades known so far.
type Judging struct {
	o      Options
	grader *label.Grader
	docs   []corpus.Document
	done   map[judgementKey]Judgement
}

type judgementKey struct {
	id   string
	pass int
}

// New draws the sample and reads what Out holds of it; nothing is asked
// yet.
func New(ctx context.Context, o Options) (*Judging, error) {
	g, err := label.NewGrader(o.Judge)
	if err != nil {
		return nil, &option.ConfigError{Text: err.Error()}
	}
	if o.Sample < 1 || o.Repeat < 1 {
		return nil, &option.ConfigError{Text: "sample and repeat: must be at least 1"}
	}
	o.Judge = g.Judge()
	j := &Judging{o: o, grader: g}
	if j.docs, err = drawSample(ctx, o.Corpus, o.Sample, o.Seed); err != nil {
		return nil, err
	}
	j.done, err = readJudgements(o.Out, true)
	for _, d := range j.done {
		if d.Model != o.Model {
			return nil, &option.ConfigError{Path: o.Out, Text: fmt.Sprintf("holds judgements of %s, not of %s; name another file", d.Model, o.Model)}
		}
	}
	return j, err
}

// drawSample draws n documents, those with the least hashes of seed, id and
// text, in this order: the first m of them are a sample of m.
func drawSample(ctx context.Context, o corpus.Options, n int, seed uint64) ([]corpus.Document, error) {
	shards, _, err := corpus.Split(ctx, o)
	if err != nil {
		return nil, err
	}
	var hashes []uint64
	var docs []corpus.Document
	for _, s := range shards {
		var bad corpus.Bad
		for d, err := range corpus.Read(ctx, s, o, &bad) {
			if err != nil {
				return nil, err
			}
			h := corpus.Hash(d.ID+"\x00"+d.Text, seed)
			if at, same := slices.BinarySearch(hashes, h); at < n && !same {
				hashes, docs = slices.Insert(hashes, at, h), slices.Insert(docs, at, d)
				hashes, docs = hashes[:min(n, len(hashes))], docs[:min(n, len(docs))]
			}
		}
	}
	return docs, nil
}

// readJudgements reads a JSONL file of judgements. A file that goes on loses
// its last line if that was cut off, and need not be there.
func readJudgements(path string, goOn bool) (map[judgementKey]Judgement, error) {
	data, err := os.ReadFile(path)
	if goOn && errors.Is(err, fs.ErrNotExist) {
		return map[judgementKey]Judgement{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read judgements: %w", err)
	}
	end := len(data)
	if goOn {
		end = bytes.LastIndexByte(data, '\n') + 1
	}
	out, err := parseJudgements(data[:end])
	if err != nil {
		return nil, fmt.Errorf("read judgements: %s %w", path, err)
	}
	if end == len(data) {
		return out, nil
	}
	if cut := data[end:]; !bytes.HasPrefix(cut, []byte(judgementStart)) && !bytes.HasPrefix([]byte(judgementStart), cut) {
		return nil, fmt.Errorf("read judgements: %s ends with %.40q, which is no judgement that was cut off; name another file", path, cut)
	}
	return out, os.Truncate(path, int64(end))
}

const judgementStart = `{"id":` // of every line

// parseJudgements reads the lines of a file: each has a text once in a pass, and
// four grades from 1 to 5.
func parseJudgements(data []byte) (map[judgementKey]Judgement, error) {
	out := map[judgementKey]Judgement{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, len(data)+1)
	for n := 1; lines.Scan(); n++ {
		var j Judgement
		if err := wire.JSON(lines.Bytes(), &j); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if j.Pass < 1 {
			return nil, fmt.Errorf("line %d: pass is %d; want 1 for the first judgement of a text", n, j.Pass)
		}
		for i, grade := range j.Values() {
			if grade < 1 || grade > 5 {
				return nil, fmt.Errorf("line %d: %s is %d; want a grade from 1 to 5", n, label.GradeNames()[i], grade)
			}
		}
		key := judgementKey{j.ID, j.Pass}
		if _, ok := out[key]; ok {
			return nil, fmt.Errorf("line %d: %q has two judgements of pass %d", n, j.ID, j.Pass)
		}
		out[key] = j
	}
	return out, lines.Err()
}

// missing lists what has not been judged, in the order of passes and sample.
func (j *Judging) missing() (keys []judgementKey, docs []corpus.Document) {
	for pass := 1; pass <= j.o.Repeat; pass++ {
		for _, d := range j.docs {
			k := judgementKey{d.ID, pass}
			if _, ok := j.done[k]; !ok {
				keys, docs = append(keys, k), append(docs, d)
			}
		}
	}
	return keys, docs
}

// Estimate says what is left to do and the most that it can cost.
func (j *Judging) Estimate() Report {
	keys, docs := j.missing()
	r := Report{Documents: len(j.docs), Done: len(j.done), Left: len(keys)}
	for _, d := range docs {
		u := j.grader.Estimate(d.Text)
		r.Usage.Prompt += u.Prompt
		r.Usage.Completion += u.Completion
	}
	r.Cost = j.cost(r.Usage)
	return r
}

func (j *Judging) cost(u label.Usage) float64 {
	return (float64(u.Prompt)*j.o.PriceIn + float64(u.Completion)*j.o.PriceOut) / 1e6
}

// Run asks for what is missing, as many at a time as Parallel says, and writes
// each batch before the next. A text that gets no grades is passed over; when
// a whole batch gets none, something is wrong and it stops.
func (j *Judging) Run(ctx context.Context, progress func(done, of int)) (Report, error) {
	var r Report
	out, err := os.OpenFile(j.o.Out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return r, err
	}
	keys, docs := j.missing()
	for from := 0; from < len(keys) && err == nil; {
		to := min(from+j.o.Parallel, len(keys))
		err = j.batch(ctx, out, keys[from:to], docs[from:to], &r)
		from = to
		progress(to, len(keys))
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return r, err
	}
	left, _ := j.missing()
	r.Documents, r.Done, r.Left, r.Cost = len(j.docs), len(j.done), len(left), j.cost(r.Usage)
	return r, j.agreements(&r)
}

func (j *Judging) batch(ctx context.Context, out *os.File, keys []judgementKey, docs []corpus.Document, r *Report) error {
	grades, used, errs := make([]label.Grades, len(keys)), make([]label.Usage, len(keys)), make([]error, len(keys))
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() { grades[i], used[i], errs[i] = j.grader.Grade(ctx, docs[i].Text) })
	}
	wg.Wait()
	var lines []byte
	failed := 0
	for i, k := range keys {
		r.Usage.Prompt += used[i].Prompt
		r.Usage.Completion += used[i].Completion
		if errs[i] != nil {
			failed++
			if len(r.Errors) < 5 {
				r.Errors = append(r.Errors, fmt.Sprintf("%s: %v", k.id, errs[i]))
			}
			continue
		}
		d := Judgement{k.id, curate.CutBytes(docs[i].Text, j.o.MaxBytes), grades[i], j.o.Model, k.pass}
		j.done[k] = d
		lines = append(append(lines, stage.Marshal(d)...), '\n')
	}
	if _, err := out.Write(lines); err != nil {
		return err
	}
	if failed == len(keys) {
		return task.Permanent(fmt.Errorf("judge: no answer of %d was of use; the last: %w", failed, errs[failed-1]))
	}
	return ctx.Err()
}

// agreements compares the first two passes, and the first with another judge's.
func (j *Judging) agreements(r *Report) error {
	if j.o.Repeat > 1 {
		r.Repeated = j.agree(j.done, 2)
	}
	if j.o.Compare == "" {
		return nil
	}
	other, err := readJudgements(j.o.Compare, false)
	if err == nil {
		r.Compared = j.agree(other, 1)
	}
	return err
}

func (j *Judging) agree(other map[judgementKey]Judgement, pass int) []label.Agreement {
	names := label.GradeNames()
	a, b := make([][]int, len(names)), make([][]int, len(names))
	for _, d := range j.docs {
		x, ok := j.done[judgementKey{d.ID, 1}]
		y, also := other[judgementKey{d.ID, pass}]
		if !ok || !also {
			continue
		}
		for i := range names {
			a[i], b[i] = append(a[i], x.Values()[i]), append(b[i], y.Values()[i])
		}
	}
	out := make([]label.Agreement, len(names))
	for i, name := range names {
		out[i] = label.Agree(name, a[i], b[i])
	}
	return out
}
