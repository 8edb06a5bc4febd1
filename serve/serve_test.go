package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/view"
)

// hostile is text that wants out: of HTML, of an attribute, of a script, of a line
// of the terminal, of the direction of writing.
const hostile = `<img src=x onerror=alert(1)>"' onmouseover='alert(2)</script><script>alert(3)</script>` + "\u202e\u0007\x1b[31m ]]> javascript:alert(4) {{.}} &amp;"

// finishedRun is a directory with a small run that has ended. All tests look at it.
var finishedRun = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "climb-serve")
	if err != nil {
		return "", err
	}
	cleanup = dir
	var b strings.Builder
	for i := range 240 {
		line, _ := json.Marshal(map[string]string{"id": fmt.Sprintf("%d%s", i, hostile), "source": fmt.Sprintf("s%d %s", i%2, hostile),
			"text": fmt.Sprintf("the %s runs over word %d and over word %d of the day %s", []string{"river", "stone", "engine"}[i%3], i, i*7%50, hostile)})
		b.Write(append(line, '\n'))
	}
	input := filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(input, []byte(b.String()), 0o666); err != nil {
		return "", err
	}
	target := filepath.Join(dir, "target <b>.jsonl")
	if err := os.WriteFile(target, []byte(`{"text": "the engine runs over the river of the day"}`+"\n"+`{"text": "a stone runs over the engine of the day"}`+"\n"), 0o666); err != nil {
		return "", err
	}
	second := filepath.Join(dir, "second.jsonl")
	if err := os.WriteFile(second, []byte(`{"text": "the river runs over the stone"}`+"\n"+`{"text": "a river of the day"}`+"\n"), 0o666); err != nil {
		return "", err
	}
	c, err := climb.ParseConfig(fmt.Appendf(nil, `
out: %q
corpus: {inputs: [%q], dedup: text}
cluster: {kmeans: {k: 4}}
domains: {ward: {count: 3}}
tokens: {bpe: {vocab: 300}}
proxy: {model: {layers: 1, width: 16, heads: 1, context: 16}, tokens: 2000, batch: 4}
search: {rounds: [6, 4], strategy: random}
confirm: {seeds: 2, measured: 0}
target: {validation: [{file: %q, metric: bpb}, {file: %q, metric: bpb, weight: 2}]}
decontaminate: {action: none}
`, filepath.Join(dir, "run"), input, target, second))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "run"), climb.NewRun(c).Until(context.Background(), "")
})

var cleanup string

func TestMain(m *testing.M) {
	code := m.Run()
	if cleanup != "" {
		os.RemoveAll(cleanup)
	}
	os.Exit(code)
}

// finished is a run that has ended.
func finished(t testing.TB) Run {
	t.Helper()
	dir, err := finishedRun()
	if err != nil {
		t.Fatal(err)
	}
	return of(dir)
}

func of(dir string) Run {
	return Run{Name: "run " + hostile, Open: func(ctx context.Context) (*view.View, error) {
		c, err := climb.LoadConfig(filepath.Join(dir, "climb.yaml"))
		if err != nil {
			return nil, err
		}
		c.Out = dir
		return climb.NewRun(c).View(ctx)
	}}
}

