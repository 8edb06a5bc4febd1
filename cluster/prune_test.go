package cluster

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrune(t *testing.T) {
	names := []string{"quality", "ads"}
	means := []float64{
		4, 3,
		2.9, 4,
		1, 1,
		3, math.NaN(),
	}
	got, err := Prune(means, names, Rules{Floors: map[string]float64{"quality": 3, "ads": 2, "mean": 2.5}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Verdict{
		{Cluster: 0, Kept: true},
		{Cluster: 1, Reasons: []string{"quality 2.900 is below 3.000"}},
		{Cluster: 2, Reasons: []string{"quality 1.000 is below 3.000", "ads 1.000 is below 2.000", "mean 1.000 is below 2.500"}},
		{Cluster: 3, Reasons: []string{"ads: no document has a score", "mean: no document has a score"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	all, err := Prune(means, names, Rules{})
	if err != nil || !all[2].Kept || !all[3].Kept {
		t.Errorf("without floors %v, %v", all, err)
	}
	every, err := Prune(means, names, Rules{Floors: map[string]float64{"quality": 3, "ads": 2}, All: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, kept := range []bool{true, true, false, true} {
		if every[i].Kept != kept {
			t.Errorf("below all floors: cluster %d kept %v", i, every[i].Kept)
		}
	}
	for name, f := range map[string]func() ([]Verdict, error){
		"unknown score": func() ([]Verdict, error) { return Prune(means, names, Rules{Floors: map[string]float64{"x": 1}}) },
		"NaN floor": func() ([]Verdict, error) {
			return Prune(means, names, Rules{Floors: map[string]float64{"ads": math.NaN()}})
		},
		"ragged means":    func() ([]Verdict, error) { return Prune(means[1:], names, Rules{}) },
		"a score 'mean'":  func() ([]Verdict, error) { return Prune(means, []string{"mean", "ads"}, Rules{}) },
		"no score at all": func() ([]Verdict, error) { return Prune(nil, nil, Rules{}) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
