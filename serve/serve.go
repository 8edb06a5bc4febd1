// Package serve shows runs in a browser as they go: the page of the report with
// life in it. It listens on this machine alone, answers nobody without the token
// in the URL, reads and never writes, and paces itself so that the run is not
// slowed. The run does not need it: it reads the files that the run writes.
package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/view"
)

// A Run is a run to be shown.
type Run struct {
	Name string // for people
	// Open opens the run to be looked at, as its configuration is now: it is called
	// again when the configuration in the run directory has changed.
	Open func(ctx context.Context) (*view.View, error)
}

// A Server shows runs. Its methods may be called from several goroutines.
type Server struct {
	token string
	runs  []*watched
	table hub           // of the runs side by side
	gate  chan struct{} // places for what takes long: documents, predictions
}

// New makes a server of the runs, with a token of its own.
func New(runs ...Run) *Server {
	s := &Server{token: rand.Text(), gate: make(chan struct{}, 2)}
	s.table.most, s.table.within = mostReaders, writeIn
	for i, r := range runs {
		s.runs = append(s.runs, newWatched(i, r))
	}
	return s
}

// Listen listens on 127.0.0.1; port 0 is any that is free.
func Listen(port int) (net.Listener, error) {
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("%w; choose another port with --port, 0 is any that is free", err)
	}
	return l, nil
}

// URL is where the page is, for a server at the listener.
func (s *Server) URL(l net.Listener) string { return fmt.Sprintf("http://%s/%s/", l.Addr(), s.token) }

// Limits of what a server takes from a client.
const (
	mostHeader  = 16 << 10  // bytes of a request's line and header
	mostBody    = 256 << 10 // bytes of a request
	mostReaders = 256       // of events, of each run
	answerIn    = 60 * time.Second
	writeIn     = 10 * time.Second // an event
)

// Serve answers until the context ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler: s, MaxHeaderBytes: mostHeader,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    silent,
	}
	var all sync.WaitGroup
	for _, r := range s.runs {
		all.Go(func() { r.watch(ctx) })
	}
	all.Go(func() { s.watchTable(ctx) })
	stop := context.AfterFunc(ctx, func() { h.Close() })
	defer stop()
	err := h.Serve(l)
	all.Wait()
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// watchTable looks at all runs for as long as somebody reads the table of them.
func (s *Server) watchTable(ctx context.Context) {
	tick := time.NewTicker(2 * leastLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.table.close()
			return
		case <-tick.C:
			if s.table.readers() > 0 {
				s.table.send(s.tableMessage(ctx))
			}
		}
	}
}

// Tell passes on an event of run i, which runs in this process. It returns at
// once.
func (s *Server) Tell(i int, e stage.Event) { s.runs[i].tell(e) }
