// Package mix is the simplex of data mixtures: what share of the training
// tokens each domain gets, the content hash that identifies a mixture
// everywhere, Dirichlet draws, and the bounds that a limited supply of tokens
// puts on the shares.
package mix

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// A Mixture holds one share of the training tokens per domain, in the order
// of the problem's domains. Shares are at least 0 and sum to 1.
type Mixture []float64

// sumTolerance is how far from 1 the sum of a valid mixture may be: shares
// written with 6 decimals for a few hundred domains still pass.
const sumTolerance = 1e-4

// Check reports why m is not a mixture: no domains, a share that is negative
// or not finite, or a sum further than 1e-4 from 1.
func (m Mixture) Check() error {
	if len(m) == 0 {
		return errors.New("mixture has no domains")
	}
	sum := 0.0
	for i, w := range m {
		if !(w >= 0) || math.IsInf(w, 1) {
			return fmt.Errorf("share of domain %d is %v: shares must be finite and at least 0", i, w)
		}
		sum += w
	}
	if math.Abs(sum-1) > sumTolerance {
		return fmt.Errorf("shares sum to %v, not 1: normalise them first", sum)
	}
	return nil
}

// Normalize returns w divided by its sum. It is an error if w is empty, has a
// negative or non-finite entry, or sums to 0.
func Normalize(w []float64) (Mixture, error) {
	if len(w) == 0 {
		return nil, errors.New("normalise mixture: no domains")
	}
	largest := 0.0
	for i, v := range w {
		if !(v >= 0) || math.IsInf(v, 1) {
			return nil, fmt.Errorf("normalise mixture: weight of domain %d is %v: weights must be finite and at least 0", i, v)
		}
		largest = max(largest, v)
	}
	if largest == 0 {
		return nil, errors.New("normalise mixture: every weight is 0")
	}
	// Divided by the largest first: the sum of huge weights stays finite and
	// that of denormal ones stays exact enough.
	m, sum := make(Mixture, len(w)), 0.0
	for i, v := range w {
		m[i] = v / largest
		sum += m[i]
	}
	for i := range m {
		m[i] /= sum
	}
	return m, nil
}

// Uniform returns the mixture that gives n domains the same share.
func Uniform(n int) Mixture {
	m := make(Mixture, n)
	for i := range m {
		m[i] = 1 / float64(n)
	}
	return m
}

// Hash returns the 16 hexadecimal digits that identify m: the start of the
// SHA-256 of the shares in units of 1e-9, written as decimal integers and
// joined by commas ("500000000,500000000"). m is normalised first, so that
// multiples of a mixture share its hash, and -0 is 0. Shares are rounded to
// 1e-12 and then half up to 1e-9, which keeps shares such as 1/1024 that lie
// between two units from falling either way by their last bit.
//
// A slice that is no mixture has a hash too, of its entries as they are.
func (m Mixture) Hash() string {
	w, err := Normalize(m)
	if err != nil {
		w = m
	}
	var text []byte
	for i, v := range w {
		if i > 0 {
			text = append(text, ',')
		}
		units := math.Floor(math.Round(v*1e12)/1e3 + 0.5)
		text = strconv.AppendFloat(text, units+0, 'f', 0, 64) // +0: -0 is 0
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// L1 returns the sum of absolute differences, between 0 and 2: twice the share of
// tokens that would have to move from one domain to another. The mixtures must
// have the same length.
func L1(a, b Mixture) float64 {
	sum := 0.0
	for i, v := range a {
		sum += math.Abs(v - b[i])
	}
	return sum
}

// KL returns the Kullback-Leibler divergence of p from q in nats, +Inf if p
// uses a domain that q does not.
func KL(p, q Mixture) float64 {
	sum := 0.0
	for i, v := range p {
		if v > 0 {
			sum += v * math.Log(v/q[i])
		}
	}
	return max(sum, 0)
}

// Entropy returns the Shannon entropy of m in nats; exp(Entropy) is the
// effective number of domains.
func (m Mixture) Entropy() float64 {
	sum := 0.0
	for _, v := range m {
		if v > 0 {
			sum -= v * math.Log(v)
		}
	}
	return max(sum, 0)
}
