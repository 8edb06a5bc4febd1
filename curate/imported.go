package curate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

// importedVectors is import.json, an output of the vectorizer stage. The vectors
// of all files are in import.npy beside it and, if they are joined by ids, the
// index from ids to rows in import.ids.
type importedVectors struct {
	Dim   int            `json:"dim"`
	Rows  int64          `json:"rows"`
	ByID  bool           `json:"by_id"`
	Files []importedFile `json:"files"`
}

var importedFiles = stage.File[importedVectors]{Stage: vectorizer, Name: "import.json"}

const (
	importedName = "import.npy"
	importedIDs  = "import.ids"
)

// importedFile is a file that vectors came from, in the order of import.npy.
type importedFile struct {
	Path string `json:"path"`
	Rows int64  `json:"rows"`
}

// place names the file and the row there, from 0, of a row of import.npy.
func (v *importedVectors) place(row int64) string {
	for _, f := range v.Files {
		if row < f.Rows {
			return fmt.Sprintf("%s, row %d", f.Path, row)
		}
		row -= f.Rows
	}
	return fmt.Sprintf("row %d past the last file", row)
}

// importStamps lists the files of vectors and how they are now.
func importStamps(o embedding.Import) ([]task.FileStamp, error) {
	files, err := corpus.VectorFiles(o.Files)
	if err == nil && len(files) == 0 {
		err = errors.New("is empty; name the .npy or Parquet files, or folders of them, that hold the vectors")
	}
	stamps := make([]task.FileStamp, len(files))
	for i := range files {
		if err == nil {
			stamps[i], err = task.Stamp(files[i])
		}
	}
	if err != nil {
		return nil, &option.ConfigError{Text: fmt.Sprintf("embed.import.files: %v", err)}
	}
	return stamps, nil
}

// An importer gathers the vectors of all files.
type importer struct {
	importedVectors
	options embedding.Import
	npy     *vec.NPYWriter
	ids     *corpus.IDSorter
	row     []float32
}

// importVectors reads the files once, and checks what can be checked without
// the documents' ids.
func importVectors(ctx context.Context, p *task.Plan, o embedding.Import, files []task.FileStamp, a *task.Attempt) (err error) {
	scan, err := scanReport.Read(p)
	if err != nil {
		return err
	}
	out, err := a.Create(importedName)
	if err != nil {
		return err
	}
	m := &importer{options: o, ids: corpus.NewIDSorter(ctx, o.SortRows)}
	defer func() { err = errors.Join(err, m.ids.Close()) }()
	for _, stamp := range files {
		if err := stamp.Check(); err != nil {
			return task.Permanent(err)
		}
		m.Files = append(m.Files, importedFile{Path: stamp.Path})
		for v, err := range corpus.ReadVectors(ctx, stamp.Path, m.options.VectorField, m.options.IDField) {
			if err == nil {
				err = m.add(out, v)
			}
			if err != nil {
				return fmt.Errorf("embed.import: %w", err)
			}
		}
	}
	switch {
	case m.Rows == 0:
		return task.Permanent(errors.New("embed.import: the files hold no vector"))
	case !m.ByID && m.Rows != scan.Documents:
		return task.Permanent(fmt.Errorf("embed.import: the files hold %d vectors, and the corpus has %d documents, after %d duplicates and %d bad lines were left out: add ids to the files (column %q of Parquet, X.ids beside X.npy), or set corpus.dedup: none",
			m.Rows, scan.Documents, scan.Counts.Duplicates+scan.Near.Duplicates, scan.Bad.Dropped(), m.options.IDField))
	}
	if err := errors.Join(m.npy.Close(), out.Close()); err != nil {
		return err
	}
	if err := m.writeIndex(a); err != nil {
		return err
	}
	a.Count("vectors", m.Rows)
	return importedFiles.Write(a, &m.importedVectors)
}

// add takes the next vector of the last file.
func (m *importer) add(out *task.File, v corpus.Vector) (err error) {
	f := &m.Files[len(m.Files)-1]
	byID := v.HasID && m.options.Join != "order"
	if m.npy == nil {
		m.Dim, m.ByID, m.row = len(v.X), byID, make([]float32, len(v.X))
		if m.Dim == 0 {
			return task.Permanent(fmt.Errorf("%s, row 0: the vector is empty", f.Path))
		}
		if m.npy, err = vec.NewNPYWriter(out, "<f2", m.Dim); err != nil {
			return err
		}
	}
	if byID != m.ByID {
		return task.Permanent(fmt.Errorf("%s and %s: one has ids and the other has none; give both ids, or set join: order", m.Files[0].Path, f.Path))
	}
	if err := m.options.Row(m.row, v.X); err != nil {
		return task.Permanent(fmt.Errorf("%s, row %d: %w", f.Path, f.Rows, err))
	}
	if byID {
		if err := m.ids.Add(v.ID, m.Rows); err != nil {
			return err
		}
	}
	f.Rows, m.Rows = f.Rows+1, m.Rows+1
	return m.npy.WriteFloats(m.row)
}

