package repro

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/nn"
)

// ssviSources are the classes: all sources of the small corpus but tweets, which have
// no passage of 100 words.
var ssviSources = []string{"biomed_abstracts", "fiction", "irc_chat", "law_statutes", "lowq_logs", "lowq_spam_email", "lowq_web_boilerplate", "lowq_wiki_tables",
	"math_latex", "math_word_problems", "medical_qa", "movie_reviews", "news_bbc", "news_reuters", "recipes", "science_papers", "speeches", "task_dialogue",
	"tech_docs_peps", "textbook_biology", "usenet", "web_articles", "wikipedia"}

// ssvi compares a Bayesian network with a tenth of its weights with the whole one,
// with a random tenth that never changes, and with another criterion. The paper's
// images have passages of text and tables of runs in their place.
var ssvi = Case{
	Name:  "ssvi",
	Paper: "Li, Miao, Qiu and Zhang, 2024, Training Bayesian neural networks with sparse subspace variational inference, ICLR, arXiv 2402.11025",
	Claim: "A Bayesian network that is sparse throughout its training, its weights chosen while it trains, loses under 3 % of accuracy at 10 to 20 times fewer weights, and is sometimes better than the dense one.",
	Criterion: "Classification: 23 sources, 200 passages of 100 words each hashed to 512 features, 3 of 4 documents to train on, network 512-128-128-23, 1,000 steps of 128 rows. Regression: 256 of RegMix's training runs, 3 losses, 256 test runs, shares and logarithms, network 34-64-64-1, 2,000 full steps. Kappa 0.01, as the authors have it, rectified units. 5 seeds; all weights, SSVI with a tenth of them (E|w| over its deviation), a random tenth that stays, |mu| as criterion; log likelihood of the mean of 32 draws. " +
		"(a) SSVI's accuracy is at least that of all weights less 1 point, and its negative log likelihood at most theirs plus 0.02 nats, in classification and in the mean of the regressions; (b) its negative log likelihood is below that of the random tenth, one-sided p < 0.05 of Wilcoxon's signed-rank test over seeds and tasks; (c) that of E|w| over its deviation is at most that of |mu| plus 0.01 nats, mean over tasks.",
	Data:    append(mini(ssviSources...), regmix.Data...),
	Measure: measureSSVI,
}

// ssviKinds are what is compared.
var ssviKinds = []struct {
	name    string
	density float64
	static  bool
	score   nn.Score
}{{"all weights", 1, false, nn.AbsSNR}, {"SSVI", 0.1, false, nn.AbsSNR}, {"random tenth", 0.1, true, nn.AbsSNR}, {"criterion |mu|", 0.1, false, nn.Mean}}

// An ssviTask is rows to train on and to judge.
type ssviTask struct {
	name         string
	x, vx        []float32
	y, vy        []float64
	sizes        []int
	classes      int
	steps, batch int
}

// ssviResult is a network's negative log likelihood, accuracy and expected
// calibration error of a classification, and its active weights.
type ssviResult struct {
	nll, accuracy, ece float64
	active             int
}

func measureSSVI(ctx context.Context, o Options, path func(string) string) (*Outcome, error) {
	seeds := 5
	if o.Short {
		seeds = 1
	}
	type job struct{ seed, task, kind int }
	var tasks [][]ssviTask
	for s := range seeds {
		list, err := ssviTasks(o, o.Seed+uint64(s)+1, path)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, list)
	}
	var jobs []job
	results := make([][][4]ssviResult, seeds)
	for s := range tasks {
		results[s] = make([][4]ssviResult, len(tasks[s]))
		for t := range tasks[s] {
			for k := range ssviKinds {
				jobs = append(jobs, job{s, t, k})
			}
		}
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range o.Workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(jobs) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				j := jobs[i]
				results[j.seed][j.task][j.kind] = tasks[j.seed][j.task].run(j.kind, o.Seed+uint64(j.seed)+1)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return ssviOutcome(tasks[0], results), nil
}

