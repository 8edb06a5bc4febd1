package corpus

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
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

// Archives behind one another are all read; one without an end is counted, with what
// it holds; holes, of which a header of a few bytes makes as many as it likes, are
// no text.
func TestTarEnds(t *testing.T) {
	one := tarOf(t, [2]string{"0.txt", "first"}, [2]string{"1.txt", "second"})
	two := tarOf(t, [2]string{"2.txt", "third"})
	hole := tarOf(t, [2]string{"0.txt", "first"})
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	sparse := map[string]string{"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": "1000000000000000", "GNU.sparse.numblocks": "0", "GNU.sparse.map": "", "GNU.sparse.name": "9.jsonl"}
	if err := w.WriteHeader(&tar.Header{Name: "9.jsonl", Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatPAX, PAXRecords: map[string]string{"comment.x": "y"}}); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	header := b.Bytes()
	var records strings.Builder
	for _, key := range slices.Sorted(maps.Keys(sparse)) {
		record := " " + key + "=" + sparse[key] + "\n"
		fmt.Fprintf(&records, "%d%s", len(record)+2, record)
	}
	copy(header[512:1024], make([]byte, 512))
	copy(header[512:], records.String())
	copy(header[124:], fmt.Sprintf("%011o", records.Len()))
	sum := 8 * int(' ')
	for i, c := range header[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	for _, c := range []struct {
		name          string
		data          []byte
		want, reasons string
	}{
		{"two.tar", slices.Concat(one, two), "first second third", ""},
		{"padded.tar", slices.Concat(one, make([]byte, 10_000)), "first second", ""},
		{"cut.tar", one[:2048], "first second", "1 truncated"},
		{"cut-second.tar", slices.Concat(two, one[:1024]), "third first", "1 truncated"},
		{"hole.tar", slices.Concat(hole[:1024], header), "first", ""},
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
	f.Add([]byte("a.txt" + strings.Repeat("\x00", 252) + "ustar"))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzFile(t, "a.tar", formatTar, data) })
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
		n++
	}
	if n != bad.Accepted || bad.Lines != bad.Accepted+bad.Dropped() {
		t.Fatalf("%d documents, %+v", n, bad)
	}
}
