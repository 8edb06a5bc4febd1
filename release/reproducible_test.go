//go:build release

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReproducible builds in this checkout with the user's build cache, and in a
// copy of its files elsewhere with an empty one and other settings, and holds the
// two binaries to the same bytes. It compiles everything anew: minutes.
func TestReproducible(t *testing.T) {
	target := targets[0]
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "second")
	if err := target.build("..", first); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "a", "copy", "elsewhere")
	copyFiles(t, "..", dir)
	t.Setenv("GOCACHE", t.TempDir())
	t.Setenv("GOFLAGS", "-tags=purego")
	t.Setenv("GOAMD64", "v3")
	if err := target.build(dir, second); err != nil {
		t.Fatal(err)
	}
	a, b := read(t, first), read(t, second)
	if !bytes.Equal(a, b) {
		t.Errorf("two builds differ: %d and %d bytes", len(a), len(b))
	}
	for _, path := range []string{dir, filepath.Dir(first)} {
		if bytes.Contains(a, []byte(path)) || bytes.Contains(b, []byte(path)) {
			t.Errorf("%s is in the binary", path)
		}
	}
	if finds := "text/template.(*state).evalField"; bytes.Contains(a, []byte(finds)) {
		t.Errorf("%s is linked: it finds methods by name, so every exported method of every type is kept, some 6 MB", finds)
	}
	t.Logf("%s: %d bytes", target.name(), len(a))
}

func read(t *testing.T, name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// copyFiles copies what Git does not ignore.
func copyFiles(t *testing.T, from, to string) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = from
	names, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		src, err := os.Open(filepath.Join(from, name))
		if os.IsNotExist(err) {
			continue // deleted, not yet committed
		} else if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o777); err != nil {
			t.Fatal(err)
		}
		dst, err := os.Create(filepath.Join(to, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(dst, src); err != nil {
			t.Fatal(err)
		}
		if err := dst.Close(); err != nil {
			t.Fatal(err)
		}
		_ = src.Close()
	}
}
