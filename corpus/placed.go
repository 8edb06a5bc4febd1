package corpus

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
)

// A Placed is what a model says of a document.
type Placed struct {
	ID       string
	Path     string
	Line     int64
	Cluster  int32
	Distance float32 // squared, from the cluster's centroid
	Domain   string  // "": none
	Pruned   string  // why the run would leave it out; "": it would not
	Scores   []float32
}

// A PlacedWriter writes documents as they come.
type PlacedWriter interface {
	Write(p *Placed) error
	Close() error // does not close what is written to
}

// NewPlacedWriter writes "jsonl", "jsonl.zst" or "parquet". names are those of the
// scores. In Parquet they are columns score_NAME; a domain or reason that is not
// there is null.
func NewPlacedWriter(w io.Writer, form string, names []string) (PlacedWriter, error) {
	switch form {
	case "jsonl":
		return newPlacedLines(w, nil, names), nil
	case "jsonl.zst":
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return newPlacedLines(z, z, names), nil
	case "parquet":
		return newPlacedTable(w, names), nil
	}
	return nil, fmt.Errorf("write documents: %q is not one of jsonl, jsonl.zst, parquet", form)
}

type placedLines struct {
	w     *bufio.Writer
	zip   io.Closer
	names [][]byte // quoted, with the colon
	line  []byte
}

func newPlacedLines(w io.Writer, zip io.Closer, names []string) *placedLines {
	l := &placedLines{w: bufio.NewWriterSize(w, 1<<16), zip: zip}
	for _, name := range names {
		l.names = append(l.names, append(AppendString(nil, name), ':'))
	}
	return l
}

func (l *placedLines) Write(p *Placed) error {
	b := AppendString(append(l.line[:0], `{"id":`...), p.ID)
	b = AppendString(append(b, `,"path":`...), p.Path)
	b = strconv.AppendInt(append(b, `,"line":`...), p.Line, 10)
	b = strconv.AppendInt(append(b, `,"cluster":`...), int64(p.Cluster), 10)
	b = strconv.AppendFloat(append(b, `,"distance":`...), float64(p.Distance), 'g', -1, 32)
	for _, f := range []struct{ key, value string }{{`,"domain":`, p.Domain}, {`,"pruned":`, p.Pruned}} {
		if b = append(b, f.key...); f.value == "" {
			b = append(b, "null"...)
		} else {
			b = AppendString(b, f.value)
		}
	}
	b = append(b, `,"scores":{`...)
	for i, name := range l.names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFloat(append(b, name...), float64(p.Scores[i]), 32)
	}
	l.line = append(b, "}}\n"...)
	_, err := l.w.Write(l.line)
	return err
}

func (l *placedLines) Close() error {
	err := l.w.Flush()
	if l.zip != nil && err == nil {
		err = l.zip.Close()
	}
	return err
}

// placedRows documents are a row group.
const placedRows = 1 << 16

type placedTable struct {
	w     *parquet.GenericWriter[any]
	at    map[string]int // columns
	names []string
	row   parquet.Row
}

func newPlacedTable(w io.Writer, names []string) *placedTable {
	text := parquet.String()
	g := parquet.Group{"id": text, "path": text, "line": parquet.Leaf(parquet.Int64Type), "cluster": parquet.Leaf(parquet.Int32Type), "distance": parquet.Leaf(parquet.FloatType),
		"domain": parquet.Optional(parquet.Encoded(text, &parquet.RLEDictionary)), "pruned": parquet.Optional(parquet.Encoded(text, &parquet.RLEDictionary))}
	for _, name := range names {
		g["score_"+name] = parquet.Leaf(parquet.FloatType)
	}
	schema := parquet.NewSchema("assigned", g)
	t := &placedTable{names: names, at: map[string]int{},
		w: parquet.NewGenericWriter[any](w, schema, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(placedRows), parquet.CreatedBy("climb", "", ""))}
	for i, path := range schema.Columns() {
		t.at[path[0]] = i
	}
	t.row = make(parquet.Row, len(t.at))
	return t
}

func (t *placedTable) set(name string, v parquet.Value, defined int) {
	i := t.at[name]
	t.row[i] = v.Level(0, defined, i)
}

func (t *placedTable) Write(p *Placed) error {
	t.set("id", parquet.ValueOf(p.ID), 0)
	t.set("path", parquet.ValueOf(p.Path), 0)
	t.set("line", parquet.ValueOf(p.Line), 0)
	t.set("cluster", parquet.ValueOf(p.Cluster), 0)
	t.set("distance", parquet.ValueOf(p.Distance), 0)
	for name, text := range map[string]string{"domain": p.Domain, "pruned": p.Pruned} {
		if text == "" {
			t.set(name, parquet.NullValue(), 0)
		} else {
			t.set(name, parquet.ValueOf(text), 1)
		}
	}
	for i, name := range t.names {
		t.set("score_"+name, parquet.ValueOf(p.Scores[i]), 0)
	}
	_, err := t.w.WriteRows([]parquet.Row{slices.Clone(t.row)})
	return err
}

func (t *placedTable) Close() error { return t.w.Close() }
