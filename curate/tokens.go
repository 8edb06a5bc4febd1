package curate

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
)

type vocabOptions struct {
	Seed   uint64          `json:"seed"`
	Tokens TokensConfig    `json:"tokens"`
	File   *task.FileStamp `json:"file,omitempty"` // of the user's tokenizer
}

// vocabStage trains the tokenizer on a sample of the documents that are left,
// or copies the user's: tokenizer.json.
func (r *Curation) vocabStage() *stage.Stage {
	return &stage.Stage{
		Name: "vocab", Title: "train the tokenizer", Format: 2, Inputs: []string{"corpus", "rows", "assign"},
		Options: func() (any, error) {
			o := vocabOptions{Seed: r.Config.Seed, Tokens: r.Config.Tokens}
			if o.Tokens.Tokenizer != "" {
				stamp, err := task.Stamp(o.Tokens.Tokenizer)
				if err != nil {
					return nil, fmt.Errorf("tokens.tokenizer: %w", err)
				}
				o.File = &stamp
			}
			return o, nil
		},
		Tasks:  stage.One,
		Run:    trainTokenizer,
		Accept: checkVocab,
	}
}

func trainTokenizer(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o vocabOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	var tok *token.Tokenizer
	var err error
	if o.Tokens.Tokenizer != "" {
		tok, err = token.Load(o.Tokens.Tokenizer)
	} else {
		tok, err = o.trainOn(ctx, p)
	}
	if err != nil {
		return err
	}
	f, err := a.Create(tokenizerName)
	if err != nil {
		return err
	}
	if err := tok.Save(f); err != nil {
		return err
	}
	vocabulary.Add(a, int64(tok.Vocab()))
	return f.Close()
}

// trainOn trains on documents drawn evenly, at most SampleBytes of them.
func (o *vocabOptions) trainOn(ctx context.Context, p *task.Plan) (*token.Tokenizer, error) {
	t, err := OpenTexts(ctx, p)
	if err != nil {
		return nil, err
	}
	shards, documents := t.some(o.Seed)
	bytes := float64(t.Scan.TextBytes) * float64(documents) / float64(max(1, t.Scan.Documents)) // of these shards, about
	share := float64(o.Tokens.SampleBytes) / max(1, bytes)
	var failed error
	texts := func(yield func(string) bool) {
		for _, shard := range shards {
			domains, err := DomainOf.Ints(p, shard)
			if err != nil {
				failed = err
				return
			}
			for d, err := range t.Shard(ctx, shard) {
				if err != nil {
					failed = err
					return
				}
				if domains[d.Row] < 0 || float64(stage.SplitMix(o.Seed^uint64(shard)<<32^0x70, uint64(d.Row))>>11)/(1<<53) >= share {
					continue
				}
				if !yield(d.Text) {
					return
				}
			}
		}
	}
	tok, err := token.Train(iter.Seq[string](texts), o.Tokens.BPE)
	if failed != nil {
		return nil, failed
	}
	return tok, err
}

// encodeOptions are what the tokens depend on beside the tokenizer.
type encodeOptions struct {
	Copy bool `json:"copy,omitempty"` // tokens of Megatron sources: the proxies' tokenizer made them
}

// copies tells whether the corpus has sources that are tokens, and whether the
// proxies' tokenizer is the one that made them.
func (r *Curation) copies() (sources, same bool, err error) {
	sources = slices.ContainsFunc(r.Inputs, func(f corpus.FileInfo) bool { return f.Format == corpus.Megatron })
	ours, theirs := r.Config.Tokens.Tokenizer, r.Config.Corpus.Tokenizer
	if !sources || ours == "" || theirs == "" || ours == theirs {
		return sources, sources && ours != "" && ours == theirs, nil
	}
	a, err := token.Load(ours)
	if err != nil {
		return sources, false, err
	}
	b, err := token.Load(theirs)
	return sources, err == nil && a.Equal(b), err
}

