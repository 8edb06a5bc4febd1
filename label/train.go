package label

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/climb-go/climb/fasttext"
)

// Training makes a classifier from judged texts, calibrates it and says how far
// its probabilities can be believed.
type Training struct {
	Method      string              `json:"method" default:"fasttext" choices:"fasttext,linear" doc:"classifier: fasttext (averaged n-gram embeddings, saved as fastText .bin) or linear (logistic regression on n-grams, saved as .linear)"`
	Calibration string              `json:"calibration" default:"temperature" choices:"none,temperature,isotonic" doc:"probability calibration; isotonic needs two labels and method: linear"`
	HoldOut     float64             `json:"hold_out" default:"0.2" min:"0.02" max:"0.8" doc:"holdout: share of the texts kept out of training, half for calibration, half for the report"`
	Seed        uint64              `json:"seed" default:"1" doc:"seed of the holdout and of training"`
	FastText    fasttext.Classifier `json:"fasttext"`
	Linear      Linear              `json:"linear"`
}

// A TrainReport says how a classifier does on texts that it was neither trained
// nor calibrated on.
type TrainReport struct {
	Method      string      `json:"method"`
	Labels      []string    `json:"labels"`
	Texts       []int       `json:"texts"` // of each label
	Trained     int         `json:"trained"`
	Calibrated  int         `json:"calibrated"`
	Reported    int         `json:"reported"`
	Calibration string      `json:"calibration"`
	Temperature float64     `json:"temperature,omitempty"`
	Before      Reliability `json:"before"`
	After       Reliability `json:"after"`
	Penalties   []Penalty   `json:"penalties,omitempty"` // that linear.learned chose
}

// least is the number of texts of each of the two held-out parts.
const least = 10

// trained is a classifier before it is saved.
type trained interface {
	classifier
	order() []int // place of each label among the model's
	save(path string) error
	setTemperature(t float64) error
}

// Train trains on texts, of which text i has the label names[labels[i]], and
// writes the model to path.
func (o Training) Train(ctx context.Context, path string, texts []string, labels []int, names []string) (*TrainReport, error) {
	if o.Calibration == "isotonic" && (len(names) != 2 || o.Method != "linear") {
		return nil, errors.New("isotonic calibration needs two labels and the method linear; use temperature")
	}
	held := int(o.HoldOut*float64(len(texts))) / 2
	if held < least {
		return nil, fmt.Errorf("%d texts hold out %d to calibrate and %d to report; at least %d each are needed: judge more texts", len(texts), held, held, least)
	}
	order := rand.New(rand.NewPCG(o.Seed, 0)).Perm(len(texts))
	parts := [3]set{}
	for i, at := range order {
		part := min(2, i/held)
		parts[part].texts = append(parts[part].texts, texts[at])
		parts[part].labels = append(parts[part].labels, labels[at])
	}
	calibrate, report, train := parts[0], parts[1], parts[2]
	m, err := o.fit(ctx, train, names)
	if err != nil {
		return nil, err
	}
	r := &TrainReport{Method: o.Method, Labels: names, Texts: make([]int, len(names)), Trained: len(train.texts),
		Calibrated: len(calibrate.texts), Reported: len(report.texts), Calibration: o.Calibration}
	for _, l := range labels {
		r.Texts[l]++
	}
	k := len(names)
	r.Before = reliability(report.ask(m, k), k, report.labels)
	if err := o.calibrate(m, calibrate, k, r); err != nil {
		return nil, err
	}
	if w, ok := m.(*linearWorker); ok {
		r.Penalties = w.model.Penalties
	}
	r.After = reliability(report.ask(m, k), k, report.labels)
	return r, m.save(path)
}

// set is some judged texts.
type set struct {
	texts  []string
	labels []int
}

// ask gives the probabilities, len(texts) x k, each row with the sum 1. A text
// that the model knows nothing of gives all labels the same.
func (s set) ask(m trained, k int) []float64 {
	out, row := make([]float64, 0, len(s.texts)*k), make([]float32, k)
	for _, text := range s.texts {
		known := m.Probabilities(row, oneLine(text))
		var sum float64
		for _, p := range row {
			sum += float64(p)
		}
		for _, to := range m.order() {
			if known {
				out = append(out, float64(row[to])/sum)
			} else {
				out = append(out, 1/float64(k))
			}
		}
	}
	return out
}

func (o Training) fit(ctx context.Context, s set, names []string) (trained, error) {
	if o.Method == "linear" {
		m, err := o.Linear.Train(ctx, s.texts, s.labels, names)
		if err != nil {
			return nil, err
		}
		return &linearWorker{model: m}, nil
	}
	f := o.FastText
	f.Seed = o.Seed
	m, err := f.Train(ctx, s.texts, s.labels, names)
	if err != nil {
		return nil, err
	}
	p, err := m.NewPredictor()
	if err != nil {
		return nil, err
	}
	places := make([]int, len(names))
	for i := range m.Labels() {
		for j, name := range names {
			if m.LabelName(i) == name {
				places[j] = i
			}
		}
	}
	return &fastTextModel{p, m, places}, nil
}

func (o Training) calibrate(m trained, s set, k int, r *TrainReport) error {
	p := s.ask(m, k)
	switch o.Calibration {
	case "temperature":
		r.Temperature = fitTemperature(p, k, s.labels)
		return m.setTemperature(r.Temperature)
	case "isotonic":
		second, right := make([]float64, len(s.labels)), make([]bool, len(s.labels))
		for i, l := range s.labels {
			second[i], right[i] = p[2*i+1], l == 1
		}
		m.(*linearWorker).model.Isotonic = fitIsotonic(second, right)
	}
	return nil
}

// fastTextModel is a fastText classifier that was just trained.
type fastTextModel struct {
	*fasttext.Predictor
	model  *fasttext.Model
	places []int
}

func (m *fastTextModel) order() []int                   { return m.places }
func (m *fastTextModel) save(path string) error         { return m.model.Save(path) }
func (m *fastTextModel) setTemperature(t float64) error { return m.model.Sharpen(float32(1 / t)) }

func (w *linearWorker) save(path string) error         { return w.model.Save(path) }
func (w *linearWorker) setTemperature(t float64) error { w.model.Temperature = t; return nil }
func (w *linearWorker) order() []int {
	places := make([]int, len(w.model.Labels))
	for i := range places {
		places[i] = i
	}
	return places
}
