package corpus

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/climb-go/climb/vec"
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

// halfFloats are the leaves that are FLOAT16, which the library does not tell.
func halfFloats(file *parquet.File) map[int]bool {
	half, leaf := map[int]bool{}, 0
	for _, e := range file.Metadata().Schema {
		if e.Type.Valid { // groups have none
			_, half[leaf] = e.LogicalType.Value.(*format.Float16Type)
			leaf++
		}
	}
	return half
}

// plain is the present value as the text of an id: a string without its quotes.
func (c *column) plain() string {
	v := c.row[0]
	if v.Kind() == parquet.ByteArray && c.isText(v.ByteArray()) {
		return string(v.ByteArray())
	}
	out, text := c.append(nil, v), ""
	if out[0] == '"' && json.Unmarshal(out, &text) == nil {
		return text
	}
	return string(out)
}

// isText says whether bytes of a column are text: the column says so, or it says
// nothing, as old writers do, and they are UTF-8.
func (c *column) isText(b []byte) bool {
	switch logical(c.leaf).(type) {
	case *format.StringType, *format.EnumType, *format.JsonType, nil:
		return utf8.Valid(b)
	}
	return false
}

// append writes a value as JSON: dates and times as in RFC 3339, decimals as numbers,
// UUIDs in their text form (RFC 9562), intervals as durations of ISO 8601, what has no
// number in JSON as null, and bytes that are not text in base64 (RFC 4648), as
// encoding/json does. A MAP is a list of objects with key and value.
func (c *column) append(dst []byte, v parquet.Value) []byte {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, v.Boolean())
	case parquet.Int32, parquet.Int64:
		return c.appendInt(dst, v)
	case parquet.Int96:
		return appendJulian(dst, v.Int96())
	case parquet.Float:
		return appendFloat(dst, float64(v.Float()), 32)
	case parquet.Double:
		return appendFloat(dst, v.Double(), 64)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return c.appendBytes(dst, v.ByteArray())
	}
	return append(dst, "null"...)
}

func appendFloat(dst []byte, x float64, bits int) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, x, 'g', -1, bits)
}

// appendJulian writes a time as Impala and Spark keep it in INT96: nanoseconds of the
// day, and the number of the Julian day.
func appendJulian(dst []byte, t deprecated.Int96) []byte {
	const epoch = 2440588 // 1970-01-01
	at := time.Unix((int64(t[2])-epoch)*86400, t.Int64())
	return append(at.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
}

func (c *column) appendBytes(dst, b []byte) []byte {
	switch l := logical(c.leaf).(type) {
	case *format.DecimalType:
		return appendDecimal(dst, twosComplement(b), l.Scale)
	case *format.UUIDType:
		if len(b) == 16 {
			return fmt.Appendf(dst, "\"%x-%x-%x-%x-%x\"", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
		}
	}
	if c.half && len(b) == 2 {
		var x [1]float32
		vec.FloatFromHalf(x[:], []uint16{binary.LittleEndian.Uint16(b)})
		return appendFloat(dst, float64(x[0]), 32)
	}
	if t := c.leaf.Type().ConvertedType(); t != nil && *t == deprecated.Interval && len(b) == 12 {
		number := func(i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
		return fmt.Appendf(dst, "\"P%dM%dDT%d.%03dS\"", number(0), number(4), number(8)/1000, number(8)%1000)
	}
	if c.isText(b) {
		return AppendString(dst, string(b))
	}
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
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
		return append(unixTime(x, l.Unit).AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	case *format.TimeType:
		return append(unixTime(x, l.Unit).AppendFormat(append(dst, '"'), "15:04:05.999999999"), '"')
	case *format.IntType:
		if !l.IsSigned && v.Kind() == parquet.Int32 {
			return strconv.AppendUint(dst, uint64(uint32(x)), 10)
		} else if !l.IsSigned {
			return strconv.AppendUint(dst, uint64(x), 10)
		}
	}
	return strconv.AppendInt(dst, x, 10)
}

// unixTime is x units after 1970.
func unixTime(x int64, unit format.TimeUnit) time.Time {
	switch unit.Value.(type) {
	case *format.MicroSeconds:
		return time.UnixMicro(x).UTC()
	case *format.NanoSeconds:
		return time.Unix(0, x).UTC()
	}
	return time.UnixMilli(x).UTC()
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
