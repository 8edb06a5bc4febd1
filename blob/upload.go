package blob

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// Uploads: parts of this size, some at a time, bound the memory of a Writer.
const (
	partBytes   = 16 << 20
	partsAtOnce = 2
)

// An uploader writes objects, whole or in parts. A call is one attempt, as of
// a service.
type uploader interface {
	put(ctx context.Context, key string, data []byte) error
	// begin begins an upload, of which so many parts may be sent at once.
	begin(ctx context.Context, key string) (u upload, atOnce int, err error)
}

// An upload is an object that comes in parts of partBytes, numbered from 0, of
// which only the last may be shorter. It appears when it is finished.
type upload interface {
	part(ctx context.Context, n int, data []byte) error
	finish(ctx context.Context, n int, last []byte) error
	abort(ctx context.Context) error
}

// A bucketWriter sends what fits one part in one request when it is closed,
// and more in parts while it is written.
type bucketWriter struct {
	b      *bucket
	key    string
	ctx    context.Context
	cancel context.CancelFunc

	fill  []byte // what is not sent yet, at most a part
	free  chan []byte
	up    upload // nil until a part is full
	sent  int    // parts
	group *errgroup.Group
	going context.Context // of the group: done when a part failed
}

// Create begins an upload, in parts if it is large.
func (b *bucket) Create(ctx context.Context, key string) (Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, b.wrap("create", key, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	return &bucketWriter{b: b, key: key, ctx: ctx, cancel: cancel, free: make(chan []byte, partsAtOnce)}, nil
}

func (w *bucketWriter) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if len(w.fill) == partBytes {
			if err := w.send(); err != nil {
				return n, w.b.wrap("write", w.key, err)
			}
		}
		k := min(len(p)-n, partBytes-len(w.fill))
		w.fill = append(w.fill, p[n:n+k]...)
		n += k
	}
	return n, nil
}

// send hands a full part over, and waits while enough of them are on the way.
func (w *bucketWriter) send() error {
	if w.up == nil {
		atOnce := 1
		err := retry(w.ctx, func() (err error) {
			w.up, atOnce, err = w.b.uploads.begin(w.ctx, w.key)
			return err
		})
		if err != nil {
			w.up = nil
			return err
		}
		w.group, w.going = errgroup.WithContext(w.ctx)
		w.group.SetLimit(atOnce)
	}
	if w.going.Err() != nil {
		return w.group.Wait()
	}
	n, data := w.sent, w.fill
	w.group.Go(func() error {
		err := retry(w.going, func() error { return w.up.part(w.going, n, data) })
		select {
		case w.free <- data:
		default:
		}
		return err
	})
	w.sent++
	select {
	case w.fill = <-w.free:
		w.fill = w.fill[:0]
	default:
		w.fill = make([]byte, 0, partBytes)
	}
	return nil
}

func (w *bucketWriter) Close() error {
	defer w.cancel()
	if w.up == nil {
		return w.b.wrap("write", w.key, retry(w.ctx, func() error { return w.b.uploads.put(w.ctx, w.key, w.fill) }))
	}
	err := w.group.Wait()
	if err == nil {
		err = retry(w.ctx, func() error { return w.up.finish(w.ctx, w.sent, w.fill) })
	}
	if err != nil {
		w.leave()
	}
	return w.b.wrap("write", w.key, err)
}

func (w *bucketWriter) Abort() error {
	w.cancel()
	if w.up != nil {
		_ = w.group.Wait() // says that it was canceled
		w.leave()
	}
	return nil
}

// leave takes back the parts of an upload that is not finished. A service
// removes by itself, in the end, what stays because it cannot be reached.
func (w *bucketWriter) leave() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), 10*time.Second)
	defer cancel()
	_ = w.up.abort(ctx) // the error that led here is the one to tell
}
