package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// tailScreen fills a terminal.
type tailScreen struct {
	screen tcell.Screen
	events chan tcell.Event
	quit   chan struct{}
	seen   *tail // what is on it
	std    streams
}

func newTailScreen(std streams) (*tailScreen, error) {
	screen, err := tcell.NewScreen()
	if err != nil {
		return nil, err
	}
	return startTailScreen(screen, std)
}

func startTailScreen(screen tcell.Screen, std streams) (*tailScreen, error) {
	if err := screen.Init(); err != nil {
		return nil, err
	}
	s := &tailScreen{screen: screen, events: make(chan tcell.Event, 16), quit: make(chan struct{}), std: std}
	go screen.ChannelEvents(s.events, s.quit)
	return s, nil
}

// wait redraws on a change of size, and ends when the reader leaves.
func (s *tailScreen) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return nil
		case e := <-s.events:
			switch e := e.(type) {
			case *tcell.EventKey:
				if e.Key() == tcell.KeyCtrlC || e.Key() == tcell.KeyEscape || e.Rune() == 'q' {
					return errLeft
				}
			case *tcell.EventResize:
				s.screen.Sync()
				s.draw()
			}
		}
	}
}

func (s *tailScreen) show(t *tail) error {
	s.seen = t
	s.draw()
	return nil
}

// close gives the terminal back, and says there how the run ended.
func (s *tailScreen) close(t *tail) error {
	close(s.quit)
	s.screen.Fini()
	return (&tailLines{std: s.std}).close(t)
}

func (s *tailScreen) draw() {
	if s.seen == nil {
		return
	}
	width, height := s.screen.Size()
	s.screen.Clear()
	for y, line := range tailPage(s.seen, width, height) {
		x := 0
		for _, part := range line {
			x = s.put(x, y, width, part)
		}
	}
	s.screen.Show()
}

// put writes text from a column on, and returns the one behind it.
func (s *tailScreen) put(x, y, width int, p span) int {
	for _, r := range escape.Line(p.text) {
		w := columns(r)
		if x+w > width {
			break
		}
		s.screen.SetContent(x, y, r, nil, tailStyles[p.look])
		x += w
	}
	return x
}

// columns is the width of a character: those of the Far East and emoji take two.
func columns(r rune) int {
	if r >= 0x1100 && !(r >= 0x2000 && r < 0x2e80) {
		return 2
	}
	return 1
}

// A span is text of one look.
type span struct {
	text string
	look int
}

const (
	plain = iota
	strongLook
	softLook
	goodLook
	badLook
)

var tailStyles = []tcell.Style{
	plain: tcell.StyleDefault, strongLook: tcell.StyleDefault.Bold(true), softLook: tcell.StyleDefault.Dim(true),
	goodLook: tcell.StyleDefault.Foreground(tcell.ColorTeal).Bold(true), badLook: tcell.StyleDefault.Foreground(tcell.ColorMaroon).Bold(true),
}

// tailPage is what the screen shows: at most height lines.
func tailPage(t *tail, width, height int) (page [][]span) {
	add := func(parts ...span) { page = append(page, parts) }
	if t.live == nil {
		add(span{"waiting for a run", strongLook})
		return append(page, nil, []span{{"q leaves", softLook}})
	}
	look := strongLook
	if t.live.State == view.Killed {
		look = badLook
	}
	add(span{near(t.live.Out), strongLook}, span{"  ", plain}, span{string(t.live.State), look}, span{holderText(t) + "  tasks run " + t.live.Place, softLook})
	add()
	page = append(page, tailStages(t.live, width)...)
	page = append(page, tailScores(t, width)...)
	foot := tailTroubles(t, width, max(2, height/3))
	room := height - len(page) - len(foot) - 2
	page = append(page, tailRunning(t.live, width, room)...)
	page = append(page, foot...)
	page = page[:min(len(page), max(1, height-1))]
	for len(page) < height-1 {
		page = append(page, nil)
	}
	return append(page, []span{{"q leaves; the run goes on", softLook}})
}

