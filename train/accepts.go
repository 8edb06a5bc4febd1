package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/climb-go/climb/option"
)

// accepts finds what a trainer written in Python says it understands of a Job.
var accepts = regexp.MustCompile(`(?s)\nACCEPTS = json\.loads\("""(.*?)"""\)`)

// Accepts refuses a job that asks for what the program does not have, by the
// program's own statement ACCEPTS: an object lists the fields, a list the values,
// and true is anything. Fields that are empty, 0 or false do not count.
func Accepts(program []byte, j *Job) error {
	found := accepts.FindSubmatch(program)
	if found == nil {
		return &option.ConfigError{Text: "proxy.torch.file: has no ACCEPTS = json.loads(\"\"\"...\"\"\") that says what it understands of a Job; start from a copy of trainer.py"}
	}
	var allowed any
	if err := json.Unmarshal(found[1], &allowed); err != nil {
		return &option.ConfigError{Text: fmt.Sprintf("proxy.torch.file: ACCEPTS is no JSON: %v", err)}
	}
	return j.within(allowed, "train with another proxy.trainer")
}

// everyJob are the fields that a job has whatever the configuration says; items
// and curve are wishes, and models are saved for those alone that have a base.
var everyJob = []string{"mixture", "seed", "domains", "tokenizer", "tokens", "batch", "target", "test", "items", "curve", "model.vocab"}

// stated makes of a list of fields, such as model.layers or
// optim.optimizer.method=adamw, what Accepts reads of a program.
func stated(fields []string) (any, error) {
	all := map[string]any{}
	for _, f := range slices.Concat(everyJob, fields) {
		path, text, bound := strings.Cut(f, "=")
		names := strings.Split(path, ".")
		if slices.Contains(names, "") {
			return nil, &option.ConfigError{Text: fmt.Sprintf("proxy.command_fields: %q is no field of a Job; write model, optim.lr or optim.optimizer.method=adamw", f)}
		}
		var value any
		if bound && json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		allow(all, names, value)
	}
	return all, nil
}

// allow adds a field to what is allowed, or one of its values.
func allow(all map[string]any, path []string, value any) {
	name := path[0]
	switch below := all[name].(type) {
	case bool: // any value of it
	case map[string]any:
		if len(path) > 1 {
			allow(below, path[1:], value)
			return
		}
		all[name] = true
	default:
		list, _ := below.([]any)
		switch {
		case len(path) > 1:
			below := map[string]any{}
			all[name] = below
			allow(below, path[1:], value)
		case value == nil:
			all[name] = true
		default:
			all[name] = append(list, value)
		}
	}
}

// within refuses a job that asks for more than is allowed.
func (j *Job) within(allowed any, remedy string) error {
	var asked any
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &asked); err != nil {
		return err
	}
	if field, names := beyond("", allowed, asked); field != "" {
		text := fmt.Sprintf("the trainer does not know %s = %s of a job; %s", field[1:], brief(asked, field), remedy)
		if names != "" {
			text += ", or choose one of " + names
		}
		return &option.ConfigError{Text: text}
	}
	return nil
}

// beyond is the path of the first part of asked that is not allowed, and the
// values that would be.
func beyond(path string, allowed, asked any) (field, names string) {
	switch a := allowed.(type) {
	case bool:
		if a {
			return "", ""
		}
	case []any:
		if slices.Contains(a, asked) {
			return "", ""
		}
		for _, v := range a {
			names += fmt.Sprintf(" %v", v)
		}
		names = names[min(1, len(names)):]
	case map[string]any:
		of, ok := asked.(map[string]any)
		if !ok {
			break
		}
		for _, name := range slices.Sorted(maps.Keys(of)) {
			if field, names := beyond(path+"."+name, a[name], of[name]); field != "" {
				return field, names
			}
		}
		return "", ""
	}
	if isNothing(asked) {
		return "", ""
	}
	return path, names
}

// isNothing tells whether a value of JSON asks for nothing.
func isNothing(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, x := range v {
			if !isNothing(x) {
				return false
			}
		}
		return true
	}
	return false
}

// brief is the value at a path, short.
func brief(v any, path string) string {
	for _, name := range regexp.MustCompile(`[^.]+`).FindAllString(path, -1) {
		v = v.(map[string]any)[name]
	}
	text, err := json.Marshal(v)
	if err != nil || len(text) > 60 {
		return "..."
	}
	return string(text)
}
