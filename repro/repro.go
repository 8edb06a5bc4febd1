// Package repro repeats claims that papers make, with this project's code: each
// case has a criterion that was fixed before its first run and never moves, and
// says what was measured and whether the claim held. A miss is a result.
package repro

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// A Case is a published claim.
type Case struct {
	Name      string `json:"name"`
	Paper     string `json:"paper"`          // authors, year, title, arXiv number
	Claim     string `json:"claim"`          // what the paper says, in a sentence
	Criterion string `json:"criterion"`      // what must be measured for "met"; written before the first run
	Data      []File `json:"data,omitempty"` // what it needs; nothing is downloaded
	// Measure does the work; path names the file of each entry of Data.
	Measure func(ctx context.Context, o Options, path func(name string) string) (*Outcome, error) `json:"-"`
}

// Options are those of a run.
type Options struct {
	Data    string // folder of the data
	Short   bool   // the same code on less: exact checks only, and no verdict
	Seed    uint64 // added to the seeds of the case; verdicts are of 0
	Workers int    // at a time; results do not depend on it
}

// An Outcome is what a run has measured.
type Outcome struct {
	Figures []Figure `json:"figures"`
	Checks  []Check  `json:"checks"`
	Verdict string   `json:"verdict"` // Met, Missed or Short
	Seconds float64  `json:"seconds"`
}

// What an outcome may be.
const (
	Met    = "met"
	Missed = "missed"
	Short  = "short"
)

// A Figure is reported and does not decide.
type Figure struct {
	What     string      `json:"what"`
	Value    float64     `json:"value"`
	Interval *[2]float64 `json:"interval,omitempty"` // of 95 %
}

// A Check is a figure with its threshold.
type Check struct {
	What      string   `json:"what"`
	Measured  float64  `json:"measured"`
	Least     *float64 `json:"least,omitempty"`
	Most      *float64 `json:"most,omitempty"`
	Published *float64 `json:"published,omitempty"`
	Exact     bool     `json:"exact,omitempty"` // an identity, which a short run has to keep too
}

// AtLeast is the check that a figure reaches a threshold.
func AtLeast(what string, measured, least float64) Check {
	return Check{What: what, Measured: measured, Least: &least}
}

// AtMost is the check that a figure does not exceed a threshold.
func AtMost(what string, measured, most float64) Check {
	return Check{What: what, Measured: measured, Most: &most}
}

// exact makes a check count in short runs too.
func (c Check) exact() Check { c.Exact = true; return c }

// Holds tells whether the measurement is within the thresholds.
func (c Check) Holds() bool {
	return !math.IsNaN(c.Measured) && (c.Least == nil || c.Measured >= *c.Least) && (c.Most == nil || c.Measured <= *c.Most)
}

// Threshold is what the check asks for, in words.
func (c Check) Threshold() string {
	switch {
	case c.Least != nil && c.Most != nil:
		return fmt.Sprintf("%s to %s", number(*c.Least), number(*c.Most))
	case c.Least != nil:
		return "at least " + number(*c.Least)
	case c.Most != nil:
		return "at most " + number(*c.Most)
	}
	return "any"
}

// number writes a figure with four digits.
func number(v float64) string { return fmt.Sprintf("%.4g", v) }

// Cases lists the cases.
var Cases = []Case{
	adasketch,
	attack,
	gbnn,
	maid,
	regmix,
	relax,
	ssvi,
}

// Find returns the case of that name.
func Find(name string) (Case, error) {
	var names []string
	for _, c := range Cases {
		if c.Name == name {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Case{}, fmt.Errorf("no case is called %q; there are %s", name, strings.Join(names, ", "))
}

// Run runs the case. Without a file of Data, or with another one of its name, it
// does nothing and the error is a *DataError.
func (c Case) Run(ctx context.Context, o Options) (*Outcome, error) {
	paths := map[string]string{}
	for _, f := range c.Data {
		path, err := f.find(o.Data)
		if err != nil {
			return nil, &DataError{Case: c, Folder: o.Data, File: f, Err: err}
		}
		paths[f.Name] = path
	}
	o.Workers = max(1, o.Workers)
	start := time.Now()
	out, err := c.Measure(ctx, o, func(name string) string { return paths[name] })
	if err != nil {
		return nil, fmt.Errorf("repeat %s: %w", c.Name, err)
	}
	out.Seconds = math.Round(10*time.Since(start).Seconds()) / 10
	out.Verdict = Met
	for _, check := range out.Checks {
		if !check.Holds() {
			out.Verdict = Missed
		}
	}
	if o.Short {
		out.Verdict = Short
	}
	return out, nil
}
