package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/goccy/go-yaml"
)

// hostile is a name that puts a command into the clipboard of the terminal (OSC 52), breaks a line, turns the direction of what follows,
// and is HTML.
const hostile = "\x1b]52;c;cm0gLXJmIH4=\x07\u009b31m\n\u202e<img src=x onerror=alert(1)>|"

// Names and texts of documents, of trainers and of files steer neither the terminal, nor the card, nor the report.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	dir := workspace(t, strings.Replace(small, "domains: {ward: {count: 4}}", "domains: {by: label, tag: {field: source}}", 1))
	for topic := range topics {
		path := filepath.Join(dir, "text", fmt.Sprintf("topic%d.jsonl", topic))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := json.Marshal(fmt.Sprint(hostile, topic))
		if err != nil {
			t.Fatal(err)
		}
		data = []byte(strings.ReplaceAll(string(data), fmt.Sprintf(`"text/topic%d"`, topic), string(name)))
		writeFile(t, path, []byte(strings.ReplaceAll(string(data), `"id":"text`, `"id":"\u001b[2J\u202etext`)))
	}
	check := func(what, out string) {
		t.Helper()
		for i, r := range out {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
				t.Errorf("%s: %q near %.200q", what, r, out[max(0, i-60):])
				return
			}
		}
	}
	_, out, errs := climbRun(t, dir, "run")
	check("run", out+errs)
	for _, args := range [][]string{{"corpus", "stats", "text"}, {"corpus", "stats", "text", "--json"}, {"clusters"}, {"clusters", "show", "0"}, {"clusters", "show", "0", "--json"},
		{"label", "preview"}, {"report"}, {"report", "--json"}, {"run", "--json"}, {"verify"}, {"run", "\x1b]52;c;eA==\x07.yaml"}} {
		_, out, errs := climbRun(t, dir, args...)
		check(strings.Join(args, " "), out+errs)
	}
	if out := mustRun(t, dir, "corpus", "stats", "text"); !strings.Contains(out, `\u001b]52;c;cm0gLXJmIH4=\u0007\u009b31m\n\u202e<img`) {
		t.Errorf("the name is not shown as it is:\n%s", out)
	}
	for _, name := range []string{"dataset/README.md", "report/index.html"} {
		data, err := os.ReadFile(filepath.Join(dir, "run", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		check(name, string(data))
		if strings.Contains(string(data), "<img") {
			t.Errorf("%s has an image of a name's", name)
		}
	}
}

// A configuration that is printed to a file is the one that is read, whatever its names are.
func TestPrintedConfigurationIsFaithful(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	config := strings.Replace(small, "out: run", `out: "run\u202e"`, 1)
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(config))
	var c struct{ Out string }
	if err := yaml.Unmarshal([]byte(mustRun(t, dir, "run", "--print-config")), &c); err != nil {
		t.Fatal(err)
	}
	if filepath.Base(c.Out) != "run\u202e" {
		t.Errorf("out is %q", c.Out)
	}
}
