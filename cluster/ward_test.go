package cluster

import (
	"testing"
	"time"
)

// BenchmarkWard merges as many clusters as the method is made for.
func BenchmarkWard(b *testing.B) {
	const k, d = 5000, 256
	x, _ := blobs(k, d, 400, 1, 9)
	weight := make([]float64, k)
	for i := range weight {
		weight[i] = float64(1 + i%7)
	}
	for b.Loop() {
		start := time.Now()
		if _, err := (Ward{Count: 20, Weighted: true}).Merge(x, k, d, weight); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s")
	}
	b.ReportAllocs()
}
