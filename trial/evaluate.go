package trial

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/train"
)

// EvalOptions say which model is scored on what.
type EvalOptions struct {
	Model     string   // folder of config.json and model.safetensors
	Tokenizer string   // tokenizer.json; "" is the one in the model's folder
	Files     []string // task files, as in target.test
	Limit     int      // items of each, spread evenly over the file; 0 = all
	Fewshot   *int     // examples before each question of YAML tasks; nil = as the files say
	Version   string   // of the program, which the result names
}

// An Evaluation is what Evaluate measured. Its JSON is the layout of
// lm-evaluation-harness's results files, and intervals.
type Evaluation struct {
	*eval.Results
	Intervals map[string]map[string][2]float64 `json:"intervals"` // 95 %, by task and metric; see eval.TaskResult.Interval

	Rows     []EvalRow `json:"-"` // of a table, in the order of the files
	Warnings []string  `json:"-"`
}

// An EvalRow is one figure.
type EvalRow struct {
	Task, Version string
	Shots, Items  int
	Metric        string
	Lower         bool        // is better
	Value, StdErr float64     // StdErr is NaN where there is none
	Interval      *[2]float64 // 95 %; nil where it is not known
}

// Evaluate scores a checkpoint on task files, on all cores. watch, which may be
// nil, is told each task before it is scored.
func Evaluate(ctx context.Context, o EvalOptions, watch func(task string, items int)) (*Evaluation, error) {
	tasks := make([]*eval.Task, len(o.Files)) // before the model: a mistake in the last file is told at once
	for i, path := range o.Files {
		var err error
		if tasks[i], err = eval.LoadTaskWith(path, eval.LoadOptions{Fewshot: o.Fewshot}); err != nil {
			return nil, task.Usage(err)
		}
	}
	scorer, err := o.scorer()
	if err != nil {
		return nil, err
	}
	c := scorer.Model.Config
	e := &Evaluation{Intervals: map[string]map[string][2]float64{}, Results: eval.NewResults(map[string]any{
		"model": "climb", "model_args": "pretrained=" + o.Model, "model_num_parameters": scorer.Model.NumParams(), "max_length": c.Context, "limit": nil, "climb_version": o.Version})}
	if o.Limit > 0 {
		e.Config["limit"] = o.Limit
	}
	for _, t := range tasks {
		part := t.Limit(o.Limit)
		if watch != nil {
			watch(t.Label(), len(part.Items))
		}
		scored, err := part.Evaluate(ctx, scorer)
		if err == nil {
			err = e.Add(t, scored)
		}
		if err != nil {
			return nil, err
		}
		e.intervals(t, scored)
		e.rows(t, scored)
	}
	return e, nil
}

func (e *Evaluation) intervals(t *eval.Task, scored *eval.TaskResult) {
	of := map[string][2]float64{}
	for metric := range scored.Metrics {
		if lo, hi, ok := scored.Interval(metric, 0.95); ok {
			of[metric] = [2]float64{lo, hi}
		}
	}
	e.Intervals[t.Label()] = of
}

func (o *EvalOptions) scorer() (*train.Scorer, error) {
	path := o.Tokenizer
	if path == "" {
		path = filepath.Join(o.Model, "tokenizer.json")
	}
	tok, err := token.Load(path)
	if errors.Is(err, fs.ErrNotExist) && o.Tokenizer == "" {
		return nil, task.Usage(fmt.Errorf("%w; name the tokenizer with --tokenizer (a run keeps it in vocab-<hash>/tokenizer.json)", err))
	}
	if err != nil {
		return nil, err
	}
	m, err := lm.Load(o.Model)
	if err != nil {
		return nil, err
	}
	if m.Config.Vocab < tok.Vocab() {
		return nil, fmt.Errorf("%s has %d tokens, the model in %s a vocabulary of %d: they do not belong together", path, tok.Vocab(), o.Model, m.Config.Vocab)
	}
	return &train.Scorer{Tokenizer: tok, Model: m, Workers: func() int { return runtime.GOMAXPROCS(0) }}, nil
}

// rows are the metrics that a task lists and bits per byte, or the common ones
// where it lists none.
func (e *Evaluation) rows(t *eval.Task, scored *eval.TaskResult) {
	show := append(slices.Clone(t.Listed), "bpb")
	if len(t.Listed) == 0 {
		show = append(slices.Clone(eval.Core), "brier_score", "perplexity", "word_perplexity")
	}
	for i, metric := range show {
		value, ok := scored.Metrics[metric]
		switch {
		case slices.Contains(show[:i], metric):
			continue
		case !ok && slices.Contains(t.Listed, metric):
			e.Warnings = append(e.Warnings, fmt.Sprintf("%s lists %s, which is not computed for it; there are %s", t.Path, metric, strings.Join(slices.Sorted(maps.Keys(scored.Metrics)), ", ")))
			continue
		case !ok:
			continue
		}
		row := EvalRow{Task: t.Label(), Version: t.Version, Shots: t.Shots, Items: scored.Items, Metric: metric, Lower: eval.Oriented(metric, 1) < 0, Value: value, StdErr: math.NaN()}
		if se, ok := scored.StdErr[metric]; ok {
			row.StdErr = se
		}
		if span, ok := e.Intervals[t.Label()][metric]; ok {
			row.Interval = &span
		}
		e.Rows = append(e.Rows, row)
	}
}
