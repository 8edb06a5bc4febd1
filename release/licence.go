package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenceFile lists the modules that are linked into the binaries, and has the
// licence texts that must go with them.
const licenceFile = "LICENCES.txt"

// modules are what is linked into the binaries of any target, by path.
type modules map[string]*module

type module struct {
	version string
	folder  string          // in the module cache
	files   map[string]bool // licence texts, relative to folder
}

// licenceName finds licence texts by name.
var licenceName = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying|notice|patents|third.party)`)

// add takes in the modules that the build information of a binary names, with
// the licence texts in the folders of linked packages and in those above them.
func (m *modules) add(dir, binary string, t target) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read the build information of %s: %w", binary, err)
	}
	if *m == nil {
		root, err := t.run(dir, "env", "GOROOT")
		if err != nil {
			return fmt.Errorf("find Go's own licence: %w", err)
		}
		*m = modules{"Go": {version: info.GoVersion, folder: string(bytes.TrimSpace(root)), files: map[string]bool{"LICENSE": true}}}
	}
	packages, err := t.run(dir, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}", program)
	if err != nil {
		return fmt.Errorf("list the packages of %s: %w", binary, err)
	}
	folders := map[string][]string{} // of a module: its own first, then those of its packages
	for line := range strings.Lines(string(packages)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
			folders[f[0]] = append(folders[f[0]], f[1:]...)
		}
	}
	for _, d := range info.Deps {
		if len(folders[d.Path]) == 0 {
			return fmt.Errorf("find %s, a module of %s: no package of it is linked", d.Path, binary)
		}
		known := (*m)[d.Path]
		if known == nil {
			known = &module{version: d.Version, folder: folders[d.Path][0], files: map[string]bool{}}
			(*m)[d.Path] = known
		}
		for _, folder := range folders[d.Path] {
			if err := known.look(folder); err != nil {
				return fmt.Errorf("look for the licence of %s: %w", d.Path, err)
			}
		}
	}
	return nil
}

// look finds licence texts in a folder and those above it, up to the module's.
func (m *module) look(folder string) error {
	for {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return err
		}
		within, err := filepath.Rel(m.folder, folder)
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := e.Name()
			if !licenceName.MatchString(name) || strings.HasSuffix(name, ".go") {
				continue
			}
			found := []string{name}
			if e.IsDir() { // gonum's THIRD_PARTY_LICENSES
				if found, err = filepath.Glob(filepath.Join(folder, name, "*LICEN[CS]E*")); err != nil {
					return err
				}
			}
			for _, f := range found {
				m.files[filepath.ToSlash(filepath.Join(within, strings.TrimPrefix(f, folder)))] = true
			}
		}
		if within == "." {
			return nil
		}
		folder = filepath.Dir(folder)
	}
}

// licences is the list, a line a module, and then every text once. A module
// without a licence that is known by its words is an error: it may not be given
// away unread.
func (m modules) licences() ([]byte, error) {
	var list, texts bytes.Buffer
	var problems []error
	list.WriteString("What is linked into climb: module, version, licences by their SPDX names, files of its licence texts.\nThe texts follow.\n\n")
	for _, path := range slices.SortedFunc(maps.Keys(m), strings.Compare) {
		mod := m[path]
		names := slices.Sorted(maps.Keys(mod.files))
		found := map[string]bool{}
		for _, name := range names {
			text, err := os.ReadFile(filepath.Join(mod.folder, filepath.FromSlash(name)))
			if err != nil {
				return nil, fmt.Errorf("read the licence of %s: %w", path, err)
			}
			for _, id := range spdx(string(text)) {
				found[id] = true
			}
			fmt.Fprintf(&texts, "\n\n==== %s %s: %s\n\n%s\n", path, mod.version, name, bytes.TrimSpace(text))
		}
		if len(found) == 0 {
			problems = append(problems, fmt.Errorf("list the licences: that of %s is not known (%q); read it and add its words to release/licence.go", path, names))
		}
		fmt.Fprintf(&list, "%s\t%s\t%s\t%s\n", path, mod.version,
			strings.Join(slices.Sorted(maps.Keys(found)), " AND "), strings.Join(names, " "))
	}
	return append(list.Bytes(), texts.Bytes()...), errors.Join(problems...)
}

// words tell licences apart, in lower case and with single spaces: a text has the
// licence if it has the phrase and lacks what tells it from another. The names
// are those of https://spdx.org/licenses.
var words = []struct{ id, phrase, lacks string }{
	{"Apache-2.0", "apache license version 2.0", ""},
	{"Apache-2.0", "apache license, version 2.0", ""},
	{"BSD-2-Clause", "redistribution and use in source and binary forms", endorse},
	{"BSD-3-Clause", endorse, ""},
	{"BSL-1.0", "boost software license - version 1.0", ""},
	{"ISC", "permission to use, copy, modify, and distribute this software for any purpose with or without fee", ""},
	{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee", ""},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated", ""},
	{"MPL-2.0", "mozilla public license version 2.0", ""},
}

// endorse is in the third clause of BSD's licence.
const endorse = "may be used to endorse or promote products derived from this software without specific prior written permission"

// spdx guesses the names of the licences in a text, which may have several.
func spdx(text string) (ids []string) {
	text = strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for _, w := range words {
		if strings.Contains(text, w.phrase) && (w.lacks == "" || !strings.Contains(text, w.lacks)) && !slices.Contains(ids, w.id) {
			ids = append(ids, w.id)
		}
	}
	return ids
}
