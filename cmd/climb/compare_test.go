package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/study"
)

// studyYAML is a comparison whose whole run takes seconds. Its objectives are texts
// like the first topic and like the second.
const studyYAML = `config: climb.yaml
objectives:
  - {name: first, validation: [{file: validation.jsonl}], test: [{file: test.jsonl}], reference: 1}
  - {name: second, validation: [{file: second.jsonl}], test: [{file: second-test.jsonl}]}
strategies:
  - natural
  - uniform
  - random
  - best-of-random
  - {name: climb, set: {search: {rounds: [4, 2], climb: {candidates: 500}}}}
  - {name: auto, strategy: climb-auto, objectives: [first], set: {search: {climb_auto: {candidates: 500, moves: 2}}}}
  - {name: doremi, set: {search: {doremi: {runs: 3}}}}
target:
  model: {layers: 1, width: 32, heads: 2, context: 32}
  tokens: 24000
  batch: 8
seeds: 3
searches: 2
draws: 2
curve: 2
transfer: 4
proxies:
  - {name: short, set: {proxy: {tokens: 6000}}}
  - {name: again, metric: bpb}
`

func studyspace(t *testing.T) string {
	t.Helper()
	dir := workspace(t, small)
	for from, to := range map[string]string{"text/topic1.jsonl": "second.jsonl", "text/topic2.jsonl": "second-test.jsonl"} {
		data, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(data), "\n")
		writeFile(t, filepath.Join(dir, to), []byte(strings.Join(lines[:4], "")))
	}
	config := strings.Replace(small, "prune:", "decontaminate: {action: none}\nprune:", 1)
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(config))
	writeFile(t, filepath.Join(dir, "study.yaml"), []byte(studyYAML))
	return dir
}

