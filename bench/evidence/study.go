package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// Params are all that the study depends on beside the data.
type Params struct {
	Objectives string `json:"objectives"` // the first is searched for by all strategies
	Strategies string `json:"strategies"` // of the first objective
	Specific   string `json:"specific"`   // of the others, beside natural, uniform, random and doremi
	Vocab      int    `json:"vocab"`
	Clusters   int    `json:"clusters"`
	Domains    int    `json:"domains"`

	Proxy        string  `json:"proxy"` // layers x width x heads x context
	ProxyTokens  int64   `json:"proxy_tokens"`
	ProxyBatch   int     `json:"proxy_batch"`
	ProxyLR      float64 `json:"proxy_lr"` // 0: 0.32 / width
	BaseTokens   int64   `json:"base_tokens"`
	Target       string  `json:"target"` // layers x width x heads x context
	TargetTokens int64   `json:"target_tokens"`
	TargetBatch  int     `json:"target_batch"`
	TargetLR     float64 `json:"target_lr"`

	Rounds    string `json:"rounds"` // of climb; their sum is the budget of every strategy
	DoReMi    int    `json:"doremi_runs"`
	Predictor string `json:"climb_predictor"` // of climb and regmix; climb-gbdt and regmix-gbdt have the trees of their papers
	Seeds     int    `json:"seeds"`
	Searches  int    `json:"searches"`
	First     int    `json:"first,omitempty"` // searches and seeds left out before them
	Draws     int    `json:"draws"`           // random mixtures of a seed
	Weights   string `json:"weights"`         // of tasks in an objective: bytes or equal
	Limit     int    `json:"limit"`           // items of a validation file
	TestLimit int    `json:"test_limit"`      // items of a test file
	Curve     int    `json:"curve"`
	Transfer  int    `json:"transfer"`
	Reference int    `json:"reference"` // seeds of the reference models
	Extra     string `json:"extra,omitempty"`
	Proxies   string `json:"proxies,omitempty"` // other kinds of proxies that rank the answers
	Mini      bool   `json:"mini,omitempty"`
}

// defaults take at most two hours on two cores.
var defaults = Params{
	Objectives: "general,science,medicine",
	Strategies: "natural,uniform,random,best-of-random,regmix,regmix-gbdt,doremi,olmix,climb,climb-gbdt,climb-auto",
	Specific:   "climb-auto",
	Vocab:      2048, Clusters: 200, Domains: 20,
	Proxy: "2x48x2x128", ProxyTokens: 200_000, ProxyBatch: 8,
	Target: "3x112x4x128", TargetTokens: 1_600_000, TargetBatch: 16,
	Rounds: "64,32,16", DoReMi: 16, Predictor: "auto",
	Seeds: 5, Searches: 1, Draws: 3, Weights: "bytes", Limit: 48, TestLimit: 400, Curve: 3, Transfer: 0, Reference: 2,
}

func (p *Params) flags(f *flag.FlagSet) {
	f.StringVar(&p.Objectives, "objectives", p.Objectives, "targets: "+strings.Join(objectiveNames(), ", "))
	f.StringVar(&p.Strategies, "strategies", p.Strategies, "strategies on the first target")
	f.StringVar(&p.Specific, "specific", p.Specific, "strategies that search for the other targets")
	f.IntVar(&p.Vocab, "vocab", p.Vocab, "tokens in the vocabulary")
	f.IntVar(&p.Clusters, "clusters", p.Clusters, "clusters of k-means")
	f.IntVar(&p.Domains, "domains", p.Domains, "domains they are merged into")
	f.StringVar(&p.Proxy, "proxy", p.Proxy, "layers x width x heads x context of a proxy")
	f.Int64Var(&p.ProxyTokens, "proxy-tokens", p.ProxyTokens, "training tokens of a proxy")
	f.IntVar(&p.ProxyBatch, "proxy-batch", p.ProxyBatch, "sequences in a batch of a proxy")
	f.Float64Var(&p.ProxyLR, "proxy-lr", p.ProxyLR, "learning rate of a proxy; 0 = 0.32 / width")
	f.Int64Var(&p.BaseTokens, "base-tokens", p.BaseTokens, "tokens of a base model that proxies continue; 0 = from scratch")
	f.StringVar(&p.Target, "target", p.Target, "layers x width x heads x context of the target model")
	f.Int64Var(&p.TargetTokens, "target-tokens", p.TargetTokens, "training tokens of the target model")
	f.IntVar(&p.TargetBatch, "target-batch", p.TargetBatch, "sequences in a batch of the target model")
	f.Float64Var(&p.TargetLR, "target-lr", p.TargetLR, "learning rate of the target model; 0 = 0.32 / width")
	f.StringVar(&p.Rounds, "rounds", p.Rounds, "proxies in each round of climb; their sum is the budget of all")
	f.IntVar(&p.DoReMi, "doremi-runs", p.DoReMi, "runs of doremi, which go one after the other")
	f.StringVar(&p.Predictor, "predictor", p.Predictor, "predictor of climb and regmix")
	f.IntVar(&p.Seeds, "seeds", p.Seeds, "target runs of every answer")
	f.IntVar(&p.Searches, "searches", p.Searches, "independent searches of every strategy")
	f.IntVar(&p.Draws, "draws", p.Draws, "random mixtures for each seed of random")
	f.StringVar(&p.Weights, "weights", p.Weights, "weights of tasks in an objective: bytes of their right answers, or equal")
	f.IntVar(&p.Limit, "limit", p.Limit, "items of a validation file; 0 = all")
	f.IntVar(&p.TestLimit, "test-limit", p.TestLimit, "items of a test file; 0 = all")
	f.IntVar(&p.Curve, "curve", p.Curve, "points of the learning curves")
	f.IntVar(&p.Transfer, "transfer", p.Transfer, "mixtures of the first search's start that are trained at the target's size too, for the ranks by proxies")
	f.StringVar(&p.Proxies, "proxies", p.Proxies, "more kinds of proxies that rank the target's mixtures, in YAML, separated by ;, such as {name: longer, set: {proxy: {tokens: 400000}}}")
	f.IntVar(&p.Reference, "reference", p.Reference, "models trained on each target's validation text; 0 = none")
	f.StringVar(&p.Extra, "extra", p.Extra, "more strategies in YAML, separated by ;, such as {name: one-round, strategy: climb, set: {search: {rounds: [112]}}}")
}

