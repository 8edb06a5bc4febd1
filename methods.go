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
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/train"
)

// A Family is a group of interchangeable methods.
type Family struct {
	Name    string
	Section string // where it is chosen in climb.yaml
	Methods []option.Row
}

// Steps with a single method are described like families. Nothing can be chosen
// there, except how documents are compared in deduplication.
var (
	duplicateRows = []option.Row{
		{Name: "none", Summary: "every document stays"},
		{Name: "id", Summary: "documents with the same id and text"},
		{Name: "text", Summary: "documents with the same text under any id"},
		{Name: "words", Summary: "documents with the same words: case, punctuation, accents and white space do not count"},
		{Name: "fuzzy", Summary: "near-duplicates (MinHash LSH): signatures of word n-grams, matched in LSH bands, joined by union-find; the best of a group stays",
			Paper: "Broder 1997; parameters of FineWeb, Penedo et al. 2024, arXiv 2406.17557", Options: corpus.MinHash{}},
	}
	semanticRows = []option.Row{{Name: "semdedup", Summary: "semantic duplicates: documents of one cluster with nearly equal vectors; the one farthest from the centroid stays",
		Paper: "Abbas et al. 2023, arXiv 2303.09540", Options: cluster.SemDeDup{}}}
	tokenizerRows = []option.Row{{Name: "bpe", Summary: "byte-level byte-pair encoding, saved as tokenizer.json",
		Paper: "Sennrich et al., 2016, arXiv:1508.07909; Radford et al., 2019", Options: token.TrainOptions{}}}
)

// Families lists the families in the order of the pipeline, or the named ones.
func Families(names ...string) ([]Family, error) {
	all := []Family{
		{"duplicates", "corpus.dedup", duplicateRows},
		{"embedders", "embed.method", embedding.Methods.Rows()},
		{"clusterers", "cluster.method", cluster.Methods.Rows()},
		{"semantic duplicates", "semdedup", semanticRows},
		{"labelers", "label.method", label.Methods.Rows()},
		{"mergers", "domains.method", cluster.Mergers.Rows()},
		{"tokenizers", "tokens.bpe", tokenizerRows},
		{"strategies", "search.strategy", search.Methods.Rows()},
		{"predictors", "search.climb.predictor, search.climb_auto.predictor, search.regmix.predictor", predict.Methods.Rows()},
		{"proxy trainers", "proxy.trainer", train.Methods.Rows()},
		{"optimizers", "proxy.optim.optimizer", optim.Methods.Rows()},
		{"learning-rate schedules", "proxy.optim.schedule", optim.Schedules.Rows()},
		{"dataset formats", "dataset.format", export.Formats.Rows()},
		{"trainers", "climb export --to", export.Trainers.Rows()},
		{"launchers", "launch.method", launch.Methods.Rows()},
	}
	if len(names) == 0 {
		return all, nil
	}
	var out []Family
	for _, name := range names {
		i := slices.IndexFunc(all, func(f Family) bool { return f.Name == name })
		if i < 0 {
			names := make([]string, len(all))
			for k, f := range all {
				names[k] = f.Name
			}
			if near := option.Nearest(name, names); near != "" {
				name += fmt.Sprintf(" (did you mean %s?)", near)
			}
			return nil, &option.ConfigError{Text: fmt.Sprintf("no family of methods is called %s; there are %s", name, strings.Join(names, ", "))}
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
