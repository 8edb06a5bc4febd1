package corpus

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/wire"
)

// parquetBuffer is read at once of a column: with 8 columns, 8 MiB.
const parquetBuffer = 1 << 20

// errParquet marks damage that the Parquet library met, whatever it says.
var errParquet = errors.New("damaged Parquet")

// guarded calls the Parquet library, which may panic on damaged files.
func guarded(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errParquet, p)
		}
	}()
	return call()
}

func openParquet(file blob.File) (f *parquet.File, err error) {
	err = guarded(func() error {
		if err := wire.ParquetFooter(file, file.Info().Bytes); err != nil {
			return fmt.Errorf("%w: %w", errParquet, err)
		}
		f, err = parquet.OpenFile(file, file.Info().Bytes, &parquet.FileConfig{
			SkipPageIndex: true, SkipBloomFilters: true, ReadBufferSize: parquetBuffer, ReadMode: parquet.ReadModeSync})
		return err
	})
	return f, err
}

// groupStart is the offset of the first byte of a row group.
func groupStart(f *parquet.File, i int) int64 {
	at := int64(-1)
	for _, c := range f.Metadata().RowGroups[i].Columns {
		for _, off := range []int64{c.MetaData.DataPageOffset, c.MetaData.DictionaryPageOffset} {
			if off > 0 && (at < 0 || off < at) {
				at = off
			}
		}
	}
	return at
}

// rowGroupCuts cuts a Parquet file between row groups in ranges of at most
// most bytes, where these allow it. A row group belongs to the range that its
// first byte is in. At damage there are no cuts: the reader will meet it.
func rowGroupCuts(file blob.File, most int64) (cuts []int64, err error) {
	f, err := openParquet(file)
	if err != nil {
		if damage(err) == "" {
			return nil, err
		}
		return nil, nil
	}
	last, size := int64(0), file.Info().Bytes
	for i := 1; i < len(f.RowGroups()); i++ {
		at, end := groupStart(f, i), size
		if i+1 < len(f.RowGroups()) {
			end = groupStart(f, i+1)
		}
		if end-last > most && at > last && at < size {
			cuts, last = append(cuts, at), at
		}
	}
	return cuts, nil
}

// parquet reads the row groups of a file that begin in [start, end); end -1 is
// its end.
func (r *reader) parquet(path, _ string, start, end int64) error {
	file, err := blob.Open(r.ctx, path)
	if err != nil {
		return err
	}
	defer file.Close()
	at := BadLine{Path: path, Line: 1}
	f, err := openParquet(file)
	if err != nil {
		return r.broken(err, at)
	}
	t, err := newTable(f, r.o)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i, g := range f.RowGroups() {
		at.Offset = groupStart(f, i)
		if at.Offset >= start && (end < 0 || at.Offset < end) {
			if err := r.rowGroup(t, file, f, i, at); err != nil {
				return err
			}
		}
		at.Line += g.NumRows()
	}
	return nil
}

// rowGroup yields the documents of a row group, or counts them.
func (r *reader) rowGroup(t *table, file blob.File, f *parquet.File, group int, at BadLine) error {
	defer t.close()
	g := f.RowGroups()[group]
	if err := guarded(func() error { return errors.Join(t.open(g), t.text.open(file, f, group)) }); err != nil {
		return r.broken(err, at)
	}
	for range g.NumRows() {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		for _, c := range t.leaves {
			if err := c.next(); err != nil {
				return r.broken(noEOF(err), at)
			}
		}
		text, err := t.text.next()
		if err != nil {
			return r.broken(noEOF(err), at)
		}
		if err := r.parquetRow(t, text, at); err != nil {
			return err
		}
		at.Line++
	}
	return nil
}

func (r *reader) parquetRow(t *table, text chunkText, at BadLine) error {
	switch {
	case text.null:
		return r.reject(at, MissingText, nil, "%q is null", r.o.TextField)
	case text.tooLong:
		return r.reject(at, TooLong, []byte(text.text), "more than %d bytes", r.lines.max)
	}
	d := Document{Path: at.Path, Line: at.Line, Offset: at.Offset, Text: text.text}
	repaired := !utf8.ValidString(d.Text)
	if repaired {
		d.Text = string(repairUTF8([]byte(d.Text)))
	}
	if c := t.wanted[idField]; c != nil && !c.row[0].IsNull() {
		d.ID = c.plain()
	}
	if c := t.wanted[sourceField]; c != nil && !c.row[0].IsNull() {
		if s := c.plain(); s != r.source {
			r.source = s
		}
		d.Source = r.source
	}
	if r.o.Fields != "drop" {
		d.Fields = t.fields()
	}
	return r.accept(at, d, repaired, []byte(d.Text[:min(len(d.Text), 120)]))
}

