package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
)

// methodsOptions are the flags of climb methods.
type methodsOptions struct{ JSON, Markdown bool }

// AddFlags adds the flags to a command's.
func (o *methodsOptions) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	f.BoolVar(&o.Markdown, "markdown", false, "print docs/methods.md")
}

func newMethods(std streams) *cobra.Command {
	var o methodsOptions
	c := &cobra.Command{
		Use: "methods [FAMILY]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "List every method with its options and paper",
		Long: `Print every method: what it does, its paper, and its options with types and
defaults. Families are embedders, clusterers, labelers, strategies, predictors and
more. FAMILY prints one of them.`,
		Example: `  climb methods
  climb methods strategies
  climb methods --json`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return familyNames(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error { return runMethods(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

// familyNames lists the families of methods.
func familyNames() (names []string) {
	families, _ := climb.Families() // all of them, which does not fail
	for _, f := range families {
		names = append(names, f.Name)
	}
	return names
}

func runMethods(_ context.Context, o methodsOptions, args []string, std streams) error {
	families, err := climb.Families(args...)
	if err != nil {
		return err
	}
	switch {
	case o.JSON:
		return std.out.JSON(climb.DescribeMethods(families))
	case o.Markdown:
		return climb.WriteMethodsMarkdown(std.out, families)
	}
	writeMethods(std.out, climb.DescribeMethods(families))
	return nil
}

func writeMethods(w io.Writer, families []climb.FamilyDescription) {
	for _, f := range families {
		fmt.Fprintf(w, "%s (%s)\n", f.Name, f.Section)
		for _, m := range f.Methods {
			fmt.Fprintf(w, "  %-12s %s\n", m.Name, m.Summary)
			if m.Paper != "" {
				fmt.Fprintf(w, "  %-12s [%s]\n", "", m.Paper)
			}
			for _, o := range m.Options {
				fmt.Fprintf(w, "      %-22s %-14s %-12s %s\n", o.Name, o.Type, o.Default, o.Doc)
			}
		}
	}
}
