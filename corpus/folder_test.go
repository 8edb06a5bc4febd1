package corpus

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCSV(t *testing.T) {
	for _, c := range []struct{ name, content, want, reasons string }{
		{"a.csv", "text,id,note\nhello,1,x\n\"a, \"\"b\"\"\nc\",2,\n", "1|hello|{\"note\":\"x\"} 2|a, \"b\"\nc|", ""},
		{"bom.csv", "\ufefftext;id\r\na,b;7\r\n", "7|a,b|", ""},
		{"a.tsv", "id\ttext\n1\tit \"is\" so\n", "1|it \"is\" so|", ""},
		{"short.csv", "id,text\n1\n2,b\n3,c,d\n\n", "2|b|", "2 invalid_csv"},
		{"quote.csv", "id,text\n1,a\n2,\"never ends\n3,c\n", "1|a|", "1 invalid_csv"},
		{"last.csv", "id,text\n1,a", "1|a|", ""},
		{"long.csv", "id,text\n1," + strings.Repeat("x", 300) + "\n2,b\n", "2|b|", "1 too_long"},
	} {
		path := write(t, c.name, c.content)
		docs, bad, err := readAll(t, Options{Inputs: Paths(path), MaxLineBytes: 200})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range docs {
			got = append(got, fmt.Sprintf("%s|%s|%s", d.ID, d.Text, d.Fields))
		}
		if s := strings.Join(got, " "); s != c.want || bad.ReasonsText() != c.reasons {
			t.Errorf("%s: got %q and %q, want %q and %q", c.name, s, bad.ReasonsText(), c.want, c.reasons)
		}
	}
	_, _, err := Split(t.Context(), Options{Inputs: Paths(write(t, "b.csv", "a,b\n1,2\n"))})
	if err != nil {
		t.Fatal(err) // a file that is named is met by the reader
	}
	for _, err := range Read(t.Context(), Shard{Path: write(t, "b.csv", "a,b\n1,2\n"), Format: "csv", End: -1}, Options{}, nil) {
		if err == nil || !strings.Contains(err.Error(), `has no column "text"`) {
			t.Errorf("no column: %v", err)
		}
	}
}

func tarOf(t *testing.T, members ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		if err := w.WriteHeader(&tar.Header{Name: m[0], Size: int64(len(m[1])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTar(t *testing.T) {
	data := tarOf(t, [2]string{"d/0.jpg", "picture"}, [2]string{"d/0.json", `{"url":"u"}`}, [2]string{"d/0.txt", "first"},
		[2]string{"d/1.json", `{"text":"second","id":"own"}`}, [2]string{"d/2.png", "no text"}, [2]string{"d/._3.txt", "of a Mac"},
		[2]string{"d/4.jsonl", "{\"text\":\"third\"}\n{\"text\":\"fourth\"}\n"}, [2]string{"d/v.1.txt", "fifth"}, [2]string{"d/v.2.txt", "sixth"})
	for _, compress := range []string{"a.tar", "a.tar.gz"} {
		content := data
		if compress == "a.tar.gz" {
			content = []byte(gz(string(data)))
		}
		docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, compress, string(content)))})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range docs {
			got = append(got, d.Text)
		}
		if s := strings.Join(got, " "); s != "first second third fourth fifth sixth" || bad.ReasonsText() != "1 not_text" {
			t.Errorf("%s: %q, %q", compress, s, bad.ReasonsText())
		}
		if docs[0].ID != "d/0" || string(docs[0].Fields) != `{"url":"u"}` || docs[1].ID != "own" {
			t.Errorf("%s: %+v %+v", compress, docs[0], docs[1])
		}
	}
	// What is cut off inside of a member is an error.
	s := Shard{Path: write(t, "cut.tar", string(data[:len(data)/2+100])), Format: "tar", End: -1}
	var last error
	for _, err := range Read(t.Context(), s, Options{}, nil) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "truncated") {
		t.Errorf("a tar file that is cut off: %v", last)
	}
}

// tarMember is a member of a tar file, its header written by hand.
func tarMember(kind byte, name, size, body string) string {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x00")
	copy(h[124:], size)
	copy(h[136:], "00000000000\x00")
	copy(h[148:], "        ")
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	if kind == tar.TypeGNUSparse {
		copy(h[257:], "ustar  \x00")
		copy(h[386:], "00000000000\x0000000000000\x00")                   // a piece of no bytes,
		copy(h[483:], "\x80\x00\x00\x00\x00\x03\x8d\x7e\xa4\xc6\x80\x00") // and 10^15 in all
	}
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return string(h) + body + strings.Repeat("\x00", (512-len(body)%512)%512)
}

