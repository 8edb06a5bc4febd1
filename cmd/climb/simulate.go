package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/simulate"
	"github.com/climb-go/climb/task"
)

// simulateOptions are the flags of climb simulate.
type simulateOptions struct {
	strategies, kinds []string
	budgets, domains  []int
	seeds             int
	seed              uint64
	JSON              bool
}

// AddFlags adds the flags to a command's.
func (o *simulateOptions) AddFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&o.strategies, "strategies", search.Methods.Names(), "strategies to compare")
	f.StringSliceVar(&o.kinds, "worlds", kindNames(), "kinds of worlds")
	f.IntSliceVar(&o.budgets, "runs", []int{28, 56}, "proxy runs of a search")
	f.IntSliceVar(&o.domains, "domains", []int{16}, "domains of the worlds")
	f.IntVar(&o.seeds, "seeds", 2, "worlds of each kind and number of domains")
	f.Uint64Var(&o.seed, "seed", 1, "random seed of the first")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newSimulate(std streams) *cobra.Command {
	var o simulateOptions
	c := &cobra.Command{
		Use: "simulate", GroupID: "tool", Args: args(cobra.NoArgs),
		Short: "Compare the strategies on worlds whose best mixture is known",
		Long: `Compare search strategies by their regret on synthetic worlds, without training and
without a corpus: 0 is the proven optimum, 1 is no better than the natural mixture.
A domain may be read four times at most, and repetition pays less and less.

The kinds of worlds are

` + kindsHelp(),
		Example: `  climb simulate
  climb simulate --strategies climb,climb-auto --runs 28,56,112 --domains 40
  climb simulate --worlds repeat --seeds 20 --json`,
		RunE: func(c *cobra.Command, args []string) error { return runSimulate(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runSimulate(ctx context.Context, o simulateOptions, _ []string, std streams) error {
	plan, err := o.plan()
	if err != nil {
		return task.Usage(err)
	}
	out, err := simulate.Compare(ctx, plan, nil)
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(out)
	}
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STRATEGY\tRUNS\tREGRET\t95 % INTERVAL\tWORLDS")
	for _, r := range out {
		fmt.Fprintf(t, "%s\t%.0f\t%.3f\t[%.3f, %.3f]\t%d\n", r.Strategy, r.Runs, r.Regret, r.Interval[0], r.Interval[1], r.Worlds)
	}
	return t.Flush()
}

func (o *simulateOptions) plan() (p simulate.Plan, err error) {
	p = simulate.Plan{Budgets: o.budgets, Domains: o.domains, Seeds: o.seeds, FirstSeed: o.seed}
	if p.Strategies, err = simulate.Contenders(o.strategies...); err != nil {
		return p, err
	}
	for _, name := range o.kinds {
		i := slices.IndexFunc(simulate.Kinds, func(k simulate.Kind) bool { return k.Name == name })
		if i < 0 {
			return p, fmt.Errorf("no kind of world is called %q; there are %s", name, strings.Join(kindNames(), ", "))
		}
		p.Kinds = append(p.Kinds, simulate.Kinds[i])
	}
	return p, p.Check()
}

// kindsHelp lists the kinds of worlds.
func kindsHelp() string {
	var b strings.Builder
	for _, k := range simulate.Kinds {
		fmt.Fprintf(&b, "  %-10s %s; noise %g\n", k.Name, k.About, k.Noise)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func kindNames() (names []string) {
	for _, k := range simulate.Kinds {
		names = append(names, k.Name)
	}
	return names
}
