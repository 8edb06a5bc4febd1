package curate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/task"
)

// A crossing turns clusters, labels and tiers of quality to domains: domain d of
// cluster c and column t is cell[group[c]][t], where the column counts the labels of
// the axes and the tiers through.
type crossing struct {
	p      *task.Plan
	group  []int // of each cluster, -1: pruned
	labels []labelAxis
	tiers  *Tiers // nil: quality is no axis
	score  floor  // whose quantiles they are
	rule   *documentRule
	spans  map[[2]int][]span // of a group and label: its tiers as they are merged
	cell   []map[int]int     // of each group: domains by their columns; nil: domains are the groups
}

// A labelAxis has the labels of one axis by their number, the last one (other).
type labelAxis struct {
	number map[string]int
	names  []string
}

// shard returns the domain of every document of a shard, -1 where its cluster
// was pruned.
func (x *crossing) shard(n int) ([]int32, error) {
	ids, columns, err := x.read(n)
	if err != nil {
		return nil, err
	}
	for row, c := range ids {
		switch g := x.group[c]; {
		case g < 0:
			ids[row] = PrunedCluster
		case x.cell == nil:
			ids[row] = int32(g)
		default:
			ids[row] = int32(x.cell[g][columns[row]])
		}
	}
	return ids, nil
}

// read gives the cluster and the column of a shard's documents.
func (x *crossing) read(n int) (ids []int32, columns []int, err error) {
	if ids, err = ClusterOf.Ints(x.p, n); err != nil {
		return nil, nil, err
	}
	columns = make([]int, len(ids))
	if len(x.labels) > 0 {
		tags, names, err := readTags(x.p, n)
		if err == nil && len(tags) != len(ids) {
			err = fmt.Errorf("shard %d: %d documents clustered, %d with a label", n, len(ids), len(tags))
		}
		if err != nil {
			return nil, nil, err
		}
		number := make([]int, len(names))
		for i, name := range names {
			if number[i], err = x.label(name); err != nil {
				return nil, nil, fmt.Errorf("shard %d: %w", n, err)
			}
		}
		for row, t := range tags {
			columns[row] = number[t]
		}
	}
	if x.tiers == nil {
		return ids, columns, nil
	}
	g, err := ReadGrades(x.p, n)
	if err != nil {
		return nil, nil, err
	}
	for row := range columns {
		columns[row] = columns[row]*(len(x.tiers.Cuts)+1) + x.tiers.of(x.score.value(g.Row(row)))
	}
	return ids, columns, nil
}

// label numbers the labels of a document, as the stage tags has written them.
func (x *crossing) label(tag string) (number int, err error) {
	tags := []string{tag}
	if len(x.labels) > 1 {
		tags = strings.Split(tag, tagSeparator)
	}
	if len(tags) != len(x.labels) {
		return 0, fmt.Errorf("the label %q is of %d axes, want %d", tag, len(tags), len(x.labels))
	}
	for i, axis := range x.labels {
		k, ok := axis.number[tags[i]]
		if !ok {
			k = len(axis.names) - 1
		}
		number = number*len(axis.names) + k
	}
	return number, nil
}

