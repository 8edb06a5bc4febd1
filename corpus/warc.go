package corpus

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
)

var errWARC = errors.New("not a WARC record")

// warc reads the records of a WARC file (ISO 28500), one document for each
// that holds plain text or HTML: conversions (Common Crawl's WET), resources,
// and responses of a server. Of HTML the main text is taken. Records of other
// content, and pages without a main text, are counted as not_text, responses with
// another status than 2xx as http_status; records without content, such as requests,
// as blank.
//
// A damaged record that another follows is counted, and the others are read. Damage
// up to the end of the file is one of the file, as in other formats. A length that is
// too large, as where CRLF became LF after it was counted, damages no record: see
// shorten.
func (r *reader) warc(path, compression string, _, _ int64) error {
	src, err := openRange(r.ctx, path, compression, 0, -1)
	if err != nil {
		return err
	}
	defer src.Close()
	w := warcFile{src: src}
	w.in = bufio.NewReaderSize(&w, readAhead)
	for at := (BadLine{Path: path, Line: 1}); ; at.Line++ {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		at.Offset = src.read - int64(len(w.back)+w.in.Buffered())
		rec, err := w.next(r)
		switch {
		case err == io.EOF:
			return nil
		case err == nil:
			err = r.warcRecord(at, rec)
		case w.resume(err) || errors.Is(err, gzip.ErrHeader): // which is something else behind the last record
			err = r.reject(at, damage(err), nil, "%v", err)
		default:
			return r.broken(err, at)
		}
		if err != nil {
			return err
		}
	}
}

// A warcFile cuts a stream into records.
type warcFile struct {
	src  *source
	back []byte        // read already, and to be read again before more of src
	in   *bufio.Reader // of both
	junk error         // what was passed over behind the last record
}

// Read reads what was given back, and then the file.
func (w *warcFile) Read(p []byte) (n int, err error) {
	if len(w.back) == 0 {
		return w.src.Read(p)
	}
	n = copy(p, w.back)
	w.back = w.back[n:]
	return n, nil
}

// A warcEntry is one record.
type warcEntry struct {
	head    textproto.MIMEHeader
	end     string // of the record: CRLF twice, or LF where its header has that
	size    int64  // of the content
	content []byte // unless it is too long; valid until the next record
}

// hasText says whether a document may be in a record.
func (w *warcEntry) hasText() bool {
	kind := w.head.Get("WARC-Type")
	return w.size > 0 && (kind == "conversion" || kind == "resource" || kind == "response")
}

// next reads a record, to the end of its member where it is packed on its own: its
// check sum is right then. io.EOF is the end of the file.
func (w *warcFile) next(r *reader) (rec *warcEntry, err error) {
	if err, w.junk = w.junk, nil; err != nil {
		return nil, err
	}
	if rec, err = warcHead(w.in); err != nil {
		return nil, err
	}
	body := &io.LimitedReader{R: w.in, N: rec.size}
	if rec.size <= int64(r.lines.max) {
		rec.content, err = r.all(body)
	} else {
		_, err = io.Copy(io.Discard, body)
	}
	if err != nil {
		return nil, err
	}
	if !w.shorten(rec, body.N > 0) && body.N > 0 {
		return nil, fmt.Errorf("%w: %d bytes of a record are missing after %d", io.ErrUnexpectedEOF, body.N, rec.size-body.N)
	}
	return rec, w.end()
}

// mostSlip is by how many bytes the length of a record may be too large for the
// record to be found whole.
const mostSlip = readAhead / 2

// shorten mends a length that is too large: behind the content does not come the end
// of the record, and in it that does, with the next record or the end of the file
// behind it. What belongs to the next record is given back. isShort says that the file
// ends before the content does.
func (w *warcFile) shorten(rec *warcEntry, isShort bool) bool {
	next, _ := w.in.Peek(64)
	begin := bytes.TrimLeft(next, "\r\n")
	isNext := !isShort && (len(begin) == 0 || bytes.HasPrefix(begin, []byte("WARC/")))
	if isNext && bytes.HasPrefix(next, []byte(rec.end)) {
		return false
	}
	slip := mostSlip
	if isNext { // the length is right, or a part of the end is in the content
		slip = len(rec.end)
	}
	size := len(rec.content)
	from := max(0, size-slip)
	tail := slices.Concat(rec.content[from:], next)
	at := bytes.Index(tail, []byte(rec.end+"WARC/"))
	if at < 0 && len(begin) == 0 && bytes.HasSuffix(tail, []byte(rec.end)) {
		at = len(tail) - len(rec.end)
	}
	if at < 0 || from+at >= size {
		return false
	}
	rec.content = rec.content[:from+at]
	if at += len(rec.end); from+at < size {
		w.back = slices.Concat(tail[at:size-from], buffered(w.in), w.back)
		w.in.Reset(w)
	}
	return true
}

// buffered are the bytes that in has read and not given yet.
func buffered(in *bufio.Reader) []byte {
	b, _ := in.Peek(in.Buffered())
	return b
}

// end passes over the empty lines behind a record, and what else there is before the
// next one.
func (w *warcFile) end() error {
	for {
		c, err := w.in.Peek(1)
		switch {
		case err == io.EOF, err != nil && w.src.gzip != nil && !w.src.gzip.open: // the next one's
			return nil
		case err != nil:
			return err
		case c[0] == '\r' || c[0] == '\n':
			if _, err := w.in.Discard(1); err != nil {
				return err
			}
			continue
		}
		if head, _ := w.in.Peek(5); string(head) == "WARC/" {
			return nil
		}
		line, _ := w.in.Peek(40)
		junk := fmt.Errorf("%w: it begins with %q", errWARC, excerpt(line))
		if err := w.seek(); err != nil && err != io.EOF {
			return err
		}
		w.junk = junk
		return nil
	}
}

