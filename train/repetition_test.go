package train

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/climb-go/climb/mix"
)

// drawn are the starts of the sequences that a run of so many reads, by domain.
func drawn(t *rapid.T, s *Sampler, sequences int64) [][]int64 {
	out, dst := make([][]int64, len(s.files)), make([]uint32, s.length+1)
	for range sequences {
		before := slices.Clone(s.drawn)
		s.Next(dst)
		d := 0
		for s.drawn[d] == before[d] {
			d++
		}
		out[d] = append(out[d], s.at(d, before[d]))
	}
	return out
}

func distinct(starts []int64) int {
	starts = slices.Clone(starts)
	slices.Sort(starts)
	return len(slices.Compact(starts))
}

// The oracle is the target run itself: both are drawn to the end, and the epochs of
// every domain are counted. They are equal but for what rounding to whole
// sequences can do. A domain that the target does not repeat is read as if nothing
// had been asked for.
func TestProxyRepeatsAsTheTarget(t *testing.T) {
	_, domains, _ := world(t, strings.Repeat("alpha beta ", 900), strings.Repeat("gamma delta ", 300), strings.Repeat("x y ", 100))
	files, err := openDomains(domains)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(files)
	const length = 2
	rapid.Check(t, func(t *rapid.T) {
		w, err := mix.Normalize([]float64{rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b"), rapid.Float64Range(0.01, 1).Draw(t, "c")})
		if err != nil {
			t.Fatal(err)
		}
		seed, proxy := rapid.Uint64().Draw(t, "seed"), rapid.Int64Range(50, 400).Draw(t, "proxy")
		target := proxy * rapid.Int64Range(1, 8).Draw(t, "times")
		sampler := func() *Sampler {
			s, err := NewSampler(files, w, length, seed)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		long, matched, again, plain := sampler(), sampler(), sampler(), sampler()
		matched.simulateEpochs(proxy*length, target*length)
		again.simulateEpochs(proxy*length, target*length)
		of, ot, op := drawn(t, matched, proxy), drawn(t, long, target), drawn(t, plain, proxy)
		if slices.CompareFunc(of, drawn(t, again, proxy), slices.Compare) != 0 {
			t.Fatal("the same seed reads other sequences")
		}
		for d := range files {
			supply := float64(long.chunks(d))
			pool := max(1, supply*float64(proxy)/float64(target))
			want, got := float64(len(ot[d]))/supply, float64(len(of[d]))/float64(matched.pool[d])
			// two sequences of its share in either run, half a one in the pool
			if slack := 2/supply + 2/pool + (want+2/pool)*0.5/max(0.5, pool-0.5); pool > 1 && math.Abs(got-want) > slack {
				t.Fatalf("domain %d: %.3f epochs, the target %.3f, more than %.3f apart", d, got, want, slack)
			}
			if n := distinct(of[d]); n != min(len(of[d]), int(matched.pool[d])) {
				t.Fatalf("domain %d: %d sequences of a pool of %d, of which %d are distinct", d, len(of[d]), matched.pool[d], n)
			}
			if first := min(len(of[d]), int(matched.pool[d])); !slices.Equal(of[d][:first], op[d][:first]) {
				t.Fatalf("domain %d: its first epoch is another", d)
			}
			if int64(len(of[d])) <= matched.pool[d] && !slices.Equal(of[d], op[d]) {
				t.Fatalf("domain %d is not repeated, and reads other sequences", d)
			}
		}
	})
}

// A later epoch reads the pool in another order.
func TestPoolIsShuffled(t *testing.T) {
	_, domains, _ := world(t, strings.Repeat("alpha beta ", 900))
	files, err := openDomains(domains)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(files)
	s, err := NewSampler(files, mix.Mixture{1}, 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	s.simulateEpochs(1, 8)
	var epochs [3][]int64
	for e := range epochs {
		for i := range s.pool[0] {
			epochs[e] = append(epochs[e], s.at(0, int64(e)*s.pool[0]+i))
		}
	}
	for e := 1; e < len(epochs); e++ {
		if slices.Equal(epochs[e], epochs[e-1]) {
			t.Errorf("epochs %d and %d have one order", e, e+1)
		}
		slices.Sort(epochs[e-1])
	}
	slices.Sort(epochs[2])
	if len(epochs[0]) < 20 || !slices.Equal(epochs[0], epochs[1]) || !slices.Equal(epochs[0], epochs[2]) {
		t.Error("epochs read other sequences")
	}
}

// A Job that asks for nothing is written as it was before the field was there.
func TestTargetTokensOfAJob(t *testing.T) {
	data, err := json.Marshal(Job{})
	if err != nil || strings.Contains(string(data), "target_tokens") {
		t.Errorf("%s, %v", data, err)
	}
	tokenizer, domains, _ := world(t, strings.Repeat("alpha beta ", 900))
	j := testJob(tokenizer, domains, "")
	j.Mixture = mix.Mixture{1}
	if j.TargetTokens = j.Tokens - 1; j.Check() == nil || !strings.Contains(j.Check().Error(), "cannot stand for a shorter one") {
		t.Errorf("a target shorter than the proxy: %v", j.Check())
	}
	if j.TargetTokens = j.Tokens; j.Check() != nil {
		t.Error(j.Check())
	}
}
