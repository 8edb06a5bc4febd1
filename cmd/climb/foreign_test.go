package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// withTrainer is a workspace whose proxies are a shell script: $1 is the job, $2
// where the result goes.
func withTrainer(t *testing.T) (dir string, write func(script string)) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh to play the user's trainer")
	}
	dir = prepared(t, strings.Replace(small, "proxy:\n", "proxy:\n  command: [sh, "+"trainer.sh"+", \"{job}\", \"{result}\"]\n", 1))
	return dir, func(script string) { writeFile(t, filepath.Join(dir, "trainer.sh"), []byte(script)) }
}

// oneScore is a trainer whose score depends on the job, so that runs differ.
const oneScore = `echo "{\"score\":0.$(cksum < "$1" | cut -c1-6)}" > "$2"` + "\n"

// TestFailedRunsAreSetAside: documented failed results are recorded, warned
// about and set aside; a round of nothing else ends the search in words, and the
// same command goes on once the trainer is mended.
func TestFailedRunsAreSetAside(t *testing.T) {
	t.Parallel()
	dir, trainer := withTrainer(t)
	trainer(`echo '{"failed":"diverged"}' > "$2"`)
	for range 2 {
		code, out, errs := climbRun(t, dir, "run")
		if code != 78 || !strings.Contains(errs, "all 6 proxy runs of round-01 failed; the first: diverged; mend what trains them") || !strings.Contains(out+errs, "was set aside: diverged") {
			t.Fatalf("exit %d\n%s%s", code, out, errs)
		}
	}
	// Two runs fail, in the ways that trainers have to say so.
	trainer(`if mkdir nan 2> /dev/null; then echo '{"score": NaN}' > "$2"
elif mkdir failed 2> /dev/null; then echo '{"failed": "out of memory", "score": null}' > "$2"
else ` + oneScore + `fi
`)
	code, out, errs := climbRun(t, dir, "run")
	if code != 0 || !strings.Contains(out+errs, "was set aside") {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	found, err := filepath.Glob(filepath.Join(dir, "run", "search-*", "search.json"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ Trials, Measured []struct{ Failed string } }
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, r := range s.Trials {
		if r.Failed != "" {
			failed++
		}
	}
	if failed != 2 || len(s.Trials) != 9 || len(s.Measured) != 7 {
		t.Errorf("%d of %d runs failed, %d are ranked; want 2 of 9, and 7", failed, len(s.Trials), len(s.Measured))
	}
}

// TestBadResultsPoisonNothing: a result that cannot be used ends the search
// before it is published, with the reason; the mended trainer goes on.
func TestBadResultsPoisonNothing(t *testing.T) {
	t.Parallel()
	dir, trainer := withTrainer(t)
	for _, c := range []struct{ result, want string }{
		{`{"score":1,"validate":[null]}`, "validate[0] is null"},
		{`{"score":1.7e308}`, "score is 1.7e+308"},
	} {
		trainer("cat > \"$2\" <<'X'\n" + c.result + "\nX\n")
		code, out, errs := climbRun(t, dir, "search")
		if code != 1 || !strings.Contains(errs, c.want) || strings.Contains(errs, "goroutine") {
			t.Errorf("%s: exit %d, want 1 and %q\n%s%s", c.result, code, c.want, out, errs)
		}
		if done, _ := filepath.Glob(filepath.Join(dir, "run", "search-*", "round-*.done", "*")); len(done) != 0 {
			t.Errorf("%s: published as %q", c.result, done)
		}
	}
	trainer(oneScore)
	mustRun(t, dir, "run")
	// A result that is another run's is found when it is read: by its checksum.
	results, err := filepath.Glob(filepath.Join(dir, "run", "search-*", "trials", "*", "result.json"))
	if err != nil || len(results) < 2 {
		t.Fatal(results, err)
	}
	other, err := os.ReadFile(results[0])
	if err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(results[1])
	if err != nil {
		t.Fatal(err)
	}
	if len(old) == len(other) { // the size alone would not tell
		writeFile(t, results[1], other)
		code, _, errs := climbRun(t, dir, "run")
		if code == 0 || !strings.Contains(errs, "result.json is damaged") || !strings.Contains(errs, "to make it anew: rm ") {
			t.Errorf("a result of another mixture: exit %d, %s", code, errs)
		}
	}
}

// TestFullOutput: what could not be printed is an error, of the help too.
func TestFullOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("no device that is always full: %v", err)
	}
	defer full.Close()
	for _, args := range [][]string{{"methods"}, {"--help"}, {"lm", "sizes", "--seconds", "0.01", "--largest", "3e5"}, {"--version"}} {
		c := command(t.TempDir(), args...)
		var errs strings.Builder
		c.Stdout, c.Stderr = full, &errs
		if err := c.Run(); err == nil || c.ProcessState.ExitCode() != 1 || !strings.Contains(errs.String(), "no space left") {
			t.Errorf("%s: exit %d, %s", args, c.ProcessState.ExitCode(), errs.String())
		}
	}
}

// TestCrash: a bug ends with its own code, and the stack is in a file.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	args := os.Args
	os.Args = []string{"climb", "run", "https://me:pa55word@host/climb.yaml"}
	t.Cleanup(func() { os.Args = args })
	if code := crashed(io.Discard, "index out of range of https://me:pa55word@host/x", []byte("goroutine 1 [running]")); code != 70 {
		t.Errorf("exit %d, want 70", code)
	}
	found, err := filepath.Glob(filepath.Join(dir, "climb-crash-*.txt"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil || !strings.Contains(string(data), "goroutine 1 [running]") || !strings.Contains(string(data), "index out of range") || strings.Contains(string(data), "pa55") {
		t.Errorf("%s, %v", data, err)
	}
}
