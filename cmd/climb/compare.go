package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/study"
)

// compareOptions are the flags of climb compare.
type compareOptions struct {
	Out     string
	Workers int
	JSON    bool
	Plan    bool
}

// AddFlags adds the flags to a command's.
func (o *compareOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Out, "out", "", "run directory, instead of the one in the configuration")
	f.IntVar(&o.Workers, "workers", 0, "cores to use, instead of the number in the configuration; 0 = all")
	f.BoolVar(&o.JSON, "json", false, "print the outcome as JSON, and progress on standard error")
	f.BoolVar(&o.Plan, "plan", false, "say what will run and for how long, and stop")
}

const compareLong = `Compare strategies at equal budget. Each searches with proxies; then models of the
target's size are trained on the answers, with the same seeds for all, and scored
on test files that no search has seen. Run it again to resume.

You get means with confidence intervals, differences paired by seed, a verdict, and
what each strategy cost: as tables, as a page, and as JSON.

A study is a YAML file:

  config: climb.yaml              # corpus, domains, proxies, search of all strategies
  objectives:                     # each has searches of its own
    - name: science
      validation: [{file: arc_easy.validation.jsonl.zst, limit: 200}]
      test: [{file: arc_easy.test.jsonl.zst, limit: 400}]
  strategies:
    - natural
    - uniform
    - random                      # new random mixtures for each seed
    - best-of-random              # the best of as many as the others may train
    - regmix
    - climb
    - {name: one-round, strategy: climb, set: {search: {rounds: [28]}}}
    - {name: auto-acc, strategy: climb-auto, metric: acc, objectives: [science]}
  target: {size: 1m, tokens: 20e6}
  seeds: 5                        # target models of every answer
  searches: 1                     # independent searches of a strategy
  draws: 3                        # random mixtures a seed; their mean counts
  curve: 4                        # points of the learning curves
  proxies:                        # do other proxies rank mixtures as the target does?
    - {name: small-batch, set: {proxy: {batch: 4}}}

Without objectives, the target of climb.yaml is the only one. Runs that strategies
share are made once. docs/format.md has every field.`

func newCompare(std streams) *cobra.Command {
	var o compareOptions
	c := &cobra.Command{
		Use: "compare study.yaml", GroupID: "main", Args: args(cobra.ExactArgs(1)),
		Short: "Compare strategies by models trained on their answers",
		Long:  compareLong,
		Example: `  climb compare study.yaml --plan   # what will run, and for how long
  climb compare study.yaml
  climb compare study.yaml --json | jq '.objectives[].rows[] | {strategy, test_bpb}'`,
		RunE: func(c *cobra.Command, args []string) error { return runCompare(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runCompare(ctx context.Context, o compareOptions, args []string, std streams) error {
	s, err := o.load(args[0])
	if err != nil {
		return err
	}
	if o.Plan {
		return o.plan(ctx, s, std)
	}
	where := std.out
	if o.JSON {
		where = std.err
	}
	show := newDisplay(where, std, false)
	out, err := s.Compare(ctx, show.event)
	show.close()
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(out)
	}
	writeComparison(std.out, out)
	return nil
}

// load reads the study, and lets the flags overrule its configuration.
func (o *compareOptions) load(path string) (*study.Study, error) {
	s, err := study.Load(path)
	if err != nil {
		return nil, err
	}
	if o.Out != "" {
		if s.Config.Out, err = filepath.Abs(o.Out); err != nil {
			return nil, err
		}
		if err := s.Resolve(); err != nil {
			return nil, err
		}
	}
	return s, useWorkers(cmp.Or(o.Workers, s.Config.Workers))
}

// plan says what is left of a study.
func (o *compareOptions) plan(ctx context.Context, s *study.Study, std streams) error {
	p, err := s.Estimate(ctx)
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(p)
	}
	writeStudyPlan(std.out, p)
	return nil
}

func writeStudyPlan(w io.Writer, p *study.Estimate) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "what\truns\ttokens\tcore time\t")
	for _, x := range p.Parts {
		state := ""
		if x.Done {
			state = "done"
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\n", x.Name, x.Runs, countText(float64(x.Tokens)), durationText(time.Duration(x.CoreSeconds*float64(time.Second))), state)
	}
	t.Flush()
	fmt.Fprintf(w, "\nproxies: %s parameters, %s tokens, %s\n", countText(float64(p.Proxy.Parameters)), countText(float64(p.Proxy.Tokens)), rateText(p.ProxyRate, p.Builtin))
	fmt.Fprintf(w, "target:  %s parameters, %s tokens, %s\n", countText(float64(p.Target.Parameters)), countText(float64(p.Target.Tokens)), rateText(p.TargetRate, p.Builtin))
	if p.TargetRate > 0 {
		fmt.Fprintf(w, "left: at most about %s on %d cores, %d runs at a time; runs that strategies have in common are made once\n", durationText(time.Duration(p.Seconds*float64(time.Second))), p.Cores, p.AtOnce)
	}
	for _, text := range p.Warnings {
		fmt.Fprintf(w, "warning: %s\n", text)
	}
}

func rateText(rate float64, builtin bool) string {
	switch {
	case rate == 0:
		return "speed unknown"
	case builtin:
		return countText(rate) + " tokens/s on one core"
	}
	return countText(rate) + " tokens/s a process"
}

// writeComparison prints the tables of a study.
func writeComparison(w io.Writer, c *report.Comparison) {
	for _, o := range c.Objectives {
		unit := "score"
		if o.Lower {
			unit = "bits per byte"
		}
		fmt.Fprintf(w, "\n%s: test %s, %d seeds\n", o.Name, unit, len(c.Seeds))
		writeRows(w, c, o)
		writePairs(w, c, o)
		fmt.Fprintf(w, "Verdict: %s.\n", o.Verdict)
		for _, text := range o.Warnings {
			fmt.Fprintf(w, "Warning: %s\n", text)
		}
	}
	writeRanks(w, c.Ranks)
	for _, text := range c.Notes {
		fmt.Fprintf(w, "\n%s\n", text)
	}
}

func writeRanks(w io.Writer, ranks []report.Ranking) {
	if len(ranks) == 0 {
		return
	}
	fmt.Fprintf(w, "\nDo proxies put the %d mixtures in the target's order?\n", ranks[0].Mixtures)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "objective\tproxy\tSpearman\tinterval\tKendall")
	for _, r := range ranks {
		fmt.Fprintf(t, "%s\t%s\t%.3f\t[%.3f, %.3f]\t%.3f\n", r.Objective, r.Name, r.Spearman, r.Interval[0], r.Interval[1], r.Kendall)
	}
	t.Flush()
}

