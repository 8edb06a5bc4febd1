package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	mit = "Permission is hereby granted, free of charge, to any person obtaining\na copy of this software and associated documentation files"
	two = "Redistribution and use in source and binary forms, with or without\nmodification, are permitted"
)

func TestSPDX(t *testing.T) {
	apache, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"ours", string(apache), []string{"Apache-2.0"}},
		{"short Apache", "Licensed under the Apache License, Version 2.0 (the \"License\")", []string{"Apache-2.0"}},
		{"MIT", mit, []string{"MIT"}},
		{"two clauses", two, []string{"BSD-2-Clause"}},
		{"three clauses", two + " ... " + endorse, []string{"BSD-3-Clause"}},
		{"both", mit + "\n" + two, []string{"BSD-2-Clause", "MIT"}},
		{"reserved", "All rights reserved.", nil},
	} {
		if got := spdx(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestLicences has a module whose only licence lies beside a package and one
// with a licence that nobody knows, which may not be given away.
func TestLicences(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"good/inner/LICENSE.txt": mit, "good/inner/deep/a.go": "", "good/other/LICENSE": two, "good/NOTICE": "by us", "good/inner/license.go": two,
		"good/THIRD_PARTY_LICENSES/A-LICENSE": "Boost Software License - Version 1.0 - August 17th, 2003",
		"bad/LICENSE":                         "All rights reserved.",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	good := &module{version: "v1.0.0", folder: filepath.Join(dir, "good"), files: map[string]bool{}}
	if err := good.look(filepath.Join(dir, "good/inner/deep")); err != nil {
		t.Fatal(err)
	}
	text, err := modules{"example.com/good": good}.licences()
	if err != nil {
		t.Fatal(err)
	}
	line := "example.com/good\tv1.0.0\tBSL-1.0 AND MIT\tNOTICE THIRD_PARTY_LICENSES/A-LICENSE inner/LICENSE.txt\n"
	if !strings.Contains(string(text), line) || !strings.Contains(string(text), mit) || !strings.Contains(string(text), "by us") {
		t.Errorf("no line %q or not every text in\n%s", line, text)
	}
	bad := &module{version: "v1.0.0", folder: filepath.Join(dir, "bad"), files: map[string]bool{"LICENSE": true}}
	if _, err := (modules{"example.com/bad": bad}).licences(); err == nil || !strings.Contains(err.Error(), "example.com/bad") {
		t.Errorf("a licence that is not known: %v", err)
	}
}
