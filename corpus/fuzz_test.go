package corpus

import (
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/vec"
)

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzMegatron gives any bytes as the index and the tokens of a dataset: there
// is no panic, the books balance, and what is read does not depend on how the
// file is cut.
func FuzzMegatron(f *testing.F) {
	prefix, tokenizer := megatronFile(f, []string{"a text", "another, longer one", "é"})
	bin, idx := readFile(f, prefix+".bin"), readFile(f, prefix+".idx")
	f.Add(bin, idx, uint16(7))
	f.Add(bin[:5], idx, uint16(0))
	f.Add(bin, idx[:len(idx)-3], uint16(1))
	f.Add([]byte{}, []byte("MMIDIDX\x00\x00"), uint16(0))
	f.Fuzz(func(t *testing.T, bin, idx []byte, at uint16) {
		for name, data := range map[string][]byte{".bin": bin, ".idx": idx} {
			if err := os.WriteFile(prefix+name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		read := func(ranges ...int64) (texts []string, bad Bad, err error) {
			for i := range ranges[1:] {
				s := Shard{Path: prefix + ".bin", Format: formatMegatron, Start: ranges[i], End: ranges[i+1]}
				for d, err := range Read(t.Context(), s, Options{Tokenizer: tokenizer, MaxLineBytes: 64}, &bad) {
					if err != nil {
						return texts, bad, err
					}
					texts = append(texts, d.Text)
				}
			}
			return texts, bad, nil
		}
		whole, bad, err := read(0, -1)
		if err != nil {
			if !strings.Contains(err.Error(), prefix) {
				t.Fatalf("the error does not say where: %v", err)
			}
			return
		}
		sum := int64(len(whole))
		for _, n := range bad.Reasons {
			sum += n
		}
		if sum != bad.Lines || bad.Accepted != int64(len(whole)) {
			t.Fatalf("%d texts, %+v", len(whole), bad)
		}
		halves, _, err := read(0, int64(at), -1)
		slices.Sort(halves)
		slices.Sort(whole)
		if err != nil || !slices.Equal(whole, halves) {
			t.Fatalf("%q, cut at %d: %q, %v", whole, at, halves, err)
		}
	})
}

// FuzzMatch compares the matching of paths with the plain recursion.
func FuzzMatch(f *testing.F) {
	for _, c := range [][2]string{{"a/**/*.jsonl", "a/b/c/x.jsonl"}, {"**", ""}, {"**/**/x", "x"}, {"**/a/**/b", "a/b/a/c/b"}, {"[", "["}, {"a?c/[^x]*", "abc/y"}} {
		f.Add(c[0], c[1])
	}
	var slow func(pattern, elems []string) bool
	slow = func(pattern, elems []string) bool {
		switch {
		case len(pattern) == 0:
			return len(elems) == 0
		case pattern[0] == "**":
			return slow(pattern[1:], elems) || len(elems) > 0 && slow(pattern, elems[1:])
		case len(elems) == 0:
			return false
		}
		ok, err := path.Match(pattern[0], elems[0])
		return ok && err == nil && slow(pattern[1:], elems[1:])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, n := strings.Split(pattern, "/"), strings.Split(name, "/")
		if len(p) > 8 || len(n) > 8 {
			return
		}
		if got, want := match(p, n), slow(p, n); got != want {
			t.Fatalf("%q, %q: %v, want %v", pattern, name, got, want)
		}
	})
}

// A pattern of many ** takes no time that grows with the power of their number.
func TestMatchIsFast(t *testing.T) {
	pattern := strings.Split(strings.Repeat("**/a/", 100)+"b", "/")
	if match(pattern, strings.Split(strings.Repeat("a/", 3000)+"c", "/")) {
		t.Error("it matches")
	}
}

// FuzzBucketListing gives any input and any names of objects: what is listed
// is there, once, in order, and in the bucket that was named.
func FuzzBucketListing(f *testing.F) {
	for _, input := range []string{"", "/", "/a", "/a/", "/**/*.jsonl", "/*", "/a/x.jsonl", "/[", "/a?b=c", "//"} {
		f.Add(input, "a/x.jsonl\na/.hidden\nb/y.jsonl.zst\n/odd\n.git/z\nq?x=y")
	}
	const root = "mem://fuzz"
	f.Fuzz(func(t *testing.T, input, names string) {
		if strings.ContainsAny(input, "?") { // says where the bucket is
			return
		}
		var keys []string
		for key := range strings.SplitSeq(names, "\n") {
			if key == "" || !utf8.ValidString(key) || strings.Contains(key, "?") || slices.Contains(keys, key) || len(keys) == 8 {
				continue
			}
			store, name, err := blob.At(t.Context(), root+"/"+key)
			if err != nil {
				t.Fatal(err)
			}
			put(t, root+"/"+key, []byte(`{"text":"a"}`))
			keys = append(keys, key)
			defer func() {
				if err := store.Remove(context.Background(), name); err != nil {
					t.Error(err)
				}
			}()
		}
		l, err := List(t.Context(), Options{Inputs: Paths(root + input)})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "corpus.inputs") {
				t.Fatalf("the error does not say where: %v", err)
			}
			return
		}
		for i, file := range l.Files {
			_, key, _ := blob.Split(file.Path)
			if !slices.Contains(keys, key) || i > 0 && l.Files[i-1].Path >= file.Path {
				t.Fatalf("%q of %q lists %+v", input, keys, l.Files)
			}
		}
	})
}