func ssviOutcome(tasks []ssviTask, results [][][4]ssviResult) *Outcome {
	out := &Outcome{}
	seeds, count := float64(len(results)), 0.0
	nll := make([][4]float64, len(tasks)) // means over the seeds
	var accuracy, ece [4]float64
	var ahead []float64
	for _, list := range results {
		for t, kinds := range list {
			for k, r := range kinds {
				nll[t][k] += r.nll / seeds
				if tasks[t].classes > 0 {
					accuracy[k] += r.accuracy / seeds
					ece[k] += r.ece / seeds
				}
				if want := kinds[1].active; k > 0 && r.active != want {
					count++
				}
			}
			ahead = append(ahead, kinds[2].nll-kinds[1].nll)
		}
	}
	var regression [4]float64
	for t, task := range tasks {
		for k, kind := range ssviKinds {
			out.Figures = append(out.Figures, Figure{What: fmt.Sprintf("%s, %s: negative log likelihood, nats", task.name, kind.name), Value: nll[t][k]})
			if task.classes == 0 {
				regression[k] += nll[t][k] / float64(len(tasks)-1)
			}
		}
	}
	for k, kind := range ssviKinds {
		out.Figures = append(out.Figures, Figure{What: "sources, " + kind.name + ": accuracy", Value: accuracy[k]},
			Figure{What: "sources, " + kind.name + ": expected calibration error", Value: ece[k]})
	}
	criterion := 0.0
	for t := range tasks {
		criterion += (nll[t][1] - nll[t][3]) / float64(len(tasks))
	}
	p := signedRank(ahead) / 2
	if average(ahead) < 0 {
		p = 1 - p
	}
	out.Checks = append(out.Checks,
		AtMost("trainings whose number of active weights is another", count, 0).exact(),
		AtLeast("sources: accuracy of SSVI less that of all weights", accuracy[1]-accuracy[0], -0.01),
		AtMost("sources: negative log likelihood of SSVI less that of all weights, nats", nll[0][1]-nll[0][0], 0.02),
		AtMost("regressions: negative log likelihood of SSVI less that of all weights, nats", regression[1]-regression[0], 0.02),
		AtLeast("negative log likelihood of the random tenth less that of SSVI, mean", average(ahead), math.SmallestNonzeroFloat64),
		AtMost("Wilcoxon's one-sided p against the random tenth", p, 0.05),
		AtMost("negative log likelihood of E|w| over its deviation less that of |mu|, nats", criterion, 0.01))
	return out
}

// run trains a network and judges it.
func (t ssviTask) run(kind int, seed uint64) (r ssviResult) {
	k := ssviKinds[kind]
	p := nn.FitSubspace(nn.Subspace{Sizes: t.sizes, Act: nn.ReLU, Classes: t.classes, Density: k.density, Score: k.score, Static: k.static,
		Kappa: 0.01, Steps: t.steps, Rate: 5e-3, Batch: t.batch, Seed: seed}, t.x, t.y)
	r.active = p.Count()
	rng := rand.New(rand.NewPCG(seed, 5))
	const draws = 32
	n, width := len(t.vy), t.sizes[len(t.sizes)-1]
	mean, squares := make([]float64, n*width), make([]float64, n*width)
	var trace nn.Trace[float32]
	for range draws {
		out := p.Net.Forward(&trace, p.Weights(rng), t.vx, n)
		for i := range n {
			row := make([]float64, width)
			for c := range row {
				row[c] = float64(out[i*width+c])
			}
			if t.classes > 0 {
				softmax(row)
			}
			for c, v := range row {
				mean[i*width+c] += v / draws
				squares[i*width+c] += v * v / draws
			}
		}
	}
	if t.classes > 0 {
		r.nll, r.accuracy, r.ece = ssviClasses(mean, t.vy, width)
		return r
	}
	for i, y := range t.vy {
		variance := max(0, squares[i]-mean[i]*mean[i]) + math.Exp(2*p.LogNoise)
		r.nll += (math.Log(2*math.Pi*variance) + (y-mean[i])*(y-mean[i])/variance) / 2 / float64(n)
	}
	return r
}

func softmax(z []float64) {
	top, sum := z[0], 0.0
	for _, v := range z {
		top = max(top, v)
	}
	for c, v := range z {
		z[c] = math.Exp(v - top)
		sum += z[c]
	}
	for c := range z {
		z[c] /= sum
	}
}

