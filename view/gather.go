package view

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/vec"
)

// Gather reads what the run has done so far.
func (r *View) Gather(ctx context.Context) (*report.Data, error) {
	d := &report.Data{Run: report.Run{
		Title:   "climb: " + filepath.Base(r.Out),
		Command: fmt.Sprintf("climb run %s", filepath.Join(r.Out, "climb.yaml")),
		Preset:  r.Preset, Seed: r.Curation.Config.Seed, Version: r.Version,
		Machine: fmt.Sprintf("%d cores, %s, %s/%s", r.Cores(), vec.CPU(), runtime.GOOS, runtime.GOARCH),
	}}
	d.Objective = r.objectiveText()
	doubts, err := r.Trials.Doubts()
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	for _, text := range doubts {
		d.Warn("%s", sentence(text))
	}
	for _, fill := range []func(*report.Data) error{
		r.reportCorpus, r.reportOverlap, r.reportDomains, r.reportTokens, r.reportSearch, r.reportConfirm, r.reportDataset,
		r.reportSources, r.reportLengths, r.reportEffects, r.reportCurves, func(d *report.Data) error { return r.reportPruned(ctx, d) }, r.reportCost,
	} {
		if err := fill(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("report: %w", err)
		}
	}
	return d, nil
}

func (r *View) objectiveText() string {
	terms := r.Trials.Config.Target.Validation
	if len(terms) == 0 {
		return "Bits per byte of held-out documents, every domain counting alike, negated: higher is better."
	}
	parts := make([]string, len(terms))
	for i, t := range terms {
		sign := ""
		if eval.Oriented(t.Metric, 1) < 0 {
			sign = "−"
		}
		parts[i] = fmt.Sprintf("%s%s of %s (weight %g)", sign, t.Metric, cmp.Or(t.Task, filepath.Base(t.File)), t.Weight)
	}
	return "Weighted mean of " + strings.Join(parts, ", ") + "; higher is better."
}

func (r *View) reportCorpus(d *report.Data) error {
	s, err := r.Curation.Scan()
	if err != nil {
		return err
	}
	d.Corpus = report.Corpus{Files: int64(len(r.Curation.Inputs)), Documents: s.Documents, Bytes: s.TextBytes, Duplicates: s.Counts.Duplicates, Near: s.Near.Duplicates,
		Repaired: s.Bad.Repaired, IDReused: s.Counts.IDReused, Skipped: r.Curation.Skipped, In: s.Bad.Lines, Kept: s.Documents}
	for _, reason := range slices.Sorted(maps.Keys(s.Bad.Reasons)) {
		d.Corpus.BadLines = append(d.Corpus.BadLines, report.Reason{Reason: reason, Count: s.Bad.Reasons[reason]})
	}
	d.Corpus.Dropped = slices.Clone(d.Corpus.BadLines)
	d.Corpus.Dropped = appendReason(d.Corpus.Dropped, "copy of another document", s.Counts.Duplicates)
	d.Corpus.Dropped = appendReason(d.Corpus.Dropped, "near-duplicate of another document", s.Near.Duplicates)
	for _, c := range s.Sources {
		d.Corpus.Sources = append(d.Corpus.Sources, report.Source{Name: c.Source, Documents: c.Documents, Duplicates: c.Duplicates, Near: c.Near})
	}
	for _, p := range s.Near.Pairs {
		d.Corpus.Pairs = append(d.Corpus.Pairs, report.Pair{Kept: report.Snippet(p.Kept), Dropped: report.Snippet(p.Dropped), Similarity: p.Similarity})
	}
	for _, b := range s.Bad.Samples {
		d.Corpus.BadSamples = append(d.Corpus.BadSamples, report.BadLine{Path: filepath.Base(b.Path), Line: b.Line, Reason: b.Reason, Excerpt: b.Excerpt})
	}
	if r.Curation.Skipped != "" {
		d.Notes = append(d.Notes, report.Note{Text: "Files left out of the corpus: " + r.Curation.Skipped + "."})
	}
	if s.Bad.Repaired > 0 {
		d.Notes = append(d.Notes, report.Note{Text: fmt.Sprintf("Documents with bytes that are not UTF-8: %d. U+FFFD stands in their place.", s.Bad.Repaired)})
	}
	if s.Counts.IDReused > 0 {
		d.Warn("Documents with the id of an earlier one and another text: %d. They were kept.", s.Counts.IDReused)
	}
	return nil
}

