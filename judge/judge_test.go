package judge

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/label"
	"github.com/climb-go/climb/openai"
	"github.com/climb-go/climb/option"
)

// judging is a corpus of 12 texts and a judge that gives more for longer ones.
func judging(t *testing.T) (Options, *atomic.Int32) {
	dir := t.TempDir()
	var corpusFile bytes.Buffer
	for i := range 12 {
		fmt.Fprintf(&corpusFile, `{"id": "d%d", "text": "%s"}`+"\n", i, strings.Repeat("w ", i+1))
	}
	if err := os.WriteFile(filepath.Join(dir, "c.jsonl"), corpusFile.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked.Add(1)
		grade := min(5, 1+bytes.Count(body, []byte("w "))/3)
		fmt.Fprintf(w, `{"choices": [{"message": {"content": "{\"quality\": %d, \"educational\": 1, \"informational\": 2, \"advertisement\": 5}"}}],
			"usage": {"prompt_tokens": 10, "completion_tokens": 1}}`, grade)
	}))
	t.Cleanup(srv.Close)
	o := Options{Judge: label.Judge{Server: openai.Server{URL: srv.URL + "/v1", Model: "m", Attempts: 1, Parallel: 3}},
		Sample: 8, Repeat: 2, Seed: 1, Out: filepath.Join(dir, "out.jsonl"), PriceIn: 1e6, PriceOut: 2e6}
	o.Corpus = corpus.Options{Inputs: corpus.Paths(filepath.Join(dir, "c.jsonl"))}
	option.Fill(&o.Corpus)
	return o, &asked
}

func judge(t *testing.T, o Options) (before, after Report) {
	t.Helper()
	j, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	before = j.Estimate()
	if after, err = j.Run(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	return before, after
}

// TestJudge: the estimate bounds the cost, a file that was cut off goes on to
// the same bytes, and what is there costs nothing.
func TestJudge(t *testing.T) {
	o, asked := judging(t)
	before, after := judge(t, o)
	if before.Left != 16 || after.Done != 16 || after.Left != 0 || asked.Load() != 16 || after.Cost != 16*12 || before.Cost < after.Cost {
		t.Errorf("estimate %+v, then %+v, asked %d times", before, after, asked.Load())
	}
	if len(after.Repeated) != 4 || after.Repeated[0].Kappa != 1 || after.Repeated[0].Correlation < 0.999 || after.Repeated[0].Texts != 8 {
		t.Errorf("agreement %+v", after.Repeated)
	}
	whole, err := os.ReadFile(o.Out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Out, whole[:len(whole)*2/3], 0o644); err != nil {
		t.Fatal(err)
	}
	n := asked.Load()
	if _, after = judge(t, o); after.Left != 0 || asked.Load()-n >= 8 || asked.Load() == n {
		t.Errorf("resumed: %+v, asked %d times more", after, asked.Load()-n)
	}
	if again, err := os.ReadFile(o.Out); err != nil || !bytes.Equal(again, whole) {
		t.Errorf("resumed to other bytes: %v", err)
	}
	n = asked.Load()
	if before, _ = judge(t, o); before.Left != 0 || before.Cost != 0 || asked.Load() != n {
		t.Errorf("nothing left: %+v, asked %d times more", before, asked.Load()-n)
	}
}

// TestJudgeCompares with the judgements of another model.
func TestJudgeCompares(t *testing.T) {
	o, _ := judging(t)
	o.Repeat = 1
	judge(t, o)
	o.Compare, o.Out, o.Model = o.Out, o.Out+".2", "m2"
	_, r := judge(t, o)
	if len(r.Compared) != 4 || r.Compared[0].Texts != 8 || r.Compared[0].Same != 1 || len(r.Repeated) != 0 {
		t.Errorf("%+v", r.Compared)
	}
	o.Out = o.Compare
	if _, err := New(t.Context(), o); err == nil || !strings.Contains(err.Error(), "name another file") {
		t.Errorf("two judges in one file: %v", err)
	}
}

// TestJudgementsAreChecked: a file of something else is refused, and kept.
func TestJudgementsAreChecked(t *testing.T) {
	const good = `{"id":"a","text":"x","quality":1,"educational":5,"informational":3,"advertisement":2,"model":"m","pass":1}` + "\n"
	path := filepath.Join(t.TempDir(), "j.jsonl")
	for _, c := range []struct{ data, want string }{
		{good, ""},
		{good + `{"id":"b","te`, ""},
		{good + `{"i`, ""},
		{"", ""},
		{strings.Replace(good, `"quality":1`, `"quality":0`, 1), "line 1: quality is 0"},
		{strings.Replace(good, `"advertisement":2`, `"advertisement":6`, 1), "line 1: advertisement is 6"},
		{strings.Replace(good, `"educational":5,`, ``, 1), "educational is 0"},
		{strings.Replace(good, `"quality":1`, `"quality":null`, 1), "quality is 0"},
		{strings.Replace(good, `"quality":1`, `"quality":1.5`, 1), "line 1"},
		{strings.Replace(good, `"pass":1`, `"pass":-1`, 1), "pass is -1"},
		{good + good, "line 2: \"a\" has two judgements"},
		{good + "\n", "line 2"},
		{"my only copy of some notes", "no judgement that was cut off"},
		{good + "notes", "no judgement that was cut off"},
		{"\x00\x00\n", "line 1"},
	} {
		if err := os.WriteFile(path, []byte(c.data), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := readJudgements(path, true)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%q: %v, want %q", c.data, err, c.want)
		}
		if now, _ := os.ReadFile(path); c.want != "" && string(now) != c.data {
			t.Errorf("%q was changed to %q", c.data, now)
		}
	}
}

// FuzzJudgements: what is read can be compared.
func FuzzJudgements(f *testing.F) {
	f.Add([]byte(`{"id":"a","text":"x","quality":1,"educational":5,"informational":3,"advertisement":2,"model":"m","pass":1}` + "\n"))
	f.Add([]byte("{}\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseJudgements(data)
		if err != nil {
			return
		}
		var grades []int
		for _, j := range all {
			grades = append(grades, j.Values()...)
		}
		if a := label.Agree("all", grades, grades); len(grades) > 0 && a.Same != 1 {
			t.Fatalf("%+v", a)
		}
	})
}

func TestJudgeStopsAtAServerThatIsNone(t *testing.T) {
	o, _ := judging(t)
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	o.URL = srv.URL
	j, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	batches := 0
	r, err := j.Run(t.Context(), func(int, int) { batches++ })
	if err == nil || !strings.Contains(err.Error(), "404") || batches != 1 || len(r.Errors) == 0 {
		t.Errorf("%v after %d batches, %+v", err, batches, r)
	}
}
