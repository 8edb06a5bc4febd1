package corpus

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/climb-go/climb/token"
)

func warcRecord(kind, content, body string) string {
	return fmt.Sprintf("WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: http://example.org/\"x\"\r\nWARC-Date: 2024-01-02T03:04:05Z\r\n"+
		"warc-record-id: <urn:uuid:%x>\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", kind, len(body), content, len(body), body)
}

func gzipped(t testing.TB, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	for _, p := range parts {
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func warcRecords() []string {
	answer := func(head, body string) string { return "HTTP/1.1 200 OK\r\n" + head + "\r\n\r\n" + body }
	return []string{
		warcRecord("warcinfo", "application/warc-fields", "software: x\r\n"),
		warcRecord("conversion", "text/plain", "first\r\ntext é"),
		warcRecord("request", "application/http; msgtype=request", "GET / HTTP/1.1\r\n\r\n"),
		warcRecord("response", "application/http; msgtype=response", answer("Content-Type: text/plain; charset=utf-8", "second text")),
		warcRecord("response", "application/http; msgtype=response", answer("Content-Type: image/png", "no")),
		warcRecord("response", "application/http; msgtype=response", answer("Content-Type: text/plain\r\nTransfer-Encoding: chunked", "5\r\nthird\r\n0\r\n\r\n")),
		warcRecord("conversion", "text/plain", "   "),
		warcRecord("conversion", "text/plain", strings.Repeat("long ", 1000)),
	}
}

func TestWARC(t *testing.T) {
	records := warcRecords()
	for name, file := range map[string]string{"a.warc": strings.Join(records, ""), "a.warc.wet.gz": gzipped(t, records...), "other": gzipped(t, strings.Join(records, ""))} {
		docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, name, file)), MaxLineBytes: 1000})
		if err != nil {
			t.Fatal(name, err)
		}
		if got := texts(docs); got != "first\ntext é|second text|third" {
			t.Errorf("%s: %q", name, got)
		}
		if want := `{"url":"http://example.org/\"x\"","date":"2024-01-02T03:04:05Z"}`; string(docs[0].Fields) != want || docs[0].ID != "urn:uuid:e" {
			t.Errorf("%s: %s %s", name, docs[0].ID, docs[0].Fields)
		}
		if bad.Blank != 2 || bad.Reasons[NotText] != 1 || bad.Reasons[EmptyText] != 1 || bad.Reasons[TooLong] != 1 {
			t.Errorf("%s: %+v", name, bad)
		}
	}
}

func TestWARCDamage(t *testing.T) {
	whole := strings.Join(warcRecords()[:4], "")
	for _, file := range []string{whole[:len(whole)-30], whole + "not a record\r\n\r\n", whole + "WARC/1.0\r\nContent-Length: -5\r\n\r\n",
		gzipped(t, whole)[:200], "WARC/1.0\r\n" + strings.Repeat("x", 1<<20)} {
		o := Options{Inputs: Paths(write(t, "a.warc", file))}
		if _, _, err := readAll(t, o); err == nil || !strings.Contains(err.Error(), "corpus.truncated") {
			t.Errorf("%q: %v", excerpt([]byte(file)), err)
		}
		o.Truncated = "skip"
		if _, bad, err := readAll(t, o); err != nil || bad.Reasons[Truncated]+bad.Reasons[Corrupt] != 1 {
			t.Errorf("%q: %+v, %v", excerpt([]byte(file)), bad, err)
		}
	}
}

