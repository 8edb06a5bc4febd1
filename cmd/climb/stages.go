package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newStages makes a command for every stage a user can run by itself.
func newStages(std streams) []*cobra.Command {
	label := newStage(std, "label", "Score the quality of every document", "label-*/part-NNNNN.npy (float32, a column a score)")
	label.AddCommand(newLabelJudge(std), newLabelPreview(std), newLabelTrain(std))
	return []*cobra.Command{
		newStage(std, "embed", "Embed every document: texts to vectors", "embed-*/part-NNNNN.npy (float16, a vector a document)", "embed-*/part-NNNNN.ids"),
		newStage(std, "cluster", "Cluster the documents by their vectors", "cluster-*/part-NNNNN.npy (int32, the cluster of each document)", "centroids-*/centroids.npy"),
		label,
		newStage(std, "domains", "Prune clusters, and merge the others into domains", "domains-*/domains.json", "assign-*/part-NNNNN.npy (int16, the domain of each document)"),
		newStage(std, "tokens", "Train the tokenizer, and tokenize the domains", "vocab-*/tokenizer.json", "tokens-*/domain-NNN.bin and .idx (Megatron's format)"),
		newStage(std, "search", "Search the mixture with proxy models", "search-*/search.json", "search-*/trials/*/result.json, one a proxy"),
		newStage(std, "mix", "Confirm the best mixture, and write the dataset", "dataset/shard-NNNNN.jsonl.zst", "dataset/manifest.json", "dataset/README.md, the dataset card"),
	}
}

func newStage(std streams, name, short string, outputs ...string) *cobra.Command {
	var o stageOptions
	c := &cobra.Command{
		Use: name + " [climb.yaml]", GroupID: "stage", Short: short, Args: args(cobra.MaximumNArgs(1)),
		Long: fmt.Sprintf(`%s.
Stages that this needs are run first, unless they are done. In the run directory
you get

  %s

which docs/format.md describes. To use embeddings, scores, clusters or domains of
your own, see climb task publish.`, short, strings.Join(outputs, "\n  ")),
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
