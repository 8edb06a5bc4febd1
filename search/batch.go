package search

import (
	"math"
	"math/rand/v2"

	"github.com/climb-go/climb/mix"
)

// thompson picks from the list the best one of each of n draws from the joint
// posterior; where draws agree, the next best one that is not picked yet.
func (k *picker) thompson(s *surrogate, rng *rand.Rand, list []mix.Mixture, n int) ([]mix.Mixture, error) {
	if len(list) == 0 {
		return k.picked, nil
	}
	f, err := s.field(list)
	if err != nil {
		return nil, err
	}
	draws, err := f.draw(rng, n)
	if err != nil {
		return nil, err
	}
	taken := make([]bool, len(list))
	for _, d := range draws {
		for len(k.picked) < n {
			best := -1
			for i, v := range d {
				if !taken[i] && (best < 0 || v > d[best]) {
					best = i
				}
			}
			if best < 0 {
				return k.picked, nil
			}
			taken[best] = true
			if k.fresh(list[best]) {
				k.add(list[best])
				break
			}
		}
	}
	return k.picked, nil
}

// gains picks n of the list one by one, each with the largest expected gain
// over the best mean, and takes away the uncertainty that its run will.
func (k *picker) gains(s *surrogate, list []mix.Mixture, n int) ([]mix.Mixture, error) {
	f, err := s.field(list)
	if err != nil {
		return nil, err
	}
	best := 0.0
	for i, m := range k.seen {
		if v := s.mean(m); i == 0 || v > best {
			best = v
		}
	}
	taken := make([]bool, len(list))
	for len(k.picked) < n {
		at, most := -1, 0.0
		for i := range list {
			if gain := expectedGain(f.mean[i], math.Sqrt(max(0, f.cov.At(i, i))), best); !taken[i] && (at < 0 || gain > most) {
				at, most = i, gain
			}
		}
		if at < 0 {
			break
		}
		taken[at] = true
		k.add(list[at])
		f.observe(at, s.process.Noise())
	}
	return k.picked, nil
}
