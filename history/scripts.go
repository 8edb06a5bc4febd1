package history

import (
	"fmt"
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
func readScripts(folder string) (*Table, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.sh"))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, natural)
	t := &Table{}
	var shares []map[string]float64
	for _, file := range files {
		one, err := readScript(file)
		if err != nil {
			return nil, err
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
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		t.Runs = append(t.Runs, Run{Name: strings.TrimSuffix(filepath.Base(file), ".sh"), Mixture: m})
	}
	return t, nil
}

func readScript(file string) (map[string]float64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
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
			return nil, fmt.Errorf("read %s: line %d: want a share and a path, not %q", file, number, line)
		}
		name := path.Base(strings.TrimSpace(where))
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("read %s: line %d: domain %s was there before", file, number, name)
		}
		out[name] = v
	}
	return out, nil
}

// script returns a mixture in the form of readScript.
func script(domains []string, m mix.Mixture) string {
	var b strings.Builder
	b.WriteString("#!/bin/bash\ncat <<EOF\n")
	for i, w := range m {
		if w > 0 {
			fmt.Fprintf(&b, "%s %s\n", decimal(w), domains[i])
		}
	}
	b.WriteString("EOF\n")
	return b.String()
}

// decimal writes a share so that it reads back as the same number, without an
// exponent, which shells and spreadsheets do not all know.
func decimal(w float64) string { return strconv.FormatFloat(w, 'f', -1, 64) }
