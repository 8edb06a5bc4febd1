package climb

import (
	"slices"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/dataset"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/trial"
)

// curation is what of the configuration the stages up to the tokens depend on.
func (c *Config) curation(s Shared) curate.Config {
	out := curate.Config{Seed: c.Seed, Corpus: c.Corpus, Embed: c.Embed, Cluster: c.Cluster, SemDeDup: c.SemDeDup, Label: c.Label,
		Prune: c.Prune, Domains: c.Domains, Decontaminate: c.Decontaminate, Tokens: c.Tokens, Apart: s.Apart}
	if out.Apart == nil {
		out.Apart = slices.Concat(c.Target.Validation, c.Target.Test)
	}
	if s.HoldOut || len(c.Target.Validation) == 0 {
		out.Holdout = c.Target.Holdout
	}
	return out
}

// trials is what of the configuration the search and its confirmation depend on.
func (c *Config) trials(s Shared) trial.Config {
	return trial.Config{Seed: c.Seed, Proxy: c.Proxy, Target: c.Target, Search: c.Search, Confirm: c.Confirm, Dataset: c.Dataset, Shared: s.Scored}
}

// resources are what a task of a stage is given where tasks run elsewhere.
func (c *Config) resources(kind string) launch.Resources {
	switch r := c.Launch.Resources; kind {
	case "base", "search", "confirm":
		return r.Proxy
	case "compare":
		return r.Target
	case "vectorizer", "centroids", "rows", "domains", "vocab", "draw":
		return r.Fit
	default:
		return r.Text
	}
}

// dataset is what of the configuration the dataset depends on.
func (c *Config) dataset() dataset.Config {
	return dataset.Config{Options: c.Dataset, Seed: c.Seed, Strategy: c.Search.Strategy.Name(), Version: Version}
}
