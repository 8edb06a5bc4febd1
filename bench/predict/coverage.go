package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"

	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/predict"
)

// Coverage says what the intervals of predictors hold of runs that they were not
// fitted to, in per cent: by table, predictor and number of runs. A table is a
// population of its own: predictors are fitted to a random subset of its rows, and
// the rows that are left judge, no more than coverRows of them. Intervals of 80 %
// should hold 75 to 85, those of 95 % 92 to 98; Misses says which do not.
type Coverage struct {
	Subsets int                                   `json:"subsets"`
	Losses  int                                   `json:"losses_a_subset"` // each subset has others, so that all take part
	Tables  map[string]map[string]map[string]Held `json:"tables"`
	Misses  []string                              `json:"misses"`
	CPU     float64                               `json:"cpu_seconds"`
}

// Held is what intervals hold.
type Held struct {
	In80   float64 `json:"in80"`
	In95   float64 `json:"in95"`
	Error  float64 `json:"in80_error"` // standard error of In80 over the subsets: their rows overlap, so that it is the least there is
	Error9 float64 `json:"in95_error"`
	Width  float64 `json:"width80"` // of the 80 % intervals on the mean, in standard deviations of the scores
}

// coverRows is how many rows judge a fit; coverSizes are the numbers of runs that
// fits have where the table has more, and fewer is for those of 26 rows.
const coverRows = 144

var coverSizes = []int{28, 56, 112}

const coverFewer = 20

// A cover is to fit every predictor to a subset of a table's rows.
type cover struct {
	table  string
	subset int
	x      [][]float64
	y      []float64
	order  []int // of the rows; the first n are fitted to
	n      int
	held   map[string]Held // by predictor; what comes of it
}

// coverage measures all tables, a fit on each core at a time.
func (r *Report) coverage() error {
	jobs, err := covers()
	if err != nil {
		return err
	}
	if err := fromLast("coverage", len(jobs), func(i int) error { return jobs[i].do() }); err != nil {
		return err
	}
	r.Coverage = &Coverage{Subsets: *coverSubsets, Losses: *coverLosses, Tables: map[string]map[string]map[string]Held{}}
	r.Coverage.collect(jobs)
	return nil
}

// collect takes the means over the subsets and losses, and lists what misses.
func (c *Coverage) collect(jobs []cover) {
	count := map[string]float64{}
	key := func(j *cover) string { return j.table + strconv.Itoa(j.n) }
	for i := range jobs {
		count[key(&jobs[i])]++
	}
	for i := range jobs { // in their order: sums must not depend on the cores
		j, size := &jobs[i], strconv.Itoa(jobs[i].n)
		if c.Tables[j.table] == nil {
			c.Tables[j.table] = map[string]map[string]Held{}
		}
		for name, h := range j.held {
			if c.Tables[j.table][name] == nil {
				c.Tables[j.table][name] = map[string]Held{}
			}
			sum := c.Tables[j.table][name][size]
			sum.In80 += h.In80 / count[key(j)]
			sum.In95 += h.In95 / count[key(j)]
			sum.Width += h.Width / count[key(j)]
			c.Tables[j.table][name][size] = sum
		}
	}
	for _, table := range names(c.Tables) {
		for _, name := range names(c.Tables[table]) {
			for size, h := range c.Tables[table][name] {
				h.Error = c.standardError(jobs, table, name, size, func(h Held) float64 { return h.In80 })
				h.Error9 = c.standardError(jobs, table, name, size, func(h Held) float64 { return h.In95 })
				c.Tables[table][name][size] = h
			}
		}
	}
	c.Misses = []string{}
	for _, table := range names(c.Tables) {
		for _, name := range names(c.Tables[table]) {
			for _, size := range names(c.Tables[table][name]) {
				if h := c.Tables[table][name][size]; math.Abs(h.In80-80) > 5 || math.Abs(h.In95-95) > 3 {
					c.Misses = append(c.Misses, fmt.Sprintf("%s, %s runs, %s: %.1f (+- %.1f) and %.1f (+- %.1f)", table, size, name, h.In80, h.Error, h.In95, h.Error9))
				}
			}
		}
	}
}

// standardError is that of the mean over the subsets: losses of one subset, which
// are judged on the same rows, count as one measurement.
func (c *Coverage) standardError(jobs []cover, table, name, size string, of func(Held) float64) float64 {
	sums, counts := make([]float64, c.Subsets), make([]float64, c.Subsets)
	for i := range jobs {
		if j := &jobs[i]; j.table == table && strconv.Itoa(j.n) == size {
			if h, ok := j.held[name]; ok {
				sums[j.subset] += of(h)
				counts[j.subset]++
			}
		}
	}
	var means []float64
	for k, n := range counts {
		if n > 0 {
			means = append(means, sums[k]/n)
		}
	}
	if len(means) < 2 {
		return 0
	}
	_, deviation := stat.MeanStdDev(means, nil)
	return deviation / math.Sqrt(float64(len(means)))
}

