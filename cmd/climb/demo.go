package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/demo"
	"github.com/climb-go/climb/task"
)

func newDemo(std streams) *cobra.Command {
	var o stageOptions
	c := &cobra.Command{
		Use: "demo", GroupID: "main", Args: args(cobra.NoArgs),
		Short: "Find a mixture for the text of this Go installation, in minutes",
		Long: `See the whole pipeline work, in minutes, with nothing but Go. The corpus is what
every Go installation carries: code, tests, assembly, comments, manuals, books,
licences, API lists, scripts and tables. Some of the prose is held out as the
target.

You get the mixture that was found for English prose, the verdict, the dataset and
the report. Run it again to resume.`,
		Example: `  climb demo
  climb demo --out ~/climb-demo`,
		RunE: func(c *cobra.Command, args []string) error { return runDemo(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runDemo(ctx context.Context, o stageOptions, _ []string, std streams) error {
	start := time.Now()
	o.Out = cmp.Or(o.Out, "climb-demo")
	cfg, err := demoConfig(&o, std)
	if err != nil {
		return err
	}
	if err := o.until(ctx, cfg, "", std); err != nil {
		return err
	}
	if !o.JSON {
		fmt.Fprintf(std.out, "Done in %s. The configuration is %s; edit a copy for text of your own, or use climb init.\n",
			durationText(time.Since(start)), near(filepath.Join(o.Out, "climb.yaml")))
	}
	return nil
}

// demoConfig makes the demo's corpus, unless it is there, and its
// configuration.
func demoConfig(o *stageOptions, std streams) (*climb.Config, error) {
	var err error
	if o.Out, err = filepath.Abs(o.Out); err != nil { // paths in demo.yaml are seen from its folder
		return nil, err
	}
	dir := filepath.Join(o.Out, "text")
	if err := os.MkdirAll(o.Out, 0o777); err != nil {
		return nil, fmt.Errorf("make the run directory: %w", err)
	}
	corpus := demo.At(dir)
	if !corpus.Complete() {
		lock, err := task.Acquire(o.Out)
		if err != nil {
			return nil, err
		}
		defer lock.Release()
		root, err := demo.GOROOT()
		if err != nil {
			return nil, err
		}
		if !o.JSON {
			fmt.Fprintf(std.out, "making a corpus from %s ...\n", root)
		}
		if err := demo.Write(root, corpus); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, demoYAML, corpus.Inputs, corpus.Validation, corpus.Test)
	path := filepath.Join(o.Out, "demo.yaml")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		return nil, err
	}
	cfg, err := climb.LoadConfig(path)
	if err != nil {
		return nil, err
	}
	return cfg, o.apply(cfg)
}

// demoYAML is the laptop preset with the sizes that fit into a few minutes.
const demoYAML = `preset: laptop
corpus:
  inputs: [%q]
tokens: {bpe: {vocab: 2048}}
proxy:
  model: {layers: 2, width: 96, heads: 3, context: 128}
  tokens: 160000
search:
  rounds: [12, 6, 3]
confirm: {seeds: 4}
target:
  validation:
    - {file: %q, limit: 40}
  test:
    - {file: %q, limit: 40}
`
