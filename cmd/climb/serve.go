package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/serve"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
)

// serveOptions are the flags of climb serve.
type serveOptions struct {
	Port int
	JSON bool
}

// AddFlags adds the flags to a command's.
func (o *serveOptions) AddFlags(f *pflag.FlagSet) {
	f.IntVar(&o.Port, "port", 0, "port on 127.0.0.1; 0 = any that is free")
	f.BoolVar(&o.JSON, "json", false, "print the address as JSON")
}

func newServe(std streams) *cobra.Command {
	var o serveOptions
	c := &cobra.Command{
		Use: "serve [RUN...]", GroupID: "main",
		Short: "Show runs in a browser as they go, and what other mixtures would score",
		Long: `Show runs in a browser as they go: the page of the report with life in it. It has
the stages with their speed, the proxies of the running round with their loss curves,
the scores so far, failed runs with their last lines, and whether the process of the
run is alive. Move the shares of domains and see what the predictor expects; read the
documents of a domain.

RUN is a run directory or its configuration; climb.yaml if it is left out. Several
are shown side by side. A run may be going on, be finished, or have been killed.

The server listens on this machine only, and answers nobody without the token in the
address that it prints. Nothing is written. From elsewhere, use ssh -L PORT:127.0.0.1:PORT.
ADDRESS/metrics is for Prometheus. The run does not need the server, and goes on
without it.`,
		Example: `  climb serve
  climb serve runs/a runs/b
  climb serve --port 8765 climb-run     # and on the laptop: ssh -L 8765:127.0.0.1:8765 HOST
  climb run climb.yaml --serve          # the run and its page in one process`,
		RunE: func(c *cobra.Command, args []string) error { return runServe(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runServe(ctx context.Context, o serveOptions, args []string, std streams) error {
	if len(args) == 0 {
		args = []string{"climb.yaml"}
	}
	var runs []serve.Run
	for _, arg := range args {
		cfg, err := loadRun([]string{arg})
		if err != nil {
			return err
		}
		if info, err := os.Stat(cfg.Out); err != nil || !info.IsDir() {
			return task.Usage(fmt.Errorf("there is no run in %s yet: climb run %s makes one, and climb run --serve shows it from its beginning", near(cfg.Out), arg))
		}
		runs = append(runs, servedRun(cfg))
	}
	l, err := listen(o.Port)
	if err != nil {
		return err
	}
	s := serve.New(runs...)
	if o.JSON {
		err = std.out.JSON(map[string]string{"url": s.URL(l)})
	} else {
		_, err = fmt.Fprintf(std.out, "%s\nCtrl-C ends the server; the run does not need it.\n", s.URL(l))
	}
	if err != nil {
		return err
	}
	return s.Serve(ctx, l)
}

func listen(port int) (net.Listener, error) {
	if port < 0 || port > 65535 {
		return nil, task.Usage(fmt.Errorf("--port: %d is not between 0 (any that is free) and 65535", port))
	}
	return serve.Listen(port)
}

// servedRun is the run of a configuration, opened by what its directory says now.
func servedRun(first *climb.Config) serve.Run {
	return serve.Run{Name: near(first.Out), Open: func(ctx context.Context) (*view.View, error) {
		cfg, err := loadRun([]string{first.Out})
		if _, missing := os.Stat(filepath.Join(first.Out, "climb.yaml")); errors.Is(missing, fs.ErrNotExist) { // it has not begun
			cfg, err = first, nil
		}
		if err != nil {
			return nil, err
		}
		return climb.NewRun(cfg).View(ctx)
	}}
}

// serveBeside shows a run of this process, until stop is called.
func serveBeside(ctx context.Context, cfg *climb.Config, port int, r *climb.Run, std streams) (stop func(), err error) {
	l, err := listen(port)
	if err != nil {
		return nil, err
	}
	s := serve.New(servedRun(cfg))
	if _, err := fmt.Fprintln(std.err, s.URL(l)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := s.Serve(ctx, l); err != nil { // the run does not need it
			fmt.Fprintln(std.err, "climb: serve:", err)
		}
	})
	watch := r.Watch
	r.Watch = func(e stage.Event) {
		s.Tell(0, e)
		watch(e)
	}
	return func() { cancel(); ended.Wait() }, nil
}
