package train

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

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
	var allowed, asked any
	if err := json.Unmarshal(found[1], &allowed); err != nil {
		return &option.ConfigError{Text: fmt.Sprintf("proxy.torch.file: ACCEPTS is no JSON: %v", err)}
	}
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &asked); err != nil {
		return err
	}
	if field, names := beyond("", allowed, asked); field != "" {
		text := fmt.Sprintf("the trainer does not know %s = %s of a job; train with another proxy.trainer", field[1:], brief(asked, field))
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
