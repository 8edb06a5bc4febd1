package label

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/climb-go/climb/fasttext"
)

// FastText scores texts by classifiers: fastText models, .bin or .ftz, and
// those of `climb label train`, each of which gives one named score in [0, 1].
// Language identification is the score `probability` of one label of a language
// model. A text without anything that a model knows has the score 0.
//
// The scheme climb-recipe is that of Curator's tutorial for CLIMB: the most
// probable of the labels -1 to 5, of a text whose newlines are "<newline>",
// whose marks .!?,'/() stand alone, in lower case and with single spaces. A
// grade g is the score (g+1)/6, so the recipe's thresholds of 2 for advertisement
// and 1 for the others are 1/2 and 1/3 here (RecipeFloors).
// climb-recipe-expected takes the mean grade in the place of the most probable.
type FastText struct {
	Scheme string       `json:"scheme" default:"probability" choices:"probability,expected,argmax,climb-recipe,climb-recipe-expected" doc:"score of a model: probability of its label; or, for numeric labels, their expectation or the most probable one, scaled to 0..1"`
	Models []Classifier `json:"models,omitempty" doc:"{name, file, label}: the score's name, the model, and the label whose probability it is"`
}

// A Classifier is one score of FastText.
type Classifier struct {
	Name  string `json:"name"`             // of the score
	File  string `json:"file" path:"file"` // .bin, .ftz or .linear
	Label string `json:"label,omitempty"`  // without __label__; for the scheme probability
}

// RecipeFloors are the thresholds of Curator's recipe as floors of scores: a
// cluster whose mean is lower goes.
func RecipeFloors(names []string) map[string]float64 {
	floors := map[string]float64{}
	for _, name := range names {
		floors[name] = (1.0 + 1) / 6
		if name == "advertisement" {
			floors[name] = (2.0 + 1) / 6
		}
	}
	return floors
}

// Check implements option.Checker.
func (o FastText) Check() error {
	if len(o.Models) == 0 {
		return errors.New("fasttext.models: is empty; name at least one model")
	}
	return nil
}

// Sources implements Sourced.
func (o FastText) Sources() (models, texts []Source) {
	for _, m := range o.Models {
		models = append(models, Source{"label.fasttext.models: " + m.Name, m.File})
	}
	return models, nil
}

// Floors implements Floored: the floors of Curator's recipe, for its schemes.
func (o FastText) Floors() map[string]float64 {
	if !strings.HasPrefix(o.Scheme, "climb-recipe") {
		return nil
	}
	return RecipeFloors(o.Names())
}

// Labeler implements Method: it maps the models into memory.
func (o FastText) Labeler(context.Context, Texts) (Labeler, error) {
	l, err := o.Open()
	if err != nil {
		return nil, err
	}
	return l, nil
}

// Names lists the scores.
func (o FastText) Names() []string {
	names := make([]string, len(o.Models))
	for i, m := range o.Models {
		names[i] = m.Name
	}
	return names
}

// FastTextLabeler is a FastText with its models open.
type FastTextLabeler struct {
	FastText
	models []*scorer
}

// A classifier gives the probabilities of its labels; it serves one goroutine.
type classifier interface {
	Probabilities(dst []float32, text string) bool
}

// scorer is an open model.
type scorer struct {
	labels int
	values []float32 // of each label: its part in the score
	new    func() classifier
	free   sync.Pool // of *worker
	close  func() error
}

type worker struct {
	classifier
	probabilities []float32
}

// Open maps the models into memory.
func (o FastText) Open() (*FastTextLabeler, error) {
	if len(o.Models) == 0 {
		return nil, errors.New("label.fasttext.models: is empty; name at least one model")
	}
	l := &FastTextLabeler{FastText: o}
	for i, m := range o.Models {
		s, err := o.open(m)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("label.fasttext.models[%d]: %w", i, err)
		}
		l.models = append(l.models, s)
	}
	return l, nil
}

// Close unmaps the models.
func (l *FastTextLabeler) Close() error {
	var errs []error
	for _, m := range l.models {
		errs = append(errs, m.close())
	}
	return errors.Join(errs...)
}

