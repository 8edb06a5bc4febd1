package climb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
	"github.com/climb-go/climb/wire"
)

// publishable are the stages that another program may do the tasks of, with what
// looks at its files: whatever a stage after them relies on.
var publishable = map[string]func(*publication) error{
	"vocab": checkVocab, "embed": checkVectors, "centroids": checkCentroids, "cluster": checkClusters,
	"label": checkScores, "tags": checkTags, "domains": checkDomains, "assign": checkCodes,
}

// PublishTask makes files that another program has written the outputs of a task,
// under their base names. Each is checked first: its name, the type and the shape
// of an array, the numbers in it.
func PublishTask(ctx context.Context, planPath string, n int, files []string) error {
	p, err := task.Load(planPath)
	if err != nil {
		return err
	}
	s, check := kindOf(p.Kind), publishable[p.Kind]
	switch {
	case s == nil || p.Format != s.format:
		return task.Permanent(fmt.Errorf("%s: stage %s, format %d, is not of this version; publish with the version that planned it", planPath, p.Kind, p.Format))
	case check == nil:
		return task.Usage(fmt.Errorf("%s: files of other programs are not taken for the stage %s, only for %s", planPath, p.Kind,
			strings.Join(slices.Sorted(maps.Keys(publishable)), ", ")))
	case n < 0 || n >= len(p.Tasks):
		return task.Usage(fmt.Errorf("%s: task %d of %d: tasks are numbered from 0", planPath, n, len(p.Tasks)))
	}
	if _, err := p.Manifest(n); err == nil {
		return task.Usage(fmt.Errorf("task %d of %s is done; remove its manifest in done/ to put other files in its place", n, p.Dir()))
	}
	named := map[string]string{}
	for _, path := range files {
		name := filepath.Base(path)
		if named[name] != "" {
			return task.Usage(fmt.Errorf("%s and %s have the same name, and would be one output", named[name], path))
		}
		named[name] = path
	}
	_, err = p.Run(ctx, n, verified(&task.Verifier{}, kindOf, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		for _, path := range files {
			if err := copyOutput(a, path); err != nil {
				return err
			}
		}
		return task.Usage(check(&publication{ctx: ctx, p: p, n: n, a: a, named: named}))
	}))
	return err
}

func copyOutput(a *task.Attempt, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return task.Usage(err)
	}
	defer in.Close()
	out, err := a.Create(filepath.Base(path))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// A publication is a task whose outputs another program has written. They are
// looked at where they were copied to, and called what the user calls them.
type publication struct {
	ctx   context.Context
	p     *task.Plan
	n     int
	a     *task.Attempt
	named map[string]string // base name -> path as given
}

// only refuses files that the stage does not write, and asks for those it needs.
func (b *publication) only(need, may []string) error {
	for _, name := range slices.Sorted(maps.Keys(b.named)) {
		if !slices.Contains(need, name) && !slices.Contains(may, name) {
			return fmt.Errorf("%s: task %d of %s writes %s: rename or leave out the file", b.named[name], b.n, b.p.Kind, listed(slices.Concat(need, may)))
		}
	}
	for _, name := range need {
		if b.named[name] == "" {
			return fmt.Errorf("no file %s: task %d of %s writes %s", name, b.n, b.p.Kind, listed(need))
		}
	}
	return nil
}

// listed names files, the first of very many.
func listed(names []string) string {
	const most = 6
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (b *publication) path(name string) string { return filepath.Join(b.a.Dir(), name) }

func (b *publication) wrong(name, format string, args ...any) error {
	return fmt.Errorf("%s: %s", b.named[name], fmt.Sprintf(format, args...))
}

// reread is an error of a reader, with the user's name of the file.
func (b *publication) reread(name string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), b.path(name), b.named[name]))
}

