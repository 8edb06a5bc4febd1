package eval

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/climb-go/climb/eval/jinja"
	"github.com/climb-go/climb/wire"
)

// config is a task of lm-evaluation-harness as its YAML describes it
// (lm_eval/api/task.py, docs/task_guide.md there). doc_to_text and its like are
// templates, names of fields, numbers or lists.
type config struct {
	Task            string
	Alias           string
	OutputType      string
	DatasetPath     string
	DataKwargs      dataKwargs
	TrainingSplit   string
	ValidationSplit string
	TestSplit       string
	FewshotSplit    string
	NumFewshot      int
	Fewshot         yaml.MapSlice
	Description     string
	FewshotDelim    string
	TargetDelim     string
	Text            any
	Choice          any
	Target          any
	Metrics         []metricEntry
	Metadata        any

	data   string        // a file that every split is in, whatever the task says
	native *Native       // whose preparation of documents is used
	python []pythonField // to be replaced by it

	path  string
	files []string          // this one and what it includes
	at    map[string]string // file:line of each field
}

type dataKwargs struct {
	DataFiles any    `yaml:"data_files"`
	DataDir   string `yaml:"data_dir"`
}

type metricEntry struct {
	Metric string `yaml:"metric"`
}

func (c *config) fields() map[string]any {
	return map[string]any{
		"task": &c.Task, "task_alias": &c.Alias, "output_type": &c.OutputType,
		"dataset_path": &c.DatasetPath, "dataset_kwargs": &c.DataKwargs,
		"training_split": &c.TrainingSplit, "validation_split": &c.ValidationSplit, "test_split": &c.TestSplit,
		"fewshot_split": &c.FewshotSplit, "num_fewshot": &c.NumFewshot, "fewshot_config": &c.Fewshot,
		"description": &c.Description, "fewshot_delimiter": &c.FewshotDelim, "target_delimiter": &c.TargetDelim,
		"doc_to_text": &c.Text, "doc_to_choice": &c.Choice, "doc_to_target": &c.Target,
		"metric_list": &c.Metrics, "metadata": &c.Metadata,
	}
}

// ignored fields change neither what a model is asked nor how it is scored.
var ignored = []string{"tag", "group", "group_alias", "dataset_name", "should_decontaminate", "doc_to_decontamination_query",
	"repeats", "generation_kwargs", "filter_list", "template_aliases", "multiple_inputs", "unsafe_code", "include"}

// refused fields do, in ways that are not ours.
var refused = map[string]string{
	"process_docs":    "is Python, which climb does not run: apply it once and write the result as JSONL (dataset.map(process_docs).to_json), or say the same in doc_to_text and doc_to_choice",
	"process_results": "is Python, which climb does not run: remove it, and the metrics of the output type are computed",
	"custom_dataset":  "is Python, which climb does not run: write the documents as JSONL and name them in dataset_kwargs.data_files",
	"use_prompt":      "needs Promptsource: write the prompt as doc_to_text, doc_to_choice and doc_to_target",
	"gen_prefix":      "is not known: write it at the end of doc_to_text",
	"doc_to_image":    "needs a model that sees",
	"doc_to_audio":    "needs a model that hears",
	"class":           "is Python, which climb does not run: describe the task in YAML",
}

// readConfig reads a task's YAML and what it includes.
func readConfig(path string) (*config, error) {
	c := &config{TargetDelim: " ", FewshotDelim: "\n\n", path: path, at: map[string]string{}}
	if err := c.read(path, 0); err != nil {
		return nil, err
	}
	if err := c.replace(); err != nil {
		return nil, err
	}
	return c, c.check()
}