func compareJSON(t *testing.T, dir string, args ...string) *study.Comparison {
	t.Helper()
	out := &study.Comparison{}
	if err := json.Unmarshal([]byte(mustRun(t, dir, append([]string{"compare", "study.yaml", "--json"}, args...)...)), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// same is what does not depend on the machine: all but times.
func same(c *study.Comparison) string {
	c.Machine, c.CoreSeconds = "", 0
	for i := range c.Objectives {
		for k := range c.Objectives[i].Rows {
			cost := &c.Objectives[i].Rows[k].Cost
			cost.ProxyCoreSeconds, cost.TargetCoreSeconds = 0, 0
		}
	}
	data, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		panic(err)
	}
	return string(data)
}

func TestCompare(t *testing.T) {
	t.Parallel()
	dir := studyspace(t)
	if out := mustRun(t, dir, "compare", "study.yaml", "--plan"); !strings.Contains(out, "climb for second, search 2") || !strings.Contains(out, "left: at most") {
		t.Errorf("the plan:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "run")); err == nil {
		t.Error("--plan wrote something")
	}
	c := compareJSON(t, dir, "--workers", "1")
	if len(c.Objectives) != 2 || len(c.Objectives[0].Rows) != 7 || len(c.Objectives[1].Rows) != 6 || len(c.Objectives[0].Pairs) != 21 {
		t.Fatalf("%d objectives with %d and %d rows", len(c.Objectives), len(c.Objectives[0].Rows), len(c.Objectives[1].Rows))
	}
	for _, o := range c.Objectives {
		last := math.Inf(-1)
		for _, r := range o.Rows {
			answers := map[string]int{"natural": 1, "uniform": 1, "random": 6}[r.Strategy]
			runs := 3
			if r.Strategy == "random" {
				runs = 6 // two draws a seed
			}
			if answers > 0 && len(r.Answers) != answers || r.Cost.TargetRuns != runs || len(r.BPB.Values) != 3 || r.BPB.Mean < last || len(r.Curve) != 2 {
				t.Errorf("%s: %s: %d answers, %d runs, values %v after %v, %d points", o.Name, r.Strategy, len(r.Answers), r.Cost.TargetRuns, r.BPB.Values, last, len(r.Curve))
			}
			last = r.BPB.Mean
			proxies := map[string]int{"best-of-random": 9, "climb": 6, "auto": 9, "doremi": 3}[r.Strategy]
			if r.Cost.ProxyRuns > proxies || r.Searches && r.Cost.ProxyRuns < 2 || int64(r.Cost.ProxyRuns)*12032 != r.Cost.ProxyTokens {
				t.Errorf("%s: %s: %+v", o.Name, r.Strategy, r.Cost)
			}
		}
	}
	o := c.Objectives[0]
	if o.Reference == nil || c.Objectives[1].Reference != nil {
		t.Fatalf("references %+v and %+v, want one of the first", o.Reference, c.Objectives[1].Reference)
	}
	for _, r := range o.Rows {
		if want := r.BPB.Mean - o.Reference.Mean; math.Abs(r.Excess-want) > 1e-12 {
			t.Errorf("%s: excess %v, want %v", r.Strategy, r.Excess, want)
		}
	}
	if len(c.Ranks) != 6 { // the own proxy and two more, by two objectives
		t.Fatalf("ranks %+v", c.Ranks)
	}
	for _, r := range c.Ranks {
		if r.Mixtures < 12 || len(r.Target) != r.Mixtures || math.Abs(r.Spearman) > 1 || r.Interval[0] > r.Interval[1] {
			t.Errorf("ranks %+v", r)
		}
	}
	if own, short, again := c.Ranks[0], c.Ranks[2], c.Ranks[4]; own.Name != "own" || short.Name != "short" || cmp.Diff(own.Target, short.Target) != "" ||
		cmp.Diff(own.Proxy, short.Proxy) == "" || cmp.Diff(own.Proxy, again.Proxy) != "" || short.Model.Tokens >= own.Model.Tokens {
		t.Errorf("ranks %+v", c.Ranks)
	}
	first := same(c)
	out := mustRun(t, dir, "compare", "study.yaml")
	if !strings.Contains(out, "Verdict: ") || !strings.Contains(out, "done before") {
		t.Errorf("a second call printed\n%s", out)
	}
	other := studyspace(t)
	killAgainAndAgain(t, other)
	if diff := cmp.Diff(first, strings.ReplaceAll(same(compareJSON(t, other)), other, dir)); diff != "" {
		t.Errorf("on two cores and after kills, another outcome: %s", diff)
	}
}

// killAgainAndAgain kills a study on two cores after ever longer times, until
// it has come to its end.
func killAgainAndAgain(t *testing.T, dir string) {
	t.Helper()
	for kill := 1; ; kill++ {
		c := command(dir, "compare", "study.yaml", "--workers", "2")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(time.Duration(kill) * 900 * time.Millisecond):
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-done
			continue
		}
		t.Logf("killed %d times", kill-1)
		break
	}
}

// A study whose lock is removed stops before its next step.
func TestCompareLockRemoved(t *testing.T) {
	t.Parallel()
	dir := studyspace(t)
	c := command(dir, "compare", "study.yaml")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(dir, "run", "lock")
	waitFor(t, func() bool {
		stages, err := filepath.Glob(filepath.Join(dir, "run", "*-*"))
		return err == nil && len(stages) > 0 && size(lock) > 0
	})
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 75 || !strings.Contains(stderr.String(), "was removed while process") {
		t.Errorf("%v\n%s", err, stderr.String())
	}
	if done, _ := filepath.Glob(filepath.Join(dir, "run", "compare-*")); len(done) > 0 {
		t.Errorf("the study went on to its target runs: %v", done)
	}
}

func TestCompareRefuses(t *testing.T) {
	t.Parallel()
	dir := studyspace(t)
	for change, want := range map[string]string{
		"seeds: 3|seeds: 1":                                             "seeds: 1 is below",
		"seeds: 3|sedes: 3":                                             "sedes",
		"{name: short, set|{name: own, set":                             "there are two proxies called",
		"{proxy: {tokens: 6000}}|{seed: 3}":                             "proxies[0].set: only options of proxy may differ",
		"{name: again, metric: bpb}|{name: again, metric: best}":        `proxies[1].metric: "best" is not one of`,
		"searches: 2|searches: 4":                                       "searches: 4 are more than seeds",
		"- natural|- magic":                                             `strategies[0].strategy: "magic" is not one of natural`,
		"- uniform|- natural":                                           "two strategies called",
		"rounds: [4, 2]|rounds: four":                                   "strategies[4].set",
		"{rounds: [4, 2], climb: {candidates: 500}}|{strategy: regmix}": "beside set",
		"objectives: [first]|objectives: [third]":                       "no objective is called",
		"test: [{file: test.jsonl}]|test: []":                           "objectives[0].test: is empty",
		"test: [{file: test.jsonl}]|test: [{file: second.jsonl}]":       "new to every search",
		"config: climb.yaml|config: none.yaml":                          "no such file",
		"width: 32|width: 30":                                           "target.model.width",
		"objectives: [first]|metric: speed":                             `strategies[5].metric: "speed"`,
	} {
		from, to, _ := strings.Cut(change, "|")
		text := strings.Replace(studyYAML, from, to, 1)
		if text == studyYAML {
			t.Fatalf("%q is not in the study", from)
		}
		writeFile(t, filepath.Join(dir, "bad.yaml"), []byte(text))
		_, err := study.Load(filepath.Join(dir, "bad.yaml"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ".yaml") {
			t.Errorf("%s: %v; want %q", change, err, want)
		}
	}
	writeFile(t, filepath.Join(dir, "proxies.yaml"), []byte(strings.Replace(studyYAML, "metric: bpb", "metric: acc", 1)))
	if code, _, errs := climbRun(t, dir, "compare", "proxies.yaml", "--plan"); code != 2 || !strings.Contains(errs, "have no acc") {
		t.Errorf("exit %d, %s", code, errs)
	}
	if code, _, errs := climbRun(t, dir, "compare", "bad.yaml"); code != 2 || !strings.Contains(errs, ".yaml") {
		t.Errorf("exit %d, %s", code, errs)
	}
}
