package serve

import (
	_ "embed"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

//go:embed live.html
var liveHTML string

//go:embed live.css
var liveCSS string

//go:embed live.js
var liveJS string

type asset struct{ kind, text string }

// assets are the files of all pages.
var assets = sync.OnceValue(func() map[string]asset {
	return map[string]asset{
		"report.css": {"text/css; charset=utf-8", report.Style()}, "live.css": {"text/css; charset=utf-8", liveCSS},
		"report.js": {"text/javascript; charset=utf-8", report.Script()}, "live.js": {"text/javascript; charset=utf-8", liveJS},
	}
})

// templates are the parts of live.html, each after a line "=== NAME".
var templates = sync.OnceValue(func() map[string]*report.Template {
	out := map[string]*report.Template{}
	for _, part := range strings.Split(liveHTML, "=== ")[1:] {
		name, text, _ := strings.Cut(part, "\n")
		out[name] = report.ParseTemplate(name, strings.TrimRight(text, "\n"))
	}
	return out
})

// livePart fills a part that needs nothing of a run: an error is a mistake in the
// part.
func livePart(name string, data any) template.HTML {
	part, err := templates()[name].Fill(data)
	if err != nil {
		panic(err)
	}
	return part
}

type (
	navData  struct{ Runs int }
	leadData struct{ Page int } // its number
)

func failedPart(err error) string { return string(livePart("unreadable", err.Error())) }

// nowData is what the part of that name shows.
type nowData struct {
	Tone, Headline, Text string
	Command              string // to go on; "" if there is nothing to go on with
	Done, Of             int    // stages that are done or not needed, of all
	Proxies, Planned     int    // of the search: done, in all rounds
	Rounds               int
	Best                 float64
	BestRound            int
	BestMixture          string
	Left                 float64 // seconds, of the stage that runs; 0 is unknown
	Stages               []stageRow
	Warnings             []string
	Failures             []view.Failure
}

type stageRow struct {
	Title, Tasks, Rate, Class string
	Percent, Left             float64
}

type roundData struct {
	Title, Note string
	Chart       template.HTML
	Best        bool // is drawn
	Natural     bool
	Rows        []proxyRow
	More        int
}

type proxyRow struct {
	State, Class, Mixture, Where, Failed, Name string
	Percent, Loss, Score                       float64
}

// partsOf are the parts of the page that live.
func partsOf(l *view.Live, warnings []string) (map[string]string, error) {
	out := map[string]string{}
	for name, data := range map[string]any{"now": now(l, warnings), "round": round(l)} {
		part, err := templates()[name].Fill(data)
		if err != nil {
			return nil, err
		}
		out[name] = string(part)
	}
	return out, nil
}

func now(l *view.Live, warnings []string) nowData {
	d := nowData{Tone: "even", Warnings: warnings, Failures: l.Failures}
	current := -1 // the stage that is worked at, or comes next
	for i, s := range l.Stages {
		if !s.Complete && current < 0 {
			current = i
		}
		if s.Complete {
			d.Done++
			continue
		}
		d.Stages = append(d.Stages, row(s, i == current && l.State == view.Working))
	}
	d.Command = "climb run " + quote(l.Out+"/climb.yaml")
	switch l.State {
	case view.Working:
		d.Tone, d.Command = "good", ""
		d.Headline = "Running"
		if current >= 0 {
			d.Headline = upper(l.Stages[current].Title)
			if l.Stages[current].Name == "search" {
				d.Headline = fmt.Sprintf("Searching, round %d of %d", max(1, searchRound(l)), max(1, len(l.Rounds)))
			}
		}
		d.Text = fmt.Sprintf("Process %d on %s works here since %s. Tasks run %s.", l.Holder.PID, l.Holder.Host, when(l.Holder.Since), place(l))
	case view.Killed:
		d.Tone, d.Headline = "bad", "Killed"
		d.Text = fmt.Sprintf("Process %d on %s, which worked here since %s, is gone without an orderly end. Nothing that was done is lost, and the same command goes on.", l.Holder.PID, l.Holder.Host, when(l.Holder.Since))
	case view.Stopped:
		d.Headline, d.Text = "Stopped", "Nobody works in the run directory. The same command goes on."
	case view.Finished:
		d.Tone, d.Headline, d.Text, d.Command = "good", "Finished", "Every stage is done.", ""
	default:
		d.Headline, d.Text = "Not begun", "Nothing has been done yet."
	}
	d.figures(l)
	return d
}

// searchRound is the round of the search that was planned last, 1-based.
func searchRound(l *view.Live) (n int) {
	for _, p := range l.Proxies {
		if p.Stage == "search" {
			n = max(n, p.Round+1)
		}
	}
	return n
}

func place(l *view.Live) string {
	hosts := map[string]int{}
	var names []string
	for _, p := range l.Proxies {
		if p.State == trial.Running {
			if hosts[p.Host]++; hosts[p.Host] == 1 {
				names = append(names, p.Host)
			}
		}
	}
	slices.Sort(names)
	if len(names) > 1 || len(names) == 1 && l.Holder != nil && names[0] != l.Holder.Host {
		return fmt.Sprintf("%s, now on %s", l.Place, strings.Join(names[:min(len(names), 8)], ", "))
	}
	return l.Place
}

// figures fills in the key figures.
func (d *nowData) figures(l *view.Live) {
	d.Best = math.NaN()
	d.Rounds, d.Planned = len(l.Rounds), sum(l.Rounds)
	for _, p := range l.Proxies {
		if p.Stage == "search" && (p.State == trial.Done || p.State == trial.Failed) {
			d.Proxies++
		}
	}
	d.Of = len(l.Stages)
	for _, s := range l.Stages {
		if s.Running > 0 && l.State == view.Working {
			d.Left += s.Left
		}
	}
	if l.Best != nil {
		d.Best, d.BestRound, d.BestMixture = l.Best.Score, l.Best.Round+1, largest(l.Domains, l.Best.Mixture, 2)
	}
}

func row(s view.LiveStage, current bool) stageRow {
	x := stageRow{Title: upper(s.Title), Percent: 100 * s.Fraction}
	switch {
	case !s.Planned:
		x.Class = "later"
	case s.Total > 0:
		x.Tasks = fmt.Sprintf("%d of %d", s.Done, s.Total)
	}
	if current {
		x.Class = "current"
		if s.Rate > 0 {
			x.Rate = rate(s.Rate, s.Unit)
		}
		if s.Left > 0 {
			x.Left = s.Left
		}
	}
	return x
}

// shownProxies bounds the rows and the curves of a round.
const shownProxies = 64

func round(l *view.Live) roundData {
	list := l.Round()
	if len(list) == 0 {
		return roundData{}
	}
	d := roundData{Title: fmt.Sprintf("Round %d of %d", list[0].Round+1, max(list[0].Round+1, len(l.Rounds))), Best: l.Best != nil && len(l.Best.Loss) > 1, Natural: l.Natural != nil && len(l.Natural.Loss) > 1}
	if list[0].Stage == "confirm" {
		d.Title = "Confirmation with fresh seeds"
	}
	count := map[trial.ProxyState]int{}
	var curves []report.Curve
	for _, p := range list {
		count[p.State]++
		if p != l.Best && p != l.Natural && len(curves) < shownProxies {
			curves = append(curves, curve(p, ""))
		}
	}
	var words []string
	for _, s := range []trial.ProxyState{trial.Done, trial.Running, trial.CutOff, trial.Failed, trial.Waiting} {
		if count[s] > 0 {
			words = append(words, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	d.Note = strings.Join(words, ", ")
	if l.Natural != nil {
		curves = append(curves, curve(l.Natural, "natural"))
	}
	if l.Best != nil {
		curves = append(curves, curve(l.Best, "chosen"))
	}
	d.Chart = report.CurvesChart(curves)
	shown := slices.Clone(list)
	slices.SortStableFunc(shown, func(a, b *trial.Proxy) int { return order(a) - order(b) })
	d.More = max(0, len(shown)-shownProxies)
	for _, p := range shown[:len(shown)-d.More] {
		d.Rows = append(d.Rows, proxy(p, l.Domains))
	}
	return d
}

// order is that of the rows: what moves comes first.
func order(p *trial.Proxy) int {
	return slices.Index([]trial.ProxyState{trial.Running, trial.CutOff, trial.Failed, trial.Done, trial.Waiting}, p.State)
}

// livePoints bounds the points of a curve that is sent again and again.
const livePoints = 24

func curve(p *trial.Proxy, kind string) report.Curve {
	c := report.Curve{Kind: kind, Seed: p.Seed}
	n := len(p.Loss)
	for i := range min(n, livePoints) {
		at := i
		if n > livePoints {
			at = i * (n - 1) / (livePoints - 1) // the first and the last
		}
		c.Tokens, c.Loss = append(c.Tokens, p.Tokens[at]), append(c.Loss, p.Loss[at])
	}
	return c
}

func proxy(p *trial.Proxy, domains []string) proxyRow {
	x := proxyRow{State: string(p.State), Class: strings.ReplaceAll(string(p.State), " ", "-"), Failed: lastLines(p.Failed), Name: p.Name,
		Percent: 100 * p.Fraction, Loss: math.NaN(), Score: math.NaN(), Mixture: largest(domains, p.Mixture, 3)}
	if n := len(p.Loss); n > 0 {
		x.Loss = p.Loss[n-1]
	}
	if p.State == trial.Done {
		x.Score = p.Score
	}
	if p.Host != "" && p.State != trial.Done {
		x.Where = fmt.Sprintf("%s, process %d", p.Host, p.PID)
	}
	return x
}

// lastLines are those of a text, few and short.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	text = strings.Join(lines[max(0, len(lines)-12):], "\n")
	return strings.ToValidUTF8(text[max(0, len(text)-2000):], "")
}

// largest names the domains with the largest shares.
func largest(domains []string, mixture []float64, n int) string {
	order := make([]int, min(len(domains), len(mixture)))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case mixture[a] > mixture[b]:
			return -1
		case mixture[a] < mixture[b]:
			return 1
		}
		return a - b
	})
	var parts []string
	for _, i := range order[:min(len(order), n)] {
		parts = append(parts, fmt.Sprintf("%s %.0f %%", domains[i], 100*mixture[i]))
	}
	return strings.Join(parts, ", ")
}

func upper(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

func when(t time.Time) string { return t.Local().Format("2 Jan 15:04") }

func rate(x float64, unit string) string {
	for _, scale := range []string{"", "k", "M", "G"} {
		if x < 1000 || scale == "G" {
			return strings.TrimSpace(fmt.Sprintf("%.3g%s %s/s", x, scale, unit))
		}
		x /= 1000
	}
	return ""
}

// quote writes a path for a shell.
func quote(path string) string {
	if strings.IndexFunc(path, func(r rune) bool {
		return !(r == '/' || r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	}) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
