package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/task"
)

// initOptions are the flags of climb init.
type initOptions struct {
	Preset, File string
	Force, JSON  bool
}

// AddFlags adds the flags to a command's.
func (o *initOptions) AddFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Preset, "preset", climb.Presets()[0], "laptop, recipe or paper")
	f.StringVar(&o.File, "file", "climb.yaml", "file to write")
	f.BoolVar(&o.JSON, "json", false, "print JSON")
	f.BoolVar(&o.Force, "force", false, "replace the file if it is there")
}

func newInit(std streams) *cobra.Command {
	var o initOptions
	c := &cobra.Command{
		Use: "init DIR", GroupID: "main", Args: args(cobra.ExactArgs(1)),
		Short: "Write a commented climb.yaml for a folder of text",
		Long: `Write climb.yaml for a folder of text: JSONL, JSONL.gz, JSONL.zst, Parquet, WARC or
plain text. It has the options that you have to look at, with comments. All others
come from the preset; climb run --print-config shows them.`,
		Example: `  climb init ~/text
  climb init ~/text --preset paper --file paper.yaml`,
		RunE: func(c *cobra.Command, args []string) error { return runInit(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runInit(ctx context.Context, o initOptions, args []string, std streams) error {
	dir, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	shards, files, err := corpus.Split(ctx, corpus.Options{Inputs: []string{dir}})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := climb.WriteStarter(&b, o.Preset, dir); err != nil {
		return err
	}
	if _, err := os.Stat(o.File); !errors.Is(err, fs.ErrNotExist) && !o.Force {
		return task.Usage(fmt.Errorf("%s is there already; --force replaces it, --file names another", o.File))
	}
	if err := os.WriteFile(o.File, b.Bytes(), 0o666); err != nil {
		return err
	}
	var size int64
	for _, f := range files {
		size += f.Bytes
	}
	if o.JSON {
		return std.out.JSON(map[string]any{"file": o.File, "files": len(files), "bytes": size, "shards": len(shards)})
	}
	fmt.Fprintf(std.out, "%s: %d files, %s, %d shards. Next: climb plan %s\n", o.File, len(files), bytesText(float64(size)), len(shards), o.File)
	return nil
}
