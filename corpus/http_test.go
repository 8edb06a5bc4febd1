package corpus

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
)

// An oddResponse is a record in an odd form, and what is right for it.
type oddResponse struct {
	name, extra, status, header, body string
	reason                            string // "" if the whole page is to be read
	part                              bool   // the beginning of the page is to be read
}

// oddPage is a page of two paragraphs.
func oddPage() string {
	p := "<p>" + strings.Repeat("The keeper of the lighthouse counted ships before the fog came in from the west. ", 6) + "</p>"
	return "<!DOCTYPE html><html><head><title>Ledger</title></head><body><article><h1>Ledger</h1>" + p + p + "</article></body></html>"
}

func packed(t testing.TB, text string, open func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := open(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func chunks(text string, n int) string {
	var b strings.Builder
	for i := 0; i < len(text); i += n {
		c := text[i:min(i+n, len(text))]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(c), c)
	}
	return b.String() + "0\r\n\r\n"
}

func oddResponses(t testing.TB) []oddResponse {
	const truncated = "WARC-Truncated: length\r\n"
	page := oddPage()
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	br := packed(t, page, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })
	zlibbed := packed(t, page, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) })
	raw := packed(t, page, func(w io.Writer) io.WriteCloser { f, _ := flate.NewWriter(w, 6); return f })
	cut := gz(page)[:len(gz(page))-40]
	return []oddResponse{
		{name: "plain", header: length(len(page)), body: page},
		{name: "length too small", header: length(len(page) / 3), body: page},
		{name: "length too large", header: length(len(page) * 3), body: page},
		{name: "length negative", header: length(-1), body: page},
		{name: "two lengths", header: length(10) + length(len(page)), body: page},
		{name: "length of the gzip, body plain", header: "Content-Encoding: gzip\r\n" + length(len(gz(page))), body: page},
		{name: "chunked", header: "Transfer-Encoding: chunked\r\n", body: chunks(page, 300)},
		{name: "chunked with extensions", header: "Transfer-Encoding: chunked\r\n", body: strings.ReplaceAll(chunks(page, 300), "12c\r\n", "12c;x=y\r\n")},
		{name: "chunked, body joined", header: "Transfer-Encoding: chunked\r\n", body: page},
		{name: "chunked, cut off by the crawler", extra: truncated, header: "Transfer-Encoding: chunked\r\n", body: chunks(page, 300)[:900], part: true},
		{name: "chunked, cut off", header: "Transfer-Encoding: chunked\r\n", body: chunks(page, 300)[:900], reason: Truncated},
		{name: "chunked, damaged", header: "Transfer-Encoding: chunked\r\n", body: chunks(page, 300)[:305] + "zz" + chunks(page, 300)[307:], reason: Corrupt},
		{name: "gzip", header: "Content-Encoding: gzip\r\n", body: gz(page)},
		{name: "gzip in capitals", header: "Content-Encoding: GZIP\r\n", body: gz(page)},
		{name: "gzip in two members", header: "Content-Encoding: x-gzip\r\n", body: gz(page[:400]) + gz(page[400:])},
		{name: "gzip, cut off by the crawler", extra: truncated, header: "Content-Encoding: gzip\r\n", body: gz(strings.Repeat(page, 9))[:200], part: true},
		{name: "gzip, cut off", header: "Content-Encoding: gzip\r\n", body: cut, reason: Truncated},
		{name: "gzip, damaged", header: "Content-Encoding: gzip\r\n", body: gz(page)[:len(gz(page))-6] + "\x00\x01\x02\x03\x04\x05", reason: Corrupt},
		{name: "gzip and chunked", header: "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", body: chunks(gz(page), 50)},
		{name: "gzip and chunked, both undone", header: "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", body: page},
		{name: "gzip as transfer encoding", header: "Transfer-Encoding: gzip, chunked\r\n", body: chunks(gz(page), 50)},
		{name: "identity as transfer encoding", header: "Transfer-Encoding: identity\r\n", body: page},
		{name: "brotli", header: "Content-Encoding: br\r\n", body: br},
		{name: "brotli, body plain", header: "Content-Encoding: br\r\n", body: page},
		{name: "brotli, cut off", header: "Content-Encoding: br\r\n", body: br[:len(br)-30], reason: Truncated},
		{name: "zstd", header: "Content-Encoding: zstd\r\n", body: zst(page)},
		{name: "zstd, body plain", header: "Content-Encoding: zstd\r\n", body: page},
		{name: "deflate", header: "Content-Encoding: deflate\r\n", body: zlibbed},
		{name: "deflate without the header of zlib", header: "Content-Encoding: deflate\r\n", body: raw},
		{name: "packed twice", header: "Content-Encoding: deflate, br\r\n", body: packed(t, zlibbed, func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })},
		{name: "none", header: "Content-Encoding: none\r\n", body: page},
		{name: "an encoding that is none", header: "Content-Encoding: utf-8\r\n", body: page},
		{name: "an encoding that is not known", header: "Content-Encoding: compress\r\n", body: "\x1f\x9d\x90\x00\x01", reason: NotText},
		{name: "HTTP/2", status: "HTTP/2 200", body: page},
		{name: "no reason", status: "HTTP/1.1 200", body: page},
		{name: "after 100 Continue", status: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", body: page},
		{name: "no header line", header: "this line has no colon\r\nX-Thing : 1\r\n", body: page},
		{name: "not found", status: "HTTP/1.1 404 Not Found", body: page, reason: HTTPStatus},
		{name: "moved", status: "HTTP/1.1 301 Moved", body: page, reason: HTTPStatus},
		{name: "no answer", status: "SSH-2.0 x", body: page, reason: NotText},
		{name: "no status", status: "HTTP/1.1 OK", body: page, reason: NotText},
		{name: "bomb", header: "Content-Encoding: gzip\r\n", body: gz(page + strings.Repeat(" ", 1<<20)), reason: TooLong},
		{name: "bomb in a bomb", header: "Content-Encoding: br, gzip\r\n", body: gz(packed(t, page+strings.Repeat(" ", 1<<22), func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) })), reason: TooLong},
	}
}

