package climb

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/option"
)

// WriteStarter writes a short commented climb.yaml for a corpus, with comments on
// what was found in it: what a user has to look at. Everything else is in the preset.
func WriteStarter(w io.Writer, preset string, o corpus.Options, comments ...string) error {
	if !slices.Contains(Presets(), preset) {
		return &option.ConfigError{Text: fmt.Sprintf("preset: %q is not one of %s", preset, strings.Join(Presets(), ", "))}
	}
	var found strings.Builder
	for _, text := range comments {
		fmt.Fprintf(&found, "# %s\n", escape.Line(text))
	}
	inputs := ""
	for _, in := range o.Inputs {
		if entry := strconv.Quote(in.Path); in.All {
			inputs += fmt.Sprintf("    - {path: %s, all: true}\n", entry)
		} else {
			inputs += fmt.Sprintf("    - %s\n", entry)
		}
	}
	var plain corpus.Options
	option.Fill(&plain)
	lenient := ""
	if o.Truncated == "skip" {
		lenient = "  truncated: skip       # files that are damaged or end early are read as far as they go, and counted\n"
	}
	if o.BadLineLimit > plain.BadLineLimit {
		lenient += fmt.Sprintf("  bad_line_limit: %-5.4g # share of lines that may be bad: there are more than the usual %g, see above\n", o.BadLineLimit, plain.BadLineLimit)
	}
	field, err := yaml.Marshal(o.TextField)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, starter, preset, found.String(), inputs, strings.TrimSpace(string(field)), lenient)
	return err
}

const starter = `# Configuration of climb. Next:
#   climb plan climb.yaml     what will run, how long, how much disk
#   climb run climb.yaml      run it, or resume it
# climb run climb.yaml --print-config shows every option with its value.

preset: %s          # laptop: minutes to hours; recipe, paper: the published settings
out: climb-run          # run directory
seed: 1                 # same seed, same mixture and dataset

%scorpus:
  inputs:               # files, folders, globs; or {path: ..., text_field: ..., source: ...}
%s  text_field: %s      # a dotted path reaches into objects: data.body; auto: found for each file
  id_field: id          # where absent, the id is a hash of the text
  source_field: source  # carried along, never used to decide
%s
# What is weighed: clusters of the text, or what your files say already.
# domains:
#   by: file              # or folder, field:NAME, quality:5; a list crosses them

# What the mixture is to be good at. Each file is JSONL with one item a line:
#   {"id", "query", "choices": [...], "gold": 0}   multiple choice
#   {"id", "context", "target"}                    one right answer
#   {"id", "text"}                                 bits per byte of a text
# The search sees the validation files only; the test files are for the final
# report. Without any file a share of the corpus is held out, and every domain
# counts alike.
target:
  holdout: 0.01
  # validation:
  #   - {file: eval/piqa.validation.jsonl, metric: bpb, weight: 1}
  # test:
  #   - {file: eval/piqa.test.jsonl, metric: acc_norm}

search:
  epochs: 4             # times the target run may repeat a domain
  # target_tokens: 10000000000   # tokens of the target run, for the epoch cap

dataset:
  # tokens: 1000000000  # size of the dataset; by default as much as epochs allows
  epochs: 4
`