// rows is the number of documents of a shard.
func (b *publication) rows(shard int) (int, error) {
	var scan scanReport
	if err := readJSON(filepath.Join(b.p.Input("rows"), "scan.json"), &scan); err != nil {
		return 0, err
	}
	return int(scan.Rows[shard]), nil
}

// anyNumber is a number of rows or columns that is not fixed: one or more.
const anyNumber = -1

// A form is what an array has to be. Cols is 0 for one dimension.
type form struct {
	dtypes     []string
	rows, cols int
}

func (f form) String() string {
	number := func(n int) string {
		if n == anyNumber {
			return "any"
		}
		return fmt.Sprint(n)
	}
	shape := "(" + number(f.rows) + ",)"
	if f.cols != 0 {
		shape = "(" + number(f.rows) + ", " + number(f.cols) + ")"
	}
	return strings.Join(f.dtypes, " or ") + " of shape " + shape
}

func (f form) fits(h vec.NPYHeader) bool {
	fits := func(want, have int) bool { return want == have || want == anyNumber && have > 0 }
	return slices.Contains(f.dtypes, h.Dtype) && fits(f.rows, h.Rows) && fits(f.cols, h.Cols)
}

// array opens an array that has to be of a form.
func (b *publication) array(name string, f form) (*vec.NPYReader, error) {
	r, err := vec.OpenNPY(b.path(name))
	if err != nil {
		return nil, b.reread(name, err)
	}
	if h := r.Header; !f.fits(h) {
		r.Close()
		have := form{[]string{h.Dtype}, h.Rows, h.Cols}
		return nil, b.wrong(name, "%s, want %s", have, f)
	}
	return r, nil
}

// floats checks each row of an array of floats: they are finite, and ok, if it is
// not nil, has nothing to say against them.
func (b *publication) floats(name string, f form, ok func(row []float32) string) (vec.NPYHeader, error) {
	r, err := b.array(name, f)
	if err != nil {
		return vec.NPYHeader{}, err
	}
	defer r.Close()
	x := make([]float32, max(1, r.Header.Cols))
	for row := range r.Header.Rows {
		if _, err := r.ReadFloats(x); err != nil {
			return r.Header, b.reread(name, err)
		}
		for i, v := range x {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return r.Header, b.wrong(name, "row %d, column %d is %v: want finite numbers", row, i, v)
			}
		}
		if ok == nil {
			continue
		}
		if fault := ok(x); fault != "" {
			return r.Header, b.wrong(name, "row %d %s", row, fault)
		}
	}
	return r.Header, nil
}

// ints reads a column of whole numbers from least to most.
func (b *publication) ints(name string, dtypes []string, rows int, least, most int) ([]int32, error) {
	r, err := b.array(name, form{dtypes, rows, 0})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := make([]int32, rows)
	if rows > 0 {
		if _, err := r.ReadInts(x); err != nil {
			return nil, b.reread(name, err)
		}
	}
	for row, v := range x {
		if int(v) < least || int(v) > most {
			return nil, b.wrong(name, "row %d is %d: want %d to %d", row, v, least, most)
		}
	}
	return x, nil
}

// json decodes a file.
func (b *publication) json(name string, v any) error {
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		return err
	}
	if err := wire.JSON(data, v); err != nil {
		return b.wrong(name, "%v", err)
	}
	return nil
}

// lines checks that a file has one id in quotes a line for every row.
func (b *publication) lines(name string, rows int) error {
	f, err := os.Open(b.path(name))
	if err != nil {
		return err
	}
	defer f.Close()
	r, count := bufio.NewReader(f), 0
	for {
		line, err := r.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); err == nil || line != "" {
			count++
			if len(line) < 2 || line[0] != '"' || line[len(line)-1] != '"' {
				return b.wrong(name, "line %d: want an id in double quotes", count)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return b.reread(name, err)
		}
	}
	if count != rows {
		return b.wrong(name, "%d lines, want %d: one for each row", count, rows)
	}
	return nil
}