// tarRecords are a member of PAX records, key by key.
func tarRecords(records ...string) string {
	var b strings.Builder
	for i := 0; i < len(records); i += 2 {
		rest := " " + records[i] + "=" + records[i+1] + "\n"
		n := len(rest) + 2
		if n > 99 {
			n++
		}
		fmt.Fprintf(&b, "%d%s", n, rest)
	}
	return tarMember(tar.TypeXHeader, "p", fmt.Sprintf("%011o", b.Len()), b.String())
}

// unbounded are members of a few bytes that say they are of any number, or have any
// number before them.
func unbounded() map[string]string {
	const size = "1000000000000000"
	version := func(minor string, more ...string) string {
		return tarRecords(append([]string{"GNU.sparse.major", minor[:1], "GNU.sparse.minor", minor[2:], "GNU.sparse.name", "9.jsonl"}, more...)...)
	}
	huge := "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff" // 2^63-1
	return map[string]string{
		"old sparse": tarMember(tar.TypeGNUSparse, "9.jsonl", "00000000000", ""),
		"sparse 0.0": version("0.0", "GNU.sparse.size", size, "GNU.sparse.numblocks", "1", "GNU.sparse.offset", "0", "GNU.sparse.numbytes", "0") + tarMember('0', "9.jsonl", "00000000000", ""),
		"sparse 0.1": version("0.1", "GNU.sparse.size", size, "GNU.sparse.numblocks", "0", "GNU.sparse.map", "") + tarMember('0', "9.jsonl", "00000000000", ""),
		"sparse 1.0": version("1.0", "GNU.sparse.realsize", size) + tarMember('0', "9.jsonl", "00000001000", "0\n"+strings.Repeat("\x00", 510)),
		"headers":    strings.Repeat(tarRecords("comment", "x"), 5000) + tarMember('0', "9.png", "00000000000", ""),
		"of all":     strings.Repeat(tarMember(tar.TypeXGlobalHeader, "g", "00000000000", ""), 5000) + tarMember('0', "9.png", "00000000000", ""),
		"long names": strings.Repeat(tarMember(tar.TypeGNULongName, "n", "00000000003", "9.a"), 5000) + tarMember('0', "9.png", "00000000000", ""),
		"empty":      strings.Repeat(tarMember('0', "9.png", "00000000000", ""), 5000),
		"huge text":  tarMember('0', "9.txt", huge, "cut off"),
		"huge lines": tarMember('0', "9.jsonl", huge, "{\"text\":\"third\"}\n"),
		"huge":       tarMember('0', "9.png", huge, "cut off"),
	}
}

// No member makes a reader go on for more than the bytes that are there: one of holes
// is no text, and what says that it is longer than the file is cut off.
func TestTarBounds(t *testing.T) {
	first := string(tarOf(t, [2]string{"0.txt", "first"}))[:1024]
	for name, member := range unbounded() {
		want, reasons := "first", "1 not_text"
		switch name {
		case "huge":
			reasons = "1 not_text, 1 truncated"
		case "huge text":
			reasons = "1 too_long, 1 truncated"
		case "huge lines":
			want, reasons = "first third", "1 truncated"
		}
		path := write(t, "a.tar", first+member+strings.Repeat("\x00", 1024))
		o := Options{Inputs: Paths(path), Truncated: "skip", MaxLineBytes: 4096}
		docs, bad, err := readAll(t, o)
		var got []string
		for _, d := range docs {
			got = append(got, d.Text)
		}
		if s := strings.Join(got, " "); err != nil || s != want || bad.ReasonsText() != reasons {
			t.Errorf("%s: %q, %q, %v", name, s, bad.ReasonsText(), err)
		}
		// Who wants no more gets no more, also where what comes next is damaged.
		for range Read(t.Context(), Shard{Path: path, Format: "tar", End: -1}, Options{}, nil) {
			break
		}
		o.TextField = AutoField
		if _, err := List(t.Context(), o); err != nil && !strings.Contains(err.Error(), "no field") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One call of a tar.Reader may pass over any number of bytes: it ends with the context.
func TestTarStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	blocks := &tarBlocks{ctx: ctx, r: endless{cancel}}
	_, err := tar.NewReader(blocks).Next()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("of headers without end: %v", err)
	}
	if err := blocks.next(); !errors.Is(err, context.Canceled) {
		t.Errorf("of zeros without end: %v", err)
	}
}

