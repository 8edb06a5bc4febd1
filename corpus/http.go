package corpus

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// An httpAnswer is the answer of a server as a WARC record holds it. Where the
// body ends is known from the record, whatever its own Content-Length says.
type httpAnswer struct {
	status int
	header textproto.MIMEHeader
	body   []byte
}

// parseHTTP takes the content of a response record apart. It is lenient as
// crawlers are: any version, lines that end with LF alone, lines that are no
// header.
func parseHTTP(content []byte) (a httpAnswer, err error) {
	for interim := 0; ; interim++ {
		line, rest := cutLine(content)
		fields := bytes.Fields(line)
		if !bytes.HasPrefix(line, []byte("HTTP/")) || len(fields) < 2 {
			return a, fmt.Errorf("no HTTP response: it begins with %q", excerpt(line[:min(len(line), 40)]))
		}
		if a.status, err = strconv.Atoi(string(fields[1])); err != nil || len(fields[1]) != 3 {
			return a, fmt.Errorf("no HTTP response: its status is %q", excerpt(fields[1]))
		}
		a.header, a.body = httpHeader(rest)
		if a.status/100 != 1 || interim == 8 || !bytes.HasPrefix(a.body, []byte("HTTP/")) {
			return a, nil
		}
		content = a.body // the answer follows, such as that after 100 Continue
	}
}

// httpHeader reads lines up to an empty one.
func httpHeader(in []byte) (header textproto.MIMEHeader, body []byte) {
	header = textproto.MIMEHeader{}
	last := ""
	for len(in) > 0 {
		var line []byte
		if line, in = cutLine(in); len(line) == 0 {
			break
		}
		if values := header[last]; line[0] == ' ' || line[0] == '\t' { // goes on with the last
			if n := len(values); n > 0 {
				values[n-1] += " " + string(bytes.TrimSpace(line))
			}
			continue
		}
		if key, value, ok := strings.Cut(string(line), ":"); ok {
			last = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(key))
			header[last] = append(header[last], strings.TrimSpace(value))
		}
	}
	return header, in
}

// cutLine is the first line without its end, and what follows.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

// errLong says that a body has more bytes, unpacked, than are read.
var errLong = errors.New("it is too long")

// unpacked undoes the codings of the body, the last one first. Archives often
// keep the header of what was sent beside what was unpacked before: a body that
// is not in the coding that the header names, but could be text, is taken as it
// is. whole is false if the body ends before its time; err then says where. Bodies
// of more than most bytes are an errLong.
func (a httpAnswer) unpacked(most int) (body []byte, whole bool, err error) {
	codings := slices.Concat(list(a.header["Content-Encoding"]), list(a.header["Transfer-Encoding"]))
	body, whole = a.body, true
	for _, coding := range slices.Backward(codings) {
		out, err := unpack(body, coding, most)
		switch {
		case len(out) > most:
			return nil, true, errLong
		case err == nil:
			body = out
		case err == errPlain || coding != "chunked" && isPlain(body):
		case len(out) > 0:
			return out, false, fmt.Errorf("%s: %w", coding, err)
		default:
			return nil, true, fmt.Errorf("%s: %w", coding, err)
		}
	}
	return body, whole, nil
}

// list is the elements of a header's comma-separated values, in lower case.
func list(values []string) (out []string) {
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.ToLower(strings.TrimSpace(item)); item != "" {
				out = append(out, item)
			}
		}
	}
	return out
}

// errPacking says that a coding is not read.
var errPacking = errors.New("such packing is not read")

// errPlain says that a body is not in a coding.
var errPlain = errors.New("it is not packed")

// unpack undoes one coding, up to one byte more than most. On an error it returns
// what came before.
func unpack(body []byte, coding string, most int) ([]byte, error) {
	in := bufio.NewReader(bytes.NewReader(body))
	var r io.Reader
	switch coding {
	case "chunked":
		return dechunk(body)
	case "gzip", "x-gzip":
		if !bytes.HasPrefix(body, []byte("\x1f\x8b")) {
			return nil, errPlain
		}
		r = &gzipReader{file: in}
	case "zstd":
		if name, _ := sniff(body); name != "zstd" {
			return nil, errPlain
		}
		d := decoders.Get().(*zstd.Decoder)
		defer keep(d)
		if err := d.Reset(in); err != nil {
			return nil, err
		}
		r = d
	case "br":
		r = brotli.NewReader(in)
	case "deflate": // zlib's by RFC 9110, without its header by some servers
		z, err := zlib.NewReader(bytes.NewReader(body))
		if r = z; err != nil {
			r = flate.NewReader(in)
		}
	case "identity", "none", "binary", "8bit", "7bit", "utf-8", "utf8":
		return nil, errPlain
	default:
		return nil, errPacking
	}
	var out bytes.Buffer
	_, err := out.ReadFrom(io.LimitReader(r, int64(most)+1))
	return out.Bytes(), noEOF(err)
}

// dechunk joins the chunks of a body (RFC 9112, section 7.1).
func dechunk(body []byte) (out []byte, err error) {
	for first := true; ; first = false {
		line, rest := cutLine(body)
		number, _, _ := bytes.Cut(line, []byte(";")) // extensions
		n, err := strconv.ParseUint(string(bytes.TrimSpace(number)), 16, 63)
		switch {
		case err != nil && first:
			return nil, errPlain
		case err != nil && len(bytes.TrimSpace(body)) > 0:
			return out, fmt.Errorf("%w: a chunk begins with %q", errHTTP, excerpt(line[:min(len(line), 40)]))
		case err != nil:
			return out, io.ErrUnexpectedEOF
		case n == 0:
			return out, nil
		case n > uint64(len(rest)):
			return append(out, rest...), io.ErrUnexpectedEOF
		}
		out, body = append(out, rest[:n]...), rest[n:]
		body = bytes.TrimPrefix(bytes.TrimPrefix(body, []byte("\r")), []byte("\n"))
	}
}

var errHTTP = errors.New("damaged HTTP")

// isPlain says whether a body could be text: its first KiB has no binary data byte
// of the MIME Sniffing Standard (mimesniff.spec.whatwg.org, section 3).
func isPlain(body []byte) bool {
	for _, c := range body[:min(len(body), 1<<10)] {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r' && c != 0x1b {
			return false
		}
	}
	return true
}

// reasonOf is the reason for which a body could not be unpacked.
func reasonOf(err error) string {
	switch {
	case err == errLong:
		return TooLong
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Truncated
	case errors.Is(err, errPacking):
		return NotText
	}
	return Corrupt
}
