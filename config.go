package climb

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/wire"
)

// Config is the whole of a run, one section per component. Its YAML form is
// climb.yaml; every field a user can set is described by its tags.
type Config struct {
	Preset        string                     `json:"preset" default:"laptop" choices:"laptop,paper,recipe" doc:"preset: defaults for every value not set here"`
	Out           string                     `json:"out" path:"file" default:"climb-run" doc:"run directory"`
	Seed          uint64                     `json:"seed" default:"1" min:"1" doc:"random seed; the same seed gives the same mixture and dataset on any number of cores"`
	Workers       int                        `json:"workers" min:"0" max:"4096" doc:"cores to use; 0 = all"`
	Corpus        corpus.Options             `json:"corpus" doc:"corpus: where the documents are and how to read them"`
	Embed         curate.EmbedConfig         `json:"embed" doc:"embedding of documents"`
	Cluster       curate.ClusterConfig       `json:"cluster" doc:"clustering of the embeddings"`
	SemDeDup      cluster.SemDeDup           `json:"semdedup" doc:"semantic deduplication (SemDeDup): near-identical vectors within a cluster"`
	Label         curate.LabelConfig         `json:"label" doc:"quality scores of documents"`
	Prune         curate.PruneConfig         `json:"prune" doc:"pruning of clusters and documents by their quality scores"`
	Domains       curate.DomainsConfig       `json:"domains" doc:"domains: the groups of documents whose weights are searched"`
	Tokens        curate.TokensConfig        `json:"tokens" doc:"tokenizer of the proxies"`
	Proxy         trial.ProxyConfig          `json:"proxy" doc:"proxy model: the small model that scores a mixture"`
	Target        trial.TargetConfig         `json:"target" doc:"target: the evaluation files that the mixture is optimized for"`
	Decontaminate curate.DecontaminateConfig `json:"decontaminate" doc:"decontamination: documents that overlap with the target files"`
	Search        trial.SearchConfig         `json:"search" doc:"mixture search"`
	Confirm       trial.ConfirmConfig        `json:"confirm" doc:"confirmation: the winner and the baselines again, with fresh seeds"`
	Dataset       export.Options             `json:"dataset" doc:"the mixed dataset"`
	Launch        launch.Options             `json:"launch" doc:"where tasks run; no result depends on it"`
	Report        ReportConfig               `json:"report" doc:"what tells of a run, beside its report; no result depends on it"`
}

//go:embed presets/*.yaml
var presets embed.FS

// ReportConfig says what is written about a run while it works.
type ReportConfig struct {
	TensorBoard bool `json:"tensorboard" doc:"event files for TensorBoard below tensorboard/ in the run directory: the loss of every proxy, its mixture as hyper-parameters, the scores of the search"`
}

// Presets lists the names of the presets, default first.
func Presets() []string { return []string{"laptop", "recipe", "paper"} }

// A ConfigError says what in a configuration cannot be used.
type ConfigError = option.ConfigError

