package judge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
)

// Training says what a classifier of `climb label train` learns from: good
// and bad texts, or graded ones. Inputs are those of corpus.inputs.
type Training struct {
	label.Training
	Positive, Negative []string
	Graded             []string
	GradeField         string // of Graded: a number from 0 to 5, rounded
	Out                string // the model
}

// Train trains the classifier and writes it. Options that are zero have
// their defaults. Its labels are "neg" and
// "pos", or "0" to "5" as far as they occur.
func Train(ctx context.Context, o Training) (*label.TrainReport, error) {
	option.Fill(&o.Training)
	if err := option.Check("", o.Training); err != nil {
		return nil, &option.ConfigError{Text: err.Error()}
	}
	if two := len(o.Positive) > 0 && len(o.Negative) > 0; two == (len(o.Graded) > 0) || !two && len(o.Positive)+len(o.Negative) > 0 {
		return nil, &option.ConfigError{Text: "give both positive and negative texts, or graded ones"}
	}
	t := &judgedTexts{field: o.GradeField}
	names := []string{"neg", "pos"}
	var err error
	if len(o.Graded) > 0 {
		if err = t.read(ctx, o.Graded, t.grade); err == nil {
			names, err = t.compact()
		}
	} else {
		err = errors.Join(t.read(ctx, o.Negative, is(0)), t.read(ctx, o.Positive, is(1)))
	}
	if err != nil {
		return nil, err
	}
	r, err := o.Train(ctx, o.Out, t.texts, t.labels, names)
	if err != nil {
		return nil, fmt.Errorf("train classifier: %w", err)
	}
	return r, nil
}

// judgedTexts are texts with their labels.
type judgedTexts struct {
	texts  []string
	labels []int
	field  string
}

func is(label int) func(corpus.Document) (int, error) {
	return func(corpus.Document) (int, error) { return label, nil }
}

// grade reads the grade of a document.
func (t *judgedTexts) grade(d corpus.Document) (int, error) {
	var fields map[string]json.RawMessage
	if d.Fields != nil {
		if err := json.Unmarshal(d.Fields, &fields); err != nil {
			return 0, err
		}
	}
	var x float64
	if err := json.Unmarshal(fields[t.field], &x); err != nil || !(x >= 0 && x <= 5) {
		return 0, fmt.Errorf("field %q is no number from 0 to 5 but %.40q", t.field, fields[t.field])
	}
	return int(math.Round(x)), nil
}

// read adds the texts of inputs.
func (t *judgedTexts) read(ctx context.Context, inputs []string, label func(corpus.Document) (int, error)) error {
	o := corpus.Options{Inputs: corpus.Paths(inputs...)}
	option.Fill(&o)
	shards, _, err := corpus.Split(ctx, o)
	if err != nil {
		return err
	}
	for _, s := range shards {
		var bad corpus.Bad
		for d, err := range corpus.Read(ctx, s, o, &bad) {
			if err != nil {
				return err
			}
			l, err := label(d)
			if err != nil {
				return task.Permanent(fmt.Errorf("%s:%d: %w", d.Path, d.Line, err))
			}
			t.texts, t.labels = append(t.texts, d.Text), append(t.labels, l)
		}
		if bad.Dropped() > 0 {
			return task.Permanent(fmt.Errorf("%s: %d lines cannot be read; judged texts must all be right", s.Path, bad.Dropped()))
		}
	}
	return nil
}

// compact leaves out grades that no text has, and names the others.
func (t *judgedTexts) compact() (names []string, err error) {
	var place [6]int
	for _, l := range t.labels {
		place[l] = 1
	}
	for grade, there := range place {
		if there == 1 {
			place[grade] = len(names)
			names = append(names, strconv.Itoa(grade))
		}
	}
	for i, l := range t.labels {
		t.labels[i] = place[l]
	}
	if len(names) < 2 {
		return nil, task.Permanent(fmt.Errorf("the graded texts have %d different grades; at least two are needed", len(names)))
	}
	return names, nil
}
