package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
)

// versionOptions are the flags of climb version.
type versionOptions struct{ JSON bool }

// AddFlags adds the flags to a command's.
func (o *versionOptions) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newVersion(std streams) *cobra.Command {
	var o versionOptions
	c := &cobra.Command{
		Use: "version", GroupID: "tool", Args: args(cobra.NoArgs),
		Short: "Print the version, the commit and what it was built with",
		Long:  "Print what a report of a fault should name: the version of climb, the commit it was\nbuilt from, Go's version, and the platform.",
		Example: `  climb version
  climb version --json | jq -r .commit`,
		RunE: func(c *cobra.Command, args []string) error { return runVersion(c.Context(), o, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runVersion(_ context.Context, o versionOptions, std streams) error {
	v := map[string]string{"version": climb.Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "commit": commit()}
	if o.JSON {
		return std.out.JSON(v)
	}
	fmt.Fprintf(std.out, "climb %s, commit %s, %s, %s\n", v["version"], v["commit"], v["go"], v["platform"])
	return nil
}

// commit is the commit that the program was built from, as the Go tool recorded it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return revision + changed
}
