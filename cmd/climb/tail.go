package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// tailOptions are the flags of climb tail.
type tailOptions struct {
	Plain bool
	JSON  bool
}

// AddFlags adds the flags to a command's.
func (o *tailOptions) AddFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.Plain, "plain", false, "print lines on a terminal too")
	f.BoolVar(&o.JSON, "json", false, "print one JSON object a line")
}

func newTail(std streams) *cobra.Command {
	var o tailOptions
	c := &cobra.Command{
		Use: "tail [RUN]", GroupID: "main", Args: args(cobra.MaximumNArgs(1)),
		Short: "Watch a run from another terminal",
		Long: `Watch a run as it works, wherever its tasks run: stages with their rate and the time
left, the proxies that are trained now with their loss curves, the best mixture so
far, what went wrong. On a terminal it fills the screen, elsewhere it prints lines.

RUN is a run directory or its configuration; climb.yaml if it is left out. A run that
has not begun is waited for, one that was killed or stopped too. climb tail ends when
the run ends: with exit code 0 if it is finished, 1 if it was killed or stopped
meanwhile. q, Esc or Ctrl-C leave it; the run goes on. Nothing is written.`,
		Example: `  climb tail climb-run
  climb tail climb-run | tee progress.txt
  climb tail climb.yaml --json | jq 'select(.event == "proxy")'`,
		RunE: func(c *cobra.Command, args []string) error { return runTail(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

const (
	tailEvery = 500 * time.Millisecond // between two looks
	tailQuiet = 5 * time.Second        // between two lines about the progress of one stage
)

func runTail(ctx context.Context, o tailOptions, args []string, std streams) error {
	t := &tail{args: args}
	if len(args) > 0 {
		if _, err := os.Stat(filepath.Dir(args[0])); err != nil {
			return task.Usage(fmt.Errorf("%s: there is no folder that such a run could be in", args[0]))
		}
	}
	var out tailOutput = &tailLines{std: std, json: o.JSON, told: map[string]time.Time{}}
	if _, ok := std.out.terminal(); ok && !o.JSON && !o.Plain {
		screen, err := newTailScreen(std)
		if err != nil {
			return fmt.Errorf("%w; climb tail --plain prints lines", err)
		}
		out = screen
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := errors.Join(t.follow(ctx, out), out.close(t))
	if errors.Is(err, context.Canceled) || errors.Is(err, errLeft) { // leaving is no failure: the run goes on
		return nil
	}
	return err
}

// errLeft is the reader's wish to leave.
var errLeft = errors.New("left")

// A tailOutput shows a run.
type tailOutput interface {
	show(t *tail) error
	wait(ctx context.Context, d time.Duration) error // errLeft when the reader leaves
	close(t *tail) error
}

// A tail is a run that is watched.
type tail struct {
	args     []string
	path     string         // of the configuration that is open
	stamp    task.FileStamp // of it
	follower *view.Follower
	domains  []string
	live     *view.Live // nil: there is no run yet
	warnings []string
	worked   bool // it was seen at work
}

// follow looks again and again until the run ends.
func (t *tail) follow(ctx context.Context, out tailOutput) error {
	for {
		if err := t.look(ctx); err != nil {
			return err
		}
		if err := out.show(t); err != nil {
			return err
		}
		if t.live != nil {
			switch t.live.State {
			case view.Finished:
				return nil
			case view.Working:
				t.worked = true
			case view.Killed, view.Stopped:
				if t.worked {
					return fmt.Errorf("the run in %s was %s; climb run goes on with it", near(t.live.Out), t.live.State)
				}
			}
		}
		if err := out.wait(ctx, tailEvery); err != nil {
			return err
		}
	}
}

// look opens the run if it is there, anew if its configuration is another one, and
// reads what is new.
func (t *tail) look(ctx context.Context) error {
	path, err := t.configuration()
	if path == "" || err != nil {
		return err
	}
	stamp, err := task.Stamp(path)
	if err != nil {
		return err
	}
	if t.follower == nil || path != t.path || stamp != t.stamp {
		if err := t.open(ctx, path); err != nil {
			return err
		}
		t.path, t.stamp = path, stamp
	}
	live, err := t.follower.Look()
	if err != nil {
		return err
	}
	t.live = live
	return nil
}

// configuration is the one to watch by: that of the run directory, which says with
// which options the run works, or the one that was named; "" if there is none yet.
func (t *tail) configuration() (string, error) {
	name := "climb.yaml"
	if len(t.args) > 0 {
		name = t.args[0]
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && filepath.Ext(name) == ".yaml" || err != nil && !errors.Is(err, fs.ErrNotExist):
		_, err := loadRun(t.args) // its error says what to do
		return "", err
	case err != nil:
		return "", nil // a run directory that is made later
	case info.IsDir():
		name = filepath.Join(name, "climb.yaml")
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return name, nil
	}
	cfg, err := loadRun(t.args)
	if err != nil {
		return "", err
	}
	if kept := filepath.Join(cfg.Out, "climb.yaml"); kept != name {
		if _, err := os.Stat(kept); err == nil {
			return kept, nil
		}
	}
	return name, nil
}

func (t *tail) open(ctx context.Context, path string) error {
	if filepath.Base(path) == "climb.yaml" && len(t.args) > 0 {
		if info, err := os.Stat(t.args[0]); err == nil && info.IsDir() {
			path = t.args[0] // which may have been moved
		}
	}
	cfg, err := loadRun([]string{path})
	if err != nil {
		return err
	}
	v, err := climb.NewRun(cfg).View(ctx)
	if err != nil {
		return err
	}
	t.follower, t.domains, t.warnings = v.Follow(), nil, nil
	if t.warnings, err = v.Trials.Doubts(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if d, err := v.Curation.Domains(); err == nil {
		t.warnings = append(t.warnings, d.Warnings...)
		for _, x := range d.Domains {
			t.domains = append(t.domains, x.Name)
		}
	}
	return nil
}

// mixture lists the largest shares of a proxy.
func (t *tail) mixture(p *trial.Proxy) string {
	order := make([]int, min(len(p.Mixture), len(t.domains)))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p.Mixture[a] > p.Mixture[b]:
			return -1
		case p.Mixture[a] < p.Mixture[b]:
			return 1
		}
		return 0
	})
	var parts []string
	for _, i := range order[:min(len(order), 4)] {
		parts = append(parts, fmt.Sprintf("%.1f %% %s", 100*p.Mixture[i], t.domains[i]))
	}
	return strings.Join(parts, ", ")
}

// proxyName is a proxy in a few words.
func proxyName(p *trial.Proxy) string {
	if p.Name != "" {
		return fmt.Sprintf("%s seed %d", p.Name, p.Seed)
	}
	return fmt.Sprintf("round %d %.8s", p.Round+1, p.Hash)
}

// stageProgress is a stage in a line.
func stageProgress(s view.LiveStage) string {
	text := fmt.Sprintf("%3.0f %%", 100*s.Fraction)
	if s.Total > 1 {
		text += fmt.Sprintf("  %d/%d", s.Done, s.Total)
	}
	if s.Rate > 0 {
		text += "  " + rate(s.Rate, s.Unit)
	}
	if s.Left > 0 {
		text += "  " + durationText(time.Duration(s.Left*float64(time.Second))) + " left"
	}
	return text
}

// tailLines prints what has changed, a line each.
type tailLines struct {
	std    streams
	json   bool
	told   map[string]time.Time // what was printed, and when
	state  view.RunState
	begun  bool
	warned int
}

// print prints one event, as a line for people or as JSON.
func (l *tailLines) print(event string, v any, format string, args ...any) error {
	if l.json {
		data, err := json.Marshal(v)
		if err == nil { // an object
			_, err = fmt.Fprintf(l.std.out, `{"event":%q%s`+"\n", event, strings.Replace(","+string(data[1:]), ",}", "}", 1))
		}
		return err
	}
	_, err := fmt.Fprintf(l.std.out, format+"\n", args...)
	return err
}

// once tells whether a thing has not been printed yet.
func (l *tailLines) once(key string) bool {
	_, ok := l.told[key]
	l.told[key] = time.Now()
	return !ok
}

func (l *tailLines) show(t *tail) error {
	if t.live == nil {
		if l.once("waiting") {
			return l.print("waiting", map[string]any{}, "waiting for a run")
		}
		return nil
	}
	var errs []error
	if t.live.State != l.state || !l.begun {
		l.state, l.begun = t.live.State, true
		errs = append(errs, l.print("state", map[string]any{"state": t.live.State, "out": t.live.Out, "place": t.live.Place}, "%s: %s%s", near(t.live.Out), t.live.State, holderText(t)))
	}
	for _, w := range t.warnings[min(l.warned, len(t.warnings)):] {
		errs = append(errs, l.print("warning", map[string]any{"text": w}, "! %s", w))
	}
	l.warned = len(t.warnings)
	for i, s := range t.live.Stages {
		errs = append(errs, l.stage(i, len(t.live.Stages), s))
	}
	for _, p := range t.live.Proxies {
		if (p.State == trial.Done || p.State == trial.Failed || p.State == trial.CutOff) && l.once(fmt.Sprint("proxy ", p.Stage, p.Name, p.Hash, p.Seed, p.Round, p.State)) {
			errs = append(errs, l.proxy(t, p))
		}
	}
	for _, f := range t.live.Failures {
		if l.once("failure " + f.Stage + f.What + f.Text) {
			errs = append(errs, l.print("failure", f, "! %s, %s: %s", f.Stage, f.What, lastLine(f.Text)))
		}
	}
	return errors.Join(errs...)
}

func (l *tailLines) stage(i, of int, s view.LiveStage) error {
	key := "stage " + s.Name
	switch {
	case s.Complete && s.Total == 0: // not needed
		return nil
	case s.Complete:
		if l.once(key + " done") {
			return l.print("stage", s, "[%2d/%d] %-32s done, %s of work", i+1, of, s.Title, durationText(time.Duration(s.Seconds*float64(time.Second))))
		}
	case s.Planned && s.Running > 0:
		if at, ok := l.told[key]; !ok || time.Since(at) > tailQuiet {
			l.told[key] = time.Now()
			return l.print("stage", s, "[%2d/%d] %-32s %s", i+1, of, s.Title, stageProgress(s))
		}
	}
	return nil
}

func (l *tailLines) proxy(t *tail, p *trial.Proxy) error {
	v := map[string]any{"stage": p.Stage, "name": p.Name, "hash": p.Hash, "seed": p.Seed, "round": p.Round + 1, "state": p.State, "seconds": p.Seconds, "mixture": p.Mixture}
	switch p.State {
	case trial.Done:
		v["score"], v["best"] = p.Score, p == t.live.Best
		best := ""
		if p == t.live.Best {
			best = "  best so far"
		}
		return l.print("proxy", v, "        %-28s score %.4f  %s%s", proxyName(p), p.Score, durationText(time.Duration(p.Seconds*float64(time.Second))), best)
	case trial.Failed:
		v["failed"] = p.Failed
		return l.print("proxy", v, "!       %-28s failed: %s", proxyName(p), lastLine(p.Failed))
	}
	return l.print("proxy", v, "!       %-28s was cut off", proxyName(p))
}

func (l *tailLines) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (l *tailLines) close(t *tail) error {
	if t.live == nil || t.live.State != view.Finished {
		return nil
	}
	if t.live.Best == nil {
		return l.print("end", map[string]any{"out": t.live.Out}, "the run is finished")
	}
	return l.print("end", map[string]any{"out": t.live.Out, "best": t.live.Best.Score}, "the run is finished; climb report %s prints its outcome", near(t.live.Out))
}

// holderText says who works in the run directory.
func holderText(t *tail) string {
	h := t.live.Holder
	if h == nil || t.live.State != view.Working && t.live.State != view.Killed {
		return ""
	}
	return fmt.Sprintf(" (%s, process %d, since %s)", h.Host, h.PID, h.Since.Local().Format("15:04:05"))
}

// lastLine is the last line of a text that says something, on one line.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return escape.Line(strings.TrimSpace(lines[len(lines)-1]))
}
