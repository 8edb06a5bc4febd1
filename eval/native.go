package eval

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/climb-go/climb/eval/jinja"
)

// A Native is a task of lm-evaluation-harness in a form of our own: what its
// YAML says, and in Go what its Python does with a document. Its data are the
// documents of the data set as its rows are, one JSON object a line.
type Native struct {
	Name    string // with * at its end the beginning of the names of several
	Data    string // the data set of Hugging Face's hub whose rows it takes
	Version string // of the harness's task
	Output  string // multiple_choice unless set

	Description, Text string
	Choice, Target    any // a template or the name of a field, or a list
	Delim             *string
	Metrics           []string // acc unless set

	// Prepare makes what readies the documents, in their order: it adds fields, or
	// rewrites them. nil: they are taken as they are.
	Prepare func() prepare
	// Source is the field with the text as it was, whose words and bytes the rates
	// of a rewritten text are counted in.
	Source string
	// Share is the field with a 1 for every true choice: acc is the share of
	// probability that the true ones have (TruthfulQA's mc2).
	Share string
	// Python are the functions of the harness's task that the fields above stand
	// for, as its YAML names them. Only they are replaced in a YAML of that name.
	Python []string
	// Needs says why the task is no task by its name alone: it takes the harness's
	// YAML for the prompt.
	Needs string
}

type prepare func(doc jinja.Dict) (jinja.Dict, error)

// nativeNamed is the task of a name, or nil.
func nativeNamed(name string) *Native {
	var family *Native
	for i := range Natives {
		head, several := strings.CutSuffix(Natives[i].Name, "*")
		switch {
		case Natives[i].Name == name:
			return &Natives[i]
		case several && len(name) > len(head) && strings.HasPrefix(name, head):
			family = &Natives[i]
		}
	}
	return family
}

// splitForm takes FORM:DATA apart, where FORM is the name of a native task or a
// task of the harness in YAML. Both may stand in a folder, where DATA then is.
func splitForm(path string) (form, data string, ok bool) {
	for i := 0; i < len(path); i++ {
		if path[i] != ':' || i+1 == len(path) {
			continue
		}
		form, data = path[:i], path[i+1:]
		dir, name := filepath.Split(form)
		if n := nativeNamed(name); n != nil || isYAML(form) {
			if !filepath.IsAbs(data) {
				data = filepath.Join(dir, data)
			}
			if n != nil {
				form = name
			}
			return form, data, true
		}
	}
	return "", "", false
}

// WithData names the task of a form over a data file: what [LoadTask], and a file
// of target.validation, take as FORM:DATA.
func WithData(form, data string) (string, error) {
	n := nativeNamed(form)
	switch {
	case n == nil && !isYAML(form):
		return "", fmt.Errorf("there is no task %q; climb eval --tasks lists those that there are, and a YAML of lm-evaluation-harness is one too", form)
	case n != nil && n.Needs != "":
		return "", errors.New(n.Needs)
	}
	data, err := filepath.Abs(data)
	return form + ":" + data, err
}

// config is the task as its YAML would describe it.
func (n *Native) config(name, path, data string) (*config, error) {
	if n.Needs != "" {
		return nil, fmt.Errorf("%s: %s", path, n.Needs)
	}
	c := &config{Task: name, OutputType: n.Output, ValidationSplit: "validation", Description: n.Description, FewshotDelim: "\n\n", TargetDelim: " ",
		Text: n.Text, Choice: n.Choice, Target: n.Target, Metadata: yaml.MapSlice{{Key: "version", Value: n.Version}}, path: path, at: map[string]string{}}
	if n.Delim != nil {
		c.TargetDelim = *n.Delim
	}
	if c.OutputType == "" {
		c.OutputType = "multiple_choice"
	}
	c.data, c.native = data, n
	c.Metrics = n.metrics()
	return c, c.check()
}

func (n *Native) metrics() []metricEntry {
	if n.Metrics == nil {
		return []metricEntry{{"acc"}}
	}
	var out []metricEntry
	for _, m := range n.Metrics {
		out = append(out, metricEntry{m})
	}
	return out
}

// A pythonField is a field of a YAML that is Python.
type pythonField struct {
	name, function string // as in utils.process_docs
	err            error  // what is wrong with it if it stays
}

var functionTag = regexp.MustCompile(`!function\s+["']?([\w.]+)`)

// replace puts the native form of the task's Python in its place.
func (c *config) replace() error {
	if len(c.python) == 0 {
		return nil
	}
	n := nativeNamed(c.Task)
	for _, p := range c.python {
		if n == nil || !slices.Contains(n.Python, p.function) {
			return p.err
		}
		c.native = n
		switch p.name {
		case "doc_to_text":
			c.Text = n.Text
		case "doc_to_choice":
			c.Choice = n.Choice
		case "doc_to_target":
			c.Target = n.Target
		case "metric_list":
			c.Metrics = n.metrics()
		}
	}
	return nil
}

// ready prepares documents as the native form does.
func (c *config) ready(rows []row) ([]row, error) {
	if c.native == nil || c.native.Prepare == nil {
		return rows, nil
	}
	f := c.native.Prepare()
	for i, r := range rows {
		doc, err := f(slices.Clone(r.doc))
		if err != nil {
			return nil, fmt.Errorf("%s: as a document of %s: %w", r.at, c.native.Name, err)
		}
		rows[i].doc = doc
	}
	return rows, nil
}

// settle adds to an item what the native form says of its scoring.
func (n *Native) settle(item *Item, r row) error {
	if n.Source != "" {
		v, _ := r.doc.Get(n.Source)
		if item.Source, _ = v.(string); item.Source == "" {
			return fmt.Errorf("%s: the field %s is no text", r.at, n.Source)
		}
	}
	if n.Share == "" {
		return nil
	}
	labels, err := field[[]any](r.doc, strings.Split(n.Share, ".")...)
	if err != nil || len(labels) != len(item.Requests) {
		return fmt.Errorf("%s: the field %s does not have a label for each of the %d choices", r.at, n.Share, len(item.Requests))
	}
	item.True = make([]bool, len(labels))
	for i, v := range labels {
		item.True[i] = v == 1
	}
	if !slices.Contains(item.True, true) {
		return fmt.Errorf("%s: the field %s calls no choice true", r.at, n.Share)
	}
	return nil
}

// field is a field of a document by its path.
func field[T any](doc jinja.Dict, path ...string) (T, error) {
	var none T
	var v any = doc
	for _, name := range path {
		d, ok := v.(jinja.Dict)
		if !ok {
			return none, fmt.Errorf("the field %s is missing", strings.Join(path, "."))
		}
		if v, ok = d.Get(name); !ok {
			return none, fmt.Errorf("the field %s is missing", strings.Join(path, "."))
		}
	}
	out, ok := v.(T)
	if !ok {
		return none, fmt.Errorf("the field %s is %.100q, which is no %s", strings.Join(path, "."), jinja.Str(v), kindWord(none))
	}
	return out, nil
}

func kindWord(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case int:
		return "whole number"
	case float64:
		return "number"
	case []any:
		return "list"
	}
	return "object"
}
