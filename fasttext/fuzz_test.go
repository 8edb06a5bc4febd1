package fasttext

import (
	"bytes"
	"math"
	"testing"
)

// tinyModel is a file with two words, two labels and vectors of two dimensions.
func tinyModel(loss int32) []byte {
	var b bytes.Buffer
	w := &writer{out: &b}
	args := Args{Dim: 2, WordNGrams: 2, Loss: loss, Kind: Supervised, Buckets: 3}
	w.args(&args)
	d := newDictionary(args, []entry{{"one", 3}, {"two", 1}}, []entry{{"__label__a", 2}, {"__label__b", 2}}, 4)
	w.dictionary(d)
	w.matrix([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 2)
	w.matrix([]float32{1, -1, -1, 1}, 2)
	return b.Bytes()
}

// FuzzModel: a damaged file gives an error, or a model that can be asked.
func FuzzModel(f *testing.F) {
	for loss := int32(HierarchicalSoftmax); loss <= OneVsAll; loss++ {
		m := tinyModel(loss)
		f.Add(m, "one two\n")
		f.Add(m[:len(m)-3], "")
	}
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		m, err := parse(data)
		if err != nil {
			return
		}
		m.WordVector(make([]float32, m.Dim), text)
		p, err := m.NewPredictor()
		if err != nil {
			return
		}
		for _, got := range p.Predict(text, 3, 0) {
			if got.Label < 0 || got.Label >= m.Labels() || math.IsInf(float64(got.Probability), 1) {
				t.Errorf("prediction %v", got)
			}
		}
	})
}
