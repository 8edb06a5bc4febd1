package report

import (
	"math"
	"reflect"
	"testing"
)

// The page of a comparison is well formed and loads nothing, whatever the
// numbers and the names.
func TestComparisonPages(t *testing.T) {
	filled := func(text string, x float64) *Comparison {
		c := new(Comparison)
		fill(reflect.ValueOf(c).Elem(), text, x)
		for o := range c.Objectives {
			for r := range c.Objectives[o].Rows {
				row := &c.Objectives[o].Rows[r]
				row.Gain, row.Tasks = map[string]Stat{row.Strategy: row.BPB}, map[string]float64{text: x}
			}
		}
		return c
	}
	for name, c := range map[string]*Comparison{"empty": {}, "plain": filled("x", 0.5), "hostile": filled(hostile, 0.5), "unknown": filled("x", math.NaN()),
		"infinite": filled("x", math.Inf(1)), "huge": filled("x", math.MaxFloat64), "negative": filled("x", -2)} {
		t.Run(name, func(t *testing.T) {
			page, err := renderComparison(c)
			if err != nil {
				t.Fatal(err)
			}
			checkPage(t, string(page), "outcome")
			checkFilled(t, compareHTML, compareFuncs, newCompareView(c), page)
		})
	}
}
