package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/task"
)

// answerTime is how long a command of a scheduler may take; squeue hangs for minutes where its controller is gone.
const answerTime = time.Minute

// mostAnswer bounds what a command of a scheduler may print.
const mostAnswer = 64 << 20

// ask runs a command of a scheduler and returns what it printed. The error holds what it said.
func ask(ctx context.Context, stdin string, argv ...string) (string, error) {
	if _, err := exec.LookPath(argv[0]); err != nil {
		return "", task.Usage(fmt.Errorf("%s is not on PATH: run climb where the scheduler's commands are, such as a login node, or set launch.method: local", argv[0]))
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Stdin = strings.NewReader(stdin)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, not for it
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = time.Second
	var out, says bounded
	out.most, says.most = mostAnswer, 4<<10
	c.Stdout, c.Stderr = &out, &says
	err := c.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case ctx.Err() == context.DeadlineExceeded:
		return "", fmt.Errorf("%s has not answered in %s", argv[0], answerTime)
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	text := strings.TrimSpace(says.String())
	if text == "" {
		text = strings.TrimSpace(out.String())
	}
	return "", &commandError{argv[0], escape.Line(text), err}
}

// A commandError is a command that has failed, with what it said.
type commandError struct {
	program, says string
	err           error
}

func (e *commandError) Error() string {
	if e.says == "" {
		return fmt.Sprintf("%s: %v", e.program, e.err)
	}
	return fmt.Sprintf("%s: %s", e.program, e.says)
}

func (e *commandError) Unwrap() error { return e.err }

// said tells whether err is of a command that said one of the texts.
func said(err error, texts ...string) bool {
	var e *commandError
	if !errors.As(err, &e) {
		return false
	}
	for _, text := range texts {
		if strings.Contains(strings.ToLower(e.says), strings.ToLower(text)) {
			return true
		}
	}
	return false
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.most-b.Len()))])
	return len(p), nil
}
