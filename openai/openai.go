// Package openai talks to servers with OpenAI's HTTP interface, of which
// vLLM, Text Embeddings Inference, Ollama and llama.cpp offer parts: it asks
// again where a server is busy or breaks off, keeps to a rate, and says what
// went wrong in the server's own words.
package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/wire"
)

// Server says how a server is reached. It is the part of a configuration
// that every method with a server embeds.
type Server struct {
	URL      string  `json:"url" doc:"address of the server up to and with /v1, such as http://localhost:8000/v1"`
	Model    string  `json:"model" doc:"name of the model at the server"`
	KeyEnv   string  `json:"key_env" default:"OPENAI_API_KEY" doc:"environment variable that holds the key; none is sent if it is empty or unset"`
	Parallel int     `json:"parallel" default:"8" min:"1" doc:"requests under way at a time"`
	Rate     float64 `json:"rate" min:"0" doc:"most requests a minute; 0 = no limit"`
	Attempts int     `json:"attempts" default:"7" min:"1" doc:"times a request is sent before 408, 409, 429, 5xx or a broken connection counts as an error"`
	Timeout  float64 `json:"timeout" default:"120" min:"1" doc:"longest wait for one answer in seconds"`
}

// A Client sends requests to one server. It is safe for concurrent use: Rate
// holds for all callers together.
type Client struct {
	server Server
	key    string
	http   http.Client
	wait   time.Duration // before the second attempt, doubled for each further one
	most   int64         // bytes of an answer

	mu   sync.Mutex
	next time.Time // earliest moment of the next request, under Rate
}

// NewClient checks the options; nothing is sent yet.
func NewClient(s Server) (*Client, error) {
	option.Fill(&s)
	if err := option.Check("", s); err != nil {
		return nil, err
	}
	s.URL = strings.TrimRight(s.URL, "/")
	if !strings.HasPrefix(s.URL, "http://") && !strings.HasPrefix(s.URL, "https://") {
		return nil, errors.New("url: is not the address of a server; it starts with http:// or https:// and commonly ends with /v1")
	}
	_, err := url.Parse(s.URL)
	switch {
	case err != nil:
		return nil, errors.New("url: cannot be read as an address; it is like http://localhost:8000/v1")
	case escape.Secrets(s.URL) != s.URL:
		return nil, fmt.Errorf("url: %s holds a user, a password or a key, which errors and climb.yaml would show; put a key into the environment variable of key_env", escape.Secrets(s.URL))
	}
	if s.Model == "" {
		return nil, errors.New("model: the server wants the name of a model")
	}
	c := &Client{server: s, wait: time.Second, most: maxAnswer, http: http.Client{Timeout: time.Duration(s.Timeout * float64(time.Second))}}
	if s.KeyEnv != "" {
		c.key = os.Getenv(s.KeyEnv)
	}
	c.http.CheckRedirect = sameHost
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = s.Parallel
	c.http.Transport = transport
	return c, nil
}

// sameHost refuses to follow a server elsewhere: the texts, and perhaps the key,
// would go to a host that nobody named.
func sameHost(req *http.Request, via []*http.Request) error {
	from := via[0].URL
	if req.URL.Host != from.Host || req.URL.Scheme != from.Scheme {
		return &elsewhereError{req.URL.Scheme + "://" + req.URL.Host}
	}
	if len(via) > 5 {
		return errors.New("more than 5 redirects")
	}
	return nil
}

// An elsewhereError is a redirect to another host.
type elsewhereError struct{ to string }

func (e *elsewhereError) Error() string {
	return fmt.Sprintf("the server sends requests on to %s; texts and the key go to the host in url only, so name that one there if it is right", e.to)
}

// maxAnswer bounds an answer: a few thousand vectors are a tenth of it.
const maxAnswer = 256 << 20 // bytes

// Server returns the options in force, defaults filled in.
func (c *Client) Server() Server { return c.server }

// A StatusError is an answer other than 200.
type StatusError struct {
	URL    string
	Code   int    // HTTP status
	Text   string // what the server said, shortened
	WaitAt time.Duration
}

func (e *StatusError) Error() string {
	hint := ""
	switch e.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = "; is the key in the environment variable of key_env?"
	case http.StatusNotFound:
		hint = "; is url right (it commonly ends with /v1), and does the server know the model?"
	case http.StatusRequestEntityTooLarge:
		hint = "; send fewer or shorter texts a request"
	}
	return fmt.Sprintf("%s answered %d %s: %s%s", e.URL, e.Code, http.StatusText(e.Code), e.Text, hint)
}

// retryable tells whether the same request may succeed later.
func retryable(err error) bool {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Code == http.StatusRequestTimeout || s.Code == http.StatusConflict || s.Code == http.StatusTooManyRequests || s.Code >= 500
	}
	var elsewhere *elsewhereError
	return !errors.As(err, &elsewhere) // the connection broke, or the answer did
}

// Post sends request as JSON to the path below URL, such as "/embeddings",
// and decodes the answer into reply. It sends again after a wait that
// doubles, or that the server names in Retry-After.
func (c *Client) Post(ctx context.Context, path string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	wait := c.wait
	for attempt := 1; ; attempt++ {
		if err := c.turn(ctx); err != nil {
			return err
		}
		err := c.post(ctx, c.server.URL+path, body, reply)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !retryable(err) {
			return err
		}
		if attempt == c.server.Attempts {
			return fmt.Errorf("after %d attempts: %w", attempt, err)
		}
		pause := time.Duration(float64(wait) * (0.5 + rand.Float64())) // spread, so that callers do not return together
		var s *StatusError
		if errors.As(err, &s) && s.WaitAt > 0 {
			pause = s.WaitAt
		}
		if err := sleep(ctx, min(pause, time.Minute)); err != nil {
			return err
		}
		wait *= 2
	}
}

func (c *Client) post(ctx context.Context, to string, body []byte, reply any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() // read only
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(resp.Body, 500))
		if err != nil {
			text = []byte(err.Error())
		}
		return &StatusError{to, resp.StatusCode, strings.TrimSpace(strings.ToValidUTF8(string(text), "?")), retryAfter(resp.Header)}
	}
	data, err := wire.ReadAll("the answer of "+to, resp.Body, c.most)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, reply); err != nil {
		return fmt.Errorf("%s: read the answer: %w", to, err)
	}
	return nil
}

func retryAfter(h http.Header) time.Duration {
	s, err := strconv.ParseFloat(h.Get("Retry-After"), 64)
	if err != nil || s < 0 {
		return 0 // absent, or a date
	}
	return time.Duration(s * float64(time.Second))
}

// turn waits until Rate lets one more request go.
func (c *Client) turn(ctx context.Context) error {
	if c.server.Rate == 0 {
		return ctx.Err()
	}
	c.mu.Lock()
	at := c.next
	if now := time.Now(); at.Before(now) {
		at = now
	}
	c.next = at.Add(time.Duration(float64(time.Minute) / c.server.Rate))
	c.mu.Unlock()
	return sleep(ctx, time.Until(at))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
