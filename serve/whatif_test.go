package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/handover"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
)

// post asks what if.
func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	a, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	data, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(data)
}

// TestWhatIf compares the answers with a forecast that is made here.
func TestWhatIf(t *testing.T) {
	run := finished(t)
	_, url := started(t, run)
	url += "0/whatif"
	v, err := run.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.Trials.ReadSearch()
	if err != nil {
		t.Fatal(err)
	}
	f, err := search.NewForecast(s.Problem, s.Trials)
	if err != nil {
		t.Fatal(err)
	}
	var m whatIfModel
	if status, _, body := get(t, url); status != 200 || json.Unmarshal([]byte(body), &m) != nil || len(m.Domains) != 3 || len(m.Tasks) != 2 || m.Runs != 10 || m.From != "answer of the search" {
		t.Fatalf("%d %s", status, body)
	}
	ask := func(body string) (a whatIfAnswer) {
		t.Helper()
		status, text := post(t, url, body)
		if status != 200 || json.Unmarshal([]byte(text), &a) != nil {
			t.Fatalf("%s: %d %s", body, status, text)
		}
		return a
	}
	a := ask(`{"mixture": [2, 1, 1], "weights": null}`)
	want, tasks := f.Expect([]float64{0.5, 0.25, 0.25}, nil)
	if math.Abs(a.Total.Mean-want.Mean) > 1e-9 || math.Abs(a.Total.Half-want.Half) > 1e-9 || math.Abs(a.Tasks[1].Mean-tasks[1].Mean) > 1e-9 || a.Mixture[0] != 0.5 {
		t.Errorf("%+v, want %+v %+v", a, want, tasks)
	}
	for i, e := range a.Epochs {
		if want := a.Mixture[i] * float64(m.Budget) / float64(s.Supply[i]); math.Abs(e-want) > 1e-9 {
			t.Errorf("epochs of domain %d: %v, want %v", i, e, want)
		}
	}
	if b := ask(`{"mixture": [2, 1, 1], "weights": [1, 0]}`); math.Abs(b.Total.Mean-tasks[0].Mean) > 1e-9 {
		t.Errorf("with the first task alone: %v, want %v", b.Total.Mean, tasks[0].Mean)
	}
	near, _ := json.Marshal(s.Trials[3].Mixture)
	if b := ask(fmt.Sprintf(`{"mixture": %s}`, near)); b.Nearest.Hash != s.Trials[3].Hash || b.Nearest.Share > 1e-9 || !b.Within {
		t.Errorf("the nearest of a run is %+v", b.Nearest)
	}
	least := ask(fmt.Sprintf(`{"mixture": %s, "ask": "least", "task": 0, "gain": 0.001}`, near))
	if least.Gained == nil || *least.Gained < 0 || least.Moved == nil || !least.Within {
		t.Errorf("least change: %+v", least)
	}
	if best := ask(fmt.Sprintf(`{"mixture": %s, "ask": "best"}`, near)); best.Total.Mean < a.Total.Mean || !best.Within {
		t.Errorf("best %+v, and of another mixture %+v", best.Total, a.Total)
	}
	if !strings.Contains(a.YAML, "share: 0.25}") || strings.Count(a.YAML, "share:") != 3 {
		t.Errorf("mixture file %s", a.YAML)
	}
	for _, c := range []struct {
		body string
		want int
	}{
		{``, 400}, {`{`, 400}, {`[]`, 400}, {`{"mixture": [1]}`, 400}, {`{"mixture": [1, -1, 1]}`, 400}, {`{"mixture": [0, 0, 0]}`, 400}, {`{"mixture": [1, 1, 1], "other": 1}`, 400},
		{`{"mixture": [1, 1, 1]} {}`, 400}, {`{"mixture": [1, 1, 1], "weights": [0, 0]}`, 400}, {`{"mixture": [1, 1, 1], "weights": [1]}`, 400},
		{`{"mixture": [1, 1, 1], "ask": "all"}`, 400}, {`{"mixture": [1, 1, 1], "ask": "least", "task": 2, "gain": 1}`, 400}, {`{"mixture": [1, 1, 1], "ask": "least", "task": 0, "gain": 0}`, 400},
		{`{"mixture": [` + strings.Repeat("1,", mostBody) + `1]}`, 413},
	} {
		if status, text := post(t, url, c.body); status != c.want {
			t.Errorf("%.60s: %d %s", c.body, status, text)
		}
	}
	a2, err := http.Post(url, "text/plain", bytes.NewBufferString(`{"mixture": [1, 1, 1]}`))
	if err != nil {
		t.Fatal(err)
	}
	a2.Body.Close()
	if a2.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form's body: %d", a2.StatusCode)
	}
}

