package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/task"
)

// runOptions are the flags of run and of the stage commands.
type runOptions struct {
	Out         string
	Workers     int
	JSON        bool
	PrintConfig bool
}

// eventsJSON is what --json does where a command runs stages.
const eventsJSON = "print one JSON object per event and, at the end, the summary"

// register adds the flags to a command; json says what --json does.
func (o *runOptions) register(c *cobra.Command, json string) {
	f := c.Flags()
	f.StringVar(&o.Out, "out", "", "run directory, instead of the one in the configuration")
	f.IntVar(&o.Workers, "workers", 0, "cores to use, instead of the number in the configuration; 0 = all")
	f.BoolVar(&o.JSON, "json", false, json)
}

// load reads the configuration named by the arguments, climb.yaml if none is.
func (o *runOptions) load(args []string) (*climb.Config, error) {
	path := "climb.yaml"
	if len(args) > 0 {
		path = args[0]
	}
	c, err := climb.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	return c, o.apply(c)
}

// open prepares the run of the configuration named by the arguments.
func (o *runOptions) open(ctx context.Context, args []string) (*climb.Run, error) {
	cfg, err := o.load(args)
	if err != nil {
		return nil, err
	}
	return climb.NewRun(ctx, cfg)
}

// apply lets the flags overrule the configuration.
func (o *runOptions) apply(c *climb.Config) error {
	if o.Out != "" {
		var err error
		if c.Out, err = filepath.Abs(o.Out); err != nil {
			return err
		}
	}
	if o.Workers != 0 {
		c.Workers = o.Workers
	}
	if err := checkWorkers(o.Workers); err != nil {
		return err
	}
	if c.Workers > 0 {
		runtime.GOMAXPROCS(c.Workers)
	}
	return nil
}

// checkWorkers refuses a number of cores that no machine has.
func checkWorkers(n int) error {
	if n < 0 || n > 4096 {
		return task.Usage(fmt.Errorf("--workers: %d is not between 0 (all cores) and 4096", n))
	}
	return nil
}

func newRun() *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use: "run [climb.yaml]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Run the whole pipeline, or resume it",
		Long: `Run the whole pipeline, or resume it.

What is done is not done again: every stage is kept in a directory named by the
hash of its options and inputs, so a changed option redoes the stages that
depend on it and no others. Ctrl-C, or kill -9, at any moment leaves a run that
the same command finishes, with the same result.`,
		Example: `  climb run climb.yaml
  climb run climb.yaml --out runs/2 --workers 8
  climb run climb.yaml --print-config   # every option with its value`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := o.load(args)
			if err != nil {
				return err
			}
			if o.PrintConfig {
				return cfg.WriteYAML(stdout.data())
			}
			return o.until(cmd, cfg, "")
		},
	}
	o.register(c, eventsJSON)
	c.Flags().BoolVar(&o.PrintConfig, "print-config", false, "print the configuration with every default and stop")
	return c
}

