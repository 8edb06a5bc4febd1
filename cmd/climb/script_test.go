package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite what scripts compare with")

// TestScript runs testdata/script: the command line, one file a behaviour.
//
// Beside the commands of testscript there are
//
//	corpus                      the text of four topics, climb.yaml (small), validation.jsonl, test.jsonl
//	mixed                       the folder mixed: 1,000 files as people have them
//	finished                    climb.yaml (small) and the folder run of a run that has ended
//	exits CODE COMMAND ARG...   runs a command that ends with the code
//	json PATH PATTERN           the value of the JSON on standard output, a.0.b, or -: how many it has
//	edit FILE OLD NEW           replaces a text that is in the file
//	flip FILE                   changes a bit in the middle of the file
//	glob NAME PATTERN           sets a variable to the only file of the pattern
//	await PATTERN               waits for a file
func TestScript(t *testing.T) {
	t.Parallel()
	share(t)
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		UpdateScripts:      *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"corpus": scriptCorpus, "mixed": scriptMixed, "finished": scriptFinished, "exits": scriptExits, "json": scriptJSON,
			"edit": scriptEdit, "flip": scriptFlip, "glob": scriptGlob, "await": scriptAwait,
		},
	})
}

func scriptCorpus(ts *testscript.TestScript, _ bool, _ []string) {
	dir := ts.MkAbs(".")
	ts.Check(os.CopyFS(filepath.Join(dir, "text"), os.DirFS(filepath.Join(shared.dir, "text"))))
	for _, name := range []string{"climb.yaml", "validation.jsonl", "test.jsonl"} {
		data, err := os.ReadFile(filepath.Join(shared.dir, name))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
}

func scriptFinished(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(copyFinished(ts.MkAbs("."), small))
}

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("%v", err)
	}
	got := 0
	if exit != nil {
		got = exit.ExitCode()
	}
	if neg || got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for key := range strings.SplitSeq(args[0], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			if key == "-" {
				v = len(x)
				continue
			}
			i, err := strconv.Atoi(key)
			ts.Check(err)
			if i >= len(x) {
				ts.Fatalf("%s: there are %d", args[0], len(x))
			}
			v = x[i]
		default:
			ts.Fatalf("%s: nothing is below %v", args[0], v)
		}
	}
	found, err := regexp.MatchString("^(?:"+args[1]+")$", fmt.Sprint(v))
	ts.Check(err)
	if found == neg {
		ts.Fatalf("%s is %v", args[0], v)
	}
}

func scriptEdit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	text = strings.Replace(text, args[1], strings.ReplaceAll(args[2], `\n`, "\n"), 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
}

func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	data, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	data[len(data)/2] ^= 2
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o666))
}

func scriptGlob(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%s: %q, want one file", args[1], found)
	}
	ts.Setenv(args[0], found[0])
}

func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	for limit := time.Now().Add(5 * time.Minute); ; time.Sleep(2 * time.Millisecond) {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(found) > 0 {
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("waited for five minutes in vain")
		}
	}
}
