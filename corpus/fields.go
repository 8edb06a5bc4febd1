package corpus

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/option"

	"github.com/parquet-go/parquet-go"
)

// AutoField as a text_field finds the field of each file.
const AutoField = "auto"

// textNames are names under which data sets keep their text, the usual first.
var textNames = []string{"text", "content", "raw_content", "body", "markdown", "document", "article", "page_content", "full_text", "plain_text", "maintext", "story", "story_text", "completion", "output", "abstract"}

const (
	headBytes = 256 << 10 // of a file whose text field is looked for
	headRows  = 20
	leastMean = 40 // bytes of a field whose name says nothing, on the mean
)

// columnsSeen are the fields of some rows of a file.
type columnsSeen struct {
	rows   int
	names  []string // of strings, in the order of their first row
	others []string // names of values that are no strings
	count  map[string]int
	length map[string]int
}

func (c *columnsSeen) add(name string, length int) {
	if c.count == nil {
		c.count, c.length = map[string]int{}, map[string]int{}
	}
	if c.count[name] == 0 {
		c.names = append(c.names, name)
	}
	c.count[name]++
	c.length[name] += length
}

// text is the field that holds the text: of those that half of the rows have, the one
// with the most usual name, or else the longest; "" if none looks like one.
func (c *columnsSeen) text() string {
	var some []string
	for _, name := range c.names {
		if 2*c.count[name] >= c.rows && c.length[name] > 0 {
			some = append(some, name)
		}
	}
	for _, usual := range textNames {
		for _, name := range some {
			if low := strings.ToLower(name); low == usual || strings.HasSuffix(low, "."+usual) {
				return name
			}
		}
	}
	best, most := "", leastMean*c.rows-1
	for _, name := range some {
		if c.length[name] > most {
			best, most = name, c.length[name]
		}
	}
	return best
}

// findField is the field of a file that holds its text; "" if none looks like one,
// or of a format that has no fields.
func findField(ctx context.Context, f FileInfo) (string, error) {
	seen, err := firstFields(ctx, f)
	if err != nil {
		return "", err
	}
	if seen == nil { // of a damaged Parquet file: the reader will meet the damage
		return "text", nil
	}
	return seen.text(), nil
}

// firstFields are the fields of the first rows of a file; nil of a Parquet file that is
// damaged.
func firstFields(ctx context.Context, f FileInfo) (*columnsSeen, error) {
	var seen columnsSeen
	if f.Format == formatParquet {
		return parquetFields(ctx, f.Path)
	}
	src, err := openRange(ctx, f.Path, "auto", 0, -1)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	switch f.Format {
	case formatTar:
		err = seen.tar(src)
	case formatJSONL, formatCSV:
		head := make([]byte, headBytes)
		var n int
		n, err = io.ReadFull(src, head)
		if f.Format == formatCSV {
			seen.csv(head[:n], f.Path)
		} else {
			seen.lines(head[:n])
		}
	}
	if err != nil && err != io.EOF && damage(err) == "" {
		return nil, err
	}
	return &seen, nil
}

// lines looks at lines of JSON, of which the last may be cut off.
func (c *columnsSeen) lines(head []byte) {
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	for len(head) > 0 && c.rows < headRows {
		line, rest, _ := bytes.Cut(head, []byte("\n"))
		head = rest
		if i := skipSpace(line, 0); i < len(line) && line[i] == '{' {
			c.rows++
			c.object(line, i, "", 0)
		}
	}
}

// object looks at the members of the object at b[i]. What is wrong in it, or cut off,
// ends it.
func (c *columnsSeen) object(b []byte, i int, prefix string, depth int) {
	var stack []byte
	for i = skipSpace(b, i+1); i < len(b) && b[i] == '"'; i = skipSpace(b, i+1) {
		key, escaped, value, err := skipKey(b, i)
		if err != nil || value >= len(b) {
			return
		}
		if escaped {
			key = unescapeKey(key)
		}
		name := prefix + string(key)
		end := len(b)
		if b[value] == '"' {
			if e, _, err := skipString(b, value); err == nil {
				end = e
			}
			if !strings.Contains(string(key), ".") {
				c.add(name, end-value-2)
			}
		} else {
			if b[value] == '{' && depth < 2 && !strings.Contains(string(key), ".") {
				c.object(b, value, name+".", depth+1)
			}
			if e, err := skipValue(b, value, depth+1, &stack); err == nil {
				end = e
			}
			if !slices.Contains(c.others, name) {
				c.others = append(c.others, name)
			}
		}
		if i = skipSpace(b, end); i >= len(b) || b[i] != ',' {
			return
		}
	}
}

