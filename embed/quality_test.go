package embed

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/climb-go/climb/cluster"
)

// mini reads the small corpus: text and source of every third document.
func mini(t testing.TB) (texts []string, source []int, raw []byte) {
	root := os.Getenv("CLIMB_TEST_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	files, _ := filepath.Glob(filepath.Join(root, "mini", "corpus", "*.jsonl"))
	if len(files) == 0 {
		t.Skipf("no mini/corpus/*.jsonl under %s; set CLIMB_TEST_DATA", root)
	}
	for n, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<24)
		for i := 0; sc.Scan(); i++ {
			var doc struct{ Text string }
			if i%3 != 0 {
				continue
			}
			if err := json.Unmarshal(sc.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			texts, source = append(texts, doc.Text), append(source, n)
			raw = append(append(raw, sc.Bytes()...), '\n')
		}
	}
	return texts, source, raw
}

func miniTexts(t testing.TB) []string {
	texts, _, _ := mini(t)
	return texts
}

// qualitySeeds starts of k-means are averaged: between starts the NMI has a
// standard deviation of 0.015, more than half of word's lead over scikit-learn.
const qualitySeeds = 12

// quality clusters vectors into k groups and compares them with the source
// tags: mean of qualitySeeds starts.
func quality(t testing.TB, x []float32, d int, source []int, k int) (nmi, purity float64) {
	for seed := range uint64(qualitySeeds) {
		c, err := cluster.KMeans{K: k, Init: "kmeans++", PerCluster: len(source)}.Fit(context.Background(), x, len(source), d, seed, 2)
		if err != nil {
			t.Fatal(err)
		}
		label := make([]int32, len(source))
		c.Assign(label, nil, x, len(source), 2)
		group := make([]int, len(label))
		for i, g := range label {
			group[i] = int(g)
		}
		nmi += cluster.NMI(group, source) / qualitySeeds
		purity += cluster.Purity(group, source) / qualitySeeds
	}
	return nmi, purity
}

// Clusters of our vectors must say more of the source than those of
// scikit-learn's usual pipeline on the same documents.
func TestQualityAgainstSklearn(t *testing.T) {
	texts, source, raw := mini(t)
	m := fitLexical(t, Lexical{}, texts, 2)
	x := embedAll(t, m, texts)
	nmi, purity := quality(t, x, m.Dim(), source, 24)
	t.Logf("%d documents of 24 sources: lexical NMI %.3f purity %.3f", len(texts), nmi, purity)
	if nmi < 0.66 || purity < 0.76 {
		t.Errorf("NMI %.3f, purity %.3f; measured when written: 0.72, 0.82", nmi, purity)
	}
	w := fitWord(t, Word{}, texts, 2)
	wordNMI, wordPurity := quality(t, embedAll(t, w, texts), w.Dim(), source, 24)
	t.Logf("word NMI %.3f purity %.3f", wordNMI, wordPurity)
	const python = "/usr/bin/python3"
	if testing.Short() {
		t.Skip("scikit-learn takes some seconds")
	}
	if exec.Command(python, "-c", "import sklearn").Run() != nil {
		t.Skipf("no %s with sklearn to compare with", python)
	}
	cmd := exec.Command(python, "testdata/sklearn_lsa.py", "24", strconv.Itoa(qualitySeeds))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(raw), os.Stderr
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var theirNMI, theirPurity float64
	if _, err := fmt.Sscan(string(out), &theirNMI, &theirPurity); err != nil {
		t.Fatal(err)
	}
	t.Logf("sklearn TF-IDF, SVD(100), k-means: NMI %.3f purity %.3f", theirNMI, theirPurity)
	if min(nmi, wordNMI) <= theirNMI || min(purity, wordPurity) <= theirPurity {
		t.Errorf("sklearn's clusters are as good: NMI %.3f, purity %.3f", theirNMI, theirPurity)
	}
}
