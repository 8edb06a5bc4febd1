package curate

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Fit is what drift is measured against: the documents of the run.
type Fit struct {
	Documents int64     `json:"documents"`
	Distances []float32 `json:"distances"` // quantiles of the squared distance from the centroid, ascending, each once
	UpTo      []float64 `json:"up_to"`     // of each: the share of documents whose distance is not larger
	Mean      float64   `json:"mean"`      // of the squared distances
	Shares    []float64 `json:"shares"`    // of documents, by domain; the last one of none
}

const driftQuantiles = 100

// distances finds the quantiles. each is run three times.
func (f *Fit) distances(each func(add func(float32)) error) error {
	cuts, err := quantiles(driftQuantiles, func(add func(float32, int64)) error { return each(func(x float32) { add(x, 1) }) })
	if err != nil {
		return err
	}
	f.Distances = slices.Compact(cuts)
	counts, sum := make([]int64, len(f.Distances)+1), 0.0
	if err := each(func(x float32) {
		counts[binOf(f.Distances, x)]++
		sum += float64(x)
	}); err != nil {
		return err
	}
	f.Mean = sum / float64(max(1, f.Documents))
	f.UpTo = upTo(counts, f.Documents)
	return nil
}

// binOf is the number of the quantiles below x.
func binOf(quantiles []float32, x float32) int {
	n, _ := slices.BinarySearch(quantiles, x)
	return n
}

// upTo are the shares of documents in the bins up to each, without the last bin.
func upTo(counts []int64, documents int64) []float64 {
	out, sum := make([]float64, len(counts)-1), int64(0)
	for i := range out {
		sum += counts[i]
		out[i] = float64(sum) / float64(max(1, documents))
	}
	return out
}

func (f *Fit) check(domains int) error {
	if f.Documents < 1 || len(f.Distances) != len(f.UpTo) || len(f.Shares) != domains+1 || !slices.IsSorted(f.Distances) || !slices.IsSorted(f.UpTo) {
		return errors.New("what it says of the documents that it was fitted on does not fit together")
	}
	for _, x := range slices.Concat(f.UpTo, f.Shares) {
		if !(x >= 0 && x <= 1) {
			return fmt.Errorf("it has the share %v, which is not between 0 and 1", x)
		}
	}
	return nil
}

// Drift compares new documents with those of the run in two ways:
//
//   - distance: the Kolmogorov-Smirnov statistic, the largest difference between the
//     shares of documents up to a distance from the centroid, over 100 quantiles;
//   - domains: the total variation distance, half the sum of the differences between
//     the domains' shares of documents.
//
// Each is held to what chance gives n documents that are drawn as the N of the run
// were, in at most one of a thousand cases (by the inequalities of Dvoretzky, Kiefer,
// Wolfowitz and Massart, and of McDiarmid; 1/n + 1/N in the place of 1/n for both
// samples), and what is beyond that has to be more than DistanceFloor or DomainFloor:
// of much text any difference is more than chance, and the documents that clusters and
// embedder were fitted on lie nearer to the centroids than others of their kind, by a
// statistic of 0.13 where they were 4,000.
type Drift struct {
	Documents int64     `json:"documents"`
	Distance  DriftTest `json:"distance"`
	Domains   DriftTest `json:"domains"`
	Mean      float64   `json:"mean_distance"`     // squared, from the centroid
	FitMean   float64   `json:"fit_mean_distance"` // of the run's documents
}

// A DriftTest is one of the comparisons.
type DriftTest struct {
	Statistic float64 `json:"statistic"` // 0 to 1
	Threshold float64 `json:"threshold"`
	Drifted   bool    `json:"drifted"`
}

// The differences in shares that matter, beyond chance.
const (
	DistanceFloor = 0.2
	DomainFloor   = 0.1
)

// driftAlpha is how often chance alone is beyond its bound.
const driftAlpha = 0.001

// A driftCount counts new documents.
type driftCount struct {
	fit     *Fit
	n       int64
	bins    []int64
	domains []int64 // the last one: none
	sum     float64
}

func newDriftCount(f *Fit) *driftCount {
	return &driftCount{fit: f, bins: make([]int64, len(f.Distances)+1), domains: make([]int64, len(f.Shares))}
}

func (c *driftCount) add(distance float32, domain int) {
	c.n++
	c.sum += float64(distance)
	c.bins[binOf(c.fit.Distances, distance)]++
	if domain < 0 {
		domain = len(c.domains) - 1
	}
	c.domains[domain]++
}

// Drift tests documents by their squared distances from their centroids, and their
// domains, -1 for none.
func (f *Fit) Drift(distances []float32, domains []int) Drift {
	c := newDriftCount(f)
	for i, x := range distances {
		c.add(x, domains[i])
	}
	return c.drift()
}

// drift tests what was counted.
func (c *driftCount) drift() Drift {
	d := Drift{Documents: c.n, FitMean: c.fit.Mean}
	if c.n == 0 {
		return d
	}
	d.Mean = c.sum / float64(c.n)
	for i, share := range upTo(c.bins, c.n) {
		d.Distance.Statistic = max(d.Distance.Statistic, math.Abs(share-c.fit.UpTo[i]))
	}
	either, expected := 1/float64(c.n)+1/float64(c.fit.Documents), 0.0
	for i, share := range c.fit.Shares {
		d.Domains.Statistic += math.Abs(float64(c.domains[i])/float64(c.n)-share) / 2
		expected += math.Sqrt(share*(1-share)*either) / 2
	}
	d.Distance.Threshold = DistanceFloor + math.Sqrt(math.Log(2/driftAlpha)/2*either)
	d.Domains.Threshold = DomainFloor + expected + math.Sqrt(math.Log(1/driftAlpha)/2*either)
	for _, t := range []*DriftTest{&d.Distance, &d.Domains} {
		t.Drifted = t.Statistic > t.Threshold
	}
	return d
}
