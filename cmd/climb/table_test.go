package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/climb-go/climb/history"
)

// A table of 400 columns is told in lines that a terminal shows whole; the first
// columns are named, and how many more there are.
func TestWideTableFolds(t *testing.T) {
	var metrics, lower []string
	var ignored []history.Ignored
	for i := range 400 {
		metrics = append(metrics, fmt.Sprintf("benchmark_of_some_kind_%d/acc", i))
		lower = append(lower, fmt.Sprintf("loss_%d", i))
		ignored = append(ignored, history.Ignored{Column: fmt.Sprintf("step_%d", i), Why: "no metric"})
	}
	var b strings.Builder
	printTable(&b, append(metrics, lower...), lower, ignored, nil)
	out := b.String()
	for _, line := range strings.Split(out, "\n") {
		if utf8.RuneCountInString(line) > lineWidth {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	joined := strings.Join(strings.Fields(out), " ")
	for _, want := range []string{"Lower is better: loss_0, loss_1,", "loss_23 and 376 more; --json has them", "kind_23/acc and 376 more", `Ignored: "step_0",`, `"step_23" and 376 more; --json has them (no metric)`} {
		if !strings.Contains(joined, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if lines := strings.Count(out, "\n"); lines > 30 {
		t.Errorf("%d lines", lines)
	}
	b.Reset()
	if printTable(&b, []string{"loss"}, []string{"loss"}, nil, nil); b.String() != "Lower is better: loss\n" {
		t.Errorf("%q", b.String())
	}
}
