package view_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// TestLive looks at a run before it begins, from its own events while it trains,
// when it is done, and when its process was killed.
func TestLive(t *testing.T) {
	r := smallRun(t)
	v, err := r.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := v.Follow()
	look := func() *view.Live {
		l, err := f.Look()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	if l := look(); l.State != view.NotBegun || len(l.Proxies) != 0 || l.Best != nil {
		t.Errorf("before: %+v", l)
	}
	seen := map[trial.ProxyState]bool{}
	grew := false // a curve while its proxy was trained
	r.Watch = func(e stage.Event) {
		if e.Stage != "search" || e.End {
			return
		}
		l := look()
		if l.State != view.Working || l.Holder == nil || l.Holder.PID != os.Getpid() {
			t.Errorf("while it runs: %s %+v", l.State, l.Holder)
		}
		for _, p := range l.Proxies {
			seen[p.State] = true
			grew = grew || p.State == trial.Running && len(p.Loss) > 1 && p.Fraction > 0
		}
	}
	if err := r.Until(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	r.Watch = nil
	if !seen[trial.Waiting] || !seen[trial.Running] || !seen[trial.Done] || !grew {
		t.Errorf("states seen %v, a curve grew: %v", seen, grew)
	}
	end := look()
	fresh, err := v.Live()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*view.Live{end, fresh} {
		if l.State != view.Finished || l.Holder != nil {
			t.Errorf("at the end: %s %+v", l.State, l.Holder)
		}
		checkEnd(t, r, l)
	}
	checkKilled(t, r, look)
}

func checkEnd(t *testing.T, r *climb.Run, l *view.Live) {
	t.Helper()
	s, err := r.Trials.ReadSearch()
	if err != nil {
		t.Fatal(err)
	}
	search := 0
	for _, p := range l.Proxies {
		if p.Stage == "search" {
			if want := s.Trials[search]; p.Hash != want.Hash || p.Score != want.Score || p.State != trial.Done {
				t.Errorf("proxy %d: %s %v %s, the search has %s %v", search, p.Hash, p.Score, p.State, want.Hash, want.Score)
			}
			search++
		}
	}
	if search != len(s.Trials) {
		t.Errorf("%d proxies of %d", search, len(s.Trials))
	}
	if l.Best == nil || l.Best.Score != s.Measured[0].Score || len(l.Best.Loss) < 2 {
		t.Errorf("best %+v, measured %v", l.Best, s.Measured[0].Score)
	}
	if l.Natural == nil || len(l.Natural.Loss) < 2 {
		t.Errorf("natural %+v", l.Natural)
	}
	status, err := r.Status()
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range status.Stages {
		if y := l.Stages[i]; y.Name != x.Stage || y.Done != x.Done || y.Total != x.Total || y.Complete != x.Complete || y.Planned != x.Planned {
			t.Errorf("stage %+v, climb status says %+v", y, x)
		}
	}
}

// checkKilled leaves the run as a killed process does.
func checkKilled(t *testing.T, r *climb.Run, look func() *view.Live) {
	t.Helper()
	p, err := r.Plan("dataset")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(p.DonePath(0)); err != nil {
		t.Fatal(err)
	}
	if l := look(); l.State != view.Stopped {
		t.Errorf("stopped: %s", l.State)
	}
	if err := os.WriteFile(filepath.Join(r.Out, "lock"), []byte(`{"host": "a", "pid": 7, "command": "climb run"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if l := look(); l.State != view.Killed || l.Holder.PID != 7 {
		t.Errorf("killed: %s %+v", l.State, l.Holder)
	}
}
