package task

import (
	"context"
	"errors"
)

// Exit codes of the commands. Schedulers read them: 70 (EX_SOFTWARE) tells of a bug, 75 (EX_TEMPFAIL)
// asks to be run again, 78 (EX_CONFIG) never to be.
const (
	ExitOK        = 0
	ExitError     = 1
	ExitUsage     = 2
	ExitPanic     = 70 // EX_SOFTWARE: a bug of the program
	ExitRetry     = 75
	ExitPermanent = 78
)

// ClassError gives an error an exit code. Its text is that of the error.
type ClassError struct {
	Code int
	Err  error
}

func (e *ClassError) Error() string { return e.Err.Error() }
func (e *ClassError) Unwrap() error { return e.Err }

// Retry marks an error that may go away when the task runs again: a node that was lost, a network that was down.
func Retry(err error) error { return classed(ExitRetry, err) }

// Permanent marks an error that comes back however often the task runs: bad input, a full disk, a missing permission.
func Permanent(err error) error { return classed(ExitPermanent, err) }

// Usage marks an error in how a command was called.
func Usage(err error) error { return classed(ExitUsage, err) }

func classed(code int, err error) error {
	if err == nil {
		return nil
	}
	return &ClassError{code, err}
}

// IsRetry tells whether err asks for another attempt.
func IsRetry(err error) bool { return ExitCode(err) == ExitRetry }

// IsPermanent tells whether another attempt is of no use.
func IsPermanent(err error) bool { return ExitCode(err) == ExitPermanent }

// ExitCode is the exit code of a command that ends with err. The outermost class counts. A cancelled command and one that finds
// the run directory locked ask to be run again; an error without a class is 1.
func ExitCode(err error) int {
	var class *ClassError
	var held *HeldError
	var panicked *PanicError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &panicked):
		return ExitPanic
	case errors.As(err, &class):
		return class.Code
	case errors.As(err, &held), errors.Is(err, context.Canceled):
		return ExitRetry
	}
	return ExitError
}
