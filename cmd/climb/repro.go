package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/repro"
	"github.com/climb-go/climb/task"
)

// reproOptions are the flags of climb repro.
type reproOptions struct {
	data, record    string
	short, markdown bool
	seed            uint64
	JSON            bool
}

// AddFlags adds the flags to a command's.
func (o *reproOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.data, "data", ".", "folder with the data of the case, or with tables/ or data/ that hold it")
	f.BoolVar(&o.short, "short", false, "run the same code on less: no verdict on the claim")
	f.Uint64Var(&o.seed, "seed", 0, "random seed, added to those of the case")
	f.StringVar(&o.record, "record", "", "write the verdict of a full run into this file, repro/testdata/verdicts.txt")
	f.BoolVar(&o.markdown, "markdown", false, "print docs/repro.md: every case with its committed verdict")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newRepro(std streams) *cobra.Command {
	var o reproOptions
	c := &cobra.Command{
		Use: "repro [NAME]", GroupID: "tool", Args: args(cobra.MaximumNArgs(1)),
		Short: "Repeat claims that papers make, and say whether they hold",
		Long: `Replicate published claims. Without a name the cases are listed, each with the verdict
of the full run that this version was made with. With one it is run: its figures, every
check with its threshold, and the verdict. A criterion was fixed before the first run of
its case, and a missed claim is a result: the exit code is 0 for either verdict.

Nothing is downloaded. If data of a case are missing, the error says where to get them;
their SHA-256 is compared.`,
		Example: `  climb repro
  climb repro regmix --data tables/
  climb repro regmix --data tables/ --json | jq -r .verdict`,
		RunE: func(c *cobra.Command, args []string) error { return runRepro(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runRepro(ctx context.Context, o reproOptions, args []string, std streams) error {
	switch {
	case o.markdown:
		return repro.WriteMarkdown(std.out)
	case len(args) == 0:
		return listCases(o, std)
	case o.record != "" && (o.short || o.seed != 0):
		return task.Usage(errors.New("--record keeps the verdict of a full run: leave --short and --seed out"))
	}
	found, err := repro.Find(args[0])
	if err != nil {
		return task.Usage(err)
	}
	out, err := found.Run(ctx, repro.Options{Data: o.data, Short: o.short, Seed: o.seed, Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return err
	}
	if o.record != "" {
		if err := record(o.record, found, out); err != nil {
			return err
		}
	}
	if o.JSON {
		return std.out.JSON(struct {
			repro.Case
			*repro.Outcome
		}{found, out})
	}
	return printOutcome(found, out, std)
}

// listCases prints the cases with their committed verdicts.
func listCases(o reproOptions, std streams) error {
	verdicts, err := repro.Verdicts()
	if err != nil {
		return err
	}
	type row struct {
		repro.Case
		Verdict string `json:"verdict"`
	}
	given := map[string]string{}
	for _, v := range verdicts {
		given[v.Name] = v.Verdict
	}
	var rows []row
	for _, c := range repro.Cases {
		rows = append(rows, row{c, given[c.Name]})
	}
	if o.JSON {
		return std.out.JSON(rows)
	}
	for _, r := range rows {
		fmt.Fprintf(std.out, "%s (%s): %s\n  [%s]\n", r.Name, r.Verdict, r.Claim, r.Paper)
	}
	return nil
}

// printOutcome prints the figures and checks of a run, and its verdict.
func printOutcome(c repro.Case, out *repro.Outcome, std streams) error {
	fmt.Fprintf(std.out, "claim      %s\npaper      %s\ncriterion  %s\n\n", c.Claim, c.Paper, c.Criterion)
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, f := range out.Figures {
		fmt.Fprintf(t, "%s\t%.4g", f.What, f.Value)
		if f.Interval != nil {
			fmt.Fprintf(t, "\t%.4g to %.4g", f.Interval[0], f.Interval[1])
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "CHECK\tPUBLISHED\tMEASURED\tTHRESHOLD\tHOLDS")
	for _, x := range out.Checks {
		published, holds := "-", "yes"
		if x.Published != nil {
			published = fmt.Sprintf("%.4g", *x.Published)
		}
		if !x.Holds() {
			holds = "no"
		}
		fmt.Fprintf(t, "%s\t%s\t%.4g\t%s\t%s\n", x.What, published, x.Measured, x.Threshold(), holds)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := out.Verdict
	if verdict == repro.Short {
		verdict = "short: no verdict on the claim"
	}
	fmt.Fprintf(std.out, "\n%s: %s, in %.0f s\n", c.Name, verdict, out.Seconds)
	return nil
}

// record puts the outcome into a file of verdicts.
func record(path string, c repro.Case, out *repro.Outcome) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	all, err := repro.ReadVerdicts(bytes.NewReader(old))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var b bytes.Buffer
	if err := repro.WriteVerdicts(&b, repro.Record(all, c, out)); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}
