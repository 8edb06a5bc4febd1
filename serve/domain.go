package serve

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/climb-go/climb/report"
	"github.com/climb-go/climb/view"
)

// lengthsCache holds the lengths of the documents of all domains.
type lengthsCache struct {
	mu   sync.Mutex
	of   *view.View
	list []*view.Lengths
}

func (c *lengthsCache) get(v *view.View, domains int) ([]*view.Lengths, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == v && len(c.list) == domains {
		return c.list, nil
	}
	list, err := v.DomainLengths(domains)
	if err != nil {
		return nil, err
	}
	c.of, c.list = v, list
	return list, nil
}

// domainData is what the page of a domain shows.
type domainData struct {
	report.Domain
	Index   int
	Run     string
	Sources []sourceRow
	Others  int // sources that are not shown
	Lengths *view.Lengths
	Bins    []binRow
	Why     whyData
}

type sourceRow struct {
	Name    string
	Tokens  int64
	Percent float64
}

type binRow struct {
	From, To  int64
	Documents int64
	Percent   float64 // of the fullest
}

// whyData says why a domain has its weight.
type whyData struct {
	Known    bool
	From     string // the mixture that it starts from
	Share    float64
	Effect   float64 // of one more percentage point
	Interval [2]float64
	Sure     string // what the interval says, in words
	Runs     int
}

// shownSources bounds the sources of a domain that are named.
const shownSources = 20

// documentsAtOnce is how many documents a request gives.
const documentsAtOnce = 10

func (w *watched) serveDomain(s *Server, to http.ResponseWriter, q *http.Request, rest string) error {
	number, name, _ := strings.Cut(rest, "/")
	i, err := strconv.Atoi(number)
	if err != nil || strconv.Itoa(i) != number {
		return notFound("there is nothing at this address")
	}
	_, d, err := w.report(q.Context(), len(s.runs))
	if err != nil {
		return err
	}
	if i < 0 || i >= len(d.Domains) {
		return notFound("there is no domain %d; there are %d", i, len(d.Domains))
	}
	release, err := s.enter(q)
	if err != nil {
		return err
	}
	defer release()
	switch name {
	case "":
		return w.serveDomainPage(to, q, d, i)
	case "documents":
		return w.serveDocuments(to, q, i)
	}
	return notFound("there is nothing at this address")
}

func (w *watched) serveDocuments(to http.ResponseWriter, q *http.Request, domain int) error {
	var at view.Cursor
	for name, value := range map[string]*int{"shard": &at.Shard, "row": &at.Row} {
		if text := q.URL.Query().Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return badRequest("%s is no number", name)
			}
			*value = n
		}
	}
	v, _, err := w.opened(q.Context())
	if err != nil {
		return err
	}
	docs, next, err := v.Documents(q.Context(), domain, at, documentsAtOnce)
	if err != nil {
		return err
	}
	return sendJSON(to, struct {
		Documents []view.Document `json:"documents"`
		Next      *view.Cursor    `json:"next"`
	}{append([]view.Document{}, docs...), next})
}

func (w *watched) serveDomainPage(to http.ResponseWriter, q *http.Request, d *report.Data, i int) error {
	v, _, err := w.opened(q.Context())
	if err != nil {
		return err
	}
	x := domainData{Domain: d.Domains[i], Index: i, Run: d.Run.Title}
	for _, s := range d.Corpus.Sources {
		if i < len(s.Tokens) && s.Tokens[i] > 0 {
			x.Sources = append(x.Sources, sourceRow{s.Name, s.Tokens[i], 100 * float64(s.Tokens[i]) / float64(max(1, x.Tokens))})
		}
	}
	sortSources(x.Sources)
	x.Others = max(0, len(x.Sources)-shownSources)
	x.Sources = x.Sources[:len(x.Sources)-x.Others]
	if lengths, err := w.sizes.get(v, len(d.Domains)); err == nil { // before the documents have domains there are none
		x.Lengths = lengths[i]
		x.Bins = bins(lengths[i])
	}
	x.Why = w.why(q, i)
	page, err := templates()["domain"].Fill(x)
	if err != nil {
		return err
	}
	return sendBytes(to, "text/html; charset=utf-8", []byte(page))
}

func bins(l *view.Lengths) (out []binRow) {
	most := int64(1)
	for _, b := range l.Bins {
		most = max(most, b.Documents)
	}
	for _, b := range l.Bins {
		out = append(out, binRow{b.From, b.To, b.Documents, 100 * float64(b.Documents) / float64(most)})
	}
	return out
}

// why explains the weight of a domain by what more of it is expected to change.
func (w *watched) why(q *http.Request, domain int) (x whyData) {
	m, err := w.forecast(q)
	if err != nil || domain >= len(m.start) {
		return x
	}
	effects, err := m.Effects(m.start, nil)
	if err != nil || math.IsNaN(effects[domain].Mean) {
		return x
	}
	e := effects[domain]
	x = whyData{Known: true, From: m.from, Share: m.start[domain], Effect: e.Mean, Interval: [2]float64{e.Mean - e.Half, e.Mean + e.Half}, Runs: len(m.Runs)}
	switch {
	case x.Interval[0] > 0:
		x.Sure = "more of it is expected to help"
	case x.Interval[1] < 0:
		x.Sure = "more of it is expected to hurt"
	default:
		x.Sure = "the runs do not tell whether more or less of it is better"
	}
	return x
}

// sortSources puts those with most tokens first.
func sortSources(list []sourceRow) {
	slices.SortStableFunc(list, func(a, b sourceRow) int { return cmp.Compare(b.Tokens, a.Tokens) })
}
