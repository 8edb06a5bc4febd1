package eval

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/climb-go/climb/eval/jinja"
	"github.com/climb-go/climb/wire"
)

// A row is a document of a data set.
type row struct {
	doc jinja.Dict
	at  string // file:line, or file, row n
}

// splits maps each split to its files. Names are relative to the folder of the
// task's YAML (the harness takes them from where it is started).
func (c *config) splits() (map[string][]string, error) {
	if c.data != "" {
		out := map[string][]string{}
		for _, name := range []string{c.TrainingSplit, c.ValidationSplit, c.TestSplit, c.FewshotSplit} {
			out[name] = []string{c.data}
		}
		return out, nil
	}
	if !slices.Contains([]string{"json", "parquet"}, c.DatasetPath) {
		return nil, c.errAt("dataset_path", "%q is no file: %w", c.DatasetPath, errNoData)
	}
	out := map[string][]string{}
	bySplit, ok := fromYAML(c.DataKwargs.DataFiles).(jinja.Dict)
	if !ok {
		bySplit = jinja.Dict{{Key: "train", Value: fromYAML(c.DataKwargs.DataFiles)}}
	}
	for _, p := range bySplit {
		names, isList := p.Value.([]any)
		if !isList {
			names = []any{p.Value}
		}
		for _, v := range names {
			name, ok := v.(string)
			if !ok || name == "" {
				return nil, c.errAt("dataset_kwargs", "data_files of split %s is not a file's name; give {split: file.jsonl} or {split: [files]}", p.Key)
			}
			name = filepath.Join(c.DataKwargs.DataDir, name)
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(c.path), name)
			}
			out[p.Key] = append(out[p.Key], name)
		}
	}
	return out, nil
}

// rows reads a split.
func (c *config) rows(field, split string, splits map[string][]string) ([]row, error) {
	files, ok := splits[split]
	if !ok {
		var have []string
		for name := range splits {
			have = append(have, name)
		}
		slices.Sort(have)
		return nil, c.errAt(field, "there is no split %q in dataset_kwargs.data_files; there are %s", split, strings.Join(have, ", "))
	}
	var out []row
	for _, name := range files {
		more, err := readRows(name)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	if len(out) == 0 {
		return nil, c.errAt(field, "split %q has no documents", split)
	}
	return c.ready(out)
}

// readRows reads a data file: Parquet, or JSONL or a JSON list, plain, gzip or
// zstd, whichever its first bytes say.
func readRows(path string) ([]row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	defer f.Close()
	magic := make([]byte, 4)
	if n, _ := f.ReadAt(magic, 0); n == 4 && string(magic) == "PAR1" {
		return parquetRows(path, f)
	}
	r, stop, err := unpack(f)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	defer stop()
	counted := &io.LimitedReader{R: r, N: maxTask + 1}
	buffered := bufio.NewReaderSize(counted, 64<<10)
	var out []row
	if head, _ := buffered.Peek(64); bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n"), []byte("[")) {
		out, err = listRows(path, buffered)
	} else {
		err = scanLines(path, buffered, func(n int, line []byte) error {
			doc, err := parseDoc(line)
			out = append(out, row{doc, fmt.Sprintf("%s:%d", path, n)})
			return err
		})
	}
	if err == nil && counted.N <= 0 {
		err = fmt.Errorf("%s: more than %d MiB unpacked; evaluate on a sample of it", path, maxTask>>20)
	}
	return out, err
}

func parseDoc(line []byte) (jinja.Dict, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("not valid UTF-8; convert the file")
	}
	v, err := jinja.FromJSON(line)
	if err != nil {
		return nil, fmt.Errorf("not JSON (%w); write one object a line", err)
	}
	doc, ok := v.(jinja.Dict)
	if !ok {
		return nil, errors.New("not a JSON object; write one object a line")
	}
	return doc, nil
}

// listRows reads one JSON list of objects.
func listRows(path string, r io.Reader) ([]row, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%s: not valid UTF-8; convert the file", path)
	}
	v, err := jinja.FromJSON(bytes.TrimPrefix(data, []byte("\ufeff")))
	if err != nil {
		return nil, fmt.Errorf("%s: not a JSON list (%w)", path, err)
	}
	list, _ := v.([]any)
	out := make([]row, len(list))
	for i, x := range list {
		doc, ok := x.(jinja.Dict)
		if !ok {
			return nil, fmt.Errorf("%s: element %d of the list is not a JSON object", path, i)
		}
		out[i] = row{doc, fmt.Sprintf("%s[%d]", path, i)}
	}
	return out, nil
}

func parquetRows(path string, f *os.File) (out []row, err error) {
	defer func() {
		if p := recover(); p != nil { // the Parquet library, on damaged files
			err = fmt.Errorf("read %s: damaged Parquet: %v", path, p)
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := wire.ParquetFooter(f, st.Size()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	file, err := parquet.OpenFile(f, st.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	r := parquet.NewGenericReader[any](file, file.Schema())
	defer r.Close()
	buf := make([]any, 64)
	for {
		n, err := r.Read(buf)
		for _, v := range buf[:n] {
			doc, ok := fromParquet(v, file.Schema()).(jinja.Dict)
			if !ok {
				return nil, fmt.Errorf("read %s: row %d is no record", path, len(out)+1)
			}
			out = append(out, row{doc, fmt.Sprintf("%s row %d", path, len(out)+1)})
		}
		switch {
		case err == io.EOF:
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("read %s: row %d: %w", path, len(out)+1, err)
		}
	}
}

// fromParquet keeps the order of the columns.
func fromParquet(v any, node parquet.Node) any {
	switch v := v.(type) {
	case nil, bool, string, float64, int:
		return v
	case []byte:
		return strings.ToValidUTF8(string(v), "\ufffd")
	case int32:
		return int(v)
	case int64:
		return int(v)
	case uint32:
		return int(v)
	case uint64:
		return int(v)
	case float32:
		return float64(v)
	case []any:
		if !node.Repeated() && len(node.Fields()) == 1 { // LIST: one repeated group around one element
			if node = node.Fields()[0]; len(node.Fields()) == 1 {
				node = node.Fields()[0]
			}
		}
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = fromParquet(x, node)
		}
		return out
	case map[string]any:
		d := jinja.Dict{}
		for _, f := range node.Fields() {
			if x, ok := v[f.Name()]; ok {
				d.Set(f.Name(), fromParquet(x, f))
			}
		}
		return d
	}
	return fmt.Sprint(v)
}

// dataFiles are the files that the task is read from, sorted.
func (c *config) dataFiles() ([]string, error) {
	out := slices.Clone(c.files)
	splits, err := c.splits()
	if err != nil {
		return nil, err
	}
	for _, files := range splits {
		out = append(out, files...)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// Files lists what LoadTask reads for a path: the file, and for YAML what it
// includes and its data.
func Files(path string) ([]string, error) {
	if form, data, ok := splitForm(path); ok {
		c, err := formConfig(form, path, data)
		if err != nil {
			return nil, err
		}
		return c.dataFiles()
	}
	if !isYAML(path) {
		return []string{path}, nil
	}
	c, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return c.dataFiles()
}

// formConfig is that of a native task, or of a YAML, over a data file.
func formConfig(form, path, data string) (*config, error) {
	if n := nativeNamed(form); n != nil {
		return n.config(form, path, data)
	}
	c, err := readConfig(form)
	if err == nil {
		c.data = data
	}
	return c, err
}

func isYAML(path string) bool {
	ext := filepath.Ext(path)
	return ext == ".yaml" || ext == ".yml"
}
