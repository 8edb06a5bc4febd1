package train

import (
	"fmt"
	"strings"
	"testing"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
	"github.com/climb-go/climb/token"
)

// BenchmarkFewshot scores 32 questions of four choices after five examples,
// with the examples shared and with the context of each question shared.
func BenchmarkFewshot(b *testing.B) {
	text := strings.Repeat("the sun gives light and the river runs to the sea while stones lie still. ", 60)
	tok, err := token.Train(func(yield func(string) bool) { yield(text) }, token.TrainOptions{Vocab: 512})
	if err != nil {
		b.Fatal(err)
	}
	m, err := lm.New(lm.Config{Vocab: tok.Vocab(), Layers: 4, Width: 128, Heads: 4, Context: 1024}, 1)
	if err != nil {
		b.Fatal(err)
	}
	examples := strings.Repeat("Question: which of these gives light to the river?\nAnswer: the sun\n\n", 5)
	var reqs []eval.Request
	for i := range 32 {
		for k := range 4 {
			reqs = append(reqs, eval.Request{Context: fmt.Sprint(examples, "Question: what is number ", i, "?\nAnswer:"), Continuation: fmt.Sprint(" stone ", k)})
		}
	}
	s := &Scorer{Tokenizer: tok, Model: m}
	b.Run("head", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.LogLikelihood(b.Context(), reqs); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("contexts", func(b *testing.B) { // the choices of a question are neighbours
		for b.Loop() {
			var rows []window
			for i, r := range reqs {
				ids := tok.Encode([]uint32{tok.EOD()}, r.Context)
				rows = s.windows(rows, i, tok.Encode(ids, r.Continuation), len(ids))
			}
			if err := s.run(b.Context(), rows, 0, rowsPerBatch, make([]eval.Likelihood, len(reqs))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
