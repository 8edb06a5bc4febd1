// Package study compares strategies: each searches with its own budget of proxies,
// models of the target's size are trained on the answers with the same seeds for
// all, and scored on files that no search has seen.
package study

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/wire"
)

// A Study compares strategies. Each strategy searches with its own budget of
// proxy runs. Target models are then trained on the answers, with the same seeds
// for all, and scored on test files that no search has seen. `climb compare`
// reads a Study as YAML.
type Study struct {
	Options
	Config     *climb.Config // what all strategies share
	Strategies []Strategy
	Proxies    []Proxy // the study's own first, once it is resolved; none for a command
}

// Options are the parts of a Study that are plain values.
type Options struct {
	Objectives []Objective `json:"objectives" doc:"sets of target files, each searched for separately; without any, the target of climb.yaml"`
	Target     Target      `json:"target" doc:"target model: the larger model that is trained on every answer"`
	Seeds      int         `json:"seeds" default:"5" min:"2" doc:"training seeds: target runs of every answer"`
	Searches   int         `json:"searches" default:"1" min:"1" doc:"independent searches of every strategy; the training seeds are spread over their answers"`
	First      int         `json:"first" min:"0" doc:"number of searches and training seeds to leave out at the start, so that a long study can be made in parts: first 8 with searches 4 and seeds 4 are the searches 9 to 12 of one with searches and seeds of 12 or more"`
	Draws      int         `json:"draws" default:"1" min:"1" doc:"random mixtures per seed for the strategy random, whose figure is their mean"`
	Level      float64     `json:"level" default:"0.95" min:"0.5" max:"0.999" doc:"confidence level of the intervals"`
	Curve      int         `json:"curve" default:"4" min:"0" doc:"points of each learning curve on the validation files; 0 draws none"`
	Transfer   int         `json:"transfer" min:"0" doc:"number of first-round mixtures also trained at target size, to check that proxies rank mixtures as the target does; 0 = none"`
}

// An Objective is a named set of target files.
type Objective struct {
	Name       string      `json:"name" doc:"name of the objective"`
	Validation []eval.Term `json:"validation" doc:"validation files: the searches optimize for these"`
	Test       []eval.Term `json:"test" doc:"test files: target models are scored on these, and no search reads them"`
	Weights    string      `json:"weights" default:"equal" choices:"equal,bytes" doc:"as target.weights in climb.yaml"`
	Reference  int         `json:"reference" min:"0" doc:"number of reference models, trained on the validation text itself; excess loss is measured from them; 0 = none"`
}

// A Target describes the target model, which is trained on every answer.
type Target struct {
	Size   string        `json:"size" doc:"model preset (see climb lm sizes), as an alternative to model"`
	Model  lm.Config     `json:"model" doc:"architecture; vocab is taken from the tokenizer"`
	Tokens int64         `json:"tokens" min:"1" doc:"token budget of a target run; the epoch cap (search.epochs) of the answers is counted for it"`
	Batch  int           `json:"batch" default:"16" min:"1" doc:"batch size, in sequences"`
	Optim  train.Options `json:"optim" doc:"optimizer and learning-rate schedule"`
}

// A Strategy is a row of the comparison.
type Strategy struct {
	Name       string   `json:"name" doc:"name of the row"`
	Strategy   string   `json:"strategy" doc:"natural, uniform, random (new random mixtures for each seed), best-of-random, or a search strategy of climb methods; empty = as name"`
	Objectives []string `json:"objectives" doc:"objectives that the strategy competes on; empty = all"`
	Metric     string   `json:"metric" doc:"metric that the searches optimize on every validation file; empty = the metric of each file"`
	Set        ast.Node `json:"set" doc:"options of climb.yaml that differ for this row, written as in climb.yaml"`

	config *climb.Config // with set
}

// studyFile is the YAML form.
type studyFile struct {
	Config     string     `json:"config"`
	Run        ast.Node   `json:"run"`
	Out        string     `json:"out"`
	Strategies []ast.Node `json:"strategies"`
	Proxies    []Proxy    `json:"proxies"`
	Options    `yaml:",inline"`
}