// quick makes the study tiny; what was set on the command line stays.
func (p *Params) quick(f *flag.FlagSet) {
	set := map[string]bool{}
	f.Visit(func(x *flag.Flag) { set[x.Name] = true })
	for name, value := range map[string]string{"clusters": "16", "domains": "5", "vocab": "1024", "proxy": "1x16x1x64", "proxy-tokens": "4000", "proxy-batch": "4",
		"target": "2x32x2x64", "target-tokens": "32000", "target-batch": "8", "rounds": "6,3", "doremi-runs": "3", "seeds": "2", "limit": "4", "test-limit": "8", "curve": "2", "reference": "1"} {
		if !set[name] {
			if err := f.Set(name, value); err != nil {
				panic(err)
			}
		}
	}
	p.Mini = true
}

// Tasks of each target. A name with a colon takes the items of some categories
// of MMLU.
var tasks = map[string][]string{
	"general": {"arc_challenge", "arc_easy", "bigbench_qa_wikidata", "blimp", "boolq", "commonsense_qa", "hellaswag", "lambada_openai", "mmlu",
		"openbookqa", "piqa", "pubmedqa", "sciq", "social_iqa", "triviaqa", "winogrande"},
	"science":  {"arc_challenge", "arc_easy", "openbookqa", "sciq"},
	"medicine": {"mmlu_medicine", "pubmedqa"},
	"story":    {"hellaswag", "lambada_openai", "social_iqa"},
	"law":      {"mmlu_law"},
}

// categories of MMLU that make a task of their own.
var categories = map[string][]string{
	"mmlu_medicine": {"anatomy", "clinical_knowledge", "college_biology", "college_medicine", "high_school_biology", "human_aging", "medical_genetics",
		"nutrition", "professional_medicine", "virology"},
	"mmlu_law": {"international_law", "jurisprudence", "professional_law"},
}

func objectiveNames() []string { return []string{"general", "science", "medicine", "story", "law"} }

