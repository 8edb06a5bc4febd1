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
	Tokens  int64           `json:"tokens" default:"2000000" min:"1" doc:"token budget of one proxy run"`
	Trainer train.Choice    `json:"trainer,omitzero" doc:"trainer of the proxies"`
	Command train.Arguments `json:"command,omitempty" doc:"external trainer: program and arguments; {job} and {result} stand for the files that it reads and writes"`
	Fields  []string        `json:"command_fields,omitempty" doc:"what the program of command understands of a Job's model and optim: model, or parts such as model.layers, optim.lr, optim.optimizer.method=adamw. A configuration that asks for more is refused before anything is trained; empty = it is not known, and nothing is refused"`
	Rate    float64         `json:"rate,omitempty" min:"0" doc:"training speed of a proxy that climb plan counts with, in tokens a second on one device; 0 = measured here, where it can be (climb lm rate measures it)"`
	Repeat  string          `json:"repetition,omitempty" doc:"repetition of scarce domains: target = every proxy repeats a domain as often as the target run (search.target_tokens) would on the same mixture, by reading that share of it only; empty = a proxy reads from all of it"`
	Batch   int             `json:"batch" default:"16" min:"1" doc:"batch size, in sequences"`
	Optim   train.Options   `json:"optim" doc:"optimizer and learning-rate schedule of a proxy"`
	Base    BaseConfig      `json:"base" doc:"base model: the shared checkpoint that every proxy continues from"`
}

// BaseConfig describes the base model. It is trained once, on the natural
// mixture, to the end of the stable phase of the learning-rate schedule. Every
// proxy continues from it and decays on its own mixture.
type BaseConfig struct {
	Tokens int64   `json:"tokens" min:"0" doc:"token budget of the base model; 0 = no base, every proxy starts from random weights"`
	LR     float64 `json:"lr" min:"0" doc:"learning rate of the base model after warm-up; 0 = as proxy.optim.lr"`
}

// TargetConfig lists the target files: the evaluation tasks or texts that the
// mixture is optimized for.
type TargetConfig struct {
	Validation []eval.Term `json:"validation,omitempty" doc:"validation files: the search optimizes for these"`
	Test       []eval.Term `json:"test,omitempty" doc:"test files: read for the final report only, never by the search"`
	Weights    string      `json:"weights" default:"equal" choices:"equal,bytes" doc:"equal: weight per file; bytes: weight per byte of correct answer, so that yes/no tasks do not dominate (bits per byte only)"`
	Holdout    float64     `json:"holdout" default:"0.01" min:"0" max:"0.5" doc:"holdout: share of the documents held out of the corpus as the target where no validation files are given; every domain counts equally"`
}

// SearchConfig says how the simplex of mixture weights is searched.
type SearchConfig struct {
	Rounds       []int              `json:"rounds" default:"64,32,16" min:"1" doc:"number of proxy runs in each round"`
	Epochs       float64            `json:"epochs" default:"4" min:"0.01" doc:"epoch cap: how many times the target run may repeat a domain"`
	TargetTokens int64              `json:"target_tokens" min:"0" doc:"token budget of the target run, which the epoch cap is counted for; 0 = all tokens left after pruning"`
	Strategy     search.Choice      `json:"strategy" doc:"search strategy: the method that proposes mixtures"`
	Objective    Objective          `json:"objective" doc:"how the scores on the target files are combined into one"`
	Domains      SearchDomains      `json:"domains" doc:"bounds on the mixture weights of domains, by name"`
	Phases       int                `json:"phases,omitempty" min:"0" max:"4" doc:"phases of the training, each with a mixture of its own: static mixtures and schedules compete for the same proxies; 0 or 1 = one mixture throughout"`
	PhaseShares  []float64          `json:"phase_shares,omitempty" min:"0" doc:"share of the tokens that each phase has, such as 0.8, 0.2; empty = equal ones"`
	LastPhase    map[string]float64 `json:"last_phase,omitempty" min:"0" doc:"annealing: the mixture of the last phase where that is fixed, as domain: share; empty = it is searched too"`
	Seed         uint64             `json:"seed,omitempty" doc:"seed of the proposals and the proxies; 0 = seed of the run"`
	Reuse        ReuseConfig        `json:"reuse" doc:"measurements of earlier searches to start from"`
}

// settled is c with the penalty that its strategy has of its own.
func (c SearchConfig) settled() SearchConfig {
	if c.Objective.KL < 0 {
		c.Objective.KL = search.DefaultKL(c.Strategy.Value())
	}
	return c
}

// Objective says how the terms of the target are combined into one score.
type Objective struct {
	Combine string             `json:"combine" default:"mean" choices:"mean,worst" doc:"mean: weighted mean over the target files; worst: minimum over the files, each score standardized (z-score) over the runs"`
	Floors  map[string]float64 `json:"floors,omitempty" doc:"constraints, as TASK:METRIC: value. The answer must reach the value; bpb must stay below it"`
	KL      float64            `json:"kl" default:"-1" min:"-1" doc:"KL penalty: subtracted from the predicted score per nat of divergence from the natural mixture; -1 = as the strategy's authors have it: 0.05 for olmix, 0 for the others"`
}

// SearchDomains bounds the mixture weights of domains, in addition to the epoch
// cap.
type SearchDomains struct {
	Least map[string]float64 `json:"least,omitempty" min:"0" max:"1" doc:"lower bound of each domain's mixture weight, as domain: share"`
	Most  map[string]float64 `json:"most,omitempty" min:"0" max:"1" doc:"upper bound of each domain's mixture weight; equal to least, it fixes the weight"`
	Keep  [][]string         `json:"keep,omitempty" doc:"groups of domains that keep their natural proportions within the group"`
}

// ReuseConfig names earlier searches with the same target and proxies, whose
// runs the predictor is fitted on too.
type ReuseConfig struct {
	Files     []string            `json:"files,omitempty" path:"file" doc:"search.json files of earlier runs; their trials inform the predictor and cost no budget"`
	Split     map[string][]string `json:"split,omitempty" doc:"domains that were split since, as old domain: list of new domains"`
	Tolerance float64             `json:"tolerance" default:"0.02" min:"0" max:"1" doc:"an earlier run is left out if domains that no longer exist had more than this share of its tokens"`
}

// ConfirmConfig says how the answer of the search is confirmed with fresh seeds.
type ConfirmConfig struct {
	Seeds    int     `json:"seeds" default:"5" min:"2" doc:"fresh seeds: runs of every candidate and every baseline"`
	Measured int     `json:"measured" default:"2" min:"0" doc:"number of best measured mixtures to confirm, in addition to the predicted best"`
	Level    float64 `json:"level" default:"0.95" min:"0.5" max:"0.999" doc:"confidence level of the intervals"`
}
