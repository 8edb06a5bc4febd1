package serve

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// A metric is a sample of a run, in Prometheus' text format.
type metric struct {
	name, labels string
	value        float64
}

// families are the metrics, with their types and what they mean.
var families = []struct{ name, kind, help string }{
	{"climb_up", "gauge", "1 if the run can be read."},
	{"climb_run_state", "gauge", "1 for the state that the run is in."},
	{"climb_stage_tasks", "gauge", "Tasks of a stage that are planned."},
	{"climb_stage_tasks_done", "gauge", "Tasks of a stage that are done."},
	{"climb_stage_tasks_running", "gauge", "Tasks of a stage that run."},
	{"climb_stage_work_seconds", "gauge", "Seconds of work of the tasks that are done."},
	{"climb_stage_left_seconds", "gauge", "Seconds until the tasks that are planned are done, by the speed so far."},
	{"climb_proxies", "gauge", "Proxy runs by stage and state."},
	{"climb_search_proxies_planned", "gauge", "Proxy runs of all rounds of the search."},
	{"climb_best_score", "gauge", "Best score of the search so far; higher is better."},
}

// metricsOf are the samples of a run.
func metricsOf(name string, l *view.Live) (out []metric) {
	run := label("run", name)
	add := func(metricName, labels string, value float64) {
		out = append(out, metric{metricName, run + labels, value})
	}
	add("climb_up", "", 1)
	for _, s := range []view.RunState{view.NotBegun, view.Working, view.Killed, view.Stopped, view.Finished} {
		value := 0.0
		if l.State == s {
			value = 1
		}
		add("climb_run_state", ","+label("state", string(s)), value)
	}
	for _, s := range l.Stages {
		of := "," + label("stage", s.Name)
		add("climb_stage_tasks", of, float64(s.Total))
		add("climb_stage_tasks_done", of, float64(s.Done))
		add("climb_stage_tasks_running", of, float64(s.Running))
		add("climb_stage_work_seconds", of, s.Seconds)
		if s.Left > 0 {
			add("climb_stage_left_seconds", of, s.Left)
		}
	}
	for _, stage := range []string{"search", "confirm"} {
		count := map[trial.ProxyState]int{}
		for _, p := range l.Proxies {
			if p.Stage == stage {
				count[p.State]++
			}
		}
		for _, s := range []trial.ProxyState{trial.Waiting, trial.Running, trial.CutOff, trial.Done, trial.Failed} {
			add("climb_proxies", ","+label("stage", stage)+","+label("state", string(s)), float64(count[s]))
		}
	}
	add("climb_search_proxies_planned", "", float64(sum(l.Rounds)))
	if l.Best != nil {
		add("climb_best_score", "", l.Best.Score)
	}
	return out
}

// label writes a label as Prometheus' text format asks for it.
func label(name, value string) string {
	return name + `="` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`).Replace(strings.ToValidUTF8(value, "\uFFFD")) + `"`
}

func (s *Server) metrics(w http.ResponseWriter, q *http.Request) error {
	var all []metric
	for _, r := range s.runs {
		if snap := r.look(q.Context()); snap.err != nil {
			all = append(all, metric{"climb_up", label("run", r.Name), 0})
		} else {
			all = append(all, snap.metrics...)
		}
	}
	var b bytes.Buffer
	for _, f := range families {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		for _, m := range all {
			if m.name == f.name {
				fmt.Fprintf(&b, "%s{%s} %s\n", m.name, m.labels, strconv.FormatFloat(m.value, 'g', -1, 64))
			}
		}
	}
	return sendBytes(w, "text/plain; version=0.0.4; charset=utf-8", b.Bytes())
}