// reportOverlap tells what the corpus shares with the target files.
func (r *View) reportOverlap(d *report.Data) error {
	sum, err := r.Curation.Overlap()
	if err != nil {
		return err
	}
	for _, f := range sum.Files {
		o := report.Overlap{File: f.File, Items: f.Items, Short: f.Short, Documents: f.Documents}
		for _, s := range f.Samples {
			o.Samples = append(o.Samples, report.Snippet{ID: s.ID, Text: s.Words})
		}
		d.Corpus.Overlaps = append(d.Corpus.Overlaps, o)
	}
	if sum.Documents > 0 && r.Curation.Config.Decontaminate.Action == "mark" {
		d.Warn("Documents that share a run of %d words with a target file: %d. They were kept, and are marked in the dataset.", r.Curation.Config.Decontaminate.Words, sum.Documents)
	}
	return nil
}

// appendReason adds a reason unless nothing was dropped for it.
func appendReason(reasons []report.Reason, reason string, count int64) []report.Reason {
	if count == 0 {
		return reasons
	}
	return append(reasons, report.Reason{Reason: reason, Count: count})
}

func scores(names []string, x []float64) []report.Score {
	out := make([]report.Score, len(x))
	for i, v := range x {
		out[i] = report.Score{Name: names[i], Value: v}
	}
	return out
}

func (r *View) reportDomains(d *report.Data) error {
	doms, err := r.Curation.Domains()
	if err != nil {
		return err
	}
	var total int64
	for _, dom := range doms.Domains {
		total += dom.Bytes
	}
	for _, dom := range doms.Domains {
		x := report.Domain{Name: dom.Name, Terms: dom.Terms, Clusters: len(dom.Clusters), Documents: dom.Docs, Bytes: dom.Bytes,
			Quality: scores(doms.ScoreNames, dom.Scores), Natural: float64(dom.Bytes) / float64(max(1, total)), Chosen: math.NaN()}
		for _, e := range dom.Examples {
			x.Examples = append(x.Examples, report.Snippet{ID: e.ID, Text: e.Text})
		}
		d.Domains = append(d.Domains, x)
	}
	for i, c := range doms.Clusters {
		p := report.Point{ID: i, X: float64(c.X), Y: float64(c.Y), Size: float64(c.Bytes), Name: c.Name, Pruned: c.Domain < 0}
		card := report.Cluster{ID: i, Documents: c.Docs, Tokens: c.Bytes / 4, Scores: scores(doms.ScoreNames, c.Scores), Reasons: c.Reasons, Terms: c.Terms}
		if c.Domain >= 0 {
			p.Domain = doms.Domains[c.Domain].Name
			card.Domain = p.Domain
			d.Clusters = append(d.Clusters, card)
		} else {
			d.PrunedClusters = append(d.PrunedClusters, card)
		}
		d.Map = append(d.Map, p)
	}
	for _, n := range doms.Notes {
		d.Notes = append(d.Notes, report.Note{Text: n})
	}
	for _, text := range doms.Warnings {
		d.Warn("%s", sentence(text))
	}
	return nil
}

