package report

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The Markdown of any run is lines without HTML or links, with every table square.
func TestMarkdown(t *testing.T) {
	for name, d := range runs() {
		text := string(Markdown(d))
		for _, no := range []string{"<script", "<img", "NaN", "Inf", "\x00", "\u202e"} {
			if strings.Contains(strings.ReplaceAll(text, `\<`, ""), no) {
				t.Errorf("%s: %q in\n%s", name, no, text)
			}
		}
		columns := 0
		for _, line := range strings.Split(text, "\n") {
			if !strings.HasPrefix(line, "|") {
				columns = 0
				continue
			}
			n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
			if columns > 0 && n != columns {
				t.Errorf("%s: a row of %d columns in a table of %d: %s", name, n, columns, line)
			}
			columns = n
		}
		for _, head := range []string{"## Mixture", "## Confirmation", "## Search", "## Corpus", "## Dataset", "## Cost"} {
			if !strings.Contains(text, "\n"+head+"\n") {
				t.Errorf("%s: no %s", name, head)
			}
		}
	}
}

func TestMarkdownGolden(t *testing.T) {
	got, path := Markdown(sample()), filepath.Join("testdata", "report.md")
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || !bytes.Equal(want, got) {
		t.Errorf("%s has changed, %v; run with -update if that is meant:\n%s", path, err, got)
	}
}

// Every table is square, whatever the run, and has what the summary has.
func TestTables(t *testing.T) {
	for name, d := range runs() {
		for _, table := range TableNames() {
			x, ok := TableOf(d, table)
			rows, err := csv.NewReader(bytes.NewReader(x.CSV(-1))).ReadAll() // refuses rows of other lengths
			if !ok || err != nil || len(rows) != len(x.Rows)+1 {
				t.Errorf("%s, %s: %d rows, %v", name, table, len(rows), err)
			}
		}
	}
	if _, ok := TableOf(sample(), "nothing"); ok {
		t.Error("a table of no name")
	}
	x, _ := TableOf(sample(), "trials")
	if len(x.Rows) != 112 || x.Head[3] != "domain:python, function, class" {
		t.Errorf("%d trials, %q", len(x.Rows), x.Head)
	}
}
