package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"time"

	"github.com/climb-go/climb/predict"
)

// regmix measures everything on RegMix's table, a fit on each core at a time.
func (r *Report) regmix() error {
	tasks, err := readTasks()
	if err != nil {
		return err
	}
	var jobs []job
	for _, n := range numbers() {
		rounds := *subsets
		if n == len(tasks[0].x) {
			rounds = 1
		}
		for k := range rounds {
			rows := rand.New(rand.NewPCG(1, uint64(k))).Perm(len(tasks[0].x))[:n]
			for _, t := range tasks {
				jobs = append(jobs, job{task: t, rows: rows, subset: k, weight: 1 / float64(rounds), tasks: len(tasks)})
			}
		}
	}
	if err := fromLast("regmix", len(jobs), func(i int) error { return jobs[i].do() }); err != nil { // the largest first
		return err
	}
	for _, j := range jobs { // in their order: sums must not depend on the cores
		for _, name := range names(j.scores) {
			r.score(name, len(j.rows)).sum(j.scores[name])
		}
	}
	for _, j := range jobs {
		if given := min(*peers, int(math.Round(1/j.weight))); j.name == tasks[0].name && j.subset < given && r.PeerErr == "" {
			if err := r.xgboost(tasks, j.rows, len(j.rows), 1/float64(given)); err != nil {
				r.PeerErr = err.Error()
			}
		}
	}
	return nil
}

// A job is to fit auto, and with it its members, to some rows of a task, and
// gbdt alone, which in a blend may have other settings.
type job struct {
	task
	rows   []int
	subset int
	weight float64
	tasks  int
	scores map[string]*Score // by predictor; what comes of it
}

func (j *job) do() error {
	var x [][]float64
	var y []float64
	for _, i := range j.rows {
		x, y = append(x, j.x[i]), append(y, j.y[i])
	}
	auto, trees := &predict.Auto{}, &predict.GBDT{}
	if err := errors.Join(auto.Fit(x, y), trees.Fit(x, y)); err != nil {
		return err
	}
	models := map[string]predict.Predictor{"auto": auto, "blend": auto.Blend()}
	for _, m := range auto.Members() {
		models[m.Name] = m.Model
	}
	models["gbdt"] = trees
	j.scores = map[string]*Score{}
	for name, m := range models {
		j.scores[name] = &Score{}
		j.scores[name].judge(m, j.task, j.weight, j.tasks)
	}
	return nil
}

// sum adds what another score has.
func (s *Score) sum(o *Score) {
	s.Spearman += o.Spearman
	s.Regret += o.Regret
	s.MeanSpearman += o.MeanSpearman
	s.MeanRegret += o.MeanRegret
	s.In80 += o.In80
	s.In95 += o.In95
}

func (r *Report) score(name string, n int) *Score {
	if r.Predict[name] == nil {
		r.Predict[name] = map[string]*Score{}
	}
	key := strconv.Itoa(n)
	if r.Predict[name][key] == nil {
		r.Predict[name][key] = &Score{}
	}
	return r.Predict[name][key]
}

// A request is what peer.py reads: tables of training rows and unseen rows.
type request struct {
	X      [][]float64 `json:"x"`
	Unseen [][]float64 `json:"unseen"`
	Y      [][]float64 `json:"y"` // by task
}

// xgboost runs the peer on all tasks of a subset.
func (r *Report) xgboost(tasks []task, rows []int, n int, weight float64) error {
	q := request{Unseen: tasks[0].unseen}
	for _, i := range rows {
		q.X = append(q.X, tasks[0].x[i])
	}
	for _, t := range tasks {
		var y []float64
		for _, i := range rows {
			y = append(y, t.y[i])
		}
		q.Y = append(q.Y, y)
	}
	in, err := json.Marshal(q)
	if err != nil {
		return err
	}
	cmd := exec.Command("/usr/bin/python3", "bench/predict/peer.py")
	cmd.Stdin = bytes.NewReader(in)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("peer.py: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	var answer struct {
		Predicted [][]float64 `json:"predicted"`
		Seconds   float64     `json:"seconds"` // of all fits
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return fmt.Errorf("peer.py: %w", err)
	}
	s := r.score("xgboost", n)
	s.Seconds += answer.Seconds * weight / float64(len(tasks))
	for k, t := range tasks {
		picked, least := 0, t.truth[0]
		for i, v := range answer.Predicted[k] {
			if v < answer.Predicted[k][picked] {
				picked = i
			}
			least = min(least, t.truth[i])
		}
		s.add(t, predict.Spearman(answer.Predicted[k], t.truth), t.truth[picked]-least, weight, len(tasks))
	}
	return r.compare(tasks, rows, n, s)
}

// compare times gbdt alone on all runs beside the peer.
func (r *Report) compare(tasks []task, rows []int, n int, theirs *Score) error {
	if n != len(tasks[0].x) {
		return nil
	}
	start := time.Now()
	for _, t := range tasks {
		g := &predict.GBDT{}
		if err := g.Fit(t.x, t.y); err != nil {
			return err
		}
	}
	ours := time.Since(start).Seconds() / float64(len(tasks))
	r.GBDTPeer = &Peer{Ours: r.score("gbdt", n).MeanSpearman, Theirs: theirs.MeanSpearman,
		OursTime: ours, TheirTime: theirs.Seconds, TimeRatio: theirs.Seconds / ours}
	return nil
}
