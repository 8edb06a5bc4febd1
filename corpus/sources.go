package corpus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// MostSources bounds the names that Sources keeps; later ones are counted under
// OtherSources.
const MostSources = 1000

// OtherSources stands for the sources that came after the first 1000.
const OtherSources = "(other)"

// Sources are the sources of the documents of a shard, in order, kept as runs
// of equal ones.
type Sources struct {
	names []string
	index map[string]int
	runs  []sourceRun
}

// A sourceRun is a stretch of documents of one source.
type sourceRun struct{ source, count int }

func (s *Sources) add(source string) {
	if s.index == nil {
		s.index = map[string]int{}
	}
	i, ok := s.index[source]
	if !ok && len(s.names) >= MostSources {
		source = OtherSources
		i, ok = s.index[source]
	}
	if !ok {
		i = len(s.names)
		s.names = append(s.names, source)
		s.index[source] = i
	}
	if n := len(s.runs); n > 0 && s.runs[n-1].source == i {
		s.runs[n-1].count++
		return
	}
	s.runs = append(s.runs, sourceRun{i, 1})
}

// All yields the source of each document, by row.
func (s *Sources) All() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		row := 0
		for _, r := range s.runs {
			for range r.count {
				if !yield(row, s.names[r.source]) {
					return
				}
				row++
			}
		}
	}
}

const sourcesMagic = "climbsrc"

// MarshalBinary writes the 8 bytes "climbsrc", the number of names, each name
// with its length before it, the number of runs, and for each run the number of
// its name and its documents, all numbers as unsigned varints.
func (s *Sources) MarshalBinary() ([]byte, error) {
	out := binary.AppendUvarint([]byte(sourcesMagic), uint64(len(s.names)))
	for _, name := range s.names {
		out = append(binary.AppendUvarint(out, uint64(len(name))), name...)
	}
	out = binary.AppendUvarint(out, uint64(len(s.runs)))
	for _, r := range s.runs {
		out = binary.AppendUvarint(binary.AppendUvarint(out, uint64(r.source)), uint64(r.count))
	}
	return out, nil
}

// UnmarshalBinary reads what MarshalBinary wrote.
func (s *Sources) UnmarshalBinary(data []byte) error {
	*s = Sources{}
	if len(data) < len(sourcesMagic) || string(data[:len(sourcesMagic)]) != sourcesMagic {
		return errors.New("not a file of sources")
	}
	data = data[len(sourcesMagic):]
	bad := false
	number := func(most uint64) int {
		x, k := binary.Uvarint(data)
		if bad = bad || k <= 0 || x > most; bad {
			return 0
		}
		data = data[k:]
		return int(x)
	}
	for n := number(uint64(len(data))); n > 0 && !bad; n-- {
		if size := number(uint64(len(data))); size <= len(data) {
			s.names, data = append(s.names, string(data[:size])), data[size:]
		} else {
			bad = true
		}
	}
	for n := number(uint64(len(data))); n > 0 && !bad; n-- {
		r := sourceRun{number(MostSources), number(maxRows)}
		if bad = bad || r.source >= len(s.names); !bad {
			s.runs = append(s.runs, r)
		}
	}
	if bad || len(data) > 0 {
		return fmt.Errorf("a file of sources is damaged or truncated, %d bytes before its end", len(data))
	}
	return nil
}
