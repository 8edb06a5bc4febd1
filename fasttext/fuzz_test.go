package fasttext

import (
	"bufio"
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

// FuzzVec: any text is refused, or is word vectors of finite numbers.
func FuzzVec(f *testing.F) {
	for _, s := range []string{"2 3\nthe 1 2 3\nof .5 -1e3 0x1p-2\n", "1 1\na NaN\n", "1 1\na 1e39\n", "99999999 65536\na 1\n", "1 1", "-1 2\n", "2 1\r\na 1\r\na 2\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readVec(bufio.NewReader(bytes.NewReader(data)))
		if err != nil {
			return
		}
		x := make([]float32, m.Dim)
		for _, word := range []string{"the", "a", "", "</s>"} {
			m.WordVector(x, word)
			for _, v := range x {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("%q: %v", word, x)
				}
			}
		}
	})
}
