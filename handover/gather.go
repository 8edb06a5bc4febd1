package handover

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
)

func fillCorpus(o *corpus.Options) { option.Fill(o) }

// gatherOptions are the options of the gather stage.
type gatherOptions struct {
	Text      bool              `json:"text"`      // keep the text, not the tokens
	Tokenizer stamp             `json:"tokenizer"` // of the export; of a run without one the run's own
	Given     stamp             `json:"given"`     // that shares are in tokens of
	Files     []corpus.FileInfo `json:"files,omitempty"`
	Corpus    *corpus.Options   `json:"corpus,omitempty"`
}

// gatherStage tokenizes the documents of the domains and keeps them in the order
// of the input: part-NNNNN.docs, and their lengths in part-NNNNN.lens.
func (x *Export) gatherStage() *stage.Stage {
	s := &stage.Stage{
		Name: gatherName, Title: "tokenize and count the documents", Format: 1,
		Options: func() (any, error) {
			o := gatherOptions{Text: !x.Trainer.Needs().Tokens, Tokenizer: x.tokens[0], Given: x.tokens[1]}
			if w := x.source.weights; w != nil {
				c := w.options(nil)
				o.Files, o.Corpus = w.files, &c
			}
			return o, nil
		},
		Run: gatherShard,
	}
	if c := x.source.curation; c != nil {
		s.ByShard, s.Inputs, s.Tasks, s.Amount = true, []string{"corpus", "rows", "assign", "vocab"}, c.PerShard, c.TextBytes
		return s
	}
	s.Tasks = func(*task.Plan) ([]any, error) {
		tasks := make([]any, len(x.source.weights.tasks))
		for i, f := range x.source.weights.tasks {
			tasks[i] = f
		}
		return tasks, nil
	}
	s.Amount = func() (float64, string) { return float64(x.source.weights.bytes), "B" }
	return s
}

// tokenizers are those of the export and of the given shares; nil where there is
// none.
func tokenizers(ctx context.Context, p *task.Plan, o *gatherOptions) (own, given *token.Tokenizer, err error) {
	load := func(path string) (*token.Tokenizer, error) { return stage.Cached(ctx, path, token.Load) }
	path := o.Tokenizer.Path
	if path == "" && o.Corpus == nil {
		if path, _, err = curate.Tokenizer(p); err != nil {
			return nil, nil, err
		}
	}
	if path != "" {
		if own, err = load(path); err != nil {
			return nil, nil, err
		}
	}
	if o.Given.Path != "" {
		given, err = load(o.Given.Path)
	}
	return own, given, err
}

func gatherShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o gatherOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	own, given, err := tokenizers(ctx, p, &o)
	if err != nil {
		return err
	}
	w, err := newDocWriter(a, n, &o, own, given)
	if err != nil {
		return err
	}
	if o.Corpus != nil {
		err = w.files(ctx, p, n, o.Corpus)
	} else {
		err = w.run(ctx, p, n)
	}
	return errors.Join(err, w.close())
}

// A docWriter writes the documents of a shard.
type docWriter struct {
	attempt    *task.Attempt
	text       bool
	own, given *token.Tokenizer
	docs, lens *task.File
	enc        *zstd.Encoder
	lengths    *bufio.Writer
	counts     map[int]*[4]int64 // documents, tokens, bytes, given tokens
	ids, other []uint32
	buf        []byte
}