// tailStages are the stages that work, and how many are done.
func tailStages(l *view.Live, width int) (lines [][]span) {
	done := 0
	for _, s := range l.Stages {
		if s.Complete {
			done++
		}
	}
	lines = append(lines, []span{{fmt.Sprintf("%d of %d stages done", done, len(l.Stages)), plain}})
	for i, s := range l.Stages {
		if s.Complete || !s.Planned {
			continue
		}
		title := max(14, min(32, width-56))
		cells := min(24, max(4, width-title-50))
		filled := min(cells, int(s.Fraction*float64(cells)))
		lines = append(lines, []span{{fmt.Sprintf("%2d %-*.*s ", i+1, title, title, escape.Line(s.Title)), plain}, {strings.Repeat("█", filled), goodLook}, {strings.Repeat("░", cells-filled), softLook}, {" " + stageProgress(s), plain}})
	}
	return append(lines, nil)
}

// tailScores are the scores of the search, and its best.
func tailScores(t *tail, width int) (lines [][]span) {
	var scores []float64
	for _, p := range t.live.Proxies {
		if p.Stage == "search" && p.State == trial.Done {
			scores = append(scores, p.Score)
		}
	}
	if len(scores) == 0 {
		return nil
	}
	lines = append(lines, []span{{fmt.Sprintf("%-10s", "scores"), softLook}, {sparkline(scores, width-24), goodLook}, {fmt.Sprintf("  %d runs", len(scores)), softLook}})
	if b := t.live.Best; b != nil {
		lines = append(lines, []span{{fmt.Sprintf("%-10s", "best"), softLook}, {fmt.Sprintf("%.4f ", b.Score), strongLook}, {proxyName(b) + ": " + t.mixture(b), plain}})
	}
	if n := t.live.Natural; n != nil {
		lines = append(lines, []span{{fmt.Sprintf("%-10s", "natural"), softLook}, {fmt.Sprintf("%.4f", n.Score), plain}})
	}
	return append(lines, nil)
}

// tailRunning are the proxies that are trained now.
func tailRunning(l *view.Live, width, room int) (lines [][]span) {
	for _, p := range l.Proxies {
		if p.State != trial.Running {
			continue
		}
		loss := "        "
		if n := len(p.Loss); n > 0 {
			loss = fmt.Sprintf("%7.4f ", p.Loss[n-1])
		}
		cells := max(8, min(50, width-62))
		lines = append(lines, []span{{fmt.Sprintf("%-24s ", proxyName(p)), plain}, {fmt.Sprintf("%-*s", cells, sparkline(p.Loss, cells)), goodLook}, {" loss " + loss, plain},
			{fmt.Sprintf("%3.0f %%", 100*p.Fraction), plain}, {"  " + p.Host, softLook}})
	}
	if len(lines) == 0 {
		return nil
	}
	lines = append([][]span{{{"trained now", softLook}}}, lines...)
	if room = max(room, 2); len(lines) > room-1 {
		lines = append(lines[:room-1], []span{{fmt.Sprintf("and %d more", len(lines)-room+1), softLook}})
	}
	return append(lines, nil)
}

// tailTroubles are the last failures and warnings, folded.
func tailTroubles(t *tail, width, most int) (lines [][]span) {
	for _, w := range t.warnings {
		lines = append(lines, troubleLines(w, width)...)
	}
	for _, f := range t.live.Failures {
		lines = append(lines, troubleLines(f.Stage+", "+f.What+": "+lastLine(f.Text), width)...)
	}
	return lines[max(0, len(lines)-most):]
}

// troubleLines are a text with a mark at its first line.
func troubleLines(text string, width int) (lines [][]span) {
	mark := "! "
	for _, line := range strings.Split(wrapped(escape.Line(text), width-2, ""), "\n") {
		lines = append(lines, []span{{mark, badLook}, {line, plain}})
		mark = "  "
	}
	return lines
}

// sparkline draws numbers as blocks from low to high, at most so many of them: of
// more the last of each group.
func sparkline(x []float64, most int) string {
	x = slices.DeleteFunc(slices.Clone(x), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if most = max(most, 1); len(x) > most {
		kept := make([]float64, most)
		for i := range kept {
			kept[i] = x[(i+1)*len(x)/most-1]
		}
		x = kept
	}
	if len(x) == 0 {
		return ""
	}
	blocks := []rune("▁▂▃▄▅▆▇█")
	lo, hi := slices.Min(x), slices.Max(x)
	var b strings.Builder
	for _, v := range x {
		at := 0
		if hi > lo {
			at = min(len(blocks)-1, int((v/2-lo/2)/(hi/2-lo/2)*float64(len(blocks))))
		}
		b.WriteRune(blocks[at])
	}
	return b.String()
}
