package eval

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func write(t *testing.T, name, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadTaskShapes(t *testing.T) {
	tests := []struct {
		name, line, kind string
		want             Item
	}{
		{"choice", `{"id":"a","query":"Q:\nAnswer:","choices":["yes","no é"],"gold":1}`, Choice,
			Item{ID: "a", Requests: []Request{{"Q:\nAnswer:", " yes"}, {"Q:\nAnswer:", " no é"}}, Gold: 1, Lengths: []int{3, 4}, Bytes: []int{3, 5}}},
		{"empty query", `{"id":"a","query":"","choices":["x","y"],"gold":0}`, Choice,
			Item{ID: "a", Requests: []Request{{"", "x"}, {"", "y"}}, Lengths: []int{1, 1}, Bytes: []int{1, 1}}},
		{"query ends in space", `{"query":"so \n","choices":["x","y"],"gold":0}`, Choice,
			Item{ID: "line 1", Requests: []Request{{"so", " \nx"}, {"so", " \ny"}}, Lengths: []int{1, 1}, Bytes: []int{1, 1}}},
		{"answer brings its space", `{"id":7,"query":"so","choices":[" x","\ny"],"gold":0}`, Choice,
			Item{ID: "7", Requests: []Request{{"so", " x"}, {"so", "\ny"}}, Lengths: []int{2, 2}, Bytes: []int{2, 2}}},
		{"contexts win", `{"id":"w","query":"so","choices":["Al ran.","Bo ran."],"gold":1,"contexts":["so Al","so Bo"],"target":"ran."}`, Choice,
			Item{ID: "w", Requests: []Request{{"so Al", " ran."}, {"so Bo", " ran."}}, Gold: 1, Lengths: []int{4, 4}, Bytes: []int{4, 4}}},
		{"target", `{"id":"l","context":"go","target":"home","aliases":["x"]}`, Target,
			Item{ID: "l", Requests: []Request{{"go", " home"}}, Lengths: []int{4}, Bytes: []int{4}}},
		{"text", `{"id":"t","text":" a\n"}`, Text, Item{ID: "t", Requests: []Request{{"", " a\n"}}}},
	}
	for _, test := range tests {
		got, err := LoadTask(write(t, "demo.validation.jsonl", "\ufeff"+test.line+"\r\n\n"))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got.Name != "demo.validation" || got.Kind != test.kind {
			t.Errorf("%s: name %q, kind %q", test.name, got.Name, got.Kind)
		}
		if d := cmp.Diff([]Item{test.want}, got.Items); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
}

func TestLoadTaskErrors(t *testing.T) {
	good := `{"id":"a","query":"q","choices":["x","y"],"gold":0}` + "\n"
	tests := []struct{ data, want string }{
		{"", "no items; write one JSON object a line"},
		{"\n\n", "no items"},
		{good + "{", "bad.jsonl:2: not a JSON object (unexpected end of JSON input); write one object a line"},
		{"[]", `bad.jsonl:1: not a JSON object`},
		{"null", "bad.jsonl:1: none of choices, contexts, target and text"},
		{good + `{"query":"q","choices":["x","y"]}`, "bad.jsonl:2: no gold; give the index of the right one of the 2 choices, from 0"},
		{good + "\n" + `{"query":"q","choices":["x","y"],"gold":2}`, "bad.jsonl:3: gold 2 is out of range for 2 choices; it is an index from 0 to 1"},
		{`{"query":"q","choices":["x","y"],"gold":-1}`, "gold -1 is out of range"},
		{`{"query":"q","choices":["x","y"],"gold":"A"}`, `field "gold" holds a JSON string where an integer belongs`},
		{`{"query":"q","choices":"x","gold":0}`, `field "choices" holds a JSON string where a list of strings belongs`},
		{`{"query":"q","choices":["x"],"gold":0}`, "1 choices; a choice needs two or more"},
		{`{"query":"q","choices":[],"gold":0}`, "0 choices; a choice needs two or more"},
		{`{"query":"q","choices":["x",""],"gold":0}`, "choice 1 is empty"},
		{`{"choices":["x","y"],"gold":0}`, "choices without query"},
		{`{"contexts":["x","y"],"gold":0}`, "contexts without target"},
		{`{"contexts":["x"],"target":"t","gold":0}`, "1 contexts; a choice needs two or more"},
		{`{"target":"t"}`, "target without context"},
		{`{"context":"c","target":""}`, "target is empty"},
		{`{"text":""}`, "text is empty"},
		{good + `{"text":"t"}`, "bad.jsonl:2: a text item in a file that began with choice items"},
		{good + "{\"text\":\"\xff\"}", "bad.jsonl:2: not valid UTF-8"},
	}
	for _, test := range tests {
		_, err := LoadTask(write(t, "bad.jsonl", test.data))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.data, err, test.want)
		}
	}
	if _, err := LoadTask("no/such/file.jsonl"); !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("missing file: %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		if _, isPath := err.(*os.PathError); isPath {
			return err
		}
		err = u.Unwrap()
	}
}

