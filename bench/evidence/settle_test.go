package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
)

// made is a study's file with one number a strategy.
func made(k int, score func(strategy string) float64) *Search {
	s := &Search{Number: k + 1, Params: settled(k)}
	for _, name := range append([]string{ours, "climb-auto-28", "natural", "uniform", "random", "best-of-random"}, rivals...) {
		v := score(name)
		s.Rows = append(s.Rows, Row{Strategy: name, Seed: uint64(1000 + k), BPB: v, Score: -v, ProxyRuns: 112, Blocks: [][]float64{{-v - 0.1, -v + 0.1}}, Tasks: map[string]float64{"piqa": v}})
	}
	return s
}

// What is written is read back; searches of other parameters are refused; there is no
// verdict before the last search, and then the one of the figures.
func TestSettlement(t *testing.T) {
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	worse := map[string]float64{"climb": 0.05, "regmix": 0.06, "olmix-112": 0.07, "natural": 0.2, "uniform": 0.3, "random": 0.2, "climb-auto-28": 0.052}
	for k := range searches {
		s := made(k, func(name string) float64 { return 2.6 + worse[name] + 0.01*rng.NormFloat64() })
		if err := writeFile(filepath.Join(dir, fmt.Sprintf("search-%02d.json", k+1)), s); err != nil {
			t.Fatal(err)
		}
		if k == 1 || k == searches-1 {
			list, err := readSearches(dir)
			if err != nil || len(list) != k+1 || list[k].Rows[3].BPB != s.Rows[3].BPB {
				t.Fatal(list, err)
			}
			r, err := settlement(list)
			if err != nil {
				t.Fatal(err)
			}
			if k == 1 && r.Verdict != "not yet: 2 of 28 searches" {
				t.Error(r.Verdict)
			}
			if want := "climb-auto is better than climb, not shown to be better than olmix, better than olmix-112, better than regmix; with 28 proxies it is no worse than climb with 112 by more than 0.01"; k > 1 && r.Verdict != want {
				t.Errorf("%s, want %s", r.Verdict, want)
			}
			for _, v := range r.Versus {
				if k > 1 && v.A == ours && math.Abs(v.Mean-worse[v.B]) > 0.01 {
					t.Errorf("%+v", v)
				}
			}
		}
	}
	other := made(3, func(string) float64 { return 2 })
	other.Params.Clusters = 50
	if err := writeFile(filepath.Join(dir, "search-04.json"), other); err != nil {
		t.Fatal(err)
	}
	if _, err := readSearches(dir); err == nil || !strings.Contains(err.Error(), "another study") {
		t.Error(err)
	}
}

// The committed files are of the study, and can be settled.
func TestCommittedSearches(t *testing.T) {
	list, err := readSearches(filepath.Join("..", "results", "evidence"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := settlement(list); err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		for _, r := range s.Rows {
			if len(r.Blocks) != 16 || len(r.Tasks) != 16 || !(r.BPB > 0) || math.Abs(r.Score+r.BPB) > 1e-9 {
				t.Errorf("search %d, %s: %d blocks, %d tasks, %v bits per byte, score %v", s.Number, r.Strategy, len(r.Blocks), len(r.Tasks), r.BPB, r.Score)
			}
			for _, m := range r.Mixtures {
				sum := 0.0
				for _, w := range m {
					sum += w
				}
				if len(m) != 16 || math.Abs(sum-1) > 1e-9 {
					t.Errorf("search %d, %s: mixture %v", s.Number, r.Strategy, m)
				}
			}
		}
	}
}
