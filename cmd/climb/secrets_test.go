package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretsOfTheTrainer: URLs with a password or a signature among the arguments
// of a trainer reach it as they are, and stand neither in a file of the run nor in
// what is printed, whatever the trainer says; another password makes nothing anew.
func TestSecretsOfTheTrainer(t *testing.T) {
	t.Parallel()
	const command = "proxy:\n  command: [sh, trainer.sh, \"{job}\", \"{result}\", 'https://me:PASSWORD@host/x', '--at=https://host/y?X-Amz-Signature=PASSWORD&n=1']\n"
	config := strings.Replace(small, "proxy:\n", command, 1)
	dir := prepared(t, strings.ReplaceAll(config, "PASSWORD", "hunter2"))
	script := "[ \"$3 $4\" = 'https://me:hunter2@host/x --at=https://host/y?X-Amz-Signature=hunter2&n=1' ] || { echo \"wrong: $3 $4\" >&2; exit 1; }\n" +
		"if mkdir first 2>/dev/null; then echo '{\"failed\": \"cannot open '$3'\"}' > \"$2\"; exit; fi\n" + scoreByShare
	writeFile(t, filepath.Join(dir, "trainer.sh"), []byte(script))
	out := mustRun(t, dir, "run")
	if !strings.Contains(out, "cannot open https://xxxxx@host/x") {
		t.Errorf("the run that was set aside is not told of:\n%s", out)
	}
	out += mustRun(t, dir, "run", "--print-config") + mustRun(t, dir, "status") + mustRun(t, dir, "report", "--json")
	if strings.Contains(out, "hunter2") {
		t.Errorf("the password is printed:\n%s", out)
	}
	run := filepath.Join(dir, "run")
	err := filepath.WalkDir(run, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("hunter2")) {
			t.Errorf("the password is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	plans, err := filepath.Glob(filepath.Join(run, "search-*", "round-01.plan.json"))
	if err != nil || len(plans) != 1 {
		t.Fatal(plans, err)
	}
	manifests, err := filepath.Glob(filepath.Join(run, "search-*", "round-01.done", "*.json"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(ofShared(strings.ReplaceAll(config, "PASSWORD", "changed1"))))
	if out := mustRun(t, dir, "run"); strings.Contains(out, "wrong:") || strings.Contains(out, "changed1") {
		t.Errorf("another password:\n%s", out)
	}
	if err := os.Remove(manifests[0]); err != nil {
		t.Fatal(err)
	}
	code, _, text := climbRun(t, dir, "task", "run", "--plan", plans[0], "--task", "0")
	if code == 0 || !strings.Contains(text, "argument 4 of the command") || !strings.Contains(text, "environment variable") {
		t.Errorf("a worker: %d, %s", code, text)
	}
}
