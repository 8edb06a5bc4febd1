package mmap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"", "some bytes"} {
		name := filepath.Join(dir, "file")
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if string(f.Data) != text {
			t.Errorf("Data = %q, want %q", f.Data, text)
		}
		for range 2 { // the second does nothing
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if f, err := Open(dir); err == nil {
		f.Close()
		t.Error("a folder was opened")
	}
}
