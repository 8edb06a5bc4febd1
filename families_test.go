package climb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
)

// Toy methods, one a family: what it takes to add one.

type toyEmbedder struct {
	Dim int `json:"dim" default:"4" min:"1" doc:"length"`
}

func (toyEmbedder) Cost(context.Context, embed.Sample) (embed.Cost, error) {
	return embed.Cost{Dim: 4, Rate: 1e6}, nil
}
func (toyEmbedder) Make(context.Context, embed.Site) error { return nil }
func (o toyEmbedder) Load(context.Context, string) (embed.Embedder, error) {
	return toyVectors{o.Dim}, nil
}

type toyVectors struct{ dim int }

func (v toyVectors) Dim() int { return v.dim }
func (v toyVectors) Embed(_ context.Context, dst []float32, texts []string) error {
	for i, t := range texts { // a text's second word says what it is about
		dst[i*v.dim+int(strings.Fields(t)[1][0])%v.dim] = 1
	}
	return nil
}

type toyClusterer struct {
	cluster.KMeans `yaml:",inline"`
}

type toyMerger struct{}

func (toyMerger) Merge(_ []float32, k, _ int, _ []float64) ([]int, error) {
	group := make([]int, k)
	for i := range group {
		group[i] = min(i, 1)
	}
	return group, nil
}

type toyLabeler struct{}

func (toyLabeler) Names() []string                                               { return []string{"toy"} }
func (t toyLabeler) Labeler(context.Context, label.Texts) (label.Labeler, error) { return t, nil }
func (toyLabeler) Label(_ context.Context, dst []float32, _ []string) error {
	for i := range dst {
		dst[i] = 1
	}
	return nil
}

type toyStrategy struct {
	Predictor predict.Choice `json:"predictor" default:"toy"`
}

func (toyStrategy) Propose(ctx context.Context, p search.Problem, history []search.Trial, n int) ([]mix.Mixture, error) {
	return search.Random{}.Propose(ctx, p, history, n)
}
func (t toyStrategy) Best(p search.Problem, history []search.Trial) (mix.Mixture, error) {
	f := t.Predictor.New()
	best := search.TopMeasured(history, 1)
	return best[0].Mixture, f.Fit([][]float64{{1}, {0}}, []float64{1, 2})
}

type toyPredictor struct{ mean float64 }

func (t *toyPredictor) Fit(_ [][]float64, y []float64) error { t.mean = y[0]; return nil }
func (t *toyPredictor) Predict([]float64) float64            { return t.mean }

// toyOptimizer is gradient descent.
type toyOptimizer struct{ state optim.State }

func (*toyOptimizer) Start([]optim.Tensor)  {}
func (o *toyOptimizer) State() *optim.State { return &o.state }
func (*toyOptimizer) Step(params, grads []float32, lr float64, _ int) {
	for i, g := range grads {
		params[i] -= float32(lr) * g
	}
}

type toySchedule struct{}

func (toySchedule) Schedule(r optim.Run) optim.Schedule {
	return func(int) float64 { return r.Peak }
}

type toyFormat struct{ export.JSONLines }

func (toyFormat) About() export.About {
	return export.About{Words: "toy lines", Files: "*.zst", Rows: "Toys"}
}

// register puts a method into a family for the time of a test.
func register[T any](t *testing.T, f *option.Family[T], make func() T) {
	old := *f
	*f = append(old[:len(old):len(old)], option.Method[T]{Name: "toy", Summary: "a toy", New: make})
	t.Cleanup(func() { *f = old })
}

func registerToys(t *testing.T) {
	register(t, &embed.Methods, func() embed.Method { return &toyEmbedder{} })
	register(t, &cluster.Methods, func() cluster.Clusterer { return &toyClusterer{} })
	register(t, &cluster.Mergers, func() cluster.Merger { return &toyMerger{} })
	register(t, &label.Methods, func() label.Method { return &toyLabeler{} })
	register(t, &search.Methods, func() search.Strategy { return &toyStrategy{} })
	register(t, &predict.Methods, func() predict.Predictor { return &toyPredictor{} })
	register(t, &optim.Methods, func() optim.Optimizer { return &toyOptimizer{} })
	register(t, &optim.Schedules, func() optim.Scheduler { return &toySchedule{} })
	register(t, &export.Formats, func() export.Format { return &toyFormat{} })
}

func toyCorpus(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for i := range 240 {
		fmt.Fprintf(&b, "{\"id\":\"d%d\",\"text\":\"the %s runs over word %d and over word %d of the day\"}\n", i, []string{"river", "stone", "engine"}[i%3], i, i*7%50)
	}
	path := filepath.Join(t.TempDir(), "in.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

const toyScale = `
tokens: {bpe: {vocab: 300}}
proxy: {model: {layers: 1, width: 16, heads: 1, context: 16}, tokens: 2000, batch: 4, optim: {optimizer: toy, schedule: toy}}
dataset: {format: toy}
search: {rounds: [4], strategy: toy}
confirm: {seeds: 2, measured: 0}
target: {holdout: 0.2}
prune: {clusters: {}, documents: {}}
`

// A method of any family is its struct and one line in the table: the
// configuration, its checks, the plan and the whole run know it by then.
func TestToyMethods(t *testing.T) {
	registerToys(t)
	out := filepath.Join(t.TempDir(), "run")
	c := parse(t, fmt.Sprintf("out: %s\ncorpus: {inputs: [%s]}\nembed: {method: toy, toy: {dim: 3}}\ncluster: {method: toy, toy: {k: 3}}\ndomains: {method: toy}\nlabel: {method: toy}\n%s", out, toyCorpus(t), toyScale))
	r := opened(t, c)
	e, err := look(t, r).Estimate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var plan []string
	for _, s := range e.Stages {
		plan = append(plan, s.Work)
	}
	for _, want := range []string{"vectors of 4", "3 clusters on ", "1 scores"} {
		if !strings.Contains(strings.Join(plan, "\n"), want) {
			t.Errorf("the plan does not say %q:\n%s", want, strings.Join(plan, "\n"))
		}
	}
	if err := r.Until(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if card, err := os.ReadFile(filepath.Join(out, "dataset", "README.md")); err != nil || !strings.Contains(string(card), "Toys with the `cluster`") {
		t.Errorf("the dataset card, %v:\n%s", err, card)
	}
	d, err := r.Curation.Domains()
	if err != nil || len(d.Domains) != 2 || !cmp.Equal(d.ScoreNames, []string{"toy"}) {
		t.Errorf("%d domains, scores %v, %v", len(d.Domains), d.ScoreNames, err)
	}
	if _, err := ParseConfig([]byte(minimal + "embed: {method: toy, toy: {dim: 0}}\n")); err == nil || !strings.Contains(err.Error(), "embed.toy.dim") {
		t.Errorf("an option out of range: %v", err)
	}
	if _, err := ParseConfig([]byte(minimal + "search: {strategy: toi}\n")); err == nil || !strings.Contains(err.Error(), "natural, toy") {
		t.Errorf("an unknown strategy: %v", err)
	}
}

// A method that comes with a new version names no stage of a run anew.
func TestNewMethodsKeepStages(t *testing.T) {
	names := func() []string {
		r := opened(t, parse(t, "corpus: {inputs: [go.mod]}\n"))
		return r.Bases()
	}
	before := names()
	registerToys(t)
	if d := cmp.Diff(before, names()); d != "" {
		t.Errorf("stages are named anew:\n%s", d)
	}
}
