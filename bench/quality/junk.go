package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/token"
)

// Constants of the rules were chosen on the documents of one half; figures are
// of the other.
const reportedHalf = 1

// half parts the documents by a hash of their ids.
func half(id string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(id))
	x := h.Sum32()
	return (x ^ x>>15) & 1
}

// lowQuality is the answer key: sources whose text is junk. No part of the
// pipeline reads it.
func lowQuality(id string) bool { return strings.HasPrefix(id, "lowq_") }

// Junk is how well scores of documents find junk. Recall is the share of the
// junk below the score that 1 % of the sound documents are below.
type Junk struct {
	Documents  int     `json:"documents"`
	AUCRules   float64 `json:"auc_rules"`
	Recall1    float64 `json:"recall_at_1pct"`
	AUCTrained float64 `json:"auc_trained"`

	RecallTrained float64 `json:"recall_at_1pct_trained"`
}

// A graded document has a score, higher for sound text, and the truth.
type graded struct {
	score float64
	junk  bool
}

// benchJunk scores the reported half by the default rules, untrained, and by a
// classifier of few judged documents.
func benchJunk(ctx context.Context, inputs []string) (*Junk, error) {
	rules := label.Rules{}
	columns := rules.Names()
	scores := make([]float32, len(columns))
	trained, err := trainJudge(ctx, inputs)
	if err != nil {
		return nil, err
	}
	model, err := trained.NewPredictor()
	if err != nil {
		return nil, err
	}
	sound := 0
	if trained.LabelName(sound) != "sound" {
		sound = 1
	}
	var all, byModel []graded
	p := make([]float32, 2)
	for d, err := range documents(ctx, inputs) {
		if err != nil {
			return nil, err
		}
		if half(d.ID) != reportedHalf {
			continue
		}
		if err := rules.Label(ctx, scores, []string{d.Text}); err != nil {
			return nil, err
		}
		all = append(all, graded{float64(scores[len(columns)-1]), lowQuality(d.ID)})
		if !model.Probabilities(p, oneLine(d.Text)) {
			p[sound] = 0
		}
		byModel = append(byModel, graded{float64(p[sound]), lowQuality(d.ID)})
	}
	j := &Junk{Documents: len(all)}
	j.AUCRules, j.Recall1 = detection(all, 0.01)
	j.AUCTrained, j.RecallTrained = detection(byModel, 0.01)
	return j, nil
}

// judgedDocuments is the number of documents of each side that the classifier
// is trained on.
const judgedDocuments = 500

// trainJudge trains a fastText classifier on documents of the other half,
// drawn by a hash.
func trainJudge(ctx context.Context, inputs []string) (*fasttext.Model, error) {
	type drawn struct {
		hash uint64
		text string
	}
	var sides [2][]drawn
	for d, err := range documents(ctx, inputs) {
		if err != nil {
			return nil, err
		}
		if half(d.ID) == reportedHalf {
			continue
		}
		side := &sides[0]
		if lowQuality(d.ID) {
			side = &sides[1]
		}
		e := drawn{corpus.Hash(d.ID, 1), d.Text}
		at, _ := slices.BinarySearchFunc(*side, e, func(a, b drawn) int { return cmp.Compare(a.hash, b.hash) })
		if at < judgedDocuments {
			*side = slices.Insert(*side, at, e)
			*side = (*side)[:min(len(*side), judgedDocuments)]
		}
	}
	var texts []string
	var labels []int
	for i := range judgedDocuments {
		for label, side := range sides {
			if i < len(side) {
				texts, labels = append(texts, oneLine(side[i].text)), append(labels, label)
			}
		}
	}
	o := fasttext.Classifier{}
	option.Fill(&o)
	o.WordNGrams, o.Epochs = 2, 25
	return o.Train(ctx, texts, labels, []string{"sound", "junk"})
}

// oneLine is a text as fastText sees all of it: a line ends it.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// documents reads all documents of the inputs.
func documents(ctx context.Context, inputs []string) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		c, err := config(inputs, "unused", 1000)
		if err != nil {
			yield(corpus.Document{}, err)
			return
		}
		o := c.Corpus
		shards, _, err := corpus.Split(ctx, o)
		if err != nil {
			yield(corpus.Document{}, err)
			return
		}
		for _, s := range shards {
			var bad corpus.Bad
			for d, err := range corpus.Read(ctx, s, o, &bad) {
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
	}
}

