package view

import (
	"context"
	"math"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/lang"
	"github.com/climb-go/climb/token"
)

const (
	wholeBytes = 32 << 20 // of text: a corpus of no more is read whole to be counted, of a larger one as much
	fewUnits   = 64       // of a larger corpus that are read, of each stratum
	leastRead  = 64 << 10 // bytes of text of a unit
	fewProbes  = 4        // units of a stratum that tell how much text it has
	leastPiece = 1 << 20  // bytes of a file of lines that are a unit
	trainBytes = 8 << 20  // of text that a tokenizer is trained on, to guess tokens

	typicalCompression = 3 // of JSON lines with English text by gzip or zstd
)

// A Size is what a corpus holds, copies left out: counted, or extrapolated from parts
// of it.
type Size struct {
	Count
	Read    int64 // documents that were read, copies included
	Bad     corpus.Bad
	Guessed bool // only parts were read

	languages tally
	texts     []string // spread over what was read, not much more than trainBytes
}

// measureSize counts the documents of a corpus. Of one of more than whole bytes it
// reads a stratified sample of so many: of each large file, and of some of the small
// ones of a format that are spread over them, the beginning. The estimate is that
// of ratios: documents for each stored byte, or for each file where a file is one.
func measureSize(ctx context.Context, shards []corpus.Shard, files []corpus.FileInfo, o corpus.Options, whole int64) (*Size, error) {
	var total float64
	for _, f := range files {
		total += float64(f.Bytes)
		if f.Compression != "" {
			total += (typicalCompression - 1) * float64(f.Bytes)
		}
	}
	m := &measuring{o: o, Size: Size{languages: tally{most: 1 << 20, counts: map[string]*Count{}}}, seen: map[uint64]bool{}, texts: &spread{every: 1}}
	if m.Guessed = total > float64(whole); !m.Guessed {
		for _, s := range shards {
			n, _, err := m.read(ctx, s, math.MaxInt64)
			if err != nil {
				return nil, err
			}
			m.add(n)
		}
	} else if err := m.sample(ctx, units(shards, files), whole); err != nil {
		return nil, err
	}
	m.Size.texts = m.texts.kept
	return &m.Size, nil
}

// measuring is a Size in the making.
type measuring struct {
	Size
	o     corpus.Options
	seen  map[uint64]bool
	texts *spread
}

// units are the shards, packs of files taken apart and files of lines cut further.
func units(shards []corpus.Shard, files []corpus.FileInfo) (out []corpus.Shard) {
	info, total := map[string]corpus.FileInfo{}, int64(0)
	for _, f := range files {
		info[f.Path] = f
	}
	for _, s := range shards {
		total += s.Bytes
	}
	piece := max(leastPiece, total/fewUnits)
	for _, s := range shards {
		s.Attributes = nil
		for _, path := range s.Files {
			one := s
			one.Path, one.Files, one.Bytes, one.Compression = path, nil, info[path].Bytes, info[path].Compression
			out = append(out, one)
		}
		if len(s.Files) > 0 {
			continue
		}
		end := s.Start + s.Bytes
		for cut := s; s.Format == "jsonl" && s.Compression == "" && end-cut.Start > 2*piece; s = cut {
			cut.End, cut.Bytes = cut.Start+piece, piece
			out = append(out, cut)
			cut.Start, cut.End, cut.Bytes = cut.End, s.End, end-cut.End
		}
		out = append(out, s)
	}
	return out
}

// A stratum are units that are alike, or a single one.
type stratum struct {
	units  []corpus.Shard
	stored float64 // bytes of all
	text   float64 // of all, a guess
	single bool    // a file is a document
}

// strata are the units by format, those apart that are a good part of the corpus.
func strata(all []corpus.Shard) (out []*stratum) {
	var total float64
	for _, u := range all {
		total += float64(u.Bytes)
	}
	small := map[string]*stratum{}
	for _, u := range all {
		kind := u.Format + " " + u.Compression
		s := small[kind]
		if large := len(all) <= fewUnits || float64(u.Bytes) >= total/fewUnits; large || s == nil {
			s = &stratum{single: u.Format == "text" || u.Format == "html"}
			out = append(out, s)
			if !large {
				small[kind] = s
			}
		}
		s.units, s.stored = append(s.units, u), s.stored+float64(u.Bytes)
	}
	return out
}

