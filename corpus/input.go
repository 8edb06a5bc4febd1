package corpus

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// An Input is one entry of Options.Inputs: a path, or a section that says how the
// files of the path are read. There is no weight: the search finds the weights, of
// domains, and a factor here would only change which mixture is called the natural one.
type Input struct {
	Path      string `json:"path" path:"file" doc:"file, folder, glob, @LIST or URL"`
	TextField string `json:"text_field,omitempty" doc:"in the place of corpus.text_field"`
	Source    string `json:"source,omitempty" doc:"source of its documents, in the place of what they say"`
	All       bool   `json:"all,omitempty" doc:"of a folder read every file that can be read; without it texts, pages, CSV and tar are left out where files of other documents are beside them"`
}

// Paths are inputs that are read by the options alone.
func Paths(paths ...string) []Input {
	out := make([]Input, len(paths))
	for i, p := range paths {
		out[i].Path = p
	}
	return out
}

// plainInput is an Input without methods.
type plainInput Input

// value is how an input is written: a path alone where it says no more.
func (i Input) value() any {
	if i == (Input{Path: i.Path}) {
		return i.Path
	}
	return plainInput(i)
}

// MarshalJSON writes a path, or a section.
func (i Input) MarshalJSON() ([]byte, error) { return json.Marshal(i.value()) }

// MarshalYAML writes a path, or a section.
func (i Input) MarshalYAML() (any, error) { return i.value(), nil }

// UnmarshalJSON reads a path, or a section.
func (i *Input) UnmarshalJSON(data []byte) error {
	return i.decode(func(v any) error { return json.Unmarshal(data, v) }, len(data) > 0 && data[0] == '{')
}

// UnmarshalYAML reads a path, or a section.
func (i *Input) UnmarshalYAML(decode func(any) error) error {
	var section map[string]any
	return i.decode(decode, decode(&section) == nil)
}

func (i *Input) decode(decode func(any) error, section bool) error {
	*i = Input{}
	if !section {
		return decode(&i.Path)
	}
	if err := decode((*plainInput)(i)); err != nil {
		return err
	}
	if i.Path == "" {
		return fmt.Errorf("an input has no path: write {path: ..., text_field: ...}")
	}
	return nil
}

// Refuse is the error of a path or URL that climb does not read, with the command
// that fetches it; nil for others.
func Refuse(name string) error {
	scheme, rest, ok := strings.Cut(name, "://")
	if !ok {
		return nil
	}
	// Whoever signs a URL does not want to see it in a log.
	rest, _, _ = strings.Cut(rest, "?")
	if host, path, _ := strings.Cut(rest, "/"); strings.Contains(host, "@") {
		rest = host[strings.LastIndex(host, "@")+1:] + "/" + path
	}
	name = scheme + "://" + rest
	const why = "is not read: a run reads its inputs many times, and they must stay as they are. Download it"
	switch strings.ToLower(scheme) {
	case "hf":
		kind, id := "dataset", strings.TrimPrefix(rest, "datasets/")
		if model, ok := strings.CutPrefix(rest, "models/"); ok {
			kind, id = "model", model
		}
		if parts := strings.SplitN(id, "/", 3); len(parts) > 2 {
			id = parts[0] + "/" + parts[1]
		}
		return fmt.Errorf("%s %s, and name the folder: hf download %s --repo-type %s --local-dir %s", name, why, id, kind, path.Base(id))
	case "http", "https", "ftp":
		return fmt.Errorf("%s %s, and name the file: curl -fLO '%s'", name, why, name)
	}
	return nil
}

// Expand puts the home folder in the place of a leading ~, and the values of
// environment variables in that of $NAME and ${NAME}. A file of exactly that name is
// left alone; a variable that is not set is an error.
func Expand(name string) (string, error) {
	if !strings.ContainsAny(name, "~$") {
		return name, nil
	}
	if _, err := os.Lstat(name); err == nil {
		return name, nil
	}
	if name == "~" || strings.HasPrefix(name, "~/") {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		name = filepath.Join(home, name[1:])
	}
	missing := ""
	out := os.Expand(name, func(key string) string {
		value, ok := os.LookupEnv(key)
		if !ok && missing == "" {
			missing = key
		}
		return value
	})
	if missing != "" {
		return "", fmt.Errorf("%s: the environment variable %s is not set", name, missing)
	}
	return out, nil
}