// write makes the study in the run directory, out/study.yaml.
func (p *Params) write(data, out string) (path string, err error) {
	if data, err = filepath.Abs(data); err != nil {
		return "", err
	}
	ext := ".jsonl.zst"
	if p.Mini {
		data, ext = filepath.Join(data, "mini"), ".jsonl"
	}
	if _, err := os.Stat(filepath.Join(data, "corpus")); err != nil {
		return "", fmt.Errorf("the corpus is not there: %w; set CLIMB_TEST_DATA or -data", err)
	}
	if out, err = filepath.Abs(out); err != nil {
		return "", err
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return "", err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# made by bench/evidence\nrun:\n  out: %q\n  corpus: {inputs: [%q], fields: drop, source_field: \"-\"}\n", out, filepath.Join(data, "corpus", "*"+ext))
	fmt.Fprintf(&b, "  cluster: {kmeans: {k: %d}}\n  domains: {ward: {count: %d}}\n  tokens: {bpe: {vocab: %d}}\n", p.Clusters, p.Domains, p.Vocab)
	proxy, err := model(p.Proxy)
	if err != nil {
		return "", err
	}
	target, err := model(p.Target)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "  proxy: {model: %s, tokens: %d, batch: %d, optim: {lr: %g}, base: {tokens: %d}}\n", proxy, p.ProxyTokens, p.ProxyBatch, p.ProxyLR, p.BaseTokens)
	fmt.Fprintf(&b, "  search:\n    rounds: [%s]\n    climb: {predictor: %s}\n    regmix: {predictor: %[2]s}\n    doremi: {runs: %[3]d}\n", p.Rounds, p.Predictor, p.DoReMi)
	b.WriteString("objectives:\n")
	names := strings.Split(p.Objectives, ",")
	for _, name := range names {
		if !slices.Contains(objectiveNames(), name) {
			return "", fmt.Errorf("-objectives: %q is not one of %s", name, strings.Join(objectiveNames(), ", "))
		}
		fmt.Fprintf(&b, "  - name: %s\n", name)
		fmt.Fprintf(&b, "    weights: %s\n", p.Weights)
		if name != "general" {
			fmt.Fprintf(&b, "    reference: %d\n", p.Reference)
		}
		for i, half := range []string{"validation", "test"} {
			limit := []int{p.Limit, p.TestLimit}[i]
			fmt.Fprintf(&b, "    %s:\n", half)
			for _, t := range tasks[name] {
				file, err := taskFile(filepath.Join(data, "eval"), out, t, half, ext)
				if err != nil {
					return "", err
				}
				fmt.Fprintf(&b, "      - {file: %q, limit: %d}\n", file, limit)
			}
		}
	}
	b.WriteString("strategies:\n")
	b.WriteString(p.strategies(names))
	if p.Proxies != "" {
		fmt.Fprintf(&b, "proxies:\n%s", list(p.Proxies))
	}
	fmt.Fprintf(&b, "target: {model: %s, tokens: %d, batch: %d, optim: {lr: %g}}\n", target, p.TargetTokens, p.TargetBatch, p.TargetLR)
	fmt.Fprintf(&b, "first: %d\n", p.First)
	fmt.Fprintf(&b, "seeds: %d\nsearches: %d\ndraws: %d\ncurve: %d\ntransfer: %d\n", p.Seeds, p.Searches, p.Draws, p.Curve, p.Transfer)
	path = filepath.Join(out, "study.yaml")
	return path, os.WriteFile(path, b.Bytes(), 0o666)
}

// strategies writes the list: those without a search of their own take part in
// all targets, as does what -specific names. A name with -gbdt is the strategy
// before it with the trees of its paper.
func (p *Params) strategies(objectives []string) string {
	var b strings.Builder
	for _, s := range strings.Split(p.Strategies, ",") {
		everywhere := slices.Contains([]string{"natural", "uniform", "random", "doremi"}, s) || slices.Contains(strings.Split(p.Specific, ","), s)
		method, predictor, _ := strings.Cut(s, "-")
		switch {
		case predictor == "gbdt":
			fmt.Fprintf(&b, "  - {name: %s, strategy: %s, objectives: [%s], set: {search: {%[2]s: {predictor: %[4]s}}}}\n", s, method, objectives[0], predictor)
		case everywhere:
			fmt.Fprintf(&b, "  - %s\n", s)
		default:
			fmt.Fprintf(&b, "  - {name: %s, objectives: [%s]}\n", s, objectives[0])
		}
	}
	return b.String() + list(p.Extra)
}

// list makes a list of YAML of what semicolons separate.
func list(s string) string {
	var b strings.Builder
	for _, x := range strings.Split(s, ";") {
		if x = strings.TrimSpace(x); x != "" {
			fmt.Fprintf(&b, "  - %s\n", x)
		}
	}
	return b.String()
}

// model reads layers x width x heads x context.
func model(s string) (string, error) {
	var layers, width, heads, context int
	if n, err := fmt.Sscanf(s, "%dx%dx%dx%d", &layers, &width, &heads, &context); n != 4 || err != nil {
		return "", fmt.Errorf("model %q: want layers x width x heads x context, such as 3x64x2x128", s)
	}
	return fmt.Sprintf("{layers: %d, width: %d, heads: %d, context: %d}", layers, width, heads, context), nil
}

// taskFile is the file of a task; of categories of MMLU it is made in out.
func taskFile(dir, out, name, half, ext string) (string, error) {
	keep, ok := categories[name]
	if !ok {
		return filepath.Join(dir, name+"."+half+ext), nil
	}
	from := filepath.Join(dir, "mmlu."+half+ext)
	data, err := os.ReadFile(from)
	if err != nil {
		return "", err
	}
	var r io.Reader = bytes.NewReader(data)
	if strings.HasSuffix(from, ".zst") {
		z, err := zstd.NewReader(r)
		if err != nil {
			return "", err
		}
		defer z.Close()
		r = z
	}
	var b bytes.Buffer
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var item struct {
				Category string `json:"category"`
			}
			if err := json.Unmarshal(line, &item); err != nil {
				return "", fmt.Errorf("%s: %w", from, err)
			}
			if slices.Contains(keep, item.Category) {
				b.Write(line)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", from, err)
		}
	}
	to := filepath.Join(out, name+"."+half+".jsonl")
	if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, b.Bytes()) {
		return to, nil // as it is: plans know its time
	}
	return to, os.WriteFile(to, b.Bytes(), 0o666)
}
