package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
	_ = cobra.MarkFlagRequired(f, "plan") // fails only for a flag that does not exist
	_ = cobra.MarkFlagRequired(f, "task")
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
	JSON bool
}

// AddFlags adds the flags to a command's.
func (o *taskRunOptions) AddFlags(f *pflag.FlagSet) {
	o.taskOptions.AddFlags(f)
	f.BoolVar(&o.JSON, "json", false, "print the task's manifest")
}

func newTaskRun(std streams) *cobra.Command {
	var o taskRunOptions
	c := &cobra.Command{
		Use: "run", Short: "Run one task of a plan", Args: args(cobra.NoArgs),
		Long: `Run one task of a plan, as every launcher does. A task that is done is not done
again; one that is killed leaves nothing behind.`,
		Example: `  climb task run --plan run/embed-3fa9c1d2e4b5/plan.json --task 7
  climb task run --plan run/embed-3fa9c1d2e4b5/plan.json --task 7 --json | jq .counters`,
		RunE: func(c *cobra.Command, args []string) error { return runTaskRun(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runTaskRun(ctx context.Context, o taskRunOptions, _ []string, std streams) error {
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
	return c
}

func runTaskPublish(ctx context.Context, o taskOptions, files []string, _ streams) error {
	return stage.PublishTask(ctx, study.Stages(), o.Plan, o.Task, files)
}
