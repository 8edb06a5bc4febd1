package view

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/trial"
)

// sentence begins with a capital letter and ends with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(text)
	if word, _, _ := strings.Cut(text, " "); !strings.Contains(word, ".") { // an option stays as it is written
		text = string(unicode.ToUpper(r)) + text[n:]
	}
	return strings.TrimSuffix(text, ".") + "."
}

// A run of a search is told by these.
type runID struct {
	hash  string
	seed  uint64
	round int
}

func runOf(t search.Trial) runID { return runID{t.Hash, t.Seed, t.Round} }

// A forecast is a predicted score.
type forecast struct {
	mean     float64
	interval *[2]float64
}

// outOfFold are the predictions of models that had not seen the run. The interval
// has the errors of 80 % of all such predictions to both sides: conformal
// prediction by cross-validation (Barber et al. 2021, arXiv 1905.02928) with the
// predictions of the folds themselves.
func outOfFold(s *trial.Search) map[runID]forecast {
	n := min(len(s.CVTrials), len(s.CV.Predicted))
	var errs []float64
	for i := range n {
		errs = append(errs, math.Abs(s.CV.Predicted[i]-s.CVTrials[i].Score))
	}
	slices.Sort(errs)
	out := map[runID]forecast{}
	for i := range n {
		f := forecast{mean: s.CV.Predicted[i]}
		if k := int(math.Ceil(0.8 * float64(n+1))); k <= n {
			f.interval = &[2]float64{f.mean - errs[k-1], f.mean + errs[k-1]}
		}
		out[runOf(s.CVTrials[i])] = f
	}
	return out
}

// reportSources counts the tokens of every source in the domains and in the
// dataset, and describes the domains.
func (r *View) reportSources(d *report.Data) error {
	times, err := r.Dataset.Times()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	list, err := r.Curation.BySource(len(d.Domains), times)
	if err != nil {
		return err
	}
	have := map[string]int{}
	for i, s := range d.Corpus.Sources {
		have[s.Name] = i
	}
	for _, s := range list {
		i, ok := have[s.Source]
		if !ok {
			i = len(d.Corpus.Sources)
			d.Corpus.Sources = append(d.Corpus.Sources, report.Source{Name: s.Source})
		}
		d.Corpus.Sources[i].Tokens, d.Corpus.Sources[i].Dataset = s.Tokens, s.Dataset
	}
	for i := range d.Domains {
		d.Domains[i].About = about(d.Domains[i], i, list)
	}
	return nil
}

// about describes a domain in a line: terms that its name lacks, the sources of
// its tokens, the length of its documents.
func about(dom report.Domain, index int, sources []curate.SourceTokens) string {
	var parts []string
	if terms := moreTerms(dom.Name, dom.Terms); len(terms) > 0 {
		parts = append(parts, strings.Join(terms, ", "))
	}
	if from := origin(index, sources); from != "" {
		parts = append(parts, from)
	}
	if dom.Documents > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes a document", dom.Bytes/dom.Documents))
	}
	return strings.Join(parts, "; ")
}

// moreTerms are the first terms with a word that the name lacks.
func moreTerms(name string, terms []string) (out []string) {
	said := strings.ToLower(name)
	for _, t := range terms {
		fresh := false
		for _, word := range strings.Fields(t) {
			fresh = fresh || !strings.Contains(said, word)
		}
		if fresh && len(out) < 4 {
			out = append(out, t)
			said += " " + t
		}
	}
	return out
}

// origin names the sources that have most of a domain's tokens; "" where no source
// has a name.
func origin(domain int, sources []curate.SourceTokens) string {
	type part struct {
		name   string
		tokens int64
	}
	var parts []part
	var all int64
	for _, s := range sources {
		if domain >= len(s.Tokens) || s.Tokens[domain] == 0 {
			continue
		}
		all += s.Tokens[domain]
		parts = append(parts, part{s.Source, s.Tokens[domain]})
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(b.tokens, a.tokens) })
	if len(parts) == 0 || len(parts) == 1 && parts[0].name == "" {
		return ""
	}
	var words []string
	for _, p := range parts[:min(len(parts), 2)] {
		if share := float64(p.tokens) / float64(all); share >= 0.1 {
			words = append(words, fmt.Sprintf("%.0f %% %s", 100*share, cmp.Or(p.name, "without a source")))
		}
	}
	if len(words) == 0 {
		return fmt.Sprintf("from %d sources", len(parts))
	}
	return "from " + strings.Join(words, ", ")
}

