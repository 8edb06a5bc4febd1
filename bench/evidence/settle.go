package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/study"
	"github.com/climb-go/climb/vec"
)

// searches is the number of independent searches of the study, fixed before the
// first: with a standard deviation of 0.029 of a paired difference, 28 show one of
// 0.019 with a power of 0.8 at the strictest of Holm's levels, 0.05/4.
const searches = 28

// margin is how much worse climb-auto with 28 proxies may be than climb with 112, in
// bits per byte, to be called no worse.
const margin = 0.01

// rivals are whom climb-auto is to beat; Holm's correction is over them.
var rivals = []string{"climb", "regmix", "olmix", "olmix-112"}

// settled are the parameters of the study: those of bench/results/evidence.json, on
// the general objective.
func settled(k int) Params {
	p := defaults
	p.Objectives, p.Specific = "general", ""
	p.Strategies = "natural,uniform,random,best-of-random,regmix,olmix,climb,climb-auto"
	p.Extra = "{name: olmix-112, strategy: olmix, set: {search: {olmix: {runs: 112}}}}; {name: climb-auto-28, strategy: climb-auto, set: {search: {rounds: [28]}}}"
	p.Vocab, p.Clusters, p.Domains = 1024, 200, 16
	p.Proxy, p.ProxyTokens, p.ProxyBatch = "2x32x1x128", 200_000, 4
	p.Target, p.TargetTokens, p.TargetBatch = "3x72x3x128", 1_600_000, 8
	p.Seeds, p.Searches, p.First, p.Draws = 1, 1, k, 2
	p.Limit, p.TestLimit, p.Curve, p.Reference = 64, 250, 0, 0
	return p
}

// A Search is the file of one search of every strategy.
type Search struct {
	Number  int     `json:"number"` // from 1
	Machine string  `json:"machine"`
	Date    string  `json:"date"`
	Load    string  `json:"load,omitempty"` // /proc/loadavg at the end
	Seconds float64 `json:"seconds"`
	Params  Params  `json:"params"`
	Rows    []Row   `json:"rows"`
}

// A Row is a strategy in a search.
type Row struct {
	Strategy          string        `json:"strategy"`
	Seed              uint64        `json:"seed"`
	BPB               float64       `json:"bpb"`
	Acc               float64       `json:"acc"`
	ProxyRuns         int           `json:"proxy_runs"`
	ProxyTokens       int64         `json:"proxy_tokens"`
	ProxyCoreSeconds  float64       `json:"proxy_core_seconds"`
	TargetCoreSeconds float64       `json:"target_core_seconds"`
	Mixtures          []mix.Mixture `json:"mixtures"`
	Score             float64       `json:"score"` // higher is better
	// Blocks are the means of blocks of items of every task, its weight multiplied
	// in: what the error of the items is told from.
	Blocks [][]float64        `json:"blocks"`
	Tasks  map[string]float64 `json:"tasks"` // bits per byte
}

// blocks of items that the file of a search keeps of every task.
const blocks = 25

// settle makes the missing searches and prints what there is.
func settle(ctx context.Context, data, out, results string, only, asJSON bool) error {
	if err := os.MkdirAll(results, 0o777); err != nil {
		return err
	}
	for k := range searches {
		path := filepath.Join(results, fmt.Sprintf("search-%02d.json", k+1))
		if _, err := os.Stat(path); err == nil || only {
			continue
		}
		s, err := searchOnce(ctx, k, data, out)
		if err != nil {
			return fmt.Errorf("search %d: %w", k+1, err)
		}
		if err := writeFile(path, s); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "evidence: %s: %.0f s\n", path, s.Seconds)
	}
	list, err := readSearches(results)
	if err != nil {
		return err
	}
	r, err := settlement(list)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(r)
	}
	r.print()
	return nil
}

