package handover

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/trial"
)

// A settled export: what is written, how often each document, and where.
type settled struct {
	Handover export.Handover  `json:"handover"`         // without its files
	Draw     export.Draw      `json:"draw"`             // of the training documents
	Hold     []hold           `json:"hold"`             // by domain
	Adjust   map[uint64]int   `json:"adjust,omitempty"` // key of a document -> once more or less than Draw says
	First    []int            `json:"first"`            // first unit of each part
	At       map[string][]int `json:"at"`               // split -> parts: by domain of the draw, -1 for none; or the shards of a mixed one
	Units    int              `json:"units"`            // of all parts
	Index    []int            `json:"index"`            // domain of the draw -> of the handover, -1: left out
	Text     bool             `json:"text"`
	Mixed    bool             `json:"mixed"`
}

// A hold is which documents of a domain are held out: those whose place is below
// Valid, and those from there on below Test.
type hold struct {
	Valid uint64 `json:"valid"`
	Test  uint64 `json:"test"`
}

// split of a document.
func (s *settled) split(domain int, place uint64) string {
	switch h := s.Hold[domain]; {
	case place < h.Valid:
		return export.Valid
	case place < h.Test:
		return export.Test
	}
	return export.Train
}

// place is where a document stands among those of its domain when some are held
// out; it does not depend on its place in the draw.
func place(d *export.Draw, shard, row int) uint64 { return d.Order(shard, row, 1<<40) }

// settleOptions are the options of the settle stage.
type settleOptions struct {
	Options
	Names     []string   `json:"names,omitempty"` // of files
	Shares    []float64  `json:"shares,omitempty"`
	Phases    []phase    `json:"phases,omitempty"`
	Own       *ownShares `json:"own,omitempty"` // of a run's domains
	From      string     `json:"from,omitempty"`
	Tokenizer stamp      `json:"tokenizer_file"`
	Given     stamp      `json:"given_file"`
}

// settleStage decides what is written: settled.json.
func (x *Export) settleStage() *stage.Stage {
	s := &stage.Stage{
		Name: settleName, Title: "settle the shares", Format: 1, Inputs: []string{gatherName}, Tasks: stage.One, Run: settle,
		Options: func() (any, error) {
			o := settleOptions{Options: x.Options, Tokenizer: x.tokens[0], Given: x.tokens[1]}
			o.Options.Tokenizer = ""
			if o.Own = x.source.own; o.Own != nil {
				o.Options.Mixture = ""
			}
			if w := x.source.weights; w != nil {
				o.Names, o.Shares, o.Phases, o.From = w.names, w.share, w.phase, w.Name
			}
			return o, nil
		},
	}
	if x.source.curation != nil {
		s.Inputs = []string{gatherName, "vocab", "encode", "domains"}
		if x.source.own == nil {
			s.Inputs = append(s.Inputs, "confirm")
		}
	}
	return s
}

func settle(_ context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o settleOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	t, err := export.TrainerNamed(o.To)
	if err != nil {
		return task.Permanent(err)
	}
	s := &settler{o: &o, plan: p, needs: t.Needs()}
	for _, step := range []func() error{s.given, s.gathered, s.tokenizer, s.hold, s.shares, s.draw, s.parts, s.tally} {
		if err := step(); err != nil {
			return err
		}
	}
	return settledFile.Write(a, &s.out)
}

// A settler works out a settled export, step by step.
type settler struct {
	o     *settleOptions
	plan  *task.Plan
	needs export.Needs
	out   settled

	names  []string
	share  []float64       // as given
	phase  [][]float64     // of each phase, re-weighed; nil without phases
	gone   []map[int]bool  // domains that a phase leaves out
	rate   []float64       // tokens of the export for one of those that shares are given in
	all    []export.Supply // of each domain, held out ones included
	train  []export.Supply // likewise, of training
	tokens int64           // of training
}

