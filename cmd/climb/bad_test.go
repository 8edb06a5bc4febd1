package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// badInput is a run that must end with a clear error, or in spite of its input.
type badInput struct {
	config string // "" is small
	make   func(t *testing.T, dir string)
	args   []string // "run" if nil
	late   bool     // of stages after the label: the ones before are taken from a run that has ended
	code   int      // exit code
	err    []string // parts of the error
	skip   string   // reason under which exactly one line is counted
}

func inputs(name string) string {
	return strings.Replace(small, "inputs: [text]", "inputs: ["+name+"]", 1)
}

func gzipped(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	return b.Bytes()
}

func zstded(t *testing.T, text []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(text, nil)
}

func textOf(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "text", "topic0.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func lineFile(name, line string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, name), []byte(line)) }
}

var badInputs = map[string]badInput{
	"unknown score":  {config: strings.Replace(small, "{quality: 0.01,", "{beauty: 0.01,", 1), code: 2, err: []string{"beauty", "quality"}},
	"truncated gzip": {config: inputs("cut.jsonl.gz"), make: cutFile("cut.jsonl.gz", func(t *testing.T, b []byte) []byte { return gzipped(b) }), code: 1, err: []string{"cut.jsonl.gz", "truncated"}},
	"truncated zstd": {config: inputs("cut.jsonl.zst"), make: cutFile("cut.jsonl.zst", zstded), code: 1, err: []string{"cut.jsonl.zst", "truncated"}},

	"all pruned": {config: strings.Replace(small, "quality: 0.01", "quality: 0.9999", 1), late: true, code: 78, err: []string{"every cluster was pruned", "prune.clusters"}},
	"too much":   {config: strings.Replace(small, "dataset: {", "dataset: {tokens: 900000000, ", 1), late: true, code: 78, err: []string{"search: ", "at most", "dataset.epochs"}},
	"twice all":  {config: strings.Replace(small, "dataset: {", "dataset: {tokens: 80000, ", 1), late: true},

	"one document":  {config: inputs("one.jsonl"), make: lineFile("one.jsonl", `{"id":"1","text":"`+strings.Repeat("The river and the stone of that hill. ", 60)+`"}`+"\n")},
	"few documents": {config: inputs("few.jsonl"), make: lineFile("few.jsonl", fewDocuments(5))},
	"all alike":     {config: inputs("alike.jsonl"), make: lineFile("alike.jsonl", alikeDocuments(40))},
	"text folder":   {config: inputs("notes"), make: func(t *testing.T, dir string) { notes(t, dir) }, args: []string{"tokens"}},
	"wrong ending": {config: inputs("text.txt.jsonl"), make: func(t *testing.T, dir string) {
		writeFile(t, filepath.Join(dir, "text.txt.jsonl"), gzipped(textOf(t, dir)))
	}, args: []string{"tokens"}},
	"long line": {config: strings.Replace(small, "shard_bytes: 20000", "shard_bytes: 4000000", 1), make: longLine, args: []string{"tokens"}, skip: "too_long"},

	"held out":       {config: small[:strings.Index(small, "target:")] + "target: {holdout: 0.2}\n" + small[strings.Index(small, "search:"):], late: true},
	"user's trainer": {config: strings.Replace(small, "proxy:\n", "proxy:\n  command: [sh, -c, 'echo ''{\"score\": 1}'' > \"$1\"', '{job}', '{result}']\n", 1), late: true},
	"no test files":  {config: strings.Replace(small, "  test: [{file: test.jsonl}]\n", "", 1), late: true},
	"base model":     {config: strings.Replace(small, "  batch: 8\n", "  batch: 8\n  base: {tokens: 9000}\n", 1), late: true},
	"regmix":         {config: strings.Replace(small, "search: {", "search: {strategy: regmix, ", 1), late: true},
	"random":         {config: strings.Replace(small, "search: {", "search: {strategy: random, ", 1), late: true},
	"natural":        {config: strings.Replace(small, "search: {", "search: {strategy: natural, ", 1), late: true},
}

func mkdir(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, name), 0o777); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func notes(t *testing.T, dir string) {
	for i := range 40 {
		writeFile(t, filepath.Join(dir, "notes", fmt.Sprintf("%d/%d.txt", i%4, i)), []byte(strings.Repeat("The "+topics[i%4]+" of that and the rest.\n", 5)))
	}
}

func cutFile(name string, pack func(*testing.T, []byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		b := pack(t, textOf(t, dir))
		writeFile(t, filepath.Join(dir, name), b[:len(b)/2])
	}
}

func appendRaw(s string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		writeFile(t, filepath.Join(dir, "text", "topic0.jsonl"), append(textOf(t, dir), s...))
	}
}

func appendLine(s string) func(*testing.T, string) { return appendRaw(s + "\n") }

// longLine appends a line above corpus.max_line_bytes, over several shards. It
// is made when it is needed: what a package variable holds is made anew by
// every command that the tests start.
func longLine(t *testing.T, dir string) {
	appendLine(`{"id":"x","text":"`+strings.Repeat("long ", 20<<20/5)+`"}`)(t, dir)
}

func fewDocuments(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"%d","text":"%s"}`+"\n", i, strings.Repeat("The "+topics[i%4]+" of that, the one and the other. ", 8+i))
	}
	return b.String()
}

func alikeDocuments(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"id":"%d","text":"%s"}`+"\n", i, strings.Repeat("The river and the stone of that hill. ", 12))
	}
	return b.String()
}