// searchOnce makes search k, counted from 0, of every strategy.
func searchOnce(ctx context.Context, k int, data, out string) (*Search, error) {
	start, p := time.Now(), settled(k)
	whole := p
	whole.Seeds, whole.Searches = 2, 2 // a study in YAML has two at least
	path, err := whole.write(data, out)
	if err != nil {
		return nil, err
	}
	st, err := study.Load(path)
	if err != nil {
		return nil, err
	}
	st.Seeds, st.Searches = 1, 1
	rows, err := st.Measure(ctx, progress())
	if err != nil {
		return nil, err
	}
	load, _ := os.ReadFile("/proc/loadavg") // where there is one
	s := &Search{Number: k + 1, Machine: fmt.Sprintf("%d cores, %s, %s/%s", runtime.GOMAXPROCS(0), vec.CPU(), runtime.GOOS, runtime.GOARCH),
		Date: time.Now().UTC().Format("2006-01-02"), Load: strings.TrimSpace(string(load)), Seconds: time.Since(start).Round(time.Second).Seconds(), Params: p}
	for _, m := range rows {
		r := Row{Strategy: m.Strategy, Seed: m.Seed, BPB: m.BPB, Acc: m.Acc, Mixtures: m.Mixtures, Score: m.Run.Score, Tasks: map[string]float64{},
			ProxyRuns: m.Cost.ProxyRuns, ProxyTokens: m.Cost.ProxyTokens, ProxyCoreSeconds: round(m.Cost.ProxyCoreSeconds, 3), TargetCoreSeconds: round(m.Cost.TargetCoreSeconds, 3)}
		for _, part := range m.Run.Blocks(blocks).Parts {
			row := make([]float64, len(part.Scores))
			for i, v := range part.Scores {
				row[i] = round(v, 7)
			}
			r.Blocks = append(r.Blocks, row)
		}
		for name, v := range m.Tasks {
			if task, ok := strings.CutSuffix(name, ":bpb"); ok {
				r.Tasks[task] = round(v, 5)
			}
		}
		s.Rows = append(s.Rows, r)
	}
	return s, nil
}

func round(v float64, digits int) float64 {
	p := math.Pow(10, float64(digits))
	return math.Round(v*p) / p
}

// writeFile writes v whole or not at all, a row a line.
func writeFile(path string, s *Search) error {
	rows := s.Rows
	head := *s
	head.Rows = nil
	data, err := json.Marshal(head)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(string(data), "null}") + "[")
	for i, r := range rows {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n ")
		b.Write(line)
	}
	b.WriteString("\n]}\n")
	temp := path + ".part"
	return errors.Join(os.WriteFile(temp, []byte(b.String()), 0o666), os.Rename(temp, path))
}

