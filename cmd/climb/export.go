package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/handover"
	"github.com/climb-go/climb/task"
)

// exportOptions are the flags of climb export.
type exportOptions struct {
	handover.Options
	weights, out   string
	tokens, budget string
	workers        int
	JSON           bool
}

// AddFlags adds the flags to a command's.
func (o *exportOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.To, "to", "", "trainer: "+strings.Join(trainerNames(), ", "))
	f.StringVar(&o.weights, "weights", "", "mixture file with domains, shares and files, instead of a run")
	f.StringVar(&o.Tokenizer, "tokenizer", "", "tokenizer.json of the model to train (byte-level BPE); of a run, its proxies' if none is given")
	f.StringVar(&o.out, "out", "", "folder or bucket to write to; export-NAME if none is given")
	f.StringVar(&o.tokens, "tokens", "0", "tokens of the training, such as 100B; 0 = as many as there are, or as --epochs allows")
	f.StringVar(&o.budget, "budget", "0", "a try-out with the same shares: tokens of training and of data, such as 1B; 0 = all")
	f.Float64Var(&o.Epochs, "epochs", 4, "most times that a domain may be read in the training; more is an error")
	f.IntVar(&o.Context, "context", 2048, "tokens of a training sequence")
	f.Int64Var(&o.Batch, "batch", 0, "sequences of a training step, of a mixture with phases")
	f.Float64Var(&o.Valid, "valid", 0.01, "share of each domain's documents held out for validation")
	f.Float64Var(&o.Test, "test", 0.01, "share held out for a test, where the trainer knows one")
	f.Int64Var(&o.ShardBytes, "shard-bytes", 64<<20, "bytes of a file where there are several; bounds the memory of a task")
	f.IntVar(&o.Level, "level", 3, "zstd compression level")
	f.StringVar(&o.At, "at", "", "where the trainer will find the folder; the bucket, or \".\" if none is given")
	f.StringVar(&o.Mixture, "mixture", "", "of a run: proven, best or natural; dataset.mixture if none is given")
	f.Uint64Var(&o.Seed, "seed", 1, "random seed")
	f.IntVar(&o.workers, "workers", 0, "cores to use; 0 = all")
	f.BoolVar(&o.JSON, "json", false, "print the manifest")
	_ = cobra.MarkFlagRequired(f, "to") // fails only for a flag that does not exist
}

func trainerNames() (names []string) {
	for _, t := range export.Trainers {
		names = append(names, t.Name)
	}
	return names
}

