package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
)

func newLM() *cobra.Command {
	c := &cobra.Command{
		Use: "lm", GroupID: "tool", Args: args(cobra.NoArgs),
		Short:   "About the proxy models",
		Example: "  climb lm sizes",
	}
	c.AddCommand(newLMSizes())
	return c
}

func newLMSizes() *cobra.Command {
	var o climb.SizesOptions
	var asJSON bool
	c := &cobra.Command{
		Use: "sizes", Args: args(cobra.NoArgs),
		Short: "List the model presets with their speed on this machine",
		Long: `Trains every preset for a moment, and tells the time that a search of 64, 32
and 16 proxies would take. Models above --largest are not trained; their speed
follows from that of the largest that was, marked ~.`,
		Example: `  climb lm sizes
  climb lm sizes --tokens 2e6 --largest 400e6
  climb lm sizes --json`,
		RunE: func(c *cobra.Command, _ []string) error {
			largest, err := c.Flags().GetFloat64("largest")
			if err != nil {
				return err
			}
			o.Largest = int(largest)
			t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "SIZE\tPARAMETERS\tLAYERS\tWIDTH\tHEADS\tVOCAB\tCONTEXT\tBATCH\tLEARNING RATE\tTOKENS/S, ONE CORE\tALL CORES\tPROXY TOKENS\tSEARCH")
			sizes, err := climb.MeasureSizes(c.Context(), o, func(s climb.SizeSpeed) {
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
			if asJSON {
				return printJSON(sizes)
			}
			return t.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().Float64Var(&o.Tokens, "tokens", 0, "training tokens of one proxy; 0 is the default of proxy.tokens")
	c.Flags().Float64Var(&o.Seconds, "seconds", 0.5, "time for each measurement")
	c.Flags().Float64("largest", 20e6, "parameters of the largest model to train")
	return c
}