// A length that is too large, up to 64 KiB, takes nothing away from its record, nor
// from the next one; a file that was cut is still one.
func TestWARCLengthTooLarge(t *testing.T) {
	answer := func(body string) string {
		return warcRecord("response", "application/http; msgtype=response", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"+body)
	}
	longer := func(record string, by int) string {
		head, content, _ := strings.Cut(record, "\r\n\r\n")
		at := strings.LastIndex(head, " ") + 1
		n, err := strconv.Atoi(head[at:])
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s%d\r\n\r\n%s", head[:at], n+by, content)
	}
	request := warcRecord("request", "application/http; msgtype=request", "GET / HTTP/1.1\r\nHost: x\r\nAccept: a\r\nUser-Agent: b\r\n\r\n")
	long := strings.Repeat("line\n\n", 40_000)
	records := []string{request, answer("one\n\nline"), request, answer("two"), answer(long), request, answer("three\n\nWARC/1.0 is text here")}
	want := "one\n\nline|two|" + long + "|three\n\nWARC/1.0 is text here"
	var slipped [3][]string
	for i, by := range []int{1, 60, 60_000} {
		for _, r := range records {
			slipped[i] = append(slipped[i], longer(r, by))
		}
	}
	// In the last one "\n\nWARC/1.0" would be the begin of a record.
	lf := strings.ReplaceAll(strings.ReplaceAll(strings.Join(records, ""), "\r\n", "\n"), "WARC/1.0 is", "WARC 1.0 is")
	for name, file := range map[string]string{
		"right": strings.Join(records, ""), "by 1": strings.Join(slipped[0], ""), "by 60": strings.Join(slipped[1], ""), "by 60000": strings.Join(slipped[2], ""),
		"packed": gzipped(t, slipped[1]...), "packed as one": gzipped(t, strings.Join(slipped[2], "")),
		"LF": lf, "LF, packed": gzipped(t, lf),
	} {
		docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, "a.warc", file))})
		if got := strings.ReplaceAll(texts(docs), "WARC 1.0 is", "WARC/1.0 is"); err != nil || got != want || len(bad.Reasons) > 0 {
			t.Errorf("%s: %d documents, %+v, %v", name, len(docs), bad, err)
		}
		last := int64(-1)
		for _, d := range docs {
			if d.Offset <= last || !strings.Contains(name, "packed") && !strings.HasPrefix(file[d.Offset:], "WARC/1.0") {
				t.Errorf("%s: a document at %d, after %d", name, d.Offset, last)
			}
			last = d.Offset
		}
	}
	cut := strings.Join(records[:4], "")
	if _, _, err := readAll(t, Options{Inputs: Paths(write(t, "a.warc", cut[:len(cut)-5]))}); err == nil {
		t.Error("a file that was cut is taken for a whole one")
	}
}

func FuzzWARC(f *testing.F) {
	whole := strings.Join(warcRecords(), "")
	for _, s := range []string{whole, gzipped(f, warcRecords()...), whole[:300], "WARC/1.0\r\nContent-Length: 99999999999\r\n\r\nx", "WARC/1.0\n\n",
		strings.ReplaceAll(whole, "\r\n", "\n"), strings.ReplaceAll(whole, "Content-Length: 1", "Content-Length: 9")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fuzzRead(t, Options{Inputs: Paths(write(t, "a.warc", string(b))), Format: formatWARC, Truncated: "skip"})
	})
}

