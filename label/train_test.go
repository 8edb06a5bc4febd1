package label

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/option"
)

// judged makes texts of two overlapping vocabularies; one in ten has the wrong
// label, so that an honest probability is near 0.9.
func judged(n int) (texts []string, labels []int) {
	r := rand.New(rand.NewPCG(5, 0))
	for i := range n {
		l := i % 2
		var b strings.Builder
		for range 12 {
			b.WriteString(string(rune('a'+r.IntN(16)+6*l)) + string(rune('a'+r.IntN(3))) + " ")
		}
		if r.IntN(10) == 0 {
			l = 1 - l
		}
		texts, labels = append(texts, b.String()), append(labels, l)
	}
	return texts, labels
}

func training(method, calibration string) Training {
	o := Training{Method: method, Calibration: calibration}
	option.Fill(&o)
	o.FastText.Dim, o.FastText.Epochs, o.FastText.Buckets, o.Linear.Bits = 10, 5, 1000, 12
	return o
}

// TestTrainingCalibrates: held-out log loss and calibration error fall, the
// saved model says what the report is about, and the same texts give the same
// file.
func TestTrainingCalibrates(t *testing.T) {
	texts, labels := judged(6000)
	for _, c := range [][2]string{{"fasttext", "temperature"}, {"linear", "temperature"}, {"linear", "isotonic"}} {
		path := filepath.Join(t.TempDir(), "model")
		o := training(c[0], c[1])
		r, err := o.Train(t.Context(), path, texts, labels, []string{"no", "yes"})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v: accuracy %.3f, log loss %.3f to %.3f, calibration error %.3f to %.3f", c, r.After.Accuracy,
			r.Before.LogLoss, r.After.LogLoss, r.Before.ECE, r.After.ECE)
		// A temperature cannot make the plateau at 0.9 that these labels have.
		if r.After.Accuracy < 0.8 || c[1] == "isotonic" && r.After.ECE > 0.06 || r.After.LogLoss > r.Before.LogLoss+0.01 {
			t.Errorf("%v: report %+v", c, r)
		}
		l, err := FastText{Scheme: "probability", Models: []Classifier{{"good", path, "yes"}}}.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		scores := make([]float32, len(texts))
		if err := l.Label(t.Context(), scores, texts); err != nil {
			t.Fatal(err)
		}
		right := 0
		for i, s := range scores {
			if (s > 0.5) == (labels[i] == 1) {
				right++
			}
		}
		if share := float64(right) / float64(len(texts)); share < 0.8 {
			t.Errorf("%v: the saved model is right for %.2f of the texts", c, share)
		}
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Train(t.Context(), path, texts, labels, []string{"no", "yes"}); err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(path); err != nil || !slices.Equal(first, again) {
			t.Errorf("%v: the same texts train another model (%v)", c, err)
		}
	}
}

// TestLinearIsAMinimum: at the weights found every gradient is nearly zero, and
// finite differences agree with the gradient elsewhere.
func TestLinearIsAMinimum(t *testing.T) {
	texts, labels := judged(200)
	o := Linear{WordNGrams: 2, Bits: 8, L2: 1e-2, Iterations: 500, Tolerance: 1e-5, Balance: true}
	f := &fit{o: o, labels: labels, k: 2}
	for _, text := range texts {
		f.rows = append(f.rows, features(nil, text, o.WordNGrams, o.Bits))
	}
	f.weigh()
	w, err := f.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	grad := make([]float32, len(w))
	if f.gradient(grad, w); largest(grad) > 1e-4 {
		t.Errorf("the gradient at the minimum is %g", largest(grad))
	}
	loss := func(w []float32) (sum float64) {
		for i, row := range f.rows {
			linearScores(f.scores, w[:512], w[512:], row, unit(row))
			a, b := float64(f.scores[labels[i]]), float64(f.scores[1-labels[i]])
			sum += float64(f.weights[labels[i]]) * math.Log1p(math.Exp(b-a)) / float64(len(f.rows))
		}
		for _, x := range w[:512] {
			sum += o.L2 / 2 * float64(x) * float64(x)
		}
		return sum
	}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range w {
		w[i] = float32(r.NormFloat64())
	}
	f.gradient(grad, w)
	for _, i := range []int{0, 77, 300, 511, 512, 513} {
		const h = 1.0 / 64
		up, down := slices.Clone(w), slices.Clone(w)
		up[i] += h
		down[i] -= h
		if want := (loss(up) - loss(down)) / (2 * h); math.Abs(want-float64(grad[i])) > 1e-4 {
			t.Errorf("gradient %d is %g, differences say %g", i, grad[i], want)
		}
	}
}

