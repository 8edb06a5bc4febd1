package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
)

func newCorpus(std streams) *cobra.Command {
	c := &cobra.Command{
		Use: "corpus", GroupID: "tool", Short: "Statistics of a corpus, without a run",
		Example: "  climb corpus stats ~/text",
	}
	c.AddCommand(newCorpusStats(std))
	return c
}

// corpusStatsOptions are the flags of climb corpus stats.
type corpusStatsOptions struct {
	view.StatsOptions
	Config string
	JSON   bool
}

// AddFlags adds the flags to a command's.
func (o *corpusStatsOptions) AddFlags(f *pflag.FlagSet) {
	option.Fill(&o.Corpus)
	f.StringVar(&o.Config, "config", "", "configuration whose section corpus is read")
	f.StringVar(&o.Corpus.Format, "format", o.Corpus.Format, "auto, jsonl, text, parquet, warc, megatron, html, csv or tar")
	f.StringVar(&o.Corpus.TextField, "text-field", o.Corpus.TextField, "field of the text; a dotted path reaches into objects")
	f.StringVar(&o.Corpus.SourceField, "source-field", o.Corpus.SourceField, "field that says where a document came from")
	f.StringVar(&o.Corpus.Truncated, "truncated", o.Corpus.Truncated, "what a truncated or corrupt file is: error or skip")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "tokenizer.json whose tokens are counted")
	f.StringVar(&o.Language, "language", "", "fastText model that identifies languages, in the place of ours")
	f.IntVar(&o.Workers, "workers", 0, "cores to use; 0 = all")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newCorpusStats(std streams) *cobra.Command {
	var o corpusStatsOptions
	c := &cobra.Command{
		Use: "stats INPUT... | stats --config climb.yaml", Args: args(cobra.ArbitraryArgs),
		Short: "Count documents, bytes, tokens, lengths, sources and languages",
		Long: `Print statistics of a corpus: documents and bytes of text, their lengths, sources
and languages, and the lines that could not be read, with the reason. It is read
once, on all cores, in bounded memory. Duplicates count.

With --tokenizer you also get tokens, the end of each document included. Languages
are identified by the built-in model, und where it cannot tell, or by that of
--language, a fastText model such as lid.176.ftz.

INPUT is what corpus.inputs takes: files, folders, globs, @LIST, s3://, gs:// and
azblob:// URLs. --config takes the whole section corpus from a configuration.`,
		Example: `  climb corpus stats ~/text
  climb corpus stats 's3://bucket/crawl/**/*.jsonl.zst' --text-field body --json
  climb corpus stats --config climb.yaml --tokenizer tokenizer.json --language lid.176.ftz`,
		RunE: func(c *cobra.Command, args []string) error { return runCorpusStats(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

// settle reads a single folder as climb init would, unless a flag says how: damaged
// files as far as they go.
func (o *corpusStatsOptions) settle(ctx context.Context, inputs []string) error {
	var plain corpus.Options
	option.Fill(&plain)
	if len(inputs) != 1 || o.Corpus.TextField != plain.TextField || o.Corpus.Format != plain.Format {
		return nil
	}
	if st, err := os.Stat(inputs[0]); err != nil || !st.IsDir() {
		return nil
	}
	found, err := view.Settle(ctx, inputs[0])
	if err != nil {
		return err
	}
	o.Corpus.Inputs, o.Corpus.TextField, o.Corpus.Truncated = found.Inputs, found.TextField, "skip"
	return nil
}

// runCorpusStats counts, with progress on the terminal.
func runCorpusStats(ctx context.Context, o corpusStatsOptions, inputs []string, std streams) error {
	if (o.Config == "") == (len(inputs) == 0) {
		return task.Usage(errors.New("name the inputs, or a configuration with --config; see climb corpus stats --help"))
	}
	o.Corpus.Inputs = corpus.Paths(inputs...)
	if o.Config != "" {
		cfg, err := climb.LoadConfig(o.Config)
		if err != nil {
			return err
		}
		o.Corpus = cfg.Corpus
	}
	if err := useWorkers(o.Workers); err != nil {
		return err
	}
	if err := o.settle(ctx, inputs); err != nil {
		return err
	}
	show := newDisplay(std.err, std, false)
	o.Watch = show.bytes("read the corpus")
	s, err := view.DescribeCorpus(ctx, o.StatsOptions)
	show.close()
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(s)
	}
	writeCorpusStats(std.out, s)
	return nil
}

func writeCorpusStats(w io.Writer, s *view.CorpusStats) {
	fmt.Fprintf(w, "%d files, %s; %d documents, %s of text", s.Files, bytesText(float64(s.Stored)), s.Documents, bytesText(float64(s.Bytes)))
	if s.InTokens != nil {
		fmt.Fprintf(w, ", %s tokens (%.2f bytes each)", countText(float64(s.Tokens)), float64(s.Bytes)/float64(max(1, s.Tokens)))
	}
	if s.Left != "" {
		fmt.Fprintf(w, "\nfiles left out: %s", s.Left)
	}
	fmt.Fprintf(w, "\nlines: %d read, %d not accepted, %d blank, %d mended\n", s.Bad.Lines, s.Bad.Dropped(), s.Bad.Blank, s.Bad.Repaired)
	for _, b := range s.Bad.Samples {
		fmt.Fprintf(w, "  %v\n", b)
	}
	writeLengths(w, "bytes", s.Lengths)
	if s.InTokens != nil {
		writeLengths(w, "tokens", s.InTokens)
	}
	writeGroups(w, "source", s.Sources, s.Count)
	writeGroups(w, "language", s.Languages, s.Count)
}

func writeLengths(w io.Writer, unit string, l *view.Lengths) {
	fmt.Fprintf(w, "\nlength in %s: mean %.0f, min %d, p5 %d, p25 %d, median %d, p75 %d, p95 %d, p99 %d, max %d\n",
		unit, l.Mean, l.Least, l.P5, l.P25, l.Median, l.P75, l.P95, l.P99, l.Most)
	var most int64 = 1
	for _, b := range l.Bins {
		most = max(most, b.Documents)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, b := range l.Bins {
		fmt.Fprintf(t, "%d\tto %d\t%d\t  %s\n", b.From, b.To-1, b.Documents, strings.Repeat("#", int(40*b.Documents/most)))
	}
	t.Flush()
}

// groupsShown bounds the rows of a table; --json has all.
const groupsShown = 30

func writeGroups(w io.Writer, title string, groups []view.Group, all view.Count) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	tokens := func(string) string { return "" }
	if all.Tokens > 0 {
		tokens = func(text string) string { return text + "\t" }
	}
	fmt.Fprintf(t, "documents\ttext\tshare\t%s  %s\n", tokens("tokens"), title)
	for _, g := range groups[:min(len(groups), groupsShown)] {
		name := escape.Line(g.Name)
		if name == "" {
			name = "(none)"
		}
		fmt.Fprintf(t, "%d\t%s\t%.1f %%\t%s  %s\n", g.Documents, bytesText(float64(g.Bytes)), 100*float64(g.Bytes)/float64(max(1, all.Bytes)), tokens(countText(float64(g.Tokens))), name)
	}
	t.Flush()
	if n := len(groups) - groupsShown; n > 0 {
		fmt.Fprintf(w, "and %d more; --json lists them\n", n)
	}
}
