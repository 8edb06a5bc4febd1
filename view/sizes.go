package view

import (
	"context"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/lang"
	"github.com/climb-go/climb/token"
)

const (
	wholeBytes  = 32 << 20 // a corpus of no more bytes is read whole to be counted
	sampleParts = 16       // of a larger one that are read
	trainBytes  = 4 << 20  // of text that a tokenizer is trained on, to guess tokens
)

// A Size is what a corpus holds, copies left out: counted, or extrapolated from parts
// of it.
type Size struct {
	Count
	Read    int64 // documents that were read, copies included
	Bad     corpus.Bad
	Guessed bool // only parts were read

	languages tally
	texts     []string // of all parts, at most trainBytes
}

// measureSize counts the documents of a corpus. Of a large one it reads parts that
// are spread over the shards, and within each no more than its share of whole bytes.
func measureSize(ctx context.Context, shards []corpus.Shard, o corpus.Options, whole int64) (*Size, error) {
	var total float64
	for _, s := range shards {
		total += stretched(s, typicalCompression)
	}
	z := &Size{Guessed: total > float64(whole), languages: tally{most: 1 << 20, counts: map[string]*Count{}}}
	parts, budget := shards, whole
	if n := sampleParts; z.Guessed {
		parts = nil
		for i := range min(n, len(shards)) {
			parts = append(parts, shards[i*len(shards)/min(n, len(shards))])
		}
		budget = whole / int64(len(parts))
	}
	ratio := float64(typicalCompression)
	if z.Guessed {
		var err error
		if ratio, err = meanRatio(ctx, parts); err != nil {
			return nil, err
		}
		total = 0
		for _, s := range shards {
			total += stretched(s, ratio)
		}
	}
	seen := map[uint64]bool{}
	var covered float64 // bytes of the files that the parts stand for
	keep := trainBytes / max(1, len(parts))
	for _, s := range parts {
		kept, got := 0, int64(0)
		last, complete := corpus.Document{}, true
		for d, err := range corpus.Read(ctx, s, o, &z.Bad) {
			if err != nil {
				return nil, err
			}
			n := int64(len(d.Text))
			z.Read++
			got += n
			last = d
			if key := corpus.Hash(d.ID+"\x00"+d.Text, 0); o.Dedup == "none" || !seen[key] {
				seen[key] = true
				z.add(Count{Documents: 1, Bytes: n})
				code, _ := lang.Identify(d.Text[:min(len(d.Text), 2000)])
				z.languages.add(code, Count{Documents: 1, Bytes: n})
			}
			if kept < keep {
				z.texts = append(z.texts, d.Text)
				kept += len(d.Text)
			}
			if z.Guessed && got >= budget {
				complete = false
				break
			}
		}
		covered += share(s, ratio, last, complete)
	}
	if z.Guessed && covered > 0 {
		scale := total / covered
		z.Documents, z.Bytes = int64(float64(z.Documents)*scale), int64(float64(z.Bytes)*scale)
	}
	return z, nil
}

// meanRatio is the mean of the packed shards, one that is usual if there are none.
func meanRatio(ctx context.Context, shards []corpus.Shard) (float64, error) {
	sum, n := 0.0, 0
	for _, s := range shards {
		if s.Compression == "" {
			continue
		}
		ratio, err := s.Ratio(ctx)
		if err != nil {
			return 0, err
		}
		sum, n = sum+ratio, n+1
	}
	if n == 0 {
		return typicalCompression, nil
	}
	return sum / float64(n), nil
}

// stretched are the bytes of a shard, those of a packed one by their ratio.
func stretched(s corpus.Shard, ratio float64) float64 {
	if s.Compression != "" {
		return ratio * float64(s.Bytes)
	}
	return float64(s.Bytes)
}

// share are the bytes of a shard, as stretched counts them, up to a document of it.
func share(s corpus.Shard, ratio float64, last corpus.Document, complete bool) float64 {
	all := stretched(s, ratio)
	switch {
	case complete:
		return all
	case len(s.Files) > 1:
		i := slices.Index(s.Files, last.Path)
		each := all / float64(len(s.Files))
		return each*float64(max(i, 0)) + min(each, float64(last.Offset+int64(len(last.Text))))
	}
	at := float64(last.Offset + int64(len(last.Text)))
	if s.Compression == "" {
		at -= float64(s.Start)
	}
	return max(1, min(all, at))
}

// bytesPerToken measures the tokenizer on the texts: the given one, or one that is
// trained on half of them and tried on the other.
func (z *Size) bytesPerToken(tokenizer string, o token.TrainOptions) (float64, error) {
	var fit, try []string
	for i, text := range z.texts {
		if i%4 == 3 && len(z.texts) > 40 {
			try = append(try, text)
		} else {
			fit = append(fit, text)
		}
	}
	if try == nil {
		try = fit
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
	return float64(bytes) / float64(max(1, tokens)), nil
}