// A table is the columns of a Parquet file that are read: those of the text,
// the id and the source, and the others as a tree.
type table struct {
	text   *textColumn        // nil of vectors
	wanted [numFields]*column // the text's is nil
	leaves []*column          // but for the text's
	root   *node
}

func newTable(file *parquet.File, o Options) (*table, error) {
	t, root := &table{}, file.Root()
	taken := map[int]bool{}
	for f, path := range []string{o.TextField, o.IDField, o.SourceField} {
		leaf, err := findColumn(root, path)
		switch {
		case err != nil && f == textField:
			return nil, err
		case err != nil: // ids and sources of another kind count as absent
			continue
		case f == textField && leaf.Type().Kind() != parquet.ByteArray:
			return nil, fmt.Errorf("column %q is %s, not text: set corpus.text_field to one of %s", path, leaf.Type(), columnNames(root))
		case taken[leaf.Index()]:
			continue
		}
		taken[leaf.Index()] = true
		if f == textField {
			t.text = &textColumn{column: newColumn(leaf), max: int(o.MaxLineBytes)}
			continue
		}
		t.wanted[f] = newColumn(leaf)
		t.leaves = append(t.leaves, t.wanted[f])
	}
	if o.Fields != "drop" {
		t.root = t.add(root, taken)
	}
	half := halfFloats(file)
	for _, c := range t.leaves {
		c.half = half[c.index]
	}
	return t, nil
}

// findColumn finds a leaf that has one value a row by its dotted path.
func findColumn(root *parquet.Column, path string) (*parquet.Column, error) {
	c := root
	for name := range strings.SplitSeq(path, ".") {
		if c = c.Column(name); c == nil {
			return nil, fmt.Errorf("has no column %q: set corpus.text_field to one of %s", path, columnNames(root))
		}
	}
	if !c.Leaf() || c.MaxRepetitionLevel() > 0 {
		return nil, fmt.Errorf("column %q is a list or a group, not one text a row: set corpus.text_field to one of %s", path, columnNames(root))
	}
	return c, nil
}

// columnNames lists the columns that could hold text.
func columnNames(root *parquet.Column) string {
	var names []string
	var visit func(c *parquet.Column)
	visit = func(c *parquet.Column) {
		if c.Leaf() && c.Type().Kind() == parquet.ByteArray && c.MaxRepetitionLevel() == 0 {
			names = append(names, strings.Join(c.Path(), "."))
		}
		for _, child := range c.Columns() {
			visit(child)
		}
	}
	visit(root)
	if len(names) == 0 {
		return "its text columns, of which there are none"
	}
	if len(names) > 8 {
		names = append(names[:8], "...")
	}
	return strings.Join(names, ", ")
}

func (t *table) open(g parquet.RowGroup) error {
	for _, c := range t.leaves {
		if err := c.open(g); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) close() {
	for _, c := range t.leaves {
		c.close()
	}
	if t.text != nil {
		t.text.close()
	}
}

// A column streams the values of one leaf, row by row.
type column struct {
	index    int
	repeated bool
	leaf     *parquet.Column
	half     bool // FLOAT16
	pages    parquet.Pages
	page     parquet.Page
	values   parquet.ValueReader
	buf      [64]parquet.Value
	at, n    int             // buf[at:n] is read and not yet used
	row      []parquet.Value // of the present row; valid until the next
	used     int             // of row, when it is written
}

func newColumn(leaf *parquet.Column) *column {
	return &column{index: leaf.Index(), repeated: leaf.MaxRepetitionLevel() > 0, leaf: leaf}
}

func (c *column) open(g parquet.RowGroup) error {
	c.pages = g.ColumnChunks()[c.index].Pages()
	c.at, c.n = 0, 0
	return nil
}

// next makes the values of the next row the present ones.
func (c *column) next() error {
	c.row, c.used = c.row[:0], 0
	for {
		if c.at == c.n {
			err := c.fill()
			if err == io.EOF && len(c.row) > 0 {
				return nil
			}
			if err != nil {
				return err
			}
		}
		v := c.buf[c.at]
		if len(c.row) > 0 && v.RepetitionLevel() == 0 {
			return nil
		}
		if c.repeated { // the row may end behind the page
			v = v.Clone()
		}
		c.row = append(c.row, v)
		c.at++
		if !c.repeated {
			return nil
		}
	}
}

// fill reads more values.
func (c *column) fill() error {
	return guarded(func() (err error) {
		c.at, c.n = 0, 0
		for c.n == 0 {
			if c.values == nil {
				if c.page != nil { // what row and buf held of it is used no more
					parquet.Release(c.page)
					c.page = nil
				}
				if c.page, err = c.pages.ReadPage(); err != nil {
					return err
				}
				c.values = c.page.Values()
			}
			if c.n, err = c.values.ReadValues(c.buf[:]); err == io.EOF {
				c.values, err = nil, nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *column) close() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	if c.pages != nil {
		c.pages.Close()
	}
	c.page, c.values, c.pages = nil, nil, nil
}
