package blob

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A query is what follows the key in a URL.
type query url.Values

func (q query) get(key string) string { return url.Values(q).Get(key) }
func (q query) is(key string) bool    { return isTrue(q.get(key)) }

func isTrue(s string) bool {
	ok, _ := strconv.ParseBool(s) // what is no truth value is not true
	return ok
}

// only refuses parameters that are not among those named, and truth values that
// are none.
func (q query) only(names ...string) error {
	for key, values := range q {
		if !slices.Contains(names, key) {
			return fmt.Errorf("unknown query parameter %q: use %s", key, strings.Join(names, ", "))
		}
		if len(values) > 1 {
			return fmt.Errorf("query parameter %q is given %d times", key, len(values))
		}
		switch key {
		case "anonymous", "use_path_style", "s3ForcePathStyle", "disable_https", "dualstack", "fips", "accelerate", "cdn", "localemu":
			if _, err := strconv.ParseBool(values[0]); err != nil {
				return fmt.Errorf("query parameter %s is %q: use true or false", key, values[0])
			}
		}
	}
	return nil
}

// first is the first string that is not empty.
func first(s ...string) string {
	for _, s := range s {
		if s != "" {
			return s
		}
	}
	return ""
}

// env is the first of several variables that is set.
func env(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

// newTransport is the standard library's, with a limit on the wait for an answer.
// Nothing is unpacked on the way: objects are read as they lie.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.MaxIdleConnsPerHost = 16
	t.ResponseHeaderTimeout = 2 * time.Minute
	return t
}

// A request of Google's or Azure's interface.
type request struct {
	method, url string
	header      http.Header
	body        []byte
}

// send makes one attempt. An answer that is not a success is a *refusal; else
// its body is to be closed.
func (r request) send(ctx context.Context, c *http.Client, sign func(*http.Request) error) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	q, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return nil, err
	}
	for key, values := range r.header {
		q.Header[key] = values
	}
	if sign != nil {
		if err := sign(q); err != nil {
			return nil, err
		}
	}
	a, err := c.Do(q)
	if err != nil {
		return nil, err
	}
	if a.StatusCode < 300 || a.StatusCode == http.StatusPermanentRedirect && a.Header.Get("Location") == "" { // 308 is Google's "go on"
		return a, nil
	}
	defer a.Body.Close()
	return nil, refused(a)
}

// done is send where the answer has no body that matters.
func (r request) done(ctx context.Context, c *http.Client, sign func(*http.Request) error) (*http.Response, error) {
	a, err := r.send(ctx, c, sign)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, a.Body) // so that the connection serves again
	a.Body.Close()
	return a, err
}

// refused reads code and message of an answer in Google's JSON or Azure's XML.
func refused(a *http.Response) error {
	r := &refusal{status: a.StatusCode, code: a.Header.Get("X-Ms-Error-Code")}
	b, err := io.ReadAll(io.LimitReader(a.Body, 64<<10))
	if err != nil {
		return r // the status is what matters
	}
	var google struct {
		Error struct{ Message string }
	}
	var azure struct{ Code, Message string }
	switch {
	case json.Unmarshal(b, &google) == nil:
		r.message = google.Error.Message
	case xml.Unmarshal(b, &azure) == nil:
		r.code, r.message = first(r.code, azure.Code), azure.Message
	}
	r.message, _, _ = strings.Cut(r.message, "\n") // then come numbers of requests
	return r
}

// span is the header of a range.
func span(start, end int64) string { return fmt.Sprintf("bytes=%d-%d", start, end-1) }
