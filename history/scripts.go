package history

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/mix"
)

// readScripts reads Curator's mixtures: shell scripts nN.sh whose here-document
// has a line "share path" per domain; the domain is the path's last part.
// Domains that no script names are not known; one that a script leaves out
// has no share in it.
func (t *Table) readScripts(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.sh"))
	if err != nil {
		return err
	}
	slices.SortFunc(files, natural)
	var shares []map[string]float64
	for _, file := range files {
		one, paths, err := readScript(file)
		if err != nil {
			return err
		}
		if err := t.locate(paths); err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		for name := range one {
			if !slices.Contains(t.Domains, name) {
				t.Domains = append(t.Domains, name)
			}
		}
		shares = append(shares, one)
	}
	slices.SortFunc(t.Domains, natural)
	for i, file := range files {
		w := make([]float64, len(t.Domains))
		for j, name := range t.Domains {
			w[j] = shares[i][name]
		}
		m, err := normalize(w)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		t.Runs = append(t.Runs, Run{Name: strings.TrimSuffix(filepath.Base(file), ".sh"), Mixture: m})
	}
	return nil
}

// locate enters the paths of domains: one of the same name elsewhere is another
// domain.
func (t *Table) locate(paths map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		before, known := t.Paths[name]
		if known && before != paths[name] {
			return fmt.Errorf("domain %s is %s, but %s in another script", name, paths[name], before)
		}
		if t.Paths == nil {
			t.Paths = map[string]string{}
		}
		t.Paths[name] = paths[name]
	}
	return nil
}

// readScript returns the shares of the domains in one script, and their paths
// where these are more than their names.
func readScript(file string) (shares map[string]float64, paths map[string]string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, err
	}
	out := map[string]float64{}
	paths = map[string]string{}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line == "EOF" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "cat ") {
			continue
		}
		share, where, ok := strings.Cut(line, " ")
		v, err := strconv.ParseFloat(share, 64)
		if !ok || err != nil {
			return nil, nil, fmt.Errorf("read %s: line %d: want a share and a path, not %q", file, number, line)
		}
		where = strings.TrimSpace(where)
		name := path.Base(where)
		if _, twice := out[name]; twice {
			return nil, nil, fmt.Errorf("read %s: line %d: domain %s was there before", file, number, name)
		}
		out[name] = v
		if where != name {
			paths[name] = where
		}
	}
	return out, paths, nil
}

// script returns a mixture in the form of readScript.
func (t *Table) script(m mix.Mixture) string {
	var b strings.Builder
	b.WriteString("#!/bin/bash\ncat <<EOF\n")
	for i, w := range m {
		if w > 0 {
			fmt.Fprintf(&b, "%s %s\n", decimal(w), cmp.Or(t.Paths[t.Domains[i]], t.Domains[i]))
		}
	}
	b.WriteString("EOF\n")
	return b.String()
}

// decimal writes a share so that it reads back as the same number, without an
// exponent, which shells and spreadsheets do not all know.
func decimal(w float64) string { return strconv.FormatFloat(w, 'f', -1, 64) }
