package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// newStages makes a command for every stage a user can run by itself.
func newStages(std streams) []*cobra.Command {
	label := newStage(std, "label", "Score the documents' quality", "part-NNNNN.npy (float32, one column for each score)")
	label.AddCommand(newLabelJudge(std), newLabelPreview(std), newLabelTrain(std))
	return []*cobra.Command{
		newStage(std, "embed", "Embed every document", "part-NNNNN.npy (float16 vectors) and part-NNNNN.ids for each shard of the corpus"),
		newStage(std, "cluster", "Cluster the documents", "part-NNNNN.npy (int32 cluster of each document) and centroids-*/centroids.npy"),
		label,
		newStage(std, "domains", "Prune clusters and merge them into domains", "domains-*/domains.json, and part-NNNNN.npy (int16 domain of each document)"),
		newStage(std, "tokens", "Tokenize the domains", "domain-NNN.bin and .idx (Megatron), and vocab-*/tokenizer.json"),
		newStage(std, "search", "Search the mixture with proxies", "search.json, and trials/ with every proxy run"),
		newStage(std, "mix", "Write the mixed dataset", "shard-NNNNN.jsonl.zst, manifest.json and README.md"),
	}
}

func newStage(std streams, name, short, output string) *cobra.Command {
	var o stageOptions
	c := &cobra.Command{
		Use: name + " [climb.yaml]", GroupID: "stage", Short: short, Args: args(cobra.MaximumNArgs(1)),
		Long: fmt.Sprintf(`%s, after the stages that this needs and that are not done yet.

Output: %s. See docs/format.md.
To put other outputs in the place of ours, see climb task publish --help.`, short, output),
		Example: fmt.Sprintf("  climb %s climb.yaml", name),
		RunE:    func(c *cobra.Command, args []string) error { return runStage(c.Context(), o, name, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

// runStage runs the pipeline up to the stage that a command is called after.
func runStage(ctx context.Context, o stageOptions, name string, args []string, std streams) error {
	cfg, err := o.load(args)
	if err != nil {
		return err
	}
	return o.until(ctx, cfg, name, std)
}
