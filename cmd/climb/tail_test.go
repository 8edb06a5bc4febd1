package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/gdamore/tcell/v2"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// A run that begins later is followed from its first stage to its end.
func TestTailFollowsALaterRun(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	c := command(dir, "tail", "later", "--json")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"waiting"`) {
		t.Fatalf("first line %q", lines.Text())
	}
	mustRun(t, dir, "run", "--out", "later")
	events := map[string]int{}
	for lines.Scan() {
		var e struct{ Event, State string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		events[e.Event+e.State]++
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	if events["statefinished"] != 1 || events["end"] != 1 || events["proxydone"] < 5 {
		t.Errorf("events %v", events)
	}
}

// A run that is killed while it is watched ends the watch with exit code 1; leaving it
// is no failure.
func TestTailOfKilledRun(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	run := command(dir, "run", "--out", "killed")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { _, err := os.Stat(filepath.Join(dir, "killed", "climb.yaml")); return err == nil })
	watch := command(dir, "tail", "killed")
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	lines, working := bufio.NewScanner(out), false
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "killed: running (") {
			working = true
			_ = run.Process.Kill() // fails only if it has ended
			_ = run.Wait()
		}
	}
	err = watch.Wait()
	if code := watch.ProcessState.ExitCode(); working && code != 1 {
		t.Errorf("exit code %d, %v", code, err)
	}
	left := command(dir, "tail", "never")
	out, err = left.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "waiting for a run\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := left.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := left.Wait(); err != nil {
		t.Errorf("after Ctrl-C: %v", err)
	}
}

const evil = "\x1b]0;owned\x07\x1b[31m\u202edlrow\r\n<b>"

// watched is a run at work, every string of it hostile.
func watched() *tail {
	running := &trial.Proxy{Stage: "search", Hash: "0123456789abcdef", Seed: 7, Round: 1, State: trial.Running, Fraction: 0.5, Host: evil, Loss: []float64{5, 4, math.NaN(), 3.5, 3.2}}
	best := &trial.Proxy{Stage: "search", Hash: "fedcba9876543210", State: trial.Done, Score: -3.1772, Mixture: []float64{0.7, 0.3}}
	proxies := []*trial.Proxy{best, {Stage: "search", State: trial.Done, Score: -3.5}, running}
	for range 40 {
		proxies = append(proxies, running)
	}
	return &tail{domains: []string{"小説, 物語" + evil, "recipe"}, warnings: []string{"a warning " + evil},
		live: &view.Live{Out: "run" + evil, State: view.Working, Holder: &task.Holder{Host: evil, PID: 17, Since: time.Unix(0, 0)}, Place: "in the process of the run", Best: best, Natural: best, Proxies: proxies,
			Stages:   []view.LiveStage{{Name: "corpus", Title: "read", Complete: true}, {Name: "search", Title: "search the mixture" + evil, Planned: true, Done: 2, Total: 8, Running: 2, Fraction: 0.4, Rate: 1930, Unit: "tokens", Left: 125}},
			Failures: []view.Failure{{Stage: "search", What: "mixture 01", Text: "Traceback\n" + evil + "out of memory"}}}}
}

// On a screen of any size the view shows what it can and nothing that steers; it is
// drawn anew when the size changes, and q leaves it.
func TestTailScreen(t *testing.T) {
	sim := tcell.NewSimulationScreen("UTF-8")
	s, err := startTailScreen(sim, streams{&output{w: io.Discard}, &output{w: io.Discard}})
	if err != nil {
		t.Fatal(err)
	}
	run := watched()
	content := func() string {
		cells, width, _ := sim.GetContents()
		var b strings.Builder
		for i, c := range cells {
			for _, r := range c.Runes {
				if unicode.IsControl(r) || r == '\u202e' {
					t.Errorf("%q is on the screen", r)
				}
				b.WriteRune(r)
			}
			if (i+1)%width == 0 {
				b.WriteByte('\n')
			}
		}
		return b.String()
	}
	for _, size := range [][2]int{{80, 24}, {200, 60}, {20, 6}, {1, 1}} {
		sim.SetSize(size[0], size[1])
		if err := s.show(run); err != nil {
			t.Fatal(err)
		}
		text := content()
		if size[0] < 80 {
			continue
		}
		for _, want := range []string{"running", "1 of 2 stages done", "2/8", "1.93k tokens/s", "2 min 05 s left", "-3.1772", "小説", "70.0 %", "round 2 01234567", "█", "loss  3.2000", "50 %", "a warning", "out of memory", "q leaves; the run goes on"} {
			if !strings.Contains(strings.ReplaceAll(text, "小 説", "小説"), want) {
				t.Errorf("%v: the screen lacks %q:\n%s", size, want, text)
			}
		}
	}
	sim.SetSize(80, 24)
	if err := s.show(run); err != nil || !strings.Contains(content(), " more ") {
		t.Errorf("all 41 proxies on 24 lines, %v:\n%s", err, content())
	}
	sim.SetSize(100, 30)
	if err := sim.PostEvent(tcell.NewEventResize(100, 30)); err != nil {
		t.Fatal(err)
	}
	sim.InjectKey(tcell.KeyRune, 'q', 0)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.wait(ctx, time.Minute); !errors.Is(err, errLeft) {
		t.Errorf("after q: %v", err)
	}
	if !strings.Contains(content(), "stages done") {
		t.Errorf("not drawn anew:\n%s", content())
	}
	cancel()
	if err := s.wait(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("after a signal: %v", err)
	}
	if err := s.close(run); err != nil {
		t.Error(err)
	}
}

// The lines of a hostile run steer nothing either.
func TestTailLines(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var b strings.Builder
		l := &tailLines{std: streams{&output{w: &b}, &output{w: io.Discard}}, json: asJSON, told: map[string]time.Time{}}
		run := watched()
		for range 3 {
			if err := l.show(run); err != nil {
				t.Fatal(err)
			}
		}
		text := b.String()
		if strings.ContainsAny(text, "\x1b\x07\u202e\r") {
			t.Errorf("%q", text)
		}
		if n := strings.Count(text, "search the mixture"); n != 1 {
			t.Errorf("the stage is told %d times in a moment:\n%s", n, text)
		}
		for _, want := range []string{"-3.1772", "out of memory", "a warning"} {
			if strings.Count(text, want) != 1 {
				t.Errorf("%q is told %d times:\n%s", want, strings.Count(text, want), text)
			}
		}
	}
}

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		most int
		want string
	}{
		{nil, 5, ""}, {[]float64{1}, 5, "▁"}, {[]float64{1, 2, 3, 4, 5, 6, 7, 8}, 8, "▁▂▃▄▅▆▇█"}, {[]float64{3, 2, 1, 0}, 2, "█▁"},
		{[]float64{2, 2, math.NaN(), 2}, 9, "▁▁▁"}, {[]float64{-math.MaxFloat64, 0, math.MaxFloat64}, 0, "▁"}, {[]float64{-math.MaxFloat64, 0, math.MaxFloat64}, 3, "▁▅█"},
	} {
		if got := sparkline(c.x, c.most); got != c.want {
			t.Errorf("%v in %d: %q, want %q", c.x, c.most, got, c.want)
		}
	}
}
