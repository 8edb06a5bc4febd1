package predict

import "testing"

// BenchmarkAll ranks 10,000 candidates of 17 domains after a fit to 112 runs.
func BenchmarkAll(b *testing.B) {
	x, y := world(112, 17, 0.05, 1)
	v, _ := world(10_000, 17, 0, 2)
	dst := make([]float64, len(v))
	for _, m := range Methods {
		b.Run(m.Name, func(b *testing.B) {
			p, err := Methods.New(m.Name)
			if err != nil {
				b.Fatal(err)
			}
			if err := p.Fit(x, y); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				All(dst, p, v)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/float64(b.N*len(v)), "µs/candidate")
		})
	}
}

// BenchmarkFit fits 500 runs of 100 domains.
func BenchmarkFit(b *testing.B) {
	x, y := world(500, 100, 0.05, 1)
	for _, m := range Methods {
		b.Run(m.Name, func(b *testing.B) {
			for b.Loop() {
				p, err := Methods.New(m.Name)
				if err != nil {
					b.Fatal(err)
				}
				if err := p.Fit(x, y); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
