package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/trial"
)

// A model is the forecast of a run, with what turns a mixture into epochs.
type model struct {
	*search.Forecast
	supply []int64 // tokens by domain
	budget int64   // tokens of the training that the epochs are counted for
	start  []float64
	from   string          // what start is
	best   search.Expected // of the best mixture that is expected near the runs
}

// near is how much of a mixture may be in other domains than in the nearest run, for
// it to be near the runs.
const near = 0.2

// modelCache fits a forecast when there are new runs, if the last fit is some time
// ago.
type modelCache struct {
	mu    sync.Mutex // held while it is fitted
	model *model
	made  string
	next  time.Time
	err   error
}

// forecast is the model of the runs so far.
func (w *watched) forecast(q *http.Request) (*model, error) {
	_, s, err := w.opened(q.Context())
	if err != nil {
		return nil, err
	}
	c := &w.model
	c.mu.Lock()
	defer c.mu.Unlock()
	if made := fmt.Sprint(s.made); c.made == made || c.made != "" && time.Now().Before(c.next) {
		return c.model, c.err
	}
	begun := time.Now()
	m, err := w.fit()
	if c.model == nil || err == nil {
		c.model, c.err = m, err
	}
	c.made, c.next = s.made, time.Now().Add(pace*time.Since(begun))
	return c.model, c.err
}

var errNoModel = &statusError{http.StatusConflict, fmt.Sprintf("there is no prediction yet: at least %d proxy runs must have a score", search.LeastRuns)}

var errPhases = &statusError{http.StatusConflict, "the mixture of this run changes between phases: there is no prediction for one"}

func (w *watched) fit() (*model, error) {
	w.mu.Lock()
	v, l := w.view, w.latest
	var runs []search.Trial
	if l != nil {
		runs = trial.Measured(l.Proxies)
	}
	w.mu.Unlock()
	if len(search.Measured(runs)) < search.LeastRuns {
		return nil, errNoModel
	}
	p, supply, err := v.Trials.Problem()
	if err != nil {
		return nil, err
	}
	if p.Schedule != nil {
		return nil, errPhases
	}
	m := &model{supply: supply}
	if m.Forecast, err = search.NewForecast(p, runs); err != nil {
		return nil, err
	}
	c := v.Trials.Config
	if m.budget = c.Dataset.Tokens; m.budget == 0 {
		m.budget = c.Search.TargetTokens
	}
	if m.budget == 0 {
		for _, n := range supply {
			m.budget += n
		}
	}
	m.start, m.from = p.Prior, "natural mixture"
	if best := search.TopMeasured(p.Rescore(runs), 1); len(best) > 0 {
		m.start, m.from = best[0].Mixture, "best measured mixture"
	}
	if s, err := v.Trials.ReadSearch(); err == nil {
		m.start, m.from = s.Predicted, "answer of the search"
	}
	best, err := m.Best(nil, near)
	if err != nil {
		return nil, err
	}
	m.best, _ = m.Expect(best, nil)
	return m, nil
}

// A whatIf is a question of the page.
type whatIf struct {
	Mixture []float64 `json:"mixture"` // shares by domain; they are made to sum to 1
	Weights []float64 `json:"weights"` // of the tasks; null: those of the run
	Ask     string    `json:"ask"`     // "" to predict, "best", or "least" change for a gain
	Task    int       `json:"task"`    // of least: index, or -1 for the weighted mean
	Gain    float64   `json:"gain"`    // of least
}

type whatIfDomain struct {
	Name    string  `json:"name"`
	Natural float64 `json:"natural"`
	Least   float64 `json:"least"`
	Most    float64 `json:"most"`
}

type whatIfTask struct {
	Name   string  `json:"name"`
	Weight float64 `json:"weight"`
	Lower  bool    `json:"lower"` // is better, as usually written; values here are negated
}

// whatIfModel is what the page builds its sliders from.
type whatIfModel struct {
	Runs    int            `json:"runs"` // fitted to
	Of      int            `json:"of"`   // with a score
	Level   float64        `json:"level"`
	Budget  int64          `json:"budget"` // tokens
	Domains []whatIfDomain `json:"domains"`
	Tasks   []whatIfTask   `json:"tasks"`
	Start   []float64      `json:"start"`
	From    string         `json:"from"`

	Best search.Expected `json:"best"` // of the best mixture that is expected near the runs
}

// whatIfAnswer is what is expected of a mixture.
type whatIfAnswer struct {
	Mixture []float64         `json:"mixture"`
	Total   search.Expected   `json:"total"`
	Tasks   []search.Expected `json:"tasks"`
	Natural search.Expected   `json:"natural"` // total of the natural mixture under the same weights
	Within  bool              `json:"within"`  // the bounds of the search
	Nearest nearest           `json:"nearest"`
	Epochs  []float64         `json:"epochs"` // by domain; -1 where a domain without tokens has a share
	Gained  *float64          `json:"gained,omitempty"`
	Moved   *float64          `json:"moved,omitempty"`
	YAML    string            `json:"yaml"`
}

