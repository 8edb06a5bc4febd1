package serve

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// watched is a run with what is known of it.
type watched struct {
	Run
	index int
	event atomic.Pointer[stage.Event] // the latest progress, of a run in this process

	warnMu   sync.Mutex
	warnings []string // of a run in this process, the latest

	mu       sync.Mutex // held while the files are read
	view     *view.View
	follower *view.Follower
	config   time.Time  // when the configuration had changed as it was opened
	latest   *view.Live // the follower's
	snap     *snapshot
	next     time.Time // before it the files are not looked at again

	pageMu   sync.Mutex // held while the page is made
	page     []byte
	data     *report.Data
	made     string    // what the page was made of
	pageNext time.Time // before it the page is not made again
	pages    int       // that were made

	model  modelCache
	sizes  lengthsCache
	events hub
}

func newWatched(i int, r Run) *watched {
	w := &watched{Run: r, index: i}
	w.events.most, w.events.within = mostReaders, writeIn
	return w
}

// A snapshot is a run as it was seen, ready to be sent. It never changes.
type snapshot struct {
	live    []byte            // JSON of view.Live
	parts   map[string]string // of the page, HTML by name
	row     runRow            // of the table of runs
	metrics []metric
	made    string // what a page that is made now would be made of
	runs    int    // of the search that have a score
	state   view.RunState
	err     error // why the run cannot be looked at
}

// pace are the shares of a core that looking takes at most: each waits so many
// times as long as it took.
const (
	pace      = 100
	leastLook = 500 * time.Millisecond
)

// tell keeps an event. It must not hold up the run: progress replaces progress.
func (w *watched) tell(e stage.Event) {
	if e.Note == "" {
		w.event.Store(&e)
		return
	}
	if !e.Warning {
		return
	}
	w.warnMu.Lock()
	defer w.warnMu.Unlock()
	text := e.Stage + ": " + e.Note
	if !slices.Contains(w.warnings, text) {
		w.warnings = append(slices.Clone(w.warnings[max(0, len(w.warnings)-19):]), text)
	}
}

// watch looks at the run for as long as somebody reads its events.
func (w *watched) watch(ctx context.Context) {
	tick := time.NewTicker(leastLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			w.events.close()
			return
		case <-tick.C:
			if w.events.readers() > 0 {
				w.events.send(w.message(w.look(ctx)))
			}
		}
	}
}

// look is the run as it is now, or as it was a moment ago.
func (w *watched) look(ctx context.Context) *snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	begun := time.Now()
	if w.snap != nil && begun.Before(w.next) {
		return w.snap
	}
	fresh := w.follower == nil
	s, err := w.lookAgain(ctx)
	if err != nil {
		s = &snapshot{err: err, parts: map[string]string{"now": failedPart(err)}, row: runRow{Name: w.Name, State: "cannot be read", Runs: "–", Best: math.NaN(), Error: err.Error()}}
		w.follower = nil // opened anew
	}
	if ctx.Err() == nil || w.snap == nil {
		w.snap = s
	}
	w.next = time.Now().Add(leastLook * 9 / 10)
	if !fresh { // the first look reads everything, and the others what is new
		w.next = w.next.Add(pace * time.Since(begun))
	}
	return w.snap
}

func (w *watched) lookAgain(ctx context.Context) (*snapshot, error) {
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	l, err := w.follower.Look()
	if err != nil {
		return nil, err
	}
	w.latest = l
	w.fresher(l)
	s := &snapshot{state: l.State, metrics: metricsOf(w.Name, l), row: rowOf(w, l)}
	if s.live, err = json.Marshal(l); err != nil {
		return nil, err
	}
	w.warnMu.Lock()
	warnings := w.warnings
	w.warnMu.Unlock()
	if s.parts, err = partsOf(l, warnings); err != nil {
		return nil, err
	}
	var made strings.Builder
	for _, x := range l.Stages {
		fmt.Fprintf(&made, "%d %d %v,", x.Done, x.Total, x.Complete)
	}
	s.made, s.runs = made.String(), len(trial.Measured(l.Proxies))
	return s, nil
}

// open opens the run, again if its configuration is another one now: a run that is
// resumed with other options has other stages.
func (w *watched) open(ctx context.Context) error {
	changed := time.Time{}
	if w.view != nil {
		if info, err := os.Stat(filepath.Join(w.view.Out, "climb.yaml")); err == nil {
			changed = info.ModTime()
		}
	}
	if w.follower != nil && changed.Equal(w.config) {
		return nil
	}
	v, err := w.Open(ctx)
	if err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Join(v.Out, "climb.yaml")); err == nil {
		changed = info.ModTime()
	}
	w.view, w.follower, w.config = v, v.Follow(), changed
	return nil
}

