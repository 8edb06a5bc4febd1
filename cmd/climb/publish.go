package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/task"
)

// publishFiles makes the files the outputs of a task.
func publishFiles(ctx context.Context, p *task.Plan, n int, files []string) error {
	if _, err := p.Manifest(n); err == nil {
		return task.Usage(fmt.Errorf("task %d of %s is done; remove its manifest in done/ to put other files in its place", n, p.Dir()))
	}
	_, err := p.Run(ctx, n, func(_ context.Context, _ *task.Plan, _ int, a *task.Attempt) error {
		for _, path := range files {
			if err := copyOutput(a, path); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func copyOutput(a *task.Attempt, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := a.Create(filepath.Base(path))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