// Of a page the main text is taken, whatever its character set and packing.
func TestWARCPage(t *testing.T) {
	paragraph := strings.Repeat("The café on the corner sells bread, and has done so for many years. ", 6)
	html := "<!DOCTYPE html><html lang=fr><head><title>Le pain</title><script>var secret = 1</script></head><body>" +
		"<nav><ul><li><a href=/>Home</a><li><a href=/b>Buy now</a></ul></nav><article><h1>Le pain</h1><p>" + paragraph + "</p><p>" + paragraph +
		"&amp; tea</p><pre>x = 1\n  y</pre></article><footer>Copyright, all rights</footer></body></html>"
	latin := strings.ReplaceAll(html, "é", "\xe9")
	response := func(head, body string) string {
		return warcRecord("response", "application/http; msgtype=response", "HTTP/1.1 200 OK\r\n"+head+"\r\n\r\n"+body)
	}
	file := response("Content-Type: text/html; charset=utf-8", html) +
		response("Content-Type: text/html; charset=iso-8859-1", latin) +
		response("Content-Type: text/html\r\nContent-Encoding: gzip", gzipped(t, html)) +
		response("Content-Type: application/xhtml+xml", html) +
		response("Content-Type: text/html", "") +
		response("Content-Type: text/html", strings.Repeat("<div>", 10000)) +
		response("Content-Type: text/html; charset=klingon", html) +
		response("Content-Type: image/png", "\x89PNG") +
		response("Content-Type: text/html\r\nContent-Encoding: compress", "\x1f\x9d\x90")
	docs, bad, err := readAll(t, Options{Inputs: Paths(write(t, "a.warc", file))})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 5 || bad.Reasons[NotText] != 4 { // an unknown character set is guessed
		t.Fatalf("%d documents, %+v", len(docs), bad)
	}
	for i, d := range docs {
		if d.Text != docs[0].Text || !strings.HasPrefix(d.Text, "The café on") && !strings.HasPrefix(d.Text, "Le pain") || !strings.Contains(d.Text, "& tea") || !strings.Contains(d.Text, "x = 1\n  y") {
			t.Errorf("page %d: %q", i, d.Text)
		}
		for _, junk := range []string{"secret", "Buy now", "Copyright", "<p"} {
			if strings.Contains(d.Text, junk) {
				t.Errorf("page %d holds %q", i, junk)
			}
		}
		if want := `"language":"fr","title":"Le pain"}`; !strings.HasSuffix(string(d.Fields), want) {
			t.Errorf("page %d: %s", i, d.Fields)
		}
	}
}

// megatronFile writes documents with a tokenizer that is trained on them, and
// returns the prefix and the tokenizer's path.
func megatronFile(t testing.TB, texts []string) (prefix, tokenizer string) {
	t.Helper()
	tok, err := token.Train(slices.Values(texts), token.TrainOptions{Vocab: 300})
	if err != nil {
		t.Fatal(err)
	}
	var file, bin, idx bytes.Buffer
	if err := tok.Save(&file); err != nil {
		t.Fatal(err)
	}
	w, err := token.NewIndexWriter(&bin, &idx, token.Uint16)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range texts {
		if err := w.Add(append(tok.Encode(nil, s), tok.EOD())); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := write(t, "x.bin", bin.String())
	prefix = strings.TrimSuffix(name, ".bin")
	if err := os.WriteFile(prefix+".idx", idx.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return prefix, write(t, "tokenizer.json", file.String())
}

func TestMegatron(t *testing.T) {
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprintf("document %d: é %s", i, strings.Repeat("words ", i%7)))
	}
	prefix, tokenizer := megatronFile(t, want)
	for _, input := range []string{prefix + ".bin", strings.TrimSuffix(prefix, "x")} {
		docs, _, err := readAll(t, Options{Inputs: Paths(input), Tokenizer: tokenizer})
		if err != nil || texts(docs) != strings.Join(want, "|") {
			t.Errorf("%s: %d documents, %v", input, len(docs), err)
		}
	}
	f, ok := statMegatron(prefix + ".bin")
	if !ok {
		t.Fatal("not told")
	}
	shards, err := cutFile(t.Context(), f, f.Bytes/10)
	if err != nil || len(shards) < 10 {
		t.Fatal(shards, err)
	}
	var got []string
	for _, s := range shards {
		for d, err := range Read(t.Context(), s, Options{Tokenizer: tokenizer}, nil) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, d.Text)
		}
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%d documents of %d shards", len(got), len(shards))
	}
	if _, _, err := readAll(t, Options{Inputs: Paths(prefix + ".bin")}); err == nil || !strings.Contains(err.Error(), "corpus.tokenizer") {
		t.Errorf("without a tokenizer: %v", err)
	}
}
