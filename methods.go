package climb

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/token"
)

// A Family is a group of methods that can stand for one another.
type Family struct {
	Name    string
	Section string // where it is chosen in climb.yaml
	Methods []option.Row
}

// Families lists the families in the order of the pipeline, or the named ones.
func Families(names ...string) ([]Family, error) {
	all := []Family{
		{"duplicates", "corpus.dedup", corpus.Methods},
		{"embedders", "embed.method", embedding.Methods.Rows()},
		{"clusterers", "cluster.method", cluster.Methods.Rows()},
		{"semantic duplicates", "semdedup", cluster.Deduplicators},
		{"labelers", "label.method", label.Methods.Rows()},
		{"mergers", "domains.method", cluster.Mergers.Rows()},
		{"tokenizers", "tokens.bpe", token.Methods},
		{"strategies", "search.strategy", search.Methods.Rows()},
		{"predictors", "search.climb.predictor, search.climb_auto.predictor, search.regmix.predictor", predict.Methods.Rows()},
		{"optimizers", "proxy.optim.optimizer", optim.Methods.Rows()},
		{"learning-rate schedules", "proxy.optim.schedule", optim.Schedules.Rows()},
		{"dataset formats", "dataset.format", export.Formats.Rows()},
	}
	if len(names) == 0 {
		return all, nil
	}
	var out []Family
	for _, name := range names {
		i := slices.IndexFunc(all, func(f Family) bool { return f.Name == name })
		if i < 0 {
			return nil, &ConfigError{Text: fmt.Sprintf("no family of methods is called %q", name)}
		}
		out = append(out, all[i])
	}
	return out, nil
}

// A FamilyDescription is a Family in words.
type FamilyDescription struct {
	Name    string              `json:"name"`
	Section string              `json:"section"`
	Methods []MethodDescription `json:"methods"`
}

// A MethodDescription is a method in words.
type MethodDescription struct {
	Name    string              `json:"name"`
	Summary string              `json:"summary"`
	Paper   string              `json:"paper,omitempty"`
	Options []OptionDescription `json:"options,omitempty"`
}

// An OptionDescription is one hyper-parameter; options of parts have dotted
// names.
type OptionDescription struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Default string   `json:"default,omitempty"`
	Choices []string `json:"choices,omitempty"`
	Doc     string   `json:"doc,omitempty"`
}

// DescribeMethods reads the tables and the tags of the options.
func DescribeMethods(families []Family) []FamilyDescription {
	out := make([]FamilyDescription, len(families))
	for i, f := range families {
		out[i] = FamilyDescription{Name: f.Name, Section: f.Section}
		for _, m := range f.Methods {
			d := MethodDescription{Name: m.Name, Summary: m.Summary, Paper: m.Paper}
			if m.Options != nil {
				d.Options = describe("", m.Options)
			}
			out[i].Methods = append(out[i].Methods, d)
		}
	}
	return out
}

func describe(prefix string, v any) (out []OptionDescription) {
	for _, f := range option.Fields(v) {
		if f.Struct {
			out = append(out, describe(prefix+f.Name+".", f.Value.Interface())...)
			continue
		}
		out = append(out, OptionDescription{prefix + f.Name, f.Type, f.Default, f.Choices, f.Doc})
	}
	return out
}

// WriteMethodsMarkdown writes docs/methods.md.
func WriteMethodsMarkdown(w io.Writer, families []Family) error {
	var b strings.Builder
	b.WriteString("# Methods\n\nMade by `climb methods --markdown` from the code; do not edit.\n")
	for _, f := range DescribeMethods(families) {
		fmt.Fprintf(&b, "\n## %s\n\nChosen in `climb.yaml` at `%s`.\n", f.Name, f.Section)
		for _, m := range f.Methods {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", m.Name, sentence(m.Summary))
			if m.Paper != "" {
				fmt.Fprintf(&b, "Source: %s.\n", strings.TrimSuffix(m.Paper, "."))
			}
			if len(m.Options) == 0 {
				continue
			}
			b.WriteString("\n| option | type | default | meaning |\n|---|---|---|---|\n")
			for _, o := range m.Options {
				doc := o.Doc
				if len(o.Choices) > 1 {
					doc = strings.TrimPrefix(doc+" ("+strings.Join(o.Choices, ", ")+")", " ")
				}
				escape := strings.NewReplacer("|", "\\|", "<", "&lt;")
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", o.Name, o.Type, escape.Replace(o.Default), escape.Replace(doc))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sentence starts with a capital and ends with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}
