package serve

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/climb-go/climb/task"
)

// silent takes what net/http would say of clients that misbehave.
var silent = log.New(io.Discard, "", 0)

// policy is what a page may do: run the scripts and ask the addresses of this
// server, and nothing else. Attributes of style are ours; text is escaped.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	for k, v := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store",
		"Permissions-Policy": "camera=(), geolocation=(), microphone=()",
	} {
		w.Header().Set(k, v)
	}
	if err := foreign(q); err != nil {
		http.Error(w, "climb: "+err.Error(), http.StatusForbidden)
		return
	}
	token, rest, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.token)) != 1 {
		http.Error(w, "climb: the token in the address is missing or wrong: open the address that climb has printed", http.StatusForbidden)
		return
	}
	if q.Method != http.MethodGet && q.Method != http.MethodHead && !(q.Method == http.MethodPost && strings.HasSuffix(rest, "/whatif")) {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "climb: this server only reads", http.StatusMethodNotAllowed)
		return
	}
	q.Body = http.MaxBytesReader(w, q.Body, mostBody)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerIn)) // httptest's recorder has none
	if err := s.answer(w, q, rest); err != nil {
		refuse(w, err)
	}
}

// foreign refuses requests that other sites make a browser send: under a name of
// theirs that leads to this machine (DNS rebinding), or from a page of theirs. The
// port is free, since ssh -L gives another one.
func foreign(q *http.Request) error {
	host := q.Host
	if name, _, err := net.SplitHostPort(q.Host); err == nil {
		host = name
	}
	switch strings.Trim(host, "[]") {
	case "127.0.0.1", "localhost", "::1":
	default:
		return fmt.Errorf("the host %q is not this machine: use 127.0.0.1 or localhost", host)
	}
	if origin := q.Header.Get("Origin"); origin != "" && origin != "http://"+q.Host {
		return errors.New("the request comes from a page of another site")
	}
	if site := q.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		if q.Method != http.MethodGet || q.Header.Get("Sec-Fetch-Mode") != "navigate" { // a link that is followed is no harm
			return errors.New("the request comes from a page of another site")
		}
	}
	return nil
}

// A statusError is an error with the status that it has on the wire.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func notFound(format string, args ...any) error {
	return &statusError{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error {
	return &statusError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// refuse answers with the error as plain text.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	var se *statusError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &se):
		status = se.status
	case errors.As(err, &large):
		status = http.StatusRequestEntityTooLarge
	case task.ExitCode(err) == task.ExitUsage:
		status = http.StatusBadRequest
	}
	http.Error(w, "climb: "+err.Error(), status)
}

// answer finds what is asked for below the token. Names come from this list and
// from numbers: no part of a path is ever the name of a file.
func (s *Server) answer(w http.ResponseWriter, q *http.Request, rest string) error {
	if a, ok := assets()[rest]; ok {
		w.Header().Set("Content-Type", a.kind)
		w.Header().Set("Cache-Control", "private, max-age=3600")
		_, err := io.WriteString(w, a.text)
		return ignore(err)
	}
	switch rest {
	case "":
		if len(s.runs) == 1 {
			http.Redirect(w, q, "/"+s.token+"/0/", http.StatusFound)
			return nil
		}
		return s.index(w, q)
	case "events":
		return s.indexEvents(w, q)
	case "metrics":
		return s.metrics(w, q)
	}
	number, name, ok := strings.Cut(rest, "/")
	i, err := strconv.Atoi(number)
	if err != nil || !ok || i < 0 || i >= len(s.runs) || strconv.Itoa(i) != number {
		return notFound("there is nothing at this address")
	}
	return s.runs[i].answer(s, w, q, name)
}

// ignore is for the errors of writing to a client: it has gone.
func ignore(error) error { return nil }
