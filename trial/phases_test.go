package trial

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/train"
)

// A search without phases has the JSON, and so the stage names and hashes, that it had
// before there were any.
func TestNoPhasesInStageNames(t *testing.T) {
	var c SearchConfig
	option.Fill(&c)
	for _, v := range []any{searchOptions{Search: c}, confirmOptions{}, Confirmation{}, search.Problem{}, train.Job{}} {
		if text := string(stage.Marshal(v)); strings.Contains(text, "phase") {
			t.Errorf("%T: %s", v, text)
		}
	}
	c.Phases = 1 // one phase is none
	if p, err := c.Lengths(); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
}

func TestPhasesAreChecked(t *testing.T) {
	for want, f := range map[string]func(*Config){
		"":                                 func(c *Config) { c.Search.Phases, c.Search.PhaseShares = 2, []float64{4, 1} },
		"say how many phases there are":    func(c *Config) { c.Search.PhaseShares = []float64{0.8, 0.2} },
		"search.phase_shares: 3 shares":    func(c *Config) { c.Search.Phases, c.Search.PhaseShares = 2, []float64{1, 1, 1} },
		"the length of phase 1 is 0":       func(c *Config) { c.Search.Phases, c.Search.PhaseShares = 2, []float64{1, 0} },
		"the strategy doremi looks at":     func(c *Config) { c.Search.Phases = 2; must(0, c.Search.Strategy.Set("doremi")) },
		"leave one of the two out":         func(c *Config) { c.Search.Phases, c.Search.Domains.Keep = 2, [][]string{{"a", "b"}} },
		"climb compare trains its targets": func(c *Config) { c.Search.Phases, c.Shared = 2, []eval.Term{{}} },
		"runs of search.reuse":             func(c *Config) { c.Search.Phases, c.Search.Reuse.Files = 2, []string{"x"} },
		"the trainer torch does not know":  func(c *Config) { c.Search.Phases = 2; must(0, c.Proxy.Trainer.Set("torch")) },
		"name phases in proxy.command_fields": func(c *Config) {
			c.Search.Phases, c.Proxy.Command, c.Proxy.Fields = 3, train.Arguments{"x"}, []string{"model", "optim"}
		},
	} {
		var c Config
		option.Fill(&c.Proxy)
		option.Fill(&c.Search)
		f(&c)
		if err := c.checkPhases(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// The problem has a domain for each phase; what caps a domain caps it over all phases,
// and the last phase may be given by name.
func TestProblemInPhases(t *testing.T) {
	r := suppliedBy(t, map[string][]int64{"a": {600, 300}, "b": {50, 50}}, "a", "b")
	c := &r.Config.Search
	c.TargetTokens, c.Phases, c.PhaseShares = 1000, 2, []float64{3, 1}
	p, tokens, err := r.Problem()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Domains) != 4 || p.Domains[2] != "phase_1_a" || len(tokens) != 2 || p.Schedule.Totals.Upper[1] != 0.1 || math.Abs(p.Prior[0]-0.675) > 1e-12 {
		t.Errorf("%+v of %v", p, p.Schedule)
	}
	c.LastPhase = map[string]float64{"a": 1, "b": 1}
	if _, _, err := r.Problem(); err == nil || !strings.Contains(err.Error(), "search.phases: the fixed last phase has 0.125 of all tokens of phase_0_b, and at most 0.1") {
		t.Errorf("%v", err)
	}
	c.LastPhase = map[string]float64{"a": 9, "b": 1}
	if p, _, err = r.Problem(); err != nil || math.Abs(p.Schedule.Last[1]-0.1) > 1e-12 {
		t.Errorf("%v, %v", p.Schedule, err)
	}
	c.LastPhase = map[string]float64{"c": 1}
	if _, _, err := r.Problem(); err == nil || !strings.Contains(err.Error(), `no domain is called "c"; there are a, b`) {
		t.Errorf("%v", err)
	}
}

// The best static mixture of the search is confirmed beside its schedules, and the
// answer is told phase by phase.
func TestStaticIsConfirmed(t *testing.T) {
	p, err := search.Problem{Domains: []string{"a", "b"}, Prior: mix.Mixture{0.5, 0.5}}.InPhases(mix.Phases{0.75, 0.25}, nil)
	if err != nil {
		t.Fatal(err)
	}
	moved := mix.Mixture{0.6, 0.15, 0.05, 0.2}
	of := func(m mix.Mixture) search.Trial { return search.Trial{Mixture: m, Hash: m.Hash()} }
	first, second := of(p.Schedule.Phases.Static(mix.Mixture{0.7, 0.3})), of(p.Schedule.Phases.Static(mix.Mixture{0.2, 0.8}))
	s := &Search{Problem: p, Predicted: moved, Measured: []search.Trial{of(moved), first, second}}
	list, err := candidates(s, ConfirmConfig{Seeds: 2, Measured: 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 5 || list[1].Name != "static" || list[1].Mixture.Hash() != first.Hash || len(list[2].Mixture) != 4 || len(list[4].random[0]) != 4 {
		t.Errorf("%+v", list)
	}
	c := &Confirmation{Phases: p.Schedule.Phases}
	row := &ConfirmedRow{Name: "predicted", Mixture: moved}
	if got := c.InPhases(row, []string{"a", "b"}); got != "The mixture changes during the training (predicted). Shares elsewhere are of all its tokens. Phase 0, 75 % of the tokens: a 80.0 %, b 20.0 %. Phase 1, 25 % of the tokens: a 20.0 %, b 80.0 %." {
		t.Error(got)
	}
	row.Mixture = first.Mixture
	if got := c.InPhases(row, []string{"a", "b"}); !strings.Contains(got, "one mixture in all of them") {
		t.Error(got)
	}
	if got := (&Confirmation{}).InPhases(row, nil); got != "" {
		t.Error(got)
	}
	var back search.Problem
	if err := json.Unmarshal(stage.Marshal(p), &back); err != nil || back.Schedule == nil || back.Check() != nil {
		t.Errorf("%+v, %v", back, err)
	}
}
