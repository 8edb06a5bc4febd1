package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// readAll splits o.Inputs and reads all shards; it checks that the books
// balance.
func readAll(t testing.TB, o Options) (docs []Document, bad Bad, err error) {
	t.Helper()
	shards, _, err := Split(t.Context(), o)
	if err != nil {
		return nil, bad, err
	}
	for _, s := range shards {
		var b Bad
		row := 0
		for d, err := range Read(context.Background(), s, o, &b) {
			if err != nil {
				return docs, bad, err
			}
			if d.Row != row {
				t.Fatalf("%s: row %d, want %d", s, d.Row, row)
			}
			row++
			docs = append(docs, d)
		}
		bad.Merge(&b)
	}
	sum := bad.Accepted
	for _, n := range bad.Reasons {
		sum += n
	}
	if sum != bad.Lines || bad.Accepted != int64(len(docs)) {
		t.Fatalf("%d documents of %+v", len(docs), bad)
	}
	return docs, bad, nil
}

func texts(docs []Document) string {
	var out []string
	for _, d := range docs {
		out = append(out, d.Text)
	}
	return strings.Join(out, "|")
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func zst(frames ...string) string {
	var b bytes.Buffer
	for _, s := range frames {
		w, _ := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		io.WriteString(w, s)
		w.Close()
	}
	return b.String()
}

// noise is text that does not compress to nothing.
func noise(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteByte("abcdefghijklmnop"[Hash("noise", uint64(i))&15])
	}
	return b.String()
}

