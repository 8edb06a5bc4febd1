package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/task"
)

// assignOptions are the flags of climb assign.
type assignOptions struct {
	Out, Form string
	TextField string
	IDField   string
	Source    string
	Format    string
	Tokenizer string
	Workers   int
	JSON      bool
}

// AddFlags adds the flags to a command's.
func (o *assignOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.Out, "out", "o", "-", "file to write, complete or not at all; - is standard output")
	f.StringVar(&o.Form, "form", "", "jsonl, jsonl.zst or parquet; by default what --out ends in, or else jsonl")
	f.StringVar(&o.TextField, "text-field", "", "field that holds the text; by default as in the run, as all of these")
	f.StringVar(&o.IDField, "id-field", "", "field that holds the id")
	f.StringVar(&o.Source, "source-field", "", "field with the source")
	f.StringVar(&o.Format, "format", "", "input format")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "tokenizer.json that Megatron .bin/.idx inputs were made with")
	f.IntVar(&o.Workers, "workers", 0, "cores to use; 0 = all")
	f.BoolVar(&o.JSON, "json", false, "print the summary as JSON; the documents go to --out")
}

func newAssign(std streams) *cobra.Command {
	var o assignOptions
	c := &cobra.Command{
		Use: "assign RUN|MODEL INPUT...", GroupID: "main", Args: args(cobra.MinimumNArgs(2)),
		Short: "Give new text the clusters, scores and domains of a finished run",
		Long: `Find for each document of new text the cluster, the domain and the quality scores
that the run would have given it, without clustering anew. The run's own documents
get what they have there.

RUN is a run directory or its climb.yaml; MODEL is a file of climb model pack, which
needs nothing of the run. INPUT is what corpus.inputs takes. A document is a line
with id, path, line, cluster, distance (squared, from the centroid), domain, pruned
(why the run would leave it out) and scores.

You are warned when the text has drifted from what the clusters were fitted on: when
the distances from the centroids differ by more than 0.2 (Kolmogorov-Smirnov), or
the shares of the domains by more than 0.1 (total variation), beyond what chance
gives in one of a thousand cases.`,
		Example: `  climb assign climb-run crawl-2026-11/ -o crawl.parquet
  climb assign crawl.climb-model s3://bucket/new/ | jq -r .domain | sort | uniq -c
  climb assign climb-run new.jsonl -o new.jsonl.zst --json | jq .drift`,
		RunE: func(c *cobra.Command, args []string) error { return runAssign(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runAssign(ctx context.Context, o assignOptions, args []string, std streams) (err error) {
	if o.JSON && o.Out == "-" {
		return task.Usage(errors.New("--json prints the summary to standard output: name a file for the documents with --out"))
	}
	if err := useWorkers(o.Workers); err != nil {
		return err
	}
	m, err := openModel(ctx, args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	to, done, err := create(o.Out, std)
	if err != nil {
		return err
	}
	w, err := corpus.NewPlacedWriter(to, o.form(), m.Names())
	if err != nil {
		return errors.Join(task.Usage(err), done(false))
	}
	show := newDisplay(std.err, std, false)
	watch := show.bytes("assign documents")
	sum, err := m.Assign(ctx, curate.AssignOptions{Corpus: o.corpus(m.Defaults(), args[1:]), Workers: o.Workers, Watch: func(done, of float64) {
		if watch != nil {
			watch(int64(done), int64(of))
		}
	}}, w.Write)
	show.close()
	if err == nil {
		err = w.Close()
	}
	if err = errors.Join(err, done(err == nil)); err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(sum)
	}
	writeAssigned(std.err, sum)
	return nil
}

// form is the one that the name asks for.
func (o *assignOptions) form() string {
	if o.Form != "" {
		return o.Form
	}
	for _, form := range []string{"parquet", "jsonl.zst"} {
		if strings.HasSuffix(o.Out, "."+form) {
			return form
		}
	}
	return "jsonl"
}

// corpus is how the new text is read.
func (o *assignOptions) corpus(c corpus.Options, inputs []string) corpus.Options {
	c.Inputs = corpus.Paths(inputs...)
	for _, f := range []struct {
		to   *string
		flag string
	}{{&c.TextField, o.TextField}, {&c.IDField, o.IDField}, {&c.SourceField, o.Source}, {&c.Format, o.Format}, {&c.Tokenizer, o.Tokenizer}} {
		if f.flag != "" {
			*f.to = f.flag
		}
	}
	return c
}

// create opens the file to write: done puts it in its place, or takes it away.
func create(name string, std streams) (w io.Writer, done func(ok bool) error, err error) {
	if name == "-" {
		return std.out.data(), func(bool) error { return nil }, nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".climb-*.partial")
	if err != nil {
		return nil, nil, err
	}
	return f, func(ok bool) error {
		err := f.Close
		if ok {
			err = func() error {
				return errors.Join(f.Chmod(0o644), f.Sync(), f.Close())
			}
		}
		if err := err(); err != nil || !ok {
			return errors.Join(err, os.Remove(f.Name()))
		}
		return os.Rename(f.Name(), name)
	}, nil
}

// openModel opens a model file, or what a run has fitted.
func openModel(ctx context.Context, name string) (*curate.Model, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, task.Usage(err)
	}
	if st.Mode().IsRegular() && isModel(name) {
		return curate.OpenModel(ctx, name)
	}
	path := name
	if st.IsDir() {
		path = filepath.Join(name, "climb.yaml")
	}
	cfg, err := climb.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() { // it may have been moved
		if cfg.Out, err = filepath.Abs(name); err != nil {
			return nil, err
		}
	}
	return climb.NewRun(cfg).Model(ctx)
}

// isModel tells a model file, which is a ZIP archive, from a configuration.
func isModel(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "PK\x03\x04"
}

func writeAssigned(w io.Writer, a *curate.Assigned) {
	fmt.Fprintf(w, "%d documents, %s of text\n", a.Documents, bytesText(float64(a.TextBytes)))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "documents\ttext\tshare\tin the run\t  domain")
	for _, d := range a.Domains {
		fmt.Fprintf(t, "%d\t%s\t%.1f %%\t%.1f %%\t  %s\n", d.Documents, bytesText(float64(d.TextBytes)), 100*d.Share, 100*d.RunShare, escape.Line(d.Name))
	}
	for _, reason := range sortedKeys(a.Left) {
		fmt.Fprintf(t, "%d\t\t\t\t  (%s)\n", a.Left[reason], escape.Line(reason))
	}
	t.Flush()
	if n := a.Bad.Dropped(); n > 0 {
		fmt.Fprintf(w, "%d of %d lines are skipped: %s\n", n, a.Bad.Lines, a.Bad.ReasonsText())
	}
	fmt.Fprintf(w, "drift: distance %.3f (threshold %.3f), domains %.3f (threshold %.3f)\n", a.Drift.Distance.Statistic, a.Drift.Distance.Threshold, a.Drift.Domains.Statistic, a.Drift.Domains.Threshold)
	for _, x := range a.Warnings {
		fmt.Fprintln(w, "! "+x)
	}
}