func newExport(std streams) *cobra.Command {
	var o exportOptions
	c := &cobra.Command{
		Use: "export --to TRAINER [RUN]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Hand the mixture over to a trainer: data, configuration, README",
		Long: `Write the mixture of a finished run for a trainer: its data, the fragment of
configuration to paste, a README with the command that trains, and a manifest with
asked and achieved shares by token, document and byte, the epochs of each domain,
and the SHA-256 of every file. climb verify FOLDER reads it all back.

RUN is a run directory or its configuration; climb.yaml if it is left out. With
--weights the domains, their shares and files come from a mixture file instead:

  tokenizer: proxies/tokenizer.json   # what the shares are tokens of, if not --tokenizer
  domains:
    web:  {share: 0.7, inputs: [web/*.jsonl.zst]}
    code: {share: 0.3, inputs: [code]}

or, with "run: climb-run" and no inputs, the domains and documents of that run, with
the shares of the file, as climb serve writes it; or, with "answer: fit.json" and no shares, from the answer of climb fit --json or
climb propose --json.

The mixture may change during the training: phases instead of shares, which the
trainers megatron, nanotron and levanter can take.

  phases:
  - {share: 0.8, mixture: {web: 0.8, code: 0.2}}   # share of the training's tokens
  - {share: 0.2, mixture: {web: 0.5, code: 0.5}}

Shares are of tokens. Where a trainer's weights count documents they are converted
by each domain's mean document; with --tokenizer the documents are tokenized anew,
and shares re-weighed by each domain's tokens a byte. A domain that the reader
would not survive is left out and named; more repetition than --epochs is an error.

The same command goes on after Ctrl-C or kill -9. The same seed gives the same
bytes on any number of cores.

docs/trainers.md has a recipe for every trainer.`,
		Example: `  climb export --to megatron --tokenizer llama3/tokenizer.json climb-run
  climb export --to nanochat --tokens 10B --out s3://bucket/mix climb-run
  climb export --to hf --weights mixture.yaml --budget 1B
  climb verify export-megatron`,
		RunE: func(c *cobra.Command, args []string) error { return runExport(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runExport(ctx context.Context, o exportOptions, args []string, std streams) error {
	if err := o.complete(args); err != nil {
		return task.Usage(err)
	}
	if err := useWorkers(o.workers); err != nil {
		return err
	}
	x, err := o.open(ctx, args)
	if err != nil {
		return err
	}
	show := newDisplay(std.err, std, false)
	x.Watch = show.event
	h, err := x.Make(ctx, o.out)
	show.close()
	if err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(h)
	}
	return printExport(std.out, h, o.out)
}

// complete reads the flags that are text, and fills in what depends on others.
func (o *exportOptions) complete(args []string) (err error) {
	if o.weights != "" && len(args) > 0 {
		return fmt.Errorf("--weights %s and the run %s: give one of them", o.weights, args[0])
	}
	if o.Tokens, err = amount("tokens", o.tokens); err != nil {
		return err
	}
	if o.Budget, err = amount("budget", o.budget); err != nil {
		return err
	}
	if _, err := export.TrainerNamed(o.To); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if o.out == "" {
		o.out = "export-" + o.To
	}
	if !blob.IsURL(o.out) {
		if o.out, err = filepath.Abs(o.out); err != nil {
			return err
		}
	}
	if o.At == "" {
		if o.At = "."; blob.IsURL(o.out) {
			t, _ := export.TrainerNamed(o.To)
			if t.Needs().URLs {
				o.At, _, _ = strings.Cut(o.out, "?")
			}
		}
	}
	o.Version = climb.Version
	if o.weights != "" && o.Mixture == "" {
		o.Mixture = handover.Defaults(o.To).Mixture // of a run, and not looked at
	}
	return nil
}

// amount reads a number of tokens: 1000000, 300M, 1.5B, 2T.
func amount(flag, s string) (int64, error) {
	digits, scale := s, 1.0
	if n := len(s); n > 0 {
		switch s[n-1] {
		case 'k', 'K':
			scale = 1e3
		case 'M':
			scale = 1e6
		case 'B', 'G':
			scale = 1e9
		case 'T':
			scale = 1e12
		}
		if scale > 1 {
			digits = s[:n-1]
		}
	}
	x, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(x >= 0 && x*scale < 1e18) {
		return 0, fmt.Errorf("--%s %q: a number of tokens, such as 300M, 1.5B or 2T", flag, s)
	}
	return int64(x * scale), nil
}

// open opens the export of a run or of files.
func (o *exportOptions) open(ctx context.Context, args []string) (*handover.Export, error) {
	for _, p := range []*string{&o.Tokenizer} {
		if *p != "" {
			abs, err := filepath.Abs(*p)
			if err != nil {
				return nil, err
			}
			if info, err := os.Stat(abs); err == nil && info.IsDir() {
				abs = filepath.Join(abs, "tokenizer.json")
			}
			*p = abs
		}
	}
	if o.weights != "" {
		w, err := handover.LoadWeights(o.weights)
		if err != nil {
			return nil, err
		}
		if w.Run == "" {
			return handover.OfFiles(ctx, w, handover.WorkDir(o.out, o.weights), o.workers, o.Options)
		}
		r, err := o.run(ctx, []string{w.Run})
		if err != nil {
			return nil, err
		}
		return handover.OfShares(r.Curation, w, o.Options)
	}
	r, err := o.run(ctx, args)
	if err != nil {
		return nil, err
	}
	if o.Mixture == "" {
		o.Mixture = r.Config.Dataset.Mixture
	}
	return handover.OfRun(r.Curation, o.Options)
}

// run opens the run whose documents are exported.
func (o *exportOptions) run(ctx context.Context, args []string) (*climb.Run, error) {
	cfg, err := loadRun(args)
	if err != nil {
		return nil, err
	}
	if o.workers != 0 {
		cfg.Workers = o.workers
	}
	r := climb.NewRun(cfg)
	return r, r.Open(ctx)
}

// loadRun reads the configuration of a run: the file, or the one in the run
// directory, which may have been moved since.
func loadRun(args []string, settings ...string) (*climb.Config, error) {
	path := "climb.yaml"
	if len(args) > 0 {
		path = args[0]
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return climb.LoadConfig(path, settings...)
	}
	cfg, err := climb.LoadConfig(filepath.Join(path, "climb.yaml"), settings...)
	if err != nil {
		return nil, err
	}
	cfg.Out, err = filepath.Abs(path)
	return cfg, err
}

// printExport says what has been written.
func printExport(w io.Writer, h *export.Handover, out string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "asked\tachieved\tof documents\tof bytes\tepochs\ttokens\t  domain\n")
	for i, d := range h.Domains {
		if i == 40 {
			break
		}
		fmt.Fprintf(t, "%.3f %%\t%.3f %%\t%.3f %%\t%.3f %%\t%.2f\t%s\t  %s\n", 100*d.Asked.Token, 100*d.Achieved.Token, 100*d.Achieved.Document, 100*d.Achieved.Byte, d.Epochs, countText(float64(d.Written.Tokens)), escape.Line(d.Name))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if n := len(h.Domains) - 40; n > 0 {
		fmt.Fprintf(w, "... and %d domains more, in manifest.json\n", n)
	}
	for k, p := range h.Phases {
		fmt.Fprintf(w, "phase %d, steps %d to %d of %d sequences:%s\n", k, p.From, p.From+p.Steps-1, h.Batch, phaseShares(len(p.Asked), func(d int) string {
			return fmt.Sprintf("%s %.2f %%", escape.Line(h.Domains[d].Name), 100*p.Asked[d])
		}))
	}
	for i, l := range h.LeftOut {
		if i == 10 {
			fmt.Fprintf(w, "left out: %d more, in manifest.json\n", len(h.LeftOut)-10)
			break
		}
		fmt.Fprintf(w, "left out: %s (%.4g %%): %s\n", escape.Line(l.Name), 100*l.Share, l.Why)
	}
	for _, note := range h.Said {
		fmt.Fprintln(w, note)
	}
	var size int64
	for _, f := range h.Files {
		size += f.Bytes
	}
	unit := map[export.Unit]string{export.InTokens: "weights are shares of tokens", export.InDocuments: "weights are shares of documents, converted", export.InData: "the shares are in the data"}[h.Unit]
	fmt.Fprintf(w, "for %s in %s: %s, %s; %s, for a training of %s %s. README.md there has the command that trains.\n", h.Trainer, near(out), plural(len(h.Files), "file", "files"), bytesText(float64(size)), unit, countText(float64(h.Tokens)), h.Counted)
	return nil
}

// phaseShares lists the domains of a phase, as many as a person reads.
func phaseShares(n int, one func(d int) string) string {
	var list []string
	for d := range min(n, 12) {
		list = append(list, one(d))
	}
	if n > len(list) {
		list = append(list, fmt.Sprintf("and %d more in the JSON", n-len(list)))
	}
	return " " + strings.Join(list, ", ")
}

// printCheck says what an export holds and what its trainer will see.
func printCheck(w io.Writer, c *handover.Check) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s asked\tachieved\tseen\tdocuments asked\tachieved\tbytes asked\tachieved\tepochs\t  domain\n", c.Counted)
	for i, d := range c.Domains {
		if i == 40 {
			break
		}
		fmt.Fprintf(t, "%.3f %%\t%.3f %%\t%.3f %%\t%.3f %%\t%.3f %%\t%.3f %%\t%.3f %%\t%.2f\t  %s\n", 100*d.Asked.Token, 100*d.Achieved.Token, 100*d.Seen.Token,
			100*d.Asked.Document, 100*d.Achieved.Document, 100*d.Asked.Byte, 100*d.Achieved.Byte, d.Epochs, escape.Line(d.Name))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if n := len(c.Domains) - 40; n > 0 {
		fmt.Fprintf(w, "... and %d domains more; --json has all\n", n)
	}
	fmt.Fprintf(w, "%s: achieved shares of %s differ from those asked for by at most %.4f points; seen is what the reader gives in the first %d sequences of %d", c.Trainer, c.Counted, 100*c.Off, c.Sequences, c.Context)
	if c.Noise > 0 {
		fmt.Fprintf(w, ", drawn at random (standard deviation up to %.3f points)", 100*c.Noise)
	}
	fmt.Fprintln(w)
	for k, p := range c.Phases {
		fmt.Fprintf(w, "phase %d, steps %d to %d, asked and seen in %d sequences:%s; at most %.4f points apart\n", k, p.From, p.From+p.Steps-1, p.Sequences, phaseShares(len(p.Asked), func(d int) string {
			return fmt.Sprintf("%s %.3f %% %.3f %%", escape.Line(c.Domains[d].Name), 100*p.Asked[d], 100*p.Seen[d])
		}), 100*p.Off)
	}
	for _, wrong := range c.Wrong {
		fmt.Fprintln(w, "wrong: "+escape.Line(wrong))
	}
	return nil
}
