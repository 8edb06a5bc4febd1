package curate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// labelStage writes the quality scores of every document, part-NNNNN.npy,
// float32, one column for each score of the labeler, and the length of its text
// in bytes, part-NNNNN.bytes.npy, int32.
func (r *Curation) labelStage() *stage.Stage {
	return &stage.Stage{
		Name: "label", Title: "score every document", Format: 4, ByShard: true, Inputs: []string{"corpus", "rows"},
		Options: func() (any, error) { return r.Config.Label.options() },
		Tasks:   r.PerShard,
		Run:     labelShard,
		Amount:  r.TextBytes,
		Accept:  checkScores,
	}
}

func labelShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o labelOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	labeler, err := o.labeler(ctx)
	if err != nil {
		return err
	}
	names := labeler.Names()
	w, out, err := scoresOf.Create(a, n, len(names))
	if err != nil {
		return err
	}
	var size []int32
	scores := make([]float32, batchRows*len(names))
	err = Batches(ctx, p, n, a, func(docs []corpus.Document, texts []string) error {
		s := scores[:len(texts)*len(names)]
		if err := labeler.Label(ctx, s, texts); err != nil {
			return err
		}
		for i, x := range s {
			if x != x {
				return task.Permanent(fmt.Errorf("score %s of document %q is NaN", names[i%len(names)], docs[i/len(names)].ID))
			}
		}
		for _, t := range texts {
			size = append(size, int32(len(t)))
		}
		return w.WriteFloats(s)
	})
	if err != nil {
		return err
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		return err
	}
	return bytesOf.WriteInts(a, n, size)
}

// Codes of a document that belongs to no domain.
const (
	PrunedCluster  = -1
	PrunedDocument = -2
	HeldOut        = -3
	Overlaps       = -4
	SemanticCopy   = -5
)

type assignOptions struct {
	Seed    uint64      `json:"seed"`
	Prune   PruneConfig `json:"prune"`
	Holdout float64     `json:"holdout"` // share of the documents; 0 = none
	Overlap string      `json:"overlap"` // what happens to documents that overlap with a target file
}

// assignStage writes the domain of every document, part-NNNNN.npy, int16. Codes
// below 0: -1 cluster pruned, -2 document pruned, -3 held out, -4 contaminated
// (shares an n-gram with a target file), -5 semantic duplicate.
func (r *Curation) assignStage() *stage.Stage {
	return &stage.Stage{
		Name: "assign", Title: "assign documents to domains", Format: 4, ByShard: true, Inputs: []string{"corpus", "rows", "cluster", "semantic", "label", "overlap", "domains"},
		Options: func() (any, error) {
			o := assignOptions{Seed: r.Config.Seed, Prune: r.Config.Prune, Overlap: r.Config.Decontaminate.Action, Holdout: r.Config.Holdout}
			return o, nil
		},
		Tasks:  r.PerShard,
		Run:    assignShard,
		Accept: checkCodes,
	}
}

func assignShard(_ context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o assignOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	d, err := DomainsOf(p)
	if err != nil {
		return err
	}
	domain, err := mergedOf.Ints(p, n)
	if err != nil {
		return err
	}
	g, err := ReadGrades(p, n)
	if err != nil {
		return err
	}
	if len(g.Clusters) != len(domain) {
		return fmt.Errorf("shard %d: %d documents have a domain, %d are labeled", n, len(domain), len(g.Clusters))
	}
	rule, err := newDocumentRule(o.Prune, d.ScoreNames)
	if err != nil {
		return err
	}
	overlap, err := Overlapping(p, n)
	if err != nil {
		return err
	}
	semantic, err := semanticDuplicates(p, n)
	if err != nil {
		return err
	}
	for row := range domain {
		dom := int(domain[row])
		reason := rule.fails(g.Row(row))
		switch {
		case dom < 0:
			dom = PrunedCluster
		case reason != "":
			prunedDocuments.Add(a, reason, 1)
			prunedBytes.Add(a, reason, int64(g.Bytes[row]))
			dom = PrunedDocument
		case o.Overlap == "drop" && overlap.Has(row):
			dom = Overlaps
		case semantic.Has(row):
			dom = SemanticCopy
		case o.Holdout > 0 && float64(stage.SplitMix(o.Seed^uint64(n)<<32, uint64(row))>>11)/(1<<53) < o.Holdout:
			dom = HeldOut
		}
		domain[row] = int32(dom)
		documentsAs.Add(a, dom, 1)
		bytesAs.Add(a, dom, int64(g.Bytes[row]))
	}
	return DomainOf.WriteInts(a, n, domain)
}

