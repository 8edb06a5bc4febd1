package label

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"github.com/climb-go/climb/bilevel"
	"github.com/climb-go/climb/solve"
)

// A Penalty is what Linear learned for a group of features.
type Penalty struct {
	NGram    int     `json:"ngram"`  // words of the n-grams; 0 is the bias
	Decile   int     `json:"decile"` // of the number of texts that they are in, from 1
	Features int     `json:"features"`
	L2       float64 `json:"l2"`
}

// How penalties are learned: the share of the texts that judges them, the
// strengths that one penalty for all is first chosen from, the least of them, and
// how many steps of the lower and of the linear solver it may take.
const (
	penaltyHeldOut = 5 // one text of so many
	penaltyLeast   = 1e-6
	penaltyWork    = 4000
	penaltyGain    = 3e-4
)

var penaltyGrid = []float64{1e-1, 1e-2, 1e-3, 1e-4, 1e-5}

// penalties is the bilevel problem of Linear.Learned: the features that occur, in
// groups by the length of their n-gram and the decile of their document frequency.
type penalties struct {
	o       Linear
	buckets []uint32 // of each feature, ascending
	group   []int    // of each feature; the last one is the bias
	names   []Penalty
	rows    [][]int32
	labels  []int
	weights []float64 // of a text
	k       int
}

// learn fits a model whose penalties are those with the least loss on a fifth of
// the texts: first one for all groups, then, from there, one each by MAID. The
// weights are then fitted to all texts.
func (o Linear) learn(ctx context.Context, texts []string, labels []int, names []string) (*LinearModel, error) {
	p := &penalties{o: o, labels: labels, k: len(names)}
	p.read(texts)
	f := &fit{o: o, labels: labels, k: p.k}
	f.weigh()
	for _, l := range labels {
		p.weights = append(p.weights, float64(f.weights[l]))
	}
	held := rand.New(rand.NewPCG(1, 0)).Perm(len(texts))[:len(texts)/penaltyHeldOut]
	slices.Sort(held)
	problem := p.problem(held)
	theta, w, err := p.scalar(ctx, problem)
	if err != nil {
		return nil, err
	}
	r, err := bilevel.MAID{Accuracy: 0.01, Step: 1, Low: math.Log(penaltyLeast), High: 7, Work: penaltyWork, Gain: penaltyGain}.Minimize(ctx, problem, w, theta)
	if err != nil {
		return nil, fmt.Errorf("learn penalties: %w", err)
	}
	// The same penalty of the sum of the losses, over more texts.
	fewer := math.Log(float64(problem.Train.Len()) / float64(len(texts)))
	for g := range r.Theta {
		p.names[g].L2 = math.Exp(r.Theta[g])
		r.Theta[g] += fewer
	}
	all := p.problem(nil)
	if err := p.minimize(ctx, all, r.X, r.Theta); err != nil {
		return nil, err
	}
	m := &LinearModel{Labels: names, WordNGrams: o.WordNGrams, Bits: o.Bits, Temperature: 1, Penalties: p.names,
		weights: make([]float32, p.k<<o.Bits), bias: make([]float32, p.k)}
	for j, bucket := range p.buckets {
		for c := range p.k {
			m.weights[int(bucket)*p.k+c] = float32(r.X[j*p.k+c])
		}
	}
	for c := range p.k {
		m.bias[c] = float32(r.X[len(p.buckets)*p.k+c])
	}
	return m, nil
}

