package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The picture in README.md is drawn from the committed results.
func TestFigureIsOfTheCommittedResults(t *testing.T) {
	var b bytes.Buffer
	if err := drawFigure(filepath.Join("..", "results", "evidence.json"), &b); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("..", "..", "docs", "gains.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Fatal("docs/gains.svg is not what bench/results/evidence.json says: make docs")
	}
	d := xml.NewDecoder(bytes.NewReader(want))
	for err = error(nil); err == nil; {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal("docs/gains.svg is not XML:", err)
	}
	for _, s := range []string{"+0.069 [+0.037, +0.101]", "-0.042 [-0.076, -0.008]", "test files of 16 tasks"} { // docs/evidence.md
		if !strings.Contains(b.String(), s) {
			t.Errorf("docs/gains.svg does not say %s", s)
		}
	}
}

func TestFigureRefusesWhatIsNoStudy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(path, []byte(`{"general": {"climb": {"gains": {"natural": {"mean": 1, "ci": [0, 2]}}}}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := drawFigure(path, io.Discard); err == nil || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
}
