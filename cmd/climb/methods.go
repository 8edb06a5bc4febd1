package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
)

func newMethods() *cobra.Command {
	var asJSON, markdown bool
	c := &cobra.Command{
		Use: "methods [FAMILY]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "List every method with its options and paper",
		Long: `List every method of the families (embedders, labelers, clusterers, predictors,
strategies, optimizers and more) with its options, their defaults and its paper.
A family's name shows that family alone.`,
		Example: `  climb methods
  climb methods strategies
  climb methods --json`,
		RunE: func(_ *cobra.Command, args []string) error {
			families, err := climb.Families(args...)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return printJSON(climb.DescribeMethods(families))
			case markdown:
				return climb.WriteMethodsMarkdown(stdout, families)
			}
			for _, f := range climb.DescribeMethods(families) {
				fmt.Fprintf(stdout, "%s (%s)\n", f.Name, f.Section)
				for _, m := range f.Methods {
					fmt.Fprintf(stdout, "  %-12s %s\n", m.Name, m.Summary)
					if m.Paper != "" {
						fmt.Fprintf(stdout, "  %-12s [%s]\n", "", m.Paper)
					}
					for _, o := range m.Options {
						fmt.Fprintf(stdout, "      %-22s %-14s %-12s %s\n", o.Name, o.Type, o.Default, o.Doc)
					}
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&markdown, "markdown", false, "print docs/methods.md")
	return c
}
