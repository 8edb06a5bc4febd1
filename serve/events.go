package serve

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"
)

// A hub passes messages on to readers. None of them holds up another or the hub:
// each has a short queue, and one that does not empty it is let go.
type hub struct {
	most   int           // readers
	within time.Duration // that a message must be taken

	mu     sync.Mutex
	list   map[chan []byte]struct{}
	last   message
	closed bool
}

// queue is how many messages a reader may be behind.
const queue = 8

// join adds a reader; false if there are too many.
func (h *hub) join() (chan []byte, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.list) >= h.most {
		return nil, false
	}
	if h.list == nil {
		h.list = map[chan []byte]struct{}{}
	}
	c := make(chan []byte, queue)
	h.list[c] = struct{}{}
	return c, true
}

func (h *hub) leave(c chan []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.list[c]; there {
		delete(h.list, c)
		close(c)
	}
}

func (h *hub) readers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.list)
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for c := range h.list {
		delete(h.list, c)
		close(c)
	}
}

// send passes on what is new of a message. The same bytes go to all.
func (h *hub) send(m message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change := m
	change.Parts = maps.Clone(m.Parts)
	maps.DeleteFunc(change.Parts, func(name, part string) bool { old, had := h.last.Parts[name]; return had && old == part })
	if len(change.Parts) == 0 && m.Page == h.last.Page && m.State == h.last.State && m.Runs == h.last.Runs {
		return
	}
	h.last = m
	data := event(change)
	for c := range h.list {
		select {
		case c <- data:
		default: // it does not read
			delete(h.list, c)
			close(c)
		}
	}
}

// event is a message on the wire.
func event(m message) []byte {
	var b bytes.Buffer
	b.WriteString("data: ")
	if err := json.NewEncoder(&b).Encode(m); err != nil { // strings and numbers
		panic(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// beat is how often a reader without news hears something, so that one that is
// gone is found.
const beat = 15 * time.Second

// stream sends the first message and then those of the hub, until the reader goes
// or does not read.
func (h *hub) stream(w http.ResponseWriter, q *http.Request, first func() message) error {
	c, ok := h.join()
	if !ok {
		w.Header().Set("Retry-After", "30")
		return &statusError{http.StatusServiceUnavailable, "too many pages are open"}
	}
	defer h.leave(c)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	control := http.NewResponseController(w)
	write := func(data []byte) bool {
		_ = control.SetWriteDeadline(time.Now().Add(h.within)) // a recorder has none
		_, err := w.Write(data)
		return err == nil && control.Flush() == nil
	}
	if !write(append([]byte("retry: 2000\n"), event(first())...)) {
		return nil
	}
	idle := time.NewTicker(beat)
	defer idle.Stop()
	for {
		select {
		case <-q.Context().Done():
			return nil
		case data, open := <-c:
			if !open || !write(data) {
				return nil
			}
		case <-idle.C:
			if !write([]byte(":\n\n")) {
				return nil
			}
		}
	}
}

func (w *watched) serveEvents(to http.ResponseWriter, q *http.Request) error {
	return w.events.stream(to, q, func() message { return w.message(w.look(q.Context())) })
}
