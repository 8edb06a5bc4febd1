package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/task"
)

// fitOptions are the flags of climb fit.
type fitOptions struct {
	history.FitOptions
	history.Hints
	tableOut
	Smaller []string // files
	Write   string
	JSON    bool
	weights map[string]string
}

// AddFlags adds the flags to a command's.
func (o *fitOptions) AddFlags(f *pflag.FlagSet) {
	objectiveFlags(f, &o.Objective, &o.weights, &o.KeepOutliers)
	f.StringVar(&o.Predictor, "predictor", "auto", "regression; climb methods predictors lists them")
	f.IntVar(&o.Candidates, "candidates", 20000, "random mixtures among which the predicted best is looked for")
	f.IntVar(&o.Next, "next", 8, "mixtures to propose")
	f.Uint64Var(&o.Seed, "seed", 1, "random seed")
	f.StringSliceVar(&o.Smaller, "smaller", nil, "table of a smaller model's runs; MIXTURES,SCORES if it is two files")
	hintFlags(f, &o.Hints)
	o.tableOut.add(f, &o.Write, "write")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

const fitLong = `Fit a regression from mixtures to scores to a table of runs. No corpus is needed.
You get

  how well it predicts held-out runs: rank correlation and error,
  the noise of a run and the ceiling that it sets, known if mixtures were run twice,
  the recommended mixture, with prediction intervals,
  the effect of more of each domain,
  the mixtures to run next, and what more runs would bring.

Tables: ours (runs.csv with columns run, domain:NAME, metric:NAME), NeMo Curator's
lm_harness_results.csv, RegMix's and olmix's pairs of mixtures and scores, or a
folder of Curator's mixture scripts and a table of scores; or mixtures and a folder
of lm_eval's results by run (or one folder with both; the newest file of a run
counts). Runs are joined by id. Read too are trackers' tables of one file: Weights &
Biases' CSV export of the runs, with shares below one prefix (config.weights.web) or
named by --shares; and marin's, with a mixture for each phase (phase_0_web,
phase_1_web). With --phases 0.8,0.2 the fit then has the shares of every phase, and
recommends and proposes one mixture for each.

Directions: whether more or less of a metric is better comes from the results files,
or from the last words of its name (loss, bpb, ppl, cross_entropy, rmse; acc, f1,
...). Where neither tells, --higher or --lower has to. Columns that are no metrics
(index, seed, step, tokens, sample_len, tasks of a group that has figures, ...) are
left out and listed. So are outliers, such as runs that diverged.

The recommended mixture is predicted. It lies inside its own intervals, or the
output says why not. The best measured one is what climb propose calls best now.

With --smaller, runs of a smaller model on the same domains and metrics inform the
fit, which then needs fewer of the larger model's. Their mixtures may be others.`

func newFit(std streams) *cobra.Command {
	var o fitOptions
	c := &cobra.Command{
		Use: "fit RUNS.csv | fit MIXTURES SCORES.csv", GroupID: "main", Args: args(cobra.RangeArgs(1, 2)),
		Short: "Fit runs made elsewhere: how well scores are predicted, the best mixture, the next runs",
		Long:  fitLong,
		Example: `  climb fit runs.csv
  climb fit train_mixture_1m.csv train_pile_loss_1m.csv --metric the_pile_pile_cc_val_loss
  climb fit ratios.csv metrics.csv --next 16 --write next/ --form olmix
  climb fit wandb_export.csv --shares 'data.weights.*' --metric eval/loss
  climb fit two_phase.csv --phases 0.8,0.2 --metric eval/loss --write next/
  climb fit lm_harness_results.csv --metric valid_avg --json | jq .recommended`,
		RunE: func(c *cobra.Command, args []string) error { return runFit(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runFit(_ context.Context, o fitOptions, args []string, std streams) error {
	if err := o.parse(); err != nil {
		return err
	}
	table, err := o.Read(args...)
	if err != nil {
		return err
	}
	if len(o.Smaller) > 0 {
		if o.FitOptions.Smaller, err = o.Read(o.Smaller...); err != nil {
			return err
		}
	}
	r, err := table.Fit(o.FitOptions)
	if err != nil {
		return err
	}
	if o.Write != "" {
		if err := writeNext(o, r, table.Paths, std.err); err != nil {
			return err
		}
	}
	if o.JSON {
		return std.out.JSON(r)
	}
	printFit(std.out, r)
	return nil
}

// parse checks the flags, and reads those that are text.
func (o *fitOptions) parse() (err error) {
	if o.Candidates < 1 || o.Next < 0 {
		return task.Usage(fmt.Errorf("--candidates %d, --next %d: want at least 1 and 0", o.Candidates, o.Next))
	}
	if err := o.check(o.Write); err != nil {
		return err
	}
	if o.Objective.Weights, err = numbers("weight", o.weights); err != nil {
		return task.Usage(err)
	}
	return nil
}

// writeNext writes the proposals as a table without scores.
func writeNext(o fitOptions, r *history.Report, paths map[string]string, say io.Writer) error {
	t := &history.Table{Domains: r.Domains, Phases: r.Phases, Paths: paths}
	for i, m := range r.Next {
		t.Runs = append(t.Runs, history.Run{Name: fmt.Sprintf("n%d", i+1), Mixture: m})
	}
	_, err := o.write(t, o.Write, say)
	return err
}

// printFit prints the report in words and tables.
func printFit(w io.Writer, r *history.Report) {
	fmt.Fprintf(w, "%d runs (%d failed), %d mixtures of %d domains, %d metrics\n", r.Runs, r.Failed, r.Mixtures, len(r.Domains), len(r.Metrics))
	printTable(w, r.Metrics, r.Lower, r.Ignored, r.Warnings)
	fmt.Fprintf(w, "Predictor %s: rank correlation %.3f on held-out mixtures (95 %% in [%.3f, %.3f]), error %.4g\n", r.Predictor, r.Spearman, r.Spearman95[0], r.Spearman95[1], r.RMSE)
	for i, name := range r.Metrics {
		if why := r.Why[name]; why != "" && i < 5 {
			fmt.Fprintf(w, "  %s: %s\n", name, why)
		}
	}
	fmt.Fprintf(w, "Noise of a run %.4g (%s)\n", r.Noise.Std, r.Noise.Source)
	if r.ItemError != nil {
		fmt.Fprintf(w, "Standard error of a score over the items of its tasks %.4g (the same items in every run, so it is no noise between runs)\n", *r.ItemError)
	}
	if c := r.Noise.Ceiling; c != nil {
		fmt.Fprintf(w, "Ceiling of the correlation about %.3f (80 %% in [%.2f, %.2f])\n", *c, r.Noise.Ceiling80[0], r.Noise.Ceiling80[1])
	} else {
		fmt.Fprintf(w, "Ceiling of the correlation: unknown. To know it, %s\n", r.Noise.Cost)
	}
	measured := r.Measured.Interval80
	fmt.Fprintf(w, "Best measured (run %s): score %.4g, expected %.4g, 80 %% of runs in [%.4g, %.4g]\n", strings.Join(r.Measured.Runs, ", "), r.Measured.Score, r.Measured.Predicted, measured[0], measured[1])
	fmt.Fprintf(w, "Recommended: score %.4g, 80 %% of runs in [%.4g, %.4g], 95 %% in [%.4g, %.4g]; ",
		r.Best.Predicted, r.Best.Interval80[0], r.Best.Interval80[1], r.Best.Interval95[0], r.Best.Interval95[1])
	if len(r.Best.Runs) > 0 {
		fmt.Fprintf(w, "measured by run %s\n", strings.Join(r.Best.Runs, ", "))
	} else {
		fmt.Fprintln(w, "not measured yet")
	}
	if r.Best.Outside != "" {
		fmt.Fprintln(w, "  outside its intervals:", r.Best.Outside)
	}
	fmt.Fprintln(w)
	printShares(w, r)
	printForecast(w, r)
}

// printForecast prints what more runs would bring, and which to make.
func printForecast(w io.Writer, r *history.Report) {
	fmt.Fprintln(w, "\nRank correlation by number of mixtures (on subsets, then extrapolated):")
	for _, p := range r.Plan {
		mark := ""
		if !p.Measured {
			mark = "  expected"
		}
		fmt.Fprintf(w, "%6d  %.3f%s\n", p.Runs, p.Spearman, mark)
	}
	if r.Spearman95[0] <= 0 {
		fmt.Fprintln(w, "        no forecast: the correlation may be none")
	}
	if len(r.Next) > 0 {
		fmt.Fprintln(w, "\nRun next (shares in per cent, domains above 1 %):")
	}
	for i, m := range r.Next {
		fmt.Fprintln(w, wrapped(fmt.Sprintf("  n%d:%s", i+1, shares(r.Domains, r.Phases.Within(m))), lineWidth, "    "))
	}
}

// printShares prints the mixtures, with the effects of each domain.
func printShares(w io.Writer, r *history.Report) {
	if len(r.Phases) > 0 {
		var lengths []string
		for k, f := range r.Phases {
			lengths = append(lengths, fmt.Sprintf("phase %d %.1f %%", k, 100*f))
		}
		fmt.Fprintf(w, "Shares are of the tokens of their phase: %s of all.\n", strings.Join(lengths, ", "))
	}
	within := r.Phases.Within
	low, high := make([]float64, len(r.Domains)), make([]float64, len(r.Domains))
	for j, s := range r.Best.Shares80 {
		low[j], high[j] = s[0], s[1]
	}
	best, measured, low, high := within(r.Best.Mixture), within(r.Measured.Mixture), within(low), within(high)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "share\t80 % between\tbest measured\t+1 % at the mean\t+1 % at the best\t  domain")
	for j, name := range r.Domains {
		fmt.Fprintf(t, "%.1f %%\t%.1f .. %.1f\t%.1f %%\t%+.4g\t%+.4g\t  %s\n", 100*best[j], 100*low[j], 100*high[j], 100*measured[j], r.Effects[j].AtMean, r.Effects[j].AtBest, escape.Line(name))
	}
	t.Flush()
}

// shares lists the domains of a mixture that have more than 1 %.
func shares(domains []string, m []float64) string {
	out := ""
	for j, v := range m {
		if v >= 0.01 {
			out += fmt.Sprintf(" %s %.1f", domains[j], 100*v)
		}
	}
	return out
}