func TestIsotonic(t *testing.T) {
	p := []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8}
	right := []bool{false, true, false, false, true, true, false, true}
	curve := fitIsotonic(p, right)
	for i := range curve {
		if i > 0 && (curve[i][0] <= curve[i-1][0] || curve[i][1] < curve[i-1][1]) {
			t.Errorf("the curve %v falls", curve)
		}
	}
	// 0.2 to 0.4 pool to a third, with half a text of either kind 1.5/4.
	if got := interpolate(curve, 0.3); math.Abs(got-1.5/4) > 1e-12 {
		t.Errorf("0.3 is %v, not 0.375, on %v", got, curve)
	}
	if lo, hi := interpolate(curve, 0), interpolate(curve, 1); lo != curve[0][1] || hi != curve[len(curve)-1][1] {
		t.Errorf("outside the curve %v it gives %v and %v", curve, lo, hi)
	}
}

func TestTemperature(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var p []float64
	var labels []int
	for range 4000 {
		x := r.NormFloat64() * 2
		label := 0
		if r.Float64() < 1/(1+math.Exp(-x)) {
			label = 1
		}
		overconfident := 1 / (1 + math.Exp(-3*x))
		p, labels = append(p, 1-overconfident, overconfident), append(labels, label)
	}
	if got := fitTemperature(p, 2, labels); math.Abs(got-3) > 0.3 {
		t.Errorf("scores three times too large have the temperature %.2f", got)
	}
}

// TestLinearRefuses: what a damaged file says is an error.
func TestLinearRefuses(t *testing.T) {
	texts, labels := judged(50)
	m, err := Linear{WordNGrams: 1, Bits: 8, L2: 1, Iterations: 5}.Train(t.Context(), texts, labels, []string{"no", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m.linear")
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseLinear(data); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty": "", "another file": "PAR1", "cut short": string(data[:len(data)-1]),
		"bits":                       strings.Replace(string(data), `"bits":8`, `"bits":9`, 1),
		"isotonic":                   strings.Replace(string(data), `"temperature":1`, `"temperature":1,"isotonic":[[0.5,0],[0.5,1]]`, 1),
		"isotonic that falls":        strings.Replace(string(data), `"temperature":1`, `"temperature":1,"isotonic":[[0.5,1],[0.6,0]]`, 1),
		"isotonic of no probability": strings.Replace(string(data), `"temperature":1`, `"temperature":1,"isotonic":[[-3,0],[0.6,1]]`, 1),
		"a temperature near 0":       strings.Replace(string(data), `"temperature":1`, `"temperature":1e-320`, 1),
		"a temperature past floats":  strings.Replace(string(data), `"temperature":1`, `"temperature":1e400`, 1),
		"an unknown field":           strings.Replace(string(data), `"temperature":1`, `"temperature":1,"stems":true`, 1),
		"two values":                 strings.Replace(string(data), "}\n", "} {}\n", 1),
		"a label twice":              strings.Replace(string(data), `"no"`, `"yes"`, 1),
		"too long":                   string(data) + "\x00\x00\x00\x00",
		"NaN in the weights":         string(data[:len(data)-12]) + "\x00\x00\xc0\x7f" + string(data[len(data)-8:]),
		"infinity in the biases":     string(data[:len(data)-4]) + "\x00\x00\x80\x7f",
		"1e38 in the weights":        string(data[:len(data)-12]) + "\x99\x76\x96\x7e" + string(data[len(data)-8:]),
	} {
		if _, err := parseLinear([]byte(bad)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzLinear: a model that is read gives probabilities.
func FuzzLinear(f *testing.F) {
	texts, labels := judged(30)
	for n := 1; n <= 2; n++ {
		m, err := Linear{WordNGrams: n, Bits: 8, L2: 1, Iterations: 3}.Train(f.Context(), texts, labels, []string{"no", "yes"})
		if err != nil {
			f.Fatal(err)
		}
		if n == 2 {
			m.Isotonic = [][2]float64{{0.1, 0}, {0.5, 0.5}, {1, 1}}
		}
		path := filepath.Join(f.TempDir(), "m.linear")
		if err := m.Save(path); err != nil {
			f.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, texts[0])
	}
	f.Add([]byte(linearMagic+"{}\n"), "")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		m, err := parseLinear(data)
		if err != nil {
			return
		}
		p, sum := make([]float32, len(m.Labels)), 0.0
		(&linearWorker{model: m}).Probabilities(p, text)
		for _, x := range p {
			if !(x >= 0 && x <= 1) {
				t.Fatalf("probabilities %v", p)
			}
			sum += float64(x)
		}
		if math.Abs(sum-1) > 1e-4 {
			t.Fatalf("probabilities %v sum to %v", p, sum)
		}
	})
}
