package curate

import (
	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/token"
)

// Config has the options of the stages from documents to tokens.
type Config struct {
	Seed          uint64
	Corpus        corpus.Options
	Embed         EmbedConfig
	Cluster       ClusterConfig
	SemDeDup      cluster.SemDeDup
	Label         LabelConfig
	Prune         PruneConfig
	Domains       DomainsConfig
	Decontaminate DecontaminateConfig
	Tokens        TokensConfig
	Apart         []eval.Term // target files whose text the corpus must not hold
	Holdout       float64     // share of the documents to score mixtures with; 0 holds none out
}

// EmbedConfig chooses the embedder.
type EmbedConfig struct {
	Method embedding.Choice `json:"method" doc:"embedder"`
}

// ClusterConfig chooses the clusterer.
type ClusterConfig struct {
	Method cluster.Choice `json:"method" doc:"clusterer"`
	Sample int            `json:"sample" default:"200000" min:"1" doc:"number of vectors to fit the clusters on; every document is then assigned"`
	Refine int            `json:"refine" min:"0" doc:"k-means iterations over all vectors, after the fit on the sample"`
}

// LabelConfig chooses the labeler.
type LabelConfig struct {
	Method    label.Choice `json:"method" doc:"labeler"`
	Languages []string     `json:"languages,omitempty" doc:"language codes such as en: adds the score language, the probability that a document is in a listed language; any: the probability of its most likely language"`
}

// PruneConfig says which clusters and documents are left out by their quality
// scores. Higher is better; the score "mean" is the average of all scores.
type PruneConfig struct {
	Clusters    map[string]float64 `json:"clusters,omitempty" doc:"floors of clusters, as score: minimum. A cluster is pruned if its mean score is below"`
	ClustersIf  string             `json:"clusters_if" default:"any" choices:"any,all" doc:"prune a cluster that is below any floor, or only one below all floors"`
	Documents   map[string]float64 `json:"documents,omitempty" doc:"floors of documents, as score: minimum. A document is pruned if its score is below"`
	DocumentsIf string             `json:"documents_if" default:"any" choices:"any,all" doc:"prune a document that is below any floor, or only one below all floors"`
}

// QualityConfig says what the tiers of quality are.
type QualityConfig struct {
	Score    string  `json:"score" default:"mean" doc:"score whose quantiles the tiers are: one of the labeler's, or mean, the average of all"`
	Over     string  `json:"over" default:"text" choices:"text,documents" doc:"what every tier has the same share of over the whole corpus: bytes of text, or documents"`
	MinShare float64 `json:"min_share" default:"0.001" min:"1e-9" max:"1" doc:"tiers of a cluster or label that hold a smaller share of the text are merged: the lightest with the lighter one beside it, until none is below"`
}

// DomainsConfig says how clusters, labels of documents and tiers of quality become
// domains.
type DomainsConfig struct {
	By       Axes                 `json:"by" default:"clusters" doc:"axes whose cross product the domains are, one or a list such as [clusters, quality:5]: clusters (merged), label (of tag), both (these two), file, folder, source, field:NAME (a label that the documents have), quality:N (N quantiles of a score)"`
	Tag      TagConfig            `json:"tag"`
	Quality  QualityConfig        `json:"quality,omitzero" doc:"tiers of quality:N in by"`
	Method   cluster.MergerChoice `json:"method" doc:"how clusters are merged: agglomerative, by a threshold or a target count, or as a capacity-bounded partition"`
	Sample   int                  `json:"sample" default:"20000" min:"1" doc:"number of documents read to name the domains"`
	Examples int                  `json:"examples" default:"3" min:"0" doc:"number of example documents kept for each domain"`
}

// TokensConfig describes the proxies' tokenizer.
type TokensConfig struct {
	Tokenizer   string             `json:"tokenizer" path:"file" doc:"Hugging Face tokenizer.json to use; empty = train a tokenizer on a sample"`
	SampleBytes int64              `json:"sample_bytes" default:"16777216" min:"1" doc:"bytes of text that the tokenizer is trained on"`
	BPE         token.TrainOptions `json:"bpe" doc:"byte-level BPE tokenizer that is trained where no tokenizer is given"`
}
