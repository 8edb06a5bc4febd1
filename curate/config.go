package curate

import (
	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/token"
)

// Config is what the stages from documents to tokens depend on.
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
	Sample int            `json:"sample" default:"200000" min:"1" doc:"vectors that the clusters are fitted on; every document is assigned"`
	Refine int            `json:"refine" min:"0" doc:"k-means iterations over all vectors after the fit on the sample"`
}

// LabelConfig chooses the labeler.
type LabelConfig struct {
	Method    label.Choice `json:"method" doc:"labeler"`
	Languages []string     `json:"languages,omitempty" doc:"codes such as en: adds the score language, how sure it is that a document is in one of them; any: in whichever is most probable"`
}

// PruneConfig says which clusters and documents are left out. Higher scores
// are better; the score "mean" is the average of all.
type PruneConfig struct {
	Clusters    map[string]float64 `json:"clusters,omitempty" doc:"score: least mean over the documents of a cluster that stays"`
	ClustersIf  string             `json:"clusters_if" default:"any" choices:"any,all" doc:"a cluster goes if it is below any of its floors, or only if it is below all of them"`
	Documents   map[string]float64 `json:"documents,omitempty" doc:"score: least value of a document that stays"`
	DocumentsIf string             `json:"documents_if" default:"any" choices:"any,all" doc:"the same for documents"`
}

// DomainsConfig chooses how clusters are merged.
type DomainsConfig struct {
	By       string               `json:"by" default:"clusters" choices:"clusters,label,both" doc:"what a domain is: clusters merged into one, a label that the documents have, or both crossed"`
	Tag      TagConfig            `json:"tag"`
	Method   cluster.MergerChoice `json:"method" doc:"how clusters are merged: linkage with a threshold or a target count, or a capacity-bounded partition"`
	Sample   int                  `json:"sample" default:"20000" min:"1" doc:"documents read to name the domains"`
	Examples int                  `json:"examples" default:"3" min:"0" doc:"example documents kept for each domain"`
}

// TokensConfig describes the proxies' tokenizer.
type TokensConfig struct {
	Tokenizer   string             `json:"tokenizer" path:"file" doc:"path of a Hugging Face tokenizer.json to use; empty trains one on a sample"`
	SampleBytes int64              `json:"sample_bytes" default:"16777216" min:"1" doc:"text bytes the tokenizer is trained on"`
	BPE         token.TrainOptions `json:"bpe" doc:"the tokenizer that is trained"`
}
