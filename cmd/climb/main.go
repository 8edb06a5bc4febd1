// Command climb finds the data mixture that a language model should be
// pre-trained on, and writes the mixed dataset.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/task"
)

func main() { os.Exit(Main()) }

// Main runs the command line and returns the exit code: 0 done, 1 error,
// 2 usage, 70 a bug of climb, 75 try again (also after Ctrl-C, SIGTERM and SIGHUP), 78 permanent.
func Main() (code int) {
	defer func() {
		if v := recover(); v != nil {
			code = crashed(v, debug.Stack())
		}
	}()
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	go func() { // a second Ctrl-C ends at once
		<-ctx.Done()
		stop()
	}()
	root := newRoot()
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil && stdout.Err() != nil {
		err = fmt.Errorf("write to standard output: %w", stdout.Err())
	}
	if err == nil {
		return task.ExitOK
	}
	var panicked *task.PanicError
	if errors.As(err, &panicked) {
		return crashed(err, panicked.Stack)
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "climb: interrupted; run the same command again to go on")
		return task.ExitRetry
	}
	fmt.Fprintln(stderr, "climb: "+escape.Secrets(strings.TrimSpace(err.Error())))
	var ce *climb.ConfigError
	if errors.As(err, &ce) {
		return task.ExitUsage
	}
	return task.ExitCode(err)
}

// crashed says that climb has a bug, and where the stack is that tells of it.
func crashed(what any, stack []byte) int {
	what = escape.Secrets(fmt.Sprint(what))
	fmt.Fprintf(stderr, "climb: a bug of climb, not of your data: %v\n", what)
	report := fmt.Sprintf("climb %s, %s, %s/%s\n%q\n\n%v\n\n%s", climb.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, escape.Secrets(strings.Join(os.Args, " ")), what, escape.Secrets(string(stack)))
	f, err := os.CreateTemp("", "climb-crash-*.txt")
	if err == nil {
		_, err = f.WriteString(report)
		err = errors.Join(err, f.Close())
	}
	if err != nil { // no place for a file
		fmt.Fprintf(stderr, "%s\nclimb: please report the lines above", report)
	} else {
		fmt.Fprintf(stderr, "climb: the stack is in %s; please report it", f.Name())
	}
	fmt.Fprintln(stderr, " at https://github.com/climb-go/climb/issues. What was done is kept: the same command goes on from there.")
	return task.ExitPanic
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "climb",
		Short: "Find the best data mixture for pre-training a language model, and write it",
		Long: `climb turns a pile of text into a data mixture and the mixed dataset:
read, embed, cluster, score and prune, merge into domains, search the mixture
with small proxy models and a predictor, confirm the winner, write the dataset,
explain it in a report.`,
		Example: `  climb demo                 # see it work on the text of this Go installation
  climb init ~/text          # write climb.yaml for a folder of JSONL
  climb plan climb.yaml      # what will run, how long, how much disk
  climb run climb.yaml       # run it; run it again to resume
  climb report climb.yaml    # where the report is`,
		Version:       climb.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return task.Usage(fmt.Errorf("%w; see %s --help", err, c.CommandPath()))
	})
	root.AddGroup(&cobra.Group{ID: "main", Title: "Commands:"}, &cobra.Group{ID: "stage", Title: "Stages, each with what it needs:"},
		&cobra.Group{ID: "tool", Title: "Tools:"})
	root.AddCommand(newClusters(), newCorpus())
	root.AddCommand(newDemo(), newInit(), newPlan(), newRun(), newStatus(), newReport(), newVerify(), newCompare(), newFit(), newMethods(), newTask(), newLM(), newEval(), newSimulate(), newPropose())
	root.AddCommand(newStages()...)
	return root
}

// args wraps a check of the arguments as a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, a []string) error {
		if err := check(c, a); err != nil {
			return task.Usage(fmt.Errorf("%w; see %s --help", err, c.CommandPath()))
		}
		return nil
	}
}
