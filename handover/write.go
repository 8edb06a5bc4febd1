package handover

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// spreadStage puts the documents of each gathered shard into the units of the
// parts: part-NNNNN.piece.
func (x *Export) spreadStage() *stage.Stage {
	return &stage.Stage{
		Name: spreadName, Title: "shuffle the documents", Format: 1, Inputs: []string{gatherName, settleName},
		Options: func() (any, error) { return struct{}{}, nil },
		Tasks: func(*task.Plan) ([]any, error) {
			in, err := x.Plan(gatherName)
			if err != nil {
				return nil, err
			}
			return make([]any, len(in.Tasks)), nil
		},
		Run: spreadShard,
	}
}

func readSettled(ctx context.Context, p *task.Plan) (*settled, error) {
	return stage.Cached(ctx, p.Input(settleName), func(string) (*settled, error) { return settledFile.Read(p) })
}

func spreadShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	s, err := readSettled(ctx, p)
	if err != nil {
		return err
	}
	piece := export.NewPiece(s.Units)
	err = eachDoc(docsOf.Path(p, n), func(row, domain int, record []byte) error {
		s.places(n, row, domain, func(part int, order uint64) {
			piece.Put(s.unit(part, order), order, record)
		})
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	f, err := pieceOf.Create(a, n)
	if err != nil {
		return err
	}
	if _, err := piece.WriteTo(f); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// unit of a part that a place in the order is in.
func (s *settled) unit(part int, order uint64) int {
	if s.Mixed {
		return s.First[part]
	}
	return s.First[part] + int(float64(order>>11)/(1<<53)*float64(s.Handover.Parts[part].Units))
}

// writeStage writes the files of each part.
func (x *Export) writeStage() *stage.Stage {
	return &stage.Stage{
		Name: writeName, Title: "write the files", Format: 1, Inputs: []string{settleName, spreadName},
		Options: func() (any, error) { return struct{}{}, nil },
		Tasks: func(*task.Plan) ([]any, error) {
			s, err := settledFile.ReadFrom(x.Run)
			if err != nil {
				return nil, err
			}
			return s.bundles(x.Options.ShardBytes), nil
		},
		Run: writeParts,
	}
}

// A bundle is the parts that a task writes: From up to and without To.
type bundle struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// bundles makes tasks of small parts together.
func (s *settled) bundles(most int64) (tasks []any) {
	size, b := int64(0), bundle{}
	for i, p := range s.Handover.Parts {
		if n := max(p.Bytes, 4*p.Tokens); i > b.From && size+n > most {
			tasks, b.From, size = append(tasks, b), i, 0
		}
		size, b.To = size+max(p.Bytes, 4*p.Tokens), i+1
	}
	return append(tasks, b)
}

func writeParts(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	s, err := readSettled(ctx, p)
	if err != nil {
		return err
	}
	pieces, err := pieceOf.All(p)
	if err != nil {
		return err
	}
	t, err := export.TrainerNamed(s.Handover.Trainer)
	if err != nil {
		return task.Permanent(err)
	}
	var b bundle
	if err := p.Task(n, &b); err != nil {
		return err
	}
	for i := b.From; i < b.To; i++ {
		if err := s.writePart(ctx, t, pieces, i, a); err != nil {
			return err
		}
		a.Report(int64(i-b.From+1), int64(b.To-b.From))
	}
	return nil
}

func (s *settled) writePart(ctx context.Context, t export.Trainer, pieces []string, n int, a *task.Attempt) (err error) {
	out := &folder{attempt: a}
	part := s.Handover.Part(n)
	var got export.Supply
	docs := s.documents(ctx, pieces, n, &got)
	if s.Mixed {
		if docs, err = s.noted(out, part, docs); err != nil {
			return errors.Join(err, out.close())
		}
	}
	err = t.Write(out, part, docs)
	if err := errors.Join(err, out.close()); err != nil {
		return err
	}
	if got.Documents != part.Documents {
		return fmt.Errorf("write part %d: %d documents, %d were settled", n, got.Documents, part.Documents)
	}
	return nil
}

// documents are those of a part, unit by unit, in shuffled order.
func (s *settled) documents(ctx context.Context, pieces []string, n int, got *export.Supply) iter.Seq2[export.Doc, error] {
	return func(yield func(export.Doc, error) bool) {
		for unit := range s.Handover.Parts[n].Units {
			records, err := export.Gather(ctx, pieces, s.First[n]+unit)
			if err != nil {
				yield(export.Doc{}, err)
				return
			}
			for _, r := range records {
				d, err := decode(r, s.Text)
				if err == nil {
					err = ctx.Err()
				}
				d.Unit = unit
				got.Documents++
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
	}
}

// sideName is the file beside a shard of a mixed stream that says which domain
// each of its documents is of, one unsigned varint each: trainers do not read it,
// climb verify does.
func sideName(p export.Part) string {
	return fmt.Sprintf("domains/%s-%05d.bin", p.Split, p.Shard)
}

// noted writes that file while the documents go by.
func (s *settled) noted(out *folder, p export.Part, docs iter.Seq2[export.Doc, error]) (iter.Seq2[export.Doc, error], error) {
	f, err := out.Create(sideName(p))
	if err != nil {
		return nil, err
	}
	return func(yield func(export.Doc, error) bool) {
		w := bufio.NewWriter(f)
		var b [binary.MaxVarintLen64]byte
		for d, err := range docs {
			if err == nil {
				_, err = w.Write(b[:binary.PutUvarint(b[:], uint64(s.Index[d.Domain]))])
			}
			if !yield(d, err) {
				return
			}
		}
		if err := w.Flush(); err != nil {
			yield(export.Doc{}, err)
		}
	}, nil
}

// A folder is where the files of a part are outputs of a task.
type folder struct {
	attempt *task.Attempt
	files   []*task.File
}

// Create implements export.Folder.
func (f *folder) Create(name string) (io.Writer, error) {
	file, err := f.attempt.Create(name)
	if err != nil {
		return nil, err
	}
	f.files = append(f.files, file)
	return file, nil
}

func (f *folder) close() (err error) {
	for _, file := range f.files {
		err = errors.Join(err, file.Close())
	}
	return err
}
