package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The example of docs/notebooks.md reads a run to its verdict.
func TestNotebook(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import numpy, pandas").Run(); err != nil {
		t.Skip("no pandas: apt install python3-pandas")
	}
	run := filepath.Join(finished(t, small), "run")
	mustRun(t, filepath.Dir(run), "report", "run")
	script, err := filepath.Abs("../../examples/notebook/read.py")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, script, run).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{" documents, ", "Mean scores", "Nearest domains: ", "Best runs", "Rank correlation", "Mixture", "Verdict: " + readSummary(t, run).Confirmed.Verdict} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if out, err := exec.Command(python, script, t.TempDir()).CombinedOutput(); err == nil || !strings.Contains(string(out), "0 folders of the stage domains") {
		t.Errorf("of an empty folder: %v\n%s", err, out)
	}
}