// LoadConfig reads a climb.yaml, and puts settings such as "proxy.tokens=1e6" in the
// place of what it says. Paths in both are relative to its folder.
func LoadConfig(path string, settings ...string) (*Config, error) {
	data, err := wire.ReadFile(path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &ConfigError{Path: path, Text: "no such file; `climb init DIR` writes one for a folder of text"}
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := ParseConfig(data, settings...)
	var ce *ConfigError
	if errors.As(err, &ce) && ce.Path == "" {
		ce.Path = path
	}
	if err != nil {
		return nil, err
	}
	if err := c.expand(); err != nil {
		return nil, &ConfigError{Path: path, Text: err.Error()}
	}
	c.RelativeTo(filepath.Dir(path))
	return c, nil
}

// ParseConfig decodes YAML over its preset and the defaults, and settings over it.
// Unknown fields, wrong types and numbers that would be changed on reading are
// refused with line and column.
func ParseConfig(data []byte, settings ...string) (*Config, error) {
	doc, err := wire.YAML(data)
	if err != nil {
		return nil, &ConfigError{Text: wire.Explain(err)}
	}
	docs := []ast.Node{doc}
	for _, setting := range settings {
		doc, err := settingDoc(setting)
		if err != nil {
			return nil, &ConfigError{Path: setting, Text: err.Error()}
		}
		// Alone, so that its mistake is not said to be the file's.
		alone := &Config{}
		option.Fill(alone)
		if err := alone.Decode(doc); err != nil {
			var ce *ConfigError
			if errors.As(err, &ce) {
				ce.Path = setting
			}
			return nil, err
		}
		docs = append(docs, doc)
	}
	return DecodeConfig(docs...)
}

// settingDoc is the document that sets one option: proxy.tokens=1e6 stands for
// {proxy: {tokens: 1e6}}. The value is YAML.
func settingDoc(setting string) (ast.Node, error) {
	key, value, ok := strings.Cut(setting, "=")
	if !ok || strings.Trim(key, ".") != key || key == "" || strings.Contains(key, "..") || strings.ContainsAny(key, " :{}[]#&*!|>'\"%@`,\n") {
		return nil, errors.New("want an option and its value, such as proxy.tokens=1e6; `climb run climb.yaml --print-config` lists the options")
	}
	text := ""
	for depth, part := range strings.Split(key, ".") {
		text += "\n" + strings.Repeat(" ", depth) + part + ":"
	}
	doc, err := wire.YAML([]byte(strings.TrimPrefix(text, "\n") + " " + value + "\n"))
	if err != nil {
		return nil, errors.New(wire.Explain(err))
	}
	return doc, nil
}

// DecodeConfig is ParseConfig of parts of documents, each over those before it; nil
// sets nothing.
func DecodeConfig(docs ...ast.Node) (*Config, error) {
	var head struct {
		Preset string `json:"preset"`
		Target struct {
			Validation, Test []struct {
				Weight *float64 `json:"weight"`
			}
		} `json:"target"`
	}
	for _, doc := range docs {
		if err := wire.Decode(doc, &head); err != nil {
			return nil, &ConfigError{Text: wire.Explain(err)}
		}
	}
	for _, t := range slices.Concat(head.Target.Validation, head.Target.Test) {
		if t.Weight != nil && *t.Weight == 0 { // which would become the default
			return nil, &ConfigError{Text: "target: a weight of 0 takes a file out of the score; leave the file out instead"}
		}
	}
	if head.Preset == "" {
		head.Preset = Presets()[0]
	}
	preset, err := presets.ReadFile("presets/" + head.Preset + ".yaml")
	if err != nil {
		return nil, &ConfigError{Text: fmt.Sprintf("preset: %q is not one of %s", head.Preset, strings.Join(Presets(), ", "))}
	}
	// Defaults come first, so that a zero that somebody wrote stays a zero.
	c := &Config{}
	option.Fill(c)
	c.Preset = head.Preset
	base, err := wire.YAML(preset)
	if err != nil {
		return nil, &ConfigError{Text: wire.Explain(err)}
	}
	if err := c.Decode(base); err != nil {
		return nil, err
	}
	if err := c.presetFloors(docs); err != nil {
		return nil, err
	}
	for _, doc := range docs {
		if err := c.Decode(doc); err != nil {
			return nil, err
		}
	}
	return c, c.Resolve()
}

// gone are keys of earlier versions and what stands in their place.
var gone = map[string]string{
	`"predict"`: "predict is gone: write the predictor's section in its place, as in gp: {...}",
	`"decay"`:   "decay belongs to a schedule: write optim: {wsd: {decay: ...}}",
}

// Explain says what is wrong with a document as wire.Explain does, and of a key
// of an earlier version what stands in its place.
func Explain(err error) string {
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		for name, now := range gone {
			if strings.Contains(unknown.Message, name) {
				return yaml.FormatErrorWithToken(now, unknown.Token, false, true)
			}
		}
		if key := option.Nearest(unknown.Token.Value, option.NewForm(&Config{}).Names()); key != "" {
			return yaml.FormatErrorWithToken(fmt.Sprintf("%s; did you mean %s?", unknown.Message, key), unknown.Token, false, true)
		}
	}
	return wire.Explain(err)
}