// searches tells whether the strategy trains proxies.
func (s *Strategy) searches() bool {
	return s.Strategy != "natural" && s.Strategy != "uniform" && s.Strategy != "random"
}

// Load reads a study. Paths in it are relative to its folder.
func Load(path string) (*Study, error) {
	data, err := wire.ReadFile(path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &climb.ConfigError{Path: path, Text: "no such file; climb compare --help shows one"}
	}
	if err != nil {
		return nil, fmt.Errorf("read study: %w", err)
	}
	s, err := parse(data, filepath.Dir(path))
	var ce *climb.ConfigError
	if errors.As(err, &ce) && ce.Path == "" {
		ce.Path = path
	}
	return s, err
}

func parse(data []byte, dir string) (*Study, error) {
	doc, err := wire.YAML(data)
	if err != nil {
		return nil, &climb.ConfigError{Text: wire.Explain(err)}
	}
	if doc == nil {
		return nil, &climb.ConfigError{Text: "is empty; climb compare --help shows a study"}
	}
	var f studyFile
	option.Fill(&f.Options)
	form := option.NewForm(&f) // choices as keys and sections
	if err := wire.Decode(doc, form.Pointer(), yaml.Strict()); err != nil {
		return nil, &climb.ConfigError{Text: climb.Explain(err)}
	}
	if err := form.Close(); err != nil {
		return nil, &climb.ConfigError{Text: err.Error()}
	}
	s := &Study{Options: f.Options, Proxies: f.Proxies}
	if s.Config, err = f.config(dir); err != nil {
		return nil, err
	}
	if f.Out != "" {
		if s.Config.Out, err = filepath.Abs(filepath.Join(dir, f.Out)); err != nil {
			return nil, err
		}
	}
	for i, n := range f.Strategies {
		x, err := parseStrategy(n)
		if err != nil {
			return nil, &climb.ConfigError{Text: fmt.Sprintf("strategies[%d]: %s", i, wire.Explain(err))}
		}
		s.Strategies = append(s.Strategies, x)
	}
	for i := range s.Objectives {
		option.Fill(&s.Objectives[i])
		for _, terms := range [][]eval.Term{s.Objectives[i].Validation, s.Objectives[i].Test} {
			for k := range terms {
				option.Fill(&terms[k])
				if terms[k].File != "" && !filepath.IsAbs(terms[k].File) {
					terms[k].File = filepath.Join(dir, terms[k].File)
				}
			}
		}
	}
	return s, s.Resolve()
}

func (f *studyFile) config(dir string) (*climb.Config, error) {
	switch {
	case (f.Config == "") == (f.Run == nil):
		return nil, &climb.ConfigError{Text: "config: give the path of a climb.yaml, or its content in run, and not both"}
	case f.Config != "":
		path := f.Config
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return climb.LoadConfig(path)
	}
	c, err := climb.DecodeConfig(f.Run)
	if err != nil {
		return nil, err
	}
	c.RelativeTo(dir)
	return c, nil
}

// parseStrategy takes a name, or a mapping.
func parseStrategy(n ast.Node) (s Strategy, err error) {
	if name, ok := n.(*ast.StringNode); ok {
		return Strategy{Name: name.Value}, nil
	}
	err = wire.Decode(n, &s, yaml.Strict())
	return s, err
}

