package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb/judge"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
)

// labelTrainOptions are the flags of climb label train.
type labelTrainOptions struct {
	judge.Training
	WordNGrams    int // of either method
	Balance, JSON bool
}

// AddFlags adds the flags to a command's.
func (o *labelTrainOptions) AddFlags(f *pflag.FlagSet) {
	option.Fill(&o.Training)
	f.StringSliceVar(&o.Positive, "pos", nil, "files or folders of good texts")
	f.StringSliceVar(&o.Negative, "neg", nil, "files or folders of bad texts")
	f.StringSliceVar(&o.Graded, "graded", nil, "JSONL files of texts with a grade of 0 to 5")
	f.StringVar(&o.GradeField, "grade-field", "score", "field of the grade")
	f.StringVar(&o.Out, "out", "model.bin", "file to write")
	f.StringVar(&o.Method, "method", o.Method, "fasttext or linear")
	f.StringVar(&o.Calibration, "calibration", o.Calibration, "none, temperature or isotonic")
	f.Float64Var(&o.HoldOut, "hold-out", o.HoldOut, "held-out share of the texts, to calibrate and to report")
	f.Uint64Var(&o.Seed, "seed", o.Seed, "random seed")
	f.IntVar(&o.FastText.Dim, "dim", o.FastText.Dim, "fasttext: dimension of the vectors")
	f.IntVar(&o.FastText.Epochs, "epochs", o.FastText.Epochs, "fasttext: epochs over the texts")
	f.Float64Var(&o.FastText.LR, "lr", o.FastText.LR, "fasttext: learning rate at the start")
	f.IntVar(&o.FastText.Buckets, "buckets", o.FastText.Buckets, "fasttext: hash buckets of n-grams")
	f.Var((*penaltyFlag)(&o.Linear), "l2", "linear: weight of the L2 penalty, or learned: one for every group of features, by the loss on held-out texts (needs no --method)")
	f.IntVar(&o.WordNGrams, "word-ngrams", o.FastText.WordNGrams, "longest word n-gram")
	f.BoolVar(&o.Balance, "balance", false, "every label counts alike, however many texts it has")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
}

// penaltyFlag is the flag --l2: a number or "learned".
type penaltyFlag label.Linear

func (p *penaltyFlag) Set(s string) error {
	if p.Learned = s == "learned"; p.Learned {
		return nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return errors.New("want a number or learned")
	}
	p.L2 = v
	return nil
}

func (p *penaltyFlag) String() string {
	if p.Learned {
		return "learned"
	}
	return strconv.FormatFloat(p.L2, 'g', -1, 64)
}

func (*penaltyFlag) Type() string { return "number|learned" }

func newLabelTrain(std streams) *cobra.Command {
	var o labelTrainOptions
	c := &cobra.Command{
		Use: "train (--pos INPUT --neg INPUT | --graded INPUT) --out MODEL", Args: args(cobra.NoArgs),
		Short: "Train a quality classifier from examples",
		Long: `Train a quality classifier from good and bad texts, or from texts with a grade of 0
to 5. You get a model file for climb.yaml, and a report on held-out texts: accuracy,
log loss, Brier score and calibration error, before and after its probabilities were
calibrated.

The method fasttext writes a model that fastText reads as well; linear writes one of
ours. Both are scores for climb.yaml. With --l2 learned the linear one has a penalty
for every group of features (length of the n-gram, decile of its document frequency),
those with the least loss on texts held out for that:

  label:
    method: fasttext
    fasttext:
      models: [{name: good, file: good.bin, label: pos}]

With graded texts the labels are the grades; give the model the scheme expected.`,
		Example: `  climb label train --pos good/ --neg bad.jsonl.zst --out good.bin
  climb label train --graded judged.jsonl --grade-field score --method linear --out quality.linear
  climb label train --pos a.jsonl --neg b.jsonl --out m.bin --balance --json
  climb label train --pos good/ --neg bad/ --l2 learned --out good.linear`,
		RunE: func(c *cobra.Command, args []string) error {
			if o.Linear.Learned {
				if c.Flags().Changed("method") && o.Method != "linear" {
					return task.Usage(errors.New("--l2 learned is of the method linear; leave --method out"))
				}
				o.Method = "linear"
			}
			return runLabelTrain(c.Context(), o, args, std)
		},
	}
	o.AddFlags(c.Flags())
	return c
}

func runLabelTrain(ctx context.Context, o labelTrainOptions, _ []string, std streams) error {
	o.FastText.WordNGrams, o.Linear.WordNGrams = o.WordNGrams, o.WordNGrams
	o.FastText.Balance, o.Linear.Balance = o.Balance, o.Balance
	r, err := judge.Train(ctx, o.Training)
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(r)
	}
	writeTrainReport(std.out, r, o.Out)
	return nil
}

func writeTrainReport(w io.Writer, r *label.TrainReport, path string) {
	for i, name := range r.Labels {
		fmt.Fprintf(w, "label %-4s %d texts\n", name, r.Texts[i])
	}
	fmt.Fprintf(w, "trained on %d texts, calibrated on %d, measured on %d others:\n\n", r.Trained, r.Calibrated, r.Reported)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\taccuracy\tlog loss\tBrier\tcalibration error")
	for _, row := range []struct {
		name string
		label.Reliability
	}{{"as trained", r.Before}, {"calibrated", r.After}} {
		fmt.Fprintf(t, "%s\t%.3f\t%.4f\t%.4f\t%.4f\n", row.name, row.Accuracy, row.LogLoss, row.Brier, row.ECE)
	}
	fmt.Fprintln(t, "\nprobability\tpairs\tmean\tright")
	for i, b := range r.After.Bins {
		fmt.Fprintf(t, "%.1f to %.1f\t%d\t%.3f\t%.3f\n", float64(i)/10, float64(i+1)/10, b.Pairs, b.Probability, b.Right)
	}
	t.Flush()
	if len(r.Penalties) > 0 {
		fmt.Fprintln(t, "\npenalty\tfeatures\tof")
		for _, p := range r.Penalties {
			fmt.Fprintf(t, "%.3g\t%d\t%s\n", p.L2, p.Features, p)
		}
		t.Flush()
	}
	fmt.Fprintln(w, "\nwrote "+path)
}
