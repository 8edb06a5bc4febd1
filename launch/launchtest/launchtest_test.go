package launchtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/launch/launchtest"
	"github.com/climb-go/climb/task"
)

func TestLocal(t *testing.T) {
	launchtest.Suite{New: func(_ *testing.T, workers, retries int) launch.Launcher {
		return launch.Local{Workers: workers, Retries: retries}
	}}.Run(t)
}

// processes runs every task in a process of its own, the test binary, as a
// launcher of a scheduler does: it knows of a task what its manifest and its
// exit code say, and nothing else.
type processes struct{ launch.Local }

func (l processes) Run(ctx context.Context, p *task.Plan, _ task.Func, watch func(launch.Event)) error {
	return l.Local.Run(ctx, p, func(ctx context.Context, p *task.Plan, n int, _ *task.Attempt) error {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), "LAUNCHTEST_PLAN="+p.Path("plan.json"), "LAUNCHTEST_TASK="+fmt.Sprint(n))
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		out, err := cmd.CombinedOutput()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch text := strings.TrimSpace(string(out)); cmd.ProcessState.ExitCode() {
		case 0:
			return nil // the attempt of this process finds the manifest of the other
		case task.ExitRetry:
			return task.Retry(errors.New(text))
		default:
			return task.Permanent(fmt.Errorf("%s (%w)", text, err))
		}
	}, watch)
}

func TestProcesses(t *testing.T) {
	launchtest.Suite{New: func(_ *testing.T, workers, retries int) launch.Launcher {
		return processes{launch.Local{Workers: workers, Retries: retries}}
	}}.Run(t)
}

// queue is a scheduler in sixty lines of shell: submit, serve, element, state, cancel.
const queue = `#!/bin/sh
verb=$1; job=$2; shift 2
case $verb in
submit) # FOLDER ELEMENTS AT_ONCE SCRIPT LOG
	id=$(mktemp -d "$job/job-XXXXXX"); echo "$1" >"$id/elements"
	setsid sh "$0" serve "$id" "$1" "$2" "$3" "$4" </dev/null >/dev/null 2>&1 &
	basename "$id";;
serve)
	seq 0 $(($1 - 1)) | xargs -P "$2" -I{} sh "$0" element "$job" {} "$3" "$4";;
element)
	[ -e "$job/cancelled" ] && exit 0
	sh "$2" "$1" >>"$3" 2>&1 &
	echo $! >"$job/$1.pid.new"; mv "$job/$1.pid.new" "$job/$1.pid"
	[ -e "$job/cancelled" ] && kill $! 2>/dev/null
	wait $!; touch "$job/$1.ended";;
state)
	i=0; n=$(cat "$job/elements")
	while [ $i -lt $n ]; do
		if [ -e "$job/$i.ended" ]; then :
		elif [ -e "$job/$i.pid" ]; then echo "$i running"
		elif [ ! -e "$job/cancelled" ]; then echo "$i queued"; fi
		i=$((i + 1))
	done;;
cancel)
	touch "$job/cancelled"
	for f in "$job"/*.pid; do [ -e "$f" ] && [ ! -e "${f%.pid}.ended" ] && kill $(cat "$f") 2>/dev/null; done; exit 0;;
esac
`

// A batch of processes: what climb does with any scheduler that has three commands.
func TestCommand(t *testing.T) {
	launchtest.Suite{Patience: 30 * time.Second, New: func(t *testing.T, workers, retries int) launch.Launcher {
		dir := launchtest.Folder(t)
		script := filepath.Join(dir, "queue.sh")
		if err := os.WriteFile(script, []byte(queue), 0o777); err != nil {
			t.Fatal(err)
		}
		call := func(verb, rest string) string { return "sh " + script + " " + verb + " " + dir + rest }
		engine := (&launch.Command{
			Submit: call("submit", " {elements} {throttle} {script} {log}"), State: call("state", "/{job}"), Cancel: call("cancel", "/{job}"), Most: 1000,
		}).Engine()
		return &launch.Remote{Engine: engine, Program: []string{os.Args[0]}, Version: "test", Throttle: workers, Retries: retries,
			Poll: 20 * time.Millisecond, Settle: 100 * time.Millisecond}
	}}.Run(t)
}

// TestMain is the worker too.
func TestMain(m *testing.M) {
	kubernetesMain()
	launchtest.Element()
	path := os.Getenv("LAUNCHTEST_PLAN")
	if path == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	p, err := task.Load(path)
	if err == nil {
		var n int
		if n, err = strconv.Atoi(os.Getenv("LAUNCHTEST_TASK")); err == nil {
			_, err = p.Run(ctx, n, launchtest.Func)
		}
	}
	if err != nil {
		fmt.Println(err)
	}
	os.Exit(task.ExitCode(err))
}
