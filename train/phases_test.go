package train

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
)

// The tokens of every phase are the shares of its mixture, to a sequence or two, and a
// domain is read on where the phase before has left it.
func TestPhasesKeepShares(t *testing.T) {
	a, b := strings.Repeat("red green blue yellow red blue. ", 80), strings.Repeat("17 + 25 = 42; 9 * 8 = 72; ", 80)
	tokenizer, domains, _ := world(t, a, b)
	j := testJob(tokenizer, domains, targetFile(t, a[:200]))
	j.Tokens, j.Phases = 64*16*4, mix.Phases{0.75, 0.25}
	j.Mixture = mix.Mixture{0.75 * 0.2, 0.75 * 0.8, 0.25 * 0.9, 0.25 * 0.1}
	r, err := Proxy{}.Train(context.Background(), j, nil)
	if err != nil || r.Failed != "" {
		t.Fatal(err, r)
	}
	if len(r.Tokens) != 4 || r.Tokens[0]+r.Tokens[1] != 48*64 || r.Tokens[2]+r.Tokens[3] != 16*64 {
		t.Fatalf("%v tokens of two phases, want 3072 and 1024", r.Tokens)
	}
	for i, n := range r.Tokens {
		if want := j.Mixture[i] * 4096; math.Abs(float64(n)-want) > 2*16 {
			t.Errorf("share %d: %d tokens, want %.0f", i, n, want)
		}
	}
	if err := r.Check(&j); err != nil {
		t.Error(err)
	}
	files, err := openDomains(domains)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(files)
	s, err := NewSampler(files, j.Phases.Total(j.Mixture), 16, j.Seed)
	if err != nil {
		t.Fatal(err)
	}
	s.schedule(j)
	read, dst := map[[2]int64]bool{}, make([]uint32, 17)
	for range 64 {
		before := [2]int64{s.drawn[0], s.drawn[1]}
		s.Next(dst)
		for d := range before {
			if at := [2]int64{int64(d), s.at(d, before[d])}; s.drawn[d] > before[d] {
				if read[at] && before[d] < s.chunks(d) {
					t.Fatalf("domain %d: a sequence was read twice in its first epoch", d)
				}
				read[at] = true
			}
		}
	}
}

// A schedule of equal phases is another run than its mixture alone only by where
// phases round; one phase is no schedule, and a Job without phases is written as it
// was before there were any.
func TestPhasesOfAJob(t *testing.T) {
	data, err := json.Marshal(Job{})
	if err != nil || strings.Contains(string(data), "phases") {
		t.Errorf("%s, %v", data, err)
	}
	j := Job{Domains: []string{"a", "b"}, Tokens: 1, Batch: 1}
	for want, c := range map[string]struct {
		phases  mix.Phases
		mixture mix.Mixture
	}{
		"":                                    {mix.Phases{0.5, 0.5}, mix.Mixture{0.1, 0.4, 0.2, 0.3}},
		"2 weights for 2 domains in 2 phases": {mix.Phases{0.5, 0.5}, mix.Mixture{0.5, 0.5}},
		"there is one; leave it out":          {mix.Phases{1}, mix.Mixture{0.5, 0.5}},
		"shares of phase 0 sum to 0.6":        {mix.Phases{0.5, 0.5}, mix.Mixture{0.2, 0.4, 0.2, 0.2}},
		"lengths sum to 0.9":                  {mix.Phases{0.5, 0.4}, mix.Mixture{0.1, 0.4, 0.2, 0.3}},
	} {
		j.Phases, j.Mixture = c.phases, c.mixture
		if err := j.Check(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := (&Torch{}).Check(&Job{Mixture: mix.Mixture{1}, Batch: 16, Phases: mix.Phases{0.5, 0.5}}); err == nil || !strings.Contains(err.Error(), "phases") {
		t.Errorf("torch: %v", err)
	}
}
