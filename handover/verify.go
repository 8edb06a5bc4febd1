package handover

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
)

// A Check is an export read back: what is in its files, what a trainer makes of
// them, and where they differ from the manifest.
type Check struct {
	Trainer   string          `json:"trainer"`
	Unit      export.Unit     `json:"unit"`
	Counted   string          `json:"counted"`
	Domains   []CheckedDomain `json:"domains"`
	LeftOut   int             `json:"left_out"`
	Off       float64         `json:"off"`       // the largest difference of achieved from asked shares of tokens
	Sequences int64           `json:"sequences"` // that were simulated
	Context   int             `json:"context"`
	Phases    []CheckedPhase  `json:"phases,omitempty"`
	Noise     float64         `json:"noise"` // standard deviation of the largest simulated share, of readers that draw
	Wrong     []string        `json:"wrong"`
}

// A CheckedDomain is a domain as it was read.
type CheckedDomain struct {
	Name     string        `json:"name"`
	Asked    export.Shares `json:"asked"`
	Achieved export.Shares `json:"achieved"` // of the files with the weights
	Seen     export.Shares `json:"seen"`     // in the first sequences
	Train    export.Supply `json:"train"`    // read
	Held     export.Supply `json:"held"`     // read
	Epochs   float64       `json:"epochs"`
}

// A CheckedPhase is a part of the training with a mixture of its own.
type CheckedPhase struct {
	Share     float64   `json:"share"` // of the training, as it was given
	From      int64     `json:"from"`  // first step, 0-based
	Steps     int64     `json:"steps"`
	Asked     []float64 `json:"asked"`     // shares of its tokens, by domain
	Seen      []float64 `json:"seen"`      // in its first sequences
	Off       float64   `json:"off"`       // the largest difference between the two
	Sequences int64     `json:"sequences"` // that were simulated
}

// Sequences is how many are simulated.
const Sequences = 100_000

// ReadManifest reads the manifest of an export.
func ReadManifest(dir string) (*export.Handover, error) {
	var h export.Handover
	if err := task.ReadJSON(filepath.Join(dir, manifestName), &h); err != nil {
		return nil, err
	}
	for _, p := range h.Parts {
		if p.Domain >= len(h.Domains) || p.Domain < -1 || !filepath.IsLocal(filepath.Join("x", p.Split, p.Folder)) || p.Units < 1 {
			return nil, fmt.Errorf("%s: a part of domain %d in the folder %q", filepath.Join(dir, manifestName), p.Domain, p.Folder)
		}
	}
	return &h, nil
}