func TestBadInput(t *testing.T) {
	for name, c := range badInputs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := c
			if c.config == "" {
				c.config = small
			}
			if c.args == nil {
				c.args = []string{"run"}
			}
			start := workspace
			if c.late {
				start = finished
			}
			dir := start(t, c.config)
			if c.make != nil {
				c.make(t, dir)
			}
			code, out, errs := climbRun(t, dir, c.args...)
			if code != c.code {
				t.Fatalf("exit %d, want %d\n%s%s", code, c.code, out, errs)
			}
			for _, want := range c.err {
				if !strings.Contains(errs, want) {
					t.Errorf("the error does not name %q:\n%s", want, errs)
				}
			}
			if strings.Contains(errs, "goroutine ") {
				t.Errorf("a panic:\n%s", errs)
			}
			if code != 0 {
				return
			}
			bad := map[string]int{}
			if c.skip != "" {
				bad[c.skip] = 1
			}
			checkLines(t, dir, bad)
			if s := readSummary(t, filepath.Join(dir, "run")); c.args[0] == "run" && s.Confirmed.Verdict == "" {
				t.Error("no verdict")
			}
		})
	}
}

// checkLines compares the lines that were not accepted, by reason, with the
// report of a run.
func checkLines(t *testing.T, dir string, want map[string]int) {
	t.Helper()
	mustRun(t, dir, "report")
	got := map[string]int{}
	for _, b := range readSummary(t, filepath.Join(dir, "run")).Corpus.BadLines {
		got[b.Reason] += b.Count
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines that were not accepted: %s", diff)
	}
}

// Lines that are odd and lines that are bad go through a whole run: the bad
// ones are counted by reason and told, the others are documents.
func TestOddLines(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	appendRaw(`{"id":"x1","text":"caf`+"\xe9"+` of the day, and of the night"}
{"id":"x2","text":
{"id":"x3"}
{"id":"x4","text":7}
{"id":"x5","text":"  "}
["a"]
{"id":"x6","text":"a\u0000b of the and that"}
{"id":"x7","text":"the deep","meta":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`}
{"id":"last","text":"the end of the file and of that"}`)(t, dir) // no newline
	lineFile("text/bom.jsonl", "\xef\xbb\xbf"+`{"id":"bom","text":"the mark and the text of it"}`+"\r\n")(t, dir)
	out := mustRun(t, dir, "run")
	for _, told := range []string{"that are not UTF-8, U+FFFD put in their place: 1", "5 of 250 lines are skipped: 1 empty_text, 1 invalid_json, 1 missing_text, 1 not_object, 1 text_not_string"} {
		if !strings.Contains(out, told) {
			t.Errorf("the run does not tell %q:\n%s", told, out)
		}
	}
	checkLines(t, dir, map[string]int{"invalid_json": 1, "missing_text": 1, "text_not_string": 1, "empty_text": 1, "not_object": 1})
	if s := readSummary(t, filepath.Join(dir, "run")); s.Corpus.Documents != 245 || s.Confirmed.Verdict == "" {
		t.Errorf("%d documents, want 245; verdict %q", s.Corpus.Documents, s.Confirmed.Verdict)
	}
}

// What is to be skipped, a text that is not UTF-8 and the end of a truncated
// file, is counted, and the run goes on.
func TestSkipped(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.Replace(inputs("text, cut.jsonl.zst"), "corpus: {", "corpus: {truncated: skip, invalid_utf8: skip, ", 1))
	cutFile("cut.jsonl.zst", zstded)(t, dir)
	appendLine(`{"id":"x","text":"caf`+"\xe9"+`"}`)(t, dir)
	if out := mustRun(t, dir, "run"); !strings.Contains(out, "1 truncated") {
		t.Errorf("the run does not tell of the truncated file:\n%s", out)
	}
	checkLines(t, dir, map[string]int{"truncated": 1, "invalid_utf8": 1})
}

// A corpus whose text is nearly all alike ends in one large domain, and the run
// says so while it goes on.
func TestCollapseIsTold(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.Replace(inputs("alike.jsonl"), "ward: {count: 4}", "ward: {count: 2}", 1))
	var b strings.Builder
	b.WriteString(fewDocuments(4))
	for i := range 200 {
		fmt.Fprintf(&b, `{"id":"a%d","text":"%s"}`+"\n", i, strings.Repeat("The river and the stone of that hill. ", 10+i%7))
	}
	writeFile(t, filepath.Join(dir, "alike.jsonl"), []byte(b.String()))
	if out := mustRun(t, dir, "domains"); !strings.Contains(out, "! domains: ") || !strings.Contains(out, "merging has collapsed") {
		t.Errorf("no warning in\n%s", out)
	}
}

// A full disk ends the run with what to do; with room the same command
// finishes it.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	disk := filepath.Join(dir, "disk")
	mkdir(t, dir, "disk")
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small tmpfs here: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", disk).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	code, _, errs := climbRun(t, dir, "run", "--out", "disk/run")
	if code != 78 || !strings.Contains(errs, "no space left") || !strings.Contains(errs, "free some") {
		t.Fatalf("exit %d, %q; want 78, no space left, and what to do", code, errs)
	}
	if out, err := exec.Command("mount", "-o", "remount,size=30m", disk).CombinedOutput(); err != nil {
		t.Fatalf("remount: %s", out)
	}
	mustRun(t, dir, "run", "--out", "disk/run")
	checkDataset(t, filepath.Join(disk, "run"))
}
