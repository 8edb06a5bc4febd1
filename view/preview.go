package view

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// PreviewOptions say which pruning thresholds to look at.
type PreviewOptions struct {
	Scores     []string  // none: those with a floor in the configuration
	Thresholds []float64 // none: the floors of the score and its deciles
	Examples   int       // documents from each side of a border
	Seed       uint64    // of the examples
}

// A Preview says what each pruning threshold would remove.
type Preview struct {
	All    Amount         `json:"all"`
	Kept   Amount         `json:"kept"` // with the floors of the configuration; what is held out counts as kept
	Scores []PreviewScore `json:"scores"`
}

// An Amount counts documents. Tokens are those of the run's tokenizer if it
// has one yet, and otherwise a quarter of the bytes.
type Amount struct {
	Documents int64 `json:"documents"`
	Bytes     int64 `json:"bytes"`
	Tokens    int64 `json:"tokens"`
}

// PreviewScore is one score with its thresholds, rising.
type PreviewScore struct {
	Name       string             `json:"name"`
	Thresholds []PreviewThreshold `json:"thresholds"`
	column     int
}

// PreviewThreshold is what lies below a value.
type PreviewThreshold struct {
	Value      float64          `json:"value"`
	Documents  Amount           `json:"documents"`   // whose score is below
	Clusters   int              `json:"clusters"`    // whose mean is below
	InClusters Amount           `json:"in_clusters"` // documents of these
	Below      []PreviewExample `json:"below"`
	Above      []PreviewExample `json:"above"`
}

// A PreviewExample is a document near a border.
type PreviewExample struct {
	ID    string  `json:"id"`
	Score float64 `json:"score"`
	Text  string  `json:"text"` // its start

	shard, row int
	priority   float64
}

// Share is part of all tokens.
func (v *Preview) Share(a Amount) float64 { return float64(a.Bytes) / float64(max(1, v.All.Bytes)) }

// previewSample is the number of scores that deciles are taken from.
const previewSample = 10_000

// Preview counts what each threshold would remove, from a run that has reached
// the target domains. It reads the scores twice, and of the texts only the
// shards that examples are from.
func (r *View) Preview(ctx context.Context, o PreviewOptions) (*Preview, error) {
	p, err := r.Curation.Assignment()
	if err != nil {
		return nil, err
	}
	d, err := r.Curation.Domains()
	if err != nil {
		return nil, err
	}
	t, err := curate.OpenTexts(ctx, p)
	if err != nil {
		return nil, err
	}
	v := &Preview{}
	if err := v.choose(r.Curation.Config.Prune, o, d.ScoreNames); err != nil {
		return nil, err
	}
	if len(o.Thresholds) == 0 {
		if err := v.deciles(p, len(t.Shards), t.Scan.Documents); err != nil {
			return nil, err
		}
	}
	for shard := range t.Shards {
		if err := v.count(p, shard, d, o); err != nil {
			return nil, err
		}
	}
	v.countTokens(r, len(d.Domains))
	return v, v.readExamples(ctx, t)
}

// choose settles the scores, with the thresholds that are given or configured.
func (v *Preview) choose(prune curate.PruneConfig, o PreviewOptions, names []string) error {
	scores := o.Scores
	if len(scores) == 0 {
		floors := maps.Clone(prune.Clusters)
		if floors == nil {
			floors = map[string]float64{}
		}
		maps.Copy(floors, prune.Documents)
		delete(floors, "mean")
		scores = slices.Sorted(maps.Keys(floors))
	}
	if len(scores) == 0 {
		return &option.ConfigError{Text: "prune has no floors; name the scores to look at with --score: " + strings.Join(names, ", ")}
	}
	for _, name := range scores {
		column := slices.Index(names, name)
		if column < 0 {
			return &option.ConfigError{Text: fmt.Sprintf("no score is called %q; there are %s", name, strings.Join(names, ", "))}
		}
		s := PreviewScore{Name: name, column: column}
		values := slices.Clone(o.Thresholds)
		if len(values) == 0 {
			for _, floors := range []map[string]float64{prune.Clusters, prune.Documents} {
				if x, ok := floors[name]; ok {
					values = append(values, x)
				}
			}
		}
		s.add(values)
		v.Scores = append(v.Scores, s)
	}
	return nil
}

// add puts thresholds among those that are there.
func (s *PreviewScore) add(values []float64) {
	for _, x := range values {
		s.Thresholds = append(s.Thresholds, PreviewThreshold{Value: x})
	}
	slices.SortFunc(s.Thresholds, func(a, b PreviewThreshold) int { return cmp.Compare(a.Value, b.Value) })
	s.Thresholds = slices.CompactFunc(s.Thresholds, func(a, b PreviewThreshold) bool { return a.Value == b.Value })
}