func TestRead(t *testing.T) {
	const two = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n"
	for _, c := range []struct {
		about, name, content, want string
		o                          Options
		reasons                    map[string]int64
		blank, repaired            int64
	}{
		{about: "one document", name: "a.jsonl", content: `{"text":"a"}`, want: "a"},
		{about: "two", name: "a.jsonl", content: two, want: "a|b"},
		{about: "gzip", name: "a.jsonl.gz", content: gz(two), want: "a|b"},
		{about: "gzip of two members", name: "a.jsonl.gz", content: gz(two) + gz(two), want: "a|b|a|b"},
		{about: "zstd of two frames, cut in a line", name: "a.jsonl.zst", content: zst(two[:5], two[5:]), want: "a|b"},
		{about: "gzip named as plain", name: "a.jsonl", content: gz(two), want: "a|b"},
		{about: "plain named as zstd", name: "a.jsonl.zst", content: two, want: "a|b"},
		{about: "zstd named as gzip", name: "a.jsonl.gz", content: zst(two), want: "a|b"},
		{about: "JSON lines named as text", name: "a.txt", content: two, want: "a|b"},
		{about: "text named as nothing", name: "a", content: "plain\n", want: "plain\n"},
		{about: "text that begins like JSON", name: "a.txt", content: "{braces}\n", want: "{braces}\n"},
		{about: "compressed text", name: "a.txt.gz", content: gz("plain"), want: "plain"},
		{about: "forced", name: "a.jsonl", content: two, o: Options{Format: "text"}, want: two},
		{about: "BOM and CRLF", name: "a.jsonl", content: "\ufeff{\"text\":\"a\"}\r\n{\"text\":\"b\"}\r\n", want: "a|b"},
		{about: "BOM and CRLF in text", name: "a.txt", content: "\ufeffa\r\nb", want: "a\nb"},
		{about: "blank lines", name: "a.jsonl", content: "\n{\"text\":\"a\"}\n \r\n\n", want: "a", blank: 3},
		{about: "dotted path", name: "a.jsonl", content: `{"doc":{"body":"a"}}`, o: Options{TextField: "doc.body"}, want: "a"},
		{about: "missing", name: "a.jsonl", content: "{\"content\":\"a\"}\n{\"text\":null}\n{}", reasons: map[string]int64{MissingText: 3}},
		{about: "not a string", name: "a.jsonl", content: "{\"text\":1}\n{\"text\":[\"a\"]}\n", reasons: map[string]int64{TextNotString: 2}},
		{about: "empty", name: "a.jsonl", content: "{\"text\":\"\"}\n{\"text\":\" \\n\\u00a0\"}\n", reasons: map[string]int64{EmptyText: 2}},
		{about: "short", name: "a.jsonl", content: two + `{"text":"long enough"}`, o: Options{MinTextBytes: 5}, want: "long enough", reasons: map[string]int64{TooShort: 2}},
		{about: "damaged lines", name: "a.jsonl", content: "{\"text\":\n{\"text\":\"a\"}\nno\n[1]\n", want: "a", reasons: map[string]int64{InvalidJSON: 2, NotObject: 1}},
		{about: "raw NUL", name: "a.jsonl", content: "{\"text\":\"a\x00\"}\n\x00\x00\n{\"text\":\"\\u0000b\"}", want: "\x00b", reasons: map[string]int64{InvalidJSON: 2}},
		{about: "NUL in text", name: "a.txt", content: "a\x00b", reasons: map[string]int64{Binary: 1}},
		{about: "invalid UTF-8", name: "a.jsonl", content: "{\"text\":\"\xffa\"}\n{\"text\":\"\\ud800\"}\n{\"text\":\"é\"}", want: "\ufffda|\ufffd|é", repaired: 2},
		{about: "invalid UTF-8, skipped", name: "a.jsonl", content: "{\"text\":\"\xffa\"}\n{\"text\":\"\\ud800\"}\n{\"text\":\"é\"}", o: Options{InvalidUTF8: "skip"}, want: "é", reasons: map[string]int64{InvalidUTF8: 2}},
		{about: "invalid UTF-8 in text", name: "a.txt", content: "\xffa", want: "\ufffda", repaired: 1},
		{about: "deep", name: "a.jsonl", content: `{"x":` + strings.Repeat("[", 20000) + "\n" + two, want: "a|b", reasons: map[string]int64{TooDeep: 1}},
		{about: "long", name: "a.jsonl", content: two + `{"text":"` + noise(64) + "\"}\n" + two, o: Options{MaxLineBytes: 64}, want: "a|b|a|b", reasons: map[string]int64{TooLong: 1}},
		{about: "as long as allowed", name: "a.jsonl", content: `{"text":"` + noise(53) + `"}`, o: Options{MaxLineBytes: 64}, want: noise(53)},
		{about: "long text", name: "a.txt", content: noise(65), o: Options{MaxLineBytes: 64}, reasons: map[string]int64{TooLong: 1}},
	} {
		t.Run(c.about, func(t *testing.T) {
			c.o.Inputs = Paths(write(t, c.name, c.content))
			docs, bad, err := readAll(t, c.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := texts(docs); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !maps.Equal(bad.Reasons, c.reasons) || bad.Blank != c.blank || bad.Repaired != c.repaired {
				t.Errorf("got %+v", bad)
			}
		})
	}
}

func TestDocumentFields(t *testing.T) {
	path := write(t, "a.jsonl", "{\"text\":\"abc\",\"k\":[1],\"source\":\"s\"}\n\n{\"text\":\"abc\",\"id\":12}\n{\"id\":true,\"text\":\"x\",\"b\":\"\xff\"}\n")
	docs, _, err := readAll(t, Options{Inputs: Paths(path)})
	if err != nil {
		t.Fatal(err)
	}
	want := []Document{
		// printf abc | sha256sum
		{ID: "ba7816bf8f01cfea414140de5dae2223", Text: "abc", Source: "s", Fields: []byte(`{"k":[1]}`), Path: path, Line: 1, Row: 0},
		{ID: "12", Text: "abc", Path: path, Line: 3, Offset: 37, Row: 1},
		{ID: "2d711642b726b04401627ca9fbac32f5", Text: "x", Fields: []byte("{\"id\":true,\"b\":\"\ufffd\"}"), Path: path, Line: 4, Offset: 60, Row: 2},
	}
	if d := cmp.Diff(want, docs); d != "" {
		t.Error(d)
	}
}

func TestDamagedFiles(t *testing.T) {
	all := ""
	for i, s := 0, noise(200_000); i < 100; i++ {
		all += `{"text":"` + s[2000*i:2000*i+2000] + "\"}\n"
	}
	for _, c := range []struct{ about, content, reason string }{
		{"truncated gzip", gz(all)[:60_000], Truncated},
		{"truncated zstd", zst(all, all)[:150_000], Truncated},
		{"zstd cut in a header", zst(all, all)[:5], Truncated},
		{"gzip cut in a header", gz(all)[:6], Truncated},
		{"zstd with garbage behind", zst(all) + "garbage that is not a frame", Corrupt},
		{"gzip with garbage behind", gz(all) + "garbage that is no member", Corrupt},
		{"damaged gzip", gz(all)[:200] + strings.Repeat("\xa5", 60) + gz(all)[260:], Corrupt},
	} {
		t.Run(c.about, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a.jsonl.x")
			for p, s := range map[string]string{path: c.content, filepath.Join(dir, "b.jsonl"): `{"text":"last"}`} {
				if err := os.WriteFile(p, []byte(s), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			o := Options{Inputs: Paths(dir)}
			_, _, err := readAll(t, o)
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "set corpus.truncated to skip") || !strings.Contains(err.Error(), c.reason+" after line") {
				t.Errorf("error %v", err)
			}
			o.Truncated = "skip"
			docs, bad, err := readAll(t, o)
			if err != nil {
				t.Fatal(err)
			}
			if len(docs) == 0 || docs[len(docs)-1].Text != "last" || bad.Reasons[c.reason] != 1 || bad.Dropped() != 1+bad.Reasons[InvalidJSON] {
				t.Errorf("%d documents, %+v", len(docs), bad)
			}
		})
	}
}

// A line of 100 MB, or of 1 GB, in each kind of file, costs memory for
// max_line_bytes.
func TestHugeLineInBoundedMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	for _, kind := range []string{"plain", "gzip", "zstd"} {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := io.WriteCloser(f)
		switch kind {
		case "gzip":
			w, _ = gzip.NewWriterLevel(f, 1)
		case "zstd":
			w, _ = zstd.NewWriter(f, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
		}
		mib := 100
		if kind == "zstd" && !testing.Short() { // of little on the disk
			mib = 1 << 10
		}
		io.WriteString(w, `{"text":"`)
		for range mib {
			w.Write(bytes.Repeat([]byte("a"), 1<<20))
		}
		io.WriteString(w, "\"}\n{\"text\":\"after\"}\n")
		w.Close()
		f.Close()
		o := Options{MaxLineBytes: 1 << 20}
		s := Shard{Path: path, Format: "jsonl", Compression: kind, End: -1}
		var bad Bad
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var got []Document
		for d, err := range Read(context.Background(), s, o, &bad) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d)
		}
		runtime.ReadMemStats(&after)
		if texts(got) != "after" || bad.Reasons[TooLong] != 1 {
			t.Errorf("%s: %d documents, %+v", kind, len(got), bad)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 12<<20 {
			t.Errorf("%s: allocated %d bytes", kind, used)
		}
	}
}