// reportTokens fills in token counts, and the documents pruned one by one.
func (r *View) reportTokens(d *report.Data) error {
	left, err := r.Curation.Left()
	if err != nil {
		return err
	}
	pruned := map[string]int64{
		"held out to score the mixtures":         left.HeldOut,
		"overlaps with a target file":            left.Overlaps,
		"nearly the meaning of another document": left.SemanticCopy,
		"in a pruned cluster":                    left.PrunedCluster,
	}
	for score, n := range left.Below {
		pruned["score "+score+" below its floor"] = n
	}
	for _, reason := range slices.Sorted(maps.Keys(pruned)) {
		d.PrunedDocuments = appendReason(d.PrunedDocuments, reason, pruned[reason])
		d.Corpus.Kept -= pruned[reason]
	}
	d.Corpus.Dropped = append(d.Corpus.Dropped, d.PrunedDocuments...)
	tokens, size, err := r.Curation.Supply(len(d.Domains))
	if err != nil {
		return err
	}
	var allTokens, allBytes int64
	for i := range d.Domains {
		d.Domains[i].Tokens = tokens[i]
		allTokens += tokens[i]
		allBytes += size[i]
	}
	for i := range d.Domains {
		d.Domains[i].Natural = float64(tokens[i]) / float64(max(1, allTokens))
	}
	// Pruned text is not tokenized; its tokens are estimated from its bytes.
	perByte := float64(allTokens) / float64(max(1, allBytes))
	for _, list := range [][]report.Cluster{d.Clusters, d.PrunedClusters} {
		for i := range list {
			list[i].Tokens = int64(float64(list[i].Tokens*4) * perByte)
		}
	}
	for i := range d.Map {
		d.Map[i].Size *= perByte
	}
	d.Corpus.Tokens = allTokens
	return nil
}

func (r *View) reportSearch(d *report.Data) error {
	s, err := r.Trials.ReadSearch()
	if errors.Is(err, fs.ErrNotExist) { // no answer yet
		s = &trial.Search{}
		s.Trials, err = r.Trials.SoFar()
	}
	if err != nil {
		return err
	}
	predicted := outOfFold(s)
	phases, err := r.Trials.Config.Search.Lengths()
	if err != nil {
		return err
	}
	for _, t := range s.Trials {
		x := report.Trial{Round: t.Round + 1, Hash: t.Hash, Seed: t.Seed, Mixture: phases.Total(t.Mixture), Score: t.Score, Failed: t.Failed, Seconds: t.Seconds}
		if p, ok := predicted[runOf(t)]; ok {
			x.Predicted, x.Interval = &p.mean, p.interval
		}
		d.Trials = append(d.Trials, x)
	}
	for i, w := range phases.Total(s.Predicted) {
		d.Domains[i].Chosen = w
	}
	if len(s.CVTrials) > 0 {
		d.Predictor = report.Predictor{Name: s.Predictor, Folds: 5, Spearman: s.CV.Spearman, RMSE: s.CV.RMSE, Predicted: s.CV.Predicted}
		for _, t := range s.CVTrials {
			d.Predictor.Measured = append(d.Predictor.Measured, t.Score)
		}
	}
	return nil
}

func (r *View) reportConfirm(d *report.Data) error {
	c, err := r.Trials.ReadConfirm()
	if err != nil {
		return err
	}
	out := report.Confirmation{Verdict: c.Verdict, Chosen: c.Rows[c.Winner].Name, Level: c.Level, Tokens: r.Trials.Config.Proxy.Tokens,
		Comparisons: c.Comparisons()}
	for _, row := range c.Rows {
		x := report.Candidate{Name: row.Name, Baseline: row.Baseline, Mixture: c.Phases.Total(row.Mixture), Seeds: row.Seeds, Scores: row.Scores,
			Mean: row.Mean, Interval: known(row.Interval), Metrics: metrics(row.Metrics)}
		if len(row.Scores) == 0 {
			x.Mean = math.NaN()
		}
		for _, b := range trial.Baselines {
			if diff, ok := row.Against[b]; ok {
				x.Differences = append(x.Differences, report.Difference{To: b, Mean: diff.Mean, Interval: known(diff.Interval), Significant: diff.Significant})
			}
		}
		for _, f := range row.Failed {
			d.Warn("Confirmation of %s: %s.", row.Name, f)
		}
		out.Candidates = append(out.Candidates, x)
	}
	answer, _ := c.Answer(r.Trials.Config.Dataset.Mixture)
	for i, w := range c.Phases.Total(answer.Mixture) {
		d.Domains[i].Chosen = w
	}
	var names []string
	for _, one := range d.Domains {
		names = append(names, one.Name)
	}
	if text := c.InPhases(answer, names); text != "" {
		d.Notes = append(d.Notes, report.Note{Text: text})
	}
	for _, text := range c.Warnings {
		d.Warn("%s", sentence(text))
	}
	if text := testText(c); text != "" {
		d.Notes = append(d.Notes, report.Note{Text: text})
	}
	d.Confirmed = out
	return nil
}

