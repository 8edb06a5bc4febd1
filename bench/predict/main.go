// Command predict measures the predictors on public tables of proxy runs:
// go run ./bench/predict [-json].
//
// RegMix's table: fitted to n of its 512 training runs, judged on its 256 test
// runs, for each of 13 losses, mean over random subsets (at 512 there is one).
// Data mixing laws' table: 5-fold cross-validation of the weighted loss. XGBoost
// (python3-xgboost) is given the same rows as gbdt, of fewer subsets because it
// is slow; where it does not run, the report says why. -parts coverage says what
// the intervals of every predictor hold, on every table.
package main

import (
	"encoding/json"
	"errors"
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
	"sync"
	"sync/atomic"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/predict"
)

// A Report is what -json prints.
type Report struct {
	Machine  string                        `json:"machine"`
	Date     string                        `json:"date"`
	Command  string                        `json:"command"`
	Predict  map[string]map[string]*Score  `json:"predict"`                          // by predictor and number of runs
	MixLaws  map[string]map[string]float64 `json:"mixing_laws_mae"`                  // by predictor and model size; a fit per loss, then summed
	MixEqual map[string]map[string]float64 `json:"mixing_laws_equal_mae"`            // the same with equal weights
	Transfer map[string]map[string]float64 `json:"mixing_laws_8_runs_mae,omitempty"` // of the weighted loss, from 8 runs, with and without those of the 70M model
	Coverage *Coverage                     `json:"coverage,omitempty"`
	Speed    map[string]Speed              `json:"speed"` // by predictor
	GBDTPeer *Peer                         `json:"gbdt_against_xgboost,omitempty"`
	PeerErr  string                        `json:"xgboost_error,omitempty"` // why there is no peer
}

// A Score is the quality of a predictor; correlations are x 100.
type Score struct {
	Spearman     float64 `json:"spearman"` // on Pile-CC, as the next
	Regret       float64 `json:"regret"`   // loss of the mixture picked among the test runs less the least
	MeanSpearman float64 `json:"mean_spearman"`
	MeanRegret   float64 `json:"mean_regret"`
	In80         float64 `json:"in80"` // per cent of unseen losses, of all 13, in the 80 % interval
	In95         float64 `json:"in95"`
	Seconds      float64 `json:"seconds,omitempty"` // of one fit on the clock, of XGBoost
}

// Speed is that of one fit on 500 runs of 100 domains, and of ranking a
// million candidates after a fit to 112 runs of 17 domains; on the clock, and
// of all cores together.
type Speed struct {
	Fit     float64 `json:"fit_500x100_seconds"`
	FitCPU  float64 `json:"fit_500x100_cpu_seconds"`
	Rank    float64 `json:"rank_million_seconds"`
	RankCPU float64 `json:"rank_million_cpu_seconds"`
}

// Peer compares gbdt with XGBoost at 512 runs.
type Peer struct {
	Ours      float64 `json:"ours_mean_spearman"`
	Theirs    float64 `json:"xgboost_mean_spearman"`
	OursTime  float64 `json:"ours_seconds"`
	TheirTime float64 `json:"xgboost_seconds"`
	TimeRatio float64 `json:"time_ratio"` // theirs over ours
}

const pileCC = "the_pile_pile_cc_val_loss"

var (
	subsets = flag.Int("subsets", 8, "random subsets of the training runs")
	sizes   = flag.String("n", "32,64,112,256,512", "numbers of training runs")
	losses  = flag.Int("losses", 13, "losses to predict; Pile-CC is always among them")
	peers   = flag.Int("peer", 1, "random subsets that XGBoost is given too")
	parts   = flag.String("parts", "regmix,mixlaws,transfer,coverage,speed", "what to measure")

	coverSubsets = flag.Int("cover-subsets", 20, "random subsets of each table's rows that coverage is measured on")
	coverOnly    = flag.String("cover-only", "", "the predictors to measure coverage of, of predict.Methods; all if empty")
	coverTables  = flag.String("cover-tables", "", "the tables to measure coverage on, those whose names begin so: regmix, mixing laws, mixing laws 70M; all if empty")
	coverLosses  = flag.Int("cover-losses", 2, "losses of each subset")
)

func main() {
	log.SetFlags(0)
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	r := &Report{Machine: measure.Machine(),
		Date: time.Now().UTC().Format("2006-01-02"), Command: "go run ./bench/predict " + strings.Join(os.Args[1:], " "),
		Predict: map[string]map[string]*Score{}, MixLaws: map[string]map[string]float64{}, MixEqual: map[string]map[string]float64{}, Speed: map[string]Speed{}}
	for _, part := range []struct {
		name string
		run  func() error
	}{{"regmix", r.regmix}, {"mixlaws", r.mixLaws}, {"transfer", r.transfer}, {"coverage", r.coverage}, {"speed", r.speed}} {
		if !slices.Contains(strings.Split(*parts, ","), part.name) {
			continue
		}
		work := measure.CPUSeconds()
		if err := part.run(); err != nil {
			log.Fatalf("%s: %v", part.name, err)
		}
		if part.name == "coverage" {
			r.Coverage.CPU = measure.CPUSeconds() - work
		}
	}
	if *asJSON {
		out, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", out)
		return
	}
	r.print()
}

