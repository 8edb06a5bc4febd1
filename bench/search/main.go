// Command search compares the strategies on simulated worlds and on a table of
// real proxy runs: go run ./bench/search [-json].
//
// Every strategy searches the kinds of worlds of simulate.Kinds with 16 and 40
// domains, 20 worlds each, with 28, 56 and 112 runs; climb and regmix also with
// the trees of their papers, and climb-auto also without its stop, and with
// candidates improved by ascent and by attacks. A regret is how far the answer's
// true score is from the proven optimum, in units of the natural mixture's: 0 is
// the optimum, 1 no better than the corpus as it is. The constants of our own
// search are set by judgement and were tried on worlds of 24 domains
// with seeds from 1000 on; these have seeds from 1 on.
//
// The searches run on all cores, whose number changes nothing but the time. A
// part of the worlds is -first 11 -seeds 10; a part of the report is -parts.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/predict"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/simulate"
)

// A Report is what -json prints.
type Report struct {
	Machine string  `json:"machine"`
	Date    string  `json:"date"`
	Command string  `json:"command"`
	Cores   int     `json:"cores"`
	Seconds float64 `json:"seconds"`
	Worlds  int     `json:"worlds"`
	// Search and Replay: strategy -> budget -> figure. Replay is of RegMix's
	// 512 runs, whose regret is to the best run of the table; what a strategy
	// answers that does not choose from the table is apart from it, see
	// simulate.Outcome, and its regret is that of another mixture.
	Search map[string]map[string]Figure `json:"search,omitempty"`
	// ByKind: strategy -> budget -> kind of world -> mean regret.
	ByKind map[string]map[string]map[string]float64 `json:"search_by_kind,omitempty"`
	Replay map[string]map[string]Figure             `json:"replay,omitempty"`
	// RunsToMatch: strategy -> budget -> the number of runs with which climb-auto
	// has the mean regret over all worlds that the strategy has with the budget; 14
	// is the least that is tried, 0 more than the largest.
	RunsToMatch map[string]map[string]float64 `json:"runs_to_match,omitempty"`
	// Against is the mean over all worlds and budgets of another strategy's
	// regret less that of climb-auto on the same world, with its interval.
	Against map[string]Figure `json:"climb_auto_against,omitempty"`
	// Proposal is the time of a batch of 64 from a million candidates after 112
	// runs on 16 domains, and of the answer.
	Proposal map[string]Proposal `json:"proposal,omitempty"`
}

// A Figure is a mean regret with its 95 % interval over the worlds.
type Figure struct {
	Regret   float64    `json:"regret"`
	Interval [2]float64 `json:"interval"`
	Runs     float64    `json:"runs,omitempty"`
	Apart    float64    `json:"apart,omitempty"`
}

// Proposal is the time of one batch and of one answer, in seconds on the clock
// and of all cores together.
type Proposal struct {
	Batch     float64 `json:"batch_seconds"`
	BatchCPU  float64 `json:"batch_cpu_seconds"`
	Answer    float64 `json:"answer_seconds"`
	AnswerCPU float64 `json:"answer_cpu_seconds"`
}

func main() {
	log.SetFlags(0)
	asJSON := flag.Bool("json", false, "print JSON")
	seeds := flag.Int("seeds", 20, "worlds of each kind and number of domains")
	first := flag.Uint64("first", 1, "seed of the first")
	domains := flag.String("domains", "16,40", "domains of the worlds")
	runs := flag.String("runs", "28,56,112", "proxy runs of a search")
	kinds := flag.String("worlds", "", "kinds of worlds; all if empty")
	only := flag.String("strategies", "", "strategies to compare; all if empty")
	tables := flag.String("tables", filepath.Join("..", "shared", "data", "tables"), "folder of RegMix's tables")
	candidates := flag.Int("candidates", 30000, "mixtures that climb and regmix rank; their default of 100000 takes three times as long")
	parts := flag.String("parts", "worlds,proposal,replay", "what to measure")
	flag.Parse()
	p := simulate.Plan{Budgets: numbers(*runs), Domains: numbers(*domains), Seeds: *seeds, FirstSeed: *first}
	for _, k := range simulate.Kinds {
		if among(*kinds, k.Name) {
			p.Kinds = append(p.Kinds, k)
		}
	}
	for _, c := range contenders(*candidates) {
		if among(*only, c.Name) {
			p.Strategies = append(p.Strategies, c)
		}
	}
	start := time.Now()
	r := &Report{Machine: measure.Machine(), Date: start.UTC().Format("2006-01-02"), Command: "go run ./bench/search " + strings.Join(os.Args[1:], " "), Cores: runtime.GOMAXPROCS(0)}
	for _, part := range []struct {
		name string
		run  func() error
	}{{"worlds", func() error { return r.worlds(p) }}, {"proposal", r.propose}, {"replay", func() error { return r.replay(p, *tables) }}} {
		if !among(*parts, part.name) {
			continue
		}
		if err := part.run(); err != nil {
			log.Fatalf("%s: %v", part.name, err)
		}
	}
	r.Seconds = time.Since(start).Seconds()
	if !*asJSON {
		r.print(p)
		return
	}
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", out)
}

