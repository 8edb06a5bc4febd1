package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// A service speaks one provider's interface about one bucket. A call is one
// attempt: its errors are *refusal, where the server answered, or errors of the
// connection.
type service interface {
	// stat describes an object, without its path. version names what it
	// holds now.
	stat(ctx context.Context, key string) (info Info, version string, err error)
	// read asks for the bytes [start, end) of a version; errChanged says that
	// there is another one by now.
	read(ctx context.Context, key, version string, start, end int64) (io.ReadCloser, error)
	// list is a page of what begins with prefix, sorted; Path is the key. next
	// asks for the page after it, "" is the first and the last.
	list(ctx context.Context, prefix, page string) (infos []Info, next string, err error)
	remove(ctx context.Context, key string) error
}

// A refusal is an answer of a server that is not a success. No part of it comes
// from the request, whose URL and header have secrets.
type refusal struct {
	status        int
	code, message string
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("the server says %d %s", r.status, http.StatusText(r.status))
	for _, s := range []string{r.code, r.message} {
		if s != "" {
			text += ": " + s
		}
	}
	return text
}

// Retries of what a server refuses for a while or a connection that breaks. The
// wait doubles each time: 13 seconds in all.
const (
	attempts  = 7
	firstWait = 200 * time.Millisecond
)

// A bucket is a Store of a service.
type bucket struct {
	service
	uploads     uploader
	base, query string // scheme://bucket and what follows the key, for names
}

func (b *bucket) path(key string) string { return b.base + "/" + key + b.query }

// wrap makes an error one of io/fs, so that it is told from a damaged file.
func (b *bucket) wrap(op, key string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	var u *url.Error
	if errors.As(err, &u) && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%s: %w", u.Op, u.Err) // its URL may hold a signature
	}
	var r *refusal
	switch {
	case errors.As(err, &r) && r.status == http.StatusNotFound:
		err = fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	case errors.As(err, &r) && (r.status == http.StatusForbidden || r.status == http.StatusUnauthorized):
		err = fmt.Errorf("%w: check the credentials and their rights (%w)", fs.ErrPermission, err)
	}
	return &fs.PathError{Op: op, Path: b.path(key), Err: err}
}

// passing says whether the same request may go well later.
func passing(err error) bool {
	for _, e := range []error{context.Canceled, context.DeadlineExceeded, errChanged, fs.ErrPermission, fs.ErrNotExist} {
		if errors.Is(err, e) {
			return false
		}
	}
	var r *refusal
	if !errors.As(err, &r) {
		return true
	}
	return r.status >= 500 && r.status != http.StatusNotImplemented || r.status == http.StatusTooManyRequests ||
		r.status == http.StatusRequestTimeout || r.code == "RequestTimeout"
}

// retry calls do until it succeeds, fails for good, or has failed for long.
func retry(ctx context.Context, do func() error) error {
	wait := firstWait
	for i := 1; ; i++ {
		err := do()
		if ctx.Err() != nil && err != nil {
			return ctx.Err()
		}
		if err == nil || !passing(err) {
			return err
		}
		if i == attempts {
			return fmt.Errorf("after %d attempts: %w", i, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait *= 2
		}
	}
}

// Open asks for the size of an object; its bytes are asked for when they are
// read. ctx is that of all reading.
func (b *bucket) Open(ctx context.Context, key string) (File, error) {
	o := &object{b: b, ctx: ctx, key: key}
	err := retry(ctx, func() (err error) {
		o.info, o.version, err = b.stat(ctx, key)
		return err
	})
	if err != nil {
		return nil, b.wrap("open", key, err)
	}
	o.info.Path = b.path(key)
	return o, nil
}

// An object is a File in a bucket.
type object struct {
	b       *bucket
	ctx     context.Context
	key     string
	info    Info
	version string
}

func (o *object) Info() Info   { return o.info }
func (o *object) Close() error { return nil }

func (o *object) ReadAt(p []byte, off int64) (n int, err error) {
	r := o.Stream(off, min(off+int64(len(p)), o.info.Bytes))
	defer r.Close()
	if n, err = io.ReadFull(r, p); err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}

func (o *object) Stream(start, end int64) io.ReadCloser {
	if end < 0 {
		end = o.info.Bytes
	}
	return &stream{o: o, at: start, end: end}
}

var errChanged = errors.New("the object was written anew while it was read: begin a new run")

// A stream reads a range of an object. Where the connection breaks it asks
// for the rest.
type stream struct {
	o       *object
	at, end int64
	r       io.ReadCloser
}

func (s *stream) Read(p []byte) (n int, err error) {
	if s.at >= s.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), s.end-s.at)]
	err = retry(s.o.ctx, func() (err error) {
		if s.r == nil {
			r, err := s.o.b.read(s.o.ctx, s.o.key, s.o.version, s.at, s.end)
			if err != nil {
				return err
			}
			s.r = r
		}
		n, err = s.r.Read(p)
		if n > 0 {
			return nil
		}
		if err == io.EOF || err == nil { // before the end of the range
			err = io.ErrUnexpectedEOF
		}
		s.r.Close()
		s.r = nil
		return err
	})
	s.at += int64(n)
	return n, s.o.b.wrap("read", s.o.key, err)
}

func (s *stream) Close() error {
	if s.r == nil {
		return nil
	}
	r := s.r
	s.r = nil
	return r.Close()
}

// List pages through the names.
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for page := ""; ; {
			var infos []Info
			var next string
			err := retry(ctx, func() (err error) {
				infos, next, err = b.list(ctx, prefix, page)
				return err
			})
			if err != nil {
				yield(Info{}, b.wrap("list", prefix, err))
				return
			}
			for _, info := range infos {
				if info.Bytes < 0 {
					yield(Info{}, b.wrap("list", info.Path, fmt.Errorf("the server gives it a size of %d bytes", info.Bytes)))
					return
				}
				info.Path = b.path(info.Path)
				if !yield(info, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if next == page {
				yield(Info{}, b.wrap("list", prefix, errors.New("the server gives the same page again and again")))
				return
			}
			page = next
		}
	}
}

// Remove removes an object.
func (b *bucket) Remove(ctx context.Context, key string) error {
	return b.wrap("remove", key, retry(ctx, func() error { return b.remove(ctx, key) }))
}
