package climb

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb/stage"
)

// earlierPlans are plans as the version before the seals wrote them.
var earlierPlans = map[string]string{
	"corpus-2b9f6f2f0b54/plan.json":          `{"kind": "corpus", "format": 2, "options": {"corpus": {"inputs": ["text"], "dedup": "text"}, "files": [{"path": "/text/a.jsonl", "bytes": 3}]}, "files": [{"path": "/text/a.jsonl", "bytes": 3}], "tasks": [{"path": "/text/a.jsonl", "start": 0, "end": 3}]}`,
	"rows-7d0f1c2ab1f3/plan.json":            `{"kind": "rows", "format": 2, "options": {"inputs": ["text"], "dedup": "text"}, "inputs": {"corpus": "corpus-2b9f6f2f0b54", "buckets": "buckets-0123456789ab"}, "tasks": [{}]}`,
	"tags-45a0b3c4d5e6/plan.json":            `{"kind": "tags", "format": 1, "options": {"field": "source", "host": false, "min_share": 0.01}, "inputs": {"rows": "rows-7d0f1c2ab1f3"}, "tasks": [{"shard": 0}]}`,
	"vocab-99a0b3c4d5e6/plan.json":           `{"kind": "vocab", "format": 1, "options": {"seed": 1}, "inputs": {"assign": "assign-0a0b3c4d5e6f", "rows": "rows-7d0f1c2ab1f3"}, "tasks": [{}]}`,
	"domains-aaa0b3c4d5e6/plan.json":         `{"kind": "domains", "format": 4, "options": {"seed": 1, "label": {"method": "rules"}}, "tasks": [{}]}`,
	"search-bba0b3c4d5e6/plan.json":          `{"kind": "search", "format": 3, "options": {"seed": 1}, "inputs": {"vocab": "vocab-99a0b3c4d5e6"}, "tasks": []}`,
	"search-bba0b3c4d5e6/round-01.plan.json": `{"kind": "search", "format": 3, "name": "round-01", "options": {"seed": 1}, "tasks": [{"hash": "5f0c"}]}`,
	"search-bba0b3c4d5e6/search.json":        `{"trials": []}`,
	"label-cca0b3c4d5e6/plan.json":           `{"kind": "label", "format": 99, "options": {}, "tasks": []}`, // of a newer version
	"plugin-cca0b3c4d5e6/plan.json":          `{"kind": "plugin", "format": 1, "options": {}, "tasks": []}`, // of no stage
	"mine/plan.json":                         `{"a plan": "of the user"}`,
	"mine/notes.txt":                         `keep`,
}

const earlierNames = "corpus-2b9f6f2f0b54 domains-aaa0b3c4d5e6 rows-7d0f1c2ab1f3 search-bba0b3c4d5e6 tags-45a0b3c4d5e6 vocab-99a0b3c4d5e6"

// sums are the SHA-256 of all files below a directory but those of names.
func sums(t *testing.T, dir string, names []string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range names {
		err := filepath.WalkDir(filepath.Join(dir, name), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			info, _ := d.Info()
			out[path] = fmt.Sprintf("%x %v", sha256.Sum256(data), info.ModTime())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A run directory of an earlier version is named in one warning, by the run, its
// status and its plan, and stays as it is.
func TestEarlierVersion(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run of old")
	var dirs []string
	for name, text := range earlierPlans {
		path := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, filepath.Dir(filepath.FromSlash(name)))
	}
	before := sums(t, out, dirs)
	config := fmt.Sprintf("out: %q\ncorpus: {inputs: [%s]}\n", out, toyCorpus(t))
	warnings := func(c *Config) (out []string) {
		r := NewRun(c)
		r.Watch = func(e stage.Event) {
			if e.Warning {
				out = append(out, e.Note)
			}
		}
		for range 2 { // it is told once
			if err := r.Until(t.Context(), "corpus"); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	told := warnings(parse(t, config))
	want := fmt.Sprintf("6 directories of stages in %s were made by an earlier version of climb, in a format that this one does not read: the stages are made anew beside them, and they are left as they are. To remove them: (cd '%s' && rm -r %s). To go on with them: run the version that made them", out, out, earlierNames)
	if d := cmp.Diff([]string{want}, told); d != "" {
		t.Fatalf("warnings of the run:\n%s", d)
	}
	// Directories of other options of this version are no news, on the next run.
	told = warnings(parse(t, config+"seed: 2\ntarget: {holdout: 0.3}\n"))
	if d := cmp.Diff([]string{want}, told); d != "" {
		t.Errorf("warnings of a run of other options:\n%s", d)
	}
	s, err := opened(t, parse(t, config)).Status()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{want}, s.Notes); d != "" {
		t.Errorf("notes of the status:\n%s", d)
	}
	e, err := look(t, opened(t, parse(t, config))).Estimate(t.Context())
	if err != nil || !strings.Contains(strings.Join(e.Warnings, "\n"), want) {
		t.Errorf("the plan: %q, %v", e.Warnings, err)
	}
	if d := cmp.Diff(before, sums(t, out, dirs)); d != "" {
		t.Errorf("files of the earlier version:\n%s", d)
	}
	// The command does what it says.
	for name := range strings.FieldsSeq(earlierNames) {
		if err := os.RemoveAll(filepath.Join(out, name)); err != nil {
			t.Fatal(err)
		}
	}
	if told := warnings(parse(t, config)); told != nil {
		t.Errorf("after they were removed: %q", told)
	}
}

// Every stage whose options, or the shape of whose outputs, differ from those of
// the version that is read as an earlier one has a higher format number than it
// had there.
func TestFormatsSinceTheEarlierVersion(t *testing.T) {
	now := Stages()
	for name, was := range map[string]int{
		"corpus": 2, "signatures": 1, "rows": 2, "vectorizer": 5, "embed": 2, "centroids": 2, "refine": 1, "cluster": 1, "label": 2,
		"assign": 3, "overlap": 1, "domains": 4, "base": 1, "search": 3, "confirm": 1, "draw": 1, "dataset": 2,
	} {
		if s := now.Find(name); s == nil || s.Format <= was {
			t.Errorf("stage %s: %+v, was %d", name, s, was)
		}
	}
}
