package main

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"os"

	"github.com/klauspost/compress/gzip"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/predict"
)

// mixLaws cross-validates every predictor on the mean of the 22 losses of 26
// mixtures: one law per loss, then summed, and explaw on the mean itself.
func (r *Report) mixLaws() error {
	for _, size := range []string{"70M", "160M", "305M", "410M"} {
		x, y, err := readMixLaws(filepath.Join(tables(), "5Mix_"+size+".csv.gz"))
		if err != nil {
			return err
		}
		weights, total := make([]float64, len(y)), make([]float64, len(x))
		for k := range y {
			weights[k] = 1 / float64(len(y))
			for i, v := range y[k] {
				total[i] += v * weights[k]
			}
		}
		for _, m := range predict.Methods {
			tasks := predict.Tasks{Weights: weights, New: func() predict.Predictor { return fresh(m.Name) }}
			cv, err := tasks.CrossValidate(x, y, 5, 1)
			if err != nil {
				return err
			}
			r.mae(m.Name, size, cv.Predicted, total)
		}
		cv, err := predict.CrossValidate(func() predict.Predictor { return &predict.ExpLaw{} }, x, total, 5, 1)
		if err != nil {
			return err
		}
		r.mae("explaw of the mean", size, cv.Predicted, total)
	}
	return nil
}

func (r *Report) mae(name, size string, predicted, truth []float64) {
	if r.MixLaws[name] == nil {
		r.MixLaws[name] = map[string]float64{}
	}
	for i, v := range truth {
		r.MixLaws[name][size] += math.Abs(predicted[i]-v) / float64(len(truth))
	}
}

// fresh returns an unfitted predictor of the table; the ridge of shares and
// logarithms, as in blends.
func fresh(name string) predict.Predictor {
	p, err := predict.New(name, predict.Options{Ridge: predict.Ridge{Features: "both"}})
	if err != nil {
		panic(err)
	}
	return p
}

// readMixLaws reads the losses at step 30000: shares, and losses by validation
// set in the order of their names.
func readMixLaws(path string) (x [][]float64, y [][]float64, err error) {
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
	runs, sets := map[string]int{}, map[string][]float64{}
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
	for _, name := range names(sets) {
		y = append(y, sets[name])
	}
	return x, y, nil
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
		start := time.Now()
		if err := fresh(m.Name).Fit(large, targets); err != nil {
			return err
		}
		s.Fit = time.Since(start).Seconds()
		p := fresh(m.Name)
		if err := p.Fit(small, smallTargets); err != nil {
			return err
		}
		start = time.Now()
		predict.All(scores, p, candidates)
		predict.Top(scores, 64)
		s.Rank = time.Since(start).Seconds()
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
