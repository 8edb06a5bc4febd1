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
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/task"
)

// reportOptions are the flags of climb report.
type reportOptions struct {
	configOptions
	Format  string
	Table   string
	Figures string
	Board   string
}

// AddFlags adds the flags to a command's.
func (o *reportOptions) AddFlags(f *pflag.FlagSet) {
	o.configOptions.AddFlags(f)
	f.Lookup("json").Usage = "print summary.json: --format json"
	f.StringVar(&o.Format, "format", "", "print the report in a form: "+strings.Join(reportFormats, ", "))
	f.StringVar(&o.Table, "table", "", "with --format csv, which table: "+strings.Join(report.TableNames(), ", ")+" (domains if not set)")
	f.StringVar(&o.Board, "tensorboard", "", "write event files for TensorBoard into a folder: the loss of every proxy, its mixture, the scores of the search")
	f.StringVar(&o.Figures, "figures", "", "write every plot into a folder as SVG, PNG and CSV, with captions")
}

var reportFormats = []string{"markdown", "json", "csv", "html"}

func newReport(std streams) *cobra.Command {
	var o reportOptions
	c := &cobra.Command{
		Use: "report [RUN]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Write the report of a run and print its outcome",
		Long: `Print the outcome of a run: the mixture, the confirmation with intervals, the
verdict, and where the dataset is. Write it as report/index.html and
report/summary.json. The run need not be finished. RUN is a run directory or its
configuration; climb.yaml if it is left out.

--format prints the report in one form instead: markdown to paste, json
(summary.json), a table as csv, or the html page.

--figures writes every plot of the page for print: NAME.svg and NAME.png for two
columns of a journal (183 mm), NAME-1col.svg and NAME-1col.png for one (89 mm),
pictures with 300 dots per inch, NAME.csv with what is plotted, and captions.md.
Colours are told apart with any colour vision.

--tensorboard writes what the proxies did so far as event files; the option
report.tensorboard keeps them up to date while the run works.`,
		Example: `  climb report climb.yaml
  climb report climb-run --figures figures
  climb report climb-run --format markdown > outcome.md
  climb report climb-run --tensorboard events && tensorboard --logdir events
  climb report climb-run --format csv --table trials > runs.csv
  climb report climb.yaml --json | jq .confirmed.verdict`,
		RunE: func(c *cobra.Command, args []string) error { return runReport(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	// These fail only for flags that do not exist.
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(reportFormats, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("table", cobra.FixedCompletions(report.TableNames(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// check refuses flags that do not go together.
func (o *reportOptions) check() error {
	if o.JSON && o.Format == "" {
		o.Format = "json"
	}
	switch {
	case o.JSON && o.Format != "json":
		return task.Usage(fmt.Errorf("--json and --format %s: want one of them", o.Format))
	case o.Format != "" && !slices.Contains(reportFormats, o.Format):
		return task.Usage(fmt.Errorf("--format: no form is called %q%s; forms are %s", o.Format, meant(o.Format, reportFormats), strings.Join(reportFormats, ", ")))
	case o.Table != "" && o.Format != "csv":
		return task.Usage(errors.New("--table: only --format csv prints a table"))
	}
	if o.Table == "" {
		o.Table = report.TableNames()[0]
	}
	if names := report.TableNames(); !slices.Contains(names, o.Table) {
		return task.Usage(fmt.Errorf("--table: no table is called %q%s; tables are %s", o.Table, meant(o.Table, names), strings.Join(names, ", ")))
	}
	return nil
}

func runReport(ctx context.Context, o reportOptions, args []string, std streams) error {
	if err := o.check(); err != nil {
		return err
	}
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
	var figures []report.Figure
	if o.Figures != "" {
		if figures, err = report.WriteFigures(o.Figures, d); err != nil {
			return err
		}
	}
	if o.Board != "" {
		if err := r.TensorBoard(ctx, o.Board); err != nil {
			return err
		}
	}
	if o.Format != "" {
		w := std.out.data()
		if o.Format == "json" { // which can write every character out
			w = std.out
		}
		return o.print(w, d)
	}
	writeSummary(std.out, d, r.Config.Out)
	if o.Figures != "" {
		fmt.Fprintf(std.out, "Figures: %s  (%d, as SVG, PNG and CSV)\n", near(filepath.Join(o.Figures, "captions.md")), len(figures))
	}
	if o.Board != "" {
		fmt.Fprintf(std.out, "Watch:   tensorboard --logdir %s\n", near(o.Board))
	}
	return nil
}

// print writes the report in the form that is asked for.
func (o *reportOptions) print(w io.Writer, d *report.Data) error {
	var data []byte
	var err error
	switch o.Format {
	case "markdown":
		data = report.Markdown(d)
	case "json":
		data, err = report.JSON(d)
	case "html":
		data, err = report.HTML(d)
	case "csv":
		t, _ := report.TableOf(d, o.Table)
		data = t.CSV(-1)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
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
