// Package repro repeats claims that papers make, with this project's code: each
// case has a criterion that was fixed before it was run, and says what was
// measured and whether the claim held.
package repro

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Case is a published claim.
type Case struct {
	Name      string `json:"name"`
	Claim     string `json:"claim"`     // what the paper says, in a sentence
	Source    string `json:"source"`    // authors, year, arXiv number, table or section
	Criterion string `json:"criterion"` // what must be measured for a pass, fixed in advance
	Data      []File `json:"data"`      // what it needs
	// Measure does the work. path names the file of each entry of Data.
	Measure func(ctx context.Context, path func(name string) string) ([]Check, error) `json:"-"`
}

// A File is public data that a case needs.
type File struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	SHA256 string `json:"sha256"`
}

// A Check is one figure of a claim, its own measurement beside it.
type Check struct {
	What      string  `json:"what"`
	Published float64 `json:"published"`
	Measured  float64 `json:"measured"`
	Least     float64 `json:"least"` // of the criterion, as the next
	Most      float64 `json:"most"`
}

// Holds tells whether the measurement is within the criterion.
func (c Check) Holds() bool { return c.Measured >= c.Least && c.Measured <= c.Most }

// A Result is a case that was run.
type Result struct {
	Case
	Checks  []Check `json:"checks"`
	Verdict string  `json:"verdict"` // "pass" if every check holds, else "miss"
}

// Cases lists the cases.
var Cases = []Case{
	regmix,
}

// Find returns the case of that name.
func Find(name string) (Case, error) {
	var names []string
	for _, c := range Cases {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Case{}, fmt.Errorf("no case is called %q; there are %s", name, strings.Join(names, ", "))
}

// Run runs the case with the data in a folder. Without a file of Data, or with
// another one of its name, it does nothing and the error is a *DataError.
func (c Case) Run(ctx context.Context, folder string) (*Result, error) {
	paths := map[string]string{}
	for _, f := range c.Data {
		path, err := f.find(folder)
		if err != nil {
			return nil, &DataError{Case: c, Folder: folder, File: f, Err: err}
		}
		paths[f.Name] = path
	}
	checks, err := c.Measure(ctx, func(name string) string { return paths[name] })
	if err != nil {
		return nil, fmt.Errorf("repeat %s: %w", c.Name, err)
	}
	r := &Result{Case: c, Checks: checks, Verdict: "pass"}
	for _, check := range checks {
		if !check.Holds() {
			r.Verdict = "miss"
		}
	}
	return r, nil
}

// Folders below the one that a user names in which data may lie, as in a clone
// of the repository that it comes from.
var places = []string{"", "tables", "data"}

// find returns the path of the file, whose content it compares.
func (f File) find(folder string) (string, error) {
	for _, place := range places {
		path := filepath.Join(folder, place, f.Name)
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
	text := fmt.Sprintf("repeat %s: %s; get its data with", e.Case.Name, why)
	for _, f := range e.Case.Data {
		text += "\n  curl -LO " + f.URL
	}
	return text
}

func (e *DataError) Unwrap() error { return e.Err }
