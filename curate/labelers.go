package curate

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/lang"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// labelOptions are what the label stage depends on.
type labelOptions struct {
	Labeler   label.Choice     `json:"labeler"`
	Languages []string         `json:"languages,omitempty"`
	Files     []task.FileStamp `json:"files,omitempty"` // that the labeler is made from
}

// options adds to the configuration the state of the files that it names.
func (o LabelConfig) options() (labelOptions, error) {
	out := labelOptions{Labeler: o.Method, Languages: o.Languages}
	if err := o.checkLanguages(); err != nil {
		return out, err
	}
	m, ok := o.Method.Value().(label.Sourced)
	if !ok {
		return out, nil
	}
	models, texts := m.Sources()
	for _, s := range models {
		stamp, err := task.Stamp(s.Path)
		if err != nil {
			return out, &option.ConfigError{Text: fmt.Sprintf("%s: %v", s.Option, err)}
		}
		out.Files = append(out.Files, stamp)
	}
	for _, s := range texts {
		_, files, err := corpus.Split(context.Background(), textOptions(s.Path))
		if err != nil {
			return out, &option.ConfigError{Text: fmt.Sprintf("%s: %v", s.Option, err)}
		}
		out.Files = append(out.Files, stamps(files)...)
	}
	return out, nil
}

// labeler makes the labeler. What is trained is trained once in a process.
func (o labelOptions) labeler(ctx context.Context) (label.Labeler, error) {
	for _, f := range o.Files {
		if err := f.Check(); err != nil {
			return nil, task.Permanent(err)
		}
	}
	return stage.Cached(ctx, "labeler "+string(stage.Marshal(o)), func(string) (label.Labeler, error) {
		return o.config().Labeler(ctx)
	})
}

func (o labelOptions) config() LabelConfig { return LabelConfig{o.Labeler, o.Languages} }

// Names lists the scores.
func (o LabelConfig) Names() []string {
	names := o.Method.Value().Names()
	if len(o.Languages) > 0 {
		names = append(slices.Clone(names), label.LanguageColumn)
	}
	return names
}

// Labeler opens or trains the labeler.
func (o LabelConfig) Labeler(ctx context.Context) (label.Labeler, error) {
	l, err := o.Method.Value().Labeler(ctx, textsOf)
	if err == nil && len(o.Languages) > 0 {
		l = label.Language{Labeler: l, Codes: o.Languages}
	}
	return l, err
}

func (o LabelConfig) checkLanguages() error {
	if len(o.Languages) > 0 && slices.Contains(o.Method.Value().Names(), label.LanguageColumn) {
		return &option.ConfigError{Text: "label.languages: the labeler has a score language already; give it another name"}
	}
	for _, code := range o.Languages {
		if known := append(lang.Languages(), lang.Macrolanguages()...); code != label.AnyLanguage && !slices.Contains(known, code) {
			return &option.ConfigError{Text: fmt.Sprintf("label.languages: %q is not %s or one of %s", code, label.AnyLanguage, strings.Join(known, ", "))}
		}
	}
	return nil
}

// textOptions are the corpus options that read a file or folder of text in any
// format.
func textOptions(path string) corpus.Options {
	c := corpus.Options{Inputs: corpus.Paths(path)}
	option.Fill(&c)
	return c
}

// textsOf reads the texts of a file or folder.
func textsOf(ctx context.Context, path string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		o := textOptions(path)
		shards, _, err := corpus.Split(ctx, o)
		if err != nil {
			yield("", err)
			return
		}
		for _, s := range shards {
			var bad corpus.Bad
			for d, err := range corpus.Read(ctx, s, o, &bad) {
				if !yield(d.Text, err) || err != nil {
					return
				}
			}
		}
	}
}
