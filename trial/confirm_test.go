package trial

import (
	"strings"
	"testing"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/train"
)

func row(name string, scores ...float64) ConfirmedRow {
	r := ConfirmedRow{Name: name, Scores: scores, Baseline: name == "natural" || name == "uniform" || name == "random"}
	if name != "random" {
		r.Mixture = mix.Mixture{1}
	}
	r.runs = runsOf(scores...)
	for k := range scores {
		r.Seeds = append(r.Seeds, uint64(k%4))
	}
	r.summarize(0.95)
	return r
}

func confirmation(t *testing.T, rows ...ConfirmedRow) *Confirmation {
	t.Helper()
	c := &Confirmation{Level: 0.95, Seeds: []uint64{0, 1, 2, 3}, Rows: rows}
	c.compare()
	if err := c.decide(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVerdict(t *testing.T) {
	natural, uniform, random := row("natural", 1, 2, 3, 4), row("uniform", 0.9, 2, 3, 3.9), row("random", 0.5, 1.2, 3.1, 2, 0.7, 2.2, 1.1, 2.5)
	for _, c := range []struct {
		predicted ConfirmedRow
		winner    string
		verdict   string
	}{
		{row("predicted", 15, 16.1, 17, 18), "predicted", "better than natural, uniform, random at 95 %"},
		{row("predicted", 1.05, 2.01, 3, 4.02), "predicted", "no significant gain over natural"},
		{row("predicted", 0.9, 1.9, 2.8, 3.9), "natural", "no significant gain: the natural mixture itself"},
		{row("predicted", 1.5, 2.5, 3.52, 4.49), "predicted", "better than natural, uniform at 95 % confidence over 4 fresh seeds; no significant gain over random"},
	} {
		got := confirmation(t, c.predicted, natural, uniform, random)
		if name := got.Rows[got.Winner].Name; name != c.winner || !strings.HasPrefix(got.Verdict, c.verdict) {
			t.Errorf("scores %v: winner %s, verdict %q; want %s, %q", c.predicted.Scores, name, got.Verdict, c.winner, c.verdict)
		}
	}
}

// answers are runs of 20 items, so many of them right with each seed.
func answers(name string, right ...int) ConfirmedRow {
	var scores []float64
	for _, n := range right {
		scores = append(scores, float64(n)/20)
	}
	r := row(name, scores...)
	terms := []eval.Term{{File: "t.jsonl", Metric: "acc", Weight: 1}}
	r.runs = nil
	for k, n := range right {
		items := make([]float64, 20)
		for i := range n {
			items[i] = 1
		}
		result := &train.Result{Score: scores[k], Loss: 2 + float64(k)/10,
			Validate: []*eval.TaskResult{{Task: "t", Items: 20, Metrics: map[string]float64{"acc": scores[k]}, Scores: map[string][]float64{"acc": items}}}}
		r.results, r.runs = append(r.results, result), append(r.runs, result.TargetRun(terms))
	}
	r.summarize(0.95)
	return r
}

// Two seeds and 20 items decide nothing, though both seeds agree to the digit;
// and a trainer that gives its score alone, the same with every seed, is told so.
func TestTiesDecideNothing(t *testing.T) {
	terms := []eval.Term{{File: "t.jsonl", Metric: "acc", Weight: 1}}
	c := &Confirmation{Level: 0.95, Seeds: []uint64{0, 1}, Rows: []ConfirmedRow{
		answers("predicted", 12, 12), answers("natural", 10, 10), answers("uniform", 9, 9), answers("random", 9, 10, 8, 9)}}
	c.compare()
	if err := c.decide(); err != nil {
		t.Fatal(err)
	}
	d := c.Rows[0].Against["natural"]
	if len(c.Significant) > 0 || !strings.HasPrefix(c.Verdict, "no significant gain over natural, uniform, random") || d.Interval == nil || d.Interval[0] > -0.01 || d.Interval[1] < 0.2 {
		t.Errorf("%s; against natural %+v", c.Verdict, d)
	}
	w := c.doubts(terms)
	if len(w) != 1 || !strings.Contains(w[0], "predicted, natural, uniform") || !strings.Contains(w[0], "too small to tell runs apart (20 items, each right or wrong)") {
		t.Errorf("warnings %q", w)
	}
	for i := range c.Rows {
		for k := range c.Rows[i].results {
			c.Rows[i].results[k].Loss = 2
		}
	}
	if w := c.doubts(terms); len(w) != 1 || !strings.Contains(w[0], "the trainer ignores the seed of its job, since all else") {
		t.Errorf("warnings %q", w)
	}

	bare := &Confirmation{Level: 0.95, Seeds: []uint64{0, 1}, Rows: []ConfirmedRow{
		row("predicted", 0.6, 0.6), row("natural", 0.5, 0.5), row("uniform", 0.4, 0.4), row("random", 0.4, 0.5, 0.4, 0.5)}}
	for i := range bare.Rows {
		for range bare.Rows[i].Scores {
			bare.Rows[i].results = append(bare.Rows[i].results, &train.Result{})
		}
	}
	bare.compare()
	if err := bare.decide(); err != nil {
		t.Fatal(err)
	}
	if d := bare.Rows[0].Against["natural"]; d.Interval != nil || d.Significant || bare.Rows[0].Interval != nil {
		t.Errorf("equal scores: %+v", d)
	}
	w = bare.doubts(terms)
	if len(w) != 2 || !strings.Contains(w[0], "the trainer ignores the seed of its job, since it is so with every mixture") || w[1] != NoItems {
		t.Errorf("warnings %q", w)
	}
}

// The dataset has another mixture than the natural one only where the gain over
// it was shown, or where it is asked for.
func TestAnswer(t *testing.T) {
	uniform, random := row("uniform", 0.9, 2, 3, 3.9), row("random", 0.5, 1.2, 3.1, 2, 0.7, 2.2, 1.1, 2.5)
	for _, c := range []struct {
		predicted       ConfirmedRow
		how, name, text string
	}{
		{row("predicted", 15, 16.1, 17, 18), "proven", "predicted", "significantly better than the natural one"},
		{row("predicted", 15, 16.1, 17, 18), "natural", "natural", "asks for it"},
		{row("predicted", 1.05, 2.01, 3, 4.02), "proven", "natural", "no significant gain over it was shown (dataset.mixture: best would write predicted)"},
		{row("predicted", 1.05, 2.01, 3, 4.02), "best", "predicted", "with no significant gain"},
		{row("predicted", 0.9, 1.9, 2.8, 3.9), "best", "natural", "scored best itself"},
	} {
		got, reason := confirmation(t, c.predicted, row("natural", 1, 2, 3, 4), uniform, random).Answer(c.how)
		if got.Name != c.name || !strings.Contains(reason, c.text) {
			t.Errorf("%v, %s: %s, %s; want %s, %s", c.predicted.Scores, c.how, got.Name, reason, c.name, c.text)
		}
	}
}

// A mixture with a single run left cannot win, however high its score; if none
// has two, that is an error.
func TestOneRunCannotWin(t *testing.T) {
	lucky := row("predicted", 99)
	lucky.Failed = []string{"seed 1: diverged"}
	c := confirmation(t, lucky, row("natural", 1, 2, 3, 4), row("uniform", 0, 1, 2, 3), row("random", 0, 1, 2, 2))
	if c.Rows[c.Winner].Name != "natural" {
		t.Errorf("winner %s", c.Rows[c.Winner].Name)
	}
	none := &Confirmation{Level: 0.95, Seeds: []uint64{0, 1}, Rows: []ConfirmedRow{lucky, row("natural"), row("uniform"), row("random")}}
	none.compare()
	if err := none.decide(); err == nil || !strings.Contains(err.Error(), "diverged") {
		t.Errorf("error %v, want one that tells of the failed run", err)
	}
}

// Under noise alone a gain is called significant in at most one of twenty
// confirmations: that is what the level promises.
func TestFalseAlarms(t *testing.T) {
	alarms := 0
	const trials = 400
	for trial := range trials {
		noise := func(i, k int) float64 {
			x := 0.0
			for j := range uint64(12) { // the sum of twelve uniforms is nearly normal
				x += float64(stage.SplitMix(uint64(trial), uint64(i*100+k)*16+j)>>11) / (1 << 53)
			}
			return x - 6
		}
		var rows []ConfirmedRow
		for i, name := range []string{"predicted", "measured-1", "measured-2", "natural", "uniform", "random"} {
			scores := []float64{noise(i, 0), noise(i, 1), noise(i, 2), noise(i, 3)}
			if name == "random" { // by its mixtures too
				scores = []float64{3 * noise(i, 0), 3 * noise(i, 1), 3 * noise(i, 2), 3 * noise(i, 3), 3 * noise(i, 4), 3 * noise(i, 5), 3 * noise(i, 6), 3 * noise(i, 7)}
			}
			rows = append(rows, row(name, scores...))
		}
		if c := confirmation(t, rows...); len(c.Significant) > 0 && !c.Rows[c.Winner].Baseline {
			alarms++
		}
	}
	if limit := trials / 20; alarms > limit {
		t.Errorf("%d false alarms in %d, want at most %d", alarms, trials, limit)
	}
}

func runsOf(scores ...float64) []eval.Run {
	out := make([]eval.Run, len(scores))
	for i, v := range scores {
		out[i].Score = v
	}
	return out
}
