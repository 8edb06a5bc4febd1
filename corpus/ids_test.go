package corpus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The index is the same however little memory sorting has, and finds every id.
func TestIDIndex(t *testing.T) {
	const n = 1000
	t.Setenv("TMPDIR", t.TempDir())
	var want []byte
	for _, most := range []int{1 << 20, n, 7} {
		s := NewIDSorter(context.Background(), most)
		for i := range n {
			if err := s.Add(fmt.Sprint("id ", i), int64(i)<<30); err != nil {
				t.Fatal(err)
			}
		}
		var b bytes.Buffer
		if err := errors.Join(s.Write(&b), s.Close()); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = b.Bytes()
		} else if !bytes.Equal(want, b.Bytes()) {
			t.Errorf("%d entries in memory give another index", most)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("%d temporary files are left, %v", len(left), err)
	}
	path := filepath.Join(t.TempDir(), "index")
	if err := os.WriteFile(path, want, 0o666); err != nil {
		t.Fatal(err)
	}
	x, err := OpenIDIndex(path)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for i := range n + 1 {
		row, ok, err := x.Find(fmt.Sprint("id ", i))
		if err != nil || ok != (i < n) || ok && row != int64(i)<<30 {
			t.Fatalf("id %d: row %d, %v, %v", i, row, ok, err)
		}
	}
	if err := os.WriteFile(path, want[:99], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenIDIndex(path); err == nil {
		t.Error("an index that was cut short is opened")
	}
}

func TestRepeatedID(t *testing.T) {
	s := NewIDSorter(context.Background(), 2)
	defer s.Close()
	for i, id := range []string{"a", "b", "c", "d", "b"} {
		if err := s.Add(id, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	var twice *RepeatedID
	if err := s.Write(&bytes.Buffer{}); !errors.As(err, &twice) || *twice != (RepeatedID{1, 4}) {
		t.Errorf("%v", err)
	}
}