// read settles the features and their groups. A bucket that n-grams of several
// lengths share counts as the shortest.
func (p *penalties) read(texts []string) {
	words, documents := map[uint32]int{}, map[uint32]int{}
	rows := make([][]uint32, len(texts))
	for i, text := range texts {
		text = oneLine(text)
		rows[i] = slices.Clone(features(nil, text, p.o.WordNGrams, p.o.Bits))
		for _, bucket := range rows[i] {
			documents[bucket]++
		}
		for n := 1; n <= p.o.WordNGrams; n++ {
			for _, bucket := range features(nil, text, n, p.o.Bits) {
				if _, met := words[bucket]; !met || words[bucket] > n {
					words[bucket] = n
				}
			}
		}
	}
	for bucket := range documents {
		p.buckets = append(p.buckets, bucket)
	}
	slices.Sort(p.buckets)
	place := make(map[uint32]int32, len(p.buckets))
	counts := make([][]int, p.o.WordNGrams+1) // document frequencies by length, ascending
	for j, bucket := range p.buckets {
		place[bucket] = int32(j)
		n := words[bucket]
		counts[n] = append(counts[n], documents[bucket])
	}
	for _, c := range counts {
		slices.Sort(c)
	}
	size := map[[2]int]int{}
	of := make([][2]int, len(p.buckets))
	for j, bucket := range p.buckets {
		n := words[bucket]
		of[j] = [2]int{n, 10*sort.SearchInts(counts[n], documents[bucket])/len(counts[n]) + 1}
		size[of[j]]++
	}
	groups := map[[2]int]int{}
	for n := 1; n <= p.o.WordNGrams; n++ {
		for decile := 1; decile <= 10; decile++ {
			if k := [2]int{n, decile}; size[k] > 0 {
				groups[k] = len(p.names)
				p.names = append(p.names, Penalty{NGram: n, Decile: decile, Features: size[k]})
			}
		}
	}
	for _, k := range of {
		p.group = append(p.group, groups[k])
	}
	p.group = append(p.group, len(p.names))
	p.names = append(p.names, Penalty{Features: 1})
	p.rows = make([][]int32, len(texts))
	for i, row := range rows {
		for _, bucket := range row {
			p.rows[i] = append(p.rows[i], place[bucket])
		}
	}
}

// problem is the bilevel problem with the texts that judge; all others are trained
// on.
func (p *penalties) problem(held []int) *bilevel.Logistic {
	out := &bilevel.Logistic{Classes: p.k, Group: p.group, Groups: len(p.names)}
	var val []float64
	for i, row := range p.rows {
		scale := 1 / math.Sqrt(float64(max(1, len(row))))
		val = val[:0]
		for range row {
			val = append(val, scale)
		}
		to := &out.Train
		if _, judges := slices.BinarySearch(held, i); judges {
			to = &out.Held
		}
		to.Add(append(slices.Clone(row), int32(len(p.buckets))), append(val, 1), p.labels[i])
		to.Weight = append(to.Weight, p.weights[i])
	}
	return out
}

// scalar returns the one penalty for all with the least loss, and its weights.
func (p *penalties) scalar(ctx context.Context, problem *bilevel.Logistic) (theta, best []float64, err error) {
	w := make([]float64, len(p.group)*p.k)
	g, least := make([]float64, len(w)), math.Inf(1)
	for _, l2 := range penaltyGrid {
		at := make([]float64, len(p.names))
		for j := range at {
			at[j] = math.Log(l2)
		}
		if err := p.minimize(ctx, problem, w, at); err != nil {
			return nil, nil, err
		}
		if v := problem.Upper(w, g); v < least {
			least, theta, best = v, at, slices.Clone(w)
		}
	}
	return theta, best, nil
}

// minimize fits the weights for the penalties.
func (p *penalties) minimize(ctx context.Context, problem *bilevel.Logistic, w, theta []float64) error {
	mu, l := problem.Bounds(w, theta)
	solve.FISTA{Mu: mu, L: l, Most: 1000}.Minimize(func(x, g []float64) float64 { return problem.Lower(x, theta, g) }, w, p.o.Tolerance*math.Sqrt(mu))
	return ctx.Err()
}

// String names the group.
func (p Penalty) String() string {
	if p.NGram == 0 {
		return "bias"
	}
	return fmt.Sprintf("%d-grams, decile %d of document frequency", p.NGram, p.Decile)
}
