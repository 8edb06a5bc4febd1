package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
)

func newCorpus() *cobra.Command {
	c := &cobra.Command{
		Use: "corpus", GroupID: "tool", Short: "Look at a corpus without a run",
		Example: "  climb corpus stats ~/text",
	}
	c.AddCommand(newCorpusStats())
	return c
}

func newCorpusStats() *cobra.Command {
	var config string
	var asJSON bool
	var workers int
	var flags corpus.Options
	o := climb.StatsOptions{}
	option.Fill(&flags)
	c := &cobra.Command{
		Use: "stats INPUT... | stats --config climb.yaml", Args: args(cobra.ArbitraryArgs),
		Short: "Count documents, bytes, tokens, lengths, sources and languages",
		Long: `Reads a corpus once, on all cores and in memory that does not grow with it, and
prints how many documents and bytes of text it has, how long they are, where they
came from, and which lines could not be read and why. Duplicates count.

With --tokenizer tokens are counted as well, each document's end included.
Languages are told by the model that is built in, und where it cannot tell, or by
that of --language, a fastText model such as lid.176.ftz.

INPUT is what corpus.inputs takes: files, folders, globs, @LIST, s3://, gs:// and
azblob:// URLs. --config takes the whole section corpus from a configuration.`,
		Example: `  climb corpus stats ~/text
  climb corpus stats 's3://bucket/crawl/**/*.jsonl.zst' --text-field body --json
  climb corpus stats --config climb.yaml --tokenizer tokenizer.json --language lid.176.ftz`,
		RunE: func(c *cobra.Command, inputs []string) error {
			o.Corpus, o.Workers = flags, workers
			o.Corpus.Inputs = inputs
			if config != "" {
				cfg, err := climb.LoadConfig(config)
				if err != nil {
					return err
				}
				o.Corpus = cfg.Corpus
			}
			if (config == "") == (len(inputs) == 0) {
				return task.Usage(fmt.Errorf("name the inputs, or a configuration with --config; see %s --help", c.CommandPath()))
			}
			return corpusStats(c, o, asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&config, "config", "", "configuration whose section corpus is read")
	f.StringVar(&flags.Format, "format", flags.Format, "auto, jsonl, text, parquet, warc or megatron")
	f.StringVar(&flags.TextField, "text-field", flags.TextField, "field of the text; a dotted path reaches into objects")
	f.StringVar(&flags.SourceField, "source-field", flags.SourceField, "field that says where a document came from")
	f.StringVar(&flags.Truncated, "truncated", flags.Truncated, "a truncated or corrupt file: error or skip")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "tokenizer.json whose tokens are counted")
	f.StringVar(&o.Language, "language", "", "fastText model that tells languages, in the place of ours")
	f.IntVar(&workers, "workers", 0, "cores to use; 0 = all")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// corpusStats counts, with progress on the terminal.
func corpusStats(c *cobra.Command, o climb.StatsOptions, asJSON bool) error {
	if o.Workers > 0 {
		runtime.GOMAXPROCS(o.Workers)
	}
	show, begun := newDisplay(stderr, false), time.Now()
	if show.tty {
		o.Watch = func(done, total int64) {
			show.event(climb.Event{Number: 1, Of: 1, Title: "read the corpus", Fraction: float64(done) / float64(max(1, total)),
				Amount: float64(total), Unit: "B", Elapsed: time.Since(begun)})
		}
	}
	s, err := climb.DescribeCorpus(c.Context(), o)
	show.close()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(s)
	}
	writeCorpusStats(stdout, s)
	return nil
}

func writeCorpusStats(w io.Writer, s *climb.CorpusStats) {
	fmt.Fprintf(w, "%d files, %s; %d documents, %s of text", s.Files, bytesText(float64(s.Stored)), s.Documents, bytesText(float64(s.Bytes)))
	if s.InTokens != nil {
		fmt.Fprintf(w, ", %s tokens (%.2f bytes each)", countText(float64(s.Tokens)), float64(s.Bytes)/float64(max(1, s.Tokens)))
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

func writeLengths(w io.Writer, unit string, l *climb.Lengths) {
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

func writeGroups(w io.Writer, title string, groups []climb.Group, all climb.Count) {
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
