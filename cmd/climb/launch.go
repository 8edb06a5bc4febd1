package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

func newLaunch(std streams) *cobra.Command {
	c := &cobra.Command{
		Use: "launch", GroupID: "tool", Short: "Look at what a scheduler is given",
		Example: `  climb launch manifest --stage search`,
	}
	c.AddCommand(newManifest(std))
	return c
}

// manifestOptions are the flags of climb launch manifest.
type manifestOptions struct {
	configOptions
	Stage string
}

// AddFlags adds the flags to a command's.
func (o *manifestOptions) AddFlags(f *pflag.FlagSet) {
	o.configOptions.AddFlags(f)
	f.StringVar(&o.Stage, "stage", "", "stage whose tasks are handed over; empty = the first that is not done")
}

func newManifest(std streams) *cobra.Command {
	var o manifestOptions
	c := &cobra.Command{
		Use: "manifest [climb.yaml]", Args: args(cobra.MaximumNArgs(1)),
		Short: "Print what a scheduler would be given for the tasks of a stage",
		Long: `Print what climb run would hand to the scheduler of launch.method for the tasks of
a stage that are missing: a Job of Kubernetes as JSON, which kubectl reads, or a
batch script. Of a stage that has no plan yet a job of one task is shown. Nothing is
submitted or written.`,
		Example: `  climb launch manifest
  climb launch manifest --stage search runs/a.yaml
  climb launch manifest | kubectl create --dry-run=server -o yaml -f -`,
		RunE: func(c *cobra.Command, args []string) error { return runManifest(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runManifest(ctx context.Context, o manifestOptions, args []string, std streams) error {
	r, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	remote, err := r.Remote()
	if err != nil {
		return err
	}
	if remote == nil {
		return task.Usage(errors.New("launch.method is local: no scheduler is given anything"))
	}
	name := o.Stage
	if name == "" {
		if name = firstUndone(r); name == "" {
			return task.Usage(errors.New("every stage is done; name one by --stage"))
		}
	}
	if r.Find(name) == nil {
		var names []string
		for _, s := range r.Stages() {
			names = append(names, s.Name)
		}
		return task.Usage(fmt.Errorf("--stage: no stage is called %q%s; stages are %s", name, meant(name, names), strings.Join(names, ", ")))
	}
	text, err := manifest(ctx, r, remote, name)
	if err != nil {
		return err
	}
	if text == "" {
		return task.Usage(fmt.Errorf("stage %s is done: nothing would be submitted", name))
	}
	if o.JSON {
		return std.out.JSON(map[string]string{"stage": name, "manifest": text})
	}
	_, err = fmt.Fprint(std.out, text)
	return err
}

// firstUndone is the first stage that is not done, "" if there is none.
func firstUndone(r *climb.Run) string {
	for _, s := range r.Stages() {
		if !r.Done(s.Name) {
			return s.Name
		}
	}
	return ""
}

// manifest is what is handed over for a stage: of its first plan that is not done, for those that go in rounds.
func manifest(ctx context.Context, r *climb.Run, remote *launch.Remote, stage string) (string, error) {
	plans, err := r.Plans(stage)
	if err != nil {
		return "", err
	}
	if len(plans) == 0 {
		return remote.Preview(ctx, stage, r.Dir(stage), nil)
	}
	for _, p := range plans {
		if text, err := remote.Preview(ctx, stage, r.Dir(stage), p); text != "" || err != nil {
			return text, err
		}
	}
	return "", nil
}