// csv looks at rows, of which the first has the names.
func (c *columnsSeen) csv(head []byte, name string) {
	rows := newRows(bytes.NewReader(head), name, headBytes)
	first, _, err := rows.next()
	if err != nil {
		return
	}
	var names []string
	for _, n := range first {
		names = append(names, string(n))
	}
	for c.rows < headRows {
		row, reason, err := rows.next()
		if err != nil || reason != "" && c.rows > 0 {
			return
		}
		c.rows++
		for i, value := range row {
			if i < len(names) {
				c.add(names[i], len(value))
			}
		}
	}
}

// tar looks at members that are JSON. Where there are texts, their field does not
// matter.
func (c *columnsSeen) tar(src io.Reader) error {
	in := tar.NewReader(src)
	for range 10 * headRows {
		h, err := in.Next()
		if err != nil {
			return err
		}
		base := path.Base(h.Name)
		switch ext := extension(base); {
		case h.Typeflag != tar.TypeReg || strings.HasPrefix(base, ".") || isSparse(h):
		case slices.Contains(textMembers, ext):
			c.rows = 1
			c.add("text", 1)
			return nil
		case ext == ".json" || isLines(ext):
			head := make([]byte, headBytes)
			n, err := io.ReadFull(in, head)
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return err
			}
			if head = head[:n]; ext == ".json" {
				c.rows++
				c.object(head, skipSpace(head, 0), "", 0)
			} else {
				c.lines(head)
			}
		}
		if c.rows >= headRows {
			return nil
		}
	}
	return nil
}

// parquetFields are the columns of bytes of a Parquet file; nil if it is damaged.
func parquetFields(ctx context.Context, name string) (*columnsSeen, error) {
	file, err := blob.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f, err := openParquet(file)
	if err != nil {
		if damage(err) == "" {
			return nil, err
		}
		return nil, nil
	}
	seen := columnsSeen{rows: int(min(f.NumRows(), 1<<30))}
	var visit func(c *parquet.Column)
	visit = func(c *parquet.Column) {
		if c.Leaf() && c.Type().Kind() == parquet.ByteArray && c.MaxRepetitionLevel() == 0 {
			size := int64(0)
			for _, g := range f.Metadata().RowGroups {
				size += g.Columns[c.Index()].MetaData.TotalUncompressedSize
			}
			name := strings.Join(c.Path(), ".")
			seen.add(name, int(size))
			seen.count[name] = seen.rows
		}
		for _, child := range c.Columns() {
			visit(child)
		}
	}
	visit(f.Root())
	return &seen, nil
}

// hasColumn says whether the header of a CSV file names a field.
func hasColumn(ctx context.Context, f FileInfo, field string) bool {
	src, err := openRange(ctx, f.Path, "auto", 0, -1)
	if err != nil {
		return true // the reader will say what is wrong
	}
	defer src.Close()
	first, _, err := newRows(src, f.Path, headBytes).next()
	return err != nil || slices.ContainsFunc(first, func(name []byte) bool { return string(name) == field })
}

// fewFiles are looked at to see whether any has the text field.
const fewFiles = 32

// CheckText is an error if no file of those whose documents have fields has the text
// field in its first rows. Of many files some are looked at.
func (l *Listing) CheckText(ctx context.Context, o Options) error {
	option.Fill(&o)
	var files []FileInfo
	for _, f := range l.Files {
		if slices.Contains([]string{formatJSONL, formatParquet, formatCSV}, f.Format) {
			files = append(files, f)
		}
	}
	var first *columnsSeen
	n := min(len(files), fewFiles)
	for i := range n {
		f := files[i*len(files)/n]
		field := cmp.Or(f.TextField, o.TextField)
		seen, err := firstFields(ctx, f)
		if err != nil {
			return err
		}
		// A line that is too long to be looked at may have any field, and so may objects in objects in objects.
		unknown := seen == nil || seen.rows == 0 || seen.rows == 1 && (f.Bytes > headBytes || f.Compression != "") || strings.Count(field, ".") > 2
		if unknown || slices.Contains(seen.names, field) || slices.Contains(seen.others, field) {
			return nil
		}
		if first == nil {
			first = seen
		}
	}
	if first == nil {
		return nil
	}
	field := cmp.Or(files[0].TextField, o.TextField)
	has, hint := "no field of text", ""
	if len(first.names) > 0 {
		has = excerpt([]byte(strings.Join(first.names, ", ")))
	}
	if name := cmp.Or(option.Nearest(field, first.names), first.text()); name != "" {
		hint = fmt.Sprintf("; did you mean %s (auto finds it for each file)", excerpt([]byte(name)))
	}
	return &option.ConfigError{Text: fmt.Sprintf("corpus.text_field: no file that was looked at has a field %q; %s has %s%s", field, files[0].Path, has, hint)}
}