func TestBadCheckSaysWhatIsWrong(t *testing.T) {
	path := write(t, "a.jsonl", strings.Repeat("{\"content\":\"abc\",\"url\":\"u\"}\n", 9)+`{"text":"a"}`)
	_, bad, err := readAll(t, Options{Inputs: Paths(path)})
	if err != nil {
		t.Fatal(err)
	}
	if len(bad.Samples) != samplesPerReason {
		t.Errorf("%d samples", len(bad.Samples))
	}
	err = bad.Check(0.05)
	for _, want := range []string{"9 of 10", "9 missing_text", path + ":1", `no "text", but content, url`, "text_field"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
	if err := bad.Check(0.9); err != nil {
		t.Error(err)
	}
	if err := new(Bad).Check(1e-12); err != nil {
		t.Error(err)
	}
}

func TestReadStops(t *testing.T) {
	path := write(t, "a.jsonl", strings.Repeat("{\"text\":\"a\"}\n", 10))
	s := Shard{Path: path, Format: "jsonl", End: -1}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	var last error
	for _, err := range Read(ctx, s, Options{}, nil) {
		if last = err; err == nil {
			n++
		}
		if n == 3 {
			cancel()
		}
	}
	if n != 3 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d documents, then %v", n, last)
	}
	for range Read(context.Background(), s, Options{}, nil) {
		break
	}
	s.End = 1000
	for _, err := range Read(context.Background(), s, Options{}, nil) {
		if err == nil || !strings.Contains(err.Error(), "fewer than when it was cut") {
			t.Errorf("a file that shrank: %v", err)
		}
	}
}

