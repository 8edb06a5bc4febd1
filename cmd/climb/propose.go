package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/task"
)

// proposeOptions are the flags of climb propose.
type proposeOptions struct {
	history.ProposeOptions
	history.Hints
	tableOut
	files, smaller                      []string
	prior, supply, least, most, weights map[string]string
	out                                 string
	JSON                                bool
}

// AddFlags adds the flags to a command's.
func (o *proposeOptions) AddFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.files, "history", nil, "table of runs; twice for mixtures and scores in files of their own")
	f.IntVarP(&o.N, "count", "n", 32, "mixtures to propose")
	f.StringVar(&o.Strategy, "strategy", "climb-auto", "search strategy; climb methods strategies lists them")
	objectiveFlags(f, &o.Objective, &o.weights, &o.KeepOutliers)
	f.StringVar(&o.Combine, "combine", "mean", "mean or worst of the metrics")
	f.Float64Var(&o.KL, "kl", -1, "weight of the KL divergence from the prior: taken off the score for every nat; -1 = as the strategy's authors have it")
	f.StringToStringVar(&o.prior, "prior", nil, "DOMAIN=SHARE of the corpus, for every domain; the mean of the runs if none is given")
	f.StringToStringVar(&o.supply, "supply", nil, "DOMAIN=TOKENS there are, for every domain")
	f.Float64Var(&o.TargetTokens, "target-tokens", 0, "tokens of the run that the mixture is for")
	f.Float64Var(&o.Epochs, "epochs", 4, "most epochs of that run over a domain")
	f.StringToStringVar(&o.least, "least", nil, "DOMAIN=SHARE, the least it may have")
	f.StringToStringVar(&o.most, "most", nil, "DOMAIN=SHARE, the most it may have")
	f.StringSliceVar(&o.smaller, "smaller", nil, "table of a smaller model's runs; MIXTURES,SCORES if it is two files")
	f.Uint64Var(&o.Seed, "seed", 1, "random seed")
	hintFlags(f, &o.Hints)
	o.tableOut.add(f, &o.out, "out")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newPropose(std streams) *cobra.Command {
	var o proposeOptions
	c := &cobra.Command{
		Use: "propose --history FILE [--history FILE]", GroupID: "tool", Args: args(cobra.NoArgs),
		Short: "Propose the mixtures to train next, from a table of runs made elsewhere",
		Long: `Get the next batch of mixtures for a search that you carry out by hand, from the
table of its runs: RegMix's (mixtures and losses), olmix's (ratios.csv and
metrics.csv), NeMo Curator's (lm_harness_results.csv) or ours (runs.csv). No corpus
is needed. --out writes the proposals as a table of the same forms, ready to run.

Metrics, their directions, what is left out, and the tables of trackers (--shares):
as in climb fit, which proposes for tables with phases.

--prior and --supply need a number for every domain. Shares are from 0 to 1.

With --smaller, runs of a smaller model on the same domains and metrics inform what
is expected of a mixture (strategies climb-auto and bayes), as in climb fit.`,
		Example: `  climb propose --history runs.csv -n 32
  climb propose --history mixture.csv --history loss.csv --metric pile_cc -n 16 --out next --form regmix
  climb propose --history runs.csv --smaller runs-60m.csv -n 8
  climb propose --history runs.csv --supply web=4e9,code=1e9 --target-tokens 1e10 --json`,
		RunE: func(c *cobra.Command, args []string) error { return runPropose(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runPropose(ctx context.Context, o proposeOptions, _ []string, std streams) error {
	if err := o.parse(); err != nil {
		return task.Usage(err)
	}
	if err := o.check(o.out); err != nil {
		return err
	}
	t, err := o.Read(o.files...)
	if err != nil {
		return err
	}
	if len(o.smaller) > 0 {
		if o.Smaller, err = o.Read(o.smaller...); err != nil {
			return err
		}
	}
	p, err := history.Propose(ctx, t, o.ProposeOptions)
	if err != nil {
		return err
	}
	var written []string
	if o.out != "" {
		if written, err = o.write(p.Table(), o.out, std.err); err != nil {
			return err
		}
	}
	if o.JSON {
		return std.out.JSON(p)
	}
	return printProposals(std.out, p, written)
}

// parse checks the flags, and reads those that are text.
func (o *proposeOptions) parse() (err error) {
	if len(o.files) == 0 || len(o.files) > 2 {
		return fmt.Errorf("--history: give one table, or one of mixtures and one of scores; got %d", len(o.files))
	}
	if o.N < 1 {
		return fmt.Errorf("-n: %d mixtures: at least 1", o.N)
	}
	for _, part := range []struct {
		flag string
		from map[string]string
		to   *map[string]float64
	}{{"prior", o.prior, &o.Prior}, {"supply", o.supply, &o.Supply}, {"least", o.least, &o.Least}, {"most", o.most, &o.Most}, {"weight", o.weights, &o.Objective.Weights}} {
		if *part.to, err = numbers(part.flag, part.from); err != nil {
			return err
		}
	}
	return nil
}

func printProposals(w io.Writer, p *history.Proposals, written []string) error {
	printTable(w, p.Metrics, p.Lower, p.Ignored, p.Warnings)
	if err := printMixtures(w, p); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d runs, %d left out, noise of a run %.2g, best measured score %.4g.\n", p.Runs, p.Failed, p.Noise, p.Best)
	if p.Smaller != "" {
		fmt.Fprintln(w, "Smaller model:", p.Smaller+".")
	}
	if !p.Measured {
		fmt.Fprintln(w, "The mixture called predicted was not measured: run it before you rely on it.")
	}
	if len(p.Next) == 0 {
		fmt.Fprintln(w, "Nothing to propose: no mixture is expected to gain more than the noise hides.")
	}
	for _, file := range written {
		fmt.Fprintln(w, "wrote", file)
	}
	return nil
}

// printMixtures prints the proposals, and the mixture that is best now.
func printMixtures(w io.Writer, p *history.Proposals) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "RUN\tEXPECTED\t±")
	for _, d := range p.Domains {
		fmt.Fprintf(t, "\t%s", escape.Line(d))
	}
	fmt.Fprintln(t)
	row := func(name string, m history.Proposed) {
		fmt.Fprintf(t, "%s\t%.4g\t%.2g", name, m.Expected, m.Std)
		for _, share := range m.Mixture {
			fmt.Fprintf(t, "\t%.4f", share)
		}
		fmt.Fprintln(t)
	}
	for i, m := range p.Next {
		row(fmt.Sprintf("n%d", i+1), m)
	}
	best := "predicted"
	if p.Measured {
		best = "best now"
	}
	row(best, p.Recommended)
	return t.Flush()
}