// covers lists the fits, the smallest first.
func covers() ([]cover, error) {
	var out []cover
	add := func(table string, x [][]float64, losses [][]float64, n int) {
		if !strings.HasPrefix(table, *coverTables) {
			return
		}
		for k := range *coverSubsets {
			order := rand.New(rand.NewPCG(6, uint64(k))).Perm(len(x))
			for i := range min(*coverLosses, len(losses)) {
				out = append(out, cover{table: table, subset: k, x: x, y: losses[(k**coverLosses+i)%len(losses)], order: order, n: n})
			}
		}
	}
	for _, size := range []string{"70M", "160M", "305M", "410M"} {
		x, sets, err := readMixLaws(filepath.Join(tables(), "5Mix_"+size+".csv.gz"))
		if err != nil {
			return nil, err
		}
		var losses [][]float64
		for _, name := range names(sets) {
			losses = append(losses, sets[name])
		}
		add("mixing laws "+size, x, losses, coverFewer)
	}
	for _, n := range coverSizes {
		for _, half := range []string{"train", "test"} {
			t, err := history.Read(filepath.Join(tables(), half+"_mixture_1m.csv"), filepath.Join(tables(), half+"_pile_loss_1m.csv"))
			if err != nil {
				return nil, err
			}
			var x [][]float64
			losses := make([][]float64, len(t.Metrics))
			for _, run := range t.Runs {
				x = append(x, run.Mixture)
				for c := range losses {
					losses[c] = append(losses[c], run.Values[c])
				}
			}
			add("regmix "+half, x, losses, n)
		}
	}
	return out, nil
}

// do fits all predictors that state uncertainty. Those of a blend are its members,
// but for what a blend sets otherwise.
func (c *cover) do() error {
	x, y := pick(c.x, c.order[:c.n]), pick(c.y, c.order[:c.n])
	if *coverOnly != "" {
		models := map[string]predict.Predictor{}
		for _, name := range strings.Split(*coverOnly, ",") {
			models[name] = fresh(name)
			if err := models[name].Fit(x, y); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		c.judge(models)
		return nil
	}
	auto := &predict.Auto{}
	if err := auto.Fit(x, y); err != nil {
		return err
	}
	models := map[string]predict.Predictor{"auto": auto, "blend": auto.Blend()}
	for _, m := range auto.Members() {
		models[m.Name] = m.Model
	}
	models["ridge both"] = models["ridge"]
	others := map[string]predict.Predictor{"ridge": &predict.Ridge{}, "ridge log": &predict.Ridge{Features: "log"}}
	for _, m := range predict.Methods {
		if models[m.Name] == nil {
			others[m.Name] = fresh(m.Name)
		}
	}
	for name, p := range others {
		if err := p.Fit(x, y); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		models[name] = p
	}
	c.judge(models)
	return nil
}

// judge counts what the intervals hold of the other rows.
func (c *cover) judge(models map[string]predict.Predictor) {
	judges := c.order[c.n:min(len(c.order), c.n+coverRows)]
	mean, variance := 0.0, 0.0
	for _, v := range c.y {
		mean += v / float64(len(c.y))
	}
	for _, v := range c.y {
		variance += (v - mean) * (v - mean) / float64(len(c.y))
	}
	c.held = map[string]Held{}
	for name, p := range models {
		var h Held
		for _, row := range judges {
			e := math.Abs(p.Predict(c.x[row]) - c.y[row])
			half80, half95 := predict.HalfWidth(p, c.x[row], 0.8), predict.HalfWidth(p, c.x[row], 0.95)
			if math.IsNaN(half80) {
				break // states no uncertainty
			}
			if e <= half80 {
				h.In80 += 100 / float64(len(judges))
			}
			if e <= half95 {
				h.In95 += 100 / float64(len(judges))
			}
			h.Width += 2 * half80 / math.Sqrt(variance) / float64(len(judges))
		}
		if h.Width > 0 {
			c.held[name] = h
		}
	}
}

func (c *Coverage) print() {
	for _, table := range names(c.Tables) {
		for _, name := range names(c.Tables[table]) {
			fmt.Printf("%-16s %-10s", table, name)
			for _, n := range append([]int{coverFewer}, coverSizes...) {
				if h, ok := c.Tables[table][name][strconv.Itoa(n)]; ok {
					fmt.Printf("  %3d runs: %.1f and %.1f %%, width %.3f", n, h.In80, h.In95, h.Width)
				}
			}
			fmt.Println()
		}
	}
	for _, miss := range c.Misses {
		fmt.Println("misses 80 +- 5 or 95 +- 3:", miss)
	}
}