// endless is an archive of headers alone, whose reader is stopped after the first.
type endless struct{ stop func() }

func (e endless) Read(p []byte) (int, error) {
	e.stop()
	return copy(p, tarRecords("comment", "x")[:512]), nil
}

// Archives behind one another are all read; one without an end is counted, with what
// it holds.
func TestTarEnds(t *testing.T) {
	one := tarOf(t, [2]string{"0.txt", "first"}, [2]string{"1.txt", "second"})
	two := tarOf(t, [2]string{"2.txt", "third"})
	for _, c := range []struct {
		name          string
		data          []byte
		want, reasons string
	}{
		{"two.tar", slices.Concat(one, two), "first second third", ""},
		{"padded.tar", slices.Concat(one, make([]byte, 10_000)), "first second", ""},
		{"cut.tar", one[:2048], "first second", "1 truncated"},
		{"cut-second.tar", slices.Concat(two, one[:1024]), "third first", "1 truncated"},
		{"mixed.tar", tarOf(t, [2]string{"a.txt", "first"}, [2]string{"a.ndjson", `{"text":"second"}`}, [2]string{"a.md", "third"}, [2]string{"b.txt", ""}), "first second third", "1 empty_text"},
	} {
		docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, c.name, string(c.data)))})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, d := range docs {
			got = append(got, d.Text)
		}
		if s := strings.Join(got, " "); s != c.want || bad.ReasonsText() != c.reasons {
			t.Errorf("%s: %q, %q", c.name, s, bad.ReasonsText())
		}
	}
	// What stands behind an archive and is none is an error.
	var last error
	for _, err := range Read(t.Context(), Shard{Path: write(t, "odd.tar", string(one)+strings.Repeat("no archive ", 50)), Format: "tar", End: -1}, Options{}, nil) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), "corrupt") {
		t.Errorf("no archive behind an archive: %v", last)
	}
}

func TestHTMLFile(t *testing.T) {
	page := "<html lang=de><head><meta charset=iso-8859-1><title>Ein Titel</title></head><body><nav>Menu</nav><article><p>" + strings.Repeat("Gr\xfc\xdfe aus der Stadt, in der es regnet. ", 20) + "</p></article></body></html>"
	docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, "a.html", page))})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 1 || bad.Dropped() != 0 || !strings.HasPrefix(docs[0].Text, "Gr\u00fc\u00dfe aus") || strings.Contains(docs[0].Text, "Menu") {
		t.Fatalf("%+v %+v", docs, bad)
	}
	var fields struct{ Language, Title string }
	if err := json.Unmarshal(docs[0].Fields, &fields); err != nil || fields.Language != "de" || fields.Title != "Ein Titel" {
		t.Errorf("%s: %v", docs[0].Fields, err)
	}
}

