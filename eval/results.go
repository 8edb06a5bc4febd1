package eval

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/wire"
)

// Results are figures in the layout of lm-evaluation-harness's results files
// (lm_eval/evaluator.py): by task, "metric,filter" and "metric_stderr,filter".
// Files of its versions before 0.4, without the filter, are read too.
type Results struct {
	Results  map[string]map[string]any `json:"results"`
	Subtasks map[string][]string       `json:"group_subtasks"`
	Configs  map[string]map[string]any `json:"configs"`
	Versions map[string]any            `json:"versions"`
	Shots    map[string]any            `json:"n-shot"`
	Higher   map[string]Directions     `json:"higher_is_better"` // by task and metric
	Samples  map[string]SampleCount    `json:"n-samples"`
	Config   map[string]any            `json:"config"`

	path string
}

// Directions say of metrics whether higher is better. The harness writes null for
// a group whose tasks disagree: of such a metric nothing is said.
type Directions map[string]bool

// UnmarshalJSON implements json.Unmarshaler.
func (d *Directions) UnmarshalJSON(data []byte) error {
	var said map[string]*bool
	if err := json.Unmarshal(data, &said); err != nil {
		return err
	}
	*d = Directions{}
	for metric, higher := range said {
		if higher != nil {
			(*d)[metric] = *higher
		}
	}
	return nil
}

// A SampleCount says how many items a task has and how many were scored.
type SampleCount struct {
	Original  int `json:"original"`
	Effective int `json:"effective"`
}

// NewResults is empty. config describes the model and how it was run.
func NewResults(config map[string]any) *Results {
	return &Results{Results: map[string]map[string]any{}, Subtasks: map[string][]string{}, Configs: map[string]map[string]any{},
		Versions: map[string]any{}, Shots: map[string]any{}, Higher: map[string]Directions{}, Samples: map[string]SampleCount{}, Config: config}
}

// Label is the name of the task in results files: what a YAML task calls
// itself, or the file's name.
func (t *Task) Label() string {
	if t.Alias != "" {
		return t.Alias
	}
	return t.Name
}

// Add enters the figures of a task, of which scored may be a part (see Limit).
// A standard error that does not exist is "N/A", as in the harness.
func (r *Results) Add(t *Task, scored *TaskResult) error {
	name := t.Label()
	if r.Results[name] != nil {
		return fmt.Errorf("two tasks are called %s; give their files, or the field task in them, different names", name)
	}
	row, higher := map[string]any{"alias": name}, Directions{}
	for metric, v := range scored.Metrics {
		row[metric+",none"], row[metric+"_stderr,none"] = v, any("N/A")
		if se, ok := scored.StdErr[metric]; ok {
			row[metric+"_stderr,none"] = se
		}
		higher[metric] = Oriented(metric, 1) > 0
	}
	output := ""
	for o, kind := range kindOf {
		if kind == t.Kind {
			output = o
		}
	}
	r.Results[name], r.Higher[name], r.Subtasks[name] = row, higher, []string{}
	r.Configs[name] = map[string]any{"task": name, "output_type": output, "num_fewshot": t.Shots, "file": t.Path}
	r.Versions[name], r.Shots[name] = t.Version, t.Shots
	if t.Version == "" {
		r.Versions[name] = "N/A"
	}
	r.Samples[name] = SampleCount{len(t.Items), scored.Items}
	return nil
}

// maxResults bounds a results file: those with samples in them are larger than
// they need be.
const maxResults = 256 << 20