// seek goes to the next line that could begin a record, the present one included.
func (w *warcFile) seek() error {
	for start := true; ; {
		head, err := w.in.Peek(6)
		if start && len(head) == 6 && string(head[:5]) == "WARC/" && '0' <= head[5] && head[5] <= '9' {
			return nil
		}
		if len(head) == 0 {
			return err
		}
		_, err = w.in.ReadSlice('\n')
		if start = err == nil; !start && err != bufio.ErrBufferFull {
			return err
		}
	}
}

// resume goes on at the next record behind damage; false if there is none.
func (w *warcFile) resume(err error) bool {
	if damage(err) == "" {
		return false
	}
	if err = w.seek(); err == nil || err == io.EOF || w.src.gzip == nil {
		return err == nil
	}
	ok, err := w.src.nextMember("WARC/")
	w.back = nil
	w.in.Reset(w)
	return ok && err == nil
}

// warcHead reads the lines in front of a record's content. io.EOF is the end
// of the file.
func warcHead(in *bufio.Reader) (*warcEntry, error) {
	rec := &warcEntry{head: textproto.MIMEHeader{}}
	version := ""
	for version == "" {
		line, err := in.ReadSlice('\n')
		if rec.end = "\n\n"; bytes.HasSuffix(line, []byte("\r\n")) {
			rec.end = "\r\n\r\n"
		}
		if version = strings.TrimSpace(strings.TrimPrefix(string(line), "\ufeff")); err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("%w: it begins with %q", errWARC, excerpt(line))
		} else if err == io.EOF && version != "" {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
	}
	if !strings.HasPrefix(version, "WARC/") {
		return nil, fmt.Errorf("%w: it begins with %q", errWARC, excerpt([]byte(version)))
	}
	for held := 0; ; {
		line, err := in.ReadSlice('\n')
		if held += len(line); err == bufio.ErrBufferFull || held > readAhead {
			return nil, fmt.Errorf("%w: its header is longer than %d bytes", errWARC, readAhead)
		} else if err != nil {
			return nil, noEOF(err)
		}
		key, value, _ := strings.Cut(string(bytes.TrimSpace(line)), ":")
		if key == "" {
			break
		}
		rec.head.Set(key, strings.TrimSpace(value))
	}
	length := rec.head.Get("Content-Length")
	var err error
	if rec.size, err = strconv.ParseInt(length, 10, 64); err != nil || rec.size < 0 {
		return nil, fmt.Errorf("%w: its Content-Length is %q", errWARC, length)
	}
	return rec, nil
}

// warcRecord yields the document of a record, or counts it.
func (r *reader) warcRecord(at BadLine, rec *warcEntry) error {
	if !rec.hasText() {
		r.bad.Blank++
		return nil
	}
	if rec.content == nil {
		return r.reject(at, TooLong, nil, "%d bytes", rec.size)
	}
	text, content := rec.content, rec.head.Get("Content-Type")
	if rec.head.Get("WARC-Type") == "response" {
		answer, err := parseHTTP(rec.content)
		if err != nil {
			return r.reject(at, NotText, nil, "%v", err)
		}
		if answer.status/100 != 2 {
			return r.reject(at, HTTPStatus, nil, "%d", answer.status)
		}
		whole := false
		text, whole, err = answer.unpacked(r.lines.max)
		if err != nil && (whole || rec.head.Get("WARC-Truncated") == "") { // what a crawler cut off is known to lack its end
			return r.reject(at, reasonOf(err), nil, "%v", err)
		}
		if content = answer.header.Get("Content-Type"); content == "" {
			content = cmp.Or(rec.head.Get("WARC-Identified-Payload-Type"), http.DetectContentType(text))
		}
	}
	kind, _ := mediaType(content)
	isPage := kind == "text/html" || kind == "application/xhtml+xml"
	if kind != "text/plain" && !isPage {
		return r.reject(at, NotText, nil, "it is %q", content)
	}
	return r.warcText(at, rec.head, text, content, isPage)
}

// warcText yields the document of a text or a page.
func (r *reader) warcText(at BadLine, head textproto.MIMEHeader, text []byte, content string, isPage bool) error {
	d := Document{ID: strings.Trim(head.Get("WARC-Record-ID"), "<>"), Path: at.Path, Line: at.Line, Offset: at.Offset}
	text, lost, err := decodeText(text, content, isPage)
	if err != nil {
		return r.reject(at, NotText, nil, "%v", err)
	}
	clean, repaired := cleanText(text)
	var p page
	if isPage {
		if p, err = readPage(clean, head.Get("WARC-Target-URI")); err != nil {
			return r.reject(at, NotText, clean, "%v", err)
		}
		clean = []byte(p.text)
		lost, repaired = lost && hasReplacement(clean), repaired && hasReplacement(clean)
	}
	if bytes.IndexByte(clean, 0) >= 0 {
		return r.reject(at, Binary, clean, "")
	}
	d.Text = string(clean)
	if r.o.Fields != "drop" {
		d.Fields = warcFields(head, p)
	}
	return r.accept(at, d, repaired || lost, clean)
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
