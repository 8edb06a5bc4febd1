package main

import "github.com/spf13/cobra"

func newLabel() *cobra.Command {
	c := &cobra.Command{
		Use: "label", GroupID: "tool", Args: args(cobra.NoArgs),
		Short: "About the quality scores of documents",
	}
	c.AddCommand(newLabelTrain())
	return c
}