// known is an interval, NaN where there is none.
func known(x *[2]float64) [2]float64 {
	if x == nil {
		return [2]float64{math.NaN(), math.NaN()}
	}
	return *x
}

// testText says how the winner does on the files that the search never saw.
func testText(c *trial.Confirmation) string {
	w := c.Rows[c.Winner]
	var parts []string
	for _, b := range trial.Baselines {
		if diff, ok := w.TestAgainst[b]; ok {
			between := "of unknown error"
			if diff.Interval != nil {
				between = fmt.Sprintf("[%+.4f, %+.4f]", diff.Interval[0], diff.Interval[1])
			}
			parts = append(parts, fmt.Sprintf("%+.4f %s against %s", diff.Mean, between, b))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("On the test files, which the search never saw, %s scores %.4f: %s.", w.Name, w.TestMean, strings.Join(parts, ", "))
}

// metrics splits the keys "validation/TASK:METRIC".
func metrics(m map[string]float64) []report.Metric {
	var out []report.Metric
	for _, k := range slices.Sorted(maps.Keys(m)) {
		split, rest, _ := strings.Cut(k, "/")
		at := strings.LastIndexByte(rest, ':')
		out = append(out, report.Metric{Task: rest[:at], Name: rest[at+1:], Split: split, Mean: m[k]})
	}
	return out
}

func (r *View) reportDataset(d *report.Data) error {
	m, err := r.Dataset.Manifest()
	if err != nil {
		return err
	}
	d.Dataset = report.Dataset{Path: r.Dataset.Path(), Format: r.Trials.Config.Dataset.Format.Value().About().Words, Documents: m.Documents, Tokens: m.Tokens, Shards: len(m.Shards), Mixture: m.Words()}
	for _, s := range m.Shards {
		d.Dataset.Bytes += s.Bytes
	}
	for i, dom := range m.Domains {
		d.Domains[i].Epochs = dom.Epochs
		d.Dataset.Parts = append(d.Dataset.Parts, report.Share{Domain: dom.Name, Asked: dom.Asked, Achieved: dom.Share, Tokens: dom.Tokens, Epochs: dom.Epochs})
	}
	documents, repeated, err := r.Dataset.Taken(len(m.Domains))
	if err != nil {
		return err
	}
	for i := range d.Dataset.Parts {
		d.Dataset.Parts[i].Documents, d.Dataset.Parts[i].Repeated = documents[i], repeated[i]
	}
	return nil
}

// reportCost sums the manifests of every stage.
func (r *View) reportCost(d *report.Data) error {
	for _, s := range r.Stages() {
		row := report.Stage{Name: s.Title}
		var first, last time.Time
		plans, err := r.Plans(s.Name)
		if err != nil {
			return err
		}
		for _, p := range plans {
			for n := range p.Tasks {
				m, err := p.Manifest(n)
				if err != nil {
					continue // not done yet
				}
				row.Tasks++
				row.Seconds += m.Seconds
				row.Bytes += m.Bytes()
				end := m.Started.Add(time.Duration(m.Seconds * float64(time.Second)))
				if first.IsZero() || m.Started.Before(first) {
					first = m.Started
				}
				last = slices.MaxFunc([]time.Time{last, end}, func(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) })
			}
		}
		if row.Tasks == 0 {
			continue
		}
		row.Wall = last.Sub(first).Seconds()
		if d.Run.Started.IsZero() {
			d.Run.Started = first
		}
		d.Cost = append(d.Cost, row)
	}
	return nil
}
