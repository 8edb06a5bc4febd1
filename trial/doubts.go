package trial

import (
	"fmt"

	"github.com/climb-go/climb/curate"
	"github.com/climb-go/climb/eval"
)

// Below fewSteps optimizer steps we warn. In docs/evidence.md proxies of 390 steps
// ranked mixtures like the larger model (Spearman 0.80 on the general objective,
// 0.89 with 781); with 195 steps they did less so (0.66 and 0.64), with 98 hardly
// (0.44).
const fewSteps = 300

// fewItems of a target are told. The standard error of an accuracy of one half is
// then 5 percentage points or more.
const fewItems = 100

// Doubts are what is doubtful of a run for what it was asked to do, whatever comes
// of it: climb plan says them before, climb run at its start, and the report after.
func (r *Trials) Doubts() (out []string, err error) {
	p := r.Config.Proxy
	if steps := p.Tokens / int64(p.Batch*p.Model.Context); steps < fewSteps && len(p.Command) == 0 {
		out = append(out, fmt.Sprintf("a proxy takes only %d steps; with fewer than about %d, proxies rank mixtures unlike a larger model: raise proxy.tokens or lower proxy.batch", steps, fewSteps))
	}
	if n := r.Config.Confirm.Seeds; n < 3 {
		out = append(out, fmt.Sprintf("confirm.seeds is %d: intervals of so few runs are wide, and only a large gain can be shown; more seeds add runs and repeat none", n))
	}
	items, known, err := r.targetItems()
	if err != nil {
		return nil, err
	}
	if known && items < fewItems {
		out = append(out, fmt.Sprintf("the target has only %d items: the search may find a mixture for just these, and intervals are wide, since they cover the items too; add files to target.validation, or raise their limit", items))
	}
	return out, nil
}

// targetItems counts the items that the search optimizes for; not known where they
// are measured elsewhere, and before documents are held out.
func (r *Trials) targetItems() (n int, known bool, err error) {
	terms := r.Config.Target.Validation
	if len(terms) == 0 {
		if !r.Done("holdout") {
			return 0, false, nil
		}
		if terms, err = halves(r.curation.HeldOutFiles).terms("validation"); err != nil {
			return 0, false, err
		}
	}
	files := map[string]int{} // a file that is measured twice has its items once
	for _, t := range terms {
		if t.Task != "" {
			return 0, false, nil
		}
		read, err := curate.ReadTarget(r.targets, t.File)
		if err != nil {
			return 0, false, fmt.Errorf("target: %w", err)
		}
		files[t.File] = max(files[t.File], limited(t, read.Items))
	}
	for _, items := range files {
		n += items
	}
	return n, true, nil
}

func limited(t eval.Term, items int) int {
	if t.Limit > 0 {
		return min(t.Limit, items)
	}
	return items
}
