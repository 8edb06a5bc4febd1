package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/process"
	"github.com/climb-go/climb/wire"
)

// Arguments are a program of the user's and what it is called with. Where they are
// written as JSON or YAML, in plans and in climb.yaml, their URLs lack what lets
// somebody in (escape.Secrets): it is not kept, and names no stage anew.
type Arguments []string

func (a Arguments) kept() []string {
	out := make([]string, len(a))
	for i, s := range a {
		out[i] = escape.Secrets(s)
	}
	return out
}

// MarshalJSON implements json.Marshaler.
func (a Arguments) MarshalJSON() ([]byte, error) { return json.Marshal(a.kept()) }

// MarshalYAML implements goccy/go-yaml's InterfaceMarshaler.
func (a Arguments) MarshalYAML() (any, error) { return a.kept(), nil }

// Command trains jobs with a program of the user's. In every argument {job}
// is replaced by the path of a file that holds the Job as JSON, and {result}
// by the path where the program must leave a Result as JSON; score and tokens
// are the fields that it has to set. It may leave a results file of
// lm-evaluation-harness there in their place, or lm_eval's folder of them: the
// score is then the Job's objective on it.
type Command struct {
	Args Arguments
	Dir  string // where the files for the command are, until it has ended; "" = a folder of the system's
}

// Train implements Trainer.
func (c Command) Train(ctx context.Context, j Job, _ func(Progress)) (*Result, error) {
	if err := j.Check(); err != nil {
		return nil, err
	}
	if len(c.Args) == 0 {
		return nil, errors.New("train: the command is empty")
	}
	dir, err := os.MkdirTemp(c.Dir, "climb-train-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	job, result := filepath.Join(dir, "job.json"), filepath.Join(dir, "result.json")
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(job, data, 0o666); err != nil {
		return nil, err
	}
	args := make([]string, len(c.Args))
	for i, a := range c.Args {
		if escape.LacksSecrets(a) {
			return nil, fmt.Errorf("train: argument %d of the command, %s, is kept without what lets somebody in: climb run has it, or give it to the program in an environment variable", i, a)
		}
		args[i] = strings.NewReplacer("{job}", job, "{result}", result).Replace(a)
	}
	cmd := exec.Command(args[0], args[1:]...)
	out := &tail{max: 4000}
	cmd.Stdout, cmd.Stderr = out, out
	if err := process.Run(ctx, cmd, dir); err != nil {
		return nil, fmt.Errorf("train: %s: %w\n%s", args[0], err, escape.Secrets(out.String()))
	}
	r, err := readResult(result, &j)
	if err != nil {
		return nil, fmt.Errorf("train: %s: %w\n%s", args[0], err, escape.Secrets(out.String()))
	}
	r.Mixture = j.Mixture.Hash()
	return r, nil
}

func readResult(path string, j *Job) (*Result, error) {
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		return harnessResult(path, j)
	}
	data, err := wire.ReadFile(path, maxResult)
	if err != nil {
		return nil, fmt.Errorf("left no result: %w", err)
	}
	if _, err := eval.ParseResults(data); err == nil {
		return harnessResult(path, j)
	}
	return ParseResult(data, j)
}

// harnessResult scores the job by what lm-evaluation-harness measured. Test
// tasks that it did not measure are left out.
func harnessResult(path string, j *Job) (*Result, error) {
	file, err := eval.ReadResults(path)
	if err != nil {
		return nil, fmt.Errorf("its result: %w", err)
	}
	r := &Result{}
	if r.Validate, r.Score, err = pickResults(file, j.Target); err != nil {
		return nil, fmt.Errorf("its result: %w", err)
	}
	measured := slices.DeleteFunc(slices.Clone(j.Test), func(t eval.Term) bool { _, err := file.Of(t); return err != nil })
	if len(measured) > 0 {
		if r.Test, r.TestMean, err = pickResults(file, measured); err != nil {
			return nil, fmt.Errorf("its result: %w", err)
		}
	}
	r.settle()
	if err := r.Check(j); err != nil {
		return nil, fmt.Errorf("its result: %w", err)
	}
	return r, nil
}

// pickResults takes each term's task from a results file, and their weighted
// mean.
func pickResults(file *eval.Results, terms []eval.Term) (tasks []*eval.TaskResult, score float64, err error) {
	byName, all := map[string]*eval.TaskResult{}, make([]*eval.TaskResult, len(terms))
	for i, t := range terms {
		if byName[t.Name()] == nil {
			task, err := file.Of(t)
			if err != nil {
				return nil, 0, err
			}
			byName[t.Name()], tasks = task, append(tasks, task)
		}
		all[i] = byName[t.Name()]
	}
	score, err = eval.Objective(terms, all)
	return tasks, score, err
}

// tail keeps the last max bytes written.
type tail struct {
	bytes.Buffer
	max int
}

func (t *tail) Write(p []byte) (int, error) {
	n, err := t.Buffer.Write(p)
	if extra := t.Len() - t.max; extra > 0 {
		t.Next(extra)
	}
	return n, err
}