// among reports whether the list, between commas, holds the name or is empty.
func among(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

// numbers reads a list of numbers between commas.
func numbers(list string) (out []int) {
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			log.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// contenders are the strategies with their defaults, but for the number of
// mixtures that climb and regmix rank, and forms of them.
func contenders(candidates int) (out []simulate.Contender) {
	for _, m := range search.Methods {
		switch trees := predict.Choose(&predict.GBDT{}); m.Name {
		case "climb":
			out = append(out, simulate.Contender{Name: "climb", Strategy: search.Climb{Candidates: candidates}},
				simulate.Contender{Name: "climb-gbdt", Strategy: search.Climb{Candidates: candidates, Predictor: trees}})
		case "regmix":
			out = append(out, simulate.Contender{Name: "regmix", Strategy: search.RegMix{Candidates: candidates}},
				simulate.Contender{Name: "regmix-gbdt", Strategy: search.RegMix{Candidates: candidates, Predictor: trees}})
		case "climb-auto":
			out = append(out, simulate.Contender{Name: "climb-auto", Strategy: search.Auto{}},
				simulate.Contender{Name: "climb-auto-nostop", Strategy: search.Auto{Least: 1}},
				simulate.Contender{Name: "climb-auto-ascend", Strategy: search.Auto{Improve: "ascend"}},
				simulate.Contender{Name: "climb-auto-attack", Strategy: search.Auto{Improve: "attack"}})
		case "olmix":
			out = append(out, simulate.Contender{Name: "olmix", Strategy: m.New()},
				simulate.Contender{Name: "olmix-bare", Strategy: bare{search.Olmix{Sampler: "dirichlet", Runs: math.MaxInt32}}})
		default:
			out = append(out, simulate.Contender{Name: m.Name, Strategy: m.New()})
		}
	}
	return out
}

// bare is olmix with the whole budget, and free to leave the natural mixture.
type bare struct{ search.Olmix }

func (bare) DefaultKL() float64 { return 0 }

// worlds compares the strategies on simulated worlds.
func (r *Report) worlds(p simulate.Plan) error {
	ctx := context.Background()
	worlds, err := simulate.Compare(ctx, p, progress("worlds"))
	if err != nil {
		return err
	}
	r.Search, r.Worlds, r.Against = figures(worlds), worlds[0].Worlds, against(worlds)
	small := p
	small.Strategies, small.Budgets = []simulate.Contender{{Name: "climb-auto", Strategy: search.Auto{}}}, []int{14}
	few, err := simulate.Compare(ctx, small, nil)
	if err != nil {
		return err
	}
	r.RunsToMatch, r.ByKind = map[string]map[string]float64{}, map[string]map[string]map[string]float64{}
	for _, o := range worlds {
		budget := strconv.Itoa(o.Budget)
		if r.ByKind[o.Strategy] == nil {
			r.RunsToMatch[o.Strategy], r.ByKind[o.Strategy] = map[string]float64{}, map[string]map[string]float64{}
		}
		r.RunsToMatch[o.Strategy][budget] = simulate.RunsToMatch(append(few, worlds...), "climb-auto", o.Regret)
		r.ByKind[o.Strategy][budget] = map[string]float64{}
		for name, regret := range o.ByWorld {
			kind, _, _ := strings.Cut(name, "/")
			r.ByKind[o.Strategy][budget][kind] += regret / float64(len(p.Domains))
		}
	}
	return nil
}

// replay compares them on RegMix's table.
func (r *Report) replay(p simulate.Plan, tables string) error {
	table, err := simulate.RegMixTable(tables, "train")
	if os.IsNotExist(err) {
		fmt.Fprintln(os.Stderr, "no tables in "+tables+": nothing is replayed")
		return nil
	}
	if err != nil {
		return err
	}
	p.Kinds, p.Tables = nil, []*simulate.Table{table}
	replayed, err := simulate.Compare(context.Background(), p, progress("table"))
	r.Replay = figures(replayed)
	return err
}

// progress prints every tenth of the searches.
func progress(what string) func(done, total int) {
	return func(done, total int) {
		if tenth := max(1, total/10); done%tenth == 0 {
			fmt.Fprintf(os.Stderr, "%s: %d of %d searches\n", what, done, total)
		}
	}
}

func figures(outcomes []simulate.Outcome) map[string]map[string]Figure {
	out := map[string]map[string]Figure{}
	for _, o := range outcomes {
		if out[o.Strategy] == nil {
			out[o.Strategy] = map[string]Figure{}
		}
		out[o.Strategy][strconv.Itoa(o.Budget)] = Figure{o.Regret, o.Interval, o.Runs, o.Apart}
	}
	return out
}

// against pairs climb-auto with every other strategy, world by world.
func against(outcomes []simulate.Outcome) map[string]Figure {
	ours := map[int][]float64{}
	for _, o := range outcomes {
		if o.Strategy == "climb-auto" {
			ours[o.Budget] = o.Regrets
		}
	}
	differences := map[string][]float64{}
	budgets := float64(len(ours))
	for _, o := range outcomes {
		mine := ours[o.Budget]
		if o.Strategy == "climb-auto" || mine == nil {
			continue
		}
		if differences[o.Strategy] == nil {
			differences[o.Strategy] = make([]float64, len(mine))
		}
		for i, v := range o.Regrets {
			differences[o.Strategy][i] += (v - mine[i]) / budgets
		}
	}
	out := map[string]Figure{}
	for name, d := range differences {
		mean, stderr := simulate.MeanError(d)
		out[name] = Figure{Regret: mean, Interval: [2]float64{mean - 1.96*stderr, mean + 1.96*stderr}}
	}
	return out
}

// propose times the strategies that rank candidates.
func (r *Report) propose() error {
	const million, batch = 1_000_000, 64
	ctx := context.Background()
	w, err := simulate.New(simulate.Kinds[0], 16, 1)
	if err != nil {
		return err
	}
	first, err := search.Auto{}.Propose(ctx, w.Problem, nil, 112)
	if err != nil {
		return err
	}
	history, err := w.Evaluate(ctx, first, 0)
	if err != nil {
		return err
	}
	r.Proposal = map[string]Proposal{}
	for _, c := range []simulate.Contender{{Name: "climb", Strategy: search.Climb{Candidates: million}}, {Name: "climb-auto", Strategy: search.Auto{Candidates: million}},
		{Name: "regmix", Strategy: search.RegMix{Candidates: million}}, {Name: "bayes", Strategy: search.Bayes{Candidates: million}}, {Name: "olmix", Strategy: search.Olmix{}}} {
		name, s := c.Name, c.Strategy
		start, work := time.Now(), measure.CPUSeconds()
		got, err := s.Propose(ctx, w.Problem, history, batch)
		if err == nil && len(got) != batch {
			err = fmt.Errorf("%s proposes %d mixtures, not %d", name, len(got), batch)
		}
		if err != nil {
			return err
		}
		half, halfWork := time.Now(), measure.CPUSeconds()
		if _, err := s.Best(w.Problem, history); err != nil {
			return err
		}
		r.Proposal[name] = Proposal{half.Sub(start).Seconds(), halfWork - work, time.Since(half).Seconds(), measure.CPUSeconds() - halfWork}
	}
	return nil
}

func (r *Report) print(p simulate.Plan) {
	var strategies []string
	for _, s := range p.Strategies {
		strategies = append(strategies, s.Name)
	}
	for _, part := range []map[string]map[string]Figure{r.Search, r.Replay} {
		for _, s := range strategies {
			for _, b := range p.Budgets {
				if f, ok := part[s][strconv.Itoa(b)]; ok {
					fmt.Printf("%-17s %4d runs: regret %.3f [%.3f, %.3f]\n", s, b, f.Regret, f.Interval[0], f.Interval[1])
				}
			}
		}
		fmt.Println()
	}
	fmt.Printf("runs of climb-auto that match the others': %v\n", r.RunsToMatch)
	for _, s := range strategies {
		if p, ok := r.Proposal[s]; ok {
			fmt.Printf("%-17s 64 of a million in %.2f s (%.2f of all cores), the answer in %.2f s\n", s, p.Batch, p.BatchCPU, p.Answer)
		}
	}
}
