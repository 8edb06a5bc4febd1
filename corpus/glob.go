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

// match matches path elements with patterns, of which ** is any number.
func match(pattern, elems []string) bool {
	if len(pattern) == 0 || len(elems) == 0 {
		return len(pattern) == len(elems) || len(elems) == 0 && pattern[0] == "**" && match(pattern[1:], nil)
	}
	if pattern[0] == "**" {
		return match(pattern[1:], elems) || match(pattern, elems[1:])
	}
	ok, err := path.Match(pattern[0], elems[0])
	return err == nil && ok && match(pattern[1:], elems[1:])
}