// Inputs are read as they say, and a folder by what its files hold.
func TestInputs(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.jsonl": `{"id":"a","content":"from a","title":"x"}`, "sub/b.jsonl": `{"meta":{"body":"from b"}}`, "odd.jsonl": `{"n":1}`,
		"c.csv": "markdown\nfrom c\n", "d.txt": "from d", "README.md": "no data", "p.bin": "x\x00y", "z.zip": "PK\x03\x04",
		"long.jsonl": `{"k":"1","essay":"` + strings.Repeat("words ", 50_000) + `"}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	docs, _, err := readAll(t, Options{Inputs: []Input{{Path: dir, All: true, Source: "mine"}}, TextField: AutoField})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range docs {
		got = append(got, d.Text[:6])
		if d.Source != "mine" {
			t.Errorf("source %q", d.Source)
		}
	}
	slices.Sort(got)
	if s := strings.Join(got, "|"); s != "from a|from b|from c|from d|words " {
		t.Errorf("got %s", s)
	}
	l, err := List(t.Context(), Options{Inputs: []Input{{Path: dir, All: true}}, TextField: AutoField})
	if err != nil {
		t.Fatal(err)
	}
	if s := l.SkippedText(); !strings.Contains(s, "1 not text (1 .bin)") || !strings.Contains(s, "(1 .zip)") || !strings.Contains(s, "1 without a field of text (1 .jsonl)") || !strings.Contains(s, "(1 .md)") {
		t.Errorf("left out: %s", s)
	}
	// A path is written as earlier versions wrote it, so that no stage is named anew.
	o := Options{Inputs: []Input{{Path: "a"}, {Path: "b", TextField: "body"}}}
	data, err := json.Marshal(o.Inputs)
	if err != nil || string(data) != `["a",{"path":"b","text_field":"body"}]` {
		t.Errorf("%s %v", data, err)
	}
	var back []Input
	if err := json.Unmarshal(data, &back); err != nil || !slices.Equal(back, o.Inputs) {
		t.Errorf("%v %v", back, err)
	}
}

// A text field that no file has is found in the first rows, unless these do not say.
func TestCheckText(t *testing.T) {
	for _, c := range []struct{ field, content, want string }{
		{"text", `{"text":"a"}`, ""},
		{"text", `{"text":null,"id":"b"}`, ""},
		{"txt", `{"id":"b","text":"a"}`, "did you mean text"},
		{"text", `{"id":"b","article":"a"}`, "did you mean article"},
		{"text", `{"n":1}`, "has no field of text"},
		{"a.b", `{"a":{"b":"c"}}`, ""},
		{"a.c", `{"a":{"b":"c"}}`, `has a field "a.c"`},
		{"a.b.c.d", `{"a":{"b":{"c":{"d":"e"}}}}`, ""},                            // deeper than is looked
		{"text", `{"x":"` + strings.Repeat("x", headBytes) + `","text":"a"}`, ""}, // longer than is looked at
		{"text", "", ""},
		{"text", "no JSON", ""},
	} {
		path := write(t, "a.jsonl", c.content)
		l := &Listing{Files: []FileInfo{{Path: path, Format: formatJSONL, Bytes: int64(len(c.content))}}}
		err := l.CheckText(t.Context(), Options{TextField: c.field})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s of %.40q: %v", c.field, c.content, err)
		}
		// One file that has it is enough: the others are counted as the run reads them.
		l.Files = append(l.Files, FileInfo{Path: write(t, "b.jsonl", fmt.Sprintf("{%q:\"a\"}", c.field)), Format: formatJSONL, Bytes: 20})
		if err := l.CheckText(t.Context(), Options{TextField: c.field}); err != nil && !strings.Contains(c.field, ".") {
			t.Errorf("%s: %v", c.field, err)
		}
	}
}

// A folder with a link to nothing is read without it; a field may be written large.
func TestBrokenLink(t *testing.T) {
	path := write(t, "a.csv", "Title,Text\nOne,hello\n")
	if err := os.Symlink(filepath.Join(t.TempDir(), "nothing"), filepath.Join(filepath.Dir(path), "gone.txt")); err != nil {
		t.Fatal(err)
	}
	l, err := List(t.Context(), Options{Inputs: Paths(filepath.Dir(path)), TextField: AutoField})
	if err != nil || len(l.Files) != 1 || l.Files[0].TextField != "Text" || l.SkippedText() != "1 links to nothing (1 .txt)" {
		t.Errorf("%+v, %v", l, err)
	}
}

// FuzzCSV and FuzzTar: no panic, the books balance, and errors name the file.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"text,id\na,1\n", "text\n\"a\"\"b\"\n", "text;x\n\"\n", ",\n", "text\r\n\r\n", "\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzFile(t, "a.csv", formatCSV, data) })
}

func FuzzTar(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0}, 1024))
	f.Add([]byte(tarMember('0', "0.txt", "00000000005", "first") + tarMember('0', "1.json", "00000000014", `{"text":"b"}`) + tarMember('0', "2.jsonl", "00000000014", `{"text":"c"}`)))
	for _, member := range unbounded() {
		f.Add([]byte(member[:min(len(member), 4096)]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum stands in the way of nearly every change.
		for i := 0; i+512 <= len(data); i += 512 {
			if h := data[i : i+512]; string(h[257:262]) == "ustar" {
				copy(h[148:156], "        ")
				sum := 0
				for _, c := range h {
					sum += int(c)
				}
				copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
			}
		}
		fuzzFile(t, "a.tar", formatTar, data)
	})
}

func fuzzFile(t *testing.T, name, format string, data []byte) {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var bad Bad
	var n int64
	for _, err := range Read(t.Context(), Shard{Path: path, Format: format, End: -1}, Options{MaxLineBytes: 64}, &bad) {
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Fatalf("the error does not say where: %v", err)
			}
			return
		}
		if n++; n > int64(len(data)) {
			t.Fatalf("%d documents of %d bytes", n, len(data))
		}
	}
	if n != bad.Accepted || bad.Lines != bad.Accepted+bad.Dropped() {
		t.Fatalf("%d documents, %+v", n, bad)
	}
}
