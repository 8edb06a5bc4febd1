package history

import (
	"math"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

// FuzzLimits: prior, supply and shares of any numbers give a problem that can be
// solved, or an error that names the option.
func FuzzLimits(f *testing.F) {
	f.Add(0.5, 0.5, 1e6, 1e6, 1e5, 4.0, 0.0, 1.0)
	f.Add(0.98, 0.04, 0.0, 5.0, 1e6, 1.0, 0.2, 0.3)
	f.Add(math.Inf(1), 1.0, 1e300, 1.0, math.Inf(1), math.NaN(), -0.1, 1.1)
	f.Fuzz(func(t *testing.T, prior0, prior1, supply0, supply1, tokens, epochs, least, most float64) {
		for name, o := range map[string]ProposeOptions{
			"prior":  {Prior: map[string]float64{"a": prior0, "b": prior1}},
			"supply": {Supply: map[string]float64{"a": supply0, "b": supply1}, TargetTokens: tokens, Epochs: epochs},
			"":       {Least: map[string]float64{"a": least}, Most: map[string]float64{"b": most}},
		} {
			p := search.Problem{Domains: []string{"a", "b"}, Prior: mix.Uniform(2), Rounds: []int{1}}
			if err := o.limit(&p); err != nil {
				if !strings.Contains(err.Error(), name) {
					t.Fatalf("the error does not name %s: %v", name, err)
				}
				continue
			}
			if m, err := search.NaturalMixture(p); err != nil || m.Check() != nil || !p.Bounds.Contains(m) {
				t.Fatalf("%+v: %v, %v", o, m, err)
			}
		}
	})
}