func (o oddResponse) record() string {
	status := o.status
	if status == "" {
		status = "HTTP/1.1 200 OK"
	}
	content := status + "\r\nContent-Type: text/html; charset=utf-8\r\n" + o.header + "\r\n" + o.body
	return fmt.Sprintf("WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:odd>\r\nContent-Type: application/http; msgtype=response\r\n%sContent-Length: %d\r\n\r\n%s\r\n\r\n", o.extra, len(content), content)
}

// Whatever the form of a response, its page is read or counted, and the record behind
// it is read.
func TestWARCResponses(t *testing.T) {
	last := oddResponse{body: oddPage()}.record()
	docs, _, err := readAll(t, Options{Inputs: Paths(write(t, "a.warc", last))})
	if err != nil || len(docs) != 1 {
		t.Fatal(docs, err)
	}
	want := docs[0].Text
	for _, o := range oddResponses(t) {
		t.Run(o.name, func(t *testing.T) {
			docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, "a.warc", o.record()+last)), MaxLineBytes: 1 << 19})
			if err != nil {
				t.Fatal(err)
			}
			if o.reason != "" {
				if len(docs) != 1 || bad.Reasons[o.reason] != 1 || docs[0].Text != want {
					t.Fatalf("%d documents, %+v", len(docs), bad)
				}
				return
			}
			if len(docs) != 2 || docs[1].Text != want || bad.Dropped() > 0 {
				t.Fatalf("%d documents, %+v", len(docs), bad)
			}
			switch got := docs[0].Text; {
			case o.part && (len(got) < 100 || !strings.HasPrefix(got, "The keeper") && !strings.HasPrefix(got, "Ledger")):
				t.Errorf("it is %q", got)
			case !o.part && got != want:
				t.Error(cmp.Diff(want, got))
			}
		})
	}
}

// Error pages do not stop a run: they are no damage.
func TestHTTPStatusIsNotBad(t *testing.T) {
	b := Bad{Lines: 10, Accepted: 1, Reasons: map[string]int64{HTTPStatus: 9}}
	if err := b.Check(0.05); err != nil {
		t.Error(err)
	}
	b.Reasons = map[string]int64{HTTPStatus: 8, NotText: 1}
	if err := b.Check(0.05); err == nil {
		t.Error("bad lines are not counted")
	}
}

