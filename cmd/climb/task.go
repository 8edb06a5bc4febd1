package main

import (
	"context"
	"fmt"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/study"
)

// taskOptions are the flags of climb task run and climb task publish.
type taskOptions struct {
	Plan string
	Task int
}

// AddFlags adds the flags to a command's.
func (o *taskOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Plan, "plan", "", "path of the plan")
	f.IntVar(&o.Task, "task", 0, "number of the task, from 0")
}

func newTask(std streams) *cobra.Command {
	c := &cobra.Command{
		Use: "task", GroupID: "tool", Short: "Run or publish one task of a plan",
		Example: `  climb task run --plan run/embed-3fa9c1d2e4b5/plan.json --task 7
  climb task publish --plan run/embed-3fa9c1d2e4b5/plan.json --task 0 part-00000.npy part-00000.ids`,
	}
	c.AddCommand(newTaskRun(std), newTaskPublish(std))
	return c
}

// taskRunOptions are the flags of climb task run.
type taskRunOptions struct {
	taskOptions
	Batch   string
	Element int
	JSON    bool
}

// AddFlags adds the flags to a command's.
func (o *taskRunOptions) AddFlags(f *pflag.FlagSet) {
	o.taskOptions.AddFlags(f)
	f.StringVar(&o.Batch, "batch", "", "folder of a batch that climb run has handed to a scheduler, instead of --plan and --task")
	f.IntVar(&o.Element, "element", 0, "number of the batch's element, from 0")
	f.BoolVar(&o.JSON, "json", false, "print the task's manifest")
}

func newTaskRun(std streams) *cobra.Command {
	var o taskRunOptions
	c := &cobra.Command{
		Use: "run", Short: "Run one task of a plan", Args: args(cobra.NoArgs),
		Long: `Run one task of a plan, as every launcher does. A task that is done is not done
again; one that is killed leaves nothing behind.`,
		Example: `  climb task run --plan run/embed-3fa9c1d2e4b5/plan.json --task 7
  climb task run --plan run/embed-3fa9c1d2e4b5/plan.json --task 7 --json | jq .counters
  climb task run --batch run/embed-3fa9c1d2e4b5/jobs/climb-embed-0a1b2c3d4e5f --element 0`,
		RunE: func(c *cobra.Command, args []string) error { return runTaskRun(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	c.MarkFlagsOneRequired("plan", "batch")
	c.MarkFlagsMutuallyExclusive("plan", "batch")
	c.MarkFlagsRequiredTogether("plan", "task")
	return c
}

func runTaskRun(ctx context.Context, o taskRunOptions, _ []string, std streams) error {
	if o.Batch != "" {
		return runElement(ctx, o)
	}
	m, err := stage.RunTask(ctx, study.Stages(), o.Plan, o.Task)
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(m)
	}
	fmt.Fprintf(std.out, "task %d: %d outputs, %s, %.1f s on %s\n", o.Task, len(m.Outputs), bytesText(float64(m.Bytes())), m.Seconds, m.Host)
	return nil
}

// runElement runs the tasks of an element of a batch.
func runElement(ctx context.Context, o taskRunOptions) error {
	b, err := launch.ReadBatch(o.Batch)
	if err != nil {
		return fmt.Errorf("read the batch: %w; does this machine see the run directory of the controller?", err)
	}
	// What schedulers send before they kill. A second one does not end it at once, as it does elsewhere: some send it to the script
	// that runs this and to this.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGXCPU)
	defer stop()
	runtime.GOMAXPROCS(b.Resources.CPUs)
	p, f, err := stage.OpenPlan(study.Stages(), b.Plan)
	if err != nil {
		return err
	}
	return launch.Worker{Batch: b, Element: o.Element, Version: climb.Version}.Run(stage.WithCache(ctx, &stage.Cache{}), p, f)
}

func newTaskPublish(std streams) *cobra.Command {
	var o taskOptions
	c := &cobra.Command{
		Use: "publish FILE...", Short: "Publish files of your own as the outputs of a task", Args: args(cobra.MinimumNArgs(1)),
		Long: `Publish files of another program as the outputs of a task, under their base names.
The stages after it read them in the place of ours. They are checked first: names,
types and shapes of arrays, numbers, lines (docs/format.md).

Tasks of assign, centroids, cluster, domains, embed, label, tags and vocab can be
published. A trainer of your own is proxy.command in climb.yaml.`,
		Example: `  climb task publish --plan run/embed-3fa9c1d2e4b5/plan.json --task 0 part-00000.npy part-00000.ids`,
		RunE:    func(c *cobra.Command, args []string) error { return runTaskPublish(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	_ = c.MarkFlagRequired("plan") // fails only for a flag that does not exist
	_ = c.MarkFlagRequired("task")
	return c
}

func runTaskPublish(ctx context.Context, o taskOptions, files []string, _ streams) error {
	return stage.PublishTask(ctx, study.Stages(), o.Plan, o.Task, files)
}
