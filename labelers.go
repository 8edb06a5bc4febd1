package climb

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
)

// LabelConfig chooses the labeler.
type LabelConfig struct {
	Method   string         `json:"method" default:"rules" choices:"rules,ngram,fasttext" doc:"labeler"`
	Rules    label.Rules    `json:"rules"`
	NGram    label.NGram    `json:"ngram"`
	FastText label.FastText `json:"fasttext"`
}

// labelOptions are what the label stage depends on.
type labelOptions struct {
	LabelConfig
	Files []task.FileStamp `json:"files,omitempty"` // that the labeler is made from
}

// options adds to the configuration the state of the files that it names.
func (o LabelConfig) options() (labelOptions, error) {
	out := labelOptions{LabelConfig: o}
	switch o.Method {
	case "ngram":
		_, files, err := corpus.Split(context.Background(), referenceOptions(o.NGram))
		if err != nil {
			return out, &ConfigError{Text: "label.ngram.reference: " + err.Error()}
		}
		out.Files = stamps(files)
	case "fasttext":
		for _, m := range o.FastText.Models {
			stamp, err := task.Stamp(m.File)
			if err != nil {
				return out, &ConfigError{Text: fmt.Sprintf("label.fasttext.models: %s: %v", m.Name, err)}
			}
			out.Files = append(out.Files, stamp)
		}
	}
	return out, nil
}

// check finds what a method lacks.
func (o LabelConfig) check() error {
	if o.Method == "ngram" && o.NGram.Reference == "" {
		return &ConfigError{Text: "label.ngram.reference: is empty; name a file or folder of text that is good"}
	}
	if o.Method == "fasttext" && len(o.FastText.Models) == 0 {
		return &ConfigError{Text: "label.fasttext.models: is empty; name at least one model"}
	}
	return nil
}

// floors puts the method's floors in the place of a preset's, which are those of
// the rules: Curator's for its scheme, otherwise none.
func (o LabelConfig) floors(p PruneConfig) PruneConfig {
	if o.Method == "" || o.Method == "rules" {
		return p
	}
	p.Clusters, p.Documents = nil, nil
	if o.Method == "fasttext" && strings.HasPrefix(o.FastText.Scheme, "climb-recipe") {
		p.Clusters = label.RecipeFloors(o.FastText.Names())
	}
	return p
}

// names lists the columns.
func (o LabelConfig) names() []string {
	switch o.Method {
	case "ngram":
		return o.NGram.Names()
	case "fasttext":
		return o.FastText.Names()
	}
	return o.Rules.Names()
}

// labeler makes the labeler. What is trained is trained once in a process.
func (o labelOptions) labeler(ctx context.Context) (label.Labeler, error) {
	for _, f := range o.Files {
		if err := f.Check(); err != nil {
			return nil, task.Permanent(err)
		}
	}
	switch o.Method {
	case "rules":
		return o.Rules, nil
	case "fasttext":
		return cached("fasttext "+string(marshal(o)), func(string) (*label.FastTextLabeler, error) { return o.FastText.Open() })
	}
	return cached("ngram "+string(marshal(o)), func(string) (*label.NGramModel, error) {
		var failed error
		m, err := label.TrainNGram(textsOf(ctx, referenceOptions(o.NGram), &failed), o.NGram)
		if failed != nil {
			return nil, fmt.Errorf("read label.ngram.reference: %w", failed)
		}
		return m, err
	})
}

func referenceOptions(o label.NGram) corpus.Options {
	c := corpus.Options{Inputs: []string{o.Reference}}
	option.Fill(&c)
	return c
}

// textsOf reads the texts of a corpus, and sets failed if that fails.
func textsOf(ctx context.Context, o corpus.Options, failed *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		shards, _, err := corpus.Split(ctx, o)
		if err != nil {
			*failed = err
			return
		}
		for _, s := range shards {
			var bad corpus.Bad
			for d, err := range corpus.Read(ctx, s, o, &bad) {
				if err != nil {
					*failed = err
					return
				}
				if !yield(d.Text) {
					return
				}
			}
		}
	}
}
