package corpus

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// InvalidCSV is the reason of a row whose number of fields is not the header's, or
// whose quotes do not end.
const InvalidCSV = "invalid_csv"

// csv reads comma- or tab-separated values (RFC 4180): the first row names the
// fields, each other one is a document. What is not taken as text, id or source is
// carried along as strings.
func (r *reader) csv(path, compression string, _, _ int64) error {
	src, err := openRange(r.ctx, path, compression, 0, -1)
	if err != nil {
		return err
	}
	defer src.Close()
	rows := newRows(src, path, r.lines.max)
	at := BadLine{Path: path, Line: 1}
	header, _, err := rows.next()
	if err != nil {
		return r.broken(err, at)
	}
	names := make([]string, len(header))
	for i, name := range header {
		clean, _ := cleanText(name)
		names[i] = string(clean)
	}
	wanted, err := wantedColumns(names, r.o)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		at.Line, at.Offset = rows.line, rows.off
		row, reason, err := rows.next()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return r.broken(err, at)
		case reason != "":
			err = r.reject(at, reason, rows.buf, "%d bytes and more, up to line %d", len(rows.buf), rows.line)
		case len(row) == 1 && len(row[0]) == 0 && len(names) > 1:
			r.bad.Blank++
		case len(row) != len(names):
			err = r.reject(at, InvalidCSV, rows.buf, "%d fields, and the header names %d", len(row), len(names))
		default:
			err = r.csvRow(at, names, row, wanted)
		}
		if err != nil {
			return err
		}
	}
}

// wantedColumns are where the text, the id and the source are; -1 is nowhere.
func wantedColumns(names []string, o Options) (at [numFields]int, err error) {
	for f, name := range []string{o.TextField, o.IDField, o.SourceField} {
		at[f] = slices.Index(names, name)
	}
	if at[textField] < 0 {
		some := names[:min(len(names), 8)]
		return at, fmt.Errorf("has no column %q: set corpus.text_field to one of %q", o.TextField, some)
	}
	return at, nil
}

func (r *reader) csvRow(at BadLine, names []string, row [][]byte, wanted [numFields]int) error {
	d := Document{Path: at.Path, Line: at.Line, Offset: at.Offset}
	text, repaired := cleanText(row[wanted[textField]])
	d.Text = string(text)
	var rest []byte
	for i, value := range row {
		clean, bad := cleanText(value)
		switch {
		case i == wanted[textField]:
		case i == wanted[idField]:
			d.ID = string(clean)
		case i == wanted[sourceField]:
			d.Source = string(clean)
		case r.o.Fields != "drop" && len(value) > 0:
			rest = append(AppendString(append(rest, ','), names[i]), ':')
			rest, repaired = AppendString(rest, string(clean)), repaired || bad
		}
	}
	if rest != nil {
		rest[0] = '{'
		d.Fields = append(rest, '}')
	}
	return r.accept(at, d, repaired, text)
}

// csvRows cuts delimited text into rows. It holds one row of at most max bytes.
type csvRows struct {
	in    *bufio.Reader
	comma byte
	max   int
	line  int64 // 1-based, of the next row
	off   int64 // likewise
	buf   []byte
	ends  []int
	row   [][]byte
}

// newRows tells the delimiter: a tab in a file that is named .tsv, otherwise that of
// , ; | and tab which the first line has most of.
func newRows(src io.Reader, name string, max int) *csvRows {
	c := &csvRows{in: bufio.NewReaderSize(src, readAhead), comma: ',', max: max, line: 1}
	if head, _ := c.in.Peek(3); bytes.Equal(head, []byte("\ufeff")) {
		n, _ := c.in.Discard(3)
		c.off = int64(n)
	}
	if extension(name) == ".tsv" {
		c.comma = '\t'
		return c
	}
	head, _ := c.in.Peek(sniffBytes)
	first, _, _ := bytes.Cut(head, []byte("\n"))
	for _, other := range []byte(";\t|") {
		if bytes.Count(first, []byte{other}) > bytes.Count(first, []byte{c.comma}) {
			c.comma = other
		}
	}
	return c
}

// next is the next row, valid until the one after it, or the reason why it is none.
// A quote inside of a field that does not begin with one is a letter.
func (c *csvRows) next() (row [][]byte, reason string, err error) {
	c.buf, c.ends, c.row = c.buf[:0], c.ends[:0], c.row[:0]
	quoted, fresh, closed, some, long := false, true, false, false, false
	put := func(b byte) {
		if long = long || len(c.buf) >= c.max; !long {
			c.buf = append(c.buf, b)
		}
	}
	for {
		b, err := c.in.ReadByte()
		if err == io.EOF && some {
			break
		}
		if err != nil {
			return nil, "", err
		}
		c.off++
		some = true
		if b == '\n' {
			c.line++
		}
		switch {
		case quoted && b == '"':
			quoted, closed = false, true
		case quoted:
			put(b)
		case b == '"' && fresh:
			quoted, fresh = true, false
		case b == '"' && closed: // two stand for one
			put(b)
			quoted, closed = true, false
		case b == c.comma:
			c.ends = append(c.ends, len(c.buf))
			fresh, closed = true, false
			if long = long || len(c.ends) > 1<<16; long {
				c.ends = c.ends[:0]
			}
		case b == '\n':
			return c.fields(long)
		default:
			put(b)
			fresh, closed = false, false
		}
	}
	if quoted {
		return nil, InvalidCSV, nil
	}
	return c.fields(long)
}

var carriage = []byte("\r")

func (c *csvRows) fields(long bool) ([][]byte, string, error) {
	if long {
		return nil, TooLong, nil
	}
	c.buf = bytes.TrimSuffix(c.buf, carriage)
	start := 0
	for _, end := range append(c.ends, len(c.buf)) {
		end = min(end, len(c.buf))
		c.row = append(c.row, c.buf[start:end])
		start = end
	}
	return c.row, "", nil
}

var errNoText = errors.New("no field looks like text")