// given reads the names and shares of the domains.
func (s *settler) given() error {
	h := &s.out.Handover
	*h = export.Handover{Kind: "export", Version: s.o.Version, Trainer: s.o.To, Seed: s.o.Seed, Unit: s.needs.Unit, Counted: "tokens",
		Context: s.o.Context, EpochCap: s.o.Epochs, Level: s.o.Level, At: s.o.At, LeftOut: []export.LeftOut{}, Said: []string{}}
	s.out.Text, s.out.Mixed = !s.needs.Tokens, s.needs.Mixed
	if s.o.Names != nil {
		s.names, s.share = s.o.Names, s.o.Shares
		h.From, h.Mixture = "weights", fmt.Sprintf("The shares of %s.", s.o.From)
	} else {
		d, err := curate.DomainsOf(s.plan)
		if err != nil {
			return err
		}
		for _, one := range d.Domains {
			s.names = append(s.names, one.Name)
		}
		if own := s.o.Own; own != nil {
			s.share = own.Share
			h.From, h.Mixture = "run", fmt.Sprintf("The shares of %s, of the domains of a run.", own.From)
		} else {
			c, err := trial.ConfirmationOf(s.plan)
			if err != nil {
				return err
			}
			row, why := c.Answer(s.o.Mixture)
			s.share = c.Phases.Total(row.Mixture)
			if len(c.Phases) > 0 && !c.Phases.IsStatic(row.Mixture) {
				if err := s.o.checkPhases(s.needs); err != nil {
					return task.Permanent(err)
				}
				for k, m := range trial.Schedule(c.Phases, row.Mixture) {
					s.o.Phases = append(s.o.Phases, phase{Share: c.Phases[k], Mixture: m})
				}
			}
			h.From, h.Mixture = "run", fmt.Sprintf("The %s mixture of a run: %s.", row.Name, why)
		}
	}
	if limit := s.needs.Domains; limit > 0 && len(s.names) > limit {
		return task.Permanent(fmt.Errorf("%d domains, and %s holds at most %d; merge some", len(s.names), s.o.To, limit))
	}
	return nil
}

// gathered sums what there is of each domain, and the rate of its tokens.
func (s *settler) gathered() error {
	in, err := stage.PlanOf(s.plan, gatherName)
	if err != nil {
		return err
	}
	m, err := stage.Manifests(in)
	if err != nil {
		return err
	}
	n := len(s.names)
	documents, tokens, size, given := documentsAs.Sums(n, m...), tokensAs.Sums(n, m...), bytesAs.Sums(n, m...), givenAs.Sums(n, m...)
	s.all, s.rate = make([]export.Supply, n), make([]float64, n)
	for d := range s.all {
		s.all[d], s.rate[d] = export.Supply{Documents: documents[d], Tokens: tokens[d], Bytes: size[d]}, 1
		if s.share[d] > 0 && documents[d] == 0 {
			return task.Permanent(fmt.Errorf("domain %q has a share of %.4g %% and no documents; give it some, or a share of 0", s.names[d], 100*s.share[d]))
		}
	}
	if s.o.Names == nil { // the run has counted the proxies' tokens
		own, bytes, err := curate.Supply(s.plan, n)
		if err != nil {
			return err
		}
		if s.o.Tokenizer.Path != "" {
			s.rates(own, bytes)
		}
		return nil
	}
	if s.o.Given.Path != "" {
		s.rates(given, size)
	}
	return nil
}

// rates compares tokens a byte: of the export's tokenizer over those given.
func (s *settler) rates(given, size []int64) {
	for d, a := range s.all {
		if a.Bytes > 0 && given[d] > 0 && size[d] > 0 {
			s.rate[d] = float64(a.Tokens) / float64(a.Bytes) / (float64(given[d]) / float64(size[d]))
		}
	}
	s.say("Shares were given in tokens of another tokenizer, and are re-weighed by each domain's tokens a byte: w' ~ w x (tokens a byte of this tokenizer) / (tokens a byte of that one). given is what they were, asked.token what they are.")
}

func (s *settler) say(format string, args ...any) {
	s.out.Handover.Said = append(s.out.Handover.Said, fmt.Sprintf(format, args...))
}

