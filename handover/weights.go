package handover

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

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
	// Run is a run directory, whose documents the domains of these names have; they
	// have no inputs then. climb serve writes such files.
	Run string `json:"run,omitempty"`
	// Tokenizer is what shares are in tokens of; that of the export if it is empty.
	Tokenizer string                   `json:"tokenizer,omitempty"`
	TextField string                   `json:"text_field,omitempty"` // "text"
	IDField   string                   `json:"id_field,omitempty"`   // "id"
	Domains   map[string]WeightsDomain `json:"domains"`
	// Phases are mixtures that follow each other; the domains have no shares then.
	Phases []WeightsPhase `json:"phases,omitempty"`

	Name  string `json:"-"` // of the file, for people
	names []string
	share []float64
	phase []phase
	tasks [][]fileShard
	files []corpus.FileInfo
	bytes int64
}

// A WeightsDomain is a domain of Weights.
type WeightsDomain struct {
	Share  *float64 `json:"share,omitempty"` // of tokens; they need not sum to 1
	Inputs []string `json:"inputs"`          // files, folders, globs, as corpus.inputs
}

// A WeightsPhase is a mixture for a part of the training.
type WeightsPhase struct {
	Share   float64            `json:"share"`   // of the tokens of the training; they need not sum to 1
	Mixture map[string]float64 `json:"mixture"` // share of its tokens by domain; they need not sum to 1
}

// A phase is one with its mixture in the order of the domains.
type phase struct {
	Share   float64   `json:"share"`
	Mixture []float64 `json:"mixture"`
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
	for _, p := range []*string{&w.Answer, &w.Tokenizer, &w.Run} {
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
		Domains     []string  `json:"domains"`
		Phases      []float64 `json:"phases"`
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
	if len(a.Phases) > 0 {
		return w.answerPhases(a.Phases, a.Domains, a.Recommended.Mixture)
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

// answerPhases takes the mixtures of a fit to a table with phases: its domains are
// called phase_0_NAME, and its shares are of all tokens.
func (w *Weights) answerPhases(lengths []float64, names []string, shares []float64) error {
	if len(w.Phases) > 0 {
		return fmt.Errorf("it has phases, and so has the mixture file; leave those out")
	}
	n := len(names) / len(lengths)
	for k, length := range lengths {
		p := WeightsPhase{Share: length, Mixture: map[string]float64{}}
		for i := k * n; i < (k+1)*n; i++ {
			name, ok := strings.CutPrefix(names[i], fmt.Sprintf("phase_%d_", k))
			if !ok {
				return fmt.Errorf("domain %q is not one of phase %d, phase_%d_NAME", names[i], k, k)
			}
			if shares[i] > 0 {
				p.Mixture[name] = shares[i] / length
			}
		}
		w.Phases = append(w.Phases, p)
	}
	return nil
}

// settlePhases orders the mixtures of the phases as the domains are, and gives each
// domain its share of all tokens.
func (w *Weights) settlePhases() error {
	total, names := 0.0, slices.Sorted(maps.Keys(w.Domains))
	for k, p := range w.Phases {
		if !(p.Share > 0) || math.IsInf(p.Share, 0) {
			return fmt.Errorf("phases[%d].share: %v; it must be more than 0", k, p.Share)
		}
		total += p.Share
		for name := range p.Mixture {
			if _, ok := w.Domains[name]; !ok {
				return fmt.Errorf("phases[%d].mixture: domain %q is not in domains: add it with its inputs", k, name)
			}
		}
	}
	all := make([]float64, len(names))
	for k, p := range w.Phases {
		one, sum := phase{Share: p.Share / total, Mixture: make([]float64, len(names))}, 0.0
		for d, name := range names {
			s := p.Mixture[name]
			if s < 0 || math.IsNaN(s) || math.IsInf(s, 0) {
				return fmt.Errorf("phases[%d].mixture.%s: %v; it must be 0 or more", k, name, s)
			}
			one.Mixture[d], sum = s, sum+s
		}
		if sum <= 0 || math.IsInf(sum, 0) {
			return fmt.Errorf("phases[%d].mixture: its shares sum to %v", k, sum)
		}
		for d := range one.Mixture {
			one.Mixture[d] /= sum
			all[d] += one.Share * one.Mixture[d]
		}
		w.phase = append(w.phase, one)
	}
	for d, name := range names {
		one := w.Domains[name]
		if one.Share != nil {
			return fmt.Errorf("domains.%s.share: phases have the shares; leave it out", name)
		}
		one.Share = &all[d]
		w.Domains[name] = one
	}
	return nil
}

// settle orders the domains by name, and checks the shares.
func (w *Weights) settle() error {
	if w.Run != "" && (len(w.Phases) > 0 || w.Tokenizer != "") {
		return fmt.Errorf("run: its documents have shares of the run's tokens, and one mixture; leave out phases and tokenizer")
	}
	if len(w.Phases) > 0 {
		if err := w.settlePhases(); err != nil {
			return err
		}
	}
	sum := 0.0
	for name, d := range w.Domains {
		if d.Share == nil {
			return fmt.Errorf("domains.%s: it has no share", name)
		}
		if s := *d.Share; s < 0 || math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("domains.%s.share: %v; it must be 0 or more", name, s)
		}
		if w.Run != "" && len(d.Inputs) > 0 {
			return fmt.Errorf("domains.%s.inputs: the documents come from the run %s; leave out one of the two", name, w.Run)
		}
		if *d.Share > 0 && len(d.Inputs) == 0 && w.Run == "" {
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

// ofRun is the share of each domain of a run. A domain that is not named has none.
func (w *Weights) ofRun(names []string) ([]float64, error) {
	share := make([]float64, len(names))
	for k, name := range w.names {
		d := slices.Index(names, name)
		if d < 0 {
			return nil, fmt.Errorf("%s: domain %q is none of the run %s; there are %s", w.Name, name, w.Run, strings.Join(names, ", "))
		}
		share[d] = w.share[k]
	}
	return share, nil
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
