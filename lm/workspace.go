package lm

import (
	"fmt"
	"math"

	"github.com/climb-go/climb/vec"
)

const (
	passTokens = 1024    // tokens that go through the model together; keeps activations near the cache
	headFloats = 1 << 23 // logits held at a time
	headRows   = 512     // and rows of them
	queryBlock = 64      // rows of attention scores held at a time
)

// A Workspace holds every activation, gradient and table that a pass needs. It
// belongs to one caller at a time and one model shape.
//
// A batch goes through in passes of whole sequences, about a thousand tokens
// each, so a Workspace grows with the model and the sequence length, not with
// the batch.
type Workspace struct {
	config     Config
	seqlen     int // longest sequence
	bf16       bool
	capacity   int // tokens in one pass
	headRows   int // rows of logits held at a time
	headStride int // floats from one row to the next: off the powers of two, which meet in the same lines of a cache
	layers     []activations
	x          []float32 // capacity x Width: residual stream after the last layer
	h          []float32 // capacity x Width: a normalised input
	rms        []float32 // capacity: its rows' factors
	act        []float32 // capacity x Hidden: silu(gate) * up
	logits     []float32 // headRows x headStride, Vocab of them in use
	nats       []float64 // headRows: the terms of the loss
	workers    int
	scratch    []scratch // one a worker
	cos, sin   []float32 // seqlen x Width/Heads/2
	tokens     []uint32  // capacity: inputs of the pass
	targets    []uint32  // capacity: what follows them
	seqs       []span    // the sequences of the pass
	picked     []pick    // what LogProbs scores

	// Backward only.
	grad  weights
	dx    []float32 // capacity x Width
	dh    []float32 // capacity x Width
	dqkv  []float32 // capacity x 3 Width
	dact  []float32 // capacity x Hidden
	dgain []float32 // parts of the rows x Width
}

// activations are what the backward pass of one layer reads.
type activations struct {
	x   []float32 // capacity x Width: residual stream entering the layer
	qkv []float32 // capacity x 3 Width, queries and keys rotated
	att []float32 // capacity x Width: heads' outputs, before the projection
	mid []float32 // capacity x Width: residual stream between the halves
	gu  []float32 // capacity x 2 Hidden: gate, up
	lse []float32 // capacity x Heads: logs of the sums of the scores\' exponentials, head after head of each sequence
}

// A span is one sequence of a pass: n rows from start. The sequence may go on
// after shared rows that begin at prefix.
type span struct{ start, n, prefix, shared int }

// A pick is a row of the pass that predicts the token at place at of LogProbs'
// batch.
type pick struct{ row, at int }

// NewWorkspace returns a workspace for batches of up to batch sequences of up
// to seqlen tokens. It panics if seqlen is above the model's Context. LossGrad
// and LogProbs also take larger batches: they go through in more passes.
func NewWorkspace(m *Model, batch, seqlen int) *Workspace {
	return NewWorkspaceParallel(m, batch, seqlen, 1)
}

// NewWorkspaceParallel is NewWorkspace for passes on up to workers goroutines,
// with the same bits.
func NewWorkspaceParallel(m *Model, batch, seqlen, workers int) *Workspace {
	c := m.Config
	if batch < 1 || seqlen < 1 || seqlen > c.Context {
		panic(fmt.Sprintf("lm: workspace of %d x %d for a model with context %d", batch, seqlen, c.Context))
	}
	n := min(batch, max(1, passTokens/seqlen)) * seqlen
	ws := &Workspace{config: c, seqlen: seqlen, capacity: n}
	ws.headRows, ws.headStride = min(n, headRows, max(32, headFloats/c.Vocab)), (c.Vocab+31)/16*16
	ws.layers = make([]activations, c.Layers)
	size := 0
	ws.place(func(n int) []float32 { size += (n + 15) / 16 * 16; return nil })
	arena := vec.Make(size)
	ws.place(func(n int) []float32 {
		x := arena[:n:n]
		arena = arena[(n+15)/16*16:] // whole lines of the cache
		return x
	})
	ws.nats = make([]float64, ws.headRows)
	ws.SetWorkers(workers)
	ws.tokens, ws.targets = make([]uint32, n), make([]uint32, n)
	ws.seqs, ws.picked = make([]span, 0, n), make([]pick, 0, n)
	ws.grad.blocks = make([]block, c.Layers)
	ws.rotary()
	return ws
}

// place takes every array of the passes from f.
func (ws *Workspace) place(f func(n int) []float32) {
	c, n := ws.config, ws.capacity
	for l := range ws.layers {
		ws.layers[l] = activations{
			x: f(n * c.Width), qkv: f(3 * n * c.Width), att: f(n * c.Width),
			mid: f(n * c.Width), gu: f(2 * n * c.Hidden), lse: f(n * c.Heads),
		}
	}
	ws.x, ws.rms, ws.h, ws.act = f(n*c.Width), f(n), f(n*c.Width), f(n*c.Hidden)
	ws.logits = f(ws.headRows * ws.headStride)
	ws.dgain = f((n + partRows - 1) / partRows * c.Width)
	ws.dx, ws.dh, ws.dqkv, ws.dact = f(n*c.Width), f(n*c.Width), f(3*n*c.Width), f(n*c.Hidden)
}

// rotary fills the tables of cos and sin of position x frequency, computed in
// float64 (Su et al., 2021, arXiv:2104.09864, eq. 15: theta^(-2i/d)).
func (ws *Workspace) rotary() {
	half := ws.config.Width / ws.config.Heads / 2
	ws.cos, ws.sin = make([]float32, ws.seqlen*half), make([]float32, ws.seqlen*half)
	for t := range ws.seqlen {
		for i := range half {
			a := float64(t) * math.Pow(ws.config.RopeTheta, -float64(i)/float64(half))
			ws.cos[t*half+i], ws.sin[t*half+i] = float32(math.Cos(a)), float32(math.Sin(a))
		}
	}
}

// begin readies the workspace for a pass of model m.
func (ws *Workspace) begin(m *Model) {
	if ws.config != m.Config {
		panic(fmt.Sprintf("lm: workspace of shape %+v used with a model of shape %+v", ws.config, m.Config))
	}
	ws.seqs = ws.seqs[:0]
}

// check panics on a token outside the vocabulary.
func (ws *Workspace) check(tokens []uint32) {
	for _, t := range tokens {
		if int(t) >= ws.config.Vocab {
			panic(fmt.Sprintf("lm: token %d in a model with a vocabulary of %d", t, ws.config.Vocab))
		}
	}
}

// add appends a sequence to the pass.
func (ws *Workspace) add(tokens []uint32) span {
	s := span{n: len(tokens)}
	if k := len(ws.seqs); k > 0 {
		s.start = ws.seqs[k-1].start + ws.seqs[k-1].n
	}
	copy(ws.tokens[s.start:], tokens)
	ws.seqs = append(ws.seqs, s)
	return s
}

// rows is the number of tokens in the pass.
func (ws *Workspace) rows() int {
	if len(ws.seqs) == 0 {
		return 0
	}
	s := ws.seqs[len(ws.seqs)-1]
	return s.start + s.n
}
