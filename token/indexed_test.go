package token

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// goldenDocs are the documents of the files that Megatron's own writer made.
var goldenDocs = [][]uint32{{5, 6, 7, 50256}, {8, 50256}, {9, 10, 11, 12, 13, 50256}}

func golden(t testing.TB, name string) []byte {
	data, err := os.ReadFile(filepath.Join("../../shared/golden", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no files of Megatron's own writer beside the repository: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeIndexed(t rapid.TB, dtype uint8, docs [][]uint32) (bin, idx []byte) {
	var b, i bytes.Buffer
	w, err := NewIndexWriter(&b, &i, dtype)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if err := w.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), i.Bytes()
}

// prefix puts the two files into a folder.
func prefix(t testing.TB, bin, idx []byte) string {
	p := filepath.Join(t.TempDir(), "tokens")
	if err := errors.Join(os.WriteFile(p+".bin", bin, 0o666), os.WriteFile(p+".idx", idx, 0o666)); err != nil {
		t.Fatal(err)
	}
	return p
}

func open(t testing.TB, bin, idx []byte) *Indexed {
	x, err := OpenIndexed(prefix(t, bin, idx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func TestMegatronBytes(t *testing.T) {
	for name, dtype := range map[string]uint8{"megatron_u16": Uint16, "megatron_i32": Int32} {
		bin, idx := golden(t, name+".bin"), golden(t, name+".idx")
		gotBin, gotIdx := writeIndexed(t, dtype, goldenDocs)
		if !bytes.Equal(gotBin, bin) || !bytes.Equal(gotIdx, idx) {
			t.Errorf("%s: wrote\n%x\n%x\nwant\n%x\n%x", name, gotBin, gotIdx, bin, idx)
		}
		x := open(t, bin, idx)
		for i, want := range goldenDocs {
			if d := cmp.Diff(want, x.Doc(i)); d != "" {
				t.Errorf("%s: document %d: %s", name, i, d)
			}
		}
		if x.Docs() != 3 || x.Tokens() != 12 || x.Dtype() != dtype {
			t.Errorf("%s: %d documents, %d tokens, type %d", name, x.Docs(), x.Tokens(), x.Dtype())
		}
	}
}

// The same bytes as above, for a checkout without the golden files.
func TestIndexLayout(t *testing.T) {
	bin, idx := writeIndexed(t, Uint16, [][]uint32{{1, 2}, {3}})
	want := "MMIDIDX\x00\x00" + "\x01\x00\x00\x00\x00\x00\x00\x00" + "\x08" +
		"\x02\x00\x00\x00\x00\x00\x00\x00" + "\x03\x00\x00\x00\x00\x00\x00\x00" +
		"\x02\x00\x00\x00" + "\x01\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00" + "\x04\x00\x00\x00\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00\x00\x00\x00\x00\x00\x00" + "\x02\x00\x00\x00\x00\x00\x00\x00"
	if string(bin) != "\x01\x00\x02\x00\x03\x00" || string(idx) != want {
		t.Errorf("wrote %x and %x", bin, idx)
	}
}

func TestDtype(t *testing.T) {
	for vocab, want := range map[int]uint8{257: Uint16, 65499: Uint16, 65500: Int32, 128256: Int32} {
		if got := Dtype(vocab); got != want {
			t.Errorf("a vocabulary of %d has type %d, want %d", vocab, got, want)
		}
	}
}

func TestIndexedReadsWhatWasWritten(t *testing.T) {
	defer func(n int) { lengthsInMemory = n }(lengthsInMemory)
	lengthsInMemory = 3 // so that the temporary file is used
	t.Setenv("TMPDIR", t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		dtype := rapid.SampledFrom([]uint8{Int32, Uint16}).Draw(rt, "dtype")
		largest := uint32(math.MaxInt32)
		if dtype == Uint16 {
			largest = math.MaxUint16
		}
		docs := rapid.SliceOfN(rapid.SliceOfN(rapid.Uint32Range(0, largest), 1, 9), 0, 12).Draw(rt, "docs")
		bin, idx := writeIndexed(rt, dtype, docs)
		x := open(t, bin, idx)
		all := slices.Concat(docs...)
		if x.Docs() != len(docs) || x.Tokens() != int64(len(all)) {
			rt.Fatalf("%d documents, %d tokens", x.Docs(), x.Tokens())
		}
		at := int64(0)
		for i, want := range docs {
			start, end := x.Span(i)
			if start != at || end != at+int64(len(want)) || !slices.Equal(x.Doc(i), want) {
				rt.Fatalf("document %d is %v at [%d, %d), want %v at %d", i, x.Doc(i), start, end, want, at)
			}
			at = end
		}
		pos := rapid.IntRange(0, len(all)).Draw(rt, "pos")
		dst := make([]uint32, rapid.IntRange(0, 20).Draw(rt, "n"))
		n := x.At(dst, int64(pos))
		if want := all[pos:min(pos+len(dst), len(all))]; !slices.Equal(dst[:n], want) {
			rt.Fatalf("tokens at %d are %v, want %v", pos, dst[:n], want)
		}
	})
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "climb-lengths-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files stay behind: %v, %v", left, err)
	}
}

func TestDocumentOfSeveralSequences(t *testing.T) {
	bin, idx := writeIndexed(t, Uint16, [][]uint32{{1, 2}, {3}, {4}})
	// Documents of two sequences and of one: ends 0, 2, 3.
	idx = slices.Concat(idx[:26], binary.LittleEndian.AppendUint64(nil, 3), idx[34:34+36])
	for _, e := range []uint64{0, 2, 3} {
		idx = binary.LittleEndian.AppendUint64(idx, e)
	}
	x := open(t, bin, idx)
	if x.Docs() != 2 || !slices.Equal(x.Doc(0), []uint32{1, 2, 3}) || !slices.Equal(x.Doc(1), []uint32{4}) {
		t.Errorf("%d documents, %v and %v", x.Docs(), x.Doc(0), x.Doc(1))
	}
}

func TestOpenIndexedRefuses(t *testing.T) {
	bin, idx := writeIndexed(t, Uint16, goldenDocs)
	patch := func(at int, b ...byte) []byte {
		out := bytes.Clone(idx)
		copy(out[at:], b)
		return out
	}
	for _, c := range []struct {
		name     string
		bin, idx []byte
		want     string
	}{
		{"empty index", bin, nil, ".idx: is not a Megatron index"},
		{"short header", bin, idx[:33], ".idx: is not a Megatron index"},
		{"magic", bin, patch(0, 'X'), ".idx: is not a Megatron index"},
		{"version", bin, patch(9, 2), ".idx: has version 2"},
		{"type", bin, patch(17, 5), ".idx: element type 5"},
		{"truncated index", bin, idx[:len(idx)-1], ".idx: is 101 bytes and must be 102"},
		{"cut in half", bin, idx[:50], "too few for the 3 sequences"},
		{"huge count", bin, patch(18, 255, 255, 255, 255, 255, 255, 255, 255), "too few for the 18446744073709551615"},
		{"no document ends", bin, patch(26, 0), "too few"},
		{"negative length", bin, patch(34, 0, 0, 0, 255), "sequence 0 has the length -16777216"},
		{"gap", bin, patch(34+12+8, 10), "sequence 1 is at byte 10 and the ones before it end at 8"},
		{"first document", bin, patch(34+36, 1), "document 0 begins at sequence 1"},
		{"order of documents", bin, patch(34+36+8, 9), "document 1 begins at sequence 9"},
		{"truncated tokens", bin[:23], idx, ".bin: is 23 bytes and must be 24"},
		{"no tokens", nil, idx, ".bin: is 0 bytes and must be 24"},
		{"other tokens", append(bytes.Clone(bin), 0), idx, "do not belong together"},
	} {
		x, err := OpenIndexed(prefix(t, c.bin, c.idx))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if x != nil {
			t.Errorf("%s: not refused", c.name)
		}
	}
	if _, err := OpenIndexed(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestIndexWriterRefuses(t *testing.T) {
	if _, err := NewIndexWriter(nil, nil, 5); err == nil {
		t.Error("type 5 is accepted")
	}
	var bin, idx bytes.Buffer
	w, err := NewIndexWriter(&bin, &idx, Uint16)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add([]uint32{1, 65536}); err == nil || !strings.Contains(err.Error(), "document 0: token 65536 at position 1") {
		t.Errorf("a token that does not fit: %v", err)
	}
	if err := w.Add(nil); err == nil || !strings.Contains(err.Error(), "end-of-document") {
		t.Errorf("no tokens: %v", err)
	}
	if err := errors.Join(w.Add([]uint32{1, 2}), w.Close()); err != nil {
		t.Fatal(err)
	}
	wantBin, wantIdx := writeIndexed(t, Uint16, [][]uint32{{1, 2}})
	if !bytes.Equal(bin.Bytes(), wantBin) || !bytes.Equal(idx.Bytes(), wantIdx) {
		t.Errorf("refused documents left something behind: tokens %x, index %x", bin.Bytes(), idx.Bytes())
	}
}

type failing struct{}

var errFull = errors.New("no space left")

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestIndexWriterReportsWriteErrors(t *testing.T) {
	for _, fail := range []string{"bin", "idx", "spill"} {
		w, err := NewIndexWriter(new(bytes.Buffer), new(bytes.Buffer), Int32)
		if err != nil {
			t.Fatal(err)
		}
		want := errFull
		switch fail {
		case "bin":
			w.bin.Reset(failing{})
		case "idx":
			w.idx = failing{}
		case "spill":
			defer func(n int) { lengthsInMemory = n }(lengthsInMemory)
			lengthsInMemory = 1
			w.TempDir, want = filepath.Join(t.TempDir(), "none"), os.ErrNotExist
		}
		added := errors.Join(w.Add([]uint32{1}), w.Add([]uint32{2}))
		if err := w.Close(); !errors.Is(err, want) { // whatever Add said, there is no index
			t.Errorf("%s: Close: %v, want %v", fail, err, want)
		}
		if fail == "spill" && !errors.Is(added, want) {
			t.Errorf("%s: Add: %v, want %v", fail, added, want)
		}
	}
}

func TestIndexedConcurrentReads(t *testing.T) {
	bin, idx := writeIndexed(t, Int32, goldenDocs)
	x := open(t, bin, idx)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 300 {
				if got := x.Doc(i % 3); !slices.Equal(got, goldenDocs[i%3]) {
					t.Errorf("document %d is %v", i%3, got)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzOpenIndexed(f *testing.F) {
	for _, dtype := range []uint8{Uint16, Int32} {
		for _, docs := range [][][]uint32{goldenDocs, nil} {
			bin, idx := writeIndexed(f, dtype, docs)
			f.Add(bin, idx)
		}
	}
	f.Fuzz(func(t *testing.T, bin, idx []byte) {
		x, err := OpenIndexed(prefix(t, bin, idx))
		if err != nil {
			return
		}
		defer x.Close()
		n := 0
		for i := range x.Docs() {
			n += len(x.Doc(i))
		}
		if int64(n) != x.Tokens() {
			t.Errorf("documents hold %d tokens of %d", n, x.Tokens())
		}
	})
}
