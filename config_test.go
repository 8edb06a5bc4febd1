package climb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
)

const minimal = "corpus: {inputs: [text]}\n"

func parse(t *testing.T, yaml string) *Config {
	t.Helper()
	c, err := ParseConfig([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every preset parses, and what --print-config writes of it parses to the same
// configuration: all values are visible.
func TestPrintedConfigIsTheConfig(t *testing.T) {
	for _, preset := range Presets() {
		c := parse(t, "preset: "+preset+"\n"+minimal)
		var b bytes.Buffer
		if err := c.WriteYAML(&b); err != nil {
			t.Fatal(err)
		}
		again, err := ParseConfig(b.Bytes())
		if err != nil {
			t.Fatalf("%s: %v\n%s", preset, err, b.String())
		}
		if d := cmp.Diff(string(stage.Marshal(c)), string(stage.Marshal(again))); d != "" {
			t.Errorf("%s: the printed configuration is another one:\n%s", preset, d)
		}
	}
}

// The presets hold the values that the paper (arXiv 2504.13161, sections 3 and
// 4) and the public recipe give.
func TestPresetsHoldTheirSources(t *testing.T) {
	paper, recipe := parse(t, "preset: paper\n"+minimal), parse(t, "preset: recipe\n"+minimal)
	for _, c := range []*Config{paper, recipe} {
		climb := c.Search.Strategy.Value().(*search.Climb)
		g := climb.Predictor.Value().(*predict.GBDT)
		for what, x := range map[string][2]any{
			"runs by round":       {fmt.Sprint(c.Search.Rounds), "[64 32 16]"},
			"strategy":            {c.Search.Strategy.Name(), "climb"},
			"predictor":           {climb.Predictor.Name(), "gbdt"},
			"L1, L2":              {[2]float64{g.L1, g.L2}, [2]float64{1, 1}},
			"depth, leaf minimum": {[2]int{g.MaxDepth, g.MinLeaf}, [2]int{4, 5}},
			"trees, patience":     {[2]int{g.Trees, g.Patience}, [2]int{1000, 20}},
			"learning rate":       {g.Rate, 0.01},
			"clusters":            {c.Cluster.Method.Value().Shape().K, 1000},
			"candidates":          {climb.Candidates, 100_000},
			"pool":                {climb.Pool, 0}, // the larger of 128 and n*n
		} {
			if x[0] != x[1] {
				t.Errorf("%s: %s is %v, want %v", c.Preset, what, x[0], x[1])
			}
		}
	}
	theirs, ours := recipe.Search.Strategy.Value().(*search.Climb), paper.Search.Strategy.Value().(*search.Climb)
	r, k := theirs.Recipe, recipe.Cluster.Method.Value().(*cluster.KMeans)
	ward := recipe.Domains.Method.Value().(*cluster.Ward)
	for what, x := range map[string][2]any{
		"recipe: sampler":              {theirs.Sampler, "recipe"},
		"recipe: exponent of prior":    {r.Temperature, 0.5},
		"recipe: strengths":            {[3]float64{r.MinStrength, r.MaxStrength, float64(r.Strengths)}, [3]float64{0.1, 5, 15}},
		"recipe: cap over the prior":   {r.MaxRatio, 15.0},
		"recipe: least share":          {r.MinShare, 2e-4},
		"recipe: oversampling":         {r.Oversample, 100},
		"recipe: start of k-means":     {k.Init, "kmeans||"},
		"recipe: k-means oversampling": {k.Oversample, 2.0},
		"recipe: iterations":           {k.MaxIter, 300},
		"recipe: tolerance":            {k.Tol, 1e-4},
		"recipe: merging":              {recipe.Domains.Method.Name(), "ward"},
		"recipe: Ward's distance":      {[2]any{ward.Threshold, ward.Weighted}, [2]any{1.5, false}},
		"paper: sampler":               {ours.Sampler, "paper"},
		"paper: merging":               {paper.Domains.Method.Name(), "average"},
		"paper: distance":              {paper.Domains.Method.Value().(*cluster.Average).Threshold, 1.5},
		"paper: learning rate":         {[2]float64{paper.Proxy.Optim.LR, paper.Proxy.Optim.MinLR}, [2]float64{5e-5, 1e-5}},
		"paper: continues a base":      {paper.Proxy.Base.Tokens > 0, true},
		"paper: millions of weights":   {(paper.Proxy.Model.NumParams() + 5e5) / 1e6, 350},
		"recipe: millions of weights":  {(recipe.Proxy.Model.NumParams() + 5e5) / 1e6, 61},
	} {
		if x[0] != x[1] {
			t.Errorf("%s is %v, want %v", what, x[0], x[1])
		}
	}
}

// What a user writes beats the preset, which beats the default; a zero that
// was written stays.
func TestConfigLayers(t *testing.T) {
	c := parse(t, minimal+"confirm: {measured: 0}\nproxy: {optim: {warmup: 0}}\nprune: {clusters: {alpha: 0.2}}\n")
	if c.Confirm.Measured != 0 || c.Proxy.Optim.Warmup != 0 {
		t.Errorf("measured %d, warmup %g: a zero became a default", c.Confirm.Measured, c.Proxy.Optim.Warmup)
	}
	if c.Confirm.Seeds != 5 || c.Cluster.Method.Value().Shape().K != 64 || c.Embed.Method.Value().(*embed.Lexical).Dim != 256 {
		t.Errorf("seeds %d, k %d, dim %d: not the preset's and the default", c.Confirm.Seeds, c.Cluster.Method.Value().Shape().K, c.Embed.Method.Value().(*embed.Lexical).Dim)
	}
	if d := cmp.Diff(map[string]float64{"alpha": 0.2}, c.Prune.Clusters); d != "" {
		t.Errorf("floors are merged with the preset's, not replaced:\n%s", d)
	}
}

func TestConfigErrors(t *testing.T) {
	for yaml, want := range map[string]string{
		"":                                      "corpus.inputs",
		minimal + "clutser: {}\n":               "[2:1]",
		minimal + "cluster: {kmeans: {k: x}}\n": "[2:23] text where a whole number belongs",
		minimal + "seed: -1\n":                  "[2:7] -1 does not fit where a whole number from 0 on belongs",
		minimal + "search: {rounds: [4, 0]}\n":  "search.rounds[1]",
		minimal + "search: {climb: {predict: {ridge: {features: both}}}}\n":    "write the predictor's section in its place",
		minimal + "proxy: {optim: {decay: 0.2}}\n":                             "write optim: {wsd: {decay: ...}}",
		minimal + "proxy: {optim: {schedule: cosin}}\n":                        "proxy.optim.schedule: \"cosin\" is not one of wsd, cosine, linear, constant",
		minimal + "search: {rounds: []}\n":                                     "search.rounds: is empty",
		minimal + "preset: big\n":                                              "laptop, recipe, paper",
		minimal + "proxy: {model: {width: 10, heads: 4}}":                      "proxy.model",
		minimal + "target: {validation: [{metric: acc}]}":                      "no file",
		minimal + "target: {validation: [{file: a}, {file: b, metric: bits}]}": "target.validation[1].metric",
		minimal + "target: {test: [{file: a, weight: 0}]}":                     "a weight of 0",
		minimal + "dataset: {epochs: .nan}":                                    "dataset.epochs",
	} {
		_, err := ParseConfig([]byte(yaml))
		var ce *ConfigError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", yaml, err, want)
		}
	}
}

func TestStarterParses(t *testing.T) {
	for _, preset := range Presets() {
		var b bytes.Buffer
		if err := WriteStarter(&b, preset, corpus.Options{Inputs: corpus.Paths("a folder"), TextField: "text"}, "a comment\nof two lines"); err != nil {
			t.Fatal(err)
		}
		if c := parse(t, b.String()); c.Preset != preset || c.Corpus.Inputs[0].Path != "a folder" {
			t.Errorf("preset %q, inputs %v", c.Preset, c.Corpus.Inputs)
		}
	}
	if err := WriteStarter(&bytes.Buffer{}, "big", corpus.Options{}); err == nil {
		t.Error("an unknown preset was accepted")
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("preset: paper\n" + minimal + "search: {rounds: [1]}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = ParseConfig(data) }) // must not panic
}

// TestConfigurationsThatAreNoNumbers: values that would become others, or could
// not be hashed later, are refused with the field.
func TestConfigurationsThatAreNoNumbers(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"search: {epochs: .inf}", "search.epochs"},
		{"dataset: {epochs: .inf}", "dataset.epochs"},
		{"cluster: {kmeans: {tol: .inf}}", "cluster.kmeans.tol"},
		{"proxy: {optim: {lr: .inf}}", "proxy.optim.lr"},
		{"proxy: {model: {rope_theta: .inf}}", "proxy.model.rope_theta"},
		{"prune: {documents: {quality: .nan}}", "prune.documents.quality"},
		{"search: {objective: {kl: .inf}}", "search.objective.kl"},
		{"search: {domains: {least: {a: .nan}}}", "search.domains.least.a"},
		{"domains: {ward: {threshold: .inf}}", "domains.ward.threshold"},
		{"search: {epochs: 1e300}", "search.epochs"},
		{"prune: {clusters: {quality: 1e300}}", "prune.clusters.quality"},
		{"search: {domains: {least: {a: 2}}}", "search.domains.least.a"},
		{"search: {domains: {most: {a: -0.5}}}", "search.domains.most.a"},
		{"search: {domains: {most: {'': 0.5}}}", "search.domains.most: has a key without a name"},
		{"seed: 18446744073709551616", "seed: 18446744073709551616"},
		{"seed: 1.9", "seed: 1.9"},
		{"workers: 2.7", "workers: 2.7"},
		{"workers: -3", "workers: -3"},
		{"proxy: {tokens: 99999.99}", "proxy.tokens: 99999.99"},
		{"proxy: {tokens: 9223372036854775807}", "proxy.tokens"},
		{"proxy: {batch: 4000000000}", "proxy.batch"},
		{"search: {rounds: [4, null]}", "is empty"},
		{"workers: 1\n---\nseed: 2", "second document"},
		{"out: 1.10", "in quotes"},
		{"corpus: {inputs: [text, null]}", "already defined"},
	} {
		_, err := ParseConfig([]byte("corpus: {inputs: [text]}\n" + c.yaml + "\n"))
		var ce *ConfigError
		if !errors.As(err, &ce) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.yaml, err, c.want)
		}
	}
	for _, yaml := range []string{
		"corpus: {inputs: ['s3://me:secret@bucket/text']}",
		"corpus: {inputs: ['https://bucket.s3.amazonaws.com/text?X-Amz-Signature=secret']}",
		"corpus: {inputs: [text]}\ndataset: {url: 's3://me:secret@bucket/set'}",
		"corpus: {inputs: [text]}\nsearch: {reuse: {files: ['https://me:secret@host/search.json']}}",
		"corpus: {inputs: [text]}\ntarget: {validation: [{file: 'https://me:secret@host/v.jsonl'}]}",
		"corpus: {inputs: [text]}\ntarget: {test: [{file: 'https://me:secret@host/t.jsonl'}]}",
		"corpus: {inputs: [text]}\ntokens: {tokenizer: 'https://me:secret@host/tokenizer.json'}",
	} {
		_, err := ParseConfig([]byte(yaml))
		if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "password") {
			t.Errorf("%s: %v", yaml, err)
		}
	}
	c, err := ParseConfig([]byte("\xef\xbb\xbfcorpus: {inputs: [text]}\r\nseed: 18446744073709551615\r\n"))
	if err != nil || c.Seed != 1<<64-1 {
		t.Errorf("%v, seed %d", err, c.Seed)
	}
}

