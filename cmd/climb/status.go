package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb/stage"
)

func newStatus(std streams) *cobra.Command {
	var o configOptions
	c := &cobra.Command{
		Use: "status [climb.yaml]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Show what of a run is done",
		Long: `Print how many tasks of each stage are done, which process works in the run
directory, and what a scheduler has of it: what is queued, what runs, where, and for
how long. Nothing is written, so you may ask at any time.`,
		Example: `  climb status climb.yaml
  climb status climb.yaml --json`,
		RunE: func(c *cobra.Command, args []string) error { return runStatus(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runStatus(ctx context.Context, o configOptions, args []string, std streams) error {
	r, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	s, err := r.Status()
	if err != nil {
		return err
	}
	jobs, err := jobStatuses(ctx, r)
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(struct {
			*stage.Status
			Jobs []jobStatus `json:"jobs,omitempty"`
		}{s, jobs})
	}
	t := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stage\ttasks\tdirectory")
	for _, x := range s.Stages {
		fmt.Fprintf(t, "%s\t%s\t%s\n", x.Stage, tasksText(x), near(x.Dir))
	}
	t.Flush()
	writeJobs(std.out, jobs)
	if s.Holder != "" {
		fmt.Fprintln(std.out, s.Holder)
	}
	for _, note := range s.Notes {
		fmt.Fprintln(std.out, "! "+note)
	}
	return nil
}

// tasksText says how far a stage is.
func tasksText(s stage.StageStatus) string {
	switch {
	case !s.Planned:
		return "not planned"
	case s.Complete && s.Total == 0:
		return "not needed"
	case s.Complete || s.Done < s.Total:
		return fmt.Sprintf("%d of %d", s.Done, s.Total)
	}
	return fmt.Sprintf("%d, more to come", s.Done) // between two rounds
}