// TestDomain reads the documents of a domain, all of them, and its page.
func TestDomain(t *testing.T) {
	_, url := started(t, finished(t))
	status, _, page := get(t, url+"0/domain/0")
	if status != 200 || !strings.Contains(page, "One more percentage point") || !strings.Contains(page, "Half of the documents") || !strings.Contains(page, "&lt;img") {
		t.Errorf("%d %s", status, page)
	}
	checkHTML(t, "domain/0", page)
	seen := 0
	for at := (&view.Cursor{}); at != nil; {
		var got struct {
			Documents []view.Document
			Next      *view.Cursor
		}
		status, header, body := get(t, fmt.Sprintf("%s0/domain/0/documents?shard=%d&row=%d", url, at.Shard, at.Row))
		if status != 200 || header.Get("Content-Type") != "application/json" || json.Unmarshal([]byte(body), &got) != nil {
			t.Fatalf("%d %s", status, body)
		}
		if strings.Contains(body, "<img") { // JSON that a browser takes for HTML has no tag either
			t.Errorf("documents: %.200s", body)
		}
		for _, d := range got.Documents {
			if !strings.Contains(d.Text, hostile) || !strings.Contains(d.ID, hostile) {
				t.Errorf("document %+v", d)
			}
		}
		seen, at = seen+len(got.Documents), got.Next
	}
	if seen < 10 {
		t.Errorf("%d documents", seen)
	}
	for path, want := range map[string]int{"3": 404, "-1": 404, "00": 404, "x": 404, "0/x": 404, "0/documents?row=x": 400, "0/documents?shard=99": 400, "0/documents?row=-1": 400, "0/documents?shard=99999999999999999999": 400} {
		if status, _, body := get(t, url+"0/domain/"+path); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}

// TestYAML hands the mixture over that the page saves.
func TestYAML(t *testing.T) {
	dir, err := finishedRun()
	if err != nil {
		t.Fatal(err)
	}
	here := t.TempDir()
	run := filepath.Join(here, "a run") // the export works in the run directory
	if err := os.CopyFS(run, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	_, url := started(t, of(run))
	_, text := post(t, url+"0/whatif", `{"mixture": [3, 1, 0]}`)
	var a whatIfAnswer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(here, "mixture.yaml")
	if err := os.WriteFile(file, []byte(a.YAML), 0o666); err != nil {
		t.Fatal(err)
	}
	w, err := handover.LoadWeights(file)
	if err != nil || w.Run != run {
		t.Fatalf("%v of run %q", err, w.Run)
	}
	c, err := climb.LoadConfig(filepath.Join(run, "climb.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c.Out = run
	r := climb.NewRun(c)
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	x, err := handover.OfShares(r.Curation, w, handover.Defaults("megatron"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := x.Make(t.Context(), filepath.Join(here, "out"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := r.Curation.Domains()
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Domains) != 2 || !strings.Contains(h.Mixture, "mixture.yaml") {
		t.Errorf("%d domains, %s", len(h.Domains), h.Mixture)
	}
	for i, got := range h.Domains {
		if want := []float64{0.75, 0.25}[i]; got.Name != d.Domains[i].Name || math.Abs(got.Given-want) > 1e-6 {
			t.Errorf("domain %s: asked %+v, want %v of the tokens", got.Name, got.Asked, want)
		}
	}
	for name, wrong := range map[string]string{"another domain": "run: %q\ndomains: {none: {share: 1}}", "inputs": "run: %q\ndomains: {a: {share: 1, inputs: [b]}}", "phases": "run: %q\ndomains: {a: {}}\nphases: [{share: 1, mixture: {a: 1}}]"} {
		if err := os.WriteFile(file, fmt.Appendf(nil, wrong, run), 0o666); err != nil {
			t.Fatal(err)
		}
		if w, err = handover.LoadWeights(file); err == nil {
			_, err = handover.OfShares(r.Curation, w, handover.Defaults("megatron"))
		}
		if task.ExitCode(err) != task.ExitUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