// data is a path under the shared test data; the test is skipped without it.
func data(tb testing.TB, elem ...string) string {
	tb.Helper()
	dir := os.Getenv("CLIMB_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("no test data: %v (set CLIMB_TEST_DATA)", err)
	}
	return path
}

// Real text is read as by encoding/json.
func TestRealCorpus(t *testing.T) {
	dir := data(t, "mini", "corpus")
	docs, bad, err := readAll(t, Options{Inputs: Paths(dir)})
	if err != nil || bad.Dropped() != 0 {
		t.Fatal(err, bad)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for d := json.NewDecoder(bytes.NewReader(content)); d.More(); n++ {
			var want struct{ ID, Text, Source string }
			if err := d.Decode(&want); err != nil {
				t.Fatal(err)
			}
			if got := docs[n]; got.ID != want.ID || got.Text != want.Text || got.Source != want.Source || got.Path != path || got.Fields != nil {
				t.Fatalf("document %d is not as encoding/json reads it: %s:%d", n, got.Path, got.Line)
			}
		}
	}
	if n != len(docs) {
		t.Errorf("%d documents, want %d", len(docs), n)
	}
}

// FuzzRead gives any bytes as a file under any name: there is no panic, and
// the books balance.
func FuzzRead(f *testing.F) {
	two := "{\"text\":\"a\"}\n{\"text\":\"b\"}\n"
	for _, s := range []string{two, gz(two), zst(two[:5], two[5:]), gz(two)[:20], zst(two)[:12], "\ufeff" + two, "\x50\x2a\x4d\x18\x01\x00\x00\x00x" + zst(two), "PAR1", "\xff\xfe", "\n\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte, skip bool) {
		path := filepath.Join(dir, "a.jsonl")
		if !skip {
			path = filepath.Join(dir, "a.txt")
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{Inputs: Paths(path), MaxLineBytes: 64, ShardBytes: 16}
		if skip {
			o.Truncated = "skip"
		}
		docs, _, err := readAll(t, o)
		for _, d := range docs {
			if d.Text == "" || d.ID == "" || !bytes.Equal([]byte(strings.ToValidUTF8(d.Text, "")), []byte(d.Text)) {
				t.Fatalf("%q: document %+v", content, d)
			}
		}
		if err != nil && !strings.Contains(err.Error(), dir) && !strings.Contains(err.Error(), "corpus.inputs") {
			t.Fatalf("%q: error does not say where: %v", content, err)
		}
	})
}

// A name that JSON cannot keep is refused, before anything is read.
func TestNameNotUTF8(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a\xff.jsonl"), []byte(`{"text":"a"}`), 0o600); err != nil {
		t.Skipf("this file system takes no such name: %v", err)
	}
	_, _, err := readAll(t, Options{Inputs: Paths(dir)})
	if err == nil || !strings.Contains(err.Error(), `a\xff.jsonl`) || !strings.Contains(err.Error(), "rename") {
		t.Error(err)
	}
}