// tokenizer notes what the files need to know of it.
func (s *settler) tokenizer() error {
	path, h := s.o.Tokenizer.Path, &s.out.Handover
	if path == "" && s.o.Names == nil {
		var err error
		if path, _, err = curate.Tokenizer(s.plan); err != nil {
			return err
		}
		s.say("Tokens are those of the run's own tokenizer, which was trained for small proxies; --tokenizer takes that of the model to train.")
	}
	if path == "" {
		h.Counted = "bytes"
		s.say("No tokenizer was given: shares are of bytes of text, and a \"token\" here is a byte. --tokenizer makes them shares of tokens.")
		return nil
	}
	t, err := token.Load(path)
	if err != nil {
		return err
	}
	h.Vocab, h.EOD, h.EODText = t.Vocab(), t.EOD(), t.Decode([]uint32{t.EOD()})
	if h.Trainer == "megatron" && h.Vocab >= 65500 && h.Vocab <= 1<<16 {
		s.say("The vocabulary of %d is between 65500 and 65536: Megatron writes such tokens in 32 bits, and reads them as 16 with --per-dataset-sequences-path, so sequences.json is left out.", h.Vocab)
	}
	return nil
}

// fewToHold is the size of a domain that holds documents out.
const fewToHold = 100

// hold decides which documents are held out: the shares that are asked for, but
// no more than fit one file of a mixed stream.
func (s *settler) hold() error {
	valid, test := s.o.Valid, s.o.Test
	knows := map[string]bool{}
	for _, name := range s.needs.Splits {
		knows[name] = true
	}
	if !knows[export.Test] {
		test = 0
	}
	if !knows[export.Valid] {
		valid = 0
	}
	if s.needs.Mixed {
		var size int64
		for _, a := range s.all {
			size += s.payload(a)
		}
		valid = min(valid, float64(s.o.ShardBytes)/float64(max(1, size)))
	}
	s.out.Hold = make([]hold, len(s.names))
	few := 0
	for d, a := range s.all {
		if a.Documents < fewToHold {
			if s.share[d] > 0 && valid+test > 0 {
				few++
			}
			continue
		}
		s.out.Hold[d] = hold{uint64(valid * (1 << 63) * 2), uint64((valid + test) * (1 << 63) * 2)}
	}
	if few > 0 {
		s.say("%d domains have fewer than %d documents, and hold none out.", few, fewToHold)
	}
	s.out.Draw.Seed = s.o.Seed
	s.train = make([]export.Supply, len(s.names))
	return s.each(func(shard, row, domain int, one export.Supply) {
		if s.out.split(domain, place(&s.out.Draw, shard, row)) == export.Train {
			s.train[domain].Add(one)
		}
	})
}

// payload is the size of documents in files, bytes before compression.
func (s *settler) payload(a export.Supply) int64 {
	if s.needs.Tokens {
		return a.Tokens * int64(s.needs.Dtype(s.out.Handover.Vocab))
	}
	return a.Bytes
}

// each visits the lengths of all documents.
func (s *settler) each(use func(shard, row, domain int, one export.Supply)) error {
	paths, err := lengthsOf.All(s.plan)
	if err != nil {
		return err
	}
	for shard, path := range paths {
		if err := eachLength(path, func(row, domain int, one export.Supply) { use(shard, row, domain, one) }); err != nil {
			return err
		}
	}
	return nil
}

// shares re-weighs the shares, leaves out what the trainer would not survive, and
// settles the tokens of the training.
func (s *settler) shares() error {
	out := make([]bool, len(s.names))
	for {
		w, err := s.reweighed(out)
		if err != nil {
			return err
		}
		if err := s.settleTokens(w); err != nil {
			return err
		}
		again := s.thin()
		for d := range w {
			if why := s.unread(d, w[d]); w[d] > 0 && why != "" {
				s.out.Handover.LeftOut = append(s.out.Handover.LeftOut, export.LeftOut{Name: s.names[d], Share: s.share[d], Why: why})
				out[d], again = true, true
			}
		}
		if !again {
			s.share = w
			return nil
		}
	}
}

// reweighed are the shares in tokens of the export.
func (s *settler) reweighed(out []bool) (mix.Mixture, error) {
	w := make([]float64, len(s.share))
	for d, share := range s.share {
		if !out[d] {
			w[d] = share * s.rate[d]
		}
	}
	if len(s.o.Phases) > 0 {
		return s.phased(out)
	}
	m, err := mix.Normalize(w)
	if err != nil {
		return nil, task.Permanent(errors.New("no domain is left: the data or the training is shorter than a sequence; lower --context, or raise --tokens or --budget"))
	}
	return m, nil
}