// Decode puts a part of a document over the values of c; nil sets nothing.
func (c *Config) Decode(doc ast.Node) error {
	form := option.NewForm(c)
	if err := wire.Decode(doc, form.Pointer(), yaml.Strict()); err != nil {
		return &ConfigError{Text: Explain(err)}
	}
	if err := form.Close(); err != nil {
		return &ConfigError{Text: err.Error()}
	}
	return nil
}

// presetFloors takes the preset's floors away where the labeler that the user
// chooses is not the one that they are for, and puts its own in their place.
func (c *Config) presetFloors(docs []ast.Node) error {
	before := c.Label.Method.Name()
	probe := &Config{}
	if err := option.Copy(probe, c); err != nil {
		return err
	}
	for _, doc := range docs {
		if err := probe.Decode(doc); err != nil {
			return err
		}
	}
	if m := probe.Label.Method; m.Name() != before {
		c.Prune.Clusters, c.Prune.Documents = nil, nil
		if own, ok := m.Value().(label.Floored); ok {
			c.Prune.Clusters = own.Floors()
		}
	}
	return nil
}

// Resolve checks every value, and settles those that depend on others.
func (c *Config) Resolve() error {
	if c.Proxy.Model.Vocab == 0 {
		c.Proxy.Model.Vocab = c.Tokens.BPE.Vocab
	}
	for _, terms := range [][]eval.Term{c.Target.Validation, c.Target.Test} {
		for i := range terms {
			option.Fill(&terms[i])
			switch t := terms[i]; {
			case t.File == "" && t.Task == "":
				return &ConfigError{Text: fmt.Sprintf("target: entry %d has no file", i+1)}
			case t.Task != "" && (t.File != "" || len(c.Proxy.Command) == 0):
				return &ConfigError{Text: fmt.Sprintf("target: entry %d: task %s is for the results of proxy.command alone; name a file in its place", i+1, t.Task)}
			}
		}
	}
	if err := option.Check("", c); err != nil {
		return &ConfigError{Text: err.Error()}
	}
	if err := errors.Join(c.Domains.Check(c.Label.Names()), c.Proxy.Check()); err != nil {
		return err
	}
	if err := c.Prune.Check(c.Label.Names()); err != nil {
		return err
	}
	if len(c.Search.Rounds) == 0 {
		return &ConfigError{Text: "search.rounds: is empty; give the proxy runs of each round, as in [16, 8, 4]"}
	}
	if search.NeedsOf(c.Search.Strategy.Value()).DomainLoss && len(c.Target.Validation) > 0 {
		return &ConfigError{Text: fmt.Sprintf("search.strategy: %s looks at held-out text of every domain; leave target.validation empty and name your files in target.test", c.Search.Strategy.Name())}
	}
	if len(c.Corpus.Inputs) == 0 {
		return &ConfigError{Text: "corpus.inputs: is empty; name the files or folders that hold the text"}
	}
	if m := c.Corpus.MinHash; m.Keep == "best" && m.ScoreField == "" {
		return &ConfigError{Text: "corpus.minhash.score_field: is empty; keep best needs the field that holds the score"}
	}
	if at := c.Dataset.URL; at != "" && !blob.IsURL(at) {
		return &ConfigError{Text: fmt.Sprintf("dataset.url: %q is no URL of a bucket; for a folder set out, the dataset is below it", at)}
	}
	for _, at := range c.places() {
		if kept := escape.Secrets(at); kept != at && strings.Contains(at, "://") { // it would be in climb.yaml, plans and errors
			return &ConfigError{Text: fmt.Sprintf("%s holds a user, a password, a key or a signature; credentials come from the environment, as the service's own tools take them", kept)}
		}
		if err := corpus.Refuse(at); err != nil {
			return &ConfigError{Text: err.Error()}
		}
	}
	if err := c.Proxy.Model.Check(); err != nil {
		return &ConfigError{Text: "proxy." + err.Error()}
	}
	return nil
}

