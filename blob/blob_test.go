package blob

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// fakeS3 is a server in this process; before may answer a request in its
// place. It returns the URL of a bucket, to which a key is added with Join.
func fakeS3(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	setCredentials(t)
	backend := s3mem.New()
	if err := backend.CreateBucket("bucket"); err != nil {
		t.Fatal(err)
	}
	real := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return "s3://bucket/?region=us-east-1&endpoint=" + s.URL
}

// setCredentials takes those of s3rver where the environment has none.
func setCredentials(t *testing.T) {
	if os.Getenv("AWS_ACCESS_KEY_ID") == "" {
		t.Setenv("AWS_ACCESS_KEY_ID", "S3RVER")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "S3RVER")
	}
}

// s3rver starts that server, of a folder in which npm has installed it, and
// returns the URL of an empty bucket.
func s3rver(t *testing.T, folder string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	c := exec.Command("node", filepath.Join(folder, "node_modules", ".bin", "s3rver"),
		"--directory", t.TempDir(), "--address", "127.0.0.1", "--port", port, "--configure-bucket", "climb")
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
	})
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return "s3://climb/?region=us-east-1&endpoint=http://" + address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("s3rver of %s does not answer", folder)
	return ""
}

// TestConformance runs over every store: those of this process, a server that
// CLIMB_TEST_S3 names as the URL of an empty bucket, and s3rver where
// CLIMB_TEST_S3RVER names the folder in which it was installed.
func TestConformance(t *testing.T) {
	roots := map[string]string{"disk": t.TempDir(), "memory": "mem://conformance/", "s3": fakeS3(t, nil), "gs": fakeGCS(t, nil), "azure": fakeAzure(t, nil)}
	if server := os.Getenv("CLIMB_TEST_S3"); server != "" {
		roots["server"] = server
	}
	if folder := os.Getenv("CLIMB_TEST_S3RVER"); folder != "" {
		roots["s3rver"] = s3rver(t, folder)
	}
	for name, root := range roots {
		t.Run(name, func(t *testing.T) { conform(t, root) })
	}
}

