package curate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// Domains is the output of the domains stage, domains.json.
type Domains struct {
	ScoreNames []string  `json:"score_names"`
	Domains    []Domain  `json:"domains"`
	Clusters   []Cluster `json:"clusters"`
	Warnings   []string  `json:"warnings,omitempty"`

	// Unless domains.by is clusters, label or both:
	Axes    []string `json:"axes,omitempty"`    // of domains.by
	Quality *Tiers   `json:"quality,omitempty"` // what the tiers are
	Notes   []string `json:"notes,omitempty"`   // such as which tiers were merged
}

// A Domain is a group of clusters: one axis of the search.
type Domain struct {
	Name     string    `json:"name"`
	Label    string    `json:"label,omitempty"` // that all its documents have
	Terms    []string  `json:"terms"`
	Clusters []int     `json:"clusters"`
	Docs     int64     `json:"docs"`
	Bytes    int64     `json:"bytes"`
	Scores   []float64 `json:"scores"` // means over the documents, by score name
	Examples []Example `json:"examples"`

	// Its place on the axes, unless domains.by is clusters, label or both:
	Group  *int     `json:"group,omitempty"`  // of the merged clusters, where they are an axis
	Labels []string `json:"labels,omitempty"` // of the axes that are labels, in their order
	Tiers  *[2]int  `json:"tiers,omitempty"`  // of quality, first and last, from 1
}

// A Cluster is one cell of the clusterer.
type Cluster struct {
	Docs    int64     `json:"docs"`
	Bytes   int64     `json:"bytes"`
	Scores  []float64 `json:"scores"`
	Domain  int       `json:"domain"`          // -1: pruned; where domains cross clusters, the one with most of its text
	Group   *int      `json:"group,omitempty"` // of the clusters that it is merged with, where Domain does not tell
	Reasons []string  `json:"reasons,omitempty"`
	Name    string    `json:"name"`
	Terms   []string  `json:"terms,omitempty"`
	X       float32   `json:"x"` // place on the map, -1 to 1
	Y       float32   `json:"y"`
}

// An Example is a document near the centre of a domain.
type Example struct {
	ID   string `json:"id"`
	Text string `json:"text"` // its start
}

// ExampleBytes is the length of an example's text.
const ExampleBytes = 400

type domainsOptions struct {
	Seed    uint64        `json:"seed"`
	Domains DomainsConfig `json:"domains"`
	Prune   PruneConfig   `json:"prune"`
	Scores  []string      `json:"scores"` // of the labeler, in the order of their columns
}

// domainsStage prunes clusters, merges the rest into domains and names them.
func (r *Curation) domainsStage() *stage.Stage {
	return &stage.Stage{
		Name: "domains", Title: "prune and merge clusters", Format: 6, Inputs: []string{"corpus", "rows", "refine", "cluster", "label", "tags"},
		Options: func() (any, error) {
			c := r.Config
			o := domainsOptions{c.Seed, c.Domains, PruneConfig{Clusters: c.Prune.Clusters, ClustersIf: c.Prune.ClustersIf}, c.Label.Names()}
			o.Domains.By = o.Domains.By.canonical()
			if o.Domains.By.tiers() == 0 {
				o.Domains.Quality = QualityConfig{}
			} else { // quantiles are those of the documents that stay
				o.Prune = c.Prune
			}
			return o, nil
		},
		Tasks: stage.One,
		Run:   makeDomains,
		After: func(*task.Plan) error {
			d, err := r.Domains()
			if err != nil {
				return err
			}
			for _, n := range d.Notes {
				r.Note("domains", "%s", n)
			}
			for _, w := range d.Warnings {
				r.Warn("domains", "%s", w)
			}
			if d.unlabeled() {
				r.Warn("domains", "no document has the label that domains.by asks for; domains.by: file or folder makes a domain of each input file or folder, field:NAME of another field")
			}
			return nil
		},
		Accept: checkDomains,
	}
}