// Verify reads an export back with our own readers.
func Verify(ctx context.Context, dir string) (*Check, error) {
	h, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	t, err := export.TrainerNamed(h.Trainer)
	if err != nil {
		return nil, err
	}
	v := &verifier{dir: dir, h: h, trainer: t, needs: t.Needs(), parts: make([]read, len(h.Parts)), stock: make([]export.Stock, len(h.Domains)), tails: make([]int64, len(h.Domains))}
	if h.Vocab > 0 {
		if v.tokenizer, err = token.Load(filepath.Join(dir, "tokenizer")); err != nil {
			return nil, err
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range h.Parts {
		g.Go(func() error { return v.read(ctx, i) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return v.check()
}

// A read is what was found in a part.
type read struct {
	by   map[int]*export.Supply // of a domain
	list []one                  // of the first shards of a mixed stream
}

type one struct {
	domain, tokens, bytes int32
}

type verifier struct {
	dir       string
	h         *export.Handover
	trainer   export.Trainer
	needs     export.Needs
	tokenizer *token.Tokenizer
	parts     []read

	mu    sync.Mutex
	stock []export.Stock
	tails []int64 // tokens that were cut off at the end of a part, by domain
	wrong []string
}

// mostLengths bounds the memory of a simulation, in documents of a domain.
const mostLengths = 1 << 18

func (v *verifier) read(ctx context.Context, i int) error {
	p := v.h.Part(i)
	r := read{by: map[int]*export.Supply{}}
	side, err := v.side(p)
	if err != nil {
		return err
	}
	defer side.close()
	v.parts[i] = r
	err = v.trainer.Read(v.dir, p, func(d export.Doc) error {
		domain := p.Domain
		if domain < 0 {
			if domain, err = side.next(len(v.h.Domains)); err != nil {
				return err
			}
		}
		v.add(i, domain, v.measure(d), d.Cut)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	v.compare(p, v.parts[i])
	return nil
}

// measure counts the tokens and bytes of a document.
func (v *verifier) measure(d export.Doc) export.Supply {
	out := export.Supply{Documents: 1}
	if v.needs.Tokens {
		text := d.Tokens
		if n := len(text); n > 0 && text[n-1] == v.h.EOD {
			text = text[:n-1]
		} else if n > 0 && text[0] == v.h.EOD {
			text = text[1:]
		}
		out.Tokens, out.Bytes = int64(len(d.Tokens)), int64(len(v.tokenizer.Decode(text)))
		return out
	}
	out.Tokens, out.Bytes = int64(len(d.Text)), int64(len(d.Text))
	if v.tokenizer != nil {
		out.Tokens = int64(len(v.tokenizer.Encode(nil, d.Text))) + 1
	}
	return out
}

func (v *verifier) add(part, domain int, s export.Supply, cut bool) {
	r := &v.parts[part]
	if r.by[domain] == nil {
		r.by[domain] = &export.Supply{}
	}
	r.by[domain].Add(s)
	p := v.h.Parts[part]
	if p.Split != export.Train {
		return
	}
	if p.Domain < 0 {
		if len(r.list) < mostLengths {
			r.list = append(r.list, one{int32(domain), int32(s.Tokens), int32(s.Bytes)})
		}
		return
	}
	st := &v.stock[domain] // one part of a domain is training, so no other task is here
	st.Total.Add(s)
	if v.needs.Unit == export.InDocuments && len(st.Tokens) < mostLengths {
		st.Tokens, st.Bytes = append(st.Tokens, int32(s.Tokens)), append(st.Bytes, int32(s.Bytes))
	}
	if cut {
		v.tails[domain] = s.Tokens
	}
}

// compare holds a part against the manifest. A trainer of whole rows drops less
// than one.
func (v *verifier) compare(p export.Part, r read) {
	var got export.Supply
	for _, s := range r.by {
		got.Add(*s)
	}
	same := got == p.Supply
	if v.h.Trainer == "mds" {
		same = got.Tokens <= p.Tokens && got.Tokens > p.Tokens-int64(p.Context)
	}
	if same {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wrong = append(v.wrong, fmt.Sprintf("%s %s: %d documents, %d tokens and %d bytes were read; the manifest says %d, %d and %d",
		p.Split, p.Folder, got.Documents, got.Tokens, got.Bytes, p.Documents, p.Tokens, p.Bytes))
}

// A sideReader reads which domain the documents of a mixed shard are of.
type sideReader struct {
	f  *os.File
	in *bufio.Reader
}

func (v *verifier) side(p export.Part) (*sideReader, error) {
	if p.Domain >= 0 {
		return &sideReader{}, nil
	}
	f, err := os.Open(filepath.Join(v.dir, filepath.FromSlash(sideName(p))))
	if err != nil {
		return nil, err
	}
	return &sideReader{f, bufio.NewReader(f)}, nil
}

func (s *sideReader) next(domains int) (int, error) {
	n, err := binary.ReadUvarint(s.in)
	if err == nil && n >= uint64(domains) {
		err = fmt.Errorf("domain %d of %d", n, domains)
	}
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, fmt.Errorf("read %s: %w", s.f.Name(), err)
	}
	return int(n), nil
}

func (s *sideReader) close() {
	if s.f != nil {
		s.f.Close()
	}
}

// check makes the shares of what was read.
func (v *verifier) check() (*Check, error) {
	h := v.h
	c := &Check{Trainer: h.Trainer, Unit: h.Unit, Counted: h.Counted, LeftOut: len(h.LeftOut), Context: h.Context, Wrong: v.wrong}
	train, held := make([]export.Supply, len(h.Domains)), make([]export.Supply, len(h.Domains))
	for i, r := range v.parts {
		for d, s := range r.by {
			if h.Parts[i].Split == export.Train {
				train[d].Add(*s)
			} else {
				held[d].Add(*s)
			}
		}
	}
	weights := make([]float64, len(h.Domains))
	for d := range weights {
		weights[d] = h.Domains[d].Weight
	}
	achieved := export.Achieve(h.Unit, weights, train)
	seen, err := v.simulate(c, weights)
	if err == nil && len(h.Phases) > 0 {
		seen, err = v.phases(c)
	}
	if err != nil {
		return nil, err
	}
	for d, one := range h.Domains {
		c.Domains = append(c.Domains, CheckedDomain{one.Name, one.Asked, achieved[d], seen[d], train[d], held[d], one.Epochs})
		c.Off = max(c.Off, math.Abs(achieved[d].Token-one.Asked.Token))
	}
	return c, nil
}

// phases simulates the first sequences of each phase, and returns what is seen of
// all, as if they went on so.
func (v *verifier) phases(c *Check) ([]export.Shares, error) {
	h := v.h
	all, steps := make([]export.Shares, len(h.Domains)), int64(0)
	for _, p := range h.Phases {
		steps += p.Steps
	}
	c.Sequences = 0
	for k, p := range h.Phases {
		if len(p.Weights) != len(h.Domains) || len(p.Asked) != len(h.Domains) || p.Steps <= 0 || h.Batch <= 0 {
			return nil, fmt.Errorf("phase %d of the manifest has %d weights of %d domains and %d steps of %d sequences", k, len(p.Weights), len(h.Domains), p.Steps, h.Batch)
		}
		n := int64(Sequences)
		if p.Steps < n/h.Batch+1 {
			n = min(n, p.Steps*h.Batch)
		}
		r, err := export.Simulate(v.needs.Reader, h.Unit, p.Weights, v.stock, n, h.Context, h.Seed)
		if err != nil {
			return nil, err
		}
		one := CheckedPhase{Share: p.Share, From: p.From, Steps: p.Steps, Asked: p.Asked, Sequences: r.Sequences}
		c.Sequences += r.Sequences
		for d, s := range r.Shares {
			one.Seen, one.Off = append(one.Seen, s.Token), max(one.Off, math.Abs(s.Token-p.Asked[d]))
			part := float64(p.Steps) / float64(steps)
			all[d].Token += part * s.Token
			all[d].Document += part * s.Document
			all[d].Byte += part * s.Byte
		}
		c.Phases = append(c.Phases, one)
	}
	return all, nil
}

// simulate is what a trainer sees in the first sequences.
func (v *verifier) simulate(c *Check, weights []float64) ([]export.Shares, error) {
	if h := v.h; h.Unit != export.InData {
		r, err := export.Simulate(v.needs.Reader, h.Unit, weights, v.stock, Sequences, h.Context, h.Seed)
		c.Sequences, c.Noise = r.Sequences, r.Noise
		return r.Shares, err
	}
	taken := make([]export.Supply, len(weights))
	left := Sequences * int64(v.h.Context)
	for i, r := range v.parts { // shards of training come first, in their order
		for _, d := range r.list {
			if v.h.Parts[i].Split == export.Train && left > 0 {
				taken[d.domain].Add(export.Supply{Documents: 1, Tokens: int64(d.tokens), Bytes: int64(d.bytes)})
				left -= int64(d.tokens)
			}
		}
	}
	c.Sequences = Sequences - left/int64(v.h.Context)
	return export.Counted(taken), nil
}