// deciles adds the lower five deciles of each score, from a sample of rows.
func (v *Preview) deciles(p *task.Plan, shards int, documents int64) error {
	step := max(1, documents/previewSample)
	samples := make([][]float32, len(v.Scores))
	row := int64(0)
	for shard := range shards {
		g, err := curate.ReadGrades(p, shard)
		if err != nil {
			return err
		}
		for i := range g.Clusters {
			if row++; row%step == 0 {
				for k, s := range v.Scores {
					samples[k] = append(samples[k], g.Row(i)[s.column])
				}
			}
		}
	}
	for k, x := range samples {
		slices.Sort(x)
		for i := 1; i <= 5 && len(x) > 0; i++ {
			v.Scores[k].add([]float64{math.Round(1e4*float64(x[len(x)*i/10])) / 1e4})
		}
	}
	return nil
}

// count adds the documents of one shard.
func (v *Preview) count(p *task.Plan, shard int, d *curate.Domains, o PreviewOptions) error {
	g, err := curate.ReadGrades(p, shard)
	if err != nil {
		return err
	}
	codes, err := curate.DomainOf.Ints(p, shard)
	if err != nil {
		return err
	}
	if len(codes) != len(g.Clusters) {
		return fmt.Errorf("shard %d: %d documents assigned, %d clustered", shard, len(codes), len(g.Clusters))
	}
	for row, c := range g.Clusters {
		v.All.add(g.Bytes[row])
		if codes[row] >= 0 || codes[row] == curate.HeldOut {
			v.Kept.add(g.Bytes[row])
		}
		for k := range v.Scores {
			s := &v.Scores[k]
			x := g.Row(row)[s.column]
			for i := range s.Thresholds {
				th := &s.Thresholds[i]
				if d.Clusters[c].Scores[s.column] < th.Value {
					th.InClusters.add(g.Bytes[row])
				}
				side := &th.Above
				if x < float32(th.Value) {
					th.Documents.add(g.Bytes[row])
					side = &th.Below
				}
				u := float64(stage.SplitMix(o.Seed^uint64(shard)<<32, uint64(row))>>11+1) / (1 << 53)
				keepExample(side, o.Examples, PreviewExample{Score: float64(x), shard: shard, row: row, priority: u * (1e-6 + math.Abs(float64(x)-th.Value))})
			}
		}
	}
	if shard > 0 {
		return nil
	}
	for k := range v.Scores {
		s := &v.Scores[k]
		for i := range s.Thresholds {
			for _, c := range d.Clusters {
				if c.Docs > 0 && c.Scores[s.column] < s.Thresholds[i].Value {
					s.Thresholds[i].Clusters++
				}
			}
		}
	}
	return nil
}

func (a *Amount) add(bytes int32) {
	a.Documents++
	a.Bytes += int64(bytes)
}

// keepExample keeps the n examples of the smallest priority, which is random
// and falls with the distance from the border.
func keepExample(list *[]PreviewExample, n int, e PreviewExample) {
	at, _ := slices.BinarySearchFunc(*list, e, func(a, b PreviewExample) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.shard, b.shard), cmp.Compare(a.row, b.row))
	})
	if at < n {
		*list = slices.Insert(*list, at, e)
		*list = (*list)[:min(len(*list), n)]
	}
}

// countTokens estimates the tokens from the bytes.
func (v *Preview) countTokens(r *View, domains int) {
	perByte := 0.25
	if tokens, bytes, err := r.Curation.Supply(domains); err == nil {
		var n, b int64
		for i := range tokens {
			n, b = n+tokens[i], b+bytes[i]
		}
		if b > 0 {
			perByte = float64(n) / float64(b)
		}
	}
	estimate := func(a *Amount) { a.Tokens = int64(perByte * float64(a.Bytes)) }
	estimate(&v.All)
	estimate(&v.Kept)
	for _, s := range v.Scores {
		for i := range s.Thresholds {
			estimate(&s.Thresholds[i].Documents)
			estimate(&s.Thresholds[i].InClusters)
		}
	}
}

// readExamples reads the starts of the examples' texts.
func (v *Preview) readExamples(ctx context.Context, t *curate.Texts) error {
	wanted := map[int]map[int][]*PreviewExample{} // shard -> row
	for _, s := range v.Scores {
		for i := range s.Thresholds {
			for _, list := range [][]PreviewExample{s.Thresholds[i].Below, s.Thresholds[i].Above} {
				for k := range list {
					e := &list[k]
					if wanted[e.shard] == nil {
						wanted[e.shard] = map[int][]*PreviewExample{}
					}
					wanted[e.shard][e.row] = append(wanted[e.shard][e.row], e)
				}
			}
		}
	}
	for _, shard := range slices.Sorted(maps.Keys(wanted)) {
		left := len(wanted[shard])
		for doc, err := range t.Shard(ctx, shard) {
			if err != nil {
				return err
			}
			list := wanted[shard][doc.Row]
			for _, e := range list {
				e.ID, e.Text = doc.ID, curate.CutRunes(doc.Text, curate.ExampleBytes)
			}
			if len(list) > 0 {
				if left--; left == 0 {
					break
				}
			}
		}
	}
	return nil
}
