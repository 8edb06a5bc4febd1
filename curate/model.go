package curate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	embedding "github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// A Model gives new text what a run has given its corpus: clusters, scores and
// domains.
type Model struct {
	Card     ModelCard
	cents    *cluster.Centroids
	embedder embedding.Embedder
	labeler  label.Labeler
	crossing *crossing
	rule     *documentRule
	files    []modelFile // that a pack is made of
	dir      string      // of a pack that was opened; removed by Close
}

// ModelFormat is the version of model files that this program writes and reads.
const ModelFormat = 1

// A ModelCard is model.json of a model file: what it was made from, and all that is
// not in a file of its own.
type ModelCard struct {
	Format  int    `json:"format"`
	Version string `json:"climb_version"`
	Stage   string `json:"stage"` // of the run that made it, such as domains-3fa9c1d2e4b5

	Corpus  corpus.Options   `json:"corpus"` // how the run read its text, without inputs
	Embed   embedding.Choice `json:"embed"`
	Label   LabelConfig      `json:"label"`
	Prune   PruneConfig      `json:"prune"`
	By      Axes             `json:"by"`
	Tag     TagConfig        `json:"tag"`
	Domains *Domains         `json:"domains"` // as domains.json, without examples
	Groups  []int            `json:"groups"`  // of each cluster, -1: pruned
	Places  []Place          `json:"places"`  // of each domain
	Fit     Fit              `json:"fit"`     // what drift is measured against
	Files   []task.Output    `json:"files"`   // of the model file
}

// A Place is where on the axes a domain is.
type Place struct {
	Group  int      `json:"group"`
	Labels []string `json:"labels,omitempty"`
	Tiers  *[2]int  `json:"tiers,omitempty"` // first and last, from 1
}

// A modelFile is a file of a pack, and where it is now.
type modelFile struct{ name, path string }

// The names of files in a pack; those of a fitted embedder are below embedderDir,
// those that embedder and labeler were made from below sourcesDir.
const (
	embedderDir = "embedder"
	sourcesDir  = "files"
)

// Model opens what a run has fitted. The run must have come as far as its domains,
// and the domains must follow from clusters, labels and scores: those that were
// published by somebody else need not.
func (r *Curation) Model(ctx context.Context, version string) (*Model, error) {
	if !r.Done("assign") {
		return nil, task.Usage(errors.New("the run has no domains yet: run climb domains first, with the same configuration"))
	}
	if _, ok := r.Config.Embed.Method.Value().(embedding.Maker); !ok {
		return nil, task.Usage(errors.New("embed.method import has vectors of the run's own documents alone: new text cannot be assigned with it"))
	}
	for _, s := range []string{vectorizer, "refine", "cluster", "label", "tags", "domains"} {
		if err := r.Verify(ctx, r.Dir(s)); err != nil {
			return nil, err
		}
	}
	c := r.Config
	m := &Model{Card: ModelCard{Format: ModelFormat, Version: version, Stage: filepath.Base(r.Dir("domains")),
		Corpus: c.Corpus, Embed: c.Embed.Method, Label: c.Label, Prune: c.Prune, By: c.Domains.By.canonical(), Tag: c.Domains.Tag}}
	m.Card.Corpus.Inputs, m.Card.Corpus.Attributes = nil, nil
	var err error
	if m.Card.Domains, err = r.Domains(); err != nil {
		return nil, err
	}
	for i := range m.Card.Domains.Domains {
		m.Card.Domains.Domains[i].Examples = nil
	}
	cents, err := r.Centroids()
	if err != nil {
		return nil, err
	}
	if m.Card.Groups, m.Card.Places, err = m.Card.Domains.places(c.Domains, cents); err != nil {
		return nil, err
	}
	if err := m.listFiles(r); err != nil {
		return nil, err
	}
	if err := m.load(ctx, filepath.Join(r.Dir("refine"), centroidsName), r.Dir(vectorizer)); err != nil {
		return nil, err
	}
	m.Card.Fit, err = m.fit(r)
	return m, err
}

