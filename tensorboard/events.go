// Package tensorboard writes event files, which TensorBoard reads: scalars over
// steps, and the hyper-parameters of runs. A file goes on where it ends: after a
// kill at any moment what is half written is cut off, and what is there is not
// written again.
package tensorboard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// A file is a row of records (TFRecord): the length of the data as 8 bytes, the
// masked checksum of these, the data, its masked checksum; numbers little-endian.
// The data is a message Event of TensorFlow's event.proto.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is CRC-32C, turned by 15 bits and moved, so that the checksum of data that
// has checksums in it is sound (TensorFlow's lib/hash/crc32c.h).
func masked(data []byte) uint32 {
	c := crc32.Checksum(data, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

const (
	recordHead = 12      // bytes before the data
	recordTail = 4       // and after it
	mostRecord = 1 << 26 // bytes of data; what is longer is damage
)

// appendRecord frames data.
func appendRecord(dst, data []byte) []byte {
	at := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(len(data)))
	dst = binary.LittleEndian.AppendUint32(dst, masked(dst[at:at+8]))
	dst = append(dst, data...)
	return binary.LittleEndian.AppendUint32(dst, masked(data))
}

var errTorn = errors.New("the record is not whole")

// nextRecord is the data of the first record of file, and what follows it.
func nextRecord(file []byte) (data, rest []byte, err error) {
	if len(file) < recordHead {
		return nil, nil, errTorn
	}
	n := binary.LittleEndian.Uint64(file)
	if binary.LittleEndian.Uint32(file[8:]) != masked(file[:8]) || n > mostRecord {
		return nil, nil, errors.New("the checksum of a record's length is wrong")
	}
	if uint64(len(file)) < recordHead+n+recordTail {
		return nil, nil, errTorn
	}
	data = file[recordHead : recordHead+n]
	if binary.LittleEndian.Uint32(file[recordHead+n:]) != masked(data) {
		return nil, nil, errors.New("the checksum of a record is wrong")
	}
	return data, file[recordHead+n+recordTail:], nil
}

// Kinds of protobuf's fields.
const (
	varint  = 0
	fixed64 = 1
	bytesOf = 2
	fixed32 = 5
)

// A message is protobuf being written: fields in the order of the calls.
type message []byte

func (m message) key(field, kind int) message { return binary.AppendUvarint(m, uint64(field<<3|kind)) }

func (m message) int(field int, x int64) message {
	return binary.AppendUvarint(m.key(field, varint), uint64(x))
}

func (m message) double(field int, x float64) message {
	return binary.LittleEndian.AppendUint64(m.key(field, fixed64), math.Float64bits(x))
}

func (m message) float(field int, x float32) message {
	return binary.LittleEndian.AppendUint32(m.key(field, fixed32), math.Float32bits(x))
}

func (m message) bytes(field int, x []byte) message {
	return append(binary.AppendUvarint(m.key(field, bytesOf), uint64(len(x))), x...)
}

func (m message) text(field int, x string) message { return m.bytes(field, []byte(x)) }

// eachField calls f with every field of a message: its number, and the value of a
// varint or a fixed one, or the bytes.
func eachField(m []byte, f func(field int, x uint64, b []byte) error) error {
	bad := errors.New("the record is no protobuf message")
	for len(m) > 0 {
		key, n := binary.Uvarint(m)
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29 {
			return bad
		}
		m = m[n:]
		var x uint64
		var b []byte
		switch key & 7 {
		case varint:
			if x, n = binary.Uvarint(m); n <= 0 {
				return bad
			}
		case fixed64:
			if n = 8; len(m) >= n {
				x = binary.LittleEndian.Uint64(m)
			}
		case fixed32:
			if n = 4; len(m) >= n {
				x = uint64(binary.LittleEndian.Uint32(m))
			}
		case bytesOf:
			size, k := binary.Uvarint(m)
			if k <= 0 || size > uint64(len(m)-k) {
				return bad
			}
			b, n = m[k:k+int(size)], k+int(size)
		default:
			return bad
		}
		if n > len(m) {
			return bad
		}
		if err := f(int(key>>3), x, b); err != nil {
			return err
		}
		m = m[n:]
	}
	return nil
}

// An event is what is read back of a message Event: what says where a file ends.
type event struct {
	wall    float64
	step    int64
	version string
	values  []value
}

// A value is that of a tag: a number, or what a plugin has.
type value struct {
	tag    string
	number float64 // NaN if it has none
	plugin string
}

func parseEvent(data []byte) (e event, err error) {
	err = eachField(data, func(field int, x uint64, b []byte) error {
		switch field {
		case 1:
			e.wall = math.Float64frombits(x)
		case 2:
			e.step = int64(x)
		case 3:
			e.version = string(b)
		case 5: // Summary
			return eachField(b, func(field int, _ uint64, b []byte) error {
				if field != 1 {
					return nil
				}
				v, err := parseValue(b)
				e.values = append(e.values, v)
				return err
			})
		}
		return nil
	})
	return e, err
}

func parseValue(data []byte) (value, error) {
	v := value{number: math.NaN()}
	err := eachField(data, func(field int, x uint64, b []byte) error {
		switch field {
		case 1:
			v.tag = string(b)
		case 2:
			v.number = float64(math.Float32frombits(uint32(x)))
		case 9: // SummaryMetadata, its PluginData, the name
			return eachField(b, func(field int, _ uint64, b []byte) error {
				if field != 1 {
					return nil
				}
				return eachField(b, func(field int, _ uint64, b []byte) error {
					if field == 1 {
						v.plugin = string(b)
					}
					return nil
				})
			})
		}
		return nil
	})
	return v, err
}

// events reads the whole records of a file, and says where the last one ends. A
// file that begins otherwise is no event file.
func events(file []byte) (out []event, end int64, err error) {
	for rest := file; len(rest) > 0; end = int64(len(file) - len(rest)) {
		data, after, err := nextRecord(rest)
		if err != nil {
			break // a record that was being written when the power went; what follows it cannot be found
		}
		e, err := parseEvent(data)
		if err != nil {
			break
		}
		if len(out) == 0 && e.version != fileVersion {
			return nil, 0, fmt.Errorf("want an event file of version %s, not %q", fileVersion, e.version)
		}
		out, rest = append(out, e), after
	}
	if n := min(len(file), recordHead); len(out) == 0 && !bytes.Equal(file[:n], firstHead[:n]) {
		return nil, 0, errors.New("this is no event file")
	}
	return out, end, nil
}

const fileVersion = "brain.Event:2"

// firstHead is how every file of ours begins: the length of the event that says the
// version.
var firstHead = appendRecord(nil, message(nil).double(1, 0).text(3, fileVersion))[:recordHead]
