// Command climb finds the data mixture that a language model should be
// pre-trained on, and writes the mixed dataset.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Main runs the command line of this process and returns the exit code: 0 done, 1 error,
// 2 usage, 70 a bug of climb, 75 try again (also after Ctrl-C, SIGTERM and SIGHUP), 78 permanent.
func Main() (code int) {
	std := streams{out: &output{w: os.Stdout}, err: &output{w: os.Stderr}}
	defer func() {
		if v := recover(); v != nil {
			code = crashed(std.err, v, debug.Stack())
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
	return exitCode(execute(ctx, newRoot(std), os.Args[1:], std), std)
}

// execute runs a command line. What stops it before a command has begun, such as
// an unknown command or a flag that lacks, is a mistake in the command line.
func execute(ctx context.Context, root *cobra.Command, args []string, std streams) error {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	c, rest, err := root.Find(args)
	if err == nil && !c.Runnable() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		var names []string
		for _, sub := range c.Commands() {
			names = append(names, sub.Name())
		}
		return task.Usage(fmt.Errorf("unknown command %q for %q%s; see %s --help", rest[0], c.CommandPath(), meant(rest[0], names), c.CommandPath()))
	}
	begun := false
	if err == nil && c.RunE != nil {
		run := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			begun = true
			return run(c, args)
		}
	}
	root.SetArgs(args)
	if err = root.ExecuteContext(ctx); err != nil && !begun && std.out.Err() == nil {
		err = task.Usage(err)
	}
	return err
}

// exitCode says what a command has ended with, and returns its exit code.
func exitCode(err error, std streams) int {
	if err == nil && std.out.Err() != nil {
		err = fmt.Errorf("write to standard output: %w", std.out.Err())
	}
	if err == nil {
		return task.ExitOK
	}
	var panicked *task.PanicError
	if errors.As(err, &panicked) {
		return crashed(std.err, err, panicked.Stack)
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(std.err, "climb: interrupted; run the same command again to go on")
		return task.ExitRetry
	}
	fmt.Fprintln(std.err, "climb: "+escape.Secrets(strings.TrimSpace(err.Error())))
	var ce *climb.ConfigError
	if errors.As(err, &ce) {
		return task.ExitUsage
	}
	return task.ExitCode(err)
}

// crashed says that climb has a bug, and where the stack is that tells of it.
func crashed(w io.Writer, what any, stack []byte) int {
	what = escape.Secrets(fmt.Sprint(what))
	fmt.Fprintf(w, "climb: a bug of climb, not of your data: %v\n", what)
	report := fmt.Sprintf("climb %s, %s, %s/%s\n%q\n\n%v\n\n%s", climb.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, escape.Secrets(strings.Join(os.Args, " ")), what, escape.Secrets(string(stack)))
	f, err := os.CreateTemp("", "climb-crash-*.txt")
	if err == nil {
		_, err = f.WriteString(report)
		err = errors.Join(err, f.Close())
	}
	if err != nil { // no place for a file
		fmt.Fprintf(w, "%s\nclimb: please report the lines above", report)
	} else {
		fmt.Fprintf(w, "climb: the stack is in %s; please report it", f.Name())
	}
	fmt.Fprintln(w, " at https://github.com/climb-go/climb/issues. What was done is kept: the same command goes on from there.")
	return task.ExitPanic
}

// exitCodes ends the help of every command.
const exitCodes = `
Exit codes:
  0    done
  1    an error, which is printed
  2    a mistake in the command line, in the configuration or in a study
  70   a bug of climb
  75   run the same command again to go on; also after Ctrl-C, SIGTERM and SIGHUP
  78   an error that the same command would meet again
`

func newRoot(std streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "climb",
		Short: "Find the best data mixture for pre-training a language model, and write it",
		Long: `Find the data mixture that a language model should be pre-trained on, and write
the mixed dataset (CLIMB, arXiv 2504.13161).

Give climb a folder of text. It embeds, clusters and scores the documents, prunes
clusters and merges the rest into domains, searches the mixture with small proxy
models and a predictor, and confirms the winner against baselines with fresh
seeds. You get the mixture, a verdict with confidence intervals, the dataset, and
a report.`,
		Example: `  climb demo                 # see it work on the text of this Go installation
  climb init ~/text          # write climb.yaml for a folder of text
  climb plan climb.yaml      # what will run, how long, how much disk
  climb run climb.yaml       # run it; run it again to resume
  climb report climb.yaml    # the outcome, and where the report is`,
		Version:       climb.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return task.Usage(fmt.Errorf("%w; see %s --help", err, c.CommandPath()))
	})
	help := root.HelpFunc() // a template of ours would bring text/template, and every method of the program with it
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		help(c, args)
		fmt.Fprint(c.OutOrStdout(), exitCodes)
	})
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.AddGroup(&cobra.Group{ID: "main", Title: "Commands:"}, &cobra.Group{ID: "stage", Title: "Stages, each with what it needs:"},
		&cobra.Group{ID: "tool", Title: "Tools:"})
	for _, command := range []func(streams) *cobra.Command{
		newAssign, newCancel, newClean, newClusters, newCompare, newDemo, newExport, newFit, newInit, newLaunch, newLogs, newMethods, newPlan, newReport, newRun, newServe, newStatus, newTail, newVerify, newVersion,
		newCorpus, newEval, newLM, newModel, newPropose, newRepro, newSimulate, newTask,
	} {
		root.AddCommand(command(std))
	}
	root.AddCommand(newStages(std)...)
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
