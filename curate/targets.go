package curate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// A TargetFile is a term of the objective with the hash of its file, so that
// editing the file redoes what depends on it.
type TargetFile struct {
	eval.Term
	SHA256 string `json:"sha256"`
}

// TargetFiles hashes the files of the terms, and checks that each can be used. The
// cache holds what was read of them, and may be nil.
func TargetFiles(c *stage.Cache, terms []eval.Term) ([]TargetFile, error) {
	out := make([]TargetFile, len(terms))
	for i, t := range terms {
		if out[i].Term = t; t.Task != "" { // measured elsewhere
			continue
		}
		read, err := ReadTarget(c, t.File)
		if err != nil {
			return nil, fmt.Errorf("target: %w", err)
		}
		if t.Metric != "" && !slices.Contains(read.metrics, t.Metric) {
			return nil, &option.ConfigError{Text: fmt.Sprintf("target: %s items of %s have no %s; choose one of %s", read.kind, t.File, t.Metric, strings.Join(read.metrics, ", "))}
		}
		out[i].SHA256 = read.sum
	}
	return out, nil
}

// targetRead is what is known of a target file.
type targetRead struct {
	sum         string // SHA-256 of it, and of what it is read from if it is YAML
	kind, Split string
	metrics     []string
	Bytes       float64 // of a right answer, mean over the items
	Items       int
}

// ReadTarget checks a target file. Files that have the sizes and times that they
// had are not read again.
func ReadTarget(c *stage.Cache, path string) (targetRead, error) {
	files, err := eval.Files(path)
	if err != nil {
		return targetRead{}, err
	}
	key := "target"
	for _, name := range files {
		stamp, err := task.Stamp(name)
		if err != nil {
			return targetRead{}, err
		}
		key += fmt.Sprintf("\x00%v", stamp)
	}
	return stage.Keep(c, key, func(string) (targetRead, error) {
		t, err := eval.LoadTask(path)
		if err != nil {
			return targetRead{}, err
		}
		sum, err := fileSum(files)
		return targetRead{sum, t.Kind, t.Split, t.Metrics(), t.AnswerBytes(), len(t.Items)}, err
	})
}

// fileSum hashes the files of a target.
func fileSum(files []string) (string, error) {
	h := sha256.New()
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		h.Write(data)
		if len(files) > 1 { // where one ends
			fmt.Fprintf(h, "\n%s %d\n", filepath.Base(name), len(data))
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
