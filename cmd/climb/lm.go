package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/trial"
)

func newLM(std streams) *cobra.Command {
	c := &cobra.Command{
		Use: "lm", GroupID: "tool", Args: args(cobra.NoArgs),
		Short:   "About the proxy models",
		Example: "  climb lm sizes",
	}
	c.AddCommand(newLMSizes(std))
	return c
}

// lmSizesOptions are the flags of climb lm sizes.
type lmSizesOptions struct {
	Tokens, Seconds, Largest float64
	JSON                     bool
}

// AddFlags adds the flags to a command's.
func (o *lmSizesOptions) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	f.Float64Var(&o.Tokens, "tokens", 0, "training tokens of one proxy; 0 is the default of proxy.tokens")
	f.Float64Var(&o.Seconds, "seconds", 0.5, "time for each measurement")
	f.Float64Var(&o.Largest, "largest", 20e6, "parameters of the largest model to train")
}

func newLMSizes(std streams) *cobra.Command {
	var o lmSizesOptions
	c := &cobra.Command{
		Use: "sizes", Args: args(cobra.NoArgs),
		Short: "List the model presets with their speed on this machine",
		Long: `Print the presets of proxy models: parameters, shape, training speed on this machine,
and the time of a search of 64, 32 and 16 proxies.

Each is trained for a moment. Models above --largest are not: their speed is
extrapolated from the largest that was, and marked ~.`,
		Example: `  climb lm sizes
  climb lm sizes --tokens 2e6 --largest 400e6
  climb lm sizes --json`,
		RunE: func(c *cobra.Command, args []string) error { return runLMSizes(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runLMSizes(ctx context.Context, o lmSizesOptions, _ []string, std streams) error {
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SIZE\tPARAMETERS\tLAYERS\tWIDTH\tHEADS\tVOCAB\tCONTEXT\tBATCH\tLEARNING RATE\tTOKENS/S, ONE CORE\tALL CORES\tPROXY TOKENS\tSEARCH")
	sizes, err := trial.MeasureSizes(ctx, trial.SizesOptions{Tokens: o.Tokens, Seconds: o.Seconds, Largest: int(o.Largest)}, func(s trial.SizeSpeed) {
		about := ""
		if !s.Measured {
			about = "~"
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.3g\t%s%.0f\t%s%.0f\t%.3g\t%s%s\n", s.Name, s.Params, s.Model.Layers,
			s.Model.Width, s.Model.Heads, s.Model.Vocab, s.Model.Context, s.Batch, s.LearningRate, about, s.OneCore, about, s.AllCores,
			s.Tokens, about, durationText(time.Duration(s.Search*float64(time.Second))))
	})
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(sizes)
	}
	return t.Flush()
}