// names are the labels of a column, in the order of their axes.
func (x *crossing) names(column int) []string {
	if x.tiers != nil {
		column /= len(x.tiers.Cuts) + 1
	}
	out := make([]string, len(x.labels))
	for i := len(out) - 1; i >= 0; i-- {
		n := len(x.labels[i].names)
		out[i] = x.labels[i].names[column%n]
		column /= n
	}
	return out
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

// cross splits the domains by the documents' labels and tiers.
func (d *Domains) cross(p *task.Plan, o *domainsOptions, shards int) (x *crossing, err error) {
	x = &crossing{p: p, group: make([]int, len(d.Clusters))}
	for c := range d.Clusters {
		x.group[c] = d.Clusters[c].Domain
	}
	by := o.Domains.By
	if by == "clusters" {
		return x, nil
	}
	if x.rule, err = newDocumentRule(o.Prune, d.ScoreNames); err != nil {
		return nil, err
	}
	if err := d.findLabels(x, &o.Domains, shards); err != nil {
		return nil, err
	}
	if n := by.tiers(); n > 0 {
		if err := x.findTiers(o, n, shards); err != nil {
			return nil, err
		}
	}
	cells, err := d.countCells(x, shards)
	if err != nil {
		return nil, err
	}
	if x.tiers != nil {
		x.mergeTiers(cells, o.Domains.Quality.MinShare)
	}
	if !by.plain() {
		d.Axes, d.Quality = by.List(), x.tiers
		for c, g := range x.group {
			if g >= 0 && by.clusters() {
				d.Clusters[c].Group = &g
			}
		}
	}
	return x, d.replace(x, cells)
}

// findLabels lists the labels of every axis that are not rare.
func (d *Domains) findLabels(x *crossing, o *DomainsConfig, shards int) error {
	axes := o.By.labels()
	for i, axis := range axes {
		names, err := d.frequentTags(x.p, o.Tag.MinShare, shards, func(tag string) string {
			if len(axes) == 1 {
				return tag
			}
			return strings.Split(tag, tagSeparator)[i]
		})
		if err != nil {
			return err
		}
		if axis.kind == "field" && len(names) == 1 && names[0] == noTag {
			return task.Permanent(fmt.Errorf("domains.by: no document has the field %q; write it as it is in the files, dotted if nested, with corpus.fields: keep", axis.field))
		}
		a := labelAxis{map[string]int{}, append(names, otherTag)}
		for i, name := range names {
			a.number[name] = i
		}
		x.labels = append(x.labels, a)
	}
	return nil
}

// frequentTags returns the labels with at least minShare of the unpruned text,
// largest first; of takes that of one axis out of what the stage tags has written.
func (d *Domains) frequentTags(p *task.Plan, minShare float64, shards int, of func(tag string) string) ([]string, error) {
	total, t := int64(0), newTally(minShare)
	for n := range shards {
		sizes, err := d.tagSizes(p, n, of)
		if err != nil {
			return nil, err
		}
		for _, size := range sizes {
			total += size
		}
		t.add(sizes)
	}
	if t.cut { // what is left has every frequent label, and sizes that are too small
		for name := range t.size {
			t.size[name] = 0
		}
		for n := range shards {
			sizes, err := d.tagSizes(p, n, of)
			if err != nil {
				return nil, err
			}
			for name, size := range sizes {
				if _, there := t.size[name]; there {
					t.size[name] += size
				}
			}
		}
	}
	var out []string
	for name, n := range t.size {
		if float64(n) >= minShare*float64(total) && name != otherTag {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(t.size[b], t.size[a]), strings.Compare(a, b)) })
	return out, nil
}

// tagSizes sums the bytes of the labels' unpruned text in a shard.
func (d *Domains) tagSizes(p *task.Plan, n int, of func(tag string) string) (map[string]int64, error) {
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
	sum := make([]int64, len(names))
	for row, t := range tags {
		if d.Clusters[ids[row]].Domain >= 0 {
			sum[t] += int64(bytes[row])
		}
	}
	out := map[string]int64{}
	for t, n := range sum {
		if n > 0 {
			out[of(names[t])] += n
		}
	}
	return out, nil
}

// A tally finds the labels that have at least a share of what is added, in memory
// that follows the share: summaries of Misra and Gries, merged shard by shard (Agarwal
// et al., 2012, Mergeable Summaries). Where more than 1/share labels are there, the
// size of the one after them is taken off all, and those without anything left are
// dropped; what a label loses in all is less than its share of the total, so a
// frequent one stays.
type tally struct {
	size map[string]int64
	most int  // labels that are kept between shards
	cut  bool // sizes are lower bounds
}

func newTally(share float64) *tally {
	t := &tally{size: map[string]int64{}, most: math.MaxInt}
	if n := math.Ceil(1 / share); n < 1<<40 {
		t.most = int(n)
	}
	return t
}

func (t *tally) add(sizes map[string]int64) {
	for name, n := range sizes {
		t.size[name] += n
	}
	if len(t.size) <= t.most {
		return
	}
	all := slices.Sorted(maps.Values(t.size))
	least := all[len(all)-1-t.most]
	for name, n := range t.size {
		if t.size[name] = n - least; n <= least {
			delete(t.size, name)
		}
	}
	t.cut = true
}

// A cell counts the documents of one cluster and column.
type cell struct {
	docs, bytes, kept int64 // kept: bytes of the documents that are not pruned one by one
	scores            []float64
}

