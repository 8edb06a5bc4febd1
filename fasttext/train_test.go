package fasttext

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// split gives texts and labels of the sources, every fifth document apart.
func split(all []sample) (names []string, texts, testTexts []string, labels, testLabels []int) {
	index := map[string]int{}
	for i, s := range all {
		l, ok := index[s.source]
		if !ok {
			l = len(names)
			index[s.source], names = l, append(names, s.source)
		}
		if i%5 == 4 {
			testTexts, testLabels = append(testTexts, s.text), append(testLabels, l)
		} else {
			texts, labels = append(texts, s.text), append(labels, l)
		}
	}
	return names, texts, testTexts, labels, testLabels
}

func small() Classifier {
	return Classifier{Dim: 16, Epochs: 30, LR: 0.5, WordNGrams: 2, Buckets: 20000, MinCount: 1, Seed: 1}
}

func accuracy(t testing.TB, m *Model, names, texts []string, labels []int) float64 {
	p, err := m.NewPredictor()
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, text := range texts {
		if got := p.Predict(oneLine(text), 1, 0); len(got) == 1 && m.LabelName(got[0].Label) == names[labels[i]] {
			right++
		}
	}
	return float64(right) / float64(len(texts))
}

// TestTrainedModelIsTheOriginals: the file is read by the original, which gives
// the same probabilities; and training does as well as the original's.
func TestTrainedModelIsTheOriginals(t *testing.T) {
	all := samples(t, 50, 400)
	names, texts, testTexts, labels, testLabels := split(all)
	m, err := small().Train(t.Context(), texts, labels, names)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ours.bin")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	compare(t, path, testLines(all[:100]))
	ours := accuracy(t, open(t, path), names, testTexts, testLabels)
	if in := accuracy(t, m, names, testTexts, testLabels); in != ours {
		t.Errorf("accuracy %v in memory, %v from the file", in, ours)
	}

	var b, held strings.Builder
	for i, text := range texts {
		i = (i * 7919) % len(texts)
		text = texts[i]
		b.WriteString("__label__" + names[labels[i]] + " " + text + "\n")
	}
	for i, text := range testTexts {
		held.WriteString("__label__" + names[testLabels[i]] + " " + text + "\n")
	}
	data := filepath.Join(t.TempDir(), "train.txt")
	test := filepath.Join(t.TempDir(), "test.txt")
	if err := errors.Join(os.WriteFile(data, []byte(b.String()), 0o666), os.WriteFile(test, []byte(held.String()), 0o666)); err != nil {
		t.Fatal(err)
	}
	theirs := filepath.Join(t.TempDir(), "theirs")
	oracle(t, "", "supervised", "-input", data, "-output", theirs, "-dim", "16", "-epoch", "30", "-lr", "0.5", "-wordNgrams", "2", "-bucket", "20000", "-thread", "1")
	reports := oracle(t, "", "test", theirs+".bin", test)
	_, after, _ := strings.Cut(reports, "P@1\t")
	precision, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	if err != nil {
		t.Fatalf("fasttext test says %q", reports)
	}
	t.Logf("accuracy %.3f, the original's %.3f", ours, precision)
	if !(ours >= precision-0.03) { // 240 texts: three standard errors of the difference
		t.Errorf("accuracy %.3f, the original's is %.3f", ours, precision)
	}
}

// TestTrainingIsReproducible: same seed, same bytes, whatever the workers.
func TestTrainingIsReproducible(t *testing.T) {
	names, texts, _, labels, _ := split(samples(t, 10, 300))
	train := func(change func(*Classifier)) []byte {
		o := small()
		o.Epochs = 2
		change(&o)
		m, err := o.Train(t.Context(), texts, labels, names)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := m.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	one := train(func(o *Classifier) { o.Workers = 1 })
	for _, workers := range []int{2, 5} {
		if !bytes.Equal(one, train(func(o *Classifier) { o.Workers = workers })) {
			t.Errorf("%d workers train another model than one", workers)
		}
	}
	if bytes.Equal(one, train(func(o *Classifier) { o.Seed = 2 })) {
		t.Error("another seed trains the same model")
	}
}

// TestBalance: a rare label is found more often when all count alike.
func TestBalance(t *testing.T) {
	var texts []string
	var labels []int
	for i := range 400 {
		label := 0
		if i%20 == 0 {
			label = 1
		}
		texts = append(texts, []string{"common words", "common words rare"}[max(label, (i%10+1)/10)])
		labels = append(labels, label)
	}
	probability := func(balance bool) float32 {
		o := small()
		o.Balance = balance
		m, err := o.Train(t.Context(), texts, labels, []string{"no", "yes"})
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.NewPredictor()
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, 2)
		p.Probabilities(dst, "common words rare\n")
		return dst[m.Find("__label__yes")-m.Words()]
	}
	// Of the texts with "rare" 20 of 60 are "yes"; balanced, 10 of 11.
	if plain, balanced := probability(false), probability(true); plain > 0.5 || balanced < 0.5 {
		t.Errorf("probability of the rare label %.2f, balanced %.2f", plain, balanced)
	}
}

func TestTrainRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		texts  []string
		labels []int
		names  []string
	}{
		"no text":         {nil, nil, []string{"a"}},
		"too few labels":  {[]string{"a", "b"}, []int{0}, []string{"a"}},
		"unknown label":   {[]string{"a"}, []int{1}, []string{"a"}},
		"space in a name": {[]string{"a"}, []int{0}, []string{"a b"}},
	} {
		if _, err := small().Train(t.Context(), c.texts, c.labels, c.names); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