func (c *config) read(path string, depth int) error {
	if depth > 10 {
		return fmt.Errorf("%s: include: more than 10 files deep; does it include itself?", path)
	}
	data, err := wire.ReadFile(path, 1<<20)
	if err != nil {
		return fmt.Errorf("open task: %w", err)
	}
	c.files = append(c.files, path)
	pairs, err := parseYAML(path, data)
	if err != nil {
		return err
	}
	for _, p := range pairs { // what is included comes first, whatever its place
		if p.name != "include" {
			continue
		}
		var more []string
		if yaml.NodeToValue(p.value, &more) != nil {
			more = make([]string, 1)
			if err := yaml.NodeToValue(p.value, &more[0]); err != nil {
				return fmt.Errorf("%s: include: name a file", p.at)
			}
		}
		for _, name := range more {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			if err := c.read(name, depth+1); err != nil {
				return fmt.Errorf("%s: include: %w", p.at, err)
			}
		}
	}
	for _, p := range pairs {
		if err := c.set(p); err != nil {
			return err
		}
	}
	return nil
}

// A pair is a field of a YAML file.
type pair struct {
	name, at string // at is file:line
	value    ast.Node
}

// parseYAML lists the fields of a file that holds one mapping.
func parseYAML(path string, data []byte) (pairs []pair, err error) {
	doc, err := wire.YAML(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
	}
	var values []*ast.MappingValueNode
	switch body := doc.(type) {
	case *ast.MappingNode:
		values = body.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{body}
	}
	if len(values) == 0 {
		return nil, fmt.Errorf("%s: no fields; a task is one YAML mapping with output_type, doc_to_text and others", path)
	}
	for _, v := range values {
		p := pair{name: v.Key.GetToken().Value, at: fmt.Sprintf("%s:%d", path, v.Key.GetToken().Position.Line), value: v.Value}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// python finds the first tag !function in a value, and aliases.
type python struct {
	tag   string
	alias bool
}

func (v *python) Visit(n ast.Node) ast.Visitor {
	if _, ok := n.(*ast.AliasNode); ok {
		v.alias = true
	}
	if t, ok := n.(*ast.TagNode); ok && v.tag == "" {
		v.tag = strings.TrimSpace(t.Start.Value + " " + t.Value.String())
	}
	return v
}

// set takes over a field.
func (c *config) set(p pair) error {
	if slices.Contains(ignored, p.name) {
		return nil
	}
	_, isNull := p.value.(*ast.NullNode)
	if why := refused[p.name]; why != "" {
		if isNull {
			return nil
		}
		var code python
		ast.Walk(&code, p.value)
		return c.later(p, code.tag, fmt.Errorf("%s: %s %s", p.at, p.name, why))
	}
	to, ok := c.fields()[p.name]
	if !ok {
		return fmt.Errorf("%s: field %s is not known; remove it if it changes neither the prompts nor the score. Known are %s",
			p.at, p.name, strings.Join(slices.Sorted(maps.Keys(c.fields())), ", "))
	}
	c.at[p.name] = p.at
	c.python = slices.DeleteFunc(c.python, func(f pythonField) bool { return f.name == p.name }) // of what is included
	if _, isList := p.value.(*ast.SequenceNode); isList && p.name == "task" {
		return fmt.Errorf("%s: task: a group of tasks; name the files of its tasks one by one", p.at)
	}
	reflect.ValueOf(to).Elem().SetZero()
	if isNull {
		return nil
	}
	var code python
	if ast.Walk(&code, p.value); code.tag != "" {
		return c.later(p, code.tag, fmt.Errorf("%s: %s: %s is Python, which climb does not run: say the same in a template, or apply it once, write the result as a field of the data, and name the field here",
			p.at, p.name, code.tag))
	}
	if code.alias {
		return fmt.Errorf("%s: %s: aliases are not known; write the value out", p.at, p.name)
	}
	if err := wire.Decode(p.value, to, yaml.UseOrderedMap()); err != nil {
		return fmt.Errorf("%s: %s: %s", p.at, p.name, strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	return nil
}

// later keeps a field that is Python until it is known whose task it is.
func (c *config) later(p pair, tag string, err error) error {
	m := functionTag.FindStringSubmatch(tag)
	if m == nil {
		return err
	}
	c.python = slices.DeleteFunc(c.python, func(f pythonField) bool { return f.name == p.name })
	c.python = append(c.python, pythonField{p.name, m[1], err})
	return nil
}

// errAt is an error of a field.
func (c *config) errAt(field, format string, args ...any) error {
	at := c.at[field]
	if at == "" {
		at = c.path
	}
	return fmt.Errorf("%s: %s: %w", at, field, fmt.Errorf(format, args...))
}

// check reports what makes the task impossible.
func (c *config) check() error {
	switch c.OutputType {
	case "multiple_choice":
		if c.Choice == nil {
			return c.errAt("doc_to_choice", "is missing; a multiple_choice task lists its choices")
		}
	case "loglikelihood", "loglikelihood_rolling":
	case "generate_until":
		return c.errAt("output_type", "generate_until lets the model write, which climb does not: with loglikelihood, doc_to_target is scored as the right answer")
	case "":
		return c.errAt("output_type", "is missing; it is one of multiple_choice, loglikelihood and loglikelihood_rolling")
	default:
		return c.errAt("output_type", "%q is not known; it is one of multiple_choice, loglikelihood and loglikelihood_rolling", c.OutputType)
	}
	switch {
	case c.Target == nil:
		return c.errAt("doc_to_target", "is missing; it says which answer is right")
	case c.Text == nil && c.OutputType != "loglikelihood_rolling":
		return c.errAt("doc_to_text", "is missing; it says what comes before the answer")
	case c.NumFewshot < 0:
		return c.errAt("num_fewshot", "is %d; it is 0 or more", c.NumFewshot)
	case c.TestSplit == "" && c.ValidationSplit == "":
		return c.errAt("validation_split", "is missing, and test_split too; name the split to score")
	}
	return c.checkFewshot()
}

// split is the one that is scored: the test split where there is one.
func (c *config) split() (field, name string) {
	if c.TestSplit != "" {
		return "test_split", c.TestSplit
	}
	return "validation_split", c.ValidationSplit
}

// template is a doc_to_... field made ready: a value for every document, or
// the name of a field and, for documents that lack it, a template.
type template struct {
	c     *config
	field string // for errors
	fixed any
	text  string
	parse *jinja.Template
}

func (c *config) template(field string, v any) (*template, error) {
	t := &template{c: c, field: field}
	text, ok := v.(string)
	if !ok {
		t.fixed = fromYAML(v)
		return t, nil
	}
	var err error
	if t.parse, err = jinja.Parse(text); err != nil {
		return nil, c.errAt(field, "%w", err)
	}
	t.text = text
	return t, nil
}

// of returns the value for a document, and whether a template wrote it.
func (t *template) of(r row) (v any, written bool, err error) {
	if t.parse == nil {
		return t.fixed, false, nil
	}
	if v, ok := r.doc.Get(t.text); ok {
		return v, false, nil
	}
	s, err := t.parse.Render(r.doc)
	if err != nil {
		err = t.errAt(r, err)
	}
	return s, true, err
}

func (t *template) errAt(r row, err error) error {
	return t.c.errAt(t.field, "of %s: %w", r.at, err)
}

// fromYAML turns a decoded YAML value into one of package jinja's.
func fromYAML(v any) any {
	switch v := v.(type) {
	case uint64:
		return int(v)
	case int64:
		return int(v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = fromYAML(x)
		}
		return out
	case yaml.MapSlice:
		d := jinja.Dict{}
		for _, x := range v {
			d.Set(fmt.Sprint(x.Key), fromYAML(x.Value))
		}
		return d
	case map[string]any: // of a list in a list, where order is not kept
		d := jinja.Dict{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			d.Set(k, fromYAML(v[k]))
		}
		return d
	}
	return v
}

// errNoData tells what to do about a data set that is not in files.
var errNoData = errors.New("climb downloads nothing: write each split as JSONL (dataset.to_json) and put dataset_path: json and dataset_kwargs.data_files here")
