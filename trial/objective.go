package trial

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/search"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// apply puts the limits on named domains into the problem.
func (c *SearchDomains) apply(p *search.Problem) error {
	index := func(field, name string) (int, error) {
		d := slices.Index(p.Domains, name)
		if d < 0 {
			hint := ""
			if near := option.Nearest(name, p.Domains); near != "" {
				hint = fmt.Sprintf("; did you mean %s", near)
			}
			return 0, &option.ConfigError{Text: fmt.Sprintf("search.domains.%s: no domain is called %q%s; there are %s", field, name, hint, strings.Join(p.Domains, ", "))}
		}
		return d, nil
	}
	if err := cmp.Or(history.CheckShares("least", c.Least), history.CheckShares("most", c.Most)); err != nil {
		return &option.ConfigError{Text: "search.domains." + err.Error()}
	}
	lower, upper := make([]float64, len(p.Domains)), make([]float64, len(p.Domains))
	for d := range p.Domains {
		lower[d], upper[d] = p.Bounds.At(d)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Least)) {
		d, err := index("least", name)
		if err != nil {
			return err
		}
		lower[d] = max(lower[d], c.Least[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Most)) {
		d, err := index("most", name)
		if err != nil {
			return err
		}
		upper[d] = min(upper[d], c.Most[name])
	}
	p.Bounds.Lower, p.Bounds.Upper = lower, upper
	for _, names := range c.Keep {
		var group []int
		for _, name := range names {
			d, err := index("keep", name)
			if err != nil {
				return err
			}
			group = append(group, d)
		}
		p.Groups = append(p.Groups, group)
	}
	if err := p.Check(); err != nil {
		return &option.ConfigError{Text: "search.domains: " + err.Error()}
	}
	return nil
}

// objective puts the target into the problem: a task for each of its terms.
func (r *Trials) objective(p *search.Problem) error {
	c := r.Config.Search.settled().Objective
	p.Combine, p.KL = c.Combine, c.KL
	terms, err := (&proxyOptions{Validation: plainFiles(r.Config.Target.Validation)}).firstTerms(r.curation.HeldOutFiles)
	if err != nil {
		return err
	}
	seen := map[string]int{}
	for _, t := range terms {
		p.Tasks = append(p.Tasks, search.Task{Name: t.Name() + ":" + t.Metric, Weight: t.Weight, Lower: eval.Oriented(t.Metric, 1) < 0})
		seen[p.Tasks[len(p.Tasks)-1].Name]++
	}
	for name, n := range seen {
		if n > 1 && (len(c.Floors) > 0 || c.Combine == "worst") {
			return &option.ConfigError{Text: fmt.Sprintf("search.objective: %d terms of the target are called %s; give their files different names", n, name)}
		}
		if n > 1 { // results cannot be told apart by name: the score stays in one piece
			p.Tasks = nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Floors)) {
		i := slices.IndexFunc(p.Tasks, func(t search.Task) bool { return t.Name == name })
		if i < 0 {
			return &option.ConfigError{Text: fmt.Sprintf("search.objective.floors: no term of the target is called %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(seen)), ", "))}
		}
		floor := c.Floors[name]
		p.Tasks[i].Floor = &floor
	}
	return nil
}

func plainFiles(terms []eval.Term) []curate.TargetFile {
	out := make([]curate.TargetFile, len(terms))
	for i, t := range terms {
		out[i].Term = t
	}
	return out
}

// firstTerms is the objective alone.
func (o *proxyOptions) firstTerms(heldOut halves) ([]eval.Term, error) {
	target, _, err := o.terms(heldOut, false)
	return target, err
}

// domainLoss returns the loss on held-out text of every domain, in nats per
// byte, if that is what the run was scored on. A domain without held-out text
// has 0.
func (r *Trials) domainLoss(result *train.Result, domains int) []float64 {
	if len(r.Config.Target.Validation) > 0 {
		return nil
	}
	var out []float64
	for _, v := range result.Validate {
		d, ok := curate.HeldOutDomain(v.Task)
		if !ok || d >= domains {
			continue
		}
		if out == nil {
			out = make([]float64, domains)
		}
		out[d] = v.Metrics["bpb"] * math.Ln2
	}
	return out
}

// pastFiles hashes the files of earlier searches.
func (c *ReuseConfig) pastFiles() (sums []string, err error) {
	for _, path := range c.Files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("search.reuse: %w", err)
		}
		sum := sha256.Sum256(data)
		sums = append(sums, hex.EncodeToString(sum[:]))
	}
	return sums, nil
}

// past reads the earlier searches whose runs are reused.
func (r *Trials) past(p search.Problem) ([]search.Trial, error) {
	c := r.Config.Search.Reuse
	var out []search.Trial
	for _, path := range c.Files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("search.reuse: %w", err)
		}
		past, err := parsePast(data)
		if err != nil {
			return nil, task.Permanent(fmt.Errorf("search.reuse: %s: %w", path, err))
		}
		past.Split = c.Split
		runs := p.Reuse(past, c.Tolerance)
		r.Warn("search", "%s: %d of %d runs are reused", path, len(runs), len(past.Trials))
		out = append(out, runs...)
	}
	return out, nil
}
