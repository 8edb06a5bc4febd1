package main

import (
	"os"
	"sync"
)

// An output is a standard stream that remembers its first error: what is printed
// and could not be written is an error of the command, whoever printed it.
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
