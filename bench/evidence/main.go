// Command evidence measures the end: whether models trained on our mixtures are
// better than models trained on what one would otherwise use, at equal tokens,
// on tasks the search never saw: go run ./bench/evidence -json [-out DIR]
// [-plan] [-quick].
//
// -settle makes the study of docs/evidence.md's criterion search by search, and
// keeps a small file of each, so that it can go on on another day or machine.
//
// It is `climb compare` on the whole corpus of ../shared/data (or where
// CLIMB_TEST_DATA says), all 24 sources with the low-quality ones among them,
// pruning on, the sources' names not read. docs/evidence.md describes the
// protocol. It writes DIR/study.yaml and goes on where it was stopped.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/study"
)

// A Report is what -json prints.
type Report struct {
	Machine string  `json:"machine"`
	Date    string  `json:"date"`
	Command string  `json:"command"`
	Seconds float64 `json:"seconds"` // of this call on the clock; what was done before it takes no time again
	// CoreSeconds are of all runs, each counted once, the pipeline before them
	// not counted.
	CoreSeconds float64 `json:"core_seconds"`
	Params      Params  `json:"params"`

	General  map[string]Figure   `json:"general"`  // by strategy
	Specific map[string]Specific `json:"specific"` // by objective
	Verdicts map[string]string   `json:"verdicts"` // by objective
	Checks   Checks              `json:"checks"`

	Comparison *study.Comparison `json:"comparison"` // everything
}

// A Figure is a strategy on the general objective.
type Figure struct {
	BPB   float64               `json:"test_bpb"`
	CI    *[2]float64           `json:"ci"` // Student-t over the seeds
	Acc   float64               `json:"acc"`
	Plain float64               `json:"test_bpb_plain"` // mean over the tasks with equal weights
	Gains map[string]Difference `json:"gains"`          // bits per byte less than each baseline, paired by seed
}

// A Difference is a mean with its interval.
type Difference struct {
	Mean float64     `json:"mean"`
	CI   *[2]float64 `json:"ci"`
}

// Specific is the outcome of climb-auto on an objective of its own: the relative
// reduction of the excess loss over the reference.
type Specific struct {
	GainOverRandom  float64                `json:"gain_over_random"`
	CI              *[2]float64            `json:"ci"`
	GainOverNatural float64                `json:"gain_over_natural"`
	BPB             map[string]float64     `json:"test_bpb"` // by strategy
	Reference       float64                `json:"reference_bpb"`
	Elsewhere       map[string]report.Stat `json:"elsewhere"` // test bits per byte of climb-auto on the other objectives
}

// Checks compare the study with what it is meant to show.
type Checks struct {
	ParametersRatio float64         `json:"parameters_ratio"` // target to proxy
	TokensRatio     float64         `json:"tokens_ratio"`
	Better          map[string]bool `json:"climb_auto_better_than"` // the interval of the gain over a baseline excludes zero
	Mean            map[string]bool `json:"climb_auto_mean_at_least"`
}

