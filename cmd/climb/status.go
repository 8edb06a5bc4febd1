package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newStatus() *cobra.Command {
	o := &runOptions{}
	c := &cobra.Command{
		Use: "status [climb.yaml]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Show what of a run is done",
		Example: `  climb status climb.yaml
  climb status climb.yaml --json`,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := o.open(c.Context(), args)
			if err != nil {
				return err
			}
			s, err := r.Status()
			if err != nil {
				return err
			}
			if o.JSON {
				return printJSON(s)
			}
			t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "stage\ttasks\tdirectory")
			for _, x := range s.Stages {
				tasks := "not planned"
				if x.Planned {
					tasks = fmt.Sprintf("%d of %d", x.Done, x.Total)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\n", x.Stage, tasks, x.Dir)
			}
			t.Flush()
			if s.Holder != "" {
				fmt.Println(s.Holder)
			}
			return nil
		},
	}
	o.register(c)
	return c
}
