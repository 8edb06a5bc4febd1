package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
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
		Long: `Write climb.yaml for a folder of text: JSONL, Parquet, WARC, CSV, TSV, tar (WebDataset),
HTML, Markdown or plain text, packed or not. The folder is read: the field that holds
the text is set from what is there, and you are told what was found and what is left
out. A folder of more than 32 MiB is sampled, and numbers of it begin with "about".

The file has the options that you have to look at, with comments. All others come from
the preset; climb run --print-config shows them.`,
		Example: `  climb init ~/text
  climb init ~/text --preset paper --file paper.yaml`,
		RunE: func(c *cobra.Command, args []string) error { return runInit(c.Context(), o, args, std) },
	}
	o.AddFlags(c.Flags())
	return c
}

func runInit(ctx context.Context, o initOptions, args []string, std streams) error {
	if err := corpus.Refuse(args[0]); err != nil {
		return task.Usage(err)
	}
	dir, err := filepath.Abs(args[0])
	if err != nil {
		return err
	}
	found, err := view.Look(ctx, dir)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := climb.WriteStarter(&b, o.Preset, found.Options, surveyText(found)...); err != nil {
		return err
	}
	if _, err := os.Stat(o.File); !errors.Is(err, fs.ErrNotExist) && !o.Force {
		return task.Usage(fmt.Errorf("%s is there already; --force replaces it, --file names another", o.File))
	}
	if err := os.WriteFile(o.File, b.Bytes(), 0o666); err != nil {
		return err
	}
	if o.JSON {
		return std.out.JSON(struct {
			File string `json:"file"`
			*view.Survey
		}{o.File, found})
	}
	for _, line := range surveyText(found) {
		fmt.Fprintln(std.out, line)
	}
	fmt.Fprintf(std.out, "%s: %d files, %s, %d shards. Next: climb plan %s\n", o.File, found.Files, bytesText(float64(found.Stored)), found.Shards, o.File)
	return nil
}

// surveyText says in a few lines what was found.
func surveyText(s *view.Survey) []string {
	about := ""
	if s.Guessed {
		about = "about "
	}
	lines := []string{fmt.Sprintf("documents: %s%d, %s of text, in %d files (%s)", about, s.Documents, bytesText(float64(s.Bytes)), s.Files, countsText(s.Formats))}
	if copies := s.Read - s.Documents; copies > 0 && !s.Guessed {
		lines = append(lines, fmt.Sprintf("copies left out: %d", copies))
	}
	if len(s.Fields) > 0 {
		lines = append(lines, "text is in: "+countsText(s.Fields))
	}
	var languages []string
	for _, g := range s.Languages[:min(5, len(s.Languages))] {
		languages = append(languages, fmt.Sprintf("%s %.0f %%", g.Name, 100*float64(g.Count.Bytes)/float64(max(1, totalBytes(s.Languages)))))
	}
	lines = append(lines, "languages: "+strings.Join(languages, ", "))
	if n := s.Bad.Dropped(); n > 0 {
		lines = append(lines, fmt.Sprintf("not accepted: %d of %d lines (%s)", n, s.Bad.Lines, s.Bad.ReasonsText()))
	}
	for _, line := range s.Bad.Samples {
		if line.Reason == corpus.Truncated || line.Reason == corpus.Corrupt {
			lines = append(lines, fmt.Sprintf("damaged: %s after line %d, read as far as it goes (%s)", escape.Line(near(line.Path)), line.Line-1, line.Reason))
		}
	}
	if s.Left != "" {
		lines = append(lines, "files left out: "+s.Left)
	}
	return lines
}

func totalBytes(groups []view.Group) (n int64) {
	for _, g := range groups {
		n += g.Count.Bytes
	}
	return n
}

// countsText lists what was counted, most first.
func countsText(counts map[string]int) string {
	names := slices.Collect(maps.Keys(counts))
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", counts[name], escape.Line(name))
	}
	return strings.Join(names, ", ")
}
