package climb

import (
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
)

func row(name string, scores ...float64) ConfirmedRow {
	r := ConfirmedRow{Name: name, Scores: scores, Baseline: name == "natural" || name == "uniform" || name == "random"}
	if name != "random" {
		r.Mixture = mix.Mixture{1}
	}
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
				x += float64(splitmix(uint64(trial), uint64(i*100+k)*16+j)>>11) / (1 << 53)
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
