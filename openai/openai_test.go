package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type message struct{ Text string }

// client talks to handler, with waits too short to notice.
func client(t *testing.T, s Server, handler http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	s.URL, s.Model = srv.URL+"/v1/", "m"
	c, err := NewClient(s)
	if err != nil {
		t.Fatal(err)
	}
	c.wait = time.Millisecond
	return c
}

func answer(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if err := json.NewEncoder(w).Encode(message{text}); err != nil {
		t.Error(err)
	}
}

func TestPost(t *testing.T) {
	t.Setenv("SOME_KEY", "secret")
	c := client(t, Server{KeyEnv: "SOME_KEY"}, func(w http.ResponseWriter, r *http.Request) {
		var in message
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		if r.URL.Path != "/v1/echo" || r.Header.Get("Authorization") != "Bearer secret" {
			t.Errorf("path %s, authorization %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		answer(t, w, in.Text+"!")
	})
	var out message
	if err := c.Post(context.Background(), "/echo", message{"hello"}, &out); err != nil || out.Text != "hello!" {
		t.Errorf("got %q, %v", out.Text, err)
	}
}

// A busy server, a broken connection and a cut answer are tried again.
func TestPostTriesAgain(t *testing.T) {
	var n atomic.Int64
	c := client(t, Server{}, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "0.01")
			http.Error(w, "slow down", http.StatusTooManyRequests)
		case 2:
			http.Error(w, "starting", http.StatusServiceUnavailable)
		case 3:
			panic(http.ErrAbortHandler)
		case 4:
			_, _ = io.WriteString(w, `{"Text": "cu`) // the client is what is tested
		default:
			answer(t, w, "done")
		}
	})
	var out message
	if err := c.Post(context.Background(), "/x", message{}, &out); err != nil || out.Text != "done" || n.Load() != 5 {
		t.Errorf("got %q, %v after %d requests", out.Text, err, n.Load())
	}
}

func TestPostGivesUp(t *testing.T) {
	for _, test := range []struct {
		code, requests int
		want           string
	}{
		{http.StatusInternalServerError, 3, "after 3 attempts"},
		{http.StatusUnauthorized, 1, "key_env"},
		{http.StatusNotFound, 1, "commonly ends with"},
		{http.StatusBadRequest, 1, "no such thing"},
	} {
		var n atomic.Int64
		c := client(t, Server{Attempts: 3}, func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			http.Error(w, "no such thing", test.code)
		})
		err := c.Post(context.Background(), "/x", message{}, &message{})
		var s *StatusError
		if !errors.As(err, &s) || s.Code != test.code || !strings.Contains(err.Error(), test.want) || int(n.Load()) != test.requests {
			t.Errorf("%d: %v after %d requests, want %d and %q", test.code, err, n.Load(), test.requests, test.want)
		}
	}
}

func TestPostEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := client(t, Server{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "50")
		w.WriteHeader(http.StatusServiceUnavailable)
		cancel()
	})
	if err := c.Post(ctx, "/x", message{}, &message{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Rate holds for all callers together: requests start at least the share of a
// minute apart.
func TestRate(t *testing.T) {
	const gap = 20 * time.Millisecond
	c := client(t, Server{Rate: float64(time.Minute / gap)}, func(w http.ResponseWriter, _ *http.Request) { answer(t, w, "") })
	start := time.Now()
	errs := make(chan error)
	for range 6 {
		go func() { errs <- c.Post(context.Background(), "/x", message{}, &message{}) }()
	}
	for range 6 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(start); took < 5*gap {
		t.Errorf("6 requests took %v, less than 5 x %v", took, gap)
	}
}

func TestNewClientRefuses(t *testing.T) {
	for want, s := range map[string]Server{
		"url":      {URL: "localhost:8000", Model: "m"},
		"model":    {URL: "http://localhost/v1"},
		"xxxxx":    {URL: "https://me:secret@localhost/v1", Model: "m"},
		"a key":    {URL: "https://localhost/v1?api_key=secret", Model: "m"},
		"user":     {URL: "https://secret@localhost/v1", Model: "m"},
		"address":  {URL: "http://[::1/v1", Model: "m"},
		"attempts": {URL: "http://localhost/v1", Model: "m", Attempts: -1},
	} {
		if _, err := NewClient(s); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want an error about %s", s, err, want)
		}
	}
}

// TestRedirects: one on the same host is followed, one to another is refused, and
// the key does not get there.
func TestRedirects(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-1")
	var keys atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys.Add(1)
		answer(t, w, "stolen")
	}))
	defer other.Close()
	c := client(t, Server{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/x":
			http.Redirect(w, r, other.URL+"/v1/x", http.StatusTemporaryRedirect)
		case "/v1/y":
			http.Redirect(w, r, "/v1/z", http.StatusTemporaryRedirect)
		case "/v1/round":
			http.Redirect(w, r, "/v1/round", http.StatusTemporaryRedirect)
		default:
			answer(t, w, "ok")
		}
	})
	if err := c.Post(t.Context(), "/x", message{}, &message{}); err == nil || !strings.Contains(err.Error(), "sends requests on to "+other.URL) || keys.Load() != 0 {
		t.Errorf("%v, %d requests went to the other host", err, keys.Load())
	}
	if err := c.Post(t.Context(), "/y", message{}, &message{}); err != nil {
		t.Error(err)
	}
	c.server.Attempts = 1
	if err := c.Post(t.Context(), "/round", message{}, &message{}); err == nil || !strings.Contains(err.Error(), "more than 5 redirects") {
		t.Error(err)
	}
}

// TestAnswerWithoutEnd: it is given up, not kept in memory.
func TestAnswerWithoutEnd(t *testing.T) {
	c := client(t, Server{Attempts: 1}, func(w http.ResponseWriter, r *http.Request) {
		block := bytes.Repeat([]byte(" "), 1<<20)
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	c.most = 4 << 20
	if err := c.Post(t.Context(), "/x", message{}, &message{}); err == nil || !strings.Contains(err.Error(), "more than 4194304 bytes") {
		t.Error(err)
	}
}
