package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"time"

	cloud "gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/memblob"   // mem://
	_ "gocloud.dev/blob/s3blob"    // s3://
	"gocloud.dev/gcerrors"
)

// Retries of what a server refuses for a while or a connection that breaks,
// on top of those of the service's own client. The wait doubles each time.
const (
	attempts  = 5
	firstWait = 200 * time.Millisecond
)

// Uploads: parts of this size, some at a time, bound the memory of a Writer.
const (
	partBytes   = 16 << 20
	partsAtOnce = 2
)

// A bucket is a Store by gocloud.dev.
type bucket struct {
	c           *cloud.Bucket
	base, query string // scheme://bucket and what follows the key, for names
}

func (b *bucket) path(key string) string { return b.base + "/" + key + b.query }

// wrap makes an error one of io/fs, so that it is told from a damaged file.
func (b *bucket) wrap(op, key string, err error) error {
	if err == nil {
		return nil
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		err = fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
	case gcerrors.PermissionDenied:
		err = fmt.Errorf("%w: check the credentials and their rights (%w)", fs.ErrPermission, err)
	}
	return &fs.PathError{Op: op, Path: b.path(key), Err: err}
}

// passing says whether the same request may go well later.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errChanged) {
		return false
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound, gcerrors.PermissionDenied, gcerrors.InvalidArgument, gcerrors.FailedPrecondition,
		gcerrors.Unimplemented, gcerrors.AlreadyExists, gcerrors.Canceled:
		return false
	}
	return true
}

// retry calls do until it succeeds, fails for good, or has failed for long.
func retry(ctx context.Context, do func() error) error {
	wait := firstWait
	for i := 1; ; i++ {
		err := do()
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
	var a *cloud.Attributes
	err := retry(ctx, func() (err error) {
		a, err = b.c.Attributes(ctx, key)
		return err
	})
	if err != nil {
		return nil, b.wrap("open", key, err)
	}
	return &object{b: b, ctx: ctx, key: key, info: Info{Path: b.path(key), Bytes: a.Size, ModTime: a.ModTime.UTC(), ETag: a.ETag}}, nil
}

// An object is a File in a bucket.
type object struct {
	b    *bucket
	ctx  context.Context
	key  string
	info Info
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
	r       *cloud.Reader
}

func (s *stream) Read(p []byte) (n int, err error) {
	if s.at >= s.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	err = retry(s.o.ctx, func() (err error) {
		if s.r == nil {
			if s.r, err = s.o.b.c.NewRangeReader(s.o.ctx, s.o.key, s.at, s.end-s.at, nil); err != nil {
				s.r = nil
				return err
			}
			if s.r.Size() != s.o.info.Bytes || !s.r.ModTime().IsZero() && s.r.ModTime().UTC().Unix() != s.o.info.ModTime.Unix() {
				return errChanged
			}
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

type bucketWriter struct {
	b      *bucket
	key    string
	w      *cloud.Writer
	cancel context.CancelFunc
}

// Create begins an upload, in parts if it is large.
func (b *bucket) Create(ctx context.Context, key string) (Writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	w, err := b.c.NewWriter(ctx, key, &cloud.WriterOptions{BufferSize: partBytes, MaxConcurrency: partsAtOnce, ContentType: "application/octet-stream"})
	if err != nil {
		cancel()
		return nil, b.wrap("create", key, err)
	}
	return &bucketWriter{b, key, w, cancel}, nil
}

func (w *bucketWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	return n, w.b.wrap("write", w.key, err)
}

func (w *bucketWriter) Close() error {
	defer w.cancel()
	return w.b.wrap("write", w.key, closeUpload(w.w))
}

func (w *bucketWriter) Abort() error {
	w.cancel()
	_ = closeUpload(w.w) // says that it was canceled
	return nil
}

// closeUpload ends an upload. Where one has failed, gocloud.dev's driver of
// Azure (v0.47.0) closes a pipe that it has set to nil, and its error is lost.
func closeUpload(w *cloud.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the upload was refused or broke off: check that the container exists, and the rights of the credentials (%v)", p)
		}
	}()
	return w.Close()
}

// List pages through the names.
func (b *bucket) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for it := b.c.List(&cloud.ListOptions{Prefix: prefix}); ; {
			var o *cloud.ListObject
			err := retry(ctx, func() (err error) {
				if o, err = it.Next(ctx); err == io.EOF {
					return nil
				}
				return err
			})
			if err != nil {
				yield(Info{}, b.wrap("list", prefix, err))
				return
			}
			if o == nil {
				return
			}
			if o.IsDir {
				continue
			}
			if !yield(Info{Path: b.path(o.Key), Bytes: o.Size, ModTime: o.ModTime.UTC()}, nil) {
				return
			}
		}
	}
}

// Remove removes an object.
func (b *bucket) Remove(ctx context.Context, key string) error {
	return b.wrap("remove", key, retry(ctx, func() error { return b.c.Delete(ctx, key) }))
}