// countCells sums documents, bytes and scores over the columns of each cluster.
func (d *Domains) countCells(x *crossing, shards int) ([]map[int]*cell, error) {
	cells := make([]map[int]*cell, len(d.Clusters))
	for c := range cells {
		cells[c] = map[int]*cell{}
	}
	for n := range shards {
		_, columns, err := x.read(n)
		if err != nil {
			return nil, err
		}
		g, err := ReadGrades(x.p, n)
		if err != nil {
			return nil, err
		}
		for row, c := range g.Clusters {
			at := cells[c][columns[row]]
			if at == nil {
				at = &cell{scores: make([]float64, len(d.ScoreNames))}
				cells[c][columns[row]] = at
			}
			at.docs++
			at.bytes += int64(g.Bytes[row])
			if x.rule.fails(g.Row(row)) == "" {
				at.kept += int64(g.Bytes[row])
			}
			for j, s := range g.Row(row) {
				at.scores[j] += float64(s)
			}
		}
	}
	return cells, nil
}

// A place is what becomes a domain: a group, labels and tiers.
type place struct {
	group, column int // the column of the first tier
	span          span
}

// place is where a column of a group belongs.
func (x *crossing) place(group, column int) place {
	s := x.spanOf(group, column)
	if x.tiers != nil {
		n := len(x.tiers.Cuts) + 1
		column = column/n*n + s.from
	}
	s.bytes = 0
	return place{group, column, s}
}

// replace makes a domain of each place that holds a document, largest first. A
// cluster is listed under the domain that has most of its text.
func (d *Domains) replace(x *crossing, cells []map[int]*cell) error {
	made := map[place]*Domain{}
	var order []place
	for c, g := range x.group {
		for _, column := range slices.Sorted(maps.Keys(cells[c])) {
			if g < 0 || cells[c][column].docs == 0 {
				continue
			}
			at := x.place(g, column)
			dom := made[at]
			if dom == nil {
				dom = d.newDomain(x, at)
				made[at], order = dom, append(order, at)
			}
			dom.add(c, cells[c][column])
		}
	}
	slices.SortStableFunc(order, func(a, b place) int { return cmp.Compare(made[b].Bytes, made[a].Bytes) })
	if len(order) > mostDomains {
		return task.Permanent(fmt.Errorf("domains.by: %d domains, more than %d; merge more clusters or raise domains.tag.min_share", len(order), mostDomains))
	}
	x.cell = make([]map[int]int, len(d.Domains))
	for g := range x.cell {
		x.cell[g] = map[int]int{}
	}
	d.Domains = d.Domains[:0]
	for i, at := range order {
		dom := made[at]
		for j := range dom.Scores {
			dom.Scores[j] /= float64(dom.Docs)
		}
		for column := at.column; column <= at.column+at.span.to-at.span.from; column++ {
			x.cell[at.group][column] = i
		}
		d.Domains = append(d.Domains, *dom)
	}
	d.listClusters(x, cells)
	return nil
}

// newDomain has no document yet.
func (d *Domains) newDomain(x *crossing, at place) *Domain {
	labels := x.names(at.column)
	dom := &Domain{Label: strings.Join(labels, " / "), Scores: make([]float64, len(d.ScoreNames))}
	if d.Axes == nil {
		return dom
	}
	dom.Labels = labels
	if slices.Contains(d.Axes, "clusters") {
		dom.Group = &at.group
	}
	if x.tiers != nil {
		dom.Tiers = &[2]int{at.span.from + 1, at.span.to + 1}
	}
	return dom
}

// add adds the cell of cluster c.
func (d *Domain) add(c int, of *cell) {
	if n := len(d.Clusters); n == 0 || d.Clusters[n-1] != c {
		d.Clusters = append(d.Clusters, c)
	}
	d.Docs += of.docs
	d.Bytes += of.bytes
	for j, s := range of.scores {
		d.Scores[j] += s
	}
}

// listClusters sets the domain of every cluster to the one with most of its text, of
// equals to that of the first column.
func (d *Domains) listClusters(x *crossing, cells []map[int]*cell) {
	for c, g := range x.group {
		if g < 0 {
			continue
		}
		bytes, best := map[int]int64{}, -1
		columns := slices.Sorted(maps.Keys(cells[c]))
		for _, column := range columns {
			bytes[x.cell[g][column]] += cells[c][column].bytes
		}
		for _, column := range columns {
			if dom := x.cell[g][column]; best < 0 || bytes[dom] > bytes[best] {
				best = dom
			}
		}
		d.Clusters[c].Domain = best
	}
}

// mostDomains is the limit of a domain's number, an int16.
const mostDomains = 1 << 15