// detection returns the area under the ROC curve, ties counting half, and the
// share of junk that lies below a threshold with at most the given share of
// the sound documents below it.
func detection(all []graded, loss float64) (auc, recall float64) {
	slices.SortFunc(all, func(a, b graded) int { return cmp.Compare(a.score, b.score) })
	var junk, sound float64
	for _, g := range all {
		if g.junk {
			junk++
		} else {
			sound++
		}
	}
	var area, j, s float64
	for i := 0; i < len(all); {
		var dj, ds float64
		for at := all[i].score; i < len(all) && all[i].score == at; i++ {
			if all[i].junk {
				dj++
			} else {
				ds++
			}
		}
		area += ds * (j + dj/2)
		j, s = j+dj, s+ds
		if s <= loss*sound {
			recall = j / junk
		}
	}
	return area / (junk * sound), recall
}

// Prune is what pruning with the default settings does, in tokens of the
// reported half.
type Prune struct {
	K           int                `json:"k"`
	LowRemoved  float64            `json:"lowq_removed"`
	GoodLost    float64            `json:"good_lost"`
	ByClusters  [2]float64         `json:"by_clusters"` // the two shares if clusters alone were pruned
	LostSources map[string]float64 `json:"lost"`        // share of each source
}

// benchPrune runs the pipeline from the corpus to the pruned domains with
// 1,000 clusters and the default settings otherwise.
func benchPrune(ctx context.Context, inputs []string, out string) (*Prune, error) {
	c, err := config(inputs, out, 1000)
	if err != nil {
		return nil, err
	}
	r := climb.NewRun(c)
	if err := r.Until(ctx, "domains"); err != nil {
		return nil, err
	}
	tok, err := tokenizer(ctx, r)
	if err != nil {
		return nil, err
	}
	type sums struct{ all, clusters, lost float64 }
	sources := map[string]*sums{}
	var ids []uint32
	for j, err := range r.Curation.Judged(ctx) {
		if err != nil {
			return nil, err
		}
		if half(j.ID) != reportedHalf {
			continue
		}
		source, _, _ := strings.Cut(j.ID, "/")
		s := sources[source]
		if s == nil {
			s = &sums{}
			sources[source] = s
		}
		ids = tok.Encode(ids[:0], j.Text)
		n := float64(len(ids))
		s.all += n
		switch j.Fate() {
		case "pruned cluster":
			s.clusters += n
			s.lost += n
		case "pruned document":
			s.lost += n
		}
	}
	p := &Prune{K: c.Cluster.Method.Value().Shape().K, LostSources: map[string]float64{}}
	var total [2]sums // sound, junk
	for source, s := range sources {
		t := &total[0]
		if lowQuality(source) {
			t = &total[1]
		}
		t.all, t.clusters, t.lost = t.all+s.all, t.clusters+s.clusters, t.lost+s.lost
		p.LostSources[source] = s.lost / s.all
	}
	p.LowRemoved, p.GoodLost = total[1].lost/total[1].all, total[0].lost/total[0].all
	p.ByClusters = [2]float64{total[1].clusters / total[1].all, total[0].clusters / total[0].all}
	return p, nil
}

// config is the default configuration with k clusters.
func config(inputs []string, out string, k int) (*climb.Config, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "out: %q\ncluster: {kmeans: {k: %d}}\ncorpus:\n  inputs:\n", out, k)
	for _, path := range inputs {
		fmt.Fprintf(&b, "  - %q\n", path)
	}
	return climb.ParseConfig([]byte(b.String()))
}

// tokenizer trains byte-level BPE on every 50th document.
func tokenizer(ctx context.Context, r *climb.Run) (*token.Tokenizer, error) {
	var failed error
	t, err := token.Train(func(yield func(string) bool) {
		n := 0
		for j, err := range r.Curation.Judged(ctx) {
			if failed = err; err != nil {
				return
			}
			if n++; n%50 == 0 && !yield(j.Text) {
				return
			}
		}
	}, r.Config.Tokens.BPE)
	if failed != nil {
		return nil, failed
	}
	return t, err
}

// inputs are the folder of the corpus and that of the two code domains, which
// the corpus's own script makes in dir from this machine's Go and Python.
func inputs(ctx context.Context, data, dir string) ([]string, error) {
	code := filepath.Join(dir, "code")
	if err := os.MkdirAll(code, 0o755); err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, "python3", filepath.Join(data, "local-code.py"), code)
	c.Stderr = os.Stderr
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("make the code domains with %s: %w", c, err)
	}
	return []string{filepath.Join(data, "corpus"), code}, nil
}
