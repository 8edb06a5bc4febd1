package corpus

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(rapid.IntRange(0, 500)).Draw(t, "rows")
		var r Rows
		for _, row := range list {
			r.Add(row)
		}
		slices.Sort(list)
		list = slices.Compact(list)
		b, err := r.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var back Rows
		if err := back.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if got := slices.Collect(back.All()); !slices.Equal(got, list) || back.Len() != len(list) {
			t.Fatalf("got %v, want %v", got, list)
		}
		for row := range 600 {
			if _, want := slices.BinarySearch(list, row); back.Has(row) != want {
				t.Fatalf("Has(%d) is %v", row, !want)
			}
		}
		if len(list) > 0 && new(Rows).UnmarshalBinary(b[:len(b)-1]) == nil {
			t.Fatal("a truncated file is accepted")
		}
	})
	var none *Rows
	if none.Has(0) || none.Len() != 0 || len(slices.Collect(none.All())) != 0 {
		t.Error("a nil set is not empty")
	}
}

func FuzzRows(f *testing.F) {
	var some Rows
	for _, row := range []int{0, 15, 64} {
		some.Add(row)
	}
	b, _ := some.MarshalBinary()
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Add([]byte(rowsMagic))
	f.Add([]byte("climbrow\x03\x00\x8d\x8d\x8d\x8d\x0e ")) // a gap of 3.7e9
	f.Fuzz(func(t *testing.T, b []byte) {
		var r, again Rows
		if len(b) > 64 || r.UnmarshalBinary(b) != nil {
			return
		}
		out, _ := r.MarshalBinary()
		if err := again.UnmarshalBinary(out); err != nil || !slices.Equal(slices.Collect(r.All()), slices.Collect(again.All())) {
			t.Fatalf("%x comes back as %x: %v", b, out, err)
		}
	})
}

func TestSkipNumbersAgain(t *testing.T) {
	fault := errors.New("fault")
	var docs iter.Seq2[Document, error] = func(yield func(Document, error) bool) {
		for i := range 6 {
			if !yield(Document{Row: i, Line: int64(i)}, nil) {
				return
			}
		}
		yield(Document{}, fault)
	}
	var drop Rows
	drop.Add(0)
	drop.Add(3)
	var lines []int64
	var last error
	for d, err := range Skip(docs, &drop) {
		if last = err; err != nil {
			break
		}
		if d.Row != len(lines) {
			t.Errorf("row %d, want %d", d.Row, len(lines))
		}
		lines = append(lines, d.Line)
	}
	if !slices.Equal(lines, []int64{1, 2, 4, 5}) || last != fault {
		t.Errorf("lines %v, then %v", lines, last)
	}
}
