package lm

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

// TestSizes: every preset is legal, has about the parameters of its name and a
// learning rate below its smaller neighbour's.
func TestSizes(t *testing.T) {
	for i, s := range Sizes {
		if err := s.Config.Check(); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		unit := map[byte]float64{'k': 1e3, 'm': 1e6}[s.Name[len(s.Name)-1]]
		n, err := strconv.ParseFloat(strings.TrimRight(s.Name, "km"), 64)
		if err != nil || math.Abs(float64(s.Config.NumParams())/(n*unit)-1) > 0.1 {
			t.Errorf("%s has %d parameters", s.Name, s.Config.NumParams())
		}
		if i > 0 && (s.Config.NumParams() <= Sizes[i-1].Config.NumParams() || s.LearningRate > Sizes[i-1].LearningRate) {
			t.Errorf("%s is not larger than %s with a lower learning rate", s.Name, Sizes[i-1].Name)
		}
		if tokens := s.Batch * s.Config.Context; tokens < 1000 || tokens > 1e6 || i > 0 && tokens < Sizes[i-1].Batch*Sizes[i-1].Config.Context {
			t.Errorf("%s has batches of %d tokens", s.Name, tokens)
		}
		if got, ok := SizeByName(s.Name); !ok || got != s {
			t.Errorf("%s is not found by its name", s.Name)
		}
	}
	if _, ok := SizeByName("7b"); ok {
		t.Error("there is a size 7b")
	}
}

// TestNumParams: the formula counts what New makes.
func TestNumParams(t *testing.T) {
	for _, c := range []Config{tiny, small, {Vocab: 7, Width: 4, Layers: 1, Heads: 1, Hidden: 3, Context: 2}} {
		n := 0
		for _, ts := range spread(t, c, 1).Tensors() {
			size := 1
			for _, d := range ts.Shape {
				size *= d
			}
			if size != len(ts.Data) {
				t.Errorf("%s has shape %v and %d elements", ts.Name, ts.Shape, len(ts.Data))
			}
			n += size
		}
		if n != c.NumParams() {
			t.Errorf("%+v: %d parameters, NumParams says %d", c, n, c.NumParams())
		}
	}
}