func TestLoadTaskPacked(t *testing.T) {
	plain := strings.Repeat(`{"id":"a","context":"go","target":"home"}`+"\n", 500)
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write([]byte(plain))
	g.Close()
	z, _ := zstd.NewWriter(&zst)
	z.Write([]byte(plain))
	z.Close()
	for name, data := range map[string]string{"t.jsonl": plain, "t.jsonl.gz": gz.String(), "t.jsonl.zst": zst.String(), "t": zst.String()} {
		task, err := LoadTask(write(t, name, data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if task.Name != "t" || len(task.Items) != 500 || task.Duplicates != 499 {
			t.Errorf("%s: name %s, %d items, %d duplicates", name, task.Name, len(task.Items), task.Duplicates)
		}
	}
	for name, data := range map[string]string{"t.jsonl.gz": gz.String()[:gz.Len()/2], "t.jsonl.zst": zst.String()[:zst.Len()/2]} {
		if _, err := LoadTask(write(t, name, data)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("truncated %s: %v", name, err)
		}
	}
}

func TestLoadText(t *testing.T) {
	text := strings.Repeat("One line of text, of some length é.\n", 400)
	task, err := LoadTask(write(t, "book.txt", text))
	if err != nil {
		t.Fatal(err)
	}
	var joined strings.Builder
	for _, item := range task.Items {
		joined.WriteString(item.Requests[0].Continuation)
	}
	if joined.String() != text || task.Name != "book" || task.Kind != Text || len(task.Items) != 4 {
		t.Errorf("%d items, %s, %s", len(task.Items), task.Name, task.Kind)
	}
	if _, err := LoadTask(write(t, "blank.txt", " \n\n ")); err == nil {
		t.Error("a blank text gave a task")
	}
	if _, err := LoadTask(write(t, "latin.txt", "caf\xe9")); err == nil {
		t.Error("latin-1 gave a task")
	}
}

func TestSplitTextPrefersParagraphs(t *testing.T) {
	got := splitText("aaaa bb\n\ncc dd\nee éé", 12)
	if d := cmp.Diff([]string{"aaaa bb\n\n", "cc dd\nee ", "éé"}, got); d != "" {
		t.Error(d)
	}
}

func TestLimitSpreadsEvenly(t *testing.T) {
	task := &Task{Items: make([]Item, 10)}
	for i := range task.Items {
		task.Items[i].Gold = i
	}
	var got []int
	for _, item := range task.Limit(4).Items {
		got = append(got, item.Gold)
	}
	if d := cmp.Diff([]int{0, 2, 5, 7}, got); d != "" {
		t.Error(d)
	}
	if task.Limit(0) != task || task.Limit(10) != task {
		t.Error("no limit must be the task itself")
	}
}

// data is a folder of the test data, or skips the test.
func data(t testing.TB, elem ...string) string {
	root := os.Getenv("CLIMB_TEST_DATA")
	if root == "" {
		root = "../../shared/data"
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no test data at %s; set CLIMB_TEST_DATA", path)
	}
	return path
}

func TestLoadSharedTasks(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(data(t, "mini", "eval"), "*.jsonl"))
	kinds := map[string]string{"lambada_openai": Target, "triviaqa": Target, "bigbench_qa_wikidata": Target}
	for _, path := range paths {
		task, err := LoadTask(path)
		if err != nil {
			t.Error(err)
			continue
		}
		base, _, _ := strings.Cut(task.Name, ".")
		want := kinds[base]
		if want == "" {
			want = Choice
		}
		if task.Kind != want || len(task.Items) < 50 || task.Duplicates != 0 {
			t.Errorf("%s: %s, %d items, %d duplicates", task.Name, task.Kind, len(task.Items), task.Duplicates)
		}
		for _, item := range task.Items {
			for _, q := range item.Requests {
				first, _ := utf8.DecodeRuneInString(q.Continuation)
				if spaced := first == ' '; spaced == (base == "blimp") || strings.HasSuffix(q.Context, " ") {
					t.Fatalf("%s %s: continuation %q after %q", task.Name, item.ID, q.Continuation, q.Context)
				}
			}
		}
	}
	if len(paths) < 30 {
		t.Errorf("%d task files", len(paths))
	}
}

func FuzzParseItem(f *testing.F) {
	f.Add([]byte(`{"id":"a","query":"q","choices":["x","y"],"gold":1}`))
	f.Add([]byte(`{"contexts":["a ","b"],"target":"t","gold":0}`))
	f.Add([]byte(`{"context":"","target":" t"}`))
	f.Add([]byte(`{"text":"\u0000\ud800"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		kind, item, err := parseItem(line)
		if err != nil {
			return
		}
		if kind != Choice && len(item.Requests) != 1 || item.Gold < 0 || item.Gold >= len(item.Requests) {
			t.Fatalf("%s with %d requests, gold %d", kind, len(item.Requests), item.Gold)
		}
		for i, q := range item.Requests {
			if q.Continuation == "" || kind != Text && item.Lengths[i] < 1 {
				t.Fatalf("empty continuation %d of %q", i, line)
			}
			if !utf8.ValidString(q.Context + q.Continuation) {
				t.Fatalf("invalid UTF-8 out of %q", line)
			}
		}
	})
}

func FuzzSplitText(f *testing.F) {
	f.Add("a b\n\nc é世界", 5)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if !utf8.ValidString(text) || size < utf8.UTFMax || size > 1<<16 {
			t.Skip()
		}
		rest := text
		for _, part := range splitText(text, size) {
			i := strings.Index(rest, part)
			if i < 0 || strings.TrimSpace(rest[:i]) != "" || len(part) > size || !utf8.ValidString(part) {
				t.Fatalf("part %q of %q", part, text)
			}
			rest = rest[i+len(part):]
		}
		if strings.TrimSpace(rest) != "" {
			t.Fatalf("lost %q", rest)
		}
	})
}
