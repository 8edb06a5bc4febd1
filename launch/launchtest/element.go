package launchtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/climb-go/climb/launch"
	"github.com/climb-go/climb/task"
)

// Element makes a test binary the worker of the suite's batches, by a call in TestMain: where the process was begun as climb task run
// --batch FOLDER --element N, it does that element with Func and exits.
func Element() {
	if len(os.Args) != 7 || os.Args[1] != "task" {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGUSR2)
	defer stop()
	err := element(ctx, os.Args[4], os.Args[6])
	if err != nil {
		fmt.Println(err)
	}
	os.Exit(task.ExitCode(err))
}

func element(ctx context.Context, folder, number string) error {
	b, err := launch.ReadBatch(folder)
	if err != nil {
		return err
	}
	p, perr := task.Load(b.Plan)
	n, nerr := strconv.Atoi(number)
	if err := errors.Join(perr, nerr); err != nil {
		return err
	}
	return launch.Worker{Batch: b, Element: n, Version: "test", Beat: 20 * time.Millisecond}.Run(ctx, p, Func)
}