func (o FastText) open(c Classifier) (*scorer, error) {
	if c.Name == "" || c.File == "" {
		return nil, errors.New("needs a name and a file")
	}
	var names []string
	s := &scorer{close: func() error { return nil }}
	if isLinear(c.File) {
		m, err := OpenLinear(c.File)
		if err != nil {
			return nil, err
		}
		names, s.new = m.Labels, func() classifier { return &linearWorker{model: m} }
	} else {
		m, err := fasttext.Open(c.File)
		if err != nil {
			return nil, err
		}
		if _, err := m.NewPredictor(); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", c.File, err), m.Close())
		}
		for i := range m.Labels() {
			names = append(names, m.LabelName(i))
		}
		s.close = m.Close
		s.new = func() classifier {
			p, _ := m.NewPredictor() // it is a classifier
			return p
		}
	}
	s.labels = len(names)
	var err error
	if s.values, err = o.values(names, c.Label); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c.File, err), s.close())
	}
	return s, nil
}

// values gives the part of every label in the score.
func (o FastText) values(names []string, label string) ([]float32, error) {
	values := make([]float32, len(names))
	if o.Scheme == "probability" {
		for i, name := range names {
			if name == label {
				values[i] = 1
				return values, nil
			}
		}
		return nil, fmt.Errorf("has no label %q; it has %s", label, strings.Join(names[:min(len(names), 20)], ", "))
	}
	least, most := 5.0, -1.0
	if !strings.HasPrefix(o.Scheme, "climb-recipe") {
		least, most = 1e30, -1e30
	}
	grades := make([]float64, len(names))
	for i, name := range names {
		x, err := strconv.ParseFloat(name, 64)
		if err != nil || !(x > -1e9 && x < 1e9) {
			return nil, fmt.Errorf("label %q is not a number, which the scheme %s needs", name, o.Scheme)
		}
		if strings.HasPrefix(o.Scheme, "climb-recipe") && (x < -1 || x > 5) {
			return nil, fmt.Errorf("label %q is not one of -1 to 5, which the scheme %s needs", name, o.Scheme)
		}
		grades[i], least, most = x, min(least, x), max(most, x)
	}
	if strings.HasPrefix(o.Scheme, "climb-recipe") {
		least, most = -1, 5
	}
	for i, g := range grades {
		values[i] = float32((g - least) / max(most-least, 1e-9))
	}
	return values, nil
}

// Label implements Labeler.
func (l *FastTextLabeler) Label(ctx context.Context, dst []float32, texts []string) error {
	columns := len(l.models)
	if len(dst) != len(texts)*columns {
		panic(fmt.Sprintf("label: %d scores of %d texts in a slice of %d", columns, len(texts), len(dst)))
	}
	prepare := oneLine
	if strings.HasPrefix(l.Scheme, "climb-recipe") {
		prepare = recipeText
	}
	mostProbable := l.Scheme == "argmax" || l.Scheme == "climb-recipe"
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		text = prepare(text)
		for j, m := range l.models {
			dst[i*columns+j] = m.score(text, mostProbable)
		}
	}
	return nil
}

func (s *scorer) score(text string, mostProbable bool) float32 {
	w, ok := s.free.Get().(*worker)
	if !ok {
		w = &worker{s.new(), make([]float32, s.labels)}
	}
	defer s.free.Put(w)
	if !w.Probabilities(w.probabilities, text) {
		return 0
	}
	if mostProbable {
		best := 0
		for i, p := range w.probabilities {
			if p > w.probabilities[best] {
				best = i
			}
		}
		return s.values[best]
	}
	var sum, total float32
	for i, p := range w.probabilities {
		sum += p * s.values[i]
		total += p
	}
	if total <= 1 { // labels that need not add up to one, as of one-vs-all
		return sum
	}
	return min(1, sum/total)
}

// oneLine is text as fastText's Python binding wants it, and with the newline
// that it adds.
func oneLine(text string) string { return strings.ReplaceAll(text, "\n", " ") + "\n" }

// recipeText prepares a text as Curator's recipe does.
func recipeText(text string) string {
	var b strings.Builder
	b.Grow(len(text) + len(text)/4)
	space := true // at the start
	for _, r := range strings.ToLower(strings.ReplaceAll(text, "\n", "<newline>")) {
		switch {
		case strings.ContainsRune(".!?,'/()", r):
			if !space {
				b.WriteByte(' ')
			}
			b.WriteRune(r)
			b.WriteByte(' ')
			space = true
		case r == ' ' || r >= '\t' && r <= '\r':
			if !space {
				b.WriteByte(' ')
			}
			space = true
		default:
			b.WriteRune(r)
			space = false
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// isLinear tells whether a file is a LinearModel.
func isLinear(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, len(linearMagic))
	n, _ := f.Read(head)
	return string(head[:n]) == linearMagic
}
