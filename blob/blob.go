// Package blob reads and writes named byte streams: local files, memory, and
// objects in the buckets of S3, Google Cloud Storage and Azure.
//
// A name is a path of this machine, or a URL: s3://bucket/key, gs://bucket/key,
// azblob://container/key, mem://name/key (of this process, for tests).
// Credentials come from where the tools of each service look for them
// (environment, profile, identity of the machine). A query says more where it
// is needed, s3://bucket/key?endpoint=http://host:9000&use_path_style=true, and
// so does the environment variable AWS_ENDPOINT_URL. docs/corpus.md lists what a
// query may hold and where credentials are looked for.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Info describes a stream.
type Info struct {
	Path    string // as Open takes it
	Bytes   int64
	ModTime time.Time
	ETag    string // of an object: changes with its content; "" for a local file
}

// A File is open for reading. ReadAt and Stream may be used from several
// goroutines; the readers of Stream by one each.
type File interface {
	io.ReaderAt
	io.Closer
	Info() Info
	// Stream reads the bytes [start, end) in order; end -1 is the end. It
	// suits long ranges, ReadAt short ones.
	Stream(start, end int64) io.ReadCloser
}

// A Writer makes a stream appear as a whole, at Close, in place of what has
// its name. One of Close and Abort must be called.
type Writer interface {
	io.Writer
	Close() error
	Abort() error // nothing appears
}

// A Store is a place for streams. Errors are *fs.PathError; a name that does
// not exist is fs.ErrNotExist.
type Store interface {
	Open(ctx context.Context, name string) (File, error)
	Create(ctx context.Context, name string) (Writer, error)
	// List yields what begins with prefix, sorted by name; in a disk prefix is
	// a folder.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	Remove(ctx context.Context, name string) error
}

var schemes = []string{"s3", "gs", "azblob", "mem"}

// IsURL says whether a name is one of a bucket, not a path.
func IsURL(name string) bool {
	scheme, _, ok := strings.Cut(name, "://")
	if !ok {
		return false
	}
	for _, s := range schemes {
		if s == scheme {
			return true
		}
	}
	return false
}

// queryStart finds the query of a URL; a question mark alone is a part of a
// pattern.
var queryStart = regexp.MustCompile(`\?[A-Za-z_]+=[^?]*$`)

// Split takes a URL apart: bucket is scheme://bucket, key has no slash in
// front, query begins with a question mark unless it is empty.
func Split(name string) (bucket, key, query string) {
	if at := queryStart.FindStringIndex(name); at != nil {
		name, query = name[:at[0]], name[at[0]:]
	}
	scheme, rest, _ := strings.Cut(name, "://")
	host, key, _ := strings.Cut(rest, "/")
	return scheme + "://" + host, key, query
}

// Join appends elements to a path or to the key of a URL.
func Join(name string, elem ...string) string {
	if !IsURL(name) {
		return path.Join(append([]string{name}, elem...)...)
	}
	bucket, key, query := Split(name)
	return bucket + "/" + path.Join(append([]string{key}, elem...)...) + query
}

// buckets are those that were opened; they stay open. Bucket URL -> *bucket.
var (
	bucketsMu sync.Mutex
	buckets   = map[string]*bucket{}
)

// At finds the store of a path or URL, and the name in it.
func At(ctx context.Context, name string) (Store, string, error) {
	if !IsURL(name) {
		if scheme, _, ok := strings.Cut(name, "://"); ok && !strings.ContainsAny(scheme, "/\\") {
			return nil, "", fmt.Errorf("%s: there is no store %s://; use one of %s", name, scheme, strings.Join(schemes, "://, ")+"://")
		}
		return Disk{}, name, nil
	}
	base, key, query := Split(name)
	bucketsMu.Lock()
	defer bucketsMu.Unlock()
	b := buckets[base+query]
	if b == nil {
		var err error
		if b, err = openBucket(ctx, base, query); err != nil {
			return nil, "", fmt.Errorf("open the bucket %s: %w", base, err)
		}
		buckets[base+query] = b
	}
	return b, key, nil
}

// openBucket finds the service of a scheme. The bucket outlives ctx.
func openBucket(ctx context.Context, base, text string) (*bucket, error) {
	values, err := url.ParseQuery(strings.TrimPrefix(text, "?"))
	if err != nil {
		return nil, err
	}
	var s interface {
		service
		uploader
	}
	q := query(values)
	switch scheme, name, _ := strings.Cut(base, "://"); {
	case name == "":
		err = errors.New("the URL names no bucket")
	case scheme == "s3":
		s, err = openS3(name, q)
	case scheme == "gs":
		s, err = openGCS(context.WithoutCancel(ctx), name, q)
	case scheme == "azblob":
		s, err = openAzure(name, q)
	default:
		s, err = &memory{objects: map[string]memoryObject{}}, q.only()
	}
	if err != nil {
		return nil, err
	}
	return &bucket{service: s, uploads: s, base: base, query: text}, nil
}

// Open opens a path or URL for reading.
func Open(ctx context.Context, name string) (File, error) {
	s, key, err := At(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, key)
}

// Stat describes what is at a path or URL.
func Stat(ctx context.Context, name string) (Info, error) {
	if !IsURL(name) {
		st, err := os.Stat(name)
		if err != nil {
			return Info{}, err
		}
		return Info{Path: name, Bytes: st.Size(), ModTime: st.ModTime().UTC()}, nil
	}
	f, err := Open(ctx, name)
	if err != nil {
		return Info{}, err
	}
	return f.Info(), f.Close()
}

// ReadAll is the content of a path or URL.
func ReadAll(ctx context.Context, name string) ([]byte, error) {
	f, err := Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := f.Stream(0, -1)
	defer r.Close()
	return io.ReadAll(r)
}

// Create begins a new stream at a path or URL.
func Create(ctx context.Context, name string) (Writer, error) {
	s, key, err := At(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.Create(ctx, key)
}

// List yields what lies below a folder, or below a URL, sorted by name.
func List(ctx context.Context, name string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		s, key, err := At(ctx, name)
		if err != nil {
			yield(Info{}, err)
			return
		}
		s.List(ctx, key)(yield)
	}
}