// A documentRule prunes documents by their scores.
type documentRule struct {
	floors []floor
	all    bool // a document goes only if it is below all of them
}

// A floor is the minimum of one score column.
type floor struct {
	column int // -1: the mean of all
	name   string
	least  float32
}

// newDocumentRule finds the columns of the floors, sorted by name.
func newDocumentRule(o PruneConfig, names []string) (*documentRule, error) {
	rule := &documentRule{all: o.DocumentsIf == "all"}
	for _, name := range slices.Sorted(maps.Keys(o.Documents)) {
		i := slices.Index(names, name)
		if i < 0 && name != "mean" {
			return nil, task.Permanent(fmt.Errorf("prune.documents: no score is called %q; the labeler gives %s", name, strings.Join(names, ", ")))
		}
		rule.floors = append(rule.floors, floor{i, name, float32(o.Documents[name])})
	}
	return rule, nil
}

// ClusterRules are the floors of clusters.
func (o PruneConfig) ClusterRules() cluster.Rules {
	return cluster.Rules{Floors: o.Clusters, All: o.ClustersIf == "all"}
}

// Kept says which documents the floors keep, given as rows of the named scores.
func (o PruneConfig) Kept(names []string, scores []float32) ([]bool, error) {
	rule, err := newDocumentRule(o, names)
	if err != nil {
		return nil, err
	}
	kept := make([]bool, len(scores)/max(1, len(names)))
	for i := range kept {
		kept[i] = rule.fails(scores[i*len(names):(i+1)*len(names)]) == ""
	}
	return kept, nil
}

// Check reports a floor of a score that the labeler does not give.
func (o PruneConfig) Check(names []string) error {
	known := append(slices.Clone(names), "mean")
	for _, section := range []struct {
		name   string
		floors map[string]float64
	}{{"prune.clusters", o.Clusters}, {"prune.documents", o.Documents}} {
		for _, score := range slices.Sorted(maps.Keys(section.floors)) {
			if slices.Contains(known, score) {
				continue
			}
			hint := ""
			if near := option.Nearest(score, known); near != "" {
				hint = fmt.Sprintf("; did you mean %s", near)
			}
			return &option.ConfigError{Text: fmt.Sprintf("%s: no score is called %q%s; the labeler gives %s", section.name, score, hint, strings.Join(known, ", "))}
		}
	}
	return nil
}

// fails names the score that prunes a document, the first below its floor; "" if
// the document stays.
func (r *documentRule) fails(scores []float32) string {
	first := ""
	for _, f := range r.floors {
		switch low := f.value(scores) < f.least; {
		case low && first == "":
			first = f.name
		case !low && r.all:
			return ""
		}
	}
	return first
}

func (f floor) value(scores []float32) float32 {
	if f.column >= 0 {
		return scores[f.column]
	}
	var sum float64
	for _, x := range scores {
		sum += float64(x)
	}
	return float32(sum / float64(len(scores)))
}

// holdoutItems is the number of held-out documents of a domain in its validation
// file, and in its test file.
const holdoutItems = 64

// holdoutStage writes the held-out documents of each domain as target files,
// validation-NNN.jsonl and test-NNN.jsonl. It does nothing when the
// configuration names target files.
func (r *Curation) holdoutStage() *stage.Stage {
	return &stage.Stage{
		Name: "holdout", Title: "hold documents out", Format: 2, Inputs: []string{"corpus", "rows", "domains", "assign"},
		Options: func() (any, error) { return r.Config.Holdout > 0, nil },
		Tasks: func(p *task.Plan) ([]any, error) {
			if r.Config.Holdout == 0 {
				return nil, nil
			}
			return stage.One(p)
		},
		Run: writeHoldout,
	}
}

