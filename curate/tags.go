package curate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/lang"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// TagConfig says which label of a document becomes its domain.
type TagConfig struct {
	Field    string  `json:"field" default:"source" doc:"field that holds the label, dotted if nested; source is the field that corpus.source_field names"`
	Host     bool    `json:"host" doc:"the field is a URL; its host, without www., is the label"`
	Language bool    `json:"language,omitempty" doc:"language identification: the label is the language of the text, such as en, or und if undetermined; field is ignored"`
	MinShare float64 `json:"min_share" default:"0.01" min:"0.0001" max:"1" doc:"labels with a smaller share of the text are pooled as (other)"`
}

// otherTag stands for labels that are rare, noTag for their absence.
const (
	otherTag = corpus.OtherSources
	noTag    = "(none)"
	mostTags = 1 << 16 // labels kept for a shard
)

// tagsStage writes the label of every document: part-NNNNN.npy, int32, indexes
// into the list part-NNNNN.json. Domains are made of these labels.
func (r *Curation) tagsStage() *stage.Stage {
	return &stage.Stage{
		Name: "tags", Title: "read the documents' labels", Format: 1, ByShard: true, Inputs: []string{"corpus", "rows"},
		Options: func() (any, error) {
			if r.Config.Domains.By == "clusters" {
				return false, nil // without labels the stage is empty, and has another name
			}
			return r.Config.Domains.Tag, nil
		},
		Tasks: func(p *task.Plan) ([]any, error) {
			if r.Config.Domains.By == "clusters" {
				return nil, nil
			}
			return r.PerShard(p)
		},
		Run: func(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
			var o TagConfig
			if err := p.Option(&o); err != nil {
				return err
			}
			t, err := OpenTexts(ctx, p)
			if err != nil {
				return err
			}
			names, index, tags := []string{}, map[string]int32{}, []int32{}
			for d, err := range t.Shard(ctx, n) {
				if err != nil {
					return err
				}
				tag := o.of(d)
				if _, ok := index[tag]; !ok && len(names) >= mostTags {
					tag = otherTag
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
		},
		Accept: checkTags,
	}
}

// of is the label of a document.
func (o *TagConfig) of(d corpus.Document) string {
	if o.Language {
		code, _ := lang.Identify(d.Text)
		return code
	}
	tag := d.Source
	if o.Field != "source" {
		tag = fieldText(d.Fields, strings.Split(o.Field, "."))
	}
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

// A crossing turns clusters and labels to domains: domain d of cluster c and
// label t is cell[group[c]][t].
type crossing struct {
	p     *task.Plan
	group []int          // of each cluster, -1: pruned
	tags  map[string]int // labels by their number; nil: domains are the groups
	cell  [][]int        // group x (labels and "(other)")
}

// shard returns the domain of every document of a shard, -1 where its cluster
// was pruned.
func (x *crossing) shard(n int) ([]int32, error) {
	ids, tags, err := x.read(n)
	if err != nil {
		return nil, err
	}
	for row, c := range ids {
		if g := x.group[c]; g < 0 {
			ids[row] = PrunedCluster
		} else {
			ids[row] = int32(x.cell[g][tags[row]])
		}
	}
	return ids, nil
}

// read gives the cluster and the number of the label of a shard's documents.
func (x *crossing) read(n int) (ids, tags []int32, err error) {
	if ids, err = ClusterOf.Ints(x.p, n); err != nil {
		return nil, nil, err
	}
	if x.tags == nil {
		return ids, make([]int32, len(ids)), nil
	}
	tags, names, err := readTags(x.p, n)
	if err == nil && len(tags) != len(ids) {
		err = fmt.Errorf("shard %d: %d documents clustered, %d with a label", n, len(ids), len(tags))
	}
	if err != nil {
		return nil, nil, err
	}
	for row, t := range tags {
		number, ok := x.tags[names[t]]
		if !ok {
			number = len(x.tags)
		}
		tags[row] = int32(number)
	}
	return ids, tags, nil
}

func readTags(p *task.Plan, n int) (tags []int32, names []string, err error) {
	if tags, err = tagOf.Ints(p, n); err != nil {
		return nil, nil, err
	}
	list, err := tagNamesOf.Read(p, n)
	if err != nil {
		return nil, nil, err
	}
	return tags, *list, nil
}

// cross splits the domains by the documents' labels.
func (d *Domains) cross(p *task.Plan, o DomainsConfig, shards int) (*crossing, error) {
	x := &crossing{p: p, group: make([]int, len(d.Clusters)), cell: make([][]int, len(d.Domains))}
	for c := range d.Clusters {
		x.group[c] = d.Clusters[c].Domain
	}
	if o.By == "clusters" {
		for g := range x.cell {
			x.cell[g] = []int{g}
		}
		return x, nil
	}
	names, err := d.frequentTags(p, o.Tag, shards)
	if err != nil {
		return nil, err
	}
	x.tags = map[string]int{}
	for i, name := range names {
		x.tags[name] = i
	}
	cells, err := d.countCells(x, shards)
	if err != nil {
		return nil, err
	}
	return x, d.replace(x, cells, append(names, otherTag))
}

// frequentTags returns the labels with at least min_share of the unpruned text,
// largest first.
func (d *Domains) frequentTags(p *task.Plan, o TagConfig, shards int) ([]string, error) {
	size, total := map[string]int64{}, int64(0)
	for n := range shards {
		tags, names, err := readTags(p, n)
		if err != nil {
			return nil, err
		}
		ids, err := ClusterOf.Ints(p, n)
		if err != nil {
			return nil, err
		}
		bytes, err := bytesOf.Ints(p, n)
		if err != nil {
			return nil, err
		}
		for row, t := range tags {
			if d.Clusters[ids[row]].Domain >= 0 {
				size[names[t]] += int64(bytes[row])
				total += int64(bytes[row])
			}
		}
	}
	var out []string
	for name, n := range size {
		if float64(n) >= o.MinShare*float64(total) && name != otherTag {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(size[b], size[a]), strings.Compare(a, b)) })
	return out, nil
}

// countCells sums documents, bytes and scores over each cluster and label.
func (d *Domains) countCells(x *crossing, shards int) ([][]Domain, error) {
	cells := make([][]Domain, len(d.Clusters))
	for c := range cells {
		cells[c] = make([]Domain, len(x.tags)+1)
	}
	for n := range shards {
		ids, tags, err := x.read(n)
		if err != nil {
			return nil, err
		}
		size, err := bytesOf.Ints(x.p, n)
		if err != nil {
			return nil, err
		}
		scores, h, err := scoresOf.Floats(x.p, n)
		if err != nil {
			return nil, err
		}
		for row, c := range ids {
			cell := &cells[c][tags[row]]
			cell.Docs++
			cell.Bytes += int64(size[row])
			if cell.Scores == nil {
				cell.Scores = make([]float64, len(d.ScoreNames))
			}
			for j := range cell.Scores {
				cell.Scores[j] += float64(scores[row*h.Cols+j])
			}
		}
	}
	return cells, nil
}

// replace makes a domain of each (group, label) pair that holds a document,
// largest first. A cluster is listed under the domain that has most of its text.
func (d *Domains) replace(x *crossing, cells [][]Domain, names []string) error {
	type place struct{ group, tag int }
	made := map[place]*Domain{}
	var order []place
	for c, g := range x.group {
		for t, cell := range cells[c] {
			if g < 0 || cell.Docs == 0 {
				continue
			}
			at := place{g, t}
			dom := made[at]
			if dom == nil {
				dom = &Domain{Label: names[t], Scores: make([]float64, len(d.ScoreNames))}
				made[at], order = dom, append(order, at)
			}
			dom.Clusters = append(dom.Clusters, c)
			dom.Docs += cell.Docs
			dom.Bytes += cell.Bytes
			for j, s := range cell.Scores {
				dom.Scores[j] += s
			}
		}
	}
	slices.SortStableFunc(order, func(a, b place) int { return cmp.Compare(made[b].Bytes, made[a].Bytes) })
	for g := range x.cell {
		x.cell[g] = make([]int, len(names))
	}
	d.Domains = d.Domains[:0]
	for i, at := range order {
		dom := made[at]
		for j := range dom.Scores {
			dom.Scores[j] /= float64(dom.Docs)
		}
		x.cell[at.group][at.tag] = i
		d.Domains = append(d.Domains, *dom)
	}
	for c, g := range x.group {
		if g >= 0 {
			most := 0
			for t := range cells[c] {
				if cells[c][t].Bytes > cells[c][most].Bytes {
					most = t
				}
			}
			d.Clusters[c].Domain = x.cell[g][most]
		}
	}
	if len(d.Domains) > mostDomains {
		return task.Permanent(fmt.Errorf("domains.by: %d domains, more than %d; merge more clusters or raise domains.tag.min_share", len(d.Domains), mostDomains))
	}
	return nil
}

// mostDomains is the limit of a domain's number, an int16.
const mostDomains = 1 << 15
