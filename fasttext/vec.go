package fasttext

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// OpenVec reads word vectors as text, fastText's .vec: a line with the number
// of words and of elements, then a line for each word with its vector. Such a
// file has neither counts nor sub-words. Its words come by falling count, so
// counts are set by Zipf's law: that of word i is in proportion to 1/(i+1).
func OpenVec(path string) (*Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open word vectors: %w", err)
	}
	defer f.Close() // read only
	m, err := readVec(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read word vectors %s: %w", path, err)
	}
	return m, nil
}

func readVec(r *bufio.Reader) (*Model, error) {
	head, err := r.ReadString('\n')
	if err != nil && err != io.EOF {
		return nil, err
	}
	var n, dim int
	if _, err := fmt.Sscan(head, &n, &dim); err != nil || n < 1 || dim < 1 || dim > 1<<16 || n > math.MaxInt32 {
		return nil, fmt.Errorf("line 1: %.40q is not a number of words and one of elements", head)
	}
	words, x := []entry{}, []float32{}
	for i := range n {
		line, err := r.ReadString('\n')
		if err != nil && err != io.EOF {
			return nil, err
		}
		word, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if word == "" {
			return nil, fmt.Errorf("line %d: ends after %d of %d words; it was cut short: get it anew", i+2, i, n)
		}
		if x, err = appendNumbers(x, rest, dim); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		words = append(words, entry{word, int64(float64(n) * 100 / float64(i+1))})
	}
	args := Args{Dim: int32(dim), Window: 5, Negatives: 5, WordNGrams: 1, Loss: NegativeSampling, Kind: SkipGram, Sample: 1e-4}
	d := newDictionary(args, words, nil, 0)
	return &Model{Args: args, Dictionary: d, input: &floats{x, dim}, output: &floats{make([]float32, len(x)), dim}}, nil
}

func appendNumbers(x []float32, text string, dim int) ([]float32, error) {
	n := 0
	for field := range strings.FieldsSeq(text) {
		v, err := strconv.ParseFloat(field, 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%.40q is not a finite number", field)
		}
		x, n = append(x, float32(v)), n+1
	}
	if n != dim {
		return nil, errors.New("has " + strconv.Itoa(n) + " numbers, want " + strconv.Itoa(dim))
	}
	return x, nil
}
