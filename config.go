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
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/train"
	"github.com/climb-go/climb/wire"
)

// Config is the whole of a run, one section per component. Its YAML form is
// climb.yaml; every field a user can set is described by its tags.
type Config struct {
	Preset        string              `json:"preset" default:"laptop" choices:"laptop,paper,recipe" doc:"where the values that are not set here come from"`
	Out           string              `json:"out" path:"file" default:"climb-run" doc:"run directory"`
	Seed          uint64              `json:"seed" default:"1" min:"1" doc:"same seed, same mixture and dataset, whatever the number of cores"`
	Workers       int                 `json:"workers" min:"0" max:"4096" doc:"cores to use; 0 = all"`
	Corpus        corpus.Options      `json:"corpus" doc:"where the documents are and how to read them"`
	Embed         EmbedConfig         `json:"embed" doc:"texts to vectors"`
	Cluster       ClusterConfig       `json:"cluster" doc:"vectors to clusters"`
	SemDeDup      cluster.SemDeDup    `json:"semdedup" doc:"documents of nearly the same meaning, found in each cluster by their vectors"`
	Label         LabelConfig         `json:"label" doc:"quality scores of documents"`
	Prune         PruneConfig         `json:"prune" doc:"clusters and documents to leave out"`
	Domains       DomainsConfig       `json:"domains" doc:"clusters to domains, the axes of the search"`
	Tokens        TokensConfig        `json:"tokens" doc:"tokenizer of the proxies"`
	Proxy         ProxyConfig         `json:"proxy" doc:"the small models that score a mixture"`
	Target        TargetConfig        `json:"target" doc:"what the mixture is to be good at"`
	Decontaminate DecontaminateConfig `json:"decontaminate" doc:"documents that hold parts of the target files"`
	Search        SearchConfig        `json:"search" doc:"which mixtures to try"`
	Confirm       ConfirmConfig       `json:"confirm" doc:"fresh runs of the winner beside the baselines"`
	Dataset       export.Options      `json:"dataset" doc:"the mixed dataset"`
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

//go:embed presets/*.yaml
var presets embed.FS

// Presets lists the names of the presets, default first.
func Presets() []string { return []string{"laptop", "recipe", "paper"} }

// A ConfigError says what in a configuration cannot be used.
type ConfigError struct {
	Path string // file, "" for a configuration made in memory
	Text string // with line and column where they are known
}

func (e *ConfigError) Error() string {
	if e.Path == "" {
		return e.Text
	}
	return e.Path + ": " + e.Text
}

// LoadConfig reads a climb.yaml. Paths in it are relative to its folder.
func LoadConfig(path string) (*Config, error) {
	data, err := wire.ReadFile(path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &ConfigError{path, "no such file; `climb init DIR` writes one for a folder of text"}
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c, err := ParseConfig(data)
	var ce *ConfigError
	if errors.As(err, &ce) {
		ce.Path = path
	}
	if err != nil {
		return nil, err
	}
	c.relativeTo(filepath.Dir(path))
	return c, nil
}

// ParseConfig decodes YAML over its preset and the defaults. Unknown fields,
// wrong types and numbers that would be changed on reading are refused with line
// and column.
func ParseConfig(data []byte) (*Config, error) {
	doc, err := wire.YAML(data)
	if err != nil {
		return nil, &ConfigError{Text: wire.Explain(err)}
	}
	return parseConfig(doc)
}

// parseConfig is ParseConfig of a part of a document; nil sets nothing.
func parseConfig(doc ast.Node) (*Config, error) {
	var head struct {
		Preset string `json:"preset"`
		Target struct {
			Validation, Test []struct {
				Weight *float64 `json:"weight"`
			}
		} `json:"target"`
	}
	if err := wire.Decode(doc, &head); err != nil {
		return nil, &ConfigError{Text: wire.Explain(err)}
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
	if err := c.decode(base); err != nil {
		return nil, err
	}
	if err := c.presetFloors(doc); err != nil {
		return nil, err
	}
	if err := c.decode(doc); err != nil {
		return nil, err
	}
	return c, c.Resolve()
}

// gone are keys of earlier versions and what stands in their place.
var gone = map[string]string{
	`"predict"`: "predict is gone: write the predictor's section in its place, as in gp: {...}",
	`"decay"`:   "decay belongs to a schedule: write optim: {wsd: {decay: ...}}",
}

// decode puts a part of a document over the values of c; nil sets nothing.
func (c *Config) decode(doc ast.Node) error {
	form := option.NewForm(c)
	if err := wire.Decode(doc, form.Pointer(), yaml.Strict()); err != nil {
		var unknown *yaml.UnknownFieldError
		if errors.As(err, &unknown) {
			for name, now := range gone {
				if strings.Contains(unknown.Message, name) {
					return &ConfigError{Text: yaml.FormatErrorWithToken(now, unknown.Token, false, true)}
				}
			}
		}
		return &ConfigError{Text: wire.Explain(err)}
	}
	if err := form.Close(); err != nil {
		return &ConfigError{Text: err.Error()}
	}
	return nil
}

// presetFloors takes the preset's floors away where the labeler that the user
// chooses is not the one that they are for, and puts its own in their place.
func (c *Config) presetFloors(doc ast.Node) error {
	before := c.Label.Method.Name()
	probe := &Config{}
	if err := option.Copy(probe, c); err != nil {
		return err
	}
	if err := probe.decode(doc); err != nil {
		return err
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
	}
	if err := c.Proxy.Model.Check(); err != nil {
		return &ConfigError{Text: "proxy." + err.Error()}
	}
	return nil
}

// places are the paths and URLs that the configuration names.
func (c *Config) places() []string {
	out := slices.Concat([]string{c.Out, c.Dataset.URL, c.Tokens.Tokenizer}, c.Corpus.Inputs, c.Search.Reuse.Files)
	for _, t := range slices.Concat(c.Target.Validation, c.Target.Test) {
		out = append(out, t.File)
	}
	return out
}

// relativeTo makes every path of the configuration absolute, seen from dir.
func (c *Config) relativeTo(dir string) {
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
