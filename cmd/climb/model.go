package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/escape"
)

func newModel(std streams) *cobra.Command {
	c := &cobra.Command{
		Use: "model", GroupID: "tool",
		Short: "Pack what a run has fitted into one file, or look at one",
		Long: `Pack what a run has fitted (embedder, centroids, labeler, domains) into one file,
with which climb assign gives new text its clusters, scores and domains anywhere.`,
		Example: `  climb model pack climb-run -o crawl.climb-model
  climb model show crawl.climb-model`,
	}
	c.AddCommand(newModelPack(std), newModelShow(std))
	return c
}

// modelPackOptions are the flags of climb model pack.
type modelPackOptions struct {
	Out  string
	JSON bool
}

// AddFlags adds the flags to a command's.
func (o *modelPackOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.Out, "out", "o", "climb.climb-model", "file to write, complete or not at all")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newModelPack(std streams) *cobra.Command {
	var o modelPackOptions
	c := &cobra.Command{
		Use: "pack RUN", Args: args(cobra.ExactArgs(1)),
		Short: "Write the one file that climb assign needs",
		Long: `Write embedder, centroids, labeler, domains and a card with their versions and
checksums into one file. Models that the configuration names (fastText, ONNX, the
text of ngram) are packed too; a server of embed.http is not. It holds no text of
the corpus but the terms that name clusters, and what an embedder keeps of words.
The same run gives the same bytes.`,
		Example: `  climb model pack climb-run
  climb model pack climb.yaml -o crawl.climb-model --json`,
		RunE: func(c *cobra.Command, args []string) error { return runModelPack(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runModelPack(ctx context.Context, o modelPackOptions, args []string, std streams) error {
	m, err := openModel(ctx, args[0])
	if err != nil {
		return err
	}
	to, done, err := create(o.Out, std)
	if err != nil {
		return errors.Join(err, m.Close())
	}
	err = m.Pack(to)
	if err = errors.Join(err, done(err == nil), m.Close()); err != nil {
		return err
	}
	if o.Out == "-" {
		return nil
	}
	st, err := os.Stat(o.Out)
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(map[string]any{"file": o.Out, "bytes": st.Size(), "stage": m.Card.Stage, "domains": len(m.Card.Places), "clusters": len(m.Card.Groups)})
	}
	fmt.Fprintf(std.out, "%s: %s, %d clusters in %d domains\nUse it: climb assign %s INPUT...\n", near(o.Out), bytesText(float64(st.Size())), len(m.Card.Groups), len(m.Card.Places), near(o.Out))
	return nil
}

// modelShowOptions are the flags of climb model show.
type modelShowOptions struct{ JSON bool }

// AddFlags adds the flags to a command's.
func (o *modelShowOptions) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.JSON, "json", false, "print the card")
}

func newModelShow(std streams) *cobra.Command {
	var o modelShowOptions
	c := &cobra.Command{
		Use: "show MODEL", Args: args(cobra.ExactArgs(1)),
		Short: "Verify a model file and print what it is",
		Long: `Compare every file in the model with its SHA-256, open embedder and labeler, and
print the card: version, embedder, scores, domains.`,
		Example: `  climb model show crawl.climb-model
  climb model show crawl.climb-model --json | jq '.domains.domains[].name'`,
		RunE: func(c *cobra.Command, args []string) error { return runModelShow(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runModelShow(ctx context.Context, o modelShowOptions, args []string, std streams) (err error) {
	m, err := curate.OpenModel(ctx, args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if o.JSON {
		return std.out.JSON(m.Card)
	}
	c := &m.Card
	fmt.Fprintf(std.out, "%s, climb %s, format %d\nembedder  %s\nlabeler   %s\naxes      %s\nclusters  %d\nfitted on %d documents\n", escape.Line(c.Stage), escape.Line(c.Version), c.Format,
		escape.Line(c.Embed.Name()), escape.Line(c.Label.Method.Name()), escape.Line(string(c.By)), len(c.Groups), c.Fit.Documents)
	for i, d := range c.Domains.Domains {
		fmt.Fprintf(std.out, "  %5.1f %%  %s\n", 100*c.Fit.Shares[i], escape.Line(d.Name))
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
