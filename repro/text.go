package repro

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"strings"
)

// A passage is 100 words of a document, as features.
type passage struct {
	document int // of the source
	x        []float64
}

// mini is a file of the project's test data: a source of the small corpus.
func mini(source, sum string) File {
	return File{Name: "mini/corpus/" + source + ".jsonl", SHA256: sum}
}

// readPassages returns n random passages of a source: words in lower case hashed to
// k features, log(1+count), rows of length 1.
func readPassages(path string, n, k int, rng *rand.Rand) ([]passage, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var all []passage
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<26)
	for document := 0; lines.Scan(); document++ {
		var d struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, document+1, err)
		}
		words := strings.Fields(strings.ToLower(d.Text))
		for ; len(words) >= 100; words = words[100:] {
			all = append(all, passage{document, hashed(words[:100], k)})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(all) < n {
		return nil, fmt.Errorf("%s has %d passages of 100 words, not %d", path, len(all), n)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:n], nil
}

func hashed(words []string, k int) []float64 {
	x, size := make([]float64, k), 0.0
	for _, w := range words {
		h := fnv.New64a()
		h.Write([]byte(w))
		x[h.Sum64()%uint64(k)]++
	}
	for i, v := range x {
		x[i] = math.Log1p(v)
		size += x[i] * x[i]
	}
	for i := range x {
		x[i] /= math.Sqrt(size)
	}
	return x
}
