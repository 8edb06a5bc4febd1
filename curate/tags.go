package curate

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/lang"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// TagConfig says which label of a document the axis label is, and which labels are
// too rare to be domains.
type TagConfig struct {
	Field    string  `json:"field" default:"source" doc:"field that holds the label, dotted if nested; source is the field that corpus.source_field names"`
	Host     bool    `json:"host" doc:"the field is a URL; its host, without www., is the label"`
	Language bool    `json:"language,omitempty" doc:"language identification: the label is the language of the text, such as en, or und if undetermined; field is ignored"`
	MinShare float64 `json:"min_share" default:"0.01" min:"0.0001" max:"1" doc:"labels with a smaller share of the text are pooled as (other), on every axis of labels"`
}

// otherTag stands for labels that are rare, noTag for their absence.
const (
	otherTag = corpus.OtherSources
	noTag    = "(none)"
	mostTags = 1 << 16 // labels kept for a shard
)

// tagSeparator stands between the labels of a document where domains.by has several
// axes of them.
const tagSeparator = "\x1f"

// tagsOptions are what the labels depend on.
type tagsOptions struct {
	TagConfig
	Axes []string `json:"axes,omitempty"` // of domains.by, those of labels; without it the axis label alone
}

// tagsOptions are false where no axis is one of labels: the stage is then empty, and
// has another name.
func (r *Curation) tagsOptions() (any, error) {
	o := r.Config.Domains
	labels := o.By.labels()
	switch {
	case len(labels) == 0:
		return false, nil
	case o.By.plain():
		return o.Tag, nil
	}
	out := tagsOptions{}
	for _, x := range labels {
		name := x.kind
		if x.field != "" {
			name += ":" + x.field
		}
		if out.Axes = append(out.Axes, name); x.kind == "label" {
			out.TagConfig = o.Tag
		}
	}
	out.MinShare = 0
	return out, nil
}

// tagsStage writes the label of every document: part-NNNNN.npy, int32, indexes
// into the list part-NNNNN.json. Domains are made of these labels.
func (r *Curation) tagsStage() *stage.Stage {
	return &stage.Stage{
		Name: "tags", Title: "read the documents' labels", Format: 1, ByShard: true, Inputs: []string{"corpus", "rows"},
		Options: r.tagsOptions,
		Tasks: func(p *task.Plan) ([]any, error) {
			if len(r.Config.Domains.By.labels()) == 0 {
				return nil, nil
			}
			return r.PerShard(p)
		},
		Run:    tagShard,
		Accept: checkTags,
	}
}

func tagShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o tagsOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	t, err := OpenTexts(ctx, p)
	if err != nil {
		return err
	}
	tagger, err := stage.Cached(ctx, "tagger "+string(stage.Marshal(o)), func(string) (*tagger, error) { return newTagger(&o, t.Shards), nil })
	if err != nil {
		return err
	}
	names, index, tags := []string{}, map[string]int32{}, []int32{}
	for d, err := range t.Shard(ctx, n) {
		if err != nil {
			return err
		}
		tag := tagger.of(d)
		if _, ok := index[tag]; !ok && len(names) >= mostTags {
			tag = tagger.other()
		}
		i, ok := index[tag]
		if !ok {
			i = int32(len(names))
			index[tag], names = i, append(names, tag)
		}
		tags = append(tags, i)
	}
	if err := tagOf.WriteInts(a, n, tags); err != nil {
		return err
	}
	return tagNamesOf.Write(a, n, names)
}

// of is the label of a document.
func (o *TagConfig) of(d corpus.Document) string {
	if o.Language {
		code, _ := lang.Identify(d.Text)
		return code
	}
	tag := fieldOf(d, o.Field)
	if o.Host {
		u, err := url.Parse(strings.TrimSpace(tag))
		if err == nil && u.Host == "" { // without a scheme
			u, err = url.Parse("//" + strings.TrimSpace(tag))
		}
		if tag = ""; err == nil {
			tag = strings.TrimPrefix(strings.ToLower(u.Hostname()), "www.")
		}
	}
	if tag == "" {
		return noTag
	}
	return CutRunes(tag, 80)
}

// fieldOf is the text of a field; source is the document's own.
func fieldOf(d corpus.Document, name string) string {
	if name == "source" {
		return d.Source
	}
	return fieldText(d.Fields, strings.Split(name, "."))
}

// fieldText finds a field that is a string, a number or a truth value.
func fieldText(fields json.RawMessage, path []string) string {
	for _, name := range path {
		var m map[string]json.RawMessage
		if json.Unmarshal(fields, &m) != nil {
			return ""
		}
		fields = m[name]
	}
	var text string
	switch fields = bytes.TrimSpace(fields); {
	case len(fields) == 0 || fields[0] == '{' || fields[0] == '[' || string(fields) == "null":
		return ""
	case json.Unmarshal(fields, &text) == nil:
		return text
	}
	return string(fields)
}
