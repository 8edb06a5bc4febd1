package launchtest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

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

// TestMain is the worker too.
func TestMain(m *testing.M) {
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