// started is a server that listens.
func started(t testing.TB, runs ...Run) (*Server, string) {
	t.Helper()
	l, err := Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	s := New(runs...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, s.URL(l)
}

// get asks, and returns status, header and body.
func get(t testing.TB, url string) (int, http.Header, string) {
	t.Helper()
	a, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, string(body)
}

// TestGuard asks in all the ways that must be refused.
func TestGuard(t *testing.T) {
	s, url := started(t, finished(t))
	base := strings.TrimSuffix(url, s.token+"/")
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		body               string
		want               int
	}{
		{"no token", "GET", "", nil, "", 403},
		{"a wrong token", "GET", strings.Repeat("A", len(s.token)) + "/", nil, "", 403},
		{"the beginning of the token", "GET", s.token[:10] + "/0/", nil, "", 403},
		{"more than the token", "GET", s.token + "A/0/", nil, "", 403},
		{"another host", "GET", s.token + "/0/", map[string]string{"Host": "evil.example"}, "", 403},
		{"another host with the port", "GET", s.token + "/0/", map[string]string{"Host": "evil.example:80"}, "", 403},
		{"an address of this machine in the net", "GET", s.token + "/0/", map[string]string{"Host": "192.168.1.2"}, "", 403},
		{"no host", "GET", s.token + "/0/", map[string]string{"Host": " "}, "", 403},
		{"a page of another site", "GET", s.token + "/0/status.json", map[string]string{"Origin": "http://evil.example"}, "", 403},
		{"a page without an origin", "GET", s.token + "/0/status.json", map[string]string{"Origin": "null"}, "", 403},
		{"another port", "POST", s.token + "/0/whatif", map[string]string{"Origin": "http://127.0.0.1:1"}, "{}", 403},
		{"an image on another site", "GET", s.token + "/0/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, "", 403},
		{"a link on another site", "GET", s.token + "/0/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, "", 200},
		{"through ssh -L", "GET", s.token + "/0/status.json", map[string]string{"Host": "localhost:9999", "Origin": "http://localhost:9999"}, "", 200},
		{"writing", "POST", s.token + "/0/status.json", nil, "{}", 405},
		{"deleting", "DELETE", s.token + "/0/", nil, "", 405},
		{"a run that is not there", "GET", s.token + "/1/", nil, "", 404},
		{"a run below zero", "GET", s.token + "/-1/", nil, "", 404},
		{"another way to write zero", "GET", s.token + "/00/", nil, "", 404},
		{"a file of the run", "GET", s.token + "/0/climb.yaml", nil, "", 404},
		{"a file above", "GET", s.token + "/0/../../../../etc/passwd", nil, "", 404},
		{"a file above, encoded", "GET", s.token + "/0/%2e%2e%2f%2e%2e%2fetc%2fpasswd", nil, "", 404},
		{"a URL without end", "GET", s.token + "/0/" + strings.Repeat("a", 64<<10), nil, "", 431},
		{"a header without end", "GET", s.token + "/0/", map[string]string{"X": strings.Repeat("a", 64<<10)}, "", 431},
	} {
		status, header := ask(t, base, c.method, c.path, c.header, c.body)
		if status != c.want {
			t.Errorf("%s: %d, want %d", c.name, status, c.want)
		}
		if status != 431 && (!strings.Contains(header, "default-src 'none'; script-src 'self';") || !strings.Contains(header, "nosniff")) {
			t.Errorf("%s: header %s", c.name, header)
		}
	}
}

// ask writes a request as it stands, which a client of net/http would mend.
func ask(t *testing.T, base, method, path string, header map[string]string, body string) (status int, head string) {
	t.Helper()
	address := strings.Trim(strings.TrimPrefix(base, "http://"), "/")
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	host := address
	var b strings.Builder
	for k, v := range header {
		if k == "Host" {
			host = v
			continue
		}
		fmt.Fprintf(&b, "%s: %s\r\n", k, v)
	}
	go fmt.Fprintf(c, "%s /%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", method, path, host, b.String(), len(body), body)
	r := bufio.NewReader(c)
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("%s %.60s: %v", method, path, err)
	}
	defer a.Body.Close()
	var all strings.Builder
	if err := a.Header.Write(&all); err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, all.String()
}

// TestTokensDiffer is what the token is worth.
func TestTokensDiffer(t *testing.T) {
	if a, b := New().token, New().token; a == b || len(a) < 26 {
		t.Errorf("tokens %q and %q", a, b)
	}
}

// TestHostile looks for text that is not escaped in all that is HTML.
func TestHostile(t *testing.T) {
	_, url := started(t, finished(t), finished(t))
	for _, path := range []string{"", "0/", "1/"} {
		status, header, body := get(t, url+path)
		if status != 200 || !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d, %s", path, status, header.Get("Content-Type"))
		}
		checkHTML(t, path, body)
	}
	_, _, metrics := get(t, url+"metrics")
	if !strings.Contains(metrics, `climb_run_state{run="run <img`) || !strings.Contains(metrics, `state="finished"} 1`) || strings.Count(metrics, "# TYPE climb_up gauge") != 1 {
		t.Errorf("metrics: %s", metrics)
	}
}

// checkHTML reports what the hostile text has become, in a page or a part of one.
func checkHTML(t *testing.T, where, body string) {
	t.Helper()
	for _, bad := range []string{"<img", "<script>", "alert(3)</script>", "' onmouseover='", "\u202e", "\x1b", "\x07"} {
		if i := strings.Index(body, bad); i >= 0 {
			t.Errorf("%s: %q is not escaped: %.200q", where, bad, body[max(0, i-60):])
		}
	}
}

