package serve

import (
	"context"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/climb-go/climb/trial"
	"github.com/climb-go/climb/view"
)

// A runRow is a run in the table of all.
type runRow struct {
	Href, Name, State, Class, At, Runs, Mixture, Error string
	Best                                               float64
}

func rowOf(w *watched, l *view.Live) runRow {
	x := runRow{Href: fmt.Sprintf("%d/", w.index), Name: w.Name, State: string(l.State), Class: strings.ReplaceAll(string(l.State), " ", "-"), Runs: "–", Best: math.NaN()}
	for _, s := range l.Stages {
		if !s.Complete {
			x.At = s.Title
			break
		}
	}
	done := 0
	for _, p := range l.Proxies {
		if p.Stage != "search" || p.State != trial.Done && p.State != trial.Failed {
			continue
		}
		done++
	}
	if planned := sum(l.Rounds); planned > 0 {
		x.Runs = fmt.Sprintf("%d of %d", done, max(planned, done))
	}
	if l.Best != nil {
		x.Best, x.Mixture = l.Best.Score, largest(l.Domains, l.Best.Mixture, 3)
	}
	return x
}

func sum(list []int) (n int) {
	for _, x := range list {
		n += x
	}
	return n
}

type runsData struct{ Rows []runRow }

func (s *Server) rows(ctx context.Context) (d runsData) {
	for _, w := range s.runs {
		row := w.look(ctx).row
		row.Href = strconv.Itoa(w.index) + "/"
		d.Rows = append(d.Rows, row)
	}
	return d
}

func (s *Server) index(w http.ResponseWriter, q *http.Request) error {
	d := s.rows(q.Context())
	page, err := templates()["index"].Fill(struct {
		Runs  []runRow
		Table template.HTML
	}{d.Rows, livePart("runs", d)})
	if err != nil {
		return err
	}
	return sendBytes(w, "text/html; charset=utf-8", []byte(page))
}

// indexEvents sends the table of runs as it changes.
func (s *Server) indexEvents(w http.ResponseWriter, q *http.Request) error {
	return s.table.stream(w, q, func() message { return s.tableMessage(q.Context()) })
}

func (s *Server) tableMessage(ctx context.Context) message {
	return message{Parts: map[string]string{"runs": string(livePart("runs", s.rows(ctx)))}}
}
