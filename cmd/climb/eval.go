package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
)

// evalOptions are the flags of climb eval.
type evalOptions struct {
	trial.EvalOptions
	Task   string
	Tasks  bool
	Output string
	JSON   bool
}

// AddFlags adds the flags to a command's.
func (o *evalOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Tokenizer, "tokenizer", "", "tokenizer.json, if it is not in MODEL")
	f.IntVar(&o.Limit, "limit", 0, "items of each file; 0 = all")
	f.Var(optionalInt{&o.Fewshot}, "num-fewshot", "few-shot examples before each question of YAML tasks (default as the files say)")
	f.StringVar(&o.Task, "task", "", "what the documents of every FILE are: a task's name, or a YAML task whose data they are")
	f.BoolVar(&o.Tasks, "tasks", false, "list the tasks that --task knows by name, and exit")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	f.StringVar(&o.Output, "output", "", "file to write the JSON to as well")
}

// An optionalInt is a number that is nil unless the flag is given.
type optionalInt struct{ p **int }

// Set implements pflag.Value.
func (o optionalInt) Set(text string) error {
	n, err := strconv.Atoi(text)
	*o.p = &n
	return err
}

// String implements pflag.Value.
func (o optionalInt) String() string {
	if o.p == nil || *o.p == nil {
		return ""
	}
	return strconv.Itoa(**o.p)
}

// Type implements pflag.Value.
func (optionalInt) Type() string { return "int" }

func newEval(std streams) *cobra.Command {
	var o evalOptions
	c := &cobra.Command{
		Use: "eval MODEL FILE...", GroupID: "tool", Args: args(func(c *cobra.Command, args []string) error {
			if o.Tasks {
				return cobra.NoArgs(c, args)
			}
			return cobra.MinimumNArgs(2)(c, args)
		}),
		Short: "Evaluate a checkpoint on task files, with confidence intervals",
		Long: `Evaluate a language model on task files: accuracy, bits per byte and the other
metrics of each task, with standard errors and 95 % confidence intervals.

MODEL is a folder of config.json and model.safetensors, as climb and Hugging Face's
Llama write them, with tokenizer.json. FILE is JSONL, text, or a YAML task of
lm-evaluation-harness with local data. Everything is scored by likelihood; nothing
is generated.

With --task, FILE holds the documents of a data set as its rows are (dataset.to_json,
or Parquet), and they are asked as the harness asks them: --task hellaswag, or
--task tasks/arc/arc_easy.yaml as it comes from the harness. A target of climb.yaml
names the same as "file: hellaswag:validation.jsonl".

The table shows the metrics that a YAML task lists and bits per byte, or the common
ones. JSON is in the harness's layout, with "intervals" added. Intervals are over
the items: Wilson's for proportions, Student's t for the others. --limit takes items
spread evenly over a file, where the harness takes the first ones.`,
		Example: `  climb eval runs/demo/base-1a2b/model arc.validation.jsonl --tokenizer runs/demo/vocab-3c4d/tokenizer.json
  climb eval model/ tasks/*.yaml --num-fewshot 5 --output results.json
  climb eval model/ --task hellaswag hellaswag.validation.jsonl
  climb eval --tasks
  climb eval model/ lambada.yaml --json | jq '.results'`,
		RunE: func(c *cobra.Command, args []string) error { return runEval(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runEval(ctx context.Context, o evalOptions, args []string, std streams) error {
	if o.Tasks {
		return listTasks(o.JSON, std)
	}
	if shots := o.Fewshot; o.Limit < 0 || shots != nil && *shots < 0 {
		return task.Usage(fmt.Errorf("--limit %d, --num-fewshot %s: want 0 or more", o.Limit, optionalInt{&shots}))
	}
	o.Model, o.Files = args[0], slices.Clone(args[1:])
	for i := range o.Files {
		if o.Task == "" {
			break
		}
		var err error
		if o.Files[i], err = eval.WithData(o.Task, o.Files[i]); err != nil {
			return task.Usage(fmt.Errorf("--task: %w", err))
		}
	}
	o.Version = climb.Version
	e, err := trial.Evaluate(ctx, o.EvalOptions, func(name string, items int) {
		fmt.Fprintf(std.err, "%s: %d items\n", name, items)
	})
	if err != nil {
		return err
	}
	for _, w := range e.Warnings {
		fmt.Fprintln(std.err, "warning: "+w)
	}
	if o.Output != "" {
		if err := writeJSON(o.Output, e); err != nil {
			return err
		}
	}
	if o.JSON {
		return std.out.JSON(e)
	}
	return writeEvaluation(std.out, e)
}

// listTasks prints the tasks that have a form of our own.
func listTasks(asJSON bool, std streams) error {
	type native struct {
		Name    string   `json:"task"`
		Data    string   `json:"dataset"`
		Metrics []string `json:"metrics"`
		Needs   string   `json:"needs,omitempty"`
	}
	var list []native
	for _, n := range eval.Natives {
		metrics := n.Metrics
		if metrics == nil {
			metrics = []string{"acc"}
		}
		list = append(list, native{n.Name, n.Data, metrics, n.Needs})
	}
	if asJSON {
		return std.out.JSON(list)
	}
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TASK\tROWS OF\tMETRICS")
	for _, n := range list {
		if n.Needs != "" {
			n.Name += " (YAML)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", n.Name, n.Data, strings.Join(n.Metrics, ", "))
	}
	return t.Flush()
}

func writeJSON(path string, v any) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	enc := json.NewEncoder(f)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func writeEvaluation(w io.Writer, e *trial.Evaluation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TASK\tVERSION\tSHOTS\tITEMS\tMETRIC\tBETTER\tVALUE\tSTDERR\t95 % INTERVAL")
	last := ""
	for _, r := range e.Rows {
		name, version, better, stderr, interval := r.Task, r.Version, "higher", "", "unknown"
		if name == last {
			name, version = "", ""
		}
		last = r.Task
		if r.Lower {
			better = "lower"
		}
		if r.StdErr > 0 { // none, or of items that are all right or all wrong: those say nothing of it
			stderr = fmt.Sprintf("± %.4f", r.StdErr)
		}
		if r.Interval != nil {
			interval = fmt.Sprintf("[%.4f, %.4f]", r.Interval[0], r.Interval[1])
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%.4f\t%s\t%s\n", name, version, r.Shots, r.Items, r.Metric, better, r.Value, stderr, interval)
	}
	return t.Flush()
}