// weighed writes target.weights out into the weights of the files.
func (c *Config) weighed(targets *stage.Cache) (*Config, error) {
	if c.Target.Weights != "bytes" {
		return c, nil
	}
	out := *c
	out.Target.Weights = "equal"
	var err, err2 error
	out.Target.Validation, err = trial.Weighed(targets, c.Target.Validation, "bytes")
	out.Target.Test, err2 = trial.Weighed(targets, c.Target.Test, "bytes")
	return &out, errors.Join(err, err2)
}

// places are the paths and URLs that the configuration names.
func (c *Config) places() []string {
	out := slices.Concat([]string{c.Out, c.Dataset.URL, c.Tokens.Tokenizer}, c.Search.Reuse.Files)
	for _, in := range c.Corpus.Inputs {
		out = append(out, in.Path)
	}
	for _, t := range slices.Concat(c.Target.Validation, c.Target.Test) {
		out = append(out, t.File)
	}
	return out
}

// expand puts the home folder and environment variables into every path.
func (c *Config) expand() (err error) {
	option.EachPath(c, func(_ string, p *string) {
		list := ""
		if strings.HasPrefix(*p, "@") {
			list = "@"
		}
		full, err2 := corpus.Expand(strings.TrimPrefix(*p, list))
		if *p, err = list+full, errors.Join(err, err2); err2 != nil {
			*p = ""
		}
	})
	return err
}

// RelativeTo makes every path of the configuration absolute, seen from dir.
func (c *Config) RelativeTo(dir string) {
	abs := func(p *string) {
		list := ""
		if strings.HasPrefix(*p, "@") {
			list, *p = "@", (*p)[1:]
		}
		defer func() { *p = list + *p }()
		if *p == "" || filepath.IsAbs(*p) || blob.IsURL(*p) {
			return
		}
		if full, err := filepath.Abs(filepath.Join(dir, *p)); err == nil {
			*p = full
		}
	}
	option.EachPath(c, func(kind string, p *string) {
		if kind == "program" && !strings.ContainsRune(*p, filepath.Separator) { // a bare name is the system's to find
			return
		}
		abs(p)
	})
}

// WriteYAML writes the configuration with every value visible and explained.
func (c *Config) WriteYAML(w io.Writer) error {
	b := &bytes.Buffer{}
	writeSection(b, 0, option.Fields(c))
	_, err := w.Write(b.Bytes())
	return err
}

func writeSection(b *bytes.Buffer, depth int, fields []option.Field) {
	indent := strings.Repeat("  ", depth)
	for _, f := range fields {
		doc := f.Doc
		if len(f.Choices) > 1 {
			doc = strings.TrimPrefix(doc+": "+strings.Join(f.Choices, ", "), ": ")
		}
		if f.Struct {
			if depth == 0 {
				b.WriteByte('\n')
			}
			writeComment(b, indent, doc)
			fmt.Fprintf(b, "%s%s:\n", indent, f.Name)
			writeSection(b, depth+1, option.Fields(f.Value.Interface()))
			continue
		}
		value, err := yaml.MarshalWithOptions(f.Value.Interface(), yaml.Flow(true))
		if err != nil {
			value = fmt.Appendf(nil, "%v", f.Value)
		}
		line := fmt.Sprintf("%s%s: %s", indent, f.Name, bytes.TrimSpace(value))
		if doc != "" {
			line = fmt.Sprintf("%-36s # %s", line, doc)
		}
		b.WriteString(line + "\n")
	}
}

func writeComment(b *bytes.Buffer, indent, doc string) {
	if doc != "" {
		fmt.Fprintf(b, "%s# %s\n", indent, doc)
	}
}

// Clone copies a configuration, so that setting a part of the copy leaves the
// original alone.
func (c *Config) Clone() (*Config, error) {
	out := &Config{}
	if err := option.Copy(out, c); err != nil {
		return nil, fmt.Errorf("copy the configuration: %w", err)
	}
	return out, nil
}
