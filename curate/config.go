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

// DomainsConfig says how clusters, or labels of documents, become domains.
type DomainsConfig struct {
	By       string               `json:"by" default:"clusters" choices:"clusters,label,both" doc:"what makes a domain: merged clusters, a label of the documents, or the cross product of both"`
	Tag      TagConfig            `json:"tag"`
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
