package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/repro"
	"github.com/climb-go/climb/task"
)

func newRepro(std streams) *cobra.Command {
	c := &cobra.Command{
		Use: "repro", GroupID: "tool", Args: args(cobra.NoArgs),
		Short: "Repeat claims that papers make, and say whether they hold",
		Long: `Replicate published claims. A case has a claim, its paper, and a criterion that was
fixed in advance; you get what is measured here, and pass or miss. The project's own
results are in bench/results/repro-NAME.json.`,
		Example: `  climb repro list
  climb repro run regmix --data tables/`,
	}
	c.AddCommand(newReproList(std), newReproRun(std))
	return c
}

// reproListOptions are the flags of climb repro list.
type reproListOptions struct{ JSON bool }

// AddFlags adds the flags to a command's.
func (o *reproListOptions) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newReproList(std streams) *cobra.Command {
	var o reproListOptions
	c := &cobra.Command{
		Use: "list", Args: args(cobra.NoArgs),
		Short:   "List the cases: claim and paper of each",
		Example: `  climb repro list --json | jq -r '.[].name'`,
		RunE:    func(c *cobra.Command, args []string) error { return runReproList(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runReproList(_ context.Context, o reproListOptions, _ []string, std streams) error {
	if o.JSON {
		return std.out.JSON(repro.Cases)
	}
	for _, r := range repro.Cases {
		fmt.Fprintf(std.out, "%s: %s\n  [%s]\n", r.Name, r.Claim, r.Source)
	}
	return nil
}

// reproRunOptions are the flags of climb repro run.
type reproRunOptions struct {
	data string
	JSON bool
}

// AddFlags adds the flags to a command's.
func (o *reproRunOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.data, "data", ".", "folder with the data of the case, or with tables/ or data/ that hold it")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newReproRun(std streams) *cobra.Command {
	var o reproRunOptions
	c := &cobra.Command{
		Use: "run NAME", Args: args(cobra.ExactArgs(1)),
		Short: "Run a case: what was claimed, what is measured, pass or miss",
		Long: `Run a case and print its claim, the criterion, every published figure beside the one
measured here, and the verdict. A miss is a result, not an error. If data of the case
are missing, the error says where to get them; their SHA-256 is compared.`,
		Example: `  climb repro run regmix --data tables/
  climb repro run regmix --data tables/ --json | jq -r .verdict`,
		RunE: func(c *cobra.Command, args []string) error { return runReproRun(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runReproRun(ctx context.Context, o reproRunOptions, args []string, std streams) error {
	found, err := repro.Find(args[0])
	if err != nil {
		return task.Usage(err)
	}
	r, err := found.Run(ctx, o.data)
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(r)
	}
	fmt.Fprintf(std.out, "claim      %s\nsource     %s\ncriterion  %s\n\n", r.Claim, r.Source, r.Criterion)
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FIGURE\tPUBLISHED\tMEASURED\tCRITERION\tHOLDS")
	for _, x := range r.Checks {
		holds := "yes"
		if !x.Holds() {
			holds = "no"
		}
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f to %.2f\t%s\n", x.What, x.Published, x.Measured, x.Least, x.Most, holds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "\n%s: %s\n", r.Name, r.Verdict)
	return nil
}