func (m *importer) writeIndex(a *task.Attempt) error {
	if !m.ByID {
		return nil
	}
	f, err := a.Create(importedIDs)
	if err != nil {
		return err
	}
	err = m.ids.Write(f)
	var twice *corpus.RepeatedID
	if errors.As(err, &twice) {
		err = task.Permanent(fmt.Errorf("embed.import: the same id is at %s and at %s; keep one of them", m.place(twice.First), m.place(twice.Second)))
	}
	return errors.Join(err, f.Close())
}

// A lookup finds the vectors of documents in what importVectors wrote.
type lookup struct {
	importedVectors
	npy  *vec.NPYReader
	ids  *corpus.IDIndex
	next int64 // row of the next document, if not by id
}

// openLookup is for the documents of one shard, in their order.
func openLookup(p *task.Plan, shard int) (*lookup, error) {
	imported, err := importedFiles.Read(p)
	if err != nil {
		return nil, err
	}
	scan, err := scanReport.Read(p)
	if err != nil {
		return nil, err
	}
	dir, l := p.Input(vectorizer), &lookup{importedVectors: *imported}
	for _, rows := range scan.Rows[:shard] {
		l.next += rows
	}
	if l.npy, err = vec.OpenNPY(filepath.Join(dir, importedName)); err != nil {
		return nil, err
	}
	if l.ByID {
		if l.ids, err = corpus.OpenIDIndex(filepath.Join(dir, importedIDs)); err != nil {
			return nil, errors.Join(err, l.npy.Close())
		}
	}
	return l, nil
}

// embed writes the vectors of docs to dst.
func (l *lookup) embed(dst []float32, docs []corpus.Document) error {
	for i, d := range docs {
		row := l.next
		l.next++
		if l.ByID {
			var ok bool
			var err error
			if row, ok, err = l.ids.Find(d.ID); err != nil {
				return err
			} else if !ok {
				return task.Permanent(fmt.Errorf("embed.import: no vector has the id %q of the document at %s:%d; compute it, or set join: order if the vectors are in the order of the documents", d.ID, d.Path, d.Line))
			}
		}
		if err := l.npy.SeekRow(int(row)); err != nil {
			return err
		}
		if _, err := l.npy.ReadFloats(dst[i*l.Dim : (i+1)*l.Dim]); err != nil {
			return err
		}
	}
	return nil
}

func (l *lookup) close() error {
	err := l.npy.Close()
	if l.ids != nil {
		err = errors.Join(err, l.ids.Close())
	}
	return err
}

// uniqueIDs refuses documents that share an id where vectors are found by ids: all but
// one would have the vector of another text.
func uniqueIDs(p *task.Plan, sortRows int) (err error) {
	imported, err := importedFiles.Read(p)
	if err != nil || !imported.ByID {
		return err
	}
	s := corpus.NewIDSorter(context.Background(), sortRows)
	defer func() { err = errors.Join(err, s.Close()) }()
	for n := range p.Tasks {
		for row, id := range embeddedIDs(p, n, &err) {
			if err := s.Add(id, int64(n)<<32|int64(row)); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	var twice *corpus.RepeatedID
	if err = s.Write(io.Discard); !errors.As(err, &twice) {
		return err
	}
	err = nil
	for row, id := range embeddedIDs(p, int(twice.First>>32), &err) {
		if int64(row) == twice.First&(1<<32-1) {
			return task.Permanent(fmt.Errorf("embed.import: the id %q is that of two documents (%s, rows %d and %s, %d): make the ids unique, name another field in corpus.id_field, set corpus.dedup: id if the texts are the same, or join: order if the vectors are in the order of the documents",
				id, idsOf.Name(int(twice.First>>32)), row, idsOf.Name(int(twice.Second>>32)), twice.Second&(1<<32-1)))
		}
	}
	return errors.Join(err, twice)
}

// embeddedIDs are the ids of the documents of a task of the embed stage.
func embeddedIDs(p *task.Plan, n int, err *error) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		f, e := os.Open(idsOf.Path(p, n))
		if e != nil {
			*err = e
			return
		}
		defer f.Close()
		in := bufio.NewReaderSize(f, 1<<16)
		for row := 0; ; row++ {
			line, e := in.ReadString('\n')
			if e == io.EOF && line == "" {
				return
			}
			line = strings.TrimSuffix(line, "\n")
			id, e := strconv.Unquote(line)
			if e != nil && json.Unmarshal([]byte(line), &id) != nil { // those of others are JSON
				*err = fmt.Errorf("read %s, line %d: %w", f.Name(), row+1, e)
				return
			}
			if !yield(row, id) {
				return
			}
		}
	}
}
