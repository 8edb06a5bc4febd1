package corpus

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// A node is a column or a group of columns as it is written in JSON. The
// levels are those of Dremel (Melnik et al. 2010): a value whose definition
// level is below def says that the node is null, or empty if it is repeated;
// one whose repetition level is rep begins another item.
type node struct {
	key      string // quoted, with its colon
	def, rep int
	optional bool
	repeated bool
	list     bool    // a LIST or MAP, a group around a repeated one, written as that
	bare     bool    // the repeated group of a LIST, written as its only child
	first    *column // of the leaves below
	column   *column // of a leaf
	children []*node
}

// add makes the nodes of the columns that are not taken; nil if there are none.
func (t *table) add(c *parquet.Column, taken map[int]bool) *node {
	n := &node{key: string(AppendString(nil, c.Name())) + ":", def: c.MaxDefinitionLevel(), rep: c.MaxRepetitionLevel(),
		optional: c.Optional(), repeated: c.Repeated()}
	if c.Leaf() {
		if taken[c.Index()] {
			return nil
		}
		n.column = newColumn(c)
		n.first = n.column
		t.leaves = append(t.leaves, n.column)
		return n
	}
	for _, child := range c.Columns() {
		if m := t.add(child, taken); m != nil {
			n.children = append(n.children, m)
		}
	}
	if len(n.children) == 0 {
		return nil
	}
	n.first = n.children[0].first
	if kind := collection(c); kind != "" && len(n.children) == 1 && n.children[0].repeated {
		n.list = true
		n.children[0].bare = kind == "LIST" && len(n.children[0].children) == 1
	}
	return n
}

// collection is "LIST" or "MAP" where a group is one, also in the files of
// writers that say so the old way.
func collection(c *parquet.Column) string {
	switch logical(c).(type) {
	case *format.ListType:
		return "LIST"
	case *format.MapType:
		return "MAP"
	}
	if t := c.Type().ConvertedType(); t != nil {
		return map[deprecated.ConvertedType]string{deprecated.List: "LIST", deprecated.Map: "MAP"}[*t]
	}
	return ""
}

// logical is what the values of a column mean, nil if that is not said.
func logical(c *parquet.Column) format.LogicalTypeValue {
	if l := c.Type().LogicalType(); l != nil {
		return l.Value
	}
	return nil
}

// fields is the present row of the columns that are not taken, as an object;
// nil if all are null.
func (t *table) fields() json.RawMessage {
	if t.root == nil {
		return nil
	}
	out := []byte{'{'}
	for _, child := range t.root.children {
		if child.optional && child.missing() {
			child.pass()
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = child.append(append(out, child.key...))
	}
	if len(out) == 1 {
		return nil
	}
	return append(out, '}')
}

func (n *node) missing() bool { return n.first.peek().DefinitionLevel() < n.def }

func (c *column) peek() parquet.Value { return c.row[c.used] }

// pass leaves out one value of every leaf below.
func (n *node) pass() {
	if n.column != nil {
		n.column.used++
	}
	for _, child := range n.children {
		child.pass()
	}
}

// append writes the next value of the node.
func (n *node) append(dst []byte) []byte {
	switch {
	case n.repeated && n.missing():
		n.pass()
		return append(dst, "[]"...)
	case n.repeated:
		dst = append(dst, '[')
		for {
			dst = n.item(dst)
			if n.first.used == len(n.first.row) || n.first.peek().RepetitionLevel() != n.rep {
				return append(dst, ']')
			}
			dst = append(dst, ',')
		}
	case n.optional && n.missing():
		n.pass()
		return append(dst, "null"...)
	}
	return n.item(dst)
}

// item writes one value of the node, which is there.
func (n *node) item(dst []byte) []byte {
	switch {
	case n.column != nil:
		dst = n.column.append(dst, n.column.peek())
		n.column.used++
		return dst
	case n.list || n.bare:
		return n.children[0].append(dst)
	}
	for i, child := range n.children {
		c := byte(',')
		if i == 0 {
			c = '{'
		}
		dst = child.append(append(append(dst, c), child.key...))
	}
	return append(dst, '}')
}

// plain is the present value as the text of an id.
func (c *column) plain() string {
	v := c.row[0]
	if k := v.Kind(); k == parquet.ByteArray || k == parquet.FixedLenByteArray {
		if b := v.ByteArray(); utf8.Valid(b) {
			return string(b)
		}
		return string(repairUTF8(v.ByteArray()))
	}
	return string(c.append(nil, v))
}

// append writes a value as JSON: times as RFC 3339, decimals as numbers, what
// has no number in JSON as null, and bytes of a fixed length as their text form. A MAP is a list of
// objects with key and value.
func (c *column) append(dst []byte, v parquet.Value) []byte {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, v.Boolean())
	case parquet.Int32, parquet.Int64:
		return c.appendInt(dst, v)
	case parquet.Float, parquet.Double:
		x, bits := v.Double(), 64
		if v.Kind() == parquet.Float {
			x, bits = float64(v.Float()), 32
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return append(dst, "null"...)
		}
		return strconv.AppendFloat(dst, x, 'g', -1, bits)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if d, ok := logical(c.leaf).(*format.DecimalType); ok {
			return appendDecimal(dst, twosComplement(v.ByteArray()), d.Scale)
		}
		if v.Kind() == parquet.FixedLenByteArray {
			return AppendString(dst, v.String())
		}
		return AppendString(dst, string(v.ByteArray()))
	}
	if v.IsNull() {
		return append(dst, "null"...)
	}
	return AppendString(dst, v.String())
}

func (c *column) appendInt(dst []byte, v parquet.Value) []byte {
	x := v.Int64()
	if v.Kind() == parquet.Int32 {
		x = int64(v.Int32())
	}
	switch l := logical(c.leaf).(type) {
	case *format.DecimalType:
		return appendDecimal(dst, big.NewInt(x), l.Scale)
	case *format.DateType:
		return append(time.Unix(x*86400, 0).UTC().AppendFormat(append(dst, '"'), time.DateOnly), '"')
	case *format.TimestampType:
		at := time.UnixMilli(x)
		switch l.Unit.Value.(type) {
		case *format.MicroSeconds:
			at = time.UnixMicro(x)
		case *format.NanoSeconds:
			at = time.Unix(0, x)
		}
		return append(at.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	case *format.IntType:
		if !l.IsSigned && v.Kind() == parquet.Int32 {
			return strconv.AppendUint(dst, uint64(uint32(x)), 10)
		} else if !l.IsSigned {
			return strconv.AppendUint(dst, uint64(x), 10)
		}
	}
	return strconv.AppendInt(dst, x, 10)
}

// twosComplement is the big-endian number of a decimal's bytes.
func twosComplement(b []byte) *big.Int {
	x := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return x
}

// appendDecimal writes x / 10^scale.
func appendDecimal(dst []byte, x *big.Int, scale int32) []byte {
	return append(dst, new(big.Rat).SetFrac(x, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)).FloatString(int(scale))...)
}