func main() {
	log.SetFlags(0)
	p := defaults
	asJSON := flag.Bool("json", false, "print JSON")
	plan := flag.Bool("plan", false, "say what will run and for how long, and stop")
	quick := flag.Bool("quick", false, "a tiny study on the small copy of the corpus, to see that everything works")
	figure := flag.String("figure", "", "draw the gains over the natural mixture in the results in this file (-json), as SVG, and stop")
	out := flag.String("out", "evidence-run", "run directory; the same one goes on with what is there")
	data := flag.String("data", cmp.Or(os.Getenv("CLIMB_TEST_DATA"), filepath.Join("..", "shared", "data")), "folder of the shared data")
	settling := flag.Bool("settle", false, "the pre-registered study: make the searches whose files are missing in -results, and print what all of them say")
	only := flag.Bool("show", false, "with -settle: print what the files in -results say, and stop")
	results := flag.String("results", filepath.Join("bench", "results", "evidence"), "with -settle: folder with a file for each search")
	p.flags(flag.CommandLine)
	flag.Parse()
	if *figure != "" {
		if err := drawFigure(*figure, os.Stdout); err != nil {
			log.Fatal("evidence: ", err)
		}
		return
	}
	if *quick {
		p.quick(flag.CommandLine)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *settling {
		err = settle(ctx, *data, *out, *results, *only, *asJSON)
	} else {
		err = run(ctx, p, *data, *out, *plan, *asJSON)
	}
	if err != nil {
		log.Fatal("evidence: ", err)
	}
}

func run(ctx context.Context, p Params, data, out string, plan, asJSON bool) error {
	start := time.Now()
	path, err := p.write(data, out)
	if err != nil {
		return err
	}
	study, err := study.Load(path)
	if err != nil {
		return err
	}
	if plan {
		e, err := study.Estimate(ctx)
		if err != nil {
			return err
		}
		return printJSON(e)
	}
	c, err := study.Compare(ctx, progress())
	if err != nil {
		return err
	}
	r := newReport(c, p)
	r.Seconds = time.Since(start).Seconds()
	if asJSON {
		return printJSON(r)
	}
	r.print()
	return nil
}

func printJSON(v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s\n", data)
	return err
}

// progress prints events on standard error, and how far a stage is at most
// every half minute.
func progress() func(stage.Event) {
	var last time.Time
	return func(e stage.Event) {
		switch {
		case e.Note != "":
			fmt.Fprintf(os.Stderr, "%s: %s\n", e.Stage, e.Note)
		case e.End && !e.Cached:
			fmt.Fprintf(os.Stderr, "[%d/%d] %s: %v\n", e.Number, e.Of, e.Title, e.Elapsed.Round(time.Second))
		case !e.Start && !e.End && time.Since(last) > 30*time.Second:
			last = time.Now()
			fmt.Fprintf(os.Stderr, "[%d/%d] %s: %d of %d\n", e.Number, e.Of, e.Title, e.Done, e.Total)
		}
	}
}

func newReport(c *study.Comparison, p Params) *Report {
	r := &Report{Machine: c.Machine, Date: time.Now().UTC().Format("2006-01-02"), Command: "go run ./bench/evidence " + strings.Join(os.Args[1:], " "),
		CoreSeconds: c.CoreSeconds, Params: p, General: map[string]Figure{}, Specific: map[string]Specific{}, Verdicts: map[string]string{}, Comparison: c,
		Checks: Checks{ParametersRatio: float64(c.Target.Parameters) / float64(c.Proxy.Parameters), TokensRatio: float64(c.Target.Tokens) / float64(c.Proxy.Tokens),
			Better: map[string]bool{}, Mean: map[string]bool{}}}
	for _, o := range c.Objectives {
		r.Verdicts[o.Name] = o.Verdict
		if o.Name == "general" {
			r.general(o)
			continue
		}
		r.specific(o)
	}
	return r
}

const ours = "climb-auto"

func (r *Report) general(o report.Objective) {
	for _, row := range o.Rows {
		f := Figure{BPB: row.BPB.Mean, CI: row.BPB.Interval, Acc: row.Acc.Mean, Gains: map[string]Difference{}}
		tasks := 0
		for name, v := range row.Tasks {
			if strings.HasSuffix(name, ":bpb") {
				f.Plain += v
				tasks++
			}
		}
		f.Plain /= float64(max(1, tasks))
		for b, g := range row.Gain {
			f.Gains[b] = Difference{g.Mean, g.Interval}
			if row.Strategy == ours {
				r.Checks.Better[b] = g.Interval != nil && g.Interval[0] > 0
			}
		}
		r.General[row.Strategy] = f
	}
	for name, f := range r.General {
		if name != ours {
			r.Checks.Mean[name] = r.General[ours].BPB <= f.BPB
		}
	}
}

func (r *Report) specific(o report.Objective) {
	s := Specific{BPB: map[string]float64{}}
	if o.Reference != nil {
		s.Reference = o.Reference.Mean
	}
	for _, row := range o.Rows {
		s.BPB[row.Strategy] = row.BPB.Mean
		if row.Strategy == ours {
			s.GainOverRandom, s.CI = row.Reduction["random"].Mean, row.Reduction["random"].Interval
			s.GainOverNatural, s.Elsewhere = row.Reduction["natural"].Mean, row.Elsewhere
		}
	}
	r.Specific[o.Name] = s
}

func (r *Report) print() {
	for _, name := range slices.SortedFunc(maps.Keys(r.General), func(a, b string) int { return cmp.Compare(r.General[a].BPB, r.General[b].BPB) }) {
		f := r.General[name]
		fmt.Printf("general   %-16s %.4f bits per byte, accuracy %.3f\n", name, f.BPB, f.Acc)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Specific)) {
		fmt.Printf("specific  %-16s excess loss %.1f %% below random's, %.1f %% below natural's\n", name, 100*r.Specific[name].GainOverRandom, 100*r.Specific[name].GainOverNatural)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Verdicts)) {
		fmt.Printf("%s: %s\n", name, r.Verdicts[name])
	}
	fmt.Printf("%.0f s on %d cores\n", r.Seconds, runtime.GOMAXPROCS(0))
}
