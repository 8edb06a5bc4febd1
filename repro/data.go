package repro

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A File is public data that a case needs.
type File struct {
	Name   string `json:"name"`          // with the folders that it lies in
	URL    string `json:"url,omitempty"` // none: it is of the project's test data
	SHA256 string `json:"sha256"`
}

// Folders below the one that a user names in which data may lie, as in a clone
// of the repository that it comes from.
var places = []string{"", "tables", "data"}

// find returns the path of the file, whose content it compares.
func (f File) find(folder string) (string, error) {
	for _, place := range places {
		path := filepath.Join(folder, place, filepath.FromSlash(f.Name))
		in, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, in)
		if err := errors.Join(err, in.Close()); err != nil {
			return "", err
		}
		if got := hex.EncodeToString(sum.Sum(nil)); got != f.SHA256 {
			return "", fmt.Errorf("%s is another file: its SHA-256 is %s, not %s", path, got, f.SHA256)
		}
		return path, nil
	}
	return "", fs.ErrNotExist
}

// A DataError says which file a case lacks, and where to get its data.
type DataError struct {
	Case   Case
	Folder string
	File   File
	Err    error
}

func (e *DataError) Error() string {
	why := fmt.Sprintf("%s is not in %s", e.File.Name, e.Folder)
	if !errors.Is(e.Err, fs.ErrNotExist) {
		why = e.Err.Error()
	}
	text := fmt.Sprintf("repeat %s: %s; name the folder with --data. Its data:", e.Case.Name, why)
	for _, f := range e.Case.Data {
		if f.URL != "" {
			text += "\n  curl -LO " + f.URL
		} else {
			text += "\n  " + f.Name + " of the project's test data"
		}
	}
	return text
}

func (e *DataError) Unwrap() error { return e.Err }
