// Command climb finds the data mixture that a language model should be
// pre-trained on, and writes the mixed dataset.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/task"
)

func main() { os.Exit(Main()) }

// Main runs the command line and returns the exit code: 0 done, 1 error,
// 2 usage, 75 try again (also after Ctrl-C), 78 permanent.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() { // a second Ctrl-C ends at once
		<-ctx.Done()
		stop()
	}()
	root := newRoot()
	err := root.ExecuteContext(ctx)
	if err == nil {
		return task.ExitOK
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "climb: interrupted; run the same command again to go on")
		return task.ExitRetry
	}
	fmt.Fprintln(os.Stderr, "climb: "+strings.TrimSpace(err.Error()))
	var ce *climb.ConfigError
	if errors.As(err, &ce) {
		return task.ExitUsage
	}
	return task.ExitCode(err)
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
	root.AddCommand(newDemo(), newInit(), newPlan(), newRun(), newStatus(), newReport(), newCompare(), newFit(), newMethods(), newTask(), newLM(), newEval(), newSimulate(), newPropose())
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
