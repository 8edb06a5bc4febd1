package embed

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/climb-go/climb/fasttext"
)

func fitWord(t testing.TB, o Word, texts []string, workers int) *WordModel {
	t.Helper()
	m, err := o.Fit(context.Background(), texts, nil, 7, workers)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWordIgnoresWorkers(t *testing.T) {
	texts, _ := topics(300)
	o := Word{TrainBytes: 20000, Train: fasttext.WordVectors{Dim: 16, Buckets: 500, Epochs: 2}}
	save := func(m *WordModel) []byte {
		var b bytes.Buffer
		if err := m.Words().Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	one, three := fitWord(t, o, texts, 1), fitWord(t, o, texts, 3)
	if !bytes.Equal(save(one), save(three)) || !slices.Equal(one.Mean, three.Mean) || !slices.Equal(one.Spread, three.Spread) {
		t.Error("three workers give another model than one")
	}
}

// Vectors of a file are used as they are, and a saved model gives the same
// vectors as the fitted one.
func TestWordFromFile(t *testing.T) {
	texts, topic := topics(200)
	fitted := fitWord(t, Word{Train: fasttext.WordVectors{Dim: 16, Buckets: 500, Epochs: 15}}, texts, 2)
	path := filepath.Join(t.TempDir(), "words.bin")
	if err := fitted.Words().Save(path); err != nil {
		t.Fatal(err)
	}
	words, err := fasttext.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer words.Close()
	want := embedAll(t, fitted, texts)
	if got := embedAll(t, fitted.Options.Model(words, fitted.Mean, fitted.Spread), texts); !slices.Equal(got, want) {
		t.Error("a saved model gives other vectors")
	}
	separated(t, want, 16, topic)
	if err := os.WriteFile(path+".vec", []byte("2 3\ncell1 1 0 0\ncourt1 0 1 0\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if words, err = fasttext.OpenVec(path + ".vec"); err != nil {
		t.Fatal(err)
	}
	m := Word{}.Model(words, nil, nil)
	if got := embedAll(t, m, []string{"Cell1, unknown!", "", "court1"}); !slices.Equal(got, []float32{1, 0, 0, 1, 0, 0, 0, 1, 0}) {
		t.Errorf("vectors %v", got)
	}
}

// A word that is not known counts in a text without known ones only.
func TestWordUnknown(t *testing.T) {
	texts, _ := topics(200)
	m := fitWord(t, Word{Train: fasttext.WordVectors{Dim: 16, Buckets: 500}}, texts, 1)
	x := embedAll(t, m, []string{texts[0], texts[0] + " cellular xyzzy", "xyzzy", "Xyzzy xyzzy!", "plugh", ""})
	row := func(i int) []float32 { return x[i*16 : (i+1)*16] }
	if !slices.Equal(row(0), row(1)) {
		t.Error("unknown words count beside known ones")
	}
	if !slices.Equal(row(2), row(3)) || slices.Equal(row(2), row(4)) || slices.Equal(row(2), row(5)) {
		t.Error("texts of unknown words are not told apart by their runs of characters")
	}
}

// Directions are divided by the square root of their standard deviation, turned
// as they may be, with the mean variance times Dim/n added to each variance.
func TestWordSpread(t *testing.T) {
	const n, d = 400, 2
	turn := [2][2]float64{{0.6, -0.8}, {0.8, 0.6}}
	var x []float32
	for i := range n {
		a, b := float64(1-2*(i%2))*3, float64(1-i/2%2*2)*0.5
		x = append(x, float32(5+turn[0][0]*a+turn[0][1]*b), float32(turn[1][0]*a+turn[1][1]*b))
	}
	words, err := fasttext.WordVectors{Dim: d, Epochs: 1, LR: 0.1, Window: 1, Negatives: 1, MinN: 3, Buckets: 10, MinCount: 1, Subsample: 1}.Train(context.Background(), []string{"a b"})
	if err != nil {
		t.Fatal(err)
	}
	m := Word{}.Model(words, nil, nil)
	m.center(x, n, 1)
	if math.Abs(float64(m.Mean[0])-5) > 1e-5 || math.Abs(float64(m.Mean[1])) > 1e-5 {
		t.Errorf("mean %v", m.Mean)
	}
	spread := func(k int) float64 { // u_k^T S u_k
		u := [2]float64{turn[0][k], turn[1][k]}
		var q float64
		for i, v := range m.Spread {
			q += u[i/2] * float64(v) * u[i%2]
		}
		return q
	}
	ridge := (9 + 0.25) / n
	if want := math.Pow((9+ridge)/(0.25+ridge), 0.25); math.Abs(spread(1)/spread(0)-want) > 1e-4 {
		t.Errorf("the directions are spread %v and %v, a ratio of %v, want %v", spread(0), spread(1), spread(1)/spread(0), want)
	}
}
