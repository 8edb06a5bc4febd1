package train

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/token"
)

// An exam is an evaluation by another program: what the terms ask is written
// down as rows of tokens, and the answers are read when the program has ended.
// Both times the same code goes over the files, so metrics are what they are in
// this process.
type exam struct {
	calls []call
	rows  int
}

// A call is one of LogLikelihood.
type call struct {
	blank   []eval.Likelihood // without LogProb
	request []int             // of each row
}

// exams are those of a job.
type exams struct{ target, test *exam }

// exams writes the rows of the target and the test files into dir.
func (j *Job) exams(ctx context.Context, tok *token.Tokenizer, dir string) (*exams, error) {
	target, err := j.ask(ctx, tok, j.Target, filepath.Join(dir, "target"))
	if err != nil {
		return nil, err
	}
	test, err := j.ask(ctx, tok, j.Test, filepath.Join(dir, "test"))
	return &exams{target, test}, err
}

// ask writes path.tokens, the rows one behind the other (uint32), and path.rows,
// their lengths and how many tokens at their ends are scored (int32), all little
// endian.
func (j *Job) ask(ctx context.Context, tok *token.Tokenizer, terms []eval.Term, path string) (*exam, error) {
	tokens, err := os.Create(path + ".tokens")
	if err != nil {
		return nil, err
	}
	defer tokens.Close()
	rows, err := os.Create(path + ".rows")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	a := &asker{scorer: Scorer{Tokenizer: tok, Model: &lm.Model{Config: j.Model}}, tokens: bufio.NewWriterSize(tokens, 1<<16), rows: bufio.NewWriter(rows)}
	if _, _, err := j.evaluate(ctx, a, terms); err != nil {
		return nil, err
	}
	for _, w := range []*bufio.Writer{a.tokens, a.rows} {
		if err := w.Flush(); err != nil {
			return nil, fmt.Errorf("write what is scored: %w", err)
		}
	}
	return &a.exam, nil
}

// An asker is the model that writes down what it is asked.
type asker struct {
	exam
	scorer       Scorer
	tokens, rows *bufio.Writer
}

// LogLikelihood implements eval.Model.
func (a *asker) LogLikelihood(ctx context.Context, reqs []eval.Request) ([]eval.Likelihood, error) {
	rows, out := a.scorer.rows(reqs)
	c := call{blank: out}
	for _, w := range rows {
		c.request = append(c.request, w.request)
		if err := binary.Write(a.rows, binary.LittleEndian, [2]int32{int32(len(w.tokens)), int32(w.n)}); err != nil {
			return nil, err
		}
		if err := binary.Write(a.tokens, binary.LittleEndian, w.tokens); err != nil {
			return nil, err
		}
	}
	a.calls, a.exam.rows = append(a.calls, c), a.exam.rows+len(rows)
	return append([]eval.Likelihood(nil), out...), ctx.Err()
}

// An answerer is the model that repeats what the program answered.
type answerer struct {
	calls   []call
	answers [][2]float64 // of the rows: log-likelihood in nats, and 1 if greedy
}

// LogLikelihood implements eval.Model.
func (a *answerer) LogLikelihood(_ context.Context, reqs []eval.Request) ([]eval.Likelihood, error) {
	if len(a.calls) == 0 || len(a.calls[0].blank) != len(reqs) {
		return nil, fmt.Errorf("a target file was changed while a proxy was trained")
	}
	c := a.calls[0]
	out := append([]eval.Likelihood(nil), c.blank...)
	for i, r := range c.request {
		out[r].LogProb += a.answers[i][0]
		out[r].Greedy = out[r].Greedy && a.answers[i][1] == 1
	}
	a.calls, a.answers = a.calls[1:], a.answers[len(c.request):]
	return out, nil
}

// answers reads the answers to an exam of job k of a stack.
func (e *exam) answers(path string, k int) (*answerer, error) {
	a := &answerer{calls: e.calls, answers: make([][2]float64, e.rows)}
	if e.rows == 0 {
		return a, nil
	}
	f, err := os.Open(path + ".answers")
	if err != nil {
		return nil, fmt.Errorf("train: read the answers of %s: %w", programName, err)
	}
	defer f.Close()
	size := int64(16 * e.rows)
	err = binary.Read(bufio.NewReaderSize(io.NewSectionReader(f, int64(k)*size, size), 1<<16), binary.LittleEndian, a.answers)
	if err != nil {
		return nil, fmt.Errorf("train: read %d answers of %s: %w", e.rows, programName, err)
	}
	return a, nil
}

// and is a followed by b.
func (a *answerer) and(b *answerer) *answerer {
	return &answerer{append(a.calls[:len(a.calls):len(a.calls)], b.calls...), append(a.answers, b.answers...)}
}

// finish makes the result that trainer.py left of job k whole: it adds the
// metrics of the answers, and the config of the weights.
func (j *Job) finish(ctx context.Context, dir string, k int, r *Result, e *exams) error {
	if r == nil {
		return fmt.Errorf("train: %s left no result of job %d", programName, k)
	}
	r.Mixture = j.Mixture.Hash()
	points := r.Curve
	r.Curve = nil
	for i, p := range points {
		a, err := e.target.answers(filepath.Join(dir, fmt.Sprintf("curve-%d", i)), k)
		if err != nil {
			return err
		}
		if !a.finite() {
			continue
		}
		files, score, err := j.evaluate(ctx, a, j.Target)
		if err != nil {
			return err
		}
		r.point(p.Tokens, p.LR, score, files)
	}
	if r.Failed == "" {
		a, err := e.target.answers(filepath.Join(dir, "target"), k)
		if err != nil {
			return err
		}
		b, err := e.test.answers(filepath.Join(dir, "test"), k)
		if err != nil {
			return err
		}
		if err := j.measure(ctx, a.and(b), r); err != nil {
			return err
		}
	}
	r.settle()
	if err := r.Check(j); err != nil {
		return fmt.Errorf("train: the result of %s: %w", programName, err)
	}
	if r.Failed == "" && j.Save != "" {
		return (&lm.Model{Config: j.Model}).SaveConfig(j.Save)
	}
	return nil
}

// finite tells whether every answer is a number: a run that diverges later may
// have none on the way.
func (a *answerer) finite() bool {
	for _, x := range a.answers {
		if math.IsNaN(x[0]) || math.IsInf(x[0], 0) {
			return false
		}
	}
	return true
}
