package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
)

func newPlan() *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use: "plan [climb.yaml]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Say what a run would do, how long it would take and how much disk",
		Long: `Say what climb run would do, before anything is spent: the stages that are left,
tokens, time and disk. Rates are measured on this machine, on a sample of the
corpus and a few steps of the proxy; nothing is written.`,
		Example: `  climb plan climb.yaml
  climb plan climb.yaml --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := o.open(cmd.Context(), args)
			if err != nil {
				return err
			}
			p, err := r.Estimate(cmd.Context())
			if err != nil {
				return err
			}
			if o.JSON {
				return printJSON(p)
			}
			writeEstimate(p)
			return nil
		},
	}
	o.register(c, "print JSON")
	return c
}

func writeEstimate(p *climb.Estimate) {
	fmt.Fprintf(stdout, "corpus: %d files, %s, about %s tokens in %d shards\n", p.Files, bytesText(float64(p.Bytes)), countText(float64(p.Tokens)), p.Shards)
	fmt.Fprintf(stdout, "proxy:  %s parameters, %s tokens/s on one core, %d runs of %s tokens\n",
		countText(float64(p.ProxyParams)), countText(p.ProxyRate), p.ProxyRuns, countText(float64(p.ProxyTokens)))
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nstage\twork\ttime\tdisk")
	for _, s := range p.Stages {
		left := durationText(time.Duration(s.Seconds * float64(time.Second)))
		if s.Done {
			left = "done"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Stage, s.Work, left, bytesText(float64(s.Disk)))
	}
	t.Flush()
	fmt.Fprintf(stdout, "\nleft: about %s on %d cores, %s on disk (%s free in %s)\n", durationText(time.Duration(p.Seconds*float64(time.Second))), p.Cores,
		bytesText(float64(p.Disk)), bytesText(float64(p.Free)), near(p.Out))
	for _, w := range p.Warnings {
		fmt.Fprintln(stdout, "! "+w)
	}
}