func writeRows(w io.Writer, c *report.Comparison, o report.Objective) {
	var base []string
	for _, r := range o.Rows {
		if !r.Searches {
			base = append(base, r.Strategy)
		}
	}
	slices.Sort(base)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "strategy\tmean\t%g %% interval\taccuracy", 100*c.Level)
	for _, b := range base {
		fmt.Fprintf(t, "\tgain over %s", b)
	}
	fmt.Fprint(t, "\tproxies\tcore time\n")
	for _, r := range o.Rows {
		acc := "-"
		if len(r.Acc.Values) > 0 {
			acc = fmt.Sprintf("%.1f %%", 100*r.Acc.Mean)
		}
		fmt.Fprintf(t, "%s\t%.4f\t%s\t%s", r.Strategy, r.Measure.Mean, intervalText(r.Measure.Interval, "%.4f"), acc)
		for _, b := range base {
			g, ok := r.Gain[b]
			if !ok {
				fmt.Fprint(t, "\t")
				continue
			}
			fmt.Fprintf(t, "\t%+.4f %s", g.Mean, intervalText(g.Interval, "%+.4f"))
		}
		fmt.Fprintf(t, "\t%d\t%s\n", r.Cost.ProxyRuns, durationText(time.Duration((r.Cost.ProxyCoreSeconds+r.Cost.TargetCoreSeconds)*float64(time.Second))))
	}
	t.Flush()
	writeExcess(w, o, base)
}

// writeExcess prints how far the rows are from the reference, if the objective has one.
func writeExcess(w io.Writer, o report.Objective, base []string) {
	if o.Reference == nil {
		return
	}
	fmt.Fprintf(w, "Reference, trained on the text of the validation files: %.4f bits per byte. Excess above it, and how much less than the baselines':\n", o.Reference.Mean)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range o.Rows {
		fmt.Fprintf(t, "%s\t%.4f", r.Strategy, r.Excess)
		for _, b := range base {
			if x, ok := r.Reduction[b]; ok {
				between := "-"
				if x.Interval != nil {
					between = fmt.Sprintf("[%+.1f, %+.1f]", 100*x.Interval[0], 100*x.Interval[1])
				}
				fmt.Fprintf(t, "\t%s: %+.1f %% %s", b, 100*x.Mean, between)
			}
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}

// writePairs prints the differences of all pairs.
func writePairs(w io.Writer, c *report.Comparison, o report.Objective) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "pair\tdifference\t%g %% interval (t)\tbootstrap\tp\tp, all pairs\tverdict\n", 100*c.Level)
	for _, p := range o.Pairs {
		fmt.Fprintf(t, "%s - %s\t%+.4f\t%s\t%s\t%.2g\t%.2g\t%s\n", p.A, p.B, p.Mean, intervalText(p.Interval, "%+.4f"), intervalText(p.Bootstrap, "%+.4f"), p.P, p.Holm, p.Verdict)
	}
	t.Flush()
}

func intervalText(x *[2]float64, format string) string {
	if x == nil {
		return "-"
	}
	return fmt.Sprintf("["+format+", "+format+"]", x[0], x[1])
}