// places are the groups of clusters and the places of domains.
func (d *Domains) places(o DomainsConfig, cents *cluster.Centroids) (groups []int, places []Place, err error) {
	by := o.By.canonical()
	groups = make([]int, len(d.Clusters))
	for c, cl := range d.Clusters {
		switch {
		case cl.Domain < 0:
			groups[c] = -1
		case by == "clusters":
			groups[c] = cl.Domain
		case cl.Group != nil:
			groups[c] = *cl.Group
		}
	}
	if by == "both" { // where they are not written down
		again := &Domains{ScoreNames: d.ScoreNames, Clusters: slices.Clone(d.Clusters)}
		for c := range again.Clusters {
			again.Clusters[c].Domain = min(0, again.Clusters[c].Domain)
		}
		if err := again.merge(o, cents); err != nil {
			return nil, nil, err
		}
		for c := range groups {
			groups[c] = again.Clusters[c].Domain
		}
	}
	for i, dom := range d.Domains {
		p := Place{Labels: dom.Labels, Tiers: dom.Tiers}
		if len(dom.Clusters) == 0 {
			return nil, nil, fmt.Errorf("domains.json: domain %q has no clusters", dom.Name)
		}
		switch p.Group = groups[dom.Clusters[0]]; {
		case by == "clusters":
			p.Group = i
		case d.Axes == nil:
			p.Labels = []string{dom.Label}
		}
		places = append(places, p)
	}
	return groups, places, nil
}

// load opens embedder and labeler, and puts the axes together.
func (m *Model) load(ctx context.Context, centroids, embedder string) (err error) {
	if m.cents, err = loadCentroids(centroids); err != nil {
		return err
	}
	if m.cents.K != len(m.Card.Groups) {
		return fmt.Errorf("it has %d centroids and groups of %d clusters", m.cents.K, len(m.Card.Groups))
	}
	maker, ok := m.Card.Embed.Value().(embedding.Maker)
	if !ok {
		return fmt.Errorf("its embedder %q makes no vectors of new text", m.Card.Embed.Name())
	}
	if m.embedder, err = maker.Load(ctx, embedder); err != nil {
		return err
	}
	if m.embedder.Dim() != m.cents.D {
		return fmt.Errorf("its embedder makes vectors of %d numbers and its centroids have %d", m.embedder.Dim(), m.cents.D)
	}
	if m.labeler, err = m.Card.Label.Labeler(ctx); err != nil {
		return err
	}
	if m.rule, err = newDocumentRule(m.Card.Prune, m.Card.Domains.ScoreNames); err != nil {
		return err
	}
	m.crossing = m.Card.crossing()
	return nil
}

// crossing is the one that gave the run's documents their domains, for labels and
// scores that the run has not seen too.
func (c *ModelCard) crossing() *crossing {
	x := &crossing{group: c.Groups, tiers: c.Domains.Quality}
	for range c.By.labels() {
		x.labels = append(x.labels, labelAxis{number: map[string]int{}})
	}
	if x.tiers != nil {
		x.score = floor{column: slices.Index(c.Domains.ScoreNames, x.tiers.Score)}
	}
	for _, p := range c.Places {
		for i, name := range p.Labels {
			a := &x.labels[i]
			if _, ok := a.number[name]; !ok && name != otherTag {
				a.number[name] = len(a.names)
				a.names = append(a.names, name)
			}
		}
	}
	for i := range x.labels {
		x.labels[i].names = append(x.labels[i].names, otherTag)
	}
	x.cell = make([]map[int]int, slices.Max(c.Groups)+1)
	for g := range x.cell {
		x.cell[g] = map[int]int{}
	}
	for dom, p := range c.Places {
		column := 0
		for i, name := range p.Labels {
			k, ok := x.labels[i].number[name]
			if !ok {
				k = len(x.labels[i].names) - 1
			}
			column = column*len(x.labels[i].names) + k
		}
		if x.tiers == nil {
			x.cell[p.Group][column] = dom
			continue
		}
		for t := p.Tiers[0]; t <= p.Tiers[1]; t++ {
			x.cell[p.Group][column*(len(x.tiers.Cuts)+1)+t-1] = dom
		}
	}
	return x
}

// domain is that of a document, -1 where its cluster was pruned, and -2 where the run
// had no domain for its labels among such clusters.
func (x *crossing) domain(cluster int32, tag string, scores []float32) int {
	g := x.group[cluster]
	if g < 0 {
		return PrunedCluster
	}
	column := 0
	if len(x.labels) > 0 {
		var err error
		if column, err = x.label(tag); err != nil {
			return noDomain
		}
	}
	if x.tiers != nil {
		column = column*(len(x.tiers.Cuts)+1) + x.tiers.of(x.score.value(scores))
	}
	if dom, ok := x.cell[g][column]; ok {
		return dom
	}
	return noDomain
}

const noDomain = -2