func makeDomains(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	var o domainsOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	t, err := OpenTexts(ctx, p)
	if err != nil {
		return err
	}
	cents, err := centroidsOf(p, "refine")
	if err != nil {
		return err
	}
	d := &Domains{ScoreNames: o.Scores}
	if err := d.countClusters(p, t, cents.K); err != nil {
		return err
	}
	if err := d.prune(o.Prune); err != nil {
		return err
	}
	if err := d.merge(o.Domains, cents); err != nil {
		return err
	}
	x, err := d.cross(p, &o, len(t.Shards))
	if err != nil {
		return err
	}
	if err := d.writeShards(x, len(t.Shards), a); err != nil {
		return err
	}
	if o.Domains.By == "clusters" {
		if err := d.writeCentroids(cents, a); err != nil {
			return err
		}
	}
	for i, xy := 0, cluster.Map2D(cents.X, cents.K, cents.D, o.Seed, launch.Cores(ctx)); i < cents.K; i++ {
		d.Clusters[i].X, d.Clusters[i].Y = xy[2*i], xy[2*i+1]
	}
	if err := d.name(ctx, p, t, o, x); err != nil {
		return err
	}
	d.alarm()
	a.Count("domains", int64(len(d.Domains)))
	return domainsFile.Write(a, d)
}

// writeCentroids writes the domains' centroids, centroids.npy: the means of
// their clusters', weighted by documents.
func (d *Domains) writeCentroids(cents *cluster.Centroids, a *task.Attempt) error {
	kept := cluster.Centroids{D: cents.D}
	var group []int
	var weight []float64
	for i, c := range d.Clusters {
		if c.Domain >= 0 {
			kept.K++
			kept.X = append(kept.X, cents.X[i*cents.D:(i+1)*cents.D]...)
			group, weight = append(group, c.Domain), append(weight, float64(c.Docs))
		}
	}
	m, err := kept.Merged(group, weight)
	if err != nil {
		return err
	}
	return writeCentroids(a, m)
}

// writeShards writes the domain of every document, part-NNNNN.npy, int16, -1
// where its cluster was pruned.
func (d *Domains) writeShards(x *crossing, shards int, a *task.Attempt) error {
	for n := range shards {
		domain, err := x.shard(n)
		if err != nil {
			return err
		}
		if err := mergedOf.WriteInts(a, n, domain); err != nil {
			return err
		}
	}
	return nil
}

// countClusters sums documents, bytes and scores over each cluster.
func (d *Domains) countClusters(p *task.Plan, t *Texts, k int) error {
	d.Clusters = make([]Cluster, k)
	for i := range d.Clusters {
		d.Clusters[i].Scores = make([]float64, len(d.ScoreNames))
	}
	for shard := range t.Shards {
		g, err := ReadGrades(p, shard)
		if err != nil {
			return err
		}
		if g.columns != len(d.ScoreNames) {
			return fmt.Errorf("shard %d: labeled with %d scores, want %d", shard, g.columns, len(d.ScoreNames))
		}
		for row, c := range g.Clusters {
			if c < 0 || int(c) >= k {
				return fmt.Errorf("shard %d row %d: cluster %d of %d", shard, row, c, k)
			}
			cl := &d.Clusters[c]
			cl.Docs++
			cl.Bytes += int64(g.Bytes[row])
			for j, x := range g.Row(row) {
				cl.Scores[j] += float64(x)
			}
		}
	}
	for i := range d.Clusters {
		for j := range d.Clusters[i].Scores {
			d.Clusters[i].Scores[j] /= float64(max(1, d.Clusters[i].Docs))
		}
	}
	return nil
}