// Resolve checks every value, and settles those that depend on others.
func (s *Study) Resolve() error {
	if len(s.Objectives) == 0 {
		t := s.Config.Target
		if len(t.Validation) == 0 {
			return &climb.ConfigError{Text: "objectives: is empty, and so is target.validation of the configuration; name the files that mixtures are to be good at"}
		}
		s.Objectives = []Objective{{Name: "target", Validation: t.Validation, Test: t.Test, Weights: t.Weights}}
	}
	if s.Target.Size != "" {
		size, ok := lm.SizeByName(s.Target.Size)
		if !ok {
			return &climb.ConfigError{Text: fmt.Sprintf("target.size: %q is not a name that climb lm sizes lists", s.Target.Size)}
		}
		s.Target.Model = size.Config
	}
	if s.Target.Model.Vocab == 0 || s.Target.Size != "" {
		s.Target.Model.Vocab = s.Config.Proxy.Model.Vocab
	}
	if s.Target.Model.Width == 0 {
		return &climb.ConfigError{Text: "target.size: is empty, and there is no target.model; climb lm sizes lists the sizes"}
	}
	if err := option.Check("", &s.Options); err != nil {
		return &climb.ConfigError{Text: err.Error()}
	}
	if err := s.Target.Model.Check(); err != nil {
		return &climb.ConfigError{Text: "target." + err.Error()}
	}
	model := s.trained()
	if err := model.Check(); err != nil {
		return &climb.ConfigError{Text: "target: " + err.Error()}
	}
	if s.Searches > s.Seeds {
		return &climb.ConfigError{Text: fmt.Sprintf("searches: %d are more than seeds, %d: every answer needs a target run", s.Searches, s.Seeds)}
	}
	if err := s.checkObjectives(); err != nil {
		return err
	}
	if err := s.resolveStrategies(); err != nil {
		return err
	}
	return s.resolveProxies()
}

// trained is the target model as a proxy would be described: by what trains the
// proxies.
func (s *Study) trained() trial.ProxyConfig {
	p, t := s.Config.Proxy, s.Target
	return trial.ProxyConfig{Model: t.Model, Tokens: t.Tokens, Batch: t.Batch, Optim: t.Optim, Trainer: p.Trainer, Command: p.Command, Fields: p.Fields}
}

func (s *Study) checkObjectives() error {
	names := map[string]bool{}
	for i, o := range s.Objectives {
		at := fmt.Sprintf("objectives[%d]", i)
		switch {
		case o.Name == "" || strings.ContainsAny(o.Name, "/\\ ."):
			return &climb.ConfigError{Text: fmt.Sprintf("%s.name: %q is no name; give a word", at, o.Name)}
		case names[o.Name]:
			return &climb.ConfigError{Text: fmt.Sprintf("%s.name: there are two objectives called %q", at, o.Name)}
		case len(o.Validation) == 0:
			return &climb.ConfigError{Text: at + ".validation: is empty; name the files that the searches look at"}
		case len(o.Test) == 0:
			return &climb.ConfigError{Text: at + ".test: is empty; name files that no search sees, or nothing can be said about the answers"}
		}
		names[o.Name] = true
		for field, terms := range map[string][]eval.Term{"validation": o.Validation, "test": o.Test} {
			for k, t := range terms {
				if t.File == "" {
					return &climb.ConfigError{Text: fmt.Sprintf("%s.%s[%d].file: is empty", at, field, k)}
				}
			}
		}
		for _, t := range o.Test {
			for _, other := range s.Objectives {
				if slices.ContainsFunc(other.Validation, func(v eval.Term) bool { return v.File == t.File }) {
					return &climb.ConfigError{Text: fmt.Sprintf("%s.test: %s is a validation file of %s too; test files must be new to every search", at, t.File, other.Name)}
				}
			}
		}
	}
	return nil
}