// encodeStage turns every shard into tokens, grouped by domain:
// part-NNNNN.tok holds the tokens (u16 or u32 as the vocabulary asks) of each
// domain's documents, in row order, each document ended by the end-of-document
// token; part-NNNNN.npy, int32, the tokens of each row, 0 for rows without a
// domain. Sources that are tokens of the same tokenizer are copied, not encoded.
func (r *Curation) encodeStage() *stage.Stage {
	return &stage.Stage{
		Name: "encode", Title: "tokenize every document", Format: 1, ByShard: true, Inputs: []string{"corpus", "rows", "domains", "assign", "vocab"},
		Options: func() (any, error) {
			_, same, err := r.copies()
			return encodeOptions{same}, err
		},
		Tasks:  r.PerShard,
		Run:    encodeShard,
		After:  r.tellTokens,
		Amount: r.TextBytes,
	}
}

// tellTokens says what became of sources that are tokens already.
func (r *Curation) tellTokens(*task.Plan) error {
	switch sources, same, err := r.copies(); {
	case err != nil:
		return err
	case same:
		r.Note("encode", "tokens of the .bin inputs are copied as they are: tokens.tokenizer is their own")
	case sources:
		r.Note("encode", "tokens of the .bin inputs are decoded to text and encoded again: the proxies have another tokenizer; set tokens.tokenizer to that of corpus.tokenizer to copy them as they are")
	}
	return nil
}

func encodeShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o encodeOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	tok, err := stage.Cached(ctx, tokenizerPath(p), token.Load)
	if err != nil {
		return err
	}
	domains, err := DomainOf.Ints(p, n)
	if err != nil {
		return err
	}
	count := 0
	if len(domains) > 0 {
		count = int(slices.Max(domains)) + 1
	}
	width := tokenWidth(tok.Vocab())
	byDomain := make([][]byte, max(0, count))
	length := make([]int32, len(domains))
	var ids []uint32
	err = Batches(ctx, p, n, a, func(docs []corpus.Document, _ []string) error {
		for _, d := range docs {
			dom := domains[d.Row]
			if dom < 0 {
				continue
			}
			if o.Copy && d.Tokens != nil {
				ids = append(ids[:0], d.Tokens...)
			} else {
				ids = tok.Encode(ids[:0], d.Text)
			}
			ids = append(ids, tok.EOD())
			length[d.Row] = int32(len(ids))
			byDomain[dom] = appendTokens(byDomain[dom], ids, width)
			tokensAs.Add(a, dom, int64(len(ids)))
			bytesAs.Add(a, dom, int64(len(d.Text)))
		}
		return nil
	})
	if err != nil {
		return err
	}
	f, err := textOf.Create(a, n)
	if err != nil {
		return err
	}
	for _, b := range byDomain {
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return TokensOf.WriteInts(a, n, length)
}

// tokenWidth is the bytes of a stored token.
func tokenWidth(vocab int) int {
	if token.Dtype(vocab) == token.Uint16 {
		return 2
	}
	return 4
}

func appendTokens(dst []byte, ids []uint32, width int) []byte {
	for _, id := range ids {
		if width == 2 {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(id))
		} else {
			dst = binary.LittleEndian.AppendUint32(dst, id)
		}
	}
	return dst
}

// tokensStage writes each domain's tokens as Megatron's domain-NNN.bin and
// .idx, documents in the order of the corpus.
func (r *Curation) tokensStage() *stage.Stage {
	return &stage.Stage{
		Name: "tokens", Title: "write token files", Format: 1, Inputs: []string{"domains", "assign", "vocab", "encode"},
		Options: func() (any, error) { return struct{}{}, nil },
		Tasks: func(*task.Plan) ([]any, error) {
			d, err := r.Domains()
			if err != nil {
				return nil, err
			}
			tasks := make([]any, len(d.Domains))
			for i := range tasks {
				tasks[i] = struct {
					Domain int `json:"domain"`
				}{i}
			}
			return tasks, nil
		},
		Run: writeTokens,
	}
}