// tables is the folder of the public tables.
func tables() string {
	dir := os.Getenv("CLIMB_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "shared", "data")
	}
	return filepath.Join(dir, "tables")
}

// A task is one loss of RegMix's table.
type task struct {
	name      string
	x, unseen [][]float64
	y, truth  []float64
}

func readTasks() ([]task, error) {
	var halves [2]*history.Table
	for i, half := range []string{"train", "test"} {
		t, err := history.Read(filepath.Join(tables(), half+"_mixture_1m.csv"), filepath.Join(tables(), half+"_pile_loss_1m.csv"))
		if err != nil {
			return nil, err
		}
		halves[i] = t
	}
	var out []task
	for c, name := range halves[0].Metrics {
		t := task{name: name}
		for _, r := range halves[0].Runs {
			t.x, t.y = append(t.x, r.Mixture), append(t.y, r.Values[c])
		}
		for _, r := range halves[1].Runs {
			t.unseen, t.truth = append(t.unseen, r.Mixture), append(t.truth, r.Values[c])
		}
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b task) int { // Pile-CC first, the others in their order
		switch {
		case a.name == pileCC:
			return -1
		case b.name == pileCC:
			return 1
		}
		return 0
	})
	return out[:min(*losses, len(out))], nil
}

// judge adds the quality of a fitted predictor on a task to its score.
func (s *Score) judge(p predict.Predictor, t task, weight float64, tasks int) {
	predicted := make([]float64, len(t.unseen))
	picked, least := 0, math.Inf(1)
	share := 100 * weight / float64(tasks*len(t.unseen))
	for i, x := range t.unseen {
		predicted[i] = p.Predict(x)
		if predicted[i] < predicted[picked] {
			picked = i
		}
		least = min(least, t.truth[i])
		e := math.Abs(predicted[i] - t.truth[i])
		if e <= predict.HalfWidth(p, x, 0.8) {
			s.In80 += share
		}
		if e <= predict.HalfWidth(p, x, 0.95) {
			s.In95 += share
		}
	}
	s.add(t, predict.Spearman(predicted, t.truth), t.truth[picked]-least, weight, tasks)
}

func (s *Score) add(t task, spearman, regret, weight float64, tasks int) {
	if t.name == pileCC {
		s.Spearman += 100 * weight * spearman
		s.Regret += weight * regret
	}
	s.MeanSpearman += 100 * weight * spearman / float64(tasks)
	s.MeanRegret += weight * regret / float64(tasks)
}

func (r *Report) print() {
	for _, name := range names(r.Predict) {
		for _, n := range strings.Split(*sizes, ",") {
			if s := r.Predict[name][n]; s != nil {
				fmt.Printf("%-9s %4s runs: Pile-CC %5.1f (regret %.4f), mean %5.2f (%.4f); intervals hold %.0f and %.0f %%\n",
					name, n, s.Spearman, s.Regret, s.MeanSpearman, s.MeanRegret, s.In80, s.In95)
			}
		}
	}
	for _, name := range names(r.MixLaws) {
		fmt.Printf("%-9s mixing laws, MAE of the weighted loss (equal weights):", name)
		for _, size := range names(r.MixLaws[name]) {
			fmt.Printf(" %s %.4f (%.4f)", size, r.MixLaws[name][size], r.MixEqual[name][size])
		}
		fmt.Println()
	}
	for _, name := range names(r.Transfer) {
		fmt.Printf("%-12s from 8 runs:", name)
		for _, size := range names(r.Transfer[name]) {
			fmt.Printf(" %s %.4f", size, r.Transfer[name][size])
		}
		fmt.Println()
	}
	if r.Coverage != nil {
		r.Coverage.print()
	}
	for _, name := range names(r.Speed) {
		v := r.Speed[name]
		fmt.Printf("%-9s 500 x 100 in %.2f s (%.2f of all cores), a million ranked in %.2f s (%.2f)\n", name, v.Fit, v.FitCPU, v.Rank, v.RankCPU)
	}
	if r.PeerErr != "" {
		fmt.Println("xgboost did not run:", r.PeerErr)
	}
	if p := r.GBDTPeer; p != nil {
		fmt.Printf("gbdt %.2f in %.2f s, xgboost %.2f in %.2f s\n", p.Ours, p.OursTime, p.Theirs, p.TheirTime)
	}
}

func names[T any](m map[string]T) []string {
	var out []string
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// progress says on standard error how many fits are to go, ten times.
func progress(part string, left, all int) {
	if left%max(1, all/10) == 0 {
		fmt.Fprintf(os.Stderr, "%s: %d of %d fits to go\n", part, left, all)
	}
}

// fromLast does n jobs, the last ones first, one on each core at a time, and
// tells how many are left.
func fromLast(part string, n int, do func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := n - int(next.Add(1)); i >= 0; i = n - int(next.Add(1)) {
				errs[i] = do(i)
				progress(part, i, n)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func numbers() []int {
	var out []int
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 3 || n > 512 {
			log.Fatalf("-n %s: want numbers from 3 to 512", *sizes)
		}
		out = append(out, n)
	}
	return out
}
