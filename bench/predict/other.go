package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// validWeight says what the 22 validation sets count in the overall loss, in
// thousandths: the shares that the authors of the table give them (Ye et al.,
// arXiv 2403.16952; github.com/yegcjs/mixinglaws, valid_weight.json). The table
// itself has no weights.
var validWeight = map[string]float64{"Github": 95.3, "Pile-CC": 157.0, "Books3": 126.5, "PhilPapers": 5.0,
	"OpenWebText2": 90.7, "PubMed_Abstracts": 23.9, "DM_Mathematics": 21.6, "PG19": 18.5, "FreeLaw": 54.4,
	"HackerNews": 7.3, "EuroParl": 8.1, "OpenSubtitles": 15.8, "PubMed_Central": 125.0, "Wikipedia_en": 37.4,
	"StackExchange": 55.2, "BookCorpus2": 6.9, "Enron_Emails": 1.2, "NIH_ExPorter": 1.9, "YoutubeSubtitles": 9.6,
	"Ubuntu_IRC": 8.1, "ArXiv": 101.9, "USPTO_Backgrounds": 28.5}

// mixLaws cross-validates every predictor on the 22 losses of 26 mixtures, and
// sums what it says of each; and explaw on the weighted loss itself.
func (r *Report) mixLaws() error {
	type result struct{ weighted, mean, truth, equal []float64 }
	sizes := []string{"70M", "160M", "305M", "410M"}
	results, errs := make([]result, len(sizes)*len(predict.Methods)), make([]error, len(sizes)*len(predict.Methods))
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() {
			var o result
			x, sets, err := readMixLaws(filepath.Join(tables(), "5Mix_"+sizes[i/len(predict.Methods)]+".csv.gz"))
			if err == nil {
				o.truth, o.equal, err = combine(sets)
			}
			if err == nil {
				o.weighted, o.mean, err = crossValidate(predict.Methods[i%len(predict.Methods)].Name, x, sets)
			}
			results[i], errs[i] = o, err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, o := range results {
		name, size := predict.Methods[i%len(predict.Methods)].Name, sizes[i/len(predict.Methods)]
		mae(r.MixLaws, name, size, o.weighted, o.truth)
		mae(r.MixEqual, name, size, o.mean, o.equal)
	}
	for _, size := range sizes {
		x, sets, err := readMixLaws(filepath.Join(tables(), "5Mix_"+size+".csv.gz"))
		if err != nil {
			return err
		}
		truth, _, err := combine(sets)
		if err != nil {
			return err
		}
		cv, err := predict.CrossValidate(func() predict.Predictor { return &predict.ExpLaw{} }, x, truth, 5, 1)
		if err != nil {
			return err
		}
		mae(r.MixLaws, "explaw of the sum", size, cv.Predicted, truth)
	}
	return nil
}

// crossValidate returns the means of what a predictor says of each set.
func crossValidate(name string, x [][]float64, sets map[string][]float64) (weighted, mean []float64, err error) {
	said := map[string][]float64{}
	for _, set := range names(sets) {
		cv, err := predict.CrossValidate(func() predict.Predictor { return fresh(name) }, x, sets[set], 5, 1)
		if err != nil {
			return nil, nil, err
		}
		said[set] = cv.Predicted
	}
	return combine(said)
}

// transfer predicts the weighted loss of the larger models from fewRuns of
// their 26 runs, the others unseen: by gp alone, and with what gp makes of the
// 70M model's 26 runs. The mean absolute errors are over 10 random choices.
func (r *Report) transfer() error {
	const fewRuns, choices = 8, 10
	sx, small, err := readMixLaws(filepath.Join(tables(), "5Mix_70M.csv.gz"))
	if err != nil {
		return err
	}
	low := map[string]predict.Predictor{}
	for _, name := range names(small) {
		low[name] = fresh("gp")
		if err := low[name].Fit(sx, small[name]); err != nil {
			return err
		}
	}
	r.Transfer = map[string]map[string]float64{}
	for _, size := range []string{"160M", "305M", "410M"} {
		x, sets, err := readMixLaws(filepath.Join(tables(), "5Mix_"+size+".csv.gz"))
		if err != nil {
			return err
		}
		truth, _, err := combine(sets)
		if err != nil {
			return err
		}
		for k := range choices {
			order := rand.New(rand.NewPCG(4, uint64(k))).Perm(len(x))
			for how, of := range map[string]func(name string) predict.Predictor{
				"gp": func(string) predict.Predictor { return fresh("gp") },
				"gp with 70M": func(name string) predict.Predictor {
					return &predict.Transfer{Low: low[name], Rest: func() predict.Predictor { return fresh("gp") }}
				},
			} {
				said := map[string][]float64{}
				for _, name := range names(sets) {
					p := of(name)
					if err := p.Fit(pick(x, order[:fewRuns]), pick(sets[name], order[:fewRuns])); err != nil {
						return err
					}
					for _, row := range pick(x, order[fewRuns:]) {
						said[name] = append(said[name], p.Predict(row))
					}
				}
				weighted, _, err := combine(said)
				if err != nil {
					return err
				}
				one := map[string]map[string]float64{}
				mae(one, how, size, weighted, pick(truth, order[fewRuns:]))
				if r.Transfer[how] == nil {
					r.Transfer[how] = map[string]float64{}
				}
				r.Transfer[how][size] += one[how][size] / choices
			}
		}
	}
	return nil
}

func pick[T any](v []T, rows []int) []T {
	var out []T
	for _, i := range rows {
		out = append(out, v[i])
	}
	return out
}

// combine returns the weighted and the plain means of values by validation set.
func combine(sets map[string][]float64) (weighted, equal []float64, err error) {
	total := 0.0
	for _, name := range names(sets) {
		w, ok := validWeight[name]
		if !ok {
			return nil, nil, fmt.Errorf("no weight is known of validation set %s", name)
		}
		if weighted == nil {
			weighted, equal = make([]float64, len(sets[name])), make([]float64, len(sets[name]))
		}
		for i, x := range sets[name] {
			weighted[i] += w * x
			equal[i] += x / float64(len(sets))
		}
		total += w
	}
	for i := range weighted {
		weighted[i] /= total
	}
	return weighted, equal, nil
}

func mae(of map[string]map[string]float64, name, size string, predicted, truth []float64) {
	if of[name] == nil {
		of[name] = map[string]float64{}
	}
	for i, x := range truth {
		of[name][size] += math.Abs(predicted[i]-x) / float64(len(truth))
	}
}

// fresh returns an unfitted predictor of the table; the ridge of shares and
// logarithms, as in blends.
func fresh(name string) predict.Predictor {
	if name == "ridge" {
		return &predict.Ridge{Features: "both"}
	}
	p, err := predict.Methods.New(name)
	if err != nil {
		panic(err)
	}
	return p
}

// readMixLaws reads the losses at step 30000: shares, and losses by validation
// set.
func readMixLaws(path string) (x [][]float64, sets map[string][]float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, err
	}
	lines, err := csv.NewReader(packed).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	runs := map[string]int{}
	sets = map[string][]float64{}
	for _, line := range lines[1:] {
		if line[2] != "30000" {
			continue
		}
		var values []float64
		for _, cell := range line[4:] {
			v, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				return nil, nil, fmt.Errorf("read %s: %w", path, err)
			}
			values = append(values, v)
		}
		if _, seen := runs[line[1]]; !seen {
			runs[line[1]] = len(x)
			m, err := mix.Normalize(values[:5])
			if err != nil {
				return nil, nil, fmt.Errorf("read %s: run %s: %w", path, line[1], err)
			}
			x = append(x, m)
		}
		if at := runs[line[1]]; at >= len(sets[line[3]]) {
			sets[line[3]] = append(sets[line[3]], make([]float64, at+1-len(sets[line[3]]))...)
		}
		sets[line[3]][runs[line[1]]] = values[5]
	}
	return x, sets, nil
}

