package main

import (
	"math"
	"strings"
	"testing"
)

// FuzzNumbers: what is given as DOMAIN=NUMBER is a finite number of at least 0, or refused.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"0.5", "NaN", "inf", "1e999", "-1", "0x1p-3", "1_000", "1e31", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := numbers("prior", map[string]string{"a": text})
		if err == nil && !(got["a"] >= 0 && got["a"] <= math.MaxFloat64) || err != nil && !strings.Contains(err.Error(), "--prior a") {
			t.Fatalf("%q: %v, %v", text, got, err)
		}
	})
}
