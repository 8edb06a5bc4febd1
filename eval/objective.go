package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/climb-go/climb/option"
)

// A Term is one part of what a search maximises.
type Term struct {
	File   string  `json:"file" path:"file" doc:"task file: JSONL with choices, targets or texts, .txt, .gz and .zst too, or a task of lm-evaluation-harness as .yaml; TASK:FILE is the rows of a data set in the form of a task (climb eval --tasks), as hellaswag:validation.jsonl"`
	Task   string  `json:"task,omitempty" doc:"instead of file: a task's name in the lm-evaluation-harness results that proxy.command writes"`
	Metric string  `json:"metric" default:"bpb" choices:"acc,acc_token,acc_norm,acc_bytes,bpb,greedy,exact_match,acc_mutual_info,brier_score,perplexity,word_perplexity,byte_perplexity,bits_per_byte" doc:"metric; bpb (bits per byte of the correct answer) is the smoothest for small models"`
	Weight float64 `json:"weight" default:"1" min:"0" doc:"weight in the objective, relative to the other files"`
	Limit  int     `json:"limit" min:"0" doc:"maximum number of items, evenly spaced over the file; 0 = all"`
}

// Name is that of the term's task: what it names, or its file's name without
// extensions.
func (t Term) Name() string {
	if t.Task != "" {
		return t.Task
	}
	name, _ := TaskName(t.File)
	return name
}

// Objective is the weighted mean of the terms' metrics, each oriented so that
// higher is better: sum_i w_i s_i m_i / sum_i w_i, with s = -1 where lower is
// better (see Oriented) and +1 elsewhere. results[i] belongs to terms[i].
func Objective(terms []Term, results []*TaskResult) (float64, error) {
	if len(terms) == 0 || len(terms) != len(results) {
		return 0, fmt.Errorf("objective: %d results for %d terms; give one for each, and at least one", len(results), len(terms))
	}
	var sum, weights float64
	for i, term := range terms {
		option.Fill(&term)
		if err := option.Check(fmt.Sprintf("objective[%d]", i), term); err != nil {
			return 0, err
		}
		value, ok := results[i].Metrics[term.Metric]
		if !ok {
			have := strings.Join(slices.Sorted(maps.Keys(results[i].Metrics)), ", ")
			return 0, fmt.Errorf("objective[%d].metric: %s items of %s have no %s; choose one of %s", i, results[i].Kind, term.Name(), term.Metric, have)
		}
		sum += term.Weight * Oriented(term.Metric, value)
		weights += term.Weight
	}
	return sum / weights, nil
}
