package corpus

import (
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// glob is filepath.Glob with ** for any number of folders. Like the shell it
// leaves out hidden files unless the pattern names them.
func glob(pattern string) ([]string, error) {
	parts := strings.Split(filepath.ToSlash(filepath.Clean(pattern)), "/")
	i := slices.Index(parts, "**")
	if i < 0 {
		paths, err := filepath.Glob(pattern)
		if strings.HasPrefix(parts[len(parts)-1], ".") {
			return paths, err
		}
		return slices.DeleteFunc(paths, func(p string) bool { return strings.HasPrefix(filepath.Base(p), ".") }), err
	}
	top := strings.Join(parts[:i], "/")
	switch {
	case i == 0:
		top = "."
	case top == "":
		top = "/"
	}
	roots, err := filepath.Glob(filepath.FromSlash(top))
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, root := range roots {
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if p != root && strings.HasPrefix(d.Name(), ".") {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			rel, err := filepath.Rel(root, p)
			if err == nil && !d.IsDir() && match(parts[i:], strings.Split(filepath.ToSlash(rel), "/")) {
				paths = append(paths, p)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// match matches path elements with patterns, of which ** is any number. Where
// the rest does not match, only the last ** can stand for more.
func match(pattern, elems []string) bool {
	star, rest := -1, 0 // of the last **: its place, and the first element behind it
	for p, i := 0, 0; ; {
		switch {
		case p == len(pattern) && i == len(elems):
			return true
		case p < len(pattern) && pattern[p] == "**":
			star, rest = p, i
			p++
		case p < len(pattern) && i < len(elems) && matchOne(pattern[p], elems[i]):
			p++
			i++
		case star >= 0 && rest < len(elems):
			rest++
			p, i = star+1, rest
		default:
			return false
		}
	}
}

// matchOne is path.Match; what is not a pattern matches nothing.
func matchOne(pattern, elem string) bool {
	ok, err := path.Match(pattern, elem)
	return ok && err == nil
}
