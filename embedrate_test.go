package climb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/embed"
)

// What embedding takes is that of the chosen method, and the length of vectors
// too.
func TestEmbedCost(t *testing.T) {
	dir := t.TempDir()
	var texts []string
	var size int64
	for i := range 200 {
		texts = append(texts, strings.Repeat(fmt.Sprintf("a text of many words on topic %d with number %d ", i%7, i), 20))
		size += int64(len(texts[i]))
	}
	vectors := filepath.Join(dir, "x.npy")
	if err := os.WriteFile(vectors, make([]byte, 4e6), 0o666); err != nil { // only its size counts
		t.Fatal(err)
	}
	for _, c := range []struct {
		method  string
		dim     int
		measure bool // the rate is
		unknown string
		wall    float64
	}{
		{"method: lexical, lexical: {dim: 32}", 32, true, "", 0},
		{"method: word, word: {train: {dim: 12, buckets: 100, epochs: 1}}", 12, true, "", 0},
		{"method: http, http: {url: 'http://localhost:1/v1', model: m, batch: 10, dimensions: 64}", 64, false, "100 requests", 0},
		{"method: http, http: {url: 'http://localhost:1/v1', model: m, batch: 10, rate: 20}", embed.LikelyDim, false, "20 a minute", 300},
		{"method: import, import: {files: [" + vectors + "]}", embed.LikelyDim, false, "", 4e6 / embed.ImportRate},
	} {
		config, err := ParseConfig(fmt.Appendf(nil, "out: %s\ncorpus: {inputs: [%s]}\nembed: {%s}\n", dir, dir, c.method))
		if err != nil {
			t.Fatal(err)
		}
		cost, err := config.Embed.Method.Value().Cost(context.Background(), embed.Sample{Texts: texts, Bytes: size, Documents: 1000, TextBytes: 5 * size, Seed: 1})
		if err != nil {
			t.Fatalf("%s: %v", c.method, err)
		}
		if cost.Dim != c.dim || cost.Rate > 0 != c.measure || cost.Wall != c.wall || !strings.Contains(cost.Unknown, c.unknown) || (c.unknown == "") != (cost.Unknown == "") {
			t.Errorf("%s: %+v", c.method, cost)
		}
		if one, two := cost.Seconds(1e9, 1), cost.Seconds(1e9, 2); c.measure && !(0 < two && two < one) || one < cost.Wall {
			t.Errorf("%s: %g s on one core, %g s on two", c.method, one, two)
		}
	}
}