type nearest struct {
	Hash  string  `json:"hash"`
	Round int     `json:"round"` // 1-based; 0 of an earlier search
	Score float64 `json:"score"`
	Share float64 `json:"share"` // that is in another domain
}

func (w *watched) serveWhatIf(s *Server, to http.ResponseWriter, q *http.Request) error {
	release, err := s.enter(q)
	if err != nil {
		return err
	}
	defer release()
	m, err := w.forecast(q)
	if none := (*statusError)(nil); errors.As(err, &none) && (none == errNoModel || none == errPhases) && q.Method != http.MethodPost { // the page asks before it can know
		return sendJSON(to, map[string]string{"why": none.text})
	}
	if err != nil {
		return err
	}
	if q.Method != http.MethodPost {
		return sendJSON(to, m.described())
	}
	if kind, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type")); kind != "application/json" {
		return &statusError{http.StatusUnsupportedMediaType, "a question is JSON"}
	}
	var ask whatIf
	d := json.NewDecoder(q.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&ask); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return badRequest("the question is no JSON of a mixture: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return badRequest("there is something after the question")
	}
	a, err := m.answer(ask)
	if err != nil {
		return badRequest("%v", err)
	}
	v, _, err := w.opened(q.Context())
	if err != nil {
		return err
	}
	a.YAML = weightsYAML(v.Out, m.Problem.Domains, a.Mixture)
	return sendJSON(to, a)
}

// enter waits for a place among those that take long.
func (s *Server) enter(q *http.Request) (release func(), err error) {
	select {
	case s.gate <- struct{}{}:
		return func() { <-s.gate }, nil
	case <-q.Context().Done():
		return nil, q.Context().Err()
	case <-time.After(answerIn / 2):
		return nil, &statusError{http.StatusServiceUnavailable, "too much is asked at once"}
	}
}

func (m *model) described() whatIfModel {
	d := whatIfModel{Runs: len(m.Runs), Of: m.Of, Level: search.ForecastLevel, Budget: m.budget, Start: m.start, From: m.from, Best: m.best}
	for i, name := range m.Problem.Domains {
		lo, hi := m.Limits(i)
		d.Domains = append(d.Domains, whatIfDomain{name, m.Problem.Prior[i], lo, hi})
	}
	for _, t := range m.Tasks {
		d.Tasks = append(d.Tasks, whatIfTask{t.Name, t.Weight, t.Lower})
	}
	return d
}

func (m *model) answer(ask whatIf) (*whatIfAnswer, error) {
	w, err := mix.Normalize(ask.Mixture)
	if err != nil {
		return nil, err
	}
	if err := m.Check(w, ask.Weights); err != nil {
		return nil, err
	}
	a := &whatIfAnswer{}
	switch ask.Ask {
	case "":
	case "best":
		if w, err = m.Best(ask.Weights, near); err != nil {
			return nil, err
		}
	case "least":
		if ask.Task < -1 || ask.Task >= len(m.Tasks) || !(ask.Gain > 0) {
			return nil, fmt.Errorf("a gain of %v on task %d of %d", ask.Gain, ask.Task, len(m.Tasks))
		}
		var gained, moved float64
		if w, gained, moved, err = m.Least(w, ask.Weights, ask.Task, ask.Gain); err != nil {
			return nil, err
		}
		a.Gained, a.Moved = &gained, &moved
	default:
		return nil, fmt.Errorf("ask %q is not one of best, least", ask.Ask)
	}
	a.Mixture, a.Within = w, m.Within(w)
	a.Total, a.Tasks = m.Expect(w, ask.Weights)
	a.Natural, _ = m.Expect(m.Problem.Prior, ask.Weights)
	run, share := m.Nearest(w)
	a.Nearest = nearest{run.Hash, run.Round + 1, run.Score, share}
	for i, x := range w {
		switch {
		case m.supply[i] > 0:
			a.Epochs = append(a.Epochs, x*float64(m.budget)/float64(m.supply[i]))
		case x > 0:
			a.Epochs = append(a.Epochs, -1)
		default:
			a.Epochs = append(a.Epochs, 0)
		}
	}
	return a, nil
}

// weightsYAML is a mixture file of climb export --weights.
func weightsYAML(run string, domains []string, mixture []float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A mixture that was tried out in climb serve, and not trained.\n# climb export --to TRAINER --weights THIS-FILE\nrun: %s\ndomains:\n", quoted(run))
	for i, name := range domains {
		fmt.Fprintf(&b, "  %s: {share: %.6g}\n", quoted(name), mixture[i])
	}
	return b.String()
}

// quoted writes a text as JSON does, which YAML reads.
func quoted(text string) string {
	data, _ := json.Marshal(text) // a string
	return string(data)
}
