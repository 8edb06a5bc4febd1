package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/task"
)

func newEval() *cobra.Command {
	var o climb.EvalOptions
	var asJSON bool
	var output string
	var shots int
	c := &cobra.Command{
		Use: "eval MODEL FILE...", GroupID: "tool", Args: args(cobra.MinimumNArgs(2)),
		Short: "Score a checkpoint on task files, with intervals",
		Long: `Scores a model (a folder of config.json and model.safetensors as climb and
Hugging Face's Llama write them, with tokenizer.json) on task files: JSONL, text,
or tasks of lm-evaluation-harness as YAML, whose data are local files. Every
figure is a likelihood; nothing is generated. JSON is in the harness's layout,
with "intervals" added. 95 % intervals are over the items: Wilson's for shares,
which is not empty where all answers are right, Student's t for others.

The table shows the metrics that a YAML task lists and bits per byte, or the
common ones. --limit takes items spread evenly over a file (the harness takes
the first ones).`,
		Example: `  climb eval runs/demo/base-1a2b/model arc.validation.jsonl --tokenizer runs/demo/vocab-3c4d/tokenizer.json
  climb eval model/ tasks/*.yaml --num-fewshot 5 --output results.json
  climb eval model/ lambada.yaml --json | jq '.results'`,
		RunE: func(c *cobra.Command, args []string) error {
			if o.Limit < 0 || shots < 0 {
				return task.Usage(fmt.Errorf("--limit %d, --num-fewshot %d: want 0 or more", o.Limit, shots))
			}
			if c.Flags().Changed("num-fewshot") {
				o.Fewshot = &shots
			}
			o.Model, o.Files = args[0], args[1:]
			e, err := climb.Evaluate(c.Context(), o, func(name string, items int) {
				fmt.Fprintf(stderr, "%s: %d items\n", name, items)
			})
			if err != nil {
				return err
			}
			for _, w := range e.Warnings {
				fmt.Fprintln(stderr, "warning: "+w)
			}
			if output != "" {
				if err := writeJSON(output, e); err != nil {
					return err
				}
			}
			if asJSON {
				return printJSON(e)
			}
			return writeEvaluation(stdout, e)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Tokenizer, "tokenizer", "", "tokenizer.json, if it is not in MODEL")
	f.IntVar(&o.Limit, "limit", 0, "items of each file; 0 = all")
	f.IntVar(&shots, "num-fewshot", 0, "examples before each question of YAML tasks (default as the files say)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&output, "output", "", "file to write the JSON to as well")
	return c
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

func writeEvaluation(w io.Writer, e *climb.Evaluation) error {
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