func writeHoldout(ctx context.Context, p *task.Plan, _ int, a *task.Attempt) error {
	t, err := OpenTexts(ctx, p)
	if err != nil {
		return err
	}
	d, err := DomainsOf(p)
	if err != nil {
		return err
	}
	// A held-out document counts towards the domain that it would be in.
	items := make([][2][]byte, len(d.Domains))
	counts := make([][2]int, len(d.Domains))
	order, drawn := t.someFirst(0)
	for at, shard := range order {
		if enough(counts, at < drawn) {
			break
		}
		codes, err := DomainOf.Ints(p, shard)
		if err != nil {
			return err
		}
		domain, err := mergedOf.Ints(p, shard)
		if err != nil {
			return err
		}
		if !slices.Contains(codes, HeldOut) {
			continue
		}
		for doc, err := range t.Shard(ctx, shard) {
			if err != nil {
				return err
			}
			if codes[doc.Row] != HeldOut {
				continue
			}
			dom := int(domain[doc.Row])
			half := (counts[dom][0] + counts[dom][1]) % 2
			if counts[dom][half] == holdoutItems {
				continue
			}
			counts[dom][half]++
			items[dom][half] = corpus.AppendDocument(items[dom][half], corpus.Document{ID: doc.ID, Text: doc.Text})
		}
	}
	for dom := range items {
		for half, name := range []string{"validation", "test"} {
			if counts[dom][half] == 0 {
				continue
			}
			if err := a.WriteFile(heldOutName(name, dom), items[dom][half]); err != nil {
				return err
			}
		}
	}
	return nil
}

// enough tells whether no more documents need to be read: the domains have all that
// they may have, or, where the shards that samples are read from are done, each has
// some.
func enough(counts [][2]int, drawing bool) bool {
	for _, c := range counts {
		if drawing && min(c[0], c[1]) < holdoutItems || min(c[0], c[1]) == 0 {
			return false
		}
	}
	return true
}

// heldOutName is the file of a half, "validation" or "test", of a domain.
func heldOutName(half string, dom int) string { return fmt.Sprintf("%s-%03d.jsonl", half, dom) }

// HeldOutDomain is the domain of a file of held-out documents, named without its
// ending.
func HeldOutDomain(name string) (dom int, ok bool) {
	n, err := fmt.Sscanf(name, "validation-%d", &dom)
	return dom, n == 1 && err == nil
}

// HeldOutFiles are those of one half that the manifests of the stage holdout name,
// for a plan that reads the stage; any other file in its folder is not read.
func HeldOutFiles(p *task.Plan, half string) ([]string, error) {
	in, err := stage.PlanOf(p, "holdout")
	if err != nil {
		return nil, err
	}
	return heldOutFiles(in, half)
}

// HeldOutFiles are those of one half.
func (r *Curation) HeldOutFiles(half string) ([]string, error) {
	in, err := r.Plan("holdout")
	if err != nil {
		return nil, err
	}
	return heldOutFiles(in, half)
}

func heldOutFiles(in *task.Plan, half string) (paths []string, err error) {
	manifests, err := stage.Manifests(in)
	if err != nil {
		return nil, err
	}
	for _, m := range manifests {
		for _, o := range m.Outputs { // sorted by name
			if strings.HasPrefix(o.Name, half+"-") {
				paths = append(paths, in.Path(o.Name))
			}
		}
	}
	return paths, nil
}

// Left counts the documents of no domain.
type Left struct {
	Below                                          map[string]int64 // by the score that is below its floor
	PrunedCluster, HeldOut, Overlaps, SemanticCopy int64
}

// Left reads how many documents have no domain, and why.
func (r *Curation) Left() (*Left, error) {
	p, err := r.Assignment()
	if err != nil {
		return nil, err
	}
	m, err := stage.Manifests(p)
	if err != nil {
		return nil, err
	}
	return &Left{Below: prunedDocuments.Names(m...), PrunedCluster: documentsAs.Of(PrunedCluster, m...), HeldOut: documentsAs.Of(HeldOut, m...),
		Overlaps: documentsAs.Of(Overlaps, m...), SemanticCopy: documentsAs.Of(SemanticCopy, m...)}, nil
}
