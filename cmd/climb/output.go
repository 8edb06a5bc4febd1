package main

import (
	"encoding/json"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"github.com/climb-go/climb/escape"
)

// streams are what a command prints to: its answers to out, what it says on the way to err.
type streams struct{ out, err *output }

// An output is a standard stream that remembers its first error: what is printed
// and could not be written is an error of the command, whoever printed it. What
// would steer a terminal is written out, whoever wrote it: names, documents, the
// words of servers and trainers; what lets somebody in is taken out of URLs. Neither a
// character nor a URL must be split between two calls.
type output struct {
	w io.Writer

	mu  sync.Mutex
	err error
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	if n, err := o.raw().Write([]byte(escape.Text(escape.Secrets(string(b))))); err != nil {
		return min(n, len(b)), err
	}
	return len(b), nil
}

// JSON writes v, indented.
func (o *output) JSON(v any) error {
	enc := json.NewEncoder(o)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// terminal tells whether the stream goes to a terminal, and how many characters
// wide that is, 0 if it does not say.
func (o *output) terminal() (width int, ok bool) {
	f, ok := o.w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return width, true
}

// data is the stream for data of a form that has no way to write a character
// out: as it is unless it goes to a terminal.
func (o *output) data() io.Writer {
	if _, ok := o.terminal(); ok {
		return o
	}
	return o.raw()
}

// raw is the stream for our own control of the terminal.
func (o *output) raw() io.Writer { return rawOutput{o} }

type rawOutput struct{ *output }

// Write implements io.Writer.
func (o rawOutput) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
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
