package corpus

import (
	"bytes"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/climb-go/climb/blob"
)

// A partition is one key=value folder above a file: a column that Hive, Spark and
// others keep in the path and not in the file.
type partition struct {
	key    []byte // as in JSON, without quotes
	value  string
	member []byte // "key":"value"
}

// hiveDefault stands for null in the name of a folder.
const hiveDefault = "__HIVE_DEFAULT_PARTITION__"

// partitions are the columns that a path says, the last of equal keys. Values are
// strings, as nothing says what else they are; names are escaped as in URLs.
func partitions(path string) (out []partition) {
	if blob.IsURL(path) {
		_, path, _ = blob.Split(path)
	}
	dir, _ := filepath.Split(filepath.ToSlash(path))
	for folder := range strings.SplitSeq(dir, "/") {
		key, value, ok := strings.Cut(folder, "=")
		if !ok || key == "" || value == hiveDefault {
			continue
		}
		key, value = unescapePath(key), unescapePath(value)
		quoted := AppendString(nil, key)
		p := partition{key: quoted[1 : len(quoted)-1], value: value, member: AppendString(append(slices.Clone(quoted), ':'), value)}
		out = slices.DeleteFunc(out, func(q partition) bool { return bytes.Equal(p.key, q.key) })
		out = append(out, p)
	}
	return out
}

func unescapePath(s string) string {
	if u, err := url.PathUnescape(s); err == nil && utf8.ValidString(u) {
		return u
	}
	return s
}

// addPartitions gives a document the columns of its path that its line does not have.
func (r *reader) addPartitions(d *Document) {
	for _, p := range r.partitions {
		switch string(p.key) {
		case r.o.SourceField:
			if d.Source == "" {
				d.Source = p.value
			}
			continue
		case r.o.TextField, r.o.IDField:
			continue
		}
		if r.o.Fields == "drop" {
			continue
		}
		if len(d.Fields) == 0 {
			d.Fields = append(append([]byte{'{'}, p.member...), '}')
			continue
		}
		inner, has := d.Fields[1:len(d.Fields)-1], false
		for key := range members(inner) {
			has = has || bytes.Equal(key, p.key)
		}
		if !has {
			d.Fields = slices.Concat([]byte{'{'}, inner, []byte{','}, p.member, []byte{'}'})
		}
	}
}