// prune marks the clusters whose mean scores are below the floors, and the
// empty ones.
func (d *Domains) prune(o PruneConfig) error {
	var means []float64
	for _, c := range d.Clusters {
		means = append(means, c.Scores...)
	}
	verdicts, err := cluster.Prune(means, d.ScoreNames, o.ClusterRules())
	if err != nil {
		return task.Permanent(fmt.Errorf("prune.clusters: %w", err))
	}
	kept := 0
	for i, v := range verdicts {
		c := &d.Clusters[i]
		switch {
		case c.Docs == 0:
			c.Domain, c.Reasons = -1, []string{"holds no document"}
		case !v.Kept:
			c.Domain, c.Reasons = -1, v.Reasons
		default:
			kept++
		}
	}
	if kept == 0 {
		return task.Permanent(errors.New("every cluster was pruned; lower the floors in prune.clusters"))
	}
	return nil
}

// merge puts the clusters that are left into domains, numbered by falling
// size.
func (d *Domains) merge(o DomainsConfig, cents *cluster.Centroids) error {
	var x []float32
	var weight []float64
	var kept []int
	for i, c := range d.Clusters {
		if c.Domain >= 0 {
			kept = append(kept, i)
			weight = append(weight, float64(c.Bytes))
			x = append(x, cents.X[i*cents.D:(i+1)*cents.D]...)
		}
	}
	group := make([]int, len(kept)) // all in one where labels are the domains
	if o.By.clusters() {
		var err error
		if group, err = o.Method.Value().Merge(x, len(kept), cents.D, weight); err != nil {
			return err
		}
	}
	n := slices.Max(group) + 1
	d.Domains = make([]Domain, n)
	for i, g := range group {
		dom, c := &d.Domains[g], &d.Clusters[kept[i]]
		dom.Clusters = append(dom.Clusters, kept[i])
		dom.Docs += c.Docs
		dom.Bytes += c.Bytes
		if dom.Scores == nil {
			dom.Scores = make([]float64, len(d.ScoreNames))
		}
		for j, s := range c.Scores {
			dom.Scores[j] += s * float64(c.Docs)
		}
	}
	slices.SortStableFunc(d.Domains, func(a, b Domain) int { return cmp.Compare(b.Bytes, a.Bytes) })
	for i := range d.Domains {
		for j := range d.Domains[i].Scores {
			d.Domains[i].Scores[j] /= float64(max(1, d.Domains[i].Docs))
		}
		for _, c := range d.Domains[i].Clusters {
			d.Clusters[c].Domain = i
		}
	}
	return nil
}

// topTerms is the number of terms kept for a domain or cluster.
const topTerms = 8

