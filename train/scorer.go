package train

import (
	"cmp"
	"context"
	"slices"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/token"
)

// Scorer gives a model's log-likelihood of texts. Every text starts after the
// end-of-document token. A context that does not fit is cut on its left; a
// continuation that does not fit is scored in windows that each see one token
// of what came before (rolling log-likelihood, as in lm-evaluation-harness).
type Scorer struct {
	Tokenizer *token.Tokenizer
	Model     *lm.Model
	Workers   func() int // as Proxy's

	ws *lm.Workspace
}

// rowsPerBatch sequences are evaluated together.
const rowsPerBatch = 16

// window is one row of a batch: tokens, of which the last n are scored for
// request.
type window struct {
	request, n int
	tokens     []uint32
}

// context is what the scored tokens come after.
func (w window) context() []uint32 { return w.tokens[:len(w.tokens)-w.n] }

// LogLikelihood implements eval.Model.
func (s *Scorer) LogLikelihood(ctx context.Context, reqs []eval.Request) ([]eval.Likelihood, error) {
	rows, out := s.rows(reqs)
	// Rows after the same context come together, so that it goes through the
	// model once. The sort is stable, so batches do not depend on anything but
	// the requests.
	slices.SortStableFunc(rows, func(a, b window) int {
		x, y := a.context(), b.context()
		return cmp.Or(cmp.Compare(len(x), len(y)), slices.Compare(x, y), cmp.Compare(len(a.tokens), len(b.tokens)))
	})
	if s.ws == nil {
		s.ws = lm.NewWorkspace(s.Model, rowsPerBatch, s.Model.Config.Context)
	}
	headed, rows := s.heads(rows)
	for _, h := range headed {
		if err := s.run(ctx, h.rows, h.head, rowsPerHead, out); err != nil {
			return nil, err
		}
	}
	return out, s.run(ctx, rows, 0, rowsPerBatch, out)
}

// rows are what is scored to answer the requests, and the answers without their
// log-likelihoods.
func (s *Scorer) rows(reqs []eval.Request) (rows []window, out []eval.Likelihood) {
	out = make([]eval.Likelihood, len(reqs))
	for i, r := range reqs {
		ids := s.Tokenizer.Encode([]uint32{s.Tokenizer.EOD()}, r.Context)
		at := len(ids)
		ids = s.Tokenizer.Continue(ids, r.Context, r.Continuation)
		out[i] = eval.Likelihood{Tokens: len(ids) - at, Bytes: len(r.Continuation), Greedy: true}
		rows = s.windows(rows, i, ids, at)
	}
	return rows, out
}

// run scores rows, so many together, and adds what they give to their
// requests. All begin with the same head tokens.
func (s *Scorer) run(ctx context.Context, rows []window, head, together int, out []eval.Likelihood) error {
	T := s.Model.Config.Context + 1 // the last token is only predicted
	n := min(together, len(rows))
	tokens := make([]uint32, n*T)
	lens, from := make([]int, n), make([]int, n)
	logp, greedy := make([]float32, n*T), make([]bool, n*T)
	for batch := range slices.Chunk(rows, together) {
		if err := ctx.Err(); err != nil {
			return err
		}
		width := 0
		for _, w := range batch {
			width = max(width, len(w.tokens))
		}
		clear(tokens)
		for b, w := range batch {
			copy(tokens[b*width:], w.tokens)
			lens[b], from[b] = len(w.tokens), len(w.tokens)-w.n
		}
		if s.Workers != nil {
			s.ws.SetWorkers(s.Workers())
		}
		n := len(batch) * width
		if head > 0 {
			s.Model.LogProbsHead(s.ws, head, tokens[:n], lens[:len(batch)], from[:len(batch)], logp[:n], greedy[:n])
		} else {
			s.Model.LogProbsShared(s.ws, tokens[:n], lens[:len(batch)], from[:len(batch)], logp[:n], greedy[:n])
		}
		for b, w := range batch {
			for t := len(w.tokens) - w.n; t < len(w.tokens); t++ {
				out[w.request].LogProb += float64(logp[b*width+t])
				out[w.request].Greedy = out[w.request].Greedy && greedy[b*width+t]
			}
		}
	}
	return nil
}

// windows appends the rows that score ids[at:] given ids[:at].
func (s *Scorer) windows(rows []window, request int, ids []uint32, at int) []window {
	T := s.Model.Config.Context + 1
	if n := len(ids) - at; n < T {
		return append(rows, window{request, n, ids[max(0, len(ids)-T):]})
	}
	for at < len(ids) {
		end := min(at+T-1, len(ids))
		rows = append(rows, window{request, end - at, ids[at-1 : end]})
		at = end
	}
	return rows
}
