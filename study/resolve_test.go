package study

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
)

// plain is a study of two objectives; the tests below change a line of it.
const plain = `run:
  corpus: {inputs: [text]}
  target: {validation: [{file: own-v}], test: [{file: own-t}]}
objectives:
  - {name: facts, validation: [{file: fv}], test: [{file: ft, metric: acc}]}
  - {name: tales, validation: [{file: tv}], test: [{file: tt}]}
strategies:
  - natural
  - {name: found, strategy: climb}
proxies:
  - {name: small, set: {proxy: {tokens: 2000}}}
target: {size: 1m, tokens: 1000}
`

// with changes a line of plain.
func with(t *testing.T, old, text string) (*Study, error) {
	t.Helper()
	if strings.Count(plain, old) != 1 {
		t.Fatalf("%q is not once in the study", old)
	}
	return parse([]byte(strings.Replace(plain, old, text, 1)), "/dir")
}

// Every value that makes no study is refused by the name of its field.
func TestStudyRefusals(t *testing.T) {
	facts, tales, own := "- {name: facts, validation: [{file: fv}], test: [{file: ft, metric: acc}]}", "{name: tales, validation: [{file: tv}], test: [{file: tt}]}", "{name: found, strategy: climb}"
	for _, c := range []struct{ old, text, want string }{
		{"{name: facts,", "{name: '',", `objectives[0].name: "" is no name`},
		{"{name: tales,", "{name: two words,", `objectives[1].name: "two words" is no name`},
		{"{name: tales,", "{name: a/b,", `objectives[1].name: "a/b" is no name`},
		{"{name: tales,", "{name: facts,", `objectives[1].name: there are two objectives called "facts"`},
		{tales, "{name: tales, test: [{file: tt}]}", "objectives[1].validation: is empty"},
		{tales, "{name: tales, validation: [{file: tv}]}", "objectives[1].test: is empty"},
		{"validation: [{file: tv}]", "validation: [{file: tv}, {metric: acc}]", "objectives[1].validation[1].file: is empty"},
		{"test: [{file: tt}]", "test: [{file: ''}]", "objectives[1].test[0].file: is empty"},
		{"test: [{file: tt}]", "test: [{file: ./tv}]", "objectives[1].test: /dir/tv is a validation file of tales too"},
		{"test: [{file: tt}]", "test: [{file: fv, limit: 3}]", "objectives[1].test: /dir/fv is a validation file of facts too"},
		{"file: ft, metric: acc", "file: ft, metric: accuracy", "objectives[0].test[0].metric"},
		{"{name: tales,", "{name: tales, weights: heavy,", "objectives[1].weights"},
		{"{name: tales,", "{name: tales, reference: -1,", "objectives[1].reference"},

		{own, "{name: found, strategy: clim}", `strategies[1].strategy: "clim" is not one of natural, uniform, random, best-of-random`},
		{own, "{name: found}", `strategies[1].strategy: "found" is not one of`},
		{own, "{name: '', strategy: climb}", `strategies[1].name: "" is no name`},
		{own, "{name: a/b, strategy: climb}", `strategies[1].name: "a/b" is no name`},
		{own, "{name: natural, strategy: climb}", `strategies[1].name: there are two strategies called "natural"`},
		{own, "{name: found, strategy: climb, metric: accuracy}", `strategies[1].metric: "accuracy" is not one of`},
		{own, "{name: found, strategy: climb, objectives: [facts, lies]}", `strategies[1].objectives: no objective is called "lies"`},
		{own, "{name: found, strategy: climb, set: {search: {strategy: random}}}", "strategies[1].set.search.strategy: name the strategy in `strategy`"},
		{own, "{name: found, strategy: climb, set: {out: elsewhere}}", "strategies[1].set: out and seed are the same"},
		{own, "{name: found, strategy: climb, set: {seed: 7}}", "strategies[1].set: out and seed are the same"},
		{own, "{name: found, strategy: climb, set: {serch: {rounds: [3]}}}", "strategies[1].set: "},
		{own, "{name: found, strategy: climb, set: {proxy: {tokens: -5}}}", "strategies[1].proxy.tokens"},
		{own, "{name: found, strategi: climb}", "strategies[1]: "},

		{"{name: small,", "{name: '',", "proxies[0].name: is empty"},
		{"{name: small,", "{name: own,", `proxies[0].name: there are two proxies called "own"; the study's is called own`},
		{"{name: small,", "{name: small, metric: accuracy,", `proxies[0].metric: "accuracy" is not one of`},
		{"set: {proxy: {tokens: 2000}}", "set: {search: {rounds: [3]}}", "proxies[0].set: only options of proxy may differ"},
		{"set: {proxy: {tokens: 2000}}", "set: {proxy: {token: 2000}}", "proxies[0].set: "},
		{"set: {proxy: {tokens: 2000}}", "set: {proxy: {tokens: -5}}", "proxies[0].proxy.tokens"},
		{"inputs: [text]}", "inputs: [text]}\n  proxy: {command: [train-it]}", "proxies: proxy.command trains the proxies"},

		{"inputs: [text]}", "inputs: [text]}\n  proxy: {model: {layers: 1}, command: [train-it], command_fields: [model.layers=1, model.width, model.heads, model.hidden, model.context, model.rope_theta, model.norm_eps, optim]}", "target: the trainer does not know model.layers = "},
		{"{size: 1m, tokens: 1000}", "{size: 1n, tokens: 1000}", `target.size: "1n" is not a name`},
		{"{size: 1m, tokens: 1000}", "{tokens: 1000}", "target.size: is empty, and there is no target.model"},
		{"{size: 1m, tokens: 1000}", "{size: 1m}", "target.tokens"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000, batch: 0}", "target.batch"},
		{"{size: 1m, tokens: 1000}", "{model: {width: 20, heads: 3, layers: 1, context: 8}, tokens: 1000}", "target.model"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000}\nseeds: 1", "seeds"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000}\nsearches: 6", "searches: 6 are more than seeds, 5"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000}\nsearches: 0", "searches"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000}\ndraws: 0", "draws"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000}\nlevel: 1", "level"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000}\ncurve: -1", "curve"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000}\ntransfer: -1", "transfer"},
		{"{size: 1m, tokens: 1000}", "{size: 1m, tokens: 1000}\nconfig: climb.yaml", "config: give the path of a climb.yaml, or its content in run, and not both"},
		{"  - natural\n  - " + own, "  []", "strategies: is empty"},
		{facts, "- {name: facts, validation: [{file: own-v}], test: [{file: own-v}]}", "objectives[0].test: /dir/own-v is a validation file of facts too"},
	} {
		_, err := with(t, c.old, c.text)
		var ce *climb.ConfigError
		if !errors.As(err, &ce) {
			t.Errorf("%s: %v, want a ConfigError of %s", c.text, err, c.want)
		} else if !strings.HasPrefix(ce.Text, c.want) && !strings.Contains(ce.Text, "] "+c.want) {
			t.Errorf("%s: %q, want %q", c.text, ce.Text, c.want)
		}
	}
	for text, want := range map[string]string{
		"": "is empty; climb compare --help", "strategies: [natural]": "config: give the path",
		"run: {corpus: {inputs: [text]}}\nstrategies: [natural]\ntarget: {size: 1m, tokens: 5}": "objectives: is empty, and so is target.validation",
	} {
		if _, err := parse([]byte(text), "/dir"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// What a study leaves out comes from its configuration: the objective, the
// vocabulary, the strategy of the name; and resolving again changes nothing.
func TestStudyDefaults(t *testing.T) {
	s, err := with(t, "objectives:\n  - {name: facts, validation: [{file: fv}], test: [{file: ft, metric: acc}]}\n  - {name: tales, validation: [{file: tv}], test: [{file: tt}]}\n", "")
	if err != nil {
		t.Fatal(err)
	}
	want := []Objective{{Name: "target", Weights: "equal",
		Validation: []eval.Term{{File: "/dir/own-v", Metric: "bpb", Weight: 1}}, Test: []eval.Term{{File: "/dir/own-t", Metric: "bpb", Weight: 1}}}}
	if d := cmp.Diff(want, s.Objectives); d != "" {
		t.Errorf("objectives:\n%s", d)
	}
	size, _ := lm.SizeByName("1m")
	model := s.Target.Model
	if model.Vocab != s.Config.Proxy.Model.Vocab || model.Width != size.Config.Width || model.Layers != size.Config.Layers {
		t.Errorf("target model %+v", model)
	}
	for i, want := range []string{"natural", "climb"} {
		x := s.Strategies[i]
		if x.Strategy != want || x.config.Search.Strategy.Name() != want || len(x.config.Target.Validation) != 0 || x.config.Search.TargetTokens != max(1000, s.Config.Search.TargetTokens) {
			t.Errorf("%+v searches by %s for %d tokens", x, x.config.Search.Strategy.Name(), x.config.Search.TargetTokens)
		}
	}
	if got := s.Strategies[0].searches(); got || !s.Strategies[1].searches() {
		t.Errorf("natural searches: %v", got)
	}
	for range 2 {
		var names []string
		for _, x := range s.Proxies {
			names = append(names, x.Name)
		}
		if !slices.Equal(names, []string{"own", "small"}) {
			t.Fatalf("proxies %v", names)
		}
		if err := s.Resolve(); err != nil {
			t.Fatal(err)
		}
	}
	if own, small := s.Proxies[0].config.Proxy, s.Proxies[1].config.Proxy; own.Tokens != s.Config.Proxy.Tokens || small.Tokens != 2000 || small.Model.Width != own.Model.Width {
		t.Errorf("proxies of %d and %d tokens", own.Tokens, small.Tokens)
	}
	if s, err = with(t, "inputs: [text]}", "inputs: [text]}\n  proxy: {command: [train-it]}"); err == nil || s == nil {
		t.Errorf("a command with other proxies: %v", err)
	}
	s.Proxies = nil
	if err := s.Resolve(); err != nil || len(s.Proxies) != 0 {
		t.Errorf("a command: %d proxies, %v", len(s.Proxies), err)
	}
}

// The baselines random and best-of-random run on the strategies that draw
// natural and random mixtures; paths are relative to the study's folder.
func TestStudyForms(t *testing.T) {
	s, err := with(t, "  - natural\n", "  - {name: draws, strategy: random}\n  - best-of-random\n  - {name: tales-only, strategy: climb, objectives: [tales], set: {search: {epochs: 2}}}\n")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		method   string
		searches bool
		facts    bool
	}{{"natural", false, true}, {"random", true, true}, {"climb", true, false}, {"climb", true, true}} {
		x := &s.Strategies[i]
		if x.config.Search.Strategy.Name() != want.method || x.searches() != want.searches || x.takesPart("facts") != want.facts || !x.takesPart("tales") {
			t.Errorf("%s: method %s, searches %v, takes part %v", x.Name, x.config.Search.Strategy.Name(), x.searches(), x.takesPart("facts"))
		}
	}
	if e := s.Strategies[2].config.Search.Epochs; e != 2 || s.Config.Search.Epochs == 2 || s.Strategies[3].config.Search.Epochs != s.Config.Search.Epochs {
		t.Errorf("epochs %v; the configuration has %v", e, s.Config.Search.Epochs)
	}
	if s.Config.Corpus.Inputs[0].Path != "/dir/text" || s.Objectives[1].Test[0].File != "/dir/tt" {
		t.Errorf("paths %v, %v", s.Config.Corpus.Inputs, s.Objectives[1].Test)
	}
	s, err = with(t, "{size: 1m, tokens: 1000}", "{model: {vocab: 77, width: 16, heads: 2, layers: 1, context: 8}, tokens: 1000}\nout: there")
	if err != nil || s.Target.Model.Vocab != 77 || s.Target.Model.Width != 16 || s.Config.Out != "/dir/there" {
		t.Errorf("model %+v, out %v, %v", s.Target.Model, s.Config.Out, err)
	}
}

// Files are listed once for each limit, validation before test, whatever their
// metrics and weights.
func TestStudyFiles(t *testing.T) {
	s := &Study{Options: Options{Objectives: []Objective{
		{Validation: []eval.Term{{File: "v", Metric: "acc", Weight: 3}, {File: "w"}}, Test: []eval.Term{{File: "t"}}},
		{Validation: []eval.Term{{File: "w", Metric: "bpb"}, {File: "v", Limit: 5}}, Test: []eval.Term{{File: "t", Metric: "acc"}, {File: "u"}}},
	}}}
	var got []string
	limits := 0
	for _, x := range s.files() {
		got = append(got, x.File)
		limits += x.Limit
		if x.Metric != "bpb" || x.Weight != 1 {
			t.Errorf("%+v", x)
		}
	}
	if d := cmp.Diff([]string{"v", "w", "v", "t", "u"}, got); d != "" || limits != 5 {
		t.Errorf("limits %d, files:\n%s", limits, d)
	}
}