// ReadResults reads a results file of the harness, or the newest below a
// folder, where it is named as the harness names it (results_DATE.json).
func ReadResults(path string) (*Results, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if st.IsDir() {
		if path, err = newestResults(path); err != nil {
			return nil, err
		}
		if st, err = os.Stat(path); err != nil {
			return nil, fmt.Errorf("read results: %w", err)
		}
	}
	if st.Size() > maxResults {
		return nil, fmt.Errorf("read results %s: larger than %d MiB; leave the samples out of it", path, maxResults>>20)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	r, err := ParseResults(data)
	if err != nil {
		return nil, fmt.Errorf("read results %s: %w", path, err)
	}
	r.path = path
	return r, nil
}

func newestResults(dir string) (string, error) {
	var found []string // dates in their names are in the order of time
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasPrefix(d.Name(), "results") && strings.HasSuffix(d.Name(), ".json") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read results: %w", err)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("read results %s: no file is called results*.json; is this lm_eval's --output_path?", dir)
	}
	return slices.MaxFunc(found, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) }), nil
}

// ParseResults reads the JSON of a results file.
func ParseResults(data []byte) (*Results, error) {
	r := &Results{}
	if err := wire.JSON(data, r); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return nil, fmt.Errorf("field %q holds a JSON %s; is this a results file of lm_eval?", wrong.Field, wrong.Value)
		}
		return nil, fmt.Errorf("not a results file of lm_eval: %w", err)
	}
	if len(r.Results) == 0 {
		return nil, errors.New(`no "results"; give the file that lm_eval writes with --output_path`)
	}
	return r, nil
}

// Task returns the figures of a task by its name. Of a metric with several
// filters the unfiltered one counts, or the first by name. Numbers of items
// (sample_len) are no metrics: where one name has a filter, all metrics have.
func (r *Results) Task(name string) (*TaskResult, error) {
	row := r.Results[name]
	if row == nil {
		return nil, fmt.Errorf("%s: no results of a task %q; there are %s", r.path, name, strings.Join(slices.Sorted(maps.Keys(r.Results)), ", "))
	}
	t := &TaskResult{Task: name, Items: r.Samples[name].Effective, Metrics: map[string]float64{}, StdErr: map[string]float64{}}
	if output, ok := r.Configs[name]["output_type"].(string); ok {
		t.Kind = kindOf[output]
	}
	keys := slices.Sorted(maps.Keys(row))
	filtered := slices.ContainsFunc(keys, func(key string) bool { return strings.Contains(key, ",") })
	for _, key := range keys {
		value, ok := row[key].(float64)
		if !ok || filtered && !strings.Contains(key, ",") || key == "sample_len" || key == "sample_count" {
			continue
		}
		metric, filter, _ := strings.Cut(key, ",")
		into := t.Metrics
		if base, isErr := strings.CutSuffix(metric, "_stderr"); isErr {
			into, metric = t.StdErr, base
		}
		if _, taken := into[metric]; !taken || filter == "none" {
			into[metric] = value
		}
	}
	return t, nil
}

// Group returns the name of the group with figures of its own that a task is a
// part of, of nested ones the outermost; "" if there is none.
func (r *Results) Group(task string) string {
	seen, out := map[string]bool{task: true}, ""
	for again := true; again; {
		again = false
		for _, group := range slices.Sorted(maps.Keys(r.Subtasks)) {
			if seen[group] || !slices.ContainsFunc(r.Subtasks[group], func(part string) bool { return seen[part] }) {
				continue
			}
			seen[group], again = true, true
			if figures, err := r.Task(group); err == nil && len(figures.Metrics) > 0 {
				out = group
			}
		}
	}
	return out
}

// Of returns the figures for a term: of the task that it names, or of its
// file's, which may go by the name in the file.
func (r *Results) Of(t Term) (*TaskResult, error) {
	name := t.Name()
	if r.Results[name] == nil && isYAML(t.File) {
		if c, err := readConfig(t.File); err == nil && r.Results[c.Task] != nil {
			name = c.Task
		}
	}
	out, err := r.Task(name)
	if err != nil {
		return nil, err
	}
	out.Task = t.Name()
	if v, ok := out.Metrics["bits_per_byte"]; ok { // as we call it
		out.Metrics["bpb"] = v
		if se, ok := out.StdErr["bits_per_byte"]; ok {
			out.StdErr["bpb"] = se
		}
	}
	return out, nil
}
