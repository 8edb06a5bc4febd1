package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/task"
)

func newReport(std streams) *cobra.Command {
	var o configOptions
	c := &cobra.Command{
		Use: "report [climb.yaml]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Write the report of a run and print its outcome",
		Long: `Print the outcome of a run: the mixture, the confirmation with intervals, the
verdict, and where the dataset is. Write it as report/index.html and
report/summary.json. The run need not be finished.`,
		Example: `  climb report climb.yaml
  climb report climb.yaml --json | jq .confirmed.verdict`,
		RunE: func(c *cobra.Command, args []string) error { return runReport(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runReport(ctx context.Context, o configOptions, args []string, std streams) error {
	r, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	if _, err := os.Stat(r.Out); o.Out != "" && errors.Is(err, fs.ErrNotExist) {
		return task.Usage(fmt.Errorf("--out: %s is no run directory", near(r.Out)))
	}
	d, err := r.Report(ctx)
	if err != nil {
		return err
	}
	if o.JSON {
		data, err := os.ReadFile(filepath.Join(r.Config.Out, "report", "summary.json"))
		if err != nil {
			return err
		}
		_, err = std.out.Write(data)
		return err
	}
	writeSummary(std.out, d, r.Config.Out)
	return nil
}

// writeSummary prints the mixture, the confirmation and where things are.
func writeSummary(w io.Writer, d *report.Data, out string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w)
	if len(d.Domains) == 0 {
		fmt.Fprintln(w, "There are no domains yet; climb run goes on.")
	} else {
		fmt.Fprintln(t, "natural\tmixture\ttokens\t  domain")
	}
	for _, dom := range d.Domains {
		mixture, tokens := "-", "-" // not known yet
		if !math.IsNaN(dom.Chosen) {
			mixture = fmt.Sprintf("%.1f %%", 100*dom.Chosen)
		}
		if dom.Tokens > 0 {
			tokens = countText(float64(dom.Tokens))
		}
		fmt.Fprintf(t, "%.1f %%\t%s\t%s\t  %s\n", 100*dom.Natural, mixture, tokens, escape.Line(dom.Name))
	}
	t.Flush()
	if len(d.Confirmed.Candidates) > 0 {
		fmt.Fprintln(w)
		writeConfirmed(w, d)
	}
	for _, text := range d.Warnings() {
		fmt.Fprintf(w, "Warning: %s\n", text)
	}
	if d.Dataset.Path != "" {
		shards := "shards"
		if d.Dataset.Shards == 1 {
			shards = "shard"
		}
		fmt.Fprintf(w, "Dataset: %s  (%d documents, %s tokens, %d %s)\n", near(d.Dataset.Path), d.Dataset.Documents, countText(float64(d.Dataset.Tokens)), d.Dataset.Shards, shards)
		fmt.Fprintf(w, "         %s\n", d.Dataset.Mixture)
	}
	fmt.Fprintf(w, "Report:  %s\n", near(filepath.Join(out, "report", "index.html")))
}

// writeConfirmed prints the fresh runs, and what they decide.
func writeConfirmed(w io.Writer, d *report.Data) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "confirmed\tscore\t%.0f %% interval\truns\tgain over natural\tsignificant\n", 100*d.Confirmed.Level)
	contrary := false // an interval without zero that is not significant
	for _, c := range d.Confirmed.Candidates {
		gain, significant := "", ""
		for _, diff := range c.Differences {
			if diff.To == "natural" {
				gain = fmt.Sprintf("%+.4f %s", diff.Mean, betweenText(diff.Interval, "%+.4f"))
				significant = "no"
				if diff.Significant {
					significant = "yes"
				}
				contrary = contrary || !diff.Significant && (diff.Interval[0] > 0 || diff.Interval[1] < 0)
			}
		}
		name := c.Name
		if name == d.Confirmed.Chosen {
			name += " *"
		}
		fmt.Fprintf(t, "%s\t%.4f\t%s\t%d\t%s\t%s\n", name, c.Mean, betweenText(c.Interval, "%.4f"), len(c.Scores), gain, significant)
	}
	t.Flush()
	if contrary {
		fmt.Fprintf(w, "Each interval is of one comparison; what is called significant is a gain, corrected for the %d comparisons of candidates with baselines (Bonferroni).\n", d.Confirmed.Comparisons)
	}
	fmt.Fprintf(w, "\nVerdict: %s.\n", d.Confirmed.Verdict)
}

// betweenText writes an interval; of an error that is not known it has no ends.
func betweenText(x [2]float64, format string) string {
	if math.IsNaN(x[0]) {
		return "[unknown]"
	}
	return intervalText(&x, format)
}