// fresher takes over what the run has told of the stage that it is at, which is
// newer and finer than its files.
func (w *watched) fresher(l *view.Live) {
	e := w.event.Load()
	if e == nil || e.End || l.State != view.Working {
		return
	}
	for i := range l.Stages {
		x := &l.Stages[i]
		if x.Name != e.Stage || x.Complete || e.Total != x.Total && x.Total > 0 && e.Total > 0 {
			continue
		}
		x.Fraction = max(x.Fraction, e.Fraction)
		if seconds := e.Elapsed.Seconds(); x.Left == 0 && e.Fraction > 0.01 && seconds > 1 {
			x.Left = seconds * (1 - e.Fraction) / e.Fraction
			if e.Amount > 0 {
				x.Rate, x.Unit = e.Fraction*e.Amount/seconds, e.Unit
			}
		}
		x.Running = max(x.Running, 1)
	}
}

// opened is the run, to be read from.
func (w *watched) opened(ctx context.Context) (*view.View, *snapshot, error) {
	s := w.look(ctx)
	if s.err != nil {
		return nil, nil, s.err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.view, s, nil
}

// report is the page with its numbers, made again if there is news and the last
// one is some time ago.
func (w *watched) report(ctx context.Context, runs int) ([]byte, *report.Data, error) {
	v, s, err := w.opened(ctx)
	if err != nil {
		return nil, nil, err
	}
	w.pageMu.Lock()
	defer w.pageMu.Unlock()
	if w.page != nil && (w.made == s.made || time.Now().Before(w.pageNext)) {
		return w.page, w.data, nil
	}
	begun := time.Now()
	d, err := v.Gather(ctx)
	if err != nil {
		return nil, nil, err
	}
	page, err := report.Page(d, &report.Served{
		Style: []string{"../report.css", "../live.css"}, Script: []string{"../report.js", "../live.js"},
		Nav: livePart("nav", navData{Runs: runs}), Lead: livePart("lead", leadData{Page: w.pages + 1}),
	})
	if err != nil {
		return nil, nil, err
	}
	w.page, w.data, w.made = page, d, s.made
	w.pages++
	w.pageNext = time.Now().Add(max(time.Second, pace*time.Since(begun)))
	return page, d, nil
}

// news tells whether the page would be another one if it was asked for now.
func (w *watched) news(s *snapshot) (pages int) {
	if !w.pageMu.TryLock() { // it is being made
		return 0
	}
	defer w.pageMu.Unlock()
	if w.page != nil && s.made != w.made && time.Now().After(w.pageNext) {
		return w.pages + 1
	}
	return w.pages
}

// answer finds what is asked for of a run.
func (w *watched) answer(s *Server, to http.ResponseWriter, q *http.Request, name string) error {
	switch name {
	case "":
		return w.servePage(s, to, q)
	case "events":
		return w.serveEvents(to, q)
	case "status.json":
		snap := w.look(q.Context())
		if snap.err != nil {
			return snap.err
		}
		return sendBytes(to, "application/json", snap.live)
	case "whatif":
		return w.serveWhatIf(s, to, q)
	}
	if rest, ok := strings.CutPrefix(name, "domain/"); ok {
		return w.serveDomain(s, to, q, rest)
	}
	return notFound("there is nothing at this address")
}

func (w *watched) servePage(s *Server, to http.ResponseWriter, q *http.Request) error {
	snap := w.look(q.Context())
	if snap.err != nil {
		return snap.err
	}
	page, _, err := w.report(q.Context(), len(s.runs))
	if err != nil {
		return err
	}
	return sendBytes(to, "text/html; charset=utf-8", page)
}

func sendBytes(to http.ResponseWriter, kind string, data []byte) error {
	to.Header().Set("Content-Type", kind)
	_, err := to.Write(data)
	return ignore(err)
}

func sendJSON(to http.ResponseWriter, v any) error {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		return err
	}
	return sendBytes(to, "application/json", b.Bytes())
}

// A message is what changed of a run, as the page takes it.
type message struct {
	Parts map[string]string `json:"parts,omitempty"`
	Page  int               `json:"page,omitempty"` // number of the page that would be given out
	Runs  int               `json:"runs"`           // of the search that have a score
	State string            `json:"state"`
}

// message is the whole of a snapshot.
func (w *watched) message(s *snapshot) message {
	return message{Parts: s.parts, Page: w.news(s), Runs: s.runs, State: string(cmp.Or(s.state, "unknown"))}
}