// resolveStrategies settles the configuration of every strategy.
func (s *Study) resolveStrategies() error {
	if len(s.Strategies) == 0 {
		return &climb.ConfigError{Text: "strategies: is empty; name at least two, such as [natural, uniform, random, climb]"}
	}
	known := []string{"natural", "uniform", "random", "best-of-random"}
	for _, name := range search.Methods.Names() {
		if !slices.Contains(known, name) {
			known = append(known, name)
		}
	}
	names := map[string]bool{}
	for i := range s.Strategies {
		x := &s.Strategies[i]
		at := fmt.Sprintf("strategies[%d]", i)
		if x.Strategy == "" {
			x.Strategy = x.Name
		}
		switch {
		case !slices.Contains(known, x.Strategy):
			return &climb.ConfigError{Text: fmt.Sprintf("%s.strategy: %q is not one of %s", at, x.Strategy, strings.Join(known, ", "))}
		case x.Name == "" || strings.ContainsAny(x.Name, "/\\ "):
			return &climb.ConfigError{Text: fmt.Sprintf("%s.name: %q is no name; give a word", at, x.Name)}
		case names[x.Name]:
			return &climb.ConfigError{Text: fmt.Sprintf("%s.name: there are two strategies called %q", at, x.Name)}
		case x.Metric != "" && !slices.Contains(eval.Metrics, x.Metric):
			return &climb.ConfigError{Text: fmt.Sprintf("%s.metric: %q is not one of %s", at, x.Metric, strings.Join(eval.Metrics, ", "))}
		}
		names[x.Name] = true
		for _, name := range x.Objectives {
			if s.objective(name) < 0 {
				return &climb.ConfigError{Text: fmt.Sprintf("%s.objectives: no objective is called %q", at, name)}
			}
		}
		if err := x.resolve(s); err != nil {
			var ce *climb.ConfigError
			if errors.As(err, &ce) {
				return &climb.ConfigError{Text: at + "." + ce.Text}
			}
			return err
		}
	}
	return nil
}

// objective finds an objective by its name, -1 if there is none.
func (s *Study) objective(name string) int {
	return slices.IndexFunc(s.Objectives, func(o Objective) bool { return o.Name == name })
}

// resolve makes the configuration of the strategy, without a target.
func (x *Strategy) resolve(s *Study) error {
	c, err := s.Config.Clone()
	if err != nil {
		return err
	}
	before := c.Search.Strategy.Name()
	if x.Set != nil {
		if err := c.Decode(x.Set); err != nil {
			return &climb.ConfigError{Text: "set: " + err.Error()}
		}
		switch {
		case c.Search.Strategy.Name() != before:
			return &climb.ConfigError{Text: "set.search.strategy: name the strategy in `strategy`, beside set"}
		case c.Out != s.Config.Out || c.Seed != s.Config.Seed:
			return &climb.ConfigError{Text: "set: out and seed are the same for all strategies"}
		}
	}
	strategy := map[string]string{"random": "natural", "best-of-random": "random"}[x.Strategy]
	if strategy == "" {
		strategy = x.Strategy
	}
	if err := c.Search.Strategy.Set(strategy); err != nil {
		return err
	}
	c.Search.TargetTokens = max(c.Search.TargetTokens, s.Target.Tokens)
	c.Target.Validation, c.Target.Test = nil, nil
	x.config = c
	return c.Resolve()
}

// needsLoss tells whether the strategy needs the loss on held-out text of each
// domain.
func (x *Strategy) needsLoss() bool {
	return search.NeedsOf(x.config.Search.Strategy.Value()).DomainLoss
}

// takesPart tells whether the strategy competes on an objective.
func (x *Strategy) takesPart(objective string) bool {
	return len(x.Objectives) == 0 || slices.Contains(x.Objectives, objective)
}

// files lists the terms of all objectives, validation first, each file and
// limit once.
func (s *Study) files() []eval.Term { return slices.Concat(s.terms(false), s.terms(true)) }

// terms lists the validation or the test files of all objectives, each file and
// limit once.
func (s *Study) terms(test bool) (out []eval.Term) {
	for _, o := range s.Objectives {
		list := o.Validation
		if test {
			list = o.Test
		}
		for _, t := range list {
			if plain := (eval.Term{File: t.File, Limit: t.Limit, Metric: "bpb", Weight: 1}); !slices.Contains(out, plain) {
				out = append(out, plain)
			}
		}
	}
	return out
}

// holdsOut tells whether any strategy needs the loss on held-out text of each
// domain.
func (s *Study) holdsOut() bool {
	return slices.ContainsFunc(s.Strategies, func(x Strategy) bool { return x.needsLoss() })
}