// until runs the pipeline up to a target, showing progress, and prints what
// came of it.
func (o *runOptions) until(cmd *cobra.Command, cfg *climb.Config, target string) error {
	r, err := climb.NewRun(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	show := newDisplay(stdout, o.JSON)
	r.Watch = show.event
	if err := r.Until(cmd.Context(), target); err != nil {
		show.close()
		return err
	}
	show.close()
	if target != "" {
		stage := climb.Targets[target]
		return show.result(map[string]string{"stage": stage, "dir": r.Dir(stage)}, "%s is in %s", target, near(r.Dir(stage)))
	}
	d, err := r.Report()
	if err != nil {
		return err
	}
	show.summary(d, cfg.Out)
	return nil
}

// newStages makes a command for every stage a user can run by itself.
func newStages() []*cobra.Command {
	var list []*cobra.Command
	for _, s := range []struct{ name, short, long string }{
		{"embed", "Embed every document", "part-NNNNN.npy (float16 vectors) and part-NNNNN.ids for each shard of the corpus"},
		{"cluster", "Cluster the documents", "part-NNNNN.npy (int32 cluster of each document) and centroids-*/centroids.npy"},
		{"label", "Score the documents' quality", "part-NNNNN.npy (float32, one column for each score)"},
		{"domains", "Prune clusters and merge them into domains", "domains-*/domains.json, and part-NNNNN.npy (int16 domain of each document)"},
		{"tokens", "Tokenize the domains", "domain-NNN.bin and .idx (Megatron), and vocab-*/tokenizer.json"},
		{"search", "Search the mixture with proxies", "search.json, and trials/ with every proxy run"},
		{"mix", "Write the mixed dataset", "shard-NNNNN.jsonl.zst, manifest.json and README.md"},
	} {
		o := &runOptions{}
		c := &cobra.Command{
			Use: s.name + " [climb.yaml]", GroupID: "stage", Short: s.short, Args: args(cobra.MaximumNArgs(1)),
			Long: fmt.Sprintf(`%s, after the stages that this needs and that are not done yet.

Output: %s. See docs/format.md.
To put other outputs in the place of ours, see climb task publish --help.`, s.short, s.long),
			Example: fmt.Sprintf("  climb %s climb.yaml", s.name),
			RunE: func(cmd *cobra.Command, args []string) error {
				cfg, err := o.load(args)
				if err != nil {
					return err
				}
				return o.until(cmd, cfg, s.name)
			},
		}
		if s.name == "label" {
			c.AddCommand(newLabelJudge(), newLabelPreview(), newLabelTrain())
		}
		o.register(c, eventsJSON)
		list = append(list, c)
	}
	return list
}

func newTask() *cobra.Command {
	c := &cobra.Command{
		Use: "task", GroupID: "tool", Short: "Run or publish one task of a plan",
		Example: `  climb task run --plan run/embed-3fa9c1d2e4b5/plan.json --task 7
  climb task publish --plan run/embed-3fa9c1d2e4b5/plan.json --task 0 part-00000.npy part-00000.ids`,
	}
	var plan string
	var n int
	var asJSON bool
	run := &cobra.Command{
		Use: "run", Short: "Run one task: what every launcher starts", Args: args(cobra.NoArgs),
		Long: `Run one task of a plan. A task that is done is not done again; one that is killed
leaves nothing behind. Exit code 75 asks to be run again, 78 says it is of no use.`,
		Example: `  climb task run --plan run/embed-3fa9c1d2e4b5/plan.json --task 7
  climb task run --plan run/embed-3fa9c1d2e4b5/plan.json --task 7 --json | jq .counters`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := climb.RunTask(cmd.Context(), plan, n)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(m)
			}
			fmt.Fprintf(stdout, "task %d: %d outputs, %s, %.1f s on %s\n", n, len(m.Outputs), bytesText(float64(m.Bytes())), m.Seconds, m.Host)
			return nil
		},
	}
	publish := &cobra.Command{
		Use: "publish FILE...", Short: "Publish files as the outputs of a task", Args: args(cobra.MinimumNArgs(1)),
		Long: `Publish files that another program has written as the outputs of a task, under
their base names. The stages after it then read them. They are checked first:
names, types and shapes of arrays, numbers, lines (docs/format.md). Tasks of
assign, centroids, cluster, domains, embed, label, tags and vocab can be
published; the proxies' trainer is set by proxy.command.`,
		Example: `  climb task publish --plan run/embed-3fa9c1d2e4b5/plan.json --task 0 part-00000.npy part-00000.ids`,
		RunE: func(cmd *cobra.Command, files []string) error {
			return climb.PublishTask(cmd.Context(), plan, n, files)
		},
	}
	run.Flags().BoolVar(&asJSON, "json", false, "print the task's manifest")
	for _, sub := range []*cobra.Command{run, publish} {
		sub.Flags().StringVar(&plan, "plan", "", "path of the plan")
		sub.Flags().IntVar(&n, "task", 0, "number of the task, from 0")
		_ = sub.MarkFlagRequired("plan") // fails only for a flag that does not exist
		_ = sub.MarkFlagRequired("task")
		c.AddCommand(sub)
	}
	return c
}
