package demo

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// tree writes a small tree like that of a Go installation.
func tree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	prose := strings.Repeat("// This comment explains at length what the function does and why.\n", 8)
	files := map[string]string{
		"src/a/a.go":              "// Copyright notice.\n\npackage a\n\n" + prose + "func F() int {\n" + strings.Repeat("\tx := 1\n", 40) + "}\n",
		"src/a/a_test.go":         "package a\n" + strings.Repeat("func TestF() {}\n", 30),
		"src/a/a_amd64.s":         strings.Repeat("\tMOVQ AX, BX\n", 40),
		"src/a/testdata/nums.txt": strings.Repeat("31415926535\n", 40),
		"src/zgenerated.go":       "package z\n" + strings.Repeat("var x = 1\n", 40),
		"doc/spec.html":           "<h1>Spec</h1>" + strings.Repeat("<p>A &amp; B are terms.</p>\n", 30),
		"LICENSE":                 strings.Repeat("Redistribution and use are permitted.\n", 20),
		"bin/go":                  strings.Repeat("binary", 100),
		"src/a/notes.md":          "\xff\xfe" + strings.Repeat("not UTF-8 ", 50),
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func read(t *testing.T, path string) (docs []Document) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(data)); dec.More(); {
		var d Document
		if err := dec.Decode(&d); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, d)
	}
	return docs
}

func TestWrite(t *testing.T) {
	root := tree(t)
	c := At(t.TempDir())
	if c.Complete() {
		t.Error("an empty folder is complete")
	}
	if err := Write(root, c); err != nil {
		t.Fatal(err)
	}
	if !c.Complete() {
		t.Error("not complete after Write")
	}
	for source, want := range map[string]string{"code": "x := 1", "tests": "TestF", "assembly": "MOVQ", "tables": "31415926535",
		"manuals": "A & B are terms.", "licences": "Redistribution", "comments": "explains at length"} {
		docs := read(t, filepath.Join(c.Inputs, source+".jsonl"))
		if source == "comments" || source == "manuals" { // may be held out
			docs = append(append(docs, read(t, c.Validation)...), read(t, c.Test)...)
		}
		if len(docs) == 0 || !strings.Contains(docs[0].Text, want) && !strings.Contains(docs[len(docs)-1].Text, want) {
			t.Errorf("%s: %d documents without %q", source, len(docs), want)
		}
	}
	if code := read(t, filepath.Join(c.Inputs, "code.jsonl")); strings.Contains(code[0].Text, "explains") || len(code) != 1 {
		t.Errorf("code holds comments, or generated files: %+v", code)
	}
	again := At(t.TempDir())
	if err := Write(root, again); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"corpus/code.jsonl", "corpus/comments.jsonl", "prose.test.jsonl"} {
		a, err := os.ReadFile(filepath.Join(filepath.Dir(c.Inputs), name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(filepath.Dir(again.Inputs), name))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs the second time (%v)", name, err)
		}
	}
}

func TestNoInstallation(t *testing.T) {
	if err := Write(t.TempDir(), At(t.TempDir())); err == nil || !strings.Contains(err.Error(), "no Go sources") {
		t.Errorf("an empty folder as installation: %v", err)
	}
}

func TestCut(t *testing.T) {
	text := strings.Repeat("word ", 100) + "\n\n\n\n" + strings.Repeat("é", 20000) + "\n" + strings.Repeat("line\n", 3000)
	for i, d := range cut(text) {
		if len(d) > maxDocument || len(d) < minDocument || !utf8.ValidString(d) || strings.Contains(d, "\n\n\n") {
			t.Errorf("document %d: %d bytes, valid UTF-8 %v", i, len(d), utf8.ValidString(d))
		}
	}
}
