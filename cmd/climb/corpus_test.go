package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/climb-go/climb"
)

func TestCorpusStats(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	var s climb.CorpusStats
	if err := json.Unmarshal([]byte(mustRun(t, dir, "corpus", "stats", "text", "--json")), &s); err != nil {
		t.Fatal(err)
	}
	if s.Documents != 240 || s.Files != 4 || s.Bad.Dropped() != 0 || s.Bytes <= 0 || s.Bytes >= s.Stored || s.Lengths == nil || s.InTokens != nil || len(s.Languages) == 0 || s.Languages[0].Name != "en" {
		t.Errorf("%+v", s)
	}
	tokenizer := glob(t, finished(t, small), "run/vocab-*/tokenizer.json")
	out := mustRun(t, dir, "corpus", "stats", "--config", "climb.yaml", "--tokenizer", tokenizer)
	for _, want := range []string{"240 documents", "length in tokens", "  source\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	for _, wrong := range [][]string{{}, {"text", "--config", "climb.yaml"}, {"text", "--language", tokenizer}} {
		code, _, errs := climbRun(t, dir, append([]string{"corpus", "stats"}, wrong...)...)
		if code == 0 || errs == "" {
			t.Errorf("%v: exit %d, %q", wrong, code, errs)
		}
	}
}
