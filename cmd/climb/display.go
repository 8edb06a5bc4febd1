package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
)

// A display shows the events of a run: one line that is drawn again and again
// on a terminal, one line per event elsewhere, one JSON object per event with
// --json.
type display struct {
	mu     sync.Mutex
	w      io.Writer
	clear  io.Writer // for the control of the terminal
	errs   io.Writer
	json   bool
	tty    bool
	silent bool // warnings only
	width  int
	drawn  bool      // a line is on the terminal that has no end
	last   time.Time // of the last progress shown
}

// newDisplay shows the events on one of the standard streams.
func newDisplay(to *output, std streams, asJSON bool) *display {
	d := &display{w: to, clear: to.raw(), errs: std.err, json: asJSON, width: 100}
	if width, ok := to.terminal(); ok && !asJSON {
		d.tty = true
		if width > 20 {
			d.width = width
		}
	}
	return d
}

// quiet is the least time between two progress lines of a stage.
func (d *display) quiet() time.Duration {
	if d.tty {
		return 100 * time.Millisecond
	}
	return 5 * time.Second
}

func (d *display) event(e stage.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.silent && !e.Warning {
		return
	}
	progress := !e.Start && !e.End && e.Note == ""
	if progress && time.Since(d.last) < d.quiet() {
		return
	}
	if progress || e.Start {
		d.last = time.Now()
	}
	switch {
	case d.json:
		d.printJSON(e)
	case e.Note != "":
		d.line("%s %s: %s", map[bool]string{true: "!", false: " "}[e.Warning], e.Stage, e.Note)
	case e.End:
		d.line("%s", ending(e))
	case d.tty:
		d.draw(progressLine(e))
	case e.Start:
		d.line("[%2d/%d] %s ...", e.Number, e.Of, e.Title)
	default:
		d.line("%s", progressLine(e))
	}
}

// bytes is what shows how much has been read, on a terminal; nil elsewhere.
func (d *display) bytes(title string) func(done, total int64) {
	if !d.tty {
		return nil
	}
	begun := time.Now()
	return func(done, total int64) {
		d.event(stage.Event{Number: 1, Of: 1, Title: title, Fraction: float64(done) / float64(max(1, total)),
			Amount: float64(total), Unit: "B", Elapsed: time.Since(begun)})
	}
}

// printJSON writes one event as a JSON line.
func (d *display) printJSON(e stage.Event) {
	kind := "progress"
	switch {
	case e.Note != "":
		kind = "note"
	case e.End:
		kind = "end"
	case e.Start:
		kind = "start"
	}
	d.encode(map[string]any{"event": kind, "stage": e.Stage, "title": e.Title, "number": e.Number, "of": e.Of, "done": e.Done, "total": e.Total,
		"fraction": e.Fraction, "seconds": e.Elapsed.Seconds(), "cached": e.Cached, "note": e.Note, "warning": e.Warning})
}

func (d *display) encode(v any) {
	if err := json.NewEncoder(d.w).Encode(v); err != nil {
		fmt.Fprintln(d.errs, "climb: write to standard output:", err)
	}
}

// line prints a line for good.
func (d *display) line(format string, args ...any) {
	if d.drawn {
		fmt.Fprint(d.clear, "\r\x1b[K")
		d.drawn = false
	}
	fmt.Fprintf(d.w, format+"\n", args...)
}

// draw replaces the progress line of a terminal.
func (d *display) draw(s string) {
	if r := []rune(s); len(r) > d.width-1 {
		s = string(r[:d.width-1])
	}
	fmt.Fprint(d.clear, "\r\x1b[K")
	fmt.Fprint(d.w, escape.Line(s))
	d.drawn = true
}

// close ends the progress line.
func (d *display) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.drawn {
		fmt.Fprint(d.clear, "\r\x1b[K")
		d.drawn = false
	}
}

func ending(e stage.Event) string {
	s := fmt.Sprintf("[%2d/%d] %-32s", e.Number, e.Of, e.Title)
	if e.Cached {
		return s + " done before"
	}
	s += fmt.Sprintf(" %8s", e.Elapsed.Round(10*time.Millisecond))
	if sec := e.Elapsed.Seconds(); e.Amount > 0 && sec > 0 {
		s += "  " + rate(e.Amount/sec, e.Unit)
	}
	return s
}

func progressLine(e stage.Event) string {
	const cells = 24
	filled := int(e.Fraction * cells)
	s := fmt.Sprintf("[%2d/%d] %-32s [%s%s] %3.0f %%", e.Number, e.Of, e.Title,
		strings.Repeat("=", filled), strings.Repeat(" ", cells-filled), 100*e.Fraction)
	if e.Total > 1 {
		s += fmt.Sprintf("  %d/%d", e.Done, e.Total)
	}
	sec := e.Elapsed.Seconds()
	if e.Amount > 0 && sec > 0 {
		s += "  " + rate(e.Fraction*e.Amount/sec, e.Unit)
	}
	if e.Fraction > 0.01 && sec > 1 {
		left := time.Duration(sec * (1 - e.Fraction) / e.Fraction * float64(time.Second))
		s += "  " + durationText(left) + " left"
	}
	return s
}

// durationText writes a duration in its two largest units.
func durationText(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days %d h", int(d.Hours())/24, int(d.Hours())%24)
}

func rate(perSecond float64, unit string) string {
	if unit == "B" {
		return bytesText(perSecond) + "/s"
	}
	return countText(perSecond) + " " + unit + "/s"
}

// bytesText writes a number of bytes with its unit.
func bytesText(n float64) string {
	for _, unit := range []string{"B", "KB", "MB", "GB", "TB"} {
		if n < 1000 || unit == "TB" {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1000
	}
	return ""
}

// countText writes a count with k, M or G.
func countText(n float64) string {
	for _, unit := range []string{"", "k", "M", "G"} {
		if n < 1000 || unit == "G" {
			return fmt.Sprintf("%.3g%s", n, unit)
		}
		n /= 1000
	}
	return ""
}

// near writes a path as it is seen from the working directory if it is below it.
func near(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// result prints the end of a command: a line for people, v for programs.
func (d *display) result(v any, format string, args ...any) error {
	if d.json {
		d.encode(v)
		return nil
	}
	d.line(format, args...)
	return nil
}

// summary prints the outcome of a run.
func (d *display) summary(r *report.Data, out string) {
	if d.json {
		d.encode(map[string]any{"event": "summary", "verdict": r.Confirmed.Verdict, "warnings": append([]string{}, r.Warnings()...), "mixture": r.Dataset.Mixture, "report": out + "/report/index.html", "dataset": r.Dataset.Path})
		return
	}
	writeSummary(d.w, r, out)
}
