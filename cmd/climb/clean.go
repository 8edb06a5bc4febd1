package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// cleanOptions are the flags of climb clean.
type cleanOptions struct {
	configOptions
	Yes bool
}

// AddFlags adds the flags to a command's.
func (o *cleanOptions) AddFlags(f *pflag.FlagSet) {
	o.configOptions.AddFlags(f)
	f.BoolVar(&o.Yes, "yes", false, "remove them; without it they are only listed")
}

func newClean(std streams) *cobra.Command {
	var o cleanOptions
	c := &cobra.Command{
		Use: "clean [climb.yaml...]", GroupID: "tool",
		Short: "Remove stages that no configuration names any more",
		Long: `List the directories of stages in a run directory that no configuration names any
more: an option was changed, and the stages that depend on it were made anew
beside them. --yes removes them.

Name every configuration that you still run in this directory. What their paths
point to, and the dataset that the link dataset points to, stays; so does every
file that climb did not plan. A directory with a study is left alone.`,
		Example: `  climb clean climb.yaml          # what would be removed, and how much it holds
  climb clean climb.yaml --yes
  climb clean a.yaml b.yaml --yes # two configurations with one run directory`,
		RunE: func(c *cobra.Command, args []string) error { return runClean(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runClean(ctx context.Context, o cleanOptions, args []string, std streams) error {
	if len(args) == 0 {
		args = []string{"climb.yaml"}
	}
	var run *climb.Run
	var used []string
	for _, path := range args {
		r, err := o.open(ctx, []string{path})
		if err != nil {
			return err
		}
		if run == nil {
			run = r
		}
		if r.Out != run.Out {
			return task.Usage(fmt.Errorf("%s and %s have different run directories, %s and %s: clean one at a time", args[0], path, near(run.Out), near(r.Out)))
		}
		used = append(append(used, r.Bases()...), pointedTo(r)...)
	}
	dirs, err := run.Unused(used)
	if err != nil {
		return err
	}
	if o.Yes && len(dirs) > 0 {
		if err := run.Hold(func() error { return run.Remove(dirs) }); err != nil {
			return err
		}
	}
	return o.tell(dirs, std)
}

// pointedTo lists the entries of the run directory that paths of the configuration
// lie in.
func pointedTo(r *climb.Run) (out []string) {
	option.EachPath(r.Config, func(_ string, path *string) {
		rel, err := filepath.Rel(r.Out, *path)
		if err == nil && *path != "" && filepath.IsLocal(rel) {
			name, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
			out = append(out, name)
		}
	})
	return out
}

// tell prints what was removed, or would be.
func (o *cleanOptions) tell(dirs []stage.Unused, std streams) error {
	var sum int64
	for _, d := range dirs {
		sum += d.Bytes
	}
	if o.JSON {
		return std.out.JSON(map[string]any{"unused": append([]stage.Unused{}, dirs...), "bytes": sum, "removed": o.Yes})
	}
	if len(dirs) == 0 {
		fmt.Fprintln(std.out, "Nothing to remove: every stage is named.")
		return nil
	}
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, d := range dirs {
		fmt.Fprintf(t, "%s\t  %s\n", bytesText(float64(d.Bytes)), d.Name)
	}
	t.Flush()
	what := "would be removed; --yes does it"
	if o.Yes {
		what = "removed"
	}
	fmt.Fprintf(std.out, "%s in %s %s\n", bytesText(float64(sum)), plural(len(dirs), "directory", "directories"), what)
	return nil
}