// speed times fits to a large table and the ranking of many candidates.
func (r *Report) speed() error {
	large, targets := synthetic(500, 100)
	small, smallTargets := synthetic(112, 17)
	rng := rand.New(rand.NewPCG(3, 0))
	alpha := slices.Repeat([]float64{0.5}, 17)
	candidates := make([][]float64, 1_000_000)
	for i := range candidates {
		candidates[i] = mix.Dirichlet(rng, alpha)
	}
	scores := make([]float64, len(candidates))
	for _, m := range predict.Methods {
		var s Speed
		start, work := time.Now(), measure.CPUSeconds()
		if err := fresh(m.Name).Fit(large, targets); err != nil {
			return err
		}
		s.Fit, s.FitCPU = time.Since(start).Seconds(), measure.CPUSeconds()-work
		p := fresh(m.Name)
		if err := p.Fit(small, smallTargets); err != nil {
			return err
		}
		start, work = time.Now(), measure.CPUSeconds()
		predict.All(scores, p, candidates)
		predict.Top(scores, 64)
		s.Rank, s.RankCPU = time.Since(start).Seconds(), measure.CPUSeconds()-work
		r.Speed[m.Name] = s
	}
	return nil
}

// synthetic returns mixtures and a smooth score with 2 % of noise.
func synthetic(n, d int) (x [][]float64, y []float64) {
	rng := rand.New(rand.NewPCG(2, uint64(d)))
	alpha := slices.Repeat([]float64{0.3}, d)
	for range n {
		m, v := mix.Dirichlet(rng, alpha), 0.0
		for j, w := range m {
			v += math.Exp(-4*w) * float64(j%4)
		}
		x, y = append(x, m), append(y, v+0.02*rng.NormFloat64())
	}
	return x, y
}