// shownCurves bounds the curves of the page.
const shownCurves = 60

// reportLengths counts the documents of each domain by their length.
func (r *View) reportLengths(d *report.Data) error {
	lengths, err := r.DomainLengths(len(d.Domains))
	if err != nil {
		return err
	}
	for i, l := range lengths {
		for _, b := range l.Bins {
			d.Domains[i].Lengths = append(d.Domains[i].Lengths, report.Bin(b))
		}
	}
	return nil
}

// reportEffects predicts what more of each domain changes, from the answer of a
// search that is over, by a Gaussian process on its runs.
func (r *View) reportEffects(d *report.Data) error {
	s, err := r.Trials.ReadSearch()
	if err != nil {
		return err
	}
	p, _, err := r.Trials.Problem()
	if err != nil || p.Schedule != nil || len(search.Measured(s.Trials)) < search.LeastRuns {
		return err // shares that change between phases have no one effect
	}
	f, err := search.NewForecast(p, s.Trials)
	if err != nil {
		return err
	}
	effects, err := f.Effects(s.Predicted, nil)
	if err != nil {
		return err
	}
	for i, e := range effects[:min(len(effects), len(d.Domains))] {
		if !math.IsNaN(e.Mean) {
			d.Domains[i].Effect = &report.Effect{From: "answer of the search", Mean: e.Mean, Interval: [2]float64{e.Mean - e.Half, e.Mean + e.Half}, Level: search.ForecastLevel, Runs: len(f.Runs)}
		}
	}
	return nil
}

// reportCurves reads how the loss of the proxies fell.
func (r *View) reportCurves(d *report.Data) error {
	const natural = "natural"
	curves, err := r.Trials.Curves(shownCurves, d.Confirmed.Chosen, natural)
	if err != nil {
		return err
	}
	for _, c := range curves {
		kind := ""
		switch c.Name {
		case "": // of the search
		case d.Confirmed.Chosen:
			kind = "chosen"
		case natural:
			kind = natural
		}
		d.Curves = append(d.Curves, report.Curve{Name: cmp.Or(c.Name, "search"), Kind: kind, Seed: c.Seed, Tokens: c.Tokens, Loss: c.Loss})
	}
	return nil
}

// prunedSamples is the number of documents that are shown for each rule.
const prunedSamples = 3

// reportPruned shows documents that were left out. They are read from the input
// files, and the report does without where these are gone.
func (r *View) reportPruned(ctx context.Context, d *report.Data) error {
	list, err := r.Curation.PrunedSamples(ctx, prunedSamples)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.Notes = append(d.Notes, report.Note{Text: fmt.Sprintf("There are no samples of the pruned documents: %v.", err)})
		return nil
	}
	reasons := map[int][]string{}
	for _, c := range d.PrunedClusters {
		reasons[c.ID] = c.Reasons
	}
	for _, s := range list {
		rule := ""
		switch s.Code {
		case curate.PrunedCluster:
			rule = fmt.Sprintf("in cluster %d, which was pruned: %s", s.Cluster, strings.Join(reasons[s.Cluster], "; "))
		case curate.PrunedDocument:
			rule = fmt.Sprintf("score %s %.3f is below its floor %.3g", s.Score, s.Value, s.Floor)
		case curate.Overlaps:
			rule = "overlaps with a target file"
		case curate.SemanticCopy:
			rule = "nearly the meaning of another document"
		}
		d.PrunedSamples = append(d.PrunedSamples, report.Pruned{Snippet: report.Snippet(s.Example), Rule: rule})
	}
	return nil
}