func newDocWriter(a *task.Attempt, n int, o *gatherOptions, own, given *token.Tokenizer) (*docWriter, error) {
	docs, err := docsOf.Create(a, n)
	if err != nil {
		return nil, err
	}
	lens, err := lengthsOf.Create(a, n)
	if err != nil {
		return nil, errors.Join(err, docs.Close())
	}
	enc, err := zstd.NewWriter(docs, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	return &docWriter{attempt: a, text: o.Text, own: own, given: given, docs: docs, lens: lens, enc: enc, lengths: bufio.NewWriter(lens), counts: map[int]*[4]int64{}}, err
}

// files reads shards of a person's files.
func (w *docWriter) files(ctx context.Context, p *task.Plan, n int, o *corpus.Options) error {
	var list []fileShard
	if err := p.Task(n, &list); err != nil {
		return err
	}
	for _, f := range list {
		var bad corpus.Bad
		for d, err := range corpus.Read(ctx, f.Shard, *o, &bad) {
			if err == nil {
				err = w.add(f.Domain, d)
			}
			if err != nil {
				return err
			}
		}
		if err := bad.Check(o.BadLineLimit); err != nil {
			return fmt.Errorf("%s: %w", f.Shard, err)
		}
	}
	return nil
}

// run reads a shard of a run's corpus.
func (w *docWriter) run(ctx context.Context, p *task.Plan, n int) error {
	domains, err := curate.DomainOf.Ints(p, n)
	if err != nil {
		return err
	}
	return curate.Batches(ctx, p, n, w.attempt, func(docs []corpus.Document, _ []string) error {
		for _, d := range docs {
			if dom := int(domains[d.Row]); dom >= 0 {
				if err := w.add(dom, d); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// add writes a document: the length of the rest, its domain, bytes and tokens as
// unsigned varints, then the tokens as uint32, or the id with its length and the
// text. Without a tokenizer bytes stand for tokens.
func (w *docWriter) add(domain int, d corpus.Document) error {
	n := len(d.Text)
	if w.own != nil {
		w.ids = append(w.own.Encode(w.ids[:0], d.Text), w.own.EOD())
		n = len(w.ids)
	}
	b := binary.AppendUvarint(w.buf[:0], uint64(domain))
	b = binary.AppendUvarint(b, uint64(len(d.Text)))
	b = binary.AppendUvarint(b, uint64(n))
	if w.text {
		b = binary.AppendUvarint(b, uint64(len(d.ID)))
		b = append(append(b, d.ID...), d.Text...)
	} else {
		for _, id := range w.ids {
			b = binary.LittleEndian.AppendUint32(b, id)
		}
	}
	w.buf = b
	var head [binary.MaxVarintLen64]byte
	if _, err := w.enc.Write(head[:binary.PutUvarint(head[:], uint64(len(b)))]); err != nil {
		return err
	}
	if _, err := w.enc.Write(b); err != nil {
		return err
	}
	var lens [12]byte
	binary.LittleEndian.PutUint32(lens[:], uint32(domain))
	binary.LittleEndian.PutUint32(lens[4:], uint32(n))
	binary.LittleEndian.PutUint32(lens[8:], uint32(len(d.Text)))
	if _, err := w.lengths.Write(lens[:]); err != nil {
		return err
	}
	w.count(domain, n, d.Text)
	return nil
}

func (w *docWriter) count(domain, tokens int, text string) {
	c := w.counts[domain]
	if c == nil {
		c = new([4]int64)
		w.counts[domain] = c
	}
	c[0]++
	c[1] += int64(tokens)
	c[2] += int64(len(text))
	if w.given != nil {
		w.other = w.given.Encode(w.other[:0], text)
		c[3] += int64(len(w.other)) + 1
	}
}

func (w *docWriter) close() error {
	err := errors.Join(w.enc.Close(), w.lengths.Flush(), w.docs.Close(), w.lens.Close())
	for domain, c := range w.counts {
		for i, as := range []stage.Counts{documentsAs, tokensAs, bytesAs, givenAs} {
			as.Add(w.attempt, domain, c[i])
		}
	}
	return err
}

// eachDoc reads a file of documents back: row, domain and the record. The record
// is the caller's.
func eachDoc(path string, use func(row, domain int, record []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	dec, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer dec.Close()
	in := bufio.NewReaderSize(dec, 1<<16)
	for row := 0; ; row++ {
		n, err := binary.ReadUvarint(in)
		if err == io.EOF {
			return nil
		}
		if err != nil || n > 1<<33 {
			return fmt.Errorf("read %s: document %d: %w", path, row, errors.Join(err, errRecord))
		}
		record := make([]byte, n)
		if _, err := io.ReadFull(in, record); err != nil {
			return fmt.Errorf("read %s: document %d: %w", path, row, err)
		}
		domain, k := binary.Uvarint(record)
		if k <= 0 {
			return fmt.Errorf("read %s: document %d: %w", path, row, errRecord)
		}
		if err := use(row, int(domain), record); err != nil {
			return err
		}
	}
}

var errRecord = errors.New("not a document as it was written")

// decode makes a document of a record.
func decode(record []byte, text bool) (d export.Doc, err error) {
	var head [4]uint64
	for i := range head {
		if i == 3 && !text {
			break
		}
		n, k := binary.Uvarint(record)
		if k <= 0 {
			return d, errRecord
		}
		head[i], record = n, record[k:]
	}
	d.Domain, d.Bytes = int(head[0]), int(head[1])
	if text {
		if head[3] > uint64(len(record)) {
			return d, errRecord
		}
		d.ID, d.Text = string(record[:head[3]]), string(record[head[3]:])
		return d, nil
	}
	if uint64(len(record)) != 4*head[2] {
		return d, errRecord
	}
	d.Tokens = make([]uint32, head[2])
	for i := range d.Tokens {
		d.Tokens[i] = binary.LittleEndian.Uint32(record[4*i:])
	}
	return d, nil
}

// eachLength reads the lengths of a shard's documents.
func eachLength(path string, use func(row, domain int, one export.Supply)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	for row := 0; ; row++ {
		var b [12]byte
		if _, err := io.ReadFull(in, b[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		use(row, int(binary.LittleEndian.Uint32(b[:])), export.Supply{Documents: 1, Tokens: int64(binary.LittleEndian.Uint32(b[4:])), Bytes: int64(binary.LittleEndian.Uint32(b[8:]))})
	}
}
