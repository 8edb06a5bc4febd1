package trial

import (
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/train"
)

// Config is what the search and its confirmation depend on.
type Config struct {
	Seed    uint64
	Proxy   ProxyConfig
	Target  TargetConfig
	Search  SearchConfig
	Confirm ConfirmConfig
	Dataset export.Options // whose size bounds the answer
	Shared  []eval.Term    // validation files of a whole study: proxies are scored on all, so that its searches share runs
}

// ProxyConfig describes the proxy model and its training.
type ProxyConfig struct {
	Model   lm.Config       `json:"model" doc:"architecture; vocab is taken from the tokenizer"`
	Tokens  int64           `json:"tokens" default:"2000000" min:"1" doc:"training tokens of one proxy"`
	Command train.Arguments `json:"command,omitempty" doc:"a trainer of your own instead: program and arguments, with {job} and {result} for the files to read and write"`
	Batch   int             `json:"batch" default:"16" min:"1" doc:"sequences in a batch"`
	Optim   train.Options   `json:"optim" doc:"optimizer and schedule of a proxy"`
	Base    BaseConfig      `json:"base" doc:"the shared model that proxies continue from"`
}

// BaseConfig describes the base model, trained once on the natural mixture
// to the end of the stable phase; the mixtures act in the proxies' decay.
type BaseConfig struct {
	Tokens int64   `json:"tokens" min:"0" doc:"training tokens of the shared base; 0 trains every proxy from scratch"`
	LR     float64 `json:"lr" min:"0" doc:"learning rate of the base after its warm-up; 0 = as proxy.optim.lr"`
}

// TargetConfig lists the files that say what the mixture is to be good at.
type TargetConfig struct {
	Validation []eval.Term `json:"validation,omitempty" doc:"files that the search looks at"`
	Test       []eval.Term `json:"test,omitempty" doc:"files for the final report only"`
	Weights    string      `json:"weights" default:"equal" choices:"equal,bytes" doc:"what a file's weight counts: the file, or every byte of its right answers, so that tasks of yes and no do not outweigh the others (bpb only)"`
	Holdout    float64     `json:"holdout" default:"0.01" min:"0" max:"0.5" doc:"without validation files: share of the documents held out of the corpus, every domain counting alike"`
}

// SearchConfig says how the simplex is searched.
type SearchConfig struct {
	Rounds       []int         `json:"rounds" default:"64,32,16" min:"1" doc:"proxy runs in each iteration"`
	Epochs       float64       `json:"epochs" default:"4" min:"0.01" doc:"times the target run may repeat a domain"`
	TargetTokens int64         `json:"target_tokens" min:"0" doc:"tokens of the target run, for the epoch cap; 0 = all tokens that are left after pruning"`
	Strategy     search.Choice `json:"strategy" doc:"what proposes the mixtures"`
	Objective    Objective     `json:"objective" doc:"how the target files make one score"`
	Domains      SearchDomains `json:"domains" doc:"limits on the shares of domains, by their names"`
	Seed         uint64        `json:"seed,omitempty" doc:"of the proposals and the proxies; 0 = seed of the run"`
	Reuse        ReuseConfig   `json:"reuse" doc:"what earlier searches have measured"`
}

// Objective says how the terms of the target make one score.
type Objective struct {
	Combine string             `json:"combine" default:"mean" choices:"mean,worst" doc:"the weighted mean of the terms, or the worst of them: each less its mean, in units of its standard deviation over the runs"`
	Floors  map[string]float64 `json:"floors,omitempty" doc:"TASK:METRIC: value that the answer must reach; with bpb, stay below"`
	KL      float64            `json:"kl" min:"0" doc:"taken off the predicted score of a mixture for every nat of its divergence from the natural one"`
}

// SearchDomains limits the shares of domains beside the epoch cap.
type SearchDomains struct {
	Least map[string]float64 `json:"least,omitempty" min:"0" max:"1" doc:"domain: least share"`
	Most  map[string]float64 `json:"most,omitempty" min:"0" max:"1" doc:"domain: largest share; the same as least fixes it"`
	Keep  [][]string         `json:"keep,omitempty" doc:"lists of domains that keep their natural proportions among each other"`
}

// ReuseConfig names earlier searches with the same target and proxies.
type ReuseConfig struct {
	Files     []string            `json:"files,omitempty" path:"file" doc:"search.json files; their runs count as knowledge, not as budget"`
	Split     map[string][]string `json:"split,omitempty" doc:"old domain: the domains that it has become"`
	Tolerance float64             `json:"tolerance" default:"0.02" min:"0" max:"1" doc:"share of tokens of domains that are gone above which a run is left out"`
}

// ConfirmConfig says how the answer is checked.
type ConfirmConfig struct {
	Seeds    int     `json:"seeds" default:"5" min:"2" doc:"fresh runs of every candidate and baseline"`
	Measured int     `json:"measured" default:"2" min:"0" doc:"best measured mixtures confirmed beside the predicted best"`
	Level    float64 `json:"level" default:"0.95" min:"0.5" max:"0.999" doc:"confidence level of the intervals"`
}