func writeTokens(ctx context.Context, p *task.Plan, dom int, a *task.Attempt) error {
	tok, err := stage.Cached(ctx, tokenizerPath(p), token.Load)
	if err != nil {
		return err
	}
	in, err := stage.PlanOf(p, textOf.Stage)
	if err != nil {
		return err
	}
	bin, err := a.Create(domainPrefix(dom) + ".bin")
	if err != nil {
		return err
	}
	idx, err := a.Create(domainPrefix(dom) + ".idx")
	if err != nil {
		return err
	}
	w, err := token.NewIndexWriter(bin, idx, token.Dtype(tok.Vocab()))
	if err != nil {
		return err
	}
	for shard := range in.Tasks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyTokens(w, p, shard, dom, tokenWidth(tok.Vocab())); err != nil {
			return fmt.Errorf("shard %d: %w", shard, err)
		}
		a.Report(int64(shard+1), int64(len(in.Tasks)))
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := bin.Close(); err != nil {
		return err
	}
	return idx.Close()
}

// copyTokens adds a domain's documents of one shard.
func copyTokens(w *token.IndexWriter, p *task.Plan, shard, dom, width int) error {
	domains, err := DomainOf.Ints(p, shard)
	if err != nil {
		return err
	}
	length, err := TokensOf.Ints(p, shard)
	if err != nil {
		return err
	}
	var skip int64
	for row, d := range domains {
		if d >= 0 && int(d) < dom {
			skip += int64(length[row])
		}
	}
	f, err := os.Open(textOf.Path(p, shard))
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Seek(skip*int64(width), io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(f, 1<<18)
	var raw []byte
	var ids []uint32
	for row, d := range domains {
		if int(d) != dom {
			continue
		}
		n := int(length[row])
		raw = slices.Grow(raw[:0], n*width)[:n*width]
		if _, err := io.ReadFull(r, raw); err != nil {
			return err
		}
		ids = ids[:0]
		for i := range n {
			if width == 2 {
				ids = append(ids, uint32(binary.LittleEndian.Uint16(raw[2*i:])))
			} else {
				ids = append(ids, binary.LittleEndian.Uint32(raw[4*i:]))
			}
		}
		if err := w.Add(ids); err != nil {
			return err
		}
	}
	return nil
}

// domainPrefix is the name of a domain's pair of token files without its ending.
func domainPrefix(dom int) string { return fmt.Sprintf("domain-%03d", dom) }

// TokenFiles are the pairs of token files by domain, without their endings, for a
// plan that reads the stage tokens.
func TokenFiles(p *task.Plan) ([]string, error) {
	in, err := stage.PlanOf(p, "tokens")
	if err != nil {
		return nil, err
	}
	var paths []string
	for dom := range in.Tasks {
		paths = append(paths, in.Path(domainPrefix(dom)))
	}
	return paths, nil
}

const tokenizerName = "tokenizer.json"

func tokenizerPath(p *task.Plan) string { return filepath.Join(p.Input("vocab"), tokenizerName) }

// Tokenizer is the tokenizer.json of a plan that reads the stage vocab, and the
// size of its vocabulary.
func Tokenizer(p *task.Plan) (path string, vocab int, err error) {
	in, err := stage.PlanOf(p, "vocab")
	if err != nil {
		return "", 0, err
	}
	m, err := in.Manifest(0)
	if err != nil {
		return "", 0, err
	}
	return tokenizerPath(p), int(vocabulary.Of(m)), nil
}

// Supply sums the tokens and the text bytes of each domain, for a plan that reads
// the stage encode.
func Supply(p *task.Plan, domains int) (tokens, size []int64, err error) {
	in, err := stage.PlanOf(p, TokensOf.Stage)
	if err != nil {
		return nil, nil, err
	}
	return supply(in, domains)
}

// Supply sums the tokens and the text bytes of each domain.
func (r *Curation) Supply(domains int) (tokens, size []int64, err error) {
	in, err := r.Plan(TokensOf.Stage)
	if err != nil {
		return nil, nil, err
	}
	return supply(in, domains)
}

func supply(in *task.Plan, domains int) (tokens, size []int64, err error) {
	m, err := stage.Manifests(in)
	if err != nil {
		return nil, nil, err
	}
	return tokensAs.Sums(domains, m...), bytesAs.Sums(domains, m...), nil
}

// Encoded tells how many shards the plan of a stage that reads encode has to go
// through.
func Encoded(p *task.Plan) (shards int, err error) {
	in, err := stage.PlanOf(p, TokensOf.Stage)
	if err != nil {
		return 0, err
	}
	return len(in.Tasks), nil
}