// FuzzSources: any bytes are refused, or are the sources that are written again.
func FuzzSources(f *testing.F) {
	var s Sources
	for _, name := range []string{"a", "a", "", "b"} {
		s.add(name)
	}
	good, err := s.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte(sourcesMagic + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s, again Sources
		if s.UnmarshalBinary(data) != nil {
			return
		}
		out, err := s.MarshalBinary()
		if err == nil {
			err = again.UnmarshalBinary(out)
		}
		if err != nil || !slices.Equal(s.names, again.names) || !slices.Equal(s.runs, again.runs) {
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
	})
}

// FuzzVectors gives any bytes as an array and its ids: each row has an id or the
// error names the file.
func FuzzVectors(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "a.npy")
	file, err := os.Create(path)
	if err != nil {
		f.Fatal(err)
	}
	w, err := vec.NewNPYWriter(file, "<f4", 2)
	if err == nil {
		err = errors.Join(w.WriteFloats([]float32{1, 2, 3, 4}), w.Close(), file.Close())
	}
	if err != nil {
		f.Fatal(err)
	}
	npy := readFile(f, path)
	f.Add(npy, []byte("a\nb\n"))
	f.Add(npy, []byte("\"a\\u00e9\"\r\n\"b"))
	f.Add(npy[:len(npy)-2], []byte(""))
	f.Fuzz(func(t *testing.T, npy, ids []byte) {
		for name, data := range map[string][]byte{"a.npy": npy, "a.ids": ids} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for v, err := range ReadVectors(t.Context(), path, "", "") {
			if err != nil && !strings.Contains(err.Error(), dir) {
				t.Fatalf("the error names no file: %v", err)
			}
			if err == nil && (len(v.X) == 0 || !v.HasID) {
				t.Fatalf("%+v", v)
			}
		}
	})
}

// FuzzSignatures: any bytes are refused, or have runs that lie in the file.
func FuzzSignatures(f *testing.F) {
	f.Add([]byte(signatureMagic+"\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), uint8(2))
	f.Add([]byte(signatureMagic+"\x01\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"), uint8(1))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, buckets uint8) {
		path := filepath.Join(dir, "s")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		runs, err := readSignatures(path, 0, max(0, int(buckets)-1), max(1, int(buckets)))
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Fatalf("the error names no file: %v", err)
		}
		for _, r := range runs {
			if r.off < signatureHeader || r.off+r.count*entryBytes > int64(len(data)) {
				t.Fatalf("%+v of %d bytes", r, len(data))
			}
		}
	})
}
