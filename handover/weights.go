package handover

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/wire"
)

// Weights are a mixture with the files of each domain, as a person writes them.
type Weights struct {
	// Answer is the JSON of climb fit or climb propose, whose recommended mixture
	// the shares are, by the names of the domains.
	Answer string `json:"answer,omitempty"`
	// Tokenizer is what shares are in tokens of; that of the export if it is empty.
	Tokenizer string                   `json:"tokenizer,omitempty"`
	TextField string                   `json:"text_field,omitempty"` // "text"
	IDField   string                   `json:"id_field,omitempty"`   // "id"
	Domains   map[string]WeightsDomain `json:"domains"`

	Name  string `json:"-"` // of the file, for people
	names []string
	share []float64
	tasks [][]fileShard
	files []corpus.FileInfo
	bytes int64
}

// A WeightsDomain is a domain of Weights.
type WeightsDomain struct {
	Share  *float64 `json:"share,omitempty"` // of tokens; they need not sum to 1
	Inputs []string `json:"inputs"`          // files, folders, globs, as corpus.inputs
}

// bundleBytes is what one task gathers of many small domains, bytes of files.
const bundleBytes = 64 << 20

// A fileShard is a part of a domain's files. A task gathers one or more.
type fileShard struct {
	Domain int          `json:"domain"`
	Shard  corpus.Shard `json:"shard"`
}

// LoadWeights reads a mixture file. Its paths are relative to it.
func LoadWeights(path string) (*Weights, error) {
	data, err := wire.ReadFile(path, 1<<26)
	if err != nil {
		return nil, err
	}
	w := &Weights{Name: filepath.Base(path)}
	if err := w.parse(data); err != nil {
		return nil, task.Usage(fmt.Errorf("%s: %w", path, err))
	}
	dir := filepath.Dir(path)
	for _, p := range []*string{&w.Answer, &w.Tokenizer} {
		*p = beside(dir, *p)
	}
	for _, d := range w.Domains {
		for i := range d.Inputs {
			d.Inputs[i] = beside(dir, d.Inputs[i])
		}
	}
	if w.Answer != "" {
		if err := w.answer(); err != nil {
			return nil, task.Usage(fmt.Errorf("%s: answer %s: %w", path, w.Answer, err))
		}
	}
	if err := w.settle(); err != nil {
		return nil, task.Usage(fmt.Errorf("%s: %w", path, err))
	}
	return w, nil
}

func beside(dir, path string) string {
	if path == "" || filepath.IsAbs(path) || blob.IsURL(path) {
		return path
	}
	return filepath.Join(dir, path)
}

func (w *Weights) parse(data []byte) error {
	doc, err := wire.YAML(data)
	if err != nil {
		return fmt.Errorf("%s", wire.Explain(err))
	}
	if doc == nil {
		return fmt.Errorf("it is empty; it needs domains: {NAME: {share: 0.7, inputs: [FILES]}}")
	}
	if err := wire.Decode(doc, w, yaml.Strict()); err != nil {
		return fmt.Errorf("%s", wire.Explain(err))
	}
	return nil
}

// answer takes the shares of a fit or a proposal.
func (w *Weights) answer() error {
	data, err := wire.ReadFile(w.Answer, 1<<26)
	if err != nil {
		return err
	}
	var a struct {
		Domains     []string `json:"domains"`
		Recommended struct {
			Mixture []float64 `json:"mixture"`
		} `json:"recommended"`
	}
	if err := wire.JSON(data, &a); err != nil {
		return err
	}
	if len(a.Domains) == 0 || len(a.Recommended.Mixture) != len(a.Domains) {
		return fmt.Errorf("it has %d domains and %d shares in recommended.mixture; climb fit --json and climb propose --json write such a file", len(a.Domains), len(a.Recommended.Mixture))
	}
	for i, name := range a.Domains {
		d, ok := w.Domains[name]
		switch {
		case ok && d.Share != nil:
			return fmt.Errorf("domain %q has a share of its own too; leave one out", name)
		case !ok && a.Recommended.Mixture[i] > 0:
			return fmt.Errorf("domain %q has a share of %.4g and no files: add it to domains with its inputs", name, a.Recommended.Mixture[i])
		case ok:
			d.Share = &a.Recommended.Mixture[i]
			w.Domains[name] = d
		}
	}
	return nil
}

// settle orders the domains by name, and checks the shares.
func (w *Weights) settle() error {
	sum := 0.0
	for name, d := range w.Domains {
		if d.Share == nil {
			return fmt.Errorf("domains.%s: it has no share", name)
		}
		if s := *d.Share; s < 0 || math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("domains.%s.share: %v; it must be 0 or more", name, s)
		}
		if *d.Share > 0 && len(d.Inputs) == 0 {
			return fmt.Errorf("domains.%s.inputs: it has a share of %v and no files", name, *d.Share)
		}
		w.names = append(w.names, name)
		sum += *d.Share
	}
	if sum <= 0 || math.IsInf(sum, 0) {
		return fmt.Errorf("domains: their shares sum to %v", sum)
	}
	slices.Sort(w.names)
	for _, name := range w.names {
		w.share = append(w.share, *w.Domains[name].Share/sum)
	}
	return nil
}

// open lists the files of the domains that have a share.
func (w *Weights) open(ctx context.Context) error {
	if w.tasks != nil {
		return nil
	}
	held := int64(0)
	for d, name := range w.names {
		if w.share[d] == 0 {
			continue
		}
		shards, files, err := corpus.Split(ctx, w.options(w.Domains[name].Inputs))
		if err != nil {
			return fmt.Errorf("domain %s: %w", name, err)
		}
		for _, s := range shards {
			if held += s.Bytes; held > bundleBytes || len(w.tasks) == 0 {
				w.tasks, held = append(w.tasks, nil), s.Bytes
			}
			last := &w.tasks[len(w.tasks)-1]
			*last = append(*last, fileShard{d, s})
		}
		for _, f := range files {
			w.bytes += f.Bytes
		}
		w.files = append(w.files, files...)
	}
	return nil
}

// options read one domain's files.
func (w *Weights) options(inputs []string) corpus.Options {
	o := corpus.Options{Inputs: corpus.Paths(inputs...), TextField: w.TextField, IDField: w.IDField, Fields: "drop"}
	fillCorpus(&o)
	return o
}
