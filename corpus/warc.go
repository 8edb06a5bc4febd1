package corpus

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errWARC = errors.New("not a WARC record")

// warc reads the records of a WARC file (ISO 28500), one document for each
// that holds plain text or HTML: conversions (Common Crawl's WET), resources,
// and responses of a server. Of HTML the main text is taken. Records of other
// content, and pages without a main text, are counted as not_text; records
// without content, such as requests, as blank.
func (r *reader) warc(path, compression string, _, _ int64) error {
	src, err := openRange(r.ctx, path, compression, 0, -1)
	if err != nil {
		return err
	}
	defer src.Close()
	in := bufio.NewReaderSize(src, readAhead)
	for at := (BadLine{Path: path, Line: 1}); ; at.Line++ {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		at.Offset = src.read - int64(in.Buffered())
		head, size, err := warcHead(in)
		if err != nil {
			return r.broken(err, at)
		}
		body := io.LimitReader(in, size)
		if err := r.warcRecord(at, head, size, body); err != nil {
			return err
		}
		if n, err := io.Copy(io.Discard, body); err != nil {
			return r.broken(err, at)
		} else if left := body.(*io.LimitedReader).N; left > 0 {
			return r.broken(fmt.Errorf("%w: %d bytes of a record are missing after %d", io.ErrUnexpectedEOF, left, n), at)
		}
	}
}

// warcHead reads the lines in front of a record's content. io.EOF is the end
// of the file.
func warcHead(in *bufio.Reader) (head textproto.MIMEHeader, size int64, err error) {
	version := ""
	for version == "" {
		line, err := in.ReadSlice('\n')
		if version = strings.TrimSpace(string(line)); err == bufio.ErrBufferFull {
			return nil, 0, errWARC
		} else if err == io.EOF && version != "" {
			return nil, 0, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, 0, err
		}
	}
	if !strings.HasPrefix(version, "WARC/") {
		return nil, 0, fmt.Errorf("%w: it begins with %q", errWARC, excerpt([]byte(version)))
	}
	head = textproto.MIMEHeader{}
	for held := 0; ; {
		line, err := in.ReadSlice('\n')
		if held += len(line); err == bufio.ErrBufferFull || held > readAhead {
			return nil, 0, fmt.Errorf("%w: its header is longer than %d bytes", errWARC, readAhead)
		} else if err != nil {
			return nil, 0, noEOF(err)
		}
		key, value, _ := strings.Cut(string(bytes.TrimSpace(line)), ":")
		if key == "" {
			break
		}
		head.Set(key, strings.TrimSpace(value))
	}
	if size, err = strconv.ParseInt(head.Get("Content-Length"), 10, 64); err != nil || size < 0 {
		return nil, 0, fmt.Errorf("%w: its Content-Length is %q", errWARC, head.Get("Content-Length"))
	}
	return head, size, nil
}

// warcRecord yields the document of a record, or counts it.
func (r *reader) warcRecord(at BadLine, head textproto.MIMEHeader, size int64, body io.Reader) error {
	kind := head.Get("WARC-Type")
	switch {
	case kind != "conversion" && kind != "resource" && kind != "response" || size == 0:
		r.bad.Blank++
		return nil
	case size > int64(r.lines.max):
		return r.reject(at, TooLong, nil, "%d bytes", size)
	}
	content := head.Get("Content-Type")
	if kind == "response" {
		answer, err := http.ReadResponse(bufio.NewReader(body), nil)
		if err != nil {
			return r.reject(at, NotText, nil, "no HTTP response: %v", err)
		}
		defer answer.Body.Close()
		body, content = answer.Body, answer.Header.Get("Content-Type")
		switch code := answer.Header.Get("Content-Encoding"); code {
		case "", "identity":
		case "gzip", "x-gzip":
			body = &gzipReader{file: bufio.NewReader(body)}
		default:
			return r.reject(at, NotText, nil, "it is packed with %s", code)
		}
	}
	format, _, err := mime.ParseMediaType(content)
	isPage := format == "text/html" || format == "application/xhtml+xml"
	if err != nil || format != "text/plain" && !isPage {
		return r.reject(at, NotText, nil, "it is %q", content)
	}
	text, err := r.all(body)
	if err != nil {
		return r.broken(noEOF(err), at)
	}
	if len(text) > r.lines.max {
		return r.reject(at, TooLong, text, "more than %d bytes", r.lines.max)
	}
	return r.warcText(at, head, text, content, isPage)
}

// warcText yields the document of a text or a page.
func (r *reader) warcText(at BadLine, head textproto.MIMEHeader, text []byte, content string, isPage bool) error {
	d := Document{ID: strings.Trim(head.Get("WARC-Record-ID"), "<>"), Path: at.Path, Line: at.Line, Offset: at.Offset}
	var p page
	if isPage {
		var err error
		if p, err = readPage(text, content, head.Get("WARC-Target-URI")); err != nil {
			return r.reject(at, NotText, text, "%v", err)
		}
		text = []byte(p.text)
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return r.reject(at, Binary, text, "")
	}
	text, repaired := cleanText(text)
	d.Text = string(text)
	if r.o.Fields != "drop" {
		d.Fields = warcFields(head, p)
	}
	return r.accept(at, d, repaired, text)
}

// warcFields are what is known of the page, under the names that others use.
func warcFields(head textproto.MIMEHeader, p page) []byte {
	language := head.Get("WARC-Identified-Content-Language")
	if language == "" {
		language = p.language
	}
	var out []byte
	for _, f := range []struct{ name, value string }{
		{"url", head.Get("WARC-Target-URI")}, {"date", head.Get("WARC-Date")}, {"language", language}, {"title", p.title}} {
		if f.value != "" {
			out = append(append(append(out, `,"`...), f.name...), `":`...)
			out = AppendString(out, f.value)
		}
	}
	if out == nil {
		return nil
	}
	out[0] = '{'
	return append(out, '}')
}

// cleanText is the text of a file or a record: without a byte order mark, with
// LF for CRLF, and valid UTF-8.
func cleanText(text []byte) (clean []byte, repaired bool) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if utf8.Valid(text) {
		return text, false
	}
	return repairUTF8(text), true
}
