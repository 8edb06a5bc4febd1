package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"time"

	"github.com/climb-go/climb/predict"
)

// regmix measures everything on RegMix's table.
func (r *Report) regmix() error {
	tasks, err := readTasks()
	if err != nil {
		return err
	}
	for _, n := range numbers() {
		rounds := *subsets
		if n == len(tasks[0].x) {
			rounds = 1
		}
		for k := range rounds {
			rows := rand.New(rand.NewPCG(1, uint64(k))).Perm(len(tasks[0].x))[:n]
			for _, t := range tasks {
				if err := r.one(t, rows, n, 1/float64(rounds), len(tasks)); err != nil {
					return err
				}
			}
			if given := min(*peers, rounds); k < given && r.PeerErr == "" {
				if err := r.xgboost(tasks, rows, n, 1/float64(given)); err != nil {
					r.PeerErr = err.Error()
				}
			}
		}
	}
	return nil
}

// one fits auto, and with it its members, to some rows of a task.
func (r *Report) one(t task, rows []int, n int, weight float64, tasks int) error {
	var x [][]float64
	var y []float64
	for _, i := range rows {
		x, y = append(x, t.x[i]), append(y, t.y[i])
	}
	auto := &predict.Auto{}
	start := time.Now()
	if err := auto.Fit(x, y); err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	for _, m := range auto.Members() {
		r.score(m.Name, n).judge(m.Model, t, weight, tasks)
	}
	r.score("blend", n).judge(auto.Blend(), t, weight, tasks)
	s := r.score("auto", n)
	s.judge(auto, t, weight, tasks)
	s.Seconds += seconds * weight / float64(tasks)
	return nil
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
