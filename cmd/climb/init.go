package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/task"
)

func newInit() *cobra.Command {
	var preset, file string
	var force, asJSON bool
	c := &cobra.Command{
		Use: "init DIR", GroupID: "main", Args: args(cobra.ExactArgs(1)),
		Short: "Write a commented climb.yaml for a folder of text",
		Long: `Write a commented climb.yaml for a folder of text: JSONL, JSONL.gz, JSONL.zst,
Parquet, WARC or plain text. It has what a user has to look at; everything else
comes from the preset, and climb run --print-config shows it.`,
		Example: `  climb init ~/text
  climb init ~/text --preset paper --file paper.yaml`,
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			shards, files, err := corpus.Split(c.Context(), corpus.Options{Inputs: []string{dir}})
			if err != nil {
				return err
			}
			var b bytes.Buffer
			if err := climb.WriteStarter(&b, preset, dir); err != nil {
				return err
			}
			if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) && !force {
				return task.Usage(fmt.Errorf("%s is there already; --force replaces it, --file names another", file))
			}
			if err := os.WriteFile(file, b.Bytes(), 0o666); err != nil {
				return err
			}
			var size int64
			for _, f := range files {
				size += f.Bytes
			}
			if asJSON {
				return printJSON(map[string]any{"file": file, "files": len(files), "bytes": size, "shards": len(shards)})
			}
			fmt.Fprintf(stdout, "%s: %d files, %s, %d shards. Next: climb plan %s\n", file, len(files), bytesText(float64(size)), len(shards), file)
			return nil
		},
	}
	c.Flags().StringVar(&preset, "preset", climb.Presets()[0], "laptop, recipe or paper")
	c.Flags().StringVar(&file, "file", "climb.yaml", "file to write")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&force, "force", false, "replace the file if it is there")
	return c
}
