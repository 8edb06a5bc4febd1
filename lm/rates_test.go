//go:build integration

package lm_test

import (
	"bufio"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/lm/optim"
	"github.com/climb-go/climb/token"
)

// TestRates trains the smallest presets on 300,000 tokens of real text at
// multiples of LearningRate and several batches, and prints the table of
// docs/proxies.md: nine minutes of one core. Warm-up, decay and clipping are the
// defaults of a proxy. The rule must carry from size to size: in batches of 1024
// tokens the loss at its rate is within 2 % of that at half and at twice the rate
// (measured: 1.2 %, at 1m).
//
//	go test -tags integration ./lm -run TestRates -v -timeout 2h
func TestRates(t *testing.T) {
	const tokens = 300e3
	train, held, vocab := text(t)
	for _, name := range []string{"100k", "300k", "1m"} {
		size, _ := lm.SizeByName(name)
		size.Config.Vocab = vocab
		for _, run := range []struct {
			batch   int // tokens
			factors []float64
		}{
			{512, []float64{1}},
			{1024, []float64{1, 2, 0.5}},
			{2048, []float64{1, 2, 0.5, 4, 0.25}},
			{4096, []float64{1, 2, 0.5}},
		} {
			if name == "1m" {
				if run.batch != 1024 && run.batch != 2048 {
					continue
				}
				run.factors = run.factors[:3]
			}
			loss := map[float64]float64{}
			for _, f := range run.factors {
				rate := f * lm.LearningRate(size.Config.Width)
				loss[f] = fit(t, size.Config, train, held, tokens, run.batch, rate)
				t.Logf("%-5s batch %5d  rate %.5f = %5.3f of the rule  loss %.4f", name, run.batch, rate, f, loss[f])
				if run.batch == 1024 && loss[1] > 1.02*loss[f] {
					t.Errorf("%s: loss %.4f at the rule's rate, %.4f at %g times it", name, loss[1], loss[f], f)
				}
			}
		}
	}
}

// fit returns the held-out loss, in nats per token, of a model trained on tokens
// tokens of text in batches of batch tokens.
func fit(t *testing.T, c lm.Config, text, held []uint32, tokens, batch int, peak float64) float64 {
	m, err := lm.New(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	rows, steps := batch/c.Context, tokens/batch
	ws := lm.NewWorkspace(m, rows, c.Context)
	grad := make([]float32, m.NumParams())
	opt := &optim.AdamW{}
	opt.Start(m.Layout())
	schedule := optim.Phases{Peak: peak, Min: 1e-4, Warmup: steps / 20, Decay: steps / 2}
	schedule.Stable = steps - schedule.Warmup - schedule.Decay
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]uint32, rows*(c.Context+1))
	for step := range steps {
		for r := range rows {
			copy(x[r*(c.Context+1):][:c.Context+1], text[rng.IntN(len(text)-c.Context-1):])
		}
		clear(grad)
		if loss := m.LossGrad(ws, x, grad); math.IsNaN(loss) {
			return math.Inf(1)
		}
		optim.ClipNorm(grad, 1)
		opt.Step(m.Params(), grad, schedule.At(step), 1)
	}
	whole := len(held) / (c.Context + 1) * (c.Context + 1)
	return m.Loss(ws, held[:whole])
}

// text returns the mini corpus as tokens of a vocabulary of 2048: documents in a
// fixed random order, the last of them held out.
func text(t *testing.T) (train, held []uint32, vocab int) {
	root := os.Getenv("CLIMB_TEST_DATA")
	if root == "" {
		root = "../../shared/data"
	}
	files, _ := filepath.Glob(filepath.Join(root, "mini/corpus/*.jsonl"))
	if len(files) == 0 {
		t.Skip("no mini corpus in ../../shared/data; set CLIMB_TEST_DATA to a folder with mini/corpus/*.jsonl")
	}
	var docs []string
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<24)
		for lines.Scan() {
			var doc struct{ Text string }
			if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			docs = append(docs, doc.Text)
		}
		f.Close()
	}
	rng := rand.New(rand.NewPCG(1, 1))
	rng.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	tok, err := token.Train(slices.Values(docs), token.TrainOptions{Vocab: 2048})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range docs {
		ids := append(tok.Encode(nil, d), tok.EOD())
		if i < len(docs)*98/100 {
			train = append(train, ids...)
		} else if len(held) < 1<<16 {
			held = append(held, ids...)
		}
	}
	t.Logf("%d tokens to train on, %d held out", len(train), len(held))
	return train, held, tok.Vocab()
}