// TestPage looks at a finished run: the report with its live parts, which name no
// other origin.
func TestPage(t *testing.T) {
	_, url := started(t, finished(t))
	_, _, body := get(t, url)
	for _, want := range []string{`<section id="now"`, `data-page="1"`, `<section id="whatif"`, `<section id="verdict"`, `src="../live.js"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, bad := range []string{"http://", "https://", "<style", "Content-Security-Policy"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	for name, kind := range map[string]string{"report.css": "text/css", "live.css": "text/css", "report.js": "text/javascript", "live.js": "text/javascript"} {
		if status, header, body := get(t, url+name); status != 200 || !strings.HasPrefix(header.Get("Content-Type"), kind) || len(body) < 500 {
			t.Errorf("%s: %d, %s, %d bytes", name, status, header.Get("Content-Type"), len(body))
		}
	}
	var l view.Live
	if _, _, body := get(t, url+"0/status.json"); json.Unmarshal([]byte(body), &l) != nil || l.State != view.Finished || len(l.Proxies) < 10 {
		t.Errorf("status: %.300s", body)
	}
}

// firstEvent reads the first message of a stream.
func firstEvent(t *testing.T, r *bufio.Reader) (m message) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
}

// TestEvents sees a run become killed.
func TestEvents(t *testing.T) {
	from, err := finishedRun()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	_, url := started(t, of(dir))
	a, err := http.Get(url + "0/events")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if kind := a.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("type %s", kind)
	}
	r := bufio.NewReader(a.Body)
	m := firstEvent(t, r)
	if m.State != "finished" || !strings.Contains(m.Parts["now"], "Finished") || !strings.Contains(m.Parts["round"], "Confirmation") {
		t.Errorf("first %+v", m)
	}
	checkHTML(t, "now", m.Parts["now"])
	checkHTML(t, "round", m.Parts["round"])
	done, err := filepath.Glob(filepath.Join(dir, "dataset-*", "done", "00000.json"))
	if err != nil || len(done) != 1 {
		t.Fatal(done, err)
	}
	lock, _ := json.Marshal(map[string]any{"host": hostile, "pid": 77, "command": hostile, "since": time.Now()})
	if err := os.WriteFile(filepath.Join(dir, "lock"), lock, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(done[0]); err != nil {
		t.Fatal(err)
	}
	for m.State != "killed" {
		m = firstEvent(t, r)
	}
	if !strings.Contains(m.Parts["now"], "Killed") || !strings.Contains(m.Parts["now"], "Process 77") || !strings.Contains(m.Parts["now"], "climb run ") {
		t.Errorf("killed: %s", m.Parts["now"])
	}
	checkHTML(t, "now", m.Parts["now"])
}

// TestReaders has 200 readers of which one never reads: the others have every
// message, and the hub never waits.
func TestReaders(t *testing.T) {
	h := &hub{most: 200, within: writeIn}
	var list []chan []byte
	for range 200 {
		c, ok := h.join()
		if !ok {
			t.Fatal("no place for a reader")
		}
		list = append(list, c)
	}
	if _, ok := h.join(); ok {
		t.Error("more readers than there may be")
	}
	for i := range 10 * queue {
		h.send(message{Parts: map[string]string{"now": fmt.Sprint(i)}})
		for _, c := range list[1:] {
			if data := <-c; !strings.Contains(string(data), fmt.Sprintf(`"now":"%d"`, i)) {
				t.Fatalf("message %d: %s", i, data)
			}
		}
	}
	if n := h.readers(); n != 199 {
		t.Errorf("%d readers are left", n)
	}
	for range queue {
		<-list[0]
	}
	if _, open := <-list[0]; open {
		t.Error("the reader that never reads was kept")
	}
}

// TestDropped has a reader that never reads, on the wire.
func TestDropped(t *testing.T) {
	h := &hub{most: 2, within: 200 * time.Millisecond}
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		defer close(ended)
		_ = h.stream(w, q, func() message { return message{} })
	}))
	defer server.Close()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for h.readers() == 0 {
		time.Sleep(time.Millisecond)
	}
	large := strings.Repeat("x", 1<<20)
	for i := 0; h.readers() > 0; i++ {
		h.send(message{Parts: map[string]string{"now": fmt.Sprint(i, large)}})
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the connection of a reader that never reads is kept")
	}
}

// TestTell is for a run that tells very much: nothing of it is kept but the last,
// and nobody waits.
func TestTell(t *testing.T) {
	s := New(finished(t))
	s.runs[0].mu.Lock() // as while the files are read
	defer s.runs[0].mu.Unlock()
	for i := range 100_000 {
		s.Tell(0, stage.Event{Stage: "search", Done: i})
		s.Tell(0, stage.Event{Stage: "search", Note: fmt.Sprint(i), Warning: true})
	}
	if e := s.runs[0].event.Load(); e.Done != 99_999 {
		t.Errorf("the last event is %d", e.Done)
	}
	if n := len(s.runs[0].warnings); n > 20 {
		t.Errorf("%d warnings are kept", n)
	}
}