func conform(t *testing.T, root string) {
	ctx := context.Background()
	big := bytes.Repeat([]byte("0123456789abcdef"), 2*partBytes/16+1000) // three parts
	content := map[string][]byte{"a/one": []byte("hello"), "a/b/two": {}, "big": big, "c d/é ?": []byte("name")}
	for key, data := range content {
		put(t, Join(root, key), data)
	}
	for key, data := range content {
		got, err := ReadAll(ctx, Join(root, key))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, want %d, %v", key, len(got), len(data), err)
		}
		info, err := Stat(ctx, Join(root, key))
		if err != nil || info.Bytes != int64(len(data)) || info.ModTime.IsZero() || info.Path != Join(root, key) {
			t.Errorf("%s: %+v, %v", key, info, err)
		}
	}
	testRanges(t, Join(root, "big"), big)
	testList(t, root)
	if _, err := Open(ctx, Join(root, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent name: %v", err)
	}
	put(t, Join(root, "a/one"), []byte("again"))
	if got, err := ReadAll(ctx, Join(root, "a/one")); string(got) != "again" {
		t.Errorf("written anew: %q, %v", got, err)
	}
	w, err := Create(ctx, Join(root, "aborted"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
	if _, err := Stat(ctx, Join(root, "aborted")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Abort: %v", err)
	}
	for key := range content {
		s, name, err := At(ctx, Join(root, key))
		if err == nil {
			err = s.Remove(ctx, name)
		}
		if err != nil {
			t.Error(err)
		}
		if _, err := Stat(ctx, Join(root, key)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Remove: %v", err)
		}
	}
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	w, err := Create(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func testRanges(t *testing.T, name string, data []byte) {
	f, err := Open(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := iotest.TestReader(io.NewSectionReader(f, 100, 50), data[100:150]); err != nil {
		t.Error(err)
	}
	size := int64(len(data))
	for _, c := range [][2]int64{{0, -1}, {0, 10}, {size - 3, -1}, {1 << 20, 3 << 20}, {size, -1}} {
		r := f.Stream(c[0], c[1])
		got, err := io.ReadAll(r)
		want := data[c[0]:]
		if c[1] >= 0 {
			want = data[c[0]:c[1]]
		}
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("range %v: %d bytes, want %d, %v", c, len(got), len(want), err)
		}
	}
	p := make([]byte, 8)
	if n, err := f.ReadAt(p, size-4); n != 4 || err != io.EOF || !bytes.Equal(p[:4], data[size-4:]) {
		t.Errorf("over the end: %d bytes, %v", n, err)
	}
}

func testList(t *testing.T, root string) {
	for prefix, want := range map[string]string{"": "a/b/two a/one big c d/é ?", "a": "a/b/two a/one"} {
		var got []string
		for info, err := range List(context.Background(), Join(root, prefix)) {
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.ToSlash(strings.TrimPrefix(info.Path, root))
			if IsURL(root) {
				_, name, _ = Split(info.Path)
			}
			got = append(got, strings.TrimPrefix(name, "/"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("below %q: %q, want %q", prefix, got, want)
		}
	}
}

// A server that is busy, or breaks connections in the middle of a body, is
// asked again; what is read is whole.
func TestRetries(t *testing.T) {
	data := bytes.Repeat([]byte("some bytes "), 100000)
	var gets atomic.Int64
	fail := false
	root := fakeS3(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !fail || r.Method != http.MethodGet {
			return false
		}
		switch gets.Add(1) {
		case 1:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case 2:
			http.Error(w, "broken", http.StatusInternalServerError)
		case 3: // half of the body, then the end of the connection
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(data)-1, len(data)))
			w.Header().Set("Last-Modified", fakeTime.Format(http.TimeFormat))
			w.Header().Set("Etag", fmt.Sprintf(`"%x"`, md5.Sum(data)))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(data[:len(data)/2])
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	})
	put(t, Join(root, "x"), data)
	fail = true
	got, err := ReadAll(context.Background(), Join(root, "x"))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(data), err)
	}
	if gets.Load() < 4 {
		t.Errorf("%d requests: the failures were not met", gets.Load())
	}
}

// A server that stays broken is an error that names the object.
func TestServerStaysBroken(t *testing.T) {
	root := fakeS3(t, func(w http.ResponseWriter, r *http.Request) bool {
		http.Error(w, "no", http.StatusForbidden)
		return true
	})
	_, err := ReadAll(context.Background(), Join(root, "x"))
	var e *fs.PathError
	if !errors.As(err, &e) || !strings.Contains(e.Path, "s3://bucket/x") || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

// An upload that a server refuses is an error that names the object.
func TestRefusedUpload(t *testing.T) {
	refuse := func(w http.ResponseWriter, r *http.Request) bool {
		http.Error(w, "no", http.StatusForbidden)
		return true
	}
	for _, root := range []string{fakeS3(t, refuse), fakeAzure(t, nil), fakeGCS(t, refuse)} {
		name := Join(root, "refused")
		w, err := Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write([]byte("x"))
		if closed := w.Close(); err == nil {
			err = closed
		}
		var e *fs.PathError
		if !errors.As(err, &e) || e.Path != name || !strings.Contains(err.Error(), "rights") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What another process writes while an object is read is not mixed into it.
func TestChangedWhileRead(t *testing.T) {
	for _, root := range []string{fakeS3(t, nil), fakeGCS(t, nil), fakeAzure(t, nil), "mem://changed/"} {
		for _, content := range []string{"another", "of the same size.", "a longer one than the first"} {
			name := Join(root, "x")
			put(t, name, []byte("the first content"))
			f, err := Open(context.Background(), name)
			if err != nil {
				t.Fatal(err)
			}
			put(t, name, []byte(content))
			if _, err := io.ReadAll(f.Stream(10, -1)); !errors.Is(err, errChanged) {
				t.Errorf("%s, %q: got %v", name, content, err)
			}
		}
	}
}

func TestSplit(t *testing.T) {
	for name, want := range map[string][3]string{
		"s3://b/k/x?.jsonl":                     {"s3://b", "k/x?.jsonl", ""},
		"s3://b/k?endpoint=http://h:1&region=r": {"s3://b", "k", "?endpoint=http://h:1&region=r"},
		"gs://b":                                {"gs://b", "", ""},
	} {
		bucket, key, query := Split(name)
		if got := [3]string{bucket, key, query}; got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if _, err := Open(context.Background(), "ftp://x/y"); err == nil || !strings.Contains(err.Error(), "ftp://") {
		t.Errorf("an unknown scheme: %v", err)
	}
}