// A record that is damaged costs no other one.
func TestWARCResume(t *testing.T) {
	page := func(i int) string {
		return warcRecord("conversion", "text/plain", fmt.Sprintf("text %d %s", i, noise(500)))
	}
	flip := func(s string, at int) string {
		return s[:at] + string(s[at]^0x55) + s[at+1:]
	}
	length := func(s string, by int) string {
		var n int
		i := strings.Index(s, "Content-Length: ") + len("Content-Length: ")
		fmt.Sscan(s[i:], &n)
		return s[:i] + fmt.Sprint(n+by) + s[strings.Index(s[i:], "\r\n")+i:]
	}
	one := gz(page(1))
	for name, c := range map[string]struct {
		file, want string
		bad        int64
	}{
		"check sum of a member":       {gz(page(0)) + flip(one, len(one)-6) + gz(page(2)) + gz(page(3)), "0 2 3", 1},
		"middle of a member":          {gz(page(0)) + flip(one, len(one)/2) + gz(page(2)) + gz(page(3)), "0 2 3", 1},
		"header of a member":          {gz(page(0)) + flip(one, 1) + gz(page(2)) + gz(page(3)), "0 2 3", 1},
		"last byte is missing":        {gz(page(0)) + one[:len(one)-1] + gz(page(2)) + gz(page(3)), "0 2 3", 1},
		"half is missing":             {gz(page(0)) + one[:len(one)/2] + gz(page(2)) + gz(page(3)), "0 2 3", 1},
		"first member":                {flip(one, len(one)/2) + gz(page(2)) + gz(page(3)), "2 3", 1},
		"two members":                 {flip(one, len(one)/2) + flip(one, 40) + gz(page(3)), "3", 2},
		"zeros behind":                {gz(page(0)) + one + strings.Repeat("\x00", 512), "0 1", 0},
		"zeros between":               {gz(page(0)) + strings.Repeat("\x00", 512) + one, "0 1", 0},
		"other bytes behind":          {gz(page(0)) + one + "junk", "0 1", 1},
		"empty member":                {gz(page(0)) + gz("") + one, "0 1", 0},
		"one byte too few":            {page(0) + length(page(1), -1) + page(2) + page(3), "0 1 2 3", 1},
		"one byte too many":           {page(0) + length(page(1), 1) + page(2) + page(3), "0 1 2 3", 0},
		"into the next":               {page(0) + length(page(1), 60) + page(2) + page(3), "0 1 2 3", 0},
		"no length":                   {page(0) + strings.Replace(page(1), "Content-Length", "X", 1) + page(2) + page(3), "0 2 3", 1},
		"no record":                   {page(0) + "not a record\r\n\r\n" + page(2), "0 2", 1},
		"blank lines first":           {"\r\n\r\n" + page(0), "0", 0},
		"byte order mark first":       {"\ufeff" + page(0), "0", 0},
		"in one member, no length":    {gz(page(0) + strings.Replace(page(1), "Content-Length", "X", 1) + page(2)), "0 2", 1},
		"a member, wrong in its head": {gz(page(0)) + gz(strings.Replace(page(1), "Content-Length", "X", 1)) + gz(page(2)), "0 2", 1},
	} {
		docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, "a.warc", c.file))})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, d := range docs {
			var n string
			fmt.Sscanf(d.Text, "text %s", &n)
			got = append(got, n)
		}
		if strings.Join(got, " ") != c.want || bad.Reasons[Corrupt]+bad.Reasons[Truncated] != c.bad {
			t.Errorf("%s: texts %v, want %s; %+v", name, got, c.want, bad)
		}
	}
}

// Texts and pages in other character sets become UTF-8, and what is no character of
// the set is counted.
func TestWARCCharsets(t *testing.T) {
	response := func(content, body string) string {
		return warcRecord("response", "application/http", "HTTP/1.1 200 OK\r\nContent-Type: "+content+"\r\n\r\n"+body)
	}
	page := func(head, text string) string {
		return "<html><head>" + head + "</head><body><article><p>" + strings.Repeat(text+" and so on, for a line or two. ", 12) + "</p></article></body></html>"
	}
	ascii := strings.Repeat("<!-- long -->", 200)
	for name, c := range map[string]struct {
		record, want string
		repaired     int64
	}{
		"latin1":                       {response("text/plain; charset=iso-8859-1", "caf\xe9 ol\xe9"), "café olé", 0},
		"windows-1251":                 {response("text/plain; charset=windows-1251", "\xd0\xe5\xea\xe0"), "Река", 0},
		"quoted":                       {response(`text/plain; charset="KOI8-R"; x`, "\xf2\xc5\xcb\xc1"), "Река", 0},
		"Shift_JIS":                    {response("text/plain; charset=shift_jis", "\x8d\x60\x82\xcc"), "港の", 0},
		"UTF-16 with its mark":         {response("text/plain; charset=utf-16", "\xff\xfea\x00\xe9\x00"), "aé", 0},
		"UTF-16, big end first":        {response("text/plain", "\xfe\xff\x00a\x00\xe9"), "aé", 0},
		"UTF-8 that is said to be not": {response("text/plain; charset=iso-8859-1", "café"), "café", 0},
		"not what it says":             {response("text/plain; charset=shift_jis", "ab\x8d"), "ab\ufffd", 1},
		"not known":                    {response("text/plain; charset=klingon", "café"), "café", 0},
		"not known, nor UTF-8":         {response("text/plain; charset=klingon", "caf\xe9"), "caf\ufffd", 1},
		"conversion":                   {warcRecord("conversion", "text/plain; charset=iso-8859-1", "caf\xe9"), "café", 0},
		"page, by its header":          {response("text/html; charset=iso-8859-2", page("", "\xb1\xe6")), "ąć", 0},
		"page, by itself":              {response("text/html", page("<meta charset=windows-1251>", "\xd0\xe5")), "Ре", 0},
		"page, header wrong":           {response("text/html; charset=iso-8859-1", page("<meta charset=utf-8>", "café")), "café", 0},
		"page, far from its beginning": {response("text/html", page(ascii, "café")), "café", 0},
		"page, not valid":              {response("text/html; charset=utf-8", page("", "caf\xe9")), "caf\ufffd", 1},
	} {
		docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, "a.warc", c.record))})
		if err != nil || len(docs) != 1 || !strings.HasPrefix(docs[0].Text, c.want) || bad.Repaired != c.repaired {
			t.Errorf("%s: %q, %+v, %v", name, texts(docs), bad, err)
		}
	}
}