// FuzzConfig: a configuration is refused, or it can be hashed and written, and
// what is written is the same configuration.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{"seed: 3", "prune: {documents: {quality: .nan}}", "search: {rounds: [4, 2]}", "target: {validation: [{file: a, weight: 2}]}", "preset: paper", "label: {rules: }", "x: &x [*x]"} {
		f.Add([]byte(s + "\ncorpus: {inputs: [text]}\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseConfig(data)
		if err != nil {
			return
		}
		task.Hash("config", 1, c)
		if err := c.WriteYAML(io.Discard); err != nil {
			t.Fatal(err)
		}
	})
}

// TestInTheWay: a file of the user's where the run will write is found before the
// work, not after it.
func TestInTheWay(t *testing.T) {
	for name, want := range map[string]string{"dataset": "a link to the dataset", "report": "the folder of the report", "other": ""} {
		r := NewRun(&Config{Out: t.TempDir()})
		if err := os.WriteFile(filepath.Join(r.Config.Out, name), []byte("mine"), 0o666); err != nil {
			t.Fatal(err)
		}
		err := r.inTheWay()
		if want == "" && err != nil || want != "" && (!task.IsPermanent(err) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Options of methods that are not chosen name no stage anew, whatever family
// they are of; those of the chosen one do.
func TestOnlyWhatIsChosenCounts(t *testing.T) {
	names := func(yaml string) []string {
		t.Helper()
		c := parse(t, "corpus: {inputs: [go.mod]}\n"+yaml)
		r := opened(t, c)
		return r.Bases()
	}
	usual := names("")
	for _, other := range []string{
		"cluster: {hierarchical: {k: 7}}\n",
		"label: {ngram: {order: 4}, fasttext: {scheme: argmax}}\n",
		"domains: {average: {threshold: 0.1}, balanced: {count: 3}}\n",
		"embed: {word: {sample: 77}, http: {model: m}}\n",
		"search: {bayes: {candidates: 77}, climb_auto: {stop: 1, predictor: ridge}, climb: {gbdt: {depth: 2}}}\n",
	} {
		other = strings.ReplaceAll(other, "gbdt: {depth: 2}", "gbdt: {max_depth: 2}")
		if d := cmp.Diff(usual, names(other)); d != "" {
			t.Errorf("%s names stages anew:\n%s", other, d)
		}
	}
	for _, own := range []string{
		"cluster: {kmeans: {k: 7}}\n", "domains: {ward: {count: 3}}\n", "embed: {lexical: {sample: 77}}\n", "search: {climb: {pool: 77}}\n",
		"cluster: {method: hierarchical}\n", "search: {strategy: bayes}\n",
	} {
		if d := cmp.Diff(usual, names(own)); d == "" {
			t.Errorf("%s names no stage anew", own)
		}
	}
}

// opened is a run of the configuration, opened.
func opened(t *testing.T, c *Config) *Run {
	t.Helper()
	r := NewRun(c)
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// look opens a run to be looked at.
func look(t *testing.T, r *Run) *view.View {
	t.Helper()
	v, err := r.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestKeepBestNeedsAField(t *testing.T) {
	_, err := ParseConfig([]byte("corpus: {inputs: [x], dedup: fuzzy, minhash: {keep: best}}\n"))
	if err == nil || !strings.Contains(err.Error(), "score_field") {
		t.Errorf("%v", err)
	}
}

// Curator's scheme of models brings its thresholds, unless others are given.
func TestFloorsOfASchemeOfModels(t *testing.T) {
	section := "label:\n  method: fasttext\n  fasttext:\n    scheme: %s\n    models: [{name: advertisement, file: %q, label: \"5\"}, {name: quality, file: %q, label: \"5\"}]\n"
	c := parse(t, minimal+fmt.Sprintf(section, "climb-recipe", "grades.bin", "grades.bin"))
	if d := cmp.Diff(map[string]float64{"advertisement": 0.5, "quality": 1.0 / 3}, c.Prune.Clusters); d != "" || c.Prune.Documents != nil {
		t.Errorf("floors of the recipe, documents %v:\n%s", c.Prune.Documents, d)
	}
	c = parse(t, minimal+fmt.Sprintf(section, "climb-recipe", "grades.bin", "grades.bin")+"prune: {clusters: {quality: 0.9}}\n")
	if d := cmp.Diff(map[string]float64{"quality": 0.9}, c.Prune.Clusters); d != "" {
		t.Errorf("what the user wrote:\n%s", d)
	}
	if c := parse(t, minimal+fmt.Sprintf(section, "probability", "grades.bin", "grades.bin")); len(c.Prune.Clusters)+len(c.Prune.Documents) > 0 {
		t.Errorf("floors of other scores: %+v", c.Prune)
	}
	if _, err := ParseConfig([]byte(minimal + "label: {method: fasttext}\n")); err == nil || !strings.Contains(err.Error(), "label.fasttext.models") {
		t.Errorf("no model: %v", err)
	}
	if _, err := ParseConfig([]byte(minimal + "label: {method: ngram}\n")); err == nil || !strings.Contains(err.Error(), "label.ngram.reference") {
		t.Errorf("no reference: %v", err)
	}
}

// A target that is measured elsewhere is for a trainer of one's own.
func TestTargetMeasuredElsewhere(t *testing.T) {
	const piqa = minimal + "target: {validation: [{task: piqa, metric: acc}]}\n"
	if c := parse(t, piqa+"proxy: {command: [train]}\n"); c.Target.Validation[0].Name() != "piqa" {
		t.Errorf("%+v", c.Target)
	}
	if _, err := ParseConfig([]byte(piqa)); err == nil || !strings.Contains(err.Error(), "task piqa is for the results of proxy.command alone") {
		t.Error(err)
	}
}
