//go:build integration

package train

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/token"
)

// TestScarceRanks prints what repetition-matched proxies do to ranks where two of
// three domains are scarce (docs/proxies.md): 14 mixtures, each by a target of 800,000
// tokens and by proxies of an eighth of them that read all of a domain, or an eighth of
// it. Some minutes of two quiet cores.
//
//	go test -tags integration ./train -run TestScarceRanks -v -timeout 3h
func TestScarceRanks(t *testing.T) {
	scarce := scarceWorld(t)
	const tokens, target = 100_000, 800_000
	rng := rand.New(rand.NewPCG(5, 1))
	mixtures := make([]mix.Mixture, 14)
	for i := range mixtures {
		m, err := mix.Normalize([]float64{rng.ExpFloat64(), rng.ExpFloat64(), rng.ExpFloat64()})
		if err != nil {
			t.Fatal(err)
		}
		mixtures[i] = m
	}
	kinds := []string{"target", "plain", "matched"}
	seeds := map[string]int{"target": 2, "plain": 3, "matched": 3}
	scores := map[string][][]float64{} // kind, mixture, seed
	type job struct {
		kind string
		m, s int
	}
	var jobs []job
	for _, kind := range kinds {
		scores[kind] = make([][]float64, len(mixtures))
		for m := range mixtures {
			scores[kind][m] = make([]float64, seeds[kind])
			for s := range seeds[kind] {
				jobs = append(jobs, job{kind, m, s})
			}
		}
	}
	next := make(chan job)
	var pool sync.WaitGroup
	for range 2 {
		pool.Go(func() {
			for x := range next {
				j := scarce
				j.Mixture, j.Seed, j.Tokens = mixtures[x.m], uint64(500+x.s), tokens
				switch x.kind {
				case "target":
					j.Tokens, j.Model.Width, j.Model.Layers, j.Seed = target, 48, 2, uint64(900+x.s)
				case "matched":
					j.TargetTokens = target
				}
				r, err := Proxy{}.Train(context.Background(), j, nil)
				if err != nil || r.Failed != "" {
					t.Errorf("%v: %v %+v", x, err, r)
					continue
				}
				scores[x.kind][x.m][x.s] = r.Score
			}
		})
	}
	for _, x := range jobs {
		next <- x
	}
	close(next)
	pool.Wait()
	for m, mixture := range mixtures {
		line := fmt.Sprintf("mixture %.3f", mixture)
		for _, kind := range kinds {
			line += fmt.Sprintf("  %s %.4f", kind, mean(scores[kind][m]))
		}
		t.Log(line)
	}
	at := make([]int, len(mixtures))
	for i := range at {
		at[i] = i
	}
	of := func(kind string, at []int) float64 {
		sum := 0.0
		for s := range seeds[kind] { // one proxy a mixture, as in a search
			x, y := make([]float64, len(at)), make([]float64, len(at))
			for k, m := range at {
				x[k], y[k] = scores[kind][m][s], mean(scores["target"][m])
			}
			sum += predict.Spearman(x, y)
		}
		return sum / float64(seeds[kind])
	}
	var plain, matched, gain []float64
	for range 4000 {
		for k := range at {
			at[k] = rng.IntN(len(mixtures))
		}
		p, q := of("plain", at), of("matched", at)
		plain, matched, gain = append(plain, p), append(matched, q), append(gain, q-p)
	}
	for i := range at {
		at[i] = i
	}
	p, q := of("plain", at), of("matched", at)
	t.Logf("Spearman with the target, one proxy a mixture, mean over 3 seeds, interval over mixtures: plain %.3f %s, matched %.3f %s, difference %.3f %s",
		p, between(plain), q, between(matched), q-p, between(gain))
	best := func(kind string) int {
		b := 0
		for m := range mixtures {
			if mean(scores[kind][m]) > mean(scores[kind][b]) {
				b = m
			}
		}
		return b
	}
	for _, kind := range kinds {
		b := best(kind)
		t.Logf("best by %s: %.3f, which the target scores %.4f, its own best %.4f", kind, mixtures[b], mean(scores["target"][b]), mean(scores["target"][best("target")]))
	}
	if math.IsNaN(p + q) {
		t.Error("a kind of proxy gives one score to all mixtures")
	}
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func between(x []float64) string {
	x = slices.DeleteFunc(x, math.IsNaN) // a draw of one mixture alone
	slices.Sort(x)
	return fmt.Sprintf("[%.3f, %.3f]", x[len(x)*25/1000], x[len(x)*975/1000])
}

// scarceWorld has 20,000 tokens each of a biology book and of medical answers, and
// 2 million of everything else in the small corpus; the score is the mean of bits per
// byte on text of the first two that is in none of them.
func scarceWorld(t *testing.T) Job {
	root := os.Getenv("CLIMB_TEST_DATA")
	if root == "" {
		root = "../../shared/data"
	}
	files, _ := filepath.Glob(filepath.Join(root, "mini/corpus/*.jsonl"))
	if len(files) == 0 {
		t.Skip("no mini corpus in ../../shared/data; set CLIMB_TEST_DATA to a folder with mini/corpus/*.jsonl")
	}
	texts := [3][]string{}
	held := [2][]string{}
	for _, path := range files {
		d := slices.Index([]string{"textbook_biology.jsonl", "medical_qa.jsonl"}, filepath.Base(path))
		for i, text := range documents(t, path) {
			switch {
			case d < 0:
				texts[2] = append(texts[2], text)
			case i%4 == 0:
				held[d] = append(held[d], text)
			default:
				texts[d] = append(texts[d], text)
			}
		}
	}
	dir := t.TempDir()
	tok, err := token.Train(slices.Values(slices.Concat(texts[:]...)), token.TrainOptions{Vocab: 2048})
	if err != nil {
		t.Fatal(err)
	}
	var j Job
	option.Fill(&j.Optim)
	j.Model, j.Batch = lm.Config{Layers: 1, Width: 32, Heads: 1, Context: 64}, 8
	j.Tokenizer = filepath.Join(dir, "tokenizer.json")
	write(t, j.Tokenizer, func(f *os.File) error { return tok.Save(f) })
	for d, list := range texts {
		prefix := filepath.Join(dir, fmt.Sprint(d))
		j.Domains = append(j.Domains, prefix)
		write(t, prefix+".bin", func(bin *os.File) error {
			idx, err := os.Create(prefix + ".idx")
			if err != nil {
				return err
			}
			defer idx.Close()
			w, err := token.NewIndexWriter(bin, idx, token.Dtype(tok.Vocab()))
			if err != nil {
				return err
			}
			n := 0
			for _, text := range list {
				if d < 2 && n > 20_000 {
					break
				}
				ids := append(tok.Encode(nil, text), tok.EOD())
				n += len(ids)
				if err := w.Add(ids); err != nil {
					return err
				}
			}
			t.Logf("domain %d: %d tokens", d, n)
			return w.Close()
		})
	}
	for d, list := range held {
		path := filepath.Join(dir, fmt.Sprintf("held-%d.jsonl", d))
		write(t, path, func(f *os.File) error {
			enc := json.NewEncoder(f)
			for i, text := range list[:min(len(list), 16)] {
				if err := enc.Encode(map[string]string{"id": fmt.Sprint(i), "text": text}); err != nil {
					return err
				}
			}
			return nil
		})
		j.Target = append(j.Target, eval.Term{File: path, Metric: "bpb", Weight: 1})
	}
	return j
}

func documents(t *testing.T, path string) (out []string) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<24)
	for in.Scan() {
		var doc struct{ Text string }
		if err := json.Unmarshal(in.Bytes(), &doc); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		out = append(out, doc.Text)
	}
	return out
}