// name reads a sample of the documents to name clusters and domains by their
// distinguishing terms, and keeps the most central ones as examples.
func (d *Domains) name(ctx context.Context, p *task.Plan, t *Texts, o domainsOptions, x *crossing) error {
	type candidate struct {
		Example
		dist float32
	}
	var byCluster, byDomain, byGroup cluster.Namer
	best := make([][]candidate, len(d.Domains))
	var ids, domain []int32
	var dist []float32
	open := -1
	err := t.sample(ctx, o.Domains.Sample, o.Seed^0xd0, func(shard int, doc corpus.Document) (err error) {
		if shard != open {
			open = shard
			if ids, err = ClusterOf.Ints(p, shard); err != nil {
				return err
			}
			if domain, err = x.shard(shard); err != nil {
				return err
			}
			if dist, _, err = DistanceOf.Floats(p, shard); err != nil {
				return err
			}
		}
		c := int(ids[doc.Row])
		text := CutBytes(doc.Text, 4096)
		byCluster.Add(c, text)
		dom := int(domain[doc.Row])
		if dom < 0 {
			return nil
		}
		byDomain.Add(dom, text)
		if d.Axes != nil {
			byGroup.Add(x.group[c], text)
		}
		e := candidate{Example{doc.ID, CutRunes(doc.Text, ExampleBytes)}, dist[doc.Row]}
		at, _ := slices.BinarySearchFunc(best[dom], e, func(a, b candidate) int { return cmp.Compare(a.dist, b.dist) })
		if at < o.Domains.Examples {
			best[dom] = slices.Insert(best[dom], at, e)
			best[dom] = best[dom][:min(len(best[dom]), o.Domains.Examples)]
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, l := range byCluster.Labels(len(d.Clusters), topTerms) {
		d.Clusters[i].Name, d.Clusters[i].Terms = l.Name, termTexts(l.Terms)
	}
	groups := byGroup.Labels(len(x.cell), 1)
	for i, l := range byDomain.Labels(len(d.Domains), topTerms) {
		d.Domains[i].Name, d.Domains[i].Terms = d.domainName(o.Domains.By, &d.Domains[i], l.Name, groups), termTexts(l.Terms)
		for _, e := range best[i] {
			d.Domains[i].Examples = append(d.Domains[i].Examples, e.Example)
		}
	}
	return nil
}

// domainName is unique: so are places on the axes, and the names made of terms.
func (d *Domains) domainName(by Axes, dom *Domain, terms string, groups []cluster.Label) string {
	switch {
	case by == "label":
		return dom.Label
	case by == "both":
		return dom.Label + ": " + terms
	case d.Axes == nil:
		return terms
	}
	var parts []string
	labels := dom.Labels
	for _, axis := range d.Axes {
		switch kind, _, _ := strings.Cut(axis, ":"); kind {
		case "clusters":
			parts = append(parts, fmt.Sprintf("c%02d %s", *dom.Group, groups[*dom.Group].Name))
		case "quality":
			parts = append(parts, tiersText(*dom.Tiers))
		default:
			parts, labels = append(parts, labels[0]), labels[1:]
		}
	}
	return strings.Join(parts, " / ")
}

func termTexts(terms []cluster.Term) []string {
	out := make([]string, len(terms))
	for i, t := range terms {
		out[i] = t.Text
	}
	return out
}

// CutRunes cuts s to at most n bytes at a character boundary.
func CutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// unlabeled tells whether labels are an axis and no document has one.
func (d *Domains) unlabeled() bool {
	return !slices.ContainsFunc(d.Domains, func(dom Domain) bool { return dom.Label != noTag })
}

// alarm warns when one domain holds more than half of the text.
func (d *Domains) alarm() {
	weight := make([]float64, len(d.Domains))
	for i, dom := range d.Domains {
		weight[i] = float64(dom.Bytes)
	}
	merged := d.Axes == nil || slices.Contains(d.Axes, "clusters")
	if g, share, collapsed := cluster.Collapsed(weight); collapsed && len(weight) > 1 {
		remedy := "cross it with clusters, or with tiers of quality, in domains.by"
		if merged {
			remedy = "merging has collapsed and the search can move little; use more clusters, a lower merging threshold or a higher count, or domains.method: balanced"
		}
		d.Warnings = append(d.Warnings, fmt.Sprintf("domain %q holds %.0f %% of the text: %s", d.Domains[g].Name, 100*share, remedy))
	}
	if len(d.Domains) == 1 {
		remedy := "add an axis to domains.by, such as clusters or quality:5"
		if merged {
			remedy = "use more clusters, or a lower merging threshold"
		}
		d.Warnings = append(d.Warnings, "all text is in one domain: there is nothing to mix; "+remedy)
	}
	d.tellTiers()
}

// tellTiers notes which tiers were merged.
func (d *Domains) tellTiers() {
	if d.Quality == nil {
		return
	}
	var names []string
	for _, dom := range d.Domains {
		if dom.Tiers[0] < dom.Tiers[1] {
			names = append(names, dom.Name)
		}
	}
	if n := len(names); n > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("tiers of quality are merged with the ones beside them where they hold too little text (domains.quality.min_share) in %d of %d domains: %s", n, len(d.Domains), strings.Join(names[:min(n, 20)], "; ")))
	}
}
