package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/judge"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
)

// labelJudgeOptions are the flags of climb label judge.
type labelJudgeOptions struct {
	judge.Options
	Yes, JSON bool
}

// AddFlags adds the flags to a command's.
func (o *labelJudgeOptions) AddFlags(f *pflag.FlagSet) {
	option.Fill(&o.Judge)
	option.Fill(&o.Corpus)
	f.StringVar(&o.URL, "url", "", "address of the server up to and with /v1")
	f.StringVar(&o.Model, "model", "", "name of the model at the server")
	f.StringVar(&o.KeyEnv, "key-env", o.KeyEnv, "environment variable that holds the key")
	f.IntVar(&o.Parallel, "parallel", o.Parallel, "requests under way at a time")
	f.Float64Var(&o.Rate, "rate", o.Rate, "most requests a minute; 0 = no limit")
	f.Float64Var(&o.Temperature, "temperature", 0, "sampling temperature of the answers")
	f.IntVar(&o.MaxBytes, "max-bytes", o.MaxBytes, "judge the first so many bytes of a document")
	f.IntVar(&o.MaxTokens, "max-tokens", o.MaxTokens, "longest answer in tokens")
	f.StringVar(&o.Corpus.TextField, "text-field", o.Corpus.TextField, "field of the text")
	f.IntVar(&o.Sample, "sample", 1000, "documents to judge")
	f.IntVar(&o.Repeat, "repeat", 1, "judgements of each document; 2 measure how far the judge agrees with itself")
	f.Uint64Var(&o.Seed, "seed", 1, "random seed of the sample")
	f.StringVar(&o.Out, "out", "judged.jsonl", "file that the judgements are added to")
	f.StringVar(&o.Compare, "compare", "", "judgements by another model of the same sample, to compare with")
	f.Float64Var(&o.PriceIn, "price-in", 0, "price of a million tokens sent")
	f.Float64Var(&o.PriceOut, "price-out", 0, "price of a million tokens of answers")
	f.BoolVar(&o.Yes, "yes", false, "ask, and spend what that costs")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

func newLabelJudge(std streams) *cobra.Command {
	var o labelJudgeOptions
	c := &cobra.Command{
		Use: "judge INPUT...", Args: args(cobra.MinimumNArgs(1)),
		Short: "Grade a sample of documents with a language model (LLM as a judge)",
		Long: `Get grades of a sample of documents from a language model (LLM as a judge), behind
any server with OpenAI's interface: quality, educational, informational and
advertisement, each from 1 to 5 (advertisement 5 sells nothing).

Without --yes nothing is sent: you get the tokens, and at the prices given the money,
that it would take at most. Each line of the output is a text with its grades, which
climb label train --graded reads. Documents that the output holds are not asked for
again: run the same command to go on.`,
		Example: `  climb label judge corpus/ --url http://localhost:8000/v1 --model m --out judged.jsonl
  climb label judge corpus/ --url https://api.openai.com/v1 --model gpt-4o-mini \
    --price-in 0.15 --price-out 0.60 --repeat 2 --temperature 1 --out judged.jsonl --yes
  climb label train --graded judged.jsonl --grade-field educational --out edu.bin`,
		RunE: func(c *cobra.Command, args []string) error { return runLabelJudge(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runLabelJudge(ctx context.Context, o labelJudgeOptions, inputs []string, std streams) error {
	o.Corpus.Inputs = corpus.Paths(inputs...)
	j, err := judge.New(ctx, o.Options)
	if err != nil {
		return err
	}
	r := j.Estimate()
	if !o.JSON || !o.Yes {
		if err := printJudging(std.out, r, "at most", o.JSON); err != nil {
			return err
		}
	}
	if !o.Yes {
		if !o.JSON {
			fmt.Fprintln(std.out, "Nothing was sent; add --yes to go ahead.")
		}
		return nil
	}
	if r, err = j.Run(ctx, func(done, of int) { fmt.Fprintf(std.err, "judged %d of %d\n", done, of) }); err != nil {
		return err
	}
	return printJudging(std.out, r, "used", o.JSON)
}

func printJudging(w *output, r judge.Report, used string, asJSON bool) error {
	if asJSON {
		return w.JSON(r)
	}
	fmt.Fprintf(w, "%d documents, %d judgements there, %d left; %s %d tokens sent and %d received, %.2f at these prices.\n",
		r.Documents, r.Done, r.Left, used, r.Usage.Prompt, r.Usage.Completion, r.Cost)
	for _, e := range r.Errors {
		fmt.Fprintf(w, "no grades: %s\n", e)
	}
	printAgreement(w, "with itself", r.Repeated)
	printAgreement(w, "with the other judge", r.Compared)
	return nil
}

func printAgreement(w io.Writer, title string, list []label.Agreement) {
	if len(list) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "agreement %s\ttexts\tsame\tkappa\tcorrelation\n", title)
	for _, a := range list {
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.3f\t%.3f\n", a.Name, a.Texts, a.Same, a.Kappa, a.Correlation)
	}
	t.Flush()
}