// Of each file of the cases so many documents are right.
func TestCasesWARC(t *testing.T) {
	root := filepath.Join("..", "..", "shared", "cases", "warc")
	if dir := os.Getenv("CLIMB_TEST_CASES"); dir != "" {
		root = filepath.Join(dir, "warc")
	}
	files, err := filepath.Glob(filepath.Join(root, "in*", "*.warc*"))
	if err != nil || len(files) == 0 {
		t.Skipf("%s holds no in/ and in2/: run make.py and make2.py, and set CLIMB_TEST_CASES to the folder above", root)
	}
	// Of in/ both records are read but for these, which count one.
	counted := map[string]string{"status-404.warc": HTTPStatus, "status-204ish-304.warc": HTTPStatus}
	in2 := map[string]int{"len+1.warc": 3, "len-1.warc": 3, "len+4.warc": 3, "len+1-gzmembers.warc.gz": 3, "gzmembers.warc.gz": 2, "one-member.warc.gz": 2,
		"gz-one-bad-member.warc.gz": 2, "wet.warc.wet": 2, "wet-charset.warc.wet": 2, "resp-plain-latin1.warc": 2, "dup-record-id.warc": 2}
	for _, file := range files {
		name, want := filepath.Base(file), 2
		if filepath.Base(filepath.Dir(file)) == "in2" {
			var ok bool
			if want, ok = in2[name]; !ok {
				want = 1
			}
		} else if counted[name] != "" || name == "revisit.warc" {
			want = 1
		}
		docs, bad, err := readAll(t, Options{Inputs: Paths(file)})
		if err != nil || len(docs) != want || bad.Reasons[counted[name]] != min(1, int64(len(counted[name]))) || bad.Repaired > 0 {
			t.Errorf("%s: %d documents, want %d; %+v, %v", name, len(docs), want, bad, err)
		}
		for _, d := range docs {
			if !strings.Contains(d.Text, "Река") && !strings.Contains(d.Text, "港") && (len(d.Text) < 300 || strings.ContainsAny(d.Text, "\ufffdÃ")) {
				t.Errorf("%s: %q", name, d.Text)
			}
		}
	}
}

// FuzzHTTP gives any bytes as the content of a response: nothing panics, and no more
// is unpacked than is allowed.
func FuzzHTTP(f *testing.F) {
	for _, o := range oddResponses(f) {
		_, content, _ := strings.Cut(o.record(), "\r\n\r\n")
		f.Add([]byte(content[:min(len(content), 4000)]))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		a, err := parseHTTP(content)
		if err != nil {
			return
		}
		const most = 1 << 16
		if body, _, err := a.unpacked(most); err == nil && len(body) > max(most, len(content)) {
			t.Fatalf("%d bytes", len(body))
		}
	})
}

// FuzzCharset gives any text under any Content-Type.
func FuzzCharset(f *testing.F) {
	for _, s := range []string{"text/plain; charset=iso-8859-1", "text/html;charset=\"utf-16\";;", "text/plain; charset=iso-2022-kr", "x", ";charset", "text/html; charset=gb18030; charset=big5"} {
		f.Add([]byte("caf\xe9 <meta charset=koi8-r>"), s, true)
		f.Add([]byte("\xff\xfea\x00"), s, false)
	}
	f.Fuzz(func(t *testing.T, text []byte, content string, isPage bool) {
		if out, _, err := decodeText(text, content, isPage); err == nil && len(out) > 16*len(text)+16 {
			t.Fatalf("%d bytes of %d", len(out), len(text))
		}
	})
}