// ssviClasses judges probabilities, n x k: calibration in 15 bins of confidence.
func ssviClasses(p, y []float64, k int) (nll, accuracy, ece float64) {
	n := float64(len(y))
	var sure, right [15]float64
	for i, v := range y {
		row, best := p[i*k:][:k], 0
		for c, q := range row {
			if q > row[best] {
				best = c
			}
		}
		nll -= math.Log(max(row[int(v)], 1e-300)) / n
		bin := min(14, int(15*row[best]))
		sure[bin] += row[best] / n
		if best == int(v) {
			accuracy += 1 / n
			right[bin] += 1 / n
		}
	}
	for b := range sure {
		ece += math.Abs(sure[b] - right[b])
	}
	return nll, accuracy, ece
}

// ssviTasks are the classification and the regressions, drawn by a seed.
func ssviTasks(o Options, seed uint64, path func(string) string) ([]ssviTask, error) {
	each, steps := 200, 1000
	if o.Short {
		each, steps = 40, 100
	}
	c := ssviTask{name: "sources", sizes: []int{512, 128, 128, len(ssviSources)}, classes: len(ssviSources), steps: steps, batch: 128}
	for label, source := range ssviSources {
		list, err := readPassages(path(mini(source)[0].Name), 200, 512, rand.New(rand.NewPCG(seed, uint64(label))))
		if err != nil {
			return nil, err
		}
		for _, p := range list[:min(each, len(list))] {
			x, y := &c.x, &c.y
			if p.document%4 == 0 {
				x, y = &c.vx, &c.vy
			}
			for _, v := range p.x {
				*x = append(*x, float32(v)*10) // about one a word
			}
			*y = append(*y, float64(label))
		}
	}
	train, err := history.Read(path("train_mixture_1m.csv"), path("train_pile_loss_1m.csv"))
	if err != nil {
		return nil, err
	}
	test, err := history.Read(path("test_mixture_1m.csv"), path("test_pile_loss_1m.csv"))
	if err != nil {
		return nil, err
	}
	some := rand.New(rand.NewPCG(seed, 99)).Perm(len(train.Runs))[:256]
	list := []ssviTask{c}
	for _, loss := range []string{"pile_cc", "wikipedia_en", "github"} {
		t := ssviTask{name: "regmix " + loss, sizes: []int{34, 64, 64, 1}, steps: 2 * steps}
		if err := t.read(train, test, some, "the_pile_"+loss+"_val_loss"); err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// read fills a regression with some of the training runs and all test runs; features
// and targets have mean 0 and deviation 1 over the former.
func (t *ssviTask) read(train, test *history.Table, some []int, loss string) error {
	column, judged := slices.Index(train.Metrics, loss), slices.Index(test.Metrics, loss)
	if column < 0 || judged < 0 {
		return fmt.Errorf("the tables have no loss %s", loss)
	}
	var x, vx [][]float64
	for _, i := range some {
		x, t.y = append(x, sharesAndLogs(train.Runs[i].Mixture)), append(t.y, train.Runs[i].Values[column])
	}
	for _, r := range test.Runs {
		vx, t.vy = append(vx, sharesAndLogs(r.Mixture)), append(t.vy, r.Values[judged])
	}
	for j := range x[0] {
		values := make([]float64, len(x))
		for i := range x {
			values[i] = x[i][j]
		}
		mean, sd := moments(values)
		for _, rows := range [][][]float64{x, vx} {
			for _, row := range rows {
				row[j] = (row[j] - mean) / max(sd, 1e-12)
			}
		}
	}
	mean, sd := moments(t.y)
	for _, y := range [][]float64{t.y, t.vy} {
		for i := range y {
			y[i] = (y[i] - mean) / sd
		}
	}
	for _, part := range []struct {
		to   *[]float32
		rows [][]float64
	}{{&t.x, x}, {&t.vx, vx}} {
		for _, row := range part.rows {
			for _, v := range row {
				*part.to = append(*part.to, float32(v))
			}
		}
	}
	return nil
}

// moments are the mean and the standard deviation.
func moments(v []float64) (mean, sd float64) {
	mean = average(v)
	for _, x := range v {
		sd += (x - mean) * (x - mean) / float64(len(v))
	}
	return mean, math.Sqrt(sd)
}