// sample adds what all units are guessed to hold, having read about budget bytes of
// text: of each stratum as much as its share of all text seems to be.
func (m *measuring) sample(ctx context.Context, all []corpus.Shard, budget int64) error {
	groups, total := strata(all), float64(0)
	for _, g := range groups {
		if err := g.probe(ctx, m.o); err != nil {
			return err
		}
		total += g.text
	}
	for _, g := range groups {
		var sum Count
		var covered float64 // stored bytes
		some := g.some(fewUnits)
		for _, u := range some {
			c, part, err := m.read(ctx, u, max(leastRead, int64(float64(budget)*g.text/total/float64(len(some)))))
			if err != nil {
				return err
			}
			sum.Documents, sum.Bytes, covered = sum.Documents+c.Documents, sum.Bytes+c.Bytes, covered+part
		}
		scale := g.stored / max(1, covered)
		guess := Count{Documents: int64(float64(sum.Documents)*scale + 0.5), Bytes: int64(float64(sum.Bytes) * scale)}
		if g.single {
			guess.Documents = int64(float64(sum.Documents)*float64(len(g.units))/float64(len(some)) + 0.5)
		}
		m.add(guess)
	}
	return nil
}

// some are n of the units, evenly spread.
func (s *stratum) some(n int) []corpus.Shard {
	n = min(n, len(s.units))
	out := make([]corpus.Shard, n)
	for i := range out {
		out[i] = s.units[i*len(s.units)/n]
	}
	return out
}

// probe guesses the bytes of text of a stratum by the beginnings of a few units.
func (s *stratum) probe(ctx context.Context, o corpus.Options) error {
	var text, covered float64
	for _, u := range s.some(fewProbes) {
		var got int64
		part := float64(u.Bytes)
		for d, err := range corpus.Read(ctx, u, o, nil) {
			if err != nil {
				return err
			}
			if got += int64(len(d.Text)); got < leastRead {
				continue
			}
			at, err := u.Covered(ctx, d)
			if err != nil {
				return err
			}
			part = min(part, at)
			break
		}
		text, covered = text+float64(got), covered+part
	}
	s.text = s.stored * max(1, text) / max(1, covered)
	return nil
}

// read counts the documents of a unit until they have budget bytes, and the stored
// bytes that they took.
func (m *measuring) read(ctx context.Context, s corpus.Shard, budget int64) (n Count, covered float64, err error) {
	var got int64
	var last corpus.Document
	for d, err := range corpus.Read(ctx, s, m.o, &m.Bad) {
		if err != nil {
			return n, 0, err
		}
		last = d
		got += int64(len(d.Text))
		m.Read++
		m.texts.add(d.Text)
		if key := corpus.Hash(d.ID+"\x00"+d.Text, 0); m.o.Dedup == "none" || !m.seen[key] {
			m.seen[key] = true
			one := Count{Documents: 1, Bytes: int64(len(d.Text))}
			n.Documents, n.Bytes = n.Documents+1, n.Bytes+one.Bytes
			code, _ := lang.Identify(d.Text[:min(len(d.Text), 2000)])
			m.languages.add(code, one)
		}
		if got >= budget {
			covered, err := s.Covered(ctx, last)
			return n, min(covered, float64(s.Bytes)), err
		}
	}
	return n, float64(s.Bytes), nil
}

// A spread keeps some of the texts that it is given: all at first, then every second,
// every fourth, and so on, so that they lie evenly over them.
type spread struct {
	every, at, size int
	kept            []string
}

func (s *spread) add(text string) {
	s.at++
	if s.at%s.every != 0 {
		return
	}
	s.kept = append(s.kept, text)
	if s.size += len(text); s.size <= trainBytes || len(s.kept) < 2 {
		return
	}
	half := s.kept[:0]
	s.size = 0
	for i, text := range s.kept {
		if i%2 == 1 {
			half, s.size = append(half, text), s.size+len(text)
		}
	}
	clear(s.kept[len(half):])
	s.kept, s.every = half, 2*s.every
}

// some are n of the texts, evenly spread.
func (z *Size) some(n int) []string {
	n = min(n, len(z.texts))
	out := make([]string, n)
	for i := range out {
		out[i] = z.texts[i*len(z.texts)/n]
	}
	return out
}

// perToken are the bytes for each token of its vocabulary with which a tokenizer is
// trained well enough to be tried on the same text.
const perToken = 256

// tokensPerByte measures a tokenizer on texts out of size bytes: the given one, or one
// that is trained on them. If they are few and not all, it is trained on most of them
// and tried on the others.
func tokensPerByte(texts []string, size int64, tokenizer string, o token.TrainOptions) (float64, error) {
	fit, try := texts, texts
	if n := textBytes(texts); len(texts) > 40 && n < size*9/10 && n < perToken*int64(o.Vocab) {
		fit, try = nil, nil
		for i, text := range texts {
			if i%4 == 3 {
				try = append(try, text)
			} else {
				fit = append(fit, text)
			}
		}
	}
	var t *token.Tokenizer
	var err error
	if tokenizer != "" {
		t, err = token.Load(tokenizer)
	} else {
		t, err = token.Train(slices.Values(fit), o)
	}
	if err != nil {
		return 0, err
	}
	var bytes, tokens int
	var ids []uint32
	for _, text := range try {
		ids = t.Encode(ids[:0], text)
		bytes, tokens = bytes+len(text), tokens+len(ids)+1
	}
	return float64(tokens) / float64(max(1, bytes)), nil
}
