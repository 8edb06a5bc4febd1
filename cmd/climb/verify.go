package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
)

func newVerify() *cobra.Command {
	var asJSON bool
	var workers int
	c := &cobra.Command{
		Use: "verify [RUN]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Check every file of a run or a dataset against its SHA-256",
		Long: `Read every file that climb wrote into a directory, and compare it with the SHA-256
that was taken when it was written. Each file that is not the same is named, with
the command that makes it anew, and the exit code is 1.

RUN is a run directory, one of its stages, a dataset (also a copy of it that lies
elsewhere), or a configuration, whose run it stands for; climb.yaml if none is named.
The report is not checked: climb report makes it anew at any time.`,
		Example: `  climb verify climb.yaml
  climb verify climb-run/dataset
  climb verify climb-run --json | jq -r '.damaged[].command'`,
		RunE: func(c *cobra.Command, args []string) error {
			if workers > 0 {
				runtime.GOMAXPROCS(workers)
			}
			dir, err := verifyDir(args)
			if err != nil {
				return err
			}
			show, begun := newDisplay(stderr, false), time.Now()
			v, err := climb.Verify(c.Context(), dir, func(done, total int64) {
				if show.tty {
					show.event(climb.Event{Number: 1, Of: 1, Title: "read what was written", Fraction: float64(done) / float64(max(1, total)),
						Amount: float64(total), Unit: "B", Elapsed: time.Since(begun)})
				}
			})
			show.close()
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(v)
			} else {
				writeVerification(stdout, v, time.Since(begun))
			}
			if n := len(v.Damaged); n > 0 && err == nil {
				err = fmt.Errorf("%s: %s", near(dir), plural(n, "file is damaged", "files are damaged"))
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().IntVar(&workers, "workers", 0, "cores to use; 0 = all")
	return c
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
