package curate

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// DecontaminateConfig says what happens to documents that share an n-gram of
// words with a target file, for validation or test.
type DecontaminateConfig struct {
	Action string `json:"action" default:"drop" choices:"drop,mark,none" doc:"what to do with documents that share an n-gram with a file of target.validation or target.test: drop them from every domain, mark them with \"overlap\": true in the dataset, or none (no check)"`
	Words  int    `json:"words" default:"13" min:"2" max:"100" doc:"n of the n-gram, in words (a few characters count as a word in scripts without spaces); shorter items are not checked"`
}

// overlapOptions are what the overlap stage depends on.
type overlapOptions struct {
	Words int          `json:"words"`
	Files []TargetFile `json:"files"` // each once, without metric, weight and limit
}

// overlapWith lists the target files to keep apart from the corpus.
func (r *Curation) overlapWith() (overlapOptions, error) {
	o := overlapOptions{Words: r.Config.Decontaminate.Words}
	if r.Config.Decontaminate.Action == "none" {
		return overlapOptions{}, nil
	}
	var terms []eval.Term
	for _, t := range r.Config.Apart {
		if term := (eval.Term{File: t.File}); t.File != "" && !slices.Contains(terms, term) {
			terms = append(terms, term)
		}
	}
	var err error
	o.Files, err = TargetFiles(r.targets, terms)
	if err != nil || len(terms) == 0 {
		return overlapOptions{}, err
	}
	return o, nil
}

// overlapStage finds contaminated documents, which share an n-gram of words with
// a target file: their rows in part-NNNNN.rows, counts and samples in
// part-NNNNN.json. It does nothing without target files.
func (r *Curation) overlapStage() *stage.Stage {
	return &stage.Stage{
		Name: "overlap", Title: "look for the target files", Format: 2, ByShard: true, Inputs: []string{"corpus", "rows"},
		Options: func() (any, error) { return r.overlapWith() },
		Tasks: func(p *task.Plan) ([]any, error) {
			var o overlapOptions
			if err := p.Option(&o); err != nil || len(o.Files) == 0 {
				return nil, err
			}
			for _, f := range o.Files {
				names, err := eval.Files(f.File)
				if err != nil {
					return nil, err
				}
				for _, name := range names {
					s, err := task.Stamp(name)
					if err != nil {
						return nil, err
					}
					p.Files = append(p.Files, s)
				}
			}
			return r.PerShard(p)
		},
		Run:    overlapShard,
		Amount: r.TextBytes,
	}
}

// An overlapReport counts the documents that share an n-gram with a target file,
// by file.
type overlapReport struct {
	Documents int64         `json:"documents"` // that overlap with any
	Files     []fileOverlap `json:"files"`
}

type fileOverlap struct {
	File      string          `json:"file"`
	Items     int64           `json:"items"`
	Short     int64           `json:"short"` // items of fewer words, which cannot be found
	Documents int64           `json:"documents"`
	Samples   []overlapSample `json:"samples,omitempty"` // the first of each shard
}

type overlapSample struct {
	ID    string `json:"id"`    // of the document
	Words string `json:"words"` // that it shares
}

// overlapSamples bounds the samples of a file.
const overlapSamples = 5

// evalGrams are the word n-grams of the target files.
type evalGrams struct {
	set   *corpus.GramSet
	files []fileOverlap
}

// loadGrams reads the target files of an overlap plan.
func loadGrams(o overlapOptions) (*evalGrams, error) {
	g := &evalGrams{files: make([]fileOverlap, len(o.Files))}
	texts := make([][]string, len(o.Files))
	for i, f := range o.Files {
		t, err := eval.LoadTask(f.File)
		if err != nil {
			return nil, task.Permanent(err)
		}
		g.files[i] = fileOverlap{File: filepath.Base(f.File), Items: int64(len(t.Items))}
		for _, item := range t.Items {
			most := 0
			for _, q := range item.Requests {
				text := q.Context[item.Head:] + q.Continuation
				texts[i] = append(texts[i], text)
				most = max(most, corpus.CountWords(corpus.Words(nil, text)))
			}
			if most < o.Words {
				g.files[i].Short++
			}
		}
	}
	g.set = corpus.NewGramSet(o.Words, texts)
	return g, nil
}

func overlapShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var o overlapOptions
	if err := p.Option(&o); err != nil {
		return err
	}
	grams, err := stage.Cached(ctx, p.Path("plan.json"), func(string) (*evalGrams, error) { return loadGrams(o) })
	if err != nil {
		return err
	}
	rows, rep := &corpus.Rows{}, overlapReport{Files: slices.Clone(grams.files)}
	find := grams.set.Finder()
	var found []corpus.Overlap
	err = Batches(ctx, p, n, a, func(docs []corpus.Document, texts []string) error {
		for i, text := range texts {
			found = find.Find(found[:0], text)
			for _, at := range found {
				f := &rep.Files[at.File]
				if f.Documents++; len(f.Samples) < overlapSamples {
					f.Samples = append(f.Samples, overlapSample{docs[i].ID, corpus.Excerpt(text, at.Word, at.Len)})
				}
			}
			if len(found) > 0 {
				rows.Add(docs[i].Row)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rep.Documents = int64(rows.Len())
	documents.Add(a, rep.Documents)
	if err := writeRows(a, overlapRows, n, rows); err != nil {
		return err
	}
	return overlapOf.Write(a, n, rep)
}

// Overlap adds up what the tasks of the overlap stage found.
func (r *Curation) Overlap() (*overlapReport, error) {
	p, err := r.Plan(overlapOf.Stage)
	if err != nil {
		return nil, err
	}
	return readOverlap(p)
}

func readOverlap(p *task.Plan) (*overlapReport, error) {
	sum := &overlapReport{}
	for n := range p.Tasks {
		if err := p.Verify(n); err != nil {
			return nil, err
		}
		rep, err := overlapOf.Read(p, n)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			sum = rep
			continue
		}
		sum.Documents += rep.Documents
		for i, f := range rep.Files {
			to := &sum.Files[i]
			to.Documents += f.Documents
			to.Samples = append(to.Samples, f.Samples...)
			to.Samples = to.Samples[:min(len(to.Samples), overlapSamples)]
		}
	}
	return sum, nil
}

// Overlapping reads the rows of a shard that overlap with a target file; none
// if the stage had nothing to look for.
func Overlapping(p *task.Plan, n int) (*corpus.Rows, error) {
	in, err := stage.PlanOf(p, overlapRows.Stage)
	if err != nil || len(in.Tasks) == 0 {
		return nil, err
	}
	return readRows(overlapRows.Path(in, n))
}
