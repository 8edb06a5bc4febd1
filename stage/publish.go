package stage

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

// PublishTask makes files that another program has written the outputs of a task,
// under their base names. Each is checked first: its name, the type and the shape
// of an array, the numbers in it.
func PublishTask(ctx context.Context, stages Table, planPath string, n int, files []string) error {
	p, err := task.Load(planPath)
	if err != nil {
		return err
	}
	s := stages.Find(p.Kind)
	switch {
	case s == nil || p.Format != s.Format:
		return task.Permanent(fmt.Errorf("%s: stage %s, format %d, is not of this version; publish with the version that planned it", planPath, p.Kind, p.Format))
	case s.Accept == nil:
		return task.Usage(fmt.Errorf("%s: files of other programs are not taken for the stage %s, only for %s", planPath, p.Kind, strings.Join(stages.accepting(), ", ")))
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
	_, err = p.Run(ctx, n, verified(&task.Verifier{}, stages, func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
		for _, path := range files {
			if err := copyOutput(a, path); err != nil {
				return err
			}
		}
		return task.Usage(s.Accept(&Publication{Plan: p, Task: n, Attempt: a, named: named}))
	}))
	return err
}

// accepting names the stages that take files of other programs.
func (t Table) accepting() (names []string) {
	for _, s := range t {
		if s.Accept != nil {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
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

// A Publication is a task whose outputs another program has written. They are
// looked at where they were copied to, and called what the user calls them.
type Publication struct {
	Plan    *task.Plan
	Task    int
	Attempt *task.Attempt
	named   map[string]string // base name -> path as given
}

// Has tells whether a file of the name is given.
func (b *Publication) Has(name string) bool { return b.named[name] != "" }

// Only refuses files that the stage does not write, and asks for those it needs.
func (b *Publication) Only(need, may []string) error {
	for _, name := range slices.Sorted(maps.Keys(b.named)) {
		if !slices.Contains(need, name) && !slices.Contains(may, name) {
			return fmt.Errorf("%s: task %d of %s writes %s: rename or leave out the file", b.named[name], b.Task, b.Plan.Kind, listed(slices.Concat(need, may)))
		}
	}
	for _, name := range need {
		if b.named[name] == "" {
			return fmt.Errorf("no file %s: task %d of %s writes %s", name, b.Task, b.Plan.Kind, listed(need))
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

func (b *Publication) Path(name string) string { return filepath.Join(b.Attempt.Dir(), name) }

func (b *Publication) Wrong(name, format string, args ...any) error {
	return fmt.Errorf("%s: %s", b.named[name], fmt.Sprintf(format, args...))
}

// Reread is an error of a reader, with the user's name of the file.
func (b *Publication) Reread(name string, err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), b.Path(name), b.named[name]))
}

// Any is a number of rows or columns that is not fixed: one or more.
const Any = -1

// A Form is what an array has to be. Cols is 0 for one dimension.
type Form struct {
	Dtypes     []string
	Rows, Cols int
}

func (f Form) String() string {
	number := func(n int) string {
		if n == Any {
			return "any"
		}
		return fmt.Sprint(n)
	}
	shape := "(" + number(f.Rows) + ",)"
	if f.Cols != 0 {
		shape = "(" + number(f.Rows) + ", " + number(f.Cols) + ")"
	}
	return strings.Join(f.Dtypes, " or ") + " of shape " + shape
}

func (f Form) fits(h vec.NPYHeader) bool {
	fits := func(want, have int) bool { return want == have || want == Any && have > 0 }
	return slices.Contains(f.Dtypes, h.Dtype) && fits(f.Rows, h.Rows) && fits(f.Cols, h.Cols)
}

// array opens an array that has to be of a form.
func (b *Publication) array(name string, f Form) (*vec.NPYReader, error) {
	r, err := vec.OpenNPY(b.Path(name))
	if err != nil {
		return nil, b.Reread(name, err)
	}
	if h := r.Header; !f.fits(h) {
		r.Close()
		have := Form{[]string{h.Dtype}, h.Rows, h.Cols}
		return nil, b.Wrong(name, "%s, want %s", have, f)
	}
	return r, nil
}

// Floats checks each row of an array of floats: they are finite, and ok, if it is
// not nil, has nothing to say against them.
func (b *Publication) Floats(name string, f Form, ok func(row []float32) string) (vec.NPYHeader, error) {
	r, err := b.array(name, f)
	if err != nil {
		return vec.NPYHeader{}, err
	}
	defer r.Close()
	x := make([]float32, max(1, r.Header.Cols))
	for row := range r.Header.Rows {
		if _, err := r.ReadFloats(x); err != nil {
			return r.Header, b.Reread(name, err)
		}
		for i, v := range x {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return r.Header, b.Wrong(name, "row %d, column %d is %v: want finite numbers", row, i, v)
			}
		}
		if ok == nil {
			continue
		}
		if fault := ok(x); fault != "" {
			return r.Header, b.Wrong(name, "row %d %s", row, fault)
		}
	}
	return r.Header, nil
}

// Ints reads a column of whole numbers from least to most.
func (b *Publication) Ints(name string, dtypes []string, rows int, least, most int) ([]int32, error) {
	r, err := b.array(name, Form{dtypes, rows, 0})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := make([]int32, rows)
	if rows > 0 {
		if _, err := r.ReadInts(x); err != nil {
			return nil, b.Reread(name, err)
		}
	}
	for row, v := range x {
		if int(v) < least || int(v) > most {
			return nil, b.Wrong(name, "row %d is %d: want %d to %d", row, v, least, most)
		}
	}
	return x, nil
}

// JSON decodes a file.
func (b *Publication) JSON(name string, v any) error {
	data, err := os.ReadFile(b.Path(name))
	if err != nil {
		return err
	}
	if err := wire.JSON(data, v); err != nil {
		return b.Wrong(name, "%v", err)
	}
	return nil
}

// Lines checks that a file has one id in quotes a line for every row.
func (b *Publication) Lines(name string, rows int) error {
	f, err := os.Open(b.Path(name))
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
				return b.Wrong(name, "line %d: want an id in double quotes", count)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return b.Reread(name, err)
		}
	}
	if count != rows {
		return b.Wrong(name, "%d lines, want %d: one for each row", count, rows)
	}
	return nil
}