// settleTokens settles how long the training is, and refuses too much
// repetition.
func (s *settler) settleTokens(w mix.Mixture) error {
	most, tight, supply := math.Inf(1), 0, 0.0
	for d, share := range w {
		if share <= 0 {
			continue
		}
		supply += float64(s.train[d].Tokens)
		if n := s.o.Epochs * float64(s.train[d].Tokens) / share; n < most {
			most, tight = n, d
		}
	}
	want := s.o.Tokens
	if s.o.Budget > 0 {
		want = s.o.Budget
	}
	if want == 0 {
		want = int64(min(supply, most))
	}
	if float64(want) > most*(1+1e-9)+1 {
		return task.Permanent(fmt.Errorf("in %d tokens of training domain %q would be read %.2f times, more than the %g of --epochs; ask for at most %d tokens, or raise --epochs",
			want, s.names[tight], w[tight]*float64(want)/float64(max(1, s.train[tight].Tokens)), s.o.Epochs, int64(most)))
	}
	s.tokens = want
	return nil
}

// unread says why a trainer would not read a domain, "" if it would.
func (s *settler) unread(d int, w float64) string {
	if !s.needs.Rows || w <= 0 {
		return ""
	}
	if n := s.inFiles(d, w); n < int64(s.o.Context)+1 {
		return fmt.Sprintf("its training documents have %d tokens, fewer than a sequence of %d and the token after it", n, s.o.Context)
	}
	if n := w * float64(s.tokens) / float64(s.o.Context); n < 1 {
		return fmt.Sprintf("its share comes to %.2g sequences in a training of %d tokens; readers fail at or skip what is less than one (Megatron-LM#705)", n, s.tokens)
	}
	return ""
}

// inFiles is how many tokens of a domain are written once each.
func (s *settler) inFiles(d int, w float64) int64 {
	n := s.train[d].Tokens
	if s.o.Budget > 0 && !s.needs.Mixed {
		n = min(n, int64(w*float64(s.o.Budget)))
	}
	return n
}

// draw decides how often each document of training is taken.
func (s *settler) draw() error {
	supply := make([]int64, len(s.names))
	w := mix.Mixture(append([]float64(nil), s.share...))
	for d := range supply {
		supply[d] = s.train[d].Tokens
		if !s.needs.Mixed && w[d] > 0 { // once each, or as far as the budget goes
			w[d] = float64(s.inFiles(d, w[d])) / float64(s.tokens)
		}
	}
	drawer := export.NewDrawer(w, supply, s.tokens, s.o.Seed)
	visit := func(use func(domain int, key uint64, tokens int64)) error {
		return s.each(func(shard, row, domain int, one export.Supply) {
			if s.out.split(domain, place(&s.out.Draw, shard, row)) == export.Train {
				use(domain, s.out.Draw.Key(shard, row), one.Tokens)
			}
		})
	}
	if err := visit(drawer.Count); err != nil {
		return err
	}
	drawer.Counted()
	if err := visit(drawer.Edge); err != nil {
		return err
	}
	perToken := make([]float64, len(s.names))
	for d, a := range s.train {
		perToken[d] = float64(s.payload(a)) / float64(max(1, a.Tokens))
	}
	s.out.Draw = drawer.Finish(perToken, s.o.ShardBytes)
	if s.needs.Mixed {
		return s.adjust(visit)
	}
	return nil
}

// mostAdjusted is how many documents of a domain are adjusted.
const mostAdjusted = 1000

// adjust brings a mixed stream nearer to its shares than the half document that
// the draw leaves: what a domain lacks is filled with documents that fit into it,
// and what it has too much of taken off, in the order of the input.
func (s *settler) adjust(visit func(func(domain int, key uint64, tokens int64)) error) error {
	gap, n := make([]int64, len(s.names)), make([]int, len(s.names))
	for d, one := range s.out.Draw.Domain {
		gap[d] = int64(s.share[d]*float64(s.tokens)) - one.Tokens
	}
	s.out.Adjust = map[uint64]int{}
	return visit(func(d int, key uint64, tokens int64) {
		if n[d] == mostAdjusted || s.share[d] <= 0 {
			return
		}
		switch more := key < s.out.Draw.Domain[d].Below; {
		case gap[d] >= tokens && !more:
			s.out.Adjust[key], gap[d] = 1, gap[d]-tokens
		case -gap[d] >= tokens && more:
			s.out.Adjust[key], gap[d] = -1, gap[d]+tokens
		default:
			return
		}
		n[d]++
	})
}
