package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb/view"
)

func newPlan(std streams) *cobra.Command {
	var o configOptions
	c := &cobra.Command{
		Use: "plan [climb.yaml]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Say what a run would do, how long it would take and how much disk",
		Long: `Print what climb run would do and cost: the stages that are left, tokens, time and
disk space. Nothing is written. A corpus of up to 32 MiB is read whole; of a larger one
parts are, and numbers that are guessed begin with "about".

Speeds are measured on this machine, on a sample of the corpus and a few training
steps of the proxy. Where another trainer trains it (proxy.trainer: torch), its speed is
what proxy.rate says, which climb lm rate measures; the plan then has the hours of its
devices, and their cost if launch.price is set.`,
		Example: `  climb plan climb.yaml
  climb plan climb.yaml --json`,
		RunE: func(c *cobra.Command, args []string) error { return runPlan(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runPlan(ctx context.Context, o configOptions, args []string, std streams) error {
	r, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	if err := r.Foresee(ctx, ""); err != nil {
		return err
	}
	v, err := r.View(ctx)
	if err != nil {
		return err
	}
	p, err := v.Estimate(ctx)
	if err != nil {
		return err
	}
	p.Price = r.Config.Launch.Price
	p.Cost = p.DeviceHours * p.Price
	if o.JSON {
		return std.out.JSON(p)
	}
	writeEstimate(std.out, p)
	return nil
}

func writeEstimate(w io.Writer, p *view.Estimate) {
	about := ""
	if p.Guessed {
		about = "about "
	}
	fmt.Fprintf(w, "corpus: %d files, %s, %s%d documents, about %s tokens in %d shards\n", p.Files, bytesText(float64(p.Bytes)), about, p.Documents, countText(float64(p.Tokens)), p.Shards)
	speed := rateText(p.ProxyRate, p.DeviceHours == 0)
	fmt.Fprintf(w, "proxy:  %s parameters, %s, %d runs of %s tokens\n",
		countText(float64(p.ProxyParams)), speed, p.ProxyRuns, countText(float64(p.ProxyTokens)))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nstage\twork\ttime\tdisk")
	for _, s := range p.Stages {
		left := durationText(time.Duration(s.Seconds * float64(time.Second)))
		if s.Done {
			left = "done"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Stage, s.Work, left, bytesText(float64(s.Disk)))
	}
	t.Flush()
	fmt.Fprintf(w, "\nleft: about %s on %d cores, %s on disk (%s free in %s)\n", durationText(time.Duration(p.Seconds*float64(time.Second))), p.Cores,
		bytesText(float64(p.Disk)), bytesText(float64(p.Free)), near(p.Out))
	if p.DeviceHours > 0 {
		cost := ""
		if p.Price > 0 {
			cost = fmt.Sprintf(" x %.4g = %.4g", p.Price, p.Cost)
		}
		fmt.Fprintf(w, "devices: %.3g hours of a GPU, or of a process on the CPU, for the proxies%s\n", p.DeviceHours, cost)
	}
	for _, text := range p.Warnings {
		fmt.Fprintln(w, "! "+text)
	}
}
