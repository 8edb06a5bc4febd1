package search

import (
	"fmt"

	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/predict"
)

// A modeller is a Strategy that expects scores of mixtures.
type modeller interface {
	// model returns the name of the predictor, what makes an unfitted one, and
	// whether it is fitted to each task of the problem or to the score that they
	// make.
	model() (name string, fresh func() predict.Predictor, perTask bool)
}

// CrossValidate says how well the predictor of s does on runs that it has not
// seen: of the trials, one a mixture and each with its Score, out of fold. The
// name of the predictor is empty where s has none or there are fewer than 5
// trials.
func CrossValidate(s Strategy, p Problem, trials []Trial, folds int) (name string, cv predict.CVResult, err error) {
	if g, grouped := s.(Grouped); grouped {
		r, err := reduce(p)
		if err != nil {
			return "", cv, err
		}
		return CrossValidate(g.Strategy, r.p, r.history(trials), folds)
	}
	m, ok := bare(s).(modeller)
	if !ok || len(trials) < 5 {
		return "", cv, nil
	}
	name, fresh, perTask := m.model()
	x, y := make([][]float64, len(trials)), make([]float64, len(trials))
	var rows [][]float64
	for i, t := range trials {
		x[i], y[i] = t.Mixture, t.Score
		if row, has := p.values(t); has {
			rows = append(rows, row)
		}
	}
	if !perTask || len(rows) < len(trials) {
		cv, err = predict.CrossValidate(fresh, x, y, folds, p.Seed)
		return name, cv, err
	}
	said := make([][]float64, len(trials)) // by trial and task
	for k, task := range p.Tasks {
		values := make([]float64, len(rows))
		for i, row := range rows {
			values[i] = row[k]
		}
		one, err := predict.CrossValidate(fresh, x, values, folds, p.Seed)
		if err != nil {
			return "", cv, fmt.Errorf("task %s: %w", task.Name, err)
		}
		for i, v := range one.Predicted {
			said[i] = append(said[i], v)
		}
	}
	c := p.combiner(rows)
	for i, values := range said {
		cv.Predicted, y[i] = append(cv.Predicted, c.score(values)), c.score(rows[i])
	}
	cv.RMSE, cv.Spearman = predict.RMSE(cv.Predicted, y), predict.Spearman(cv.Predicted, y)
	return name, cv, nil
}

func (c Climb) model() (string, func() predict.Predictor, bool) {
	option.Fill(&c)
	return c.Predictor.Name(), c.Predictor.New, false
}

func (r RegMix) model() (string, func() predict.Predictor, bool) {
	option.Fill(&r)
	return r.Predictor.Name(), r.Predictor.New, false
}

func (a Auto) model() (string, func() predict.Predictor, bool) {
	option.Fill(&a)
	_, process := a.Predictor.Value().(*predict.GP)
	return a.Predictor.Name(), a.Predictor.New, !process
}

func (b Bayes) model() (string, func() predict.Predictor, bool) {
	return "gp", predict.Choose(&b.GP).New, false
}

func (o Olmix) model() (string, func() predict.Predictor, bool) {
	return "log-linear law", func() predict.Predictor { return &lawOf{} }, true
}

// lawOf is olmix's law of one task as a predictor.
type lawOf struct{ law }

// Fit implements predict.Predictor.
func (l *lawOf) Fit(x [][]float64, y []float64) (err error) {
	loss := make([]float64, len(y))
	for i, v := range y {
		loss[i] = -v
	}
	l.law, err = fitLaw(x, loss)
	return err
}

// Predict implements predict.Predictor.
func (l *lawOf) Predict(x []float64) float64 { return -l.loss(x, nil) }
