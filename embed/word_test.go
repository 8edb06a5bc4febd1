package embed

import (
	"bytes"
	"context"
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
	if !bytes.Equal(save(one), save(three)) || !slices.Equal(one.Mean, three.Mean) {
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
	if got := embedAll(t, fitted.Options.Model(words, fitted.Mean), texts); !slices.Equal(got, want) {
		t.Error("a saved model gives other vectors")
	}
	separated(t, want, 16, topic)
	if err := os.WriteFile(path+".vec", []byte("2 3\ncell1 1 0 0\ncourt1 0 1 0\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if words, err = fasttext.OpenVec(path + ".vec"); err != nil {
		t.Fatal(err)
	}
	m := Word{}.Model(words, nil)
	if got := embedAll(t, m, []string{"Cell1, unknown!", "", "court1"}); !slices.Equal(got, []float32{1, 0, 0, 1, 0, 0, 0, 1, 0}) {
		t.Errorf("vectors %v", got)
	}
}
