package lm

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/vec"
)

// The safetensors format (https://github.com/huggingface/safetensors, "Format"):
// eight bytes of little-endian header length, that many bytes of JSON
// {"name": {"dtype", "shape", "data_offsets"}, ..., "__metadata__": {...}}, and
// the tensors, which must fill the rest of the file without gap or overlap.

const maxHeader = 100_000_000 // bytes; the reference implementation's limit

// An entry describes one tensor of a safetensors file. Offsets count from the
// end of the header.
type entry struct {
	Dtype   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

var dtypeBytes = map[string]int64{
	"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1,
	"U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}

// parseHeader reads and checks the header of a safetensors file of size bytes.
// It returns the entries and where the tensors begin.
func parseHeader(r io.ReaderAt, size int64) (map[string]entry, int64, error) {
	var head [8]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, 0, fmt.Errorf("safetensors: %d bytes are too few for a header", size)
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxHeader || int64(n) > size-8 {
		return nil, 0, fmt.Errorf("safetensors: header of %d bytes in a file of %d: not a safetensors file, or cut short", n, size)
	}
	text := make([]byte, n)
	if _, err := r.ReadAt(text, 8); err != nil {
		return nil, 0, fmt.Errorf("safetensors: read header: %w", err)
	}
	entries, err := decodeHeader(text)
	if err != nil {
		return nil, 0, fmt.Errorf("safetensors: header: %w", err)
	}
	if err := checkEntries(entries, size-8-int64(n)); err != nil {
		return nil, 0, fmt.Errorf("safetensors: header: %w", err)
	}
	return entries, 8 + int64(n), nil
}

// decodeHeader parses the JSON; unlike json.Unmarshal it refuses a name that
// comes twice.
func decodeHeader(text []byte) (map[string]entry, error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("does not begin with {")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	entries := map[string]entry{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := key.(string) // More and Token guarantee it inside an object
		if name == "__metadata__" {
			var m map[string]string
			if err := d.Decode(&m); err != nil {
				return nil, fmt.Errorf("__metadata__: %w", err)
			}
			continue
		}
		if _, twice := entries[name]; twice {
			return nil, fmt.Errorf("tensor %q comes twice", name)
		}
		var e entry
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		entries[name] = e
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if rest := bytes.TrimSpace(text[d.InputOffset():]); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes follow the JSON object", len(rest))
	}
	return entries, nil
}

// checkEntries verifies that shapes, types and offsets agree and that the
// tensors cover the size bytes of data exactly once.
func checkEntries(entries map[string]entry, size int64) error {
	names := slices.SortedFunc(maps.Keys(entries), func(a, b string) int {
		x, y := entries[a].Offsets, entries[b].Offsets
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), strings.Compare(a, b))
	})
	at := int64(0)
	for _, name := range names {
		e := entries[name]
		bytes, ok := dtypeBytes[e.Dtype]
		if !ok {
			return fmt.Errorf("tensor %q: unknown dtype %q", name, e.Dtype)
		}
		for _, d := range e.Shape {
			if d < 0 || d > 0 && bytes > math.MaxInt64/d {
				return fmt.Errorf("tensor %q: shape %v is impossible", name, e.Shape)
			}
			bytes *= d
		}
		if e.Offsets[0] != at || e.Offsets[1]-e.Offsets[0] != bytes || e.Offsets[1] > size {
			return fmt.Errorf("tensor %q: offsets %v do not hold a %s tensor of shape %v after byte %d of %d",
				name, e.Offsets, e.Dtype, e.Shape, at, size)
		}
		at = e.Offsets[1]
	}
	if at != size {
		return fmt.Errorf("tensors end at byte %d of %d", at, size)
	}
	return nil
}

// readFloats converts the tensor e, whose file's data begin at base, to float32.
func readFloats(dst []float32, r io.ReaderAt, base int64, e entry) error {
	in := bufio.NewReaderSize(io.NewSectionReader(r, base+e.Offsets[0], e.Offsets[1]-e.Offsets[0]), 1<<16)
	width := int(dtypeBytes[e.Dtype])
	buf := make([]byte, 1<<12*width)
	half := make([]uint16, 1<<12)
	for len(dst) > 0 {
		n := min(len(dst), 1<<12)
		if _, err := io.ReadFull(in, buf[:n*width]); err != nil {
			return err
		}
		switch e.Dtype {
		case "F32":
			for i := range n {
				dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(buf[4*i:]))
			}
		case "BF16":
			for i := range n {
				dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(buf[2*i:])) << 16)
			}
		case "F16":
			for i := range n {
				half[i] = binary.LittleEndian.Uint16(buf[2*i:])
			}
			vec.FloatFromHalf(dst[:n], half[:n])
		default:
			return fmt.Errorf("dtype %s; F32, F16 and BF16 are read", e.Dtype)
		}
		dst = dst[n:]
	}
	return nil
}

// writeTensors writes a safetensors file of float32 tensors in the order given.
func writeTensors(w io.Writer, tensors []Tensor) error {
	var head bytes.Buffer
	head.WriteString(`{"__metadata__":{"format":"pt"}`)
	at := int64(0)
	for _, t := range tensors {
		end := at + 4*int64(len(t.Data))
		shape, err := json.Marshal(t.Shape)
		if err != nil {
			return err
		}
		fmt.Fprintf(&head, `,%q:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, t.Name, shape, at, end)
		at = end
	}
	head.WriteByte('}')
	for head.Len()%8 != 0 {
		head.WriteByte(' ')
	}
	out := bufio.NewWriterSize(w, 1<<16)
	var word [8]byte
	binary.LittleEndian.PutUint64(word[:], uint64(head.Len()))
	out.Write(word[:])
	out.Write(head.Bytes())
	for _, t := range tensors {
		for _, x := range t.Data {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(x))
			out.Write(word[:4])
		}
	}
	return out.Flush() // keeps the first error of the writes above
}
