// Package train turns a mixture into a score: a proxy model trained on the
// mixture in this process, or by a command of the user's. Job and Result are
// plain JSON, so that a trainer can be written in any language.
package train

import (
	"context"
	"errors"
	"fmt"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/mix"
)

// Options are the optimizer and the learning-rate schedule.
type Options struct {
	LR     float64 `json:"lr" min:"0" doc:"peak learning rate; 0 = 0.32 / width of the model, as measured for the sizes of lm"`
	MinLR  float64 `json:"min_lr" default:"0.0001" min:"0" doc:"learning rate at the end of the decay"`
	Warmup float64 `json:"warmup" default:"0.05" min:"0" max:"1" doc:"warm-up: share of the steps in which the learning rate rises to its peak"`
	Clip   float64 `json:"clip" default:"1" min:"0" doc:"gradient clipping: largest norm"`

	Optimizer optim.Choice         `json:"optimizer" doc:"optimizer"`
	Schedule  optim.ScheduleChoice `json:"schedule" doc:"learning-rate schedule after warm-up"`

	Precision string `json:"precision" default:"float32" choices:"float32,bfloat16" doc:"precision of matrix products in training; bfloat16 is faster on processors with AVX512_BF16, slower on others. Master weights, accumulation and evaluation stay float32"`
}

// A Job describes one training run completely.
type Job struct {
	Mixture   mix.Mixture `json:"mixture"`   // shares of tokens, by domain
	Seed      uint64      `json:"seed"`      // of the initial weights and the order of the data
	Domains   []string    `json:"domains"`   // prefixes of the domains' .bin and .idx files
	Tokenizer string      `json:"tokenizer"` // path of tokenizer.json
	Model     lm.Config   `json:"model"`
	Init      string      `json:"init"`   // folder of the base model to continue, "" to start from scratch
	Tokens    int64       `json:"tokens"` // to train on
	Batch     int         `json:"batch"`  // sequences
	Optim     Options     `json:"optim"`  // taken as it is; option.Fill sets the defaults
	Target    []eval.Term `json:"target"` // the score is their weighted mean
	Test      []eval.Term `json:"test"`   // measured beside it, never part of the score
	Save      string      `json:"save"`   // folder for the trained weights, "" to drop them
	Stable    bool        `json:"stable"` // stop at the end of the stable phase: the job of a base model

	// Curve is how often the files of Target are evaluated on the way, at
	// equal distances; the last time is the end of the run. 0 is never.
	Curve int `json:"curve,omitempty"`

	// TargetTokens are those of a longer run on the same domains that this one stands
	// for: it repeats each domain as often, reading Tokens / TargetTokens of it
	// (repetition-matched proxies, Zhou et al. 2026, arXiv 2606.07597). 0 is none.
	TargetTokens int64 `json:"target_tokens,omitempty"`

	// Phases are the lengths of the phases of a run whose mixture changes, as shares of
	// its tokens: Mixture is then a schedule (mix.Phases), phase after phase the share
	// of all tokens that each domain has in it. A phase begins with a step.
	Phases mix.Phases `json:"phases,omitempty"`

	// Items asks for the scores of the single items beside their means, so that
	// runs can be compared item by item.
	Items bool `json:"items,omitempty"`
}

// A Result holds only reproducible values: running the Job again gives the same Result. A run that diverged has Failed set and
// no scores: it is quarantined, never ranked.
type Result struct {
	Mixture  string             `json:"mixture,omitempty"`  // hash of the Job's; a program need not write it
	Score    float64            `json:"score"`              // higher is better
	Validate []*eval.TaskResult `json:"validate,omitempty"` // of the files of Job.Target
	Test     []*eval.TaskResult `json:"test,omitempty"`     // of the files of Job.Test
	TestMean float64            `json:"test_mean"`          // the objective on the test files
	Loss     float64            `json:"loss"`               // nats per token, mean of the last tenth of the steps
	Tokens   []int64            `json:"tokens"`             // consumed, by domain; with phases by phase and domain, as in the mixture
	Steps    int                `json:"steps"`
	Failed   string             `json:"failed,omitempty"`
	Curve    []Point            `json:"curve,omitempty"` // of Job.Curve
}

// A Point is an evaluation of the files of Job.Target during a run.
type Point struct {
	Tokens   int64              `json:"tokens"` // trained on
	LR       float64            `json:"lr"`     // of the step before: a rate that has not decayed makes the score worse
	Score    float64            `json:"score"`
	Validate []*eval.TaskResult `json:"validate"` // without log_probs
}

// Progress is one line of a run's progress.jsonl.
type Progress struct {
	Step   int     `json:"step"`
	Steps  int     `json:"steps"`
	Tokens int64   `json:"tokens"`
	Loss   float64 `json:"loss"` // nats per token of this step
	LR     float64 `json:"lr"`
	Norm   float64 `json:"grad_norm"`
}

// A Trainer runs jobs. It must be a pure function of the job.
type Trainer interface {
	Train(ctx context.Context, j Job, watch func(Progress)) (*Result, error)
}

// Check reports what makes the job impossible.
func (j *Job) Check() error {
	if len(j.Mixture) != len(j.Domains)*max(1, len(j.Phases)) {
		return fmt.Errorf("train: %d weights for %d domains in %d phases", len(j.Mixture), len(j.Domains), max(1, len(j.Phases)))
	}
	if err := j.Phases.CheckSchedule(j.Mixture); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	if j.Batch < 1 || j.Tokens < 1 {
		return errors.New("train: batch and tokens must be positive")
	}
	if j.TargetTokens != 0 && j.TargetTokens < j.Tokens {
		return fmt.Errorf("train: target_tokens is %d, less than the %d tokens of the run: it cannot stand for a shorter one", j.TargetTokens, j.Tokens)
	}
	return nil
}

// Steps is the number of optimizer steps of the job.
func (j *Job) Steps() int {
	per := int64(j.Batch) * int64(j.Model.Context)
	return int(max(1, (j.Tokens+per-1)/per))
}

// schedule is the job's learning rate by step. A run that continues a base
// model has no stable phase: the base has been through it.
func (j *Job) schedule() optim.Schedule {
	n := j.Steps()
	peak := j.Optim.LR
	if peak == 0 {
		peak = lm.LearningRate(j.Model.Width)
	}
	run := optim.Run{Steps: n, Warmup: int(j.Optim.Warmup * float64(n)), Peak: peak, Min: min(j.Optim.MinLR, peak)}
	switch {
	case j.Init != "":
		run.Part = optim.Continued
	case j.Stable:
		run.Part = optim.Base
	}
	return j.Optim.Schedule.Value().Schedule(run)
}
