package corpus

import (
	"bytes"
	"io"
)

// lines cuts a stream into lines in bounded memory.
type lines struct {
	r       io.Reader
	err     error // of the last Read
	buf     []byte
	at, end int   // buf[at:end] is read and not yet returned
	off     int64 // stream offset of buf[at]
	max     int   // longest line returned whole, bytes
}

const firstBuffer = 256 << 10

// reset starts on r, whose first byte is at stream offset off.
func (l *lines) reset(r io.Reader, off int64) {
	l.r, l.err, l.at, l.end, l.off = r, nil, 0, 0, off
	if l.buf == nil {
		l.buf = make([]byte, min(firstBuffer, l.max+1))
	}
}

// next returns the next line, without its newline, and the offset of its
// start. Of a line of more than max bytes it returns long and the beginning.
// line is valid until the next call. A last line without newline is a line.
// After an error other than io.EOF the unfinished line is lost.
func (l *lines) next() (line []byte, start int64, long bool, err error) {
	start = l.off
	for seen := 0; ; {
		if i := bytes.IndexByte(l.buf[l.at+seen:l.end], '\n'); i >= 0 {
			line = l.buf[l.at : l.at+seen+i]
			l.advance(len(line) + 1)
			break
		}
		if seen = l.end - l.at; seen > l.max {
			line = bytes.Clone(l.buf[l.at : l.at+min(seen, 256)])
			return line, start, true, l.discard(always)
		}
		if l.err == io.EOF && seen > 0 {
			line = l.buf[l.at:l.end]
			l.advance(seen)
			break
		}
		if l.err != nil {
			return nil, start, false, l.err
		}
		l.fill()
	}
	return line, start, false, nil
}

func (l *lines) advance(n int) {
	l.at += n
	l.off += int64(n)
}

// discard drops the bytes up to and including the next newline, or those
// before which no line is wanted.
func (l *lines) discard(wanted func(offset int64) bool) error {
	for wanted(l.off) {
		if i := bytes.IndexByte(l.buf[l.at:l.end], '\n'); i >= 0 {
			l.advance(i + 1)
			return nil
		}
		l.advance(l.end - l.at)
		if l.err == io.EOF {
			return nil
		}
		if l.err != nil {
			return l.err
		}
		l.fill()
	}
	return nil
}

// always wants every line.
func always(int64) bool { return true }

// fill reads more bytes, and makes room for them.
func (l *lines) fill() {
	if l.at > 0 {
		l.end = copy(l.buf, l.buf[l.at:l.end])
		l.at = 0
	}
	if l.end == len(l.buf) {
		bigger := make([]byte, min(2*len(l.buf), l.max+1))
		copy(bigger, l.buf)
		l.buf = bigger
	}
	for range 100 {
		var n int
		n, l.err = l.r.Read(l.buf[l.end:])
		l.end += n
		if n > 0 || l.err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}
