package main

import (
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/climb-go/climb/escape"
)

// An output is a standard stream that remembers its first error: what is printed
// and could not be written is an error of the command, whoever printed it. What
// would steer a terminal is written out, whoever wrote it: names, documents, the
// words of servers and trainers; what lets somebody in is taken out of URLs. Neither a
// character nor a URL must be split between two calls.
type output struct {
	mu  sync.Mutex
	f   *os.File
	err error
}

// stdout and stderr are what commands print to.
var (
	stdout = &output{f: os.Stdout}
	stderr = &output{f: os.Stderr}
)

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	if n, err := o.raw().Write([]byte(escape.Text(escape.Secrets(string(b))))); err != nil {
		return min(n, len(b)), err
	}
	return len(b), nil
}

// data is the stream for data of a form that has no way to write a character
// out: as it is unless it goes to a terminal.
func (o *output) data() io.Writer {
	if term.IsTerminal(int(o.f.Fd())) {
		return o
	}
	return o.raw()
}

// raw is the stream for our own control of the terminal.
func (o *output) raw() io.Writer { return rawOutput{o} }

type rawOutput struct{ *output }

// Write implements io.Writer.
func (o rawOutput) Write(b []byte) (int, error) {
	n, err := o.f.Write(b)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = err
		}
	}
	return n, err
}

// Err is the first error of a Write.
func (o *output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