// readSearches reads the files there are, and refuses one of another study.
func readSearches(dir string) (out []Search, err error) {
	for k := range searches {
		path := filepath.Join(dir, fmt.Sprintf("search-%02d.json", k+1))
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var s Search
		if err := json.Unmarshal(data, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if s.Number != k+1 || s.Params != settled(k) {
			return nil, fmt.Errorf("%s: is of another study: %+v, want %+v", path, s.Params, settled(k))
		}
		out = append(out, s)
	}
	return out, nil
}

// run is the row as the statistics take it.
func (r Row) run(group int) eval.Run {
	out := eval.Run{Score: r.Score, Group: group}
	for _, b := range r.Blocks {
		out.Parts = append(out.Parts, eval.Part{Items: len(b), Scores: b, StdErr: math.NaN()})
	}
	return out
}

// A Settlement is what the searches say so far.
type Settlement struct {
	Searches int               `json:"searches"`
	Of       int               `json:"of"`
	Rows     map[string]Settle `json:"rows"`
	Versus   []Versus          `json:"versus"` // climb-auto less every other, and climb-auto-28 less climb
	Verdict  string            `json:"verdict"`
}

// Settle is a strategy over the searches.
type Settle struct {
	BPB              Difference            `json:"test_bpb"`
	Gains            map[string]Difference `json:"gains"` // over natural, uniform, random
	ProxyRuns        float64               `json:"proxy_runs"`
	ProxyTokens      float64               `json:"proxy_tokens"`
	ProxyCoreSeconds float64               `json:"proxy_core_seconds"`
}

// Versus is a paired difference in bits per byte: positive, A has fewer.
type Versus struct {
	A         string      `json:"a"`
	B         string      `json:"b"`
	Mean      float64     `json:"mean"`
	CI        *[2]float64 `json:"ci"`
	P         float64     `json:"p"`
	Holm      float64     `json:"holm,omitempty"` // over the rivals
	Deviation float64     `json:"deviation"`      // standard deviation of a search's difference
	Least     float64     `json:"least"`          // one-sided 95 % lower bound
}

// settlement compares the strategies over the searches that all of them have.
func settlement(list []Search) (*Settlement, error) {
	r := &Settlement{Searches: len(list), Of: searches, Rows: map[string]Settle{}, Verdict: fmt.Sprintf("not yet: %d of %d searches", len(list), searches)}
	runs, rows := map[string][]eval.Run{}, map[string][]Row{}
	for _, s := range list {
		for _, row := range s.Rows {
			runs[row.Strategy] = append(runs[row.Strategy], row.run(s.Number))
			rows[row.Strategy] = append(rows[row.Strategy], row)
		}
	}
	for name, x := range runs {
		if len(x) != len(list) {
			return nil, fmt.Errorf("%s is in %d of %d searches", name, len(x), len(list))
		}
	}
	if len(list) < 2 {
		return r, nil
	}
	for name, x := range runs {
		out := Settle{Gains: map[string]Difference{}}
		bpb := make([]eval.Run, len(x))
		for i, row := range rows[name] {
			bpb[i] = x[i]
			bpb[i].Score = row.BPB
			out.ProxyRuns += float64(row.ProxyRuns) / float64(len(x))
			out.ProxyTokens += float64(row.ProxyTokens) / float64(len(x))
			out.ProxyCoreSeconds += row.ProxyCoreSeconds / float64(len(x))
		}
		out.BPB = difference(eval.Mean(bpb))
		for _, b := range []string{"natural", "uniform", "random"} {
			if b != name {
				out.Gains[b] = difference(eval.Paired(x, runs[b]))
			}
		}
		r.Rows[name] = out
	}
	for _, b := range slices.Sorted(maps.Keys(runs)) {
		if b != ours {
			r.Versus = append(r.Versus, versus(ours, b, runs))
		}
	}
	var p []float64
	var of []*Versus
	for i := range r.Versus {
		if v := &r.Versus[i]; slices.Contains(rivals, v.B) {
			p, of = append(p, v.P), append(of, v)
		}
	}
	for i, h := range eval.Holm(p) {
		of[i].Holm = h
	}
	few := versus("climb-auto-28", "climb", runs)
	r.Versus = append(r.Versus, few)
	if len(list) == searches {
		r.Verdict = verdict(of, few)
	}
	return r, nil
}

// verdict is the criterion of docs/evidence.md.
func verdict(of []*Versus, few Versus) string {
	var out []string
	for _, v := range of {
		word := "not shown to be better than"
		if v.Holm < 0.05 && v.Mean > 0 {
			word = "better than"
		} else if v.Holm < 0.05 {
			word = "worse than"
		}
		out = append(out, word+" "+v.B)
	}
	text := ours + " is " + strings.Join(out, ", ") + "; with 28 proxies it is "
	if few.Least <= -margin {
		text += "not shown to be "
	}
	return text + fmt.Sprintf("no worse than climb with 112 by more than %g", margin)
}

func difference(e eval.Estimate) Difference {
	mean, lo, hi := e.Interval(0.95)
	if !e.Known() {
		return Difference{Mean: mean}
	}
	return Difference{mean, &[2]float64{lo, hi}}
}

func versus(a, b string, runs map[string][]eval.Run) Versus {
	e := eval.Paired(runs[a], runs[b])
	d := difference(e)
	_, least, _ := e.Interval(0.9)
	v := Versus{A: a, B: b, Mean: d.Mean, CI: d.CI, P: e.P(), Deviation: math.Sqrt(e.Runs.Value * float64(len(runs[a]))), Least: -1}
	if e.Known() {
		v.Least = least
	}
	return v
}

func (r *Settlement) print() {
	say := func(d Difference) string {
		if d.CI == nil {
			return fmt.Sprintf("%+.3f", d.Mean)
		}
		return fmt.Sprintf("%+.3f [%+.3f, %+.3f]", d.Mean, d.CI[0], d.CI[1])
	}
	for _, name := range slices.SortedFunc(maps.Keys(r.Rows), func(a, b string) int { return cmp.Compare(r.Rows[a].BPB.Mean, r.Rows[b].BPB.Mean) }) {
		row := r.Rows[name]
		fmt.Printf("%-15s %.3f bits per byte after %3.0f proxies, over natural %s, over random %s\n", name, row.BPB.Mean, row.ProxyRuns, say(row.Gains["natural"]), say(row.Gains["random"]))
	}
	for _, v := range r.Versus {
		fmt.Printf("%-15s against %-15s %s, p %.4f", v.A, v.B, say(Difference{v.Mean, v.CI}), v.P)
		if v.Holm > 0 {
			fmt.Printf(", Holm %.4f", v.Holm)
		}
		fmt.Printf(", deviation of a search %.3f\n", v.Deviation)
	}
	fmt.Println(r.Verdict)
}
