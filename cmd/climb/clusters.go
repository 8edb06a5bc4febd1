package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
)

// clustersOptions are the flags of climb clusters.
type clustersOptions struct {
	configOptions
	Quality bool
	Sample  int
	Seeds   int
}

// AddFlags adds the flags to a command's.
func (o *clustersOptions) AddFlags(f *pflag.FlagSet) {
	o.configOptions.AddFlags(f)
	f.BoolVar(&o.Quality, "quality", false, "measure silhouette and stability")
	f.IntVar(&o.Sample, "sample", 50_000, "with --quality: vectors in the sample")
	f.IntVar(&o.Seeds, "seeds", 3, "with --quality: fits with different seeds that are compared")
}

func newClusters(std streams) *cobra.Command {
	var o clustersOptions
	c := &cobra.Command{
		Use: "clusters [climb.yaml]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "List the clusters of a run, or show one",
		Long: `Print the clusters of a run: the size of each, the domain it was merged into or why
it was pruned, and the terms that set it apart.

With --quality you also get the silhouette coefficient, and the stability: the
adjusted Rand index between fits with different seeds. Both are measured on a
sample of the vectors.`,
		Example: `  climb clusters climb.yaml
  climb clusters --quality --seeds 3
  climb clusters show 17
  climb clusters --json | jq '.clusters[] | select(.domain < 0) | .name'`,
		RunE: func(c *cobra.Command, args []string) error { return runClusters(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	c.AddCommand(newClustersShow(std))
	return c
}

func runClusters(ctx context.Context, o clustersOptions, args []string, std streams) error {
	r, err := o.look(ctx, args)
	if err != nil {
		return err
	}
	var out struct {
		Clusters []view.ClusterView   `json:"clusters"`
		Quality  *view.ClusterQuality `json:"quality,omitempty"`
	}
	if out.Clusters, err = r.Clusters(); err != nil {
		return err
	}
	if o.Quality {
		if o.Sample < 2 || o.Seeds < 2 {
			return task.Usage(fmt.Errorf("--sample %d and --seeds %d: both must be at least 2", o.Sample, o.Seeds))
		}
		if out.Quality, err = r.ClusterQuality(ctx, o.Sample, o.Seeds); err != nil {
			return err
		}
	}
	if o.JSON {
		return std.out.JSON(out)
	}
	listClusters(std.out, out.Clusters)
	if q := out.Quality; q != nil {
		fmt.Fprintf(std.out, "\nsilhouette %.3f; adjusted Rand index between %d seeds %.3f, least %.3f (sample of %d vectors)\n",
			q.Silhouette, q.Seeds, q.Stability, q.StabilityLeast, q.Sample)
	}
	return nil
}

// clustersShowOptions are the flags of climb clusters show.
type clustersShowOptions struct {
	configOptions
	Documents int
}

// AddFlags adds the flags to a command's.
func (o *clustersShowOptions) AddFlags(f *pflag.FlagSet) {
	o.configOptions.AddFlags(f)
	f.IntVar(&o.Documents, "documents", 3, "central documents, and marginal ones, to show")
}

func newClustersShow(std streams) *cobra.Command {
	var o clustersShowOptions
	c := &cobra.Command{
		Use: "show NUMBER [climb.yaml]", Args: args(cobra.RangeArgs(1, 2)),
		Short: "Show one cluster: terms, neighbours, central and marginal documents",
		Long: `Print one cluster: the terms that set it apart, its domain, the nearest clusters,
and documents near its centroid and far from it. NUMBER is that of climb clusters.

The overlap with a neighbour is the share of the documents that lie on the border
between the two.`,
		Example: `  climb clusters show 17
  climb clusters show 17 climb.yaml --documents 10 --json`,
		RunE: func(c *cobra.Command, args []string) error { return runClustersShow(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runClustersShow(ctx context.Context, o clustersShowOptions, args []string, std streams) error {
	id, err := strconv.Atoi(args[0])
	if err != nil {
		return task.Usage(fmt.Errorf("cluster %q is not a number", args[0]))
	}
	r, err := o.look(ctx, args[1:])
	if err != nil {
		return err
	}
	v, err := r.Cluster(ctx, id, max(0, o.Documents))
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(v)
	}
	showCluster(std.out, v)
	return nil
}

func listClusters(w io.Writer, clusters []view.ClusterView) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "cluster\tdocuments\ttext\tdistance\tname\tdomain")
	for _, v := range clusters {
		fmt.Fprintf(t, "%d\t%d\t%.2f %%\t%.3f\t%s\t%s\n", v.ID, v.Docs, 100*v.Share, v.Distance, escape.Line(v.Name), escape.Line(domainText(&v)))
	}
	t.Flush()
}

func domainText(v *view.ClusterView) string {
	if v.Domain < 0 {
		return "pruned: " + strings.Join(v.Reasons, "; ")
	}
	return v.DomainName
}

func showCluster(w io.Writer, v *view.ClusterView) {
	fmt.Fprintf(w, "cluster %d: %s\n%s\n\n", v.ID, escape.Line(v.Name), escape.Line(strings.Join(v.Terms, ", ")))
	fmt.Fprintf(w, "documents  %d, %.2f %% of the text\ndomain     %s\ndistance   %.3f from the centroid, on average\n", v.Docs, 100*v.Share, escape.Line(domainText(v)), v.Distance)
	if len(v.Neighbors) > 0 {
		fmt.Fprintln(w, "\nneighbours")
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, n := range v.Neighbors {
			fmt.Fprintf(t, "  %d\t%s\tat %.3f\t%.0f %% of the documents on the border\n", n.ID, escape.Line(n.Name), n.Distance, 100*n.Overlap)
		}
		t.Flush()
	}
	for _, part := range []struct {
		title    string
		examples []curate.Example
	}{{"most central", v.Central}, {"most marginal", v.Marginal}} {
		if len(part.examples) > 0 {
			fmt.Fprintf(w, "\n%s\n", part.title)
		}
		for _, e := range part.examples {
			fmt.Fprintf(w, "  %s: %s\n", escape.Line(e.ID), strings.Join(strings.Fields(e.Text), " "))
		}
	}
}
