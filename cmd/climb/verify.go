package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
)

// verifyOptions are the flags of climb verify.
type verifyOptions struct {
	JSON    bool
	Workers int
}

// AddFlags adds the flags to a command's.
func (o *verifyOptions) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	f.IntVar(&o.Workers, "workers", 0, "cores to use; 0 = all")
}

func newVerify(std streams) *cobra.Command {
	var o verifyOptions
	c := &cobra.Command{
		Use: "verify [RUN]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Check every file of a run, a dataset or an export against its SHA-256",
		Long: `Check the integrity of a run or a dataset: read every file that climb wrote, and
compare its SHA-256 with the one taken when it was written. You get each damaged
file with the command that makes it anew, and exit code 1 if there is one.

RUN is a run directory, one of its stages, a dataset or an export (a copy elsewhere,
too), or a configuration, which stands for its run; climb.yaml if it is left out. The
report is not checked, since climb report makes it anew at any time.

An export is also read back with our readers of the trainer's format: you get asked
and achieved shares by token, document and byte, and what the trainer would see in
its first 100,000 sequences.`,
		Example: `  climb verify climb.yaml
  climb verify climb-run/dataset
  climb verify export-megatron
  climb verify climb-run --json | jq -r '.damaged[].command'`,
		RunE: func(c *cobra.Command, args []string) error { return runVerify(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runVerify(ctx context.Context, o verifyOptions, args []string, std streams) error {
	if err := useWorkers(o.Workers); err != nil {
		return err
	}
	dir, err := verifyDir(args)
	if err != nil {
		return err
	}
	show, begun := newDisplay(std.err, std, false), time.Now()
	v, err := climb.Verify(ctx, dir, show.bytes("read what was written"))
	show.close()
	if err != nil {
		return err
	}
	if o.JSON {
		err = std.out.JSON(v)
	} else {
		writeVerification(std.out, v, time.Since(begun))
	}
	if v.Export != nil && !o.JSON && err == nil {
		err = printCheck(std.out, v.Export)
	}
	if v.Export != nil && len(v.Export.Wrong) > 0 && err == nil {
		err = fmt.Errorf("%s: what was read differs from the manifest", near(dir))
	}
	if n := len(v.Damaged); n > 0 && err == nil {
		err = fmt.Errorf("%s: %s", near(dir), plural(n, "file is damaged", "files are damaged"))
	}
	return err
}

// verifyDir is the directory that the arguments name.
func verifyDir(args []string) (string, error) {
	path := "climb.yaml"
	if len(args) > 0 {
		path = args[0]
	}
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return path, err
	}
	cfg, err := climb.LoadConfig(path)
	if err != nil {
		return "", err
	}
	return cfg.Out, nil
}

func writeVerification(w io.Writer, v *climb.Verification, took time.Duration) {
	for _, d := range v.Damaged {
		fmt.Fprintf(w, "damaged: %s\n  %s\n", near(d.Path), d.Why)
		if d.Command != "" {
			fmt.Fprintf(w, "  to make it anew: %s\n", d.Command)
		} else {
			fmt.Fprintln(w, "  take it again from where this copy came from")
		}
	}
	fmt.Fprintf(w, "%s (%s), %s: %s, %s", near(v.Path), v.Kind, plural(v.Files, "file", "files"), bytesText(float64(v.Bytes)), took.Round(10*time.Millisecond))
	if sec := took.Seconds(); v.Bytes > 0 && sec > 0 {
		fmt.Fprintf(w, " (%s)", rate(float64(v.Bytes)/sec, "B"))
	}
	if len(v.Damaged) == 0 {
		fmt.Fprintln(w, "; all is as it was written")
	} else {
		fmt.Fprintf(w, "; %d damaged\n", len(v.Damaged))
	}
	if v.Missing > 0 {
		fmt.Fprintf(w, "%s not done yet\n", plural(v.Missing, "task is", "tasks are"))
	}
	if v.Unsummed > 0 {
		fmt.Fprintf(w, "%s no SHA-256, since an earlier version wrote them: only sizes were compared\n", plural(v.Unsummed, "file has", "files have"))
	}
	if v.Unsealed > 0 {
		fmt.Fprintf(w, "%s no seal, since an earlier version wrote them: damage inside them may go unseen\n", plural(v.Unsealed, "plan, manifest or answer has", "plans, manifests and answers have"))
	}
}

// plural writes a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
