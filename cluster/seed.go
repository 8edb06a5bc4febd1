package cluster

import (
	"math"
	"math/rand/v2"

	"github.com/climb-go/climb/vec"
)

// A seeder draws first centroids from n points x, n x d.
type seeder struct {
	KMeans
	x       []float32
	n, d    int
	workers int
	seed    uint64
}

func (f *seeder) row(i int) []float32 { return f.x[i*f.d : (i+1)*f.d] }

// seedCentroids draws at most K first centroids, all distinct: k x d.
func (f *seeder) seedCentroids(rng *rand.Rand) []float32 {
	if f.Init == "kmeans++" || f.n <= f.K {
		return plusPlus(f.x, f.n, f.d, nil, f.K, rng, f.workers)
	}
	return f.scalable(rng)
}

// scalable is k-means|| (Bahmani et al. 2012, arXiv 1203.6402, algorithm 2):
// Rounds times, each point becomes a candidate with probability
// Oversample*K*d^2/phi; the candidates, weighted by the points nearest to
// them, are then reduced to K by k-means++. The paper runs log(phi) rounds
// and finds five enough.
func (f *seeder) scalable(rng *rand.Rand) []float32 {
	first := rng.IntN(f.n)
	c := &Centroids{K: 1, D: f.d, X: append([]float32(nil), f.row(first)...)}
	near, dist := make([]int32, f.n), make([]float32, f.n)
	c.Assign(near, dist, f.x, f.n, f.workers)
	newNear, newDist := make([]int32, f.n), make([]float32, f.n)
	for round := range f.Rounds {
		var phi float64
		for _, v := range dist {
			phi += float64(v)
		}
		if phi == 0 {
			break
		}
		add := &Centroids{D: f.d}
		for i := range f.n {
			if uniform(f.seed, round, i)*phi < f.Oversample*float64(f.K)*float64(dist[i]) {
				add.X = append(add.X, f.row(i)...)
				add.K++
			}
		}
		if add.K == 0 {
			continue
		}
		add.Assign(newNear, newDist, f.x, f.n, f.workers)
		for i, nd := range newDist {
			if nd < dist[i] {
				near[i], dist[i] = newNear[i]+int32(c.K), nd
			}
		}
		c.X, c.K = append(c.X, add.X...), c.K+add.K
	}
	weight := make([]float64, c.K)
	for _, j := range near {
		weight[j]++
	}
	return plusPlus(c.X, c.K, f.d, weight, f.K, rng, f.workers)
}

// uniform returns a number in [0, 1) that depends on its arguments alone
// (the mixer of SplitMix64).
func uniform(seed uint64, round, i int) float64 {
	z := seed + 0x9E3779B97F4A7C15*(uint64(round)<<40+uint64(i)+1)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return float64((z^z>>31)>>11) / (1 << 53)
}

// plusPlus is k-means++ (Arthur, Vassilvitskii 2007) on the n points x with
// weights (nil: 1 each): it draws k distinct points, each with probability
// proportional to weight times squared distance to those drawn before. It
// returns fewer than k where there are no more distinct points.
func plusPlus(x []float32, n, d int, weight []float64, k int, rng *rand.Rand, workers int) []float32 {
	const block = 1024
	score := make([]float64, n) // weight * squared distance, weight at first
	dist := make([]float32, n)
	part := make([]float64, (n+block-1)/block)
	for i := range score {
		score[i], dist[i] = 1, float32(math.Inf(1))
		if weight != nil {
			score[i] = weight[i]
		}
		part[i/block] += score[i]
	}
	var out []float32
	for range k {
		i := pick(score, part, block, rng)
		if i < 0 {
			break
		}
		center := x[i*d : (i+1)*d]
		out = append(out, center...)
		vec.ForEach(workers, len(part), func(_, b int) {
			part[b] = 0
			for i := b * block; i < min(n, b*block+block); i++ {
				dist[i] = min(dist[i], vec.SquaredDistance(x[i*d:(i+1)*d], center))
				score[i] = float64(dist[i])
				if weight != nil {
					score[i] *= weight[i]
				}
				part[b] += score[i]
			}
		})
	}
	return out
}

// pick draws an index with probability proportional to its score, given the
// scores' sums over blocks; -1 if all are 0.
func pick(score, part []float64, block int, rng *rand.Rand) int {
	var total float64
	for _, p := range part {
		total += p
	}
	if total <= 0 {
		return -1
	}
	r, last := rng.Float64()*total, -1
	for b, p := range part {
		if r >= p && b+1 < len(part) {
			r -= p
			continue
		}
		for i := b * block; i < min(len(score), b*block+block); i++ {
			if score[i] > 0 {
				if last = i; r < score[i] {
					return i
				}
				r -= score[i]
			}
		}
	}
	if last >= 0 {
		return last
	}
	for i := len(score) - 1; ; i-- { // rounding walked past a last block of zeros
		if score[i] > 0 {
			return i
		}
	}
}
