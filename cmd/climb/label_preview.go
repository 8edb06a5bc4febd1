package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/view"
)

// labelPreviewOptions are the flags of climb label preview.
type labelPreviewOptions struct {
	configOptions
	view.PreviewOptions
}

// AddFlags adds the flags to a command's.
func (o *labelPreviewOptions) AddFlags(f *pflag.FlagSet) {
	o.configOptions.AddFlags(f)
	f.StringSliceVar(&o.Scores, "score", nil, "scores to look at")
	f.Float64SliceVar(&o.Thresholds, "threshold", nil, "thresholds, instead of the floors and deciles")
	f.IntVar(&o.Examples, "examples", 2, "documents shown from each side of a threshold")
	f.Uint64Var(&o.Seed, "seed", 1, "random seed of the examples")
}

func newLabelPreview(std streams) *cobra.Command {
	var o labelPreviewOptions
	c := &cobra.Command{
		Use: "preview [climb.yaml]", Args: args(cobra.MaximumNArgs(1)),
		Short: "Show what each threshold of the quality scores would remove",
		Long: `Print what each threshold of each quality score would remove: the documents and the
clusters that would go, the tokens that would stay, and random documents from both
sides of the threshold.

Scores are those with a floor in climb.yaml, unless --score names others. The stages
up to domains are run first, unless they are done.`,
		Example: `  climb label preview climb.yaml
  climb label preview climb.yaml --score tables --threshold 0.2,0.5 --examples 5
  climb label preview climb.yaml --json | jq '.scores[0].thresholds'`,
		RunE: func(c *cobra.Command, args []string) error { return runLabelPreview(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runLabelPreview(ctx context.Context, o labelPreviewOptions, args []string, std streams) error {
	r, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	show := newDisplay(std.err, std, false)
	r.Watch = show.event
	err = r.Until(ctx, "domains")
	show.close()
	if err != nil {
		return err
	}
	look, err := r.View(ctx)
	if err != nil {
		return err
	}
	v, err := look.Preview(ctx, o.PreviewOptions)
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(v)
	}
	writePreview(std.out, v)
	return nil
}

func writePreview(w io.Writer, v *view.Preview) {
	fmt.Fprintf(w, "With the floors of climb.yaml %d of %d documents stay, about %s of %s tokens.\n",
		v.Kept.Documents, v.All.Documents, countText(float64(v.Kept.Tokens)), countText(float64(v.All.Tokens)))
	for _, s := range v.Scores {
		fmt.Fprintf(w, "\n%s\n", s.Name)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "threshold\tdocuments below\ttokens\tleft\tclusters below\ttokens\tleft\t")
		for _, x := range s.Thresholds {
			fmt.Fprintf(t, "%.3f\t%d\t%.1f %%\t%s\t%d\t%.1f %%\t%s\t\n", x.Value,
				x.Documents.Documents, 100*v.Share(x.Documents), countText(float64(v.All.Tokens-x.Documents.Tokens)),
				x.Clusters, 100*v.Share(x.InClusters), countText(float64(v.All.Tokens-x.InClusters.Tokens)))
		}
		t.Flush()
		for _, x := range s.Thresholds {
			for side, list := range [][]view.PreviewExample{x.Below, x.Above} {
				for _, e := range list {
					fmt.Fprintf(w, "  %s %.3f: %.3f  %s\n    %s\n", []string{"below", "above"}[side], x.Value, e.Score, escape.Line(e.ID), strings.Join(strings.Fields(e.Text), " "))
				}
			}
		}
	}
}