// fit goes over the run's documents: how far they are from their centroids, what
// share each domain has, and whether the model gives each the domain that it has.
func (m *Model) fit(r *Curation) (f Fit, err error) {
	p, err := r.Plan("domains")
	if err != nil {
		return f, err
	}
	scan, err := r.Scan()
	if err != nil {
		return f, err
	}
	m.crossing.p = p
	f.Shares = make([]float64, len(m.Card.Places)+1)
	for n := range scan.Rows {
		want, err := mergedOf.Ints(p, n)
		if err != nil {
			return f, err
		}
		got, err := m.crossing.shard(n)
		if err != nil {
			return f, err
		}
		for row, dom := range want {
			if got[row] != dom {
				return f, task.Permanent(fmt.Errorf("the run's domains do not follow from its clusters, labels and scores (shard %d, row %d is in %d, and they say %d): they were published by another program, and say nothing about new text", n, row, dom, got[row]))
			}
			if f.Documents++; dom < 0 {
				dom = int32(len(m.Card.Places))
			}
			f.Shares[dom]++
		}
	}
	for i := range f.Shares {
		f.Shares[i] /= float64(max(1, f.Documents))
	}
	err = f.distances(func(add func(float32)) error {
		for n := range scan.Rows {
			dist, _, err := DistanceOf.Floats(p, n)
			if err != nil {
				return err
			}
			for _, x := range dist {
				add(x)
			}
		}
		return nil
	})
	return f, err
}

// listFiles finds what a pack is made of.
func (m *Model) listFiles(r *Curation) error {
	m.files = []modelFile{{centroidsName, filepath.Join(r.Dir("refine"), centroidsName)}}
	p, err := r.Plan(vectorizer)
	if err != nil {
		return err
	}
	manifests, err := stage.Manifests(p)
	if err != nil {
		return err
	}
	for _, man := range manifests {
		for _, o := range man.Outputs {
			m.files = append(m.files, modelFile{embedderDir + "/" + o.Name, p.Path(o.Name)})
		}
	}
	return nil
}

// Close removes what a model file was unpacked to.
func (m *Model) Close() error {
	if m.dir == "" {
		return nil
	}
	return os.RemoveAll(m.dir)
}

// check holds a card that somebody else may have written to itself.
func (c *ModelCard) check() error {
	clusters := len(c.Groups)
	if clusters == 0 {
		return errors.New("it has no clusters")
	}
	if c.Domains == nil {
		return errors.New("it has no domains")
	}
	if err := c.Domains.check(c.Label.Names(), clusters); err != nil {
		return err
	}
	if _, err := c.By.parse(); err != nil {
		return err
	}
	if err := (&DomainsConfig{By: c.By, Quality: QualityConfig{Score: "mean"}}).Check([]string{""}); err != nil {
		return err
	}
	if len(c.Places) != len(c.Domains.Domains) {
		return fmt.Errorf("it has places of %d domains, want %d", len(c.Places), len(c.Domains.Domains))
	}
	if bad := slices.IndexFunc(c.Groups, func(g int) bool { return g < -1 || g >= mostDomains }); bad >= 0 {
		return fmt.Errorf("cluster %d is in group %d", bad, c.Groups[bad])
	}
	if slices.Max(c.Groups) < 0 {
		return errors.New("all its clusters are pruned")
	}
	tiers := c.By.tiers()
	if q := c.Domains.Quality; (q != nil) != (tiers > 0) {
		return errors.New("its axes and its tiers of quality do not belong together")
	} else if q != nil && (len(q.Cuts) != tiers-1 || !slices.IsSorted(q.Cuts) || q.Score != "mean" && !slices.Contains(c.Domains.ScoreNames, q.Score)) {
		return fmt.Errorf("its %d cuts of the score %q are not those of %d tiers", len(q.Cuts), q.Score, tiers)
	}
	for i, p := range c.Places {
		if p.Group < 0 || p.Group > slices.Max(c.Groups) || len(p.Labels) != len(c.By.labels()) || (p.Tiers != nil) != (tiers > 0) ||
			p.Tiers != nil && (p.Tiers[0] < 1 || p.Tiers[1] < p.Tiers[0] || p.Tiers[1] > tiers) {
			return fmt.Errorf("domain %d is at a place that is not on its axes", i)
		}
	}
	return c.Fit.check(len(c.Places))
}

// copyOf is a card whose sections can be set without the original being changed.
func (c ModelCard) copyOf() (*ModelCard, error) {
	data, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	out := &ModelCard{}
	return out, json.Unmarshal(data, out)
}
