package trial

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/climb-go/climb/mix"
	"github.com/climb-go/climb/search"
)

func pastJSON(f func(s *Search)) []byte {
	m := mix.Mixture{0.25, 0.75}
	s := &Search{Problem: search.Problem{Domains: []string{"a", "b"}, Prior: m},
		Trials: []search.Trial{{Mixture: m, Hash: m.Hash(), Score: -1.5, Scores: map[string]float64{"x": 2}, LogProbs: []float64{-3}},
			{Mixture: mix.Uniform(2), Hash: mix.Uniform(2).Hash(), Failed: "diverged"}}}
	if f != nil {
		f(s)
	}
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // a test's own value
	}
	return data
}

// TestPastSearchesAreChecked: the file that search.reuse names.
func TestPastSearchesAreChecked(t *testing.T) {
	past, err := parsePast(pastJSON(nil))
	if err != nil || len(past.Trials) != 2 || past.Trials[0].Score != -1.5 || past.Trials[1].Failed != "diverged" {
		t.Fatalf("%+v, %v", past, err)
	}
	good := string(pastJSON(nil))
	for _, c := range []struct{ data, want string }{
		{"", "search.json"},
		{"{}", "0 domains and 0 trials"},
		{"[1]", "search.json"},
		{good[:len(good)/2], "search.json"},
		{good + "{}", "after the JSON value"},
		{strings.Replace(good, `"score":-1.5`, `"score":null`, 1), "trials[0]: has neither"},
		{strings.Replace(good, `"score":-1.5`, `"score":NaN`, 1), "trials[0]: has neither"},
		{strings.Replace(good, `"score":-1.5,`, ``, 1), "trials[0]: has neither"},
		{strings.Replace(good, `"score":-1.5`, `"score":1e300`, 1), "1e+300 is no measurement"},
		{strings.Replace(good, `"score":-1.5`, `"score":1e400`, 1), "1e400"},
		{strings.Replace(good, `{"x":2}`, `{"x":-1e99}`, 1), "no measurement"},
		{strings.Replace(good, `[-3]`, `[null]`, 1), "null"},
		{strings.Replace(good, `"domains":["a","b"]`, `"domains":["a","a"]`, 1), "there twice"},
		{strings.Replace(good, `"domains":["a","b"]`, `"domains":["a"]`, 1), "trials[0]: mixture has 2 shares"},
		{string(pastJSON(func(s *Search) { s.Trials[0].Mixture = mix.Mixture{0.3, 0.7} })), "trials[0]: hash"},
		{string(pastJSON(func(s *Search) { s.Trials[1].Mixture = mix.Mixture{-1, 2} })), "trials[1]: mixture"},
		{string(pastJSON(func(s *Search) { s.Trials[1].Mixture = mix.Mixture{3, 4} })), "trials[1]: mixture"},
	} {
		if _, err := parsePast([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.200s: %v, want %q", c.data, err, c.want)
		}
	}
}

// FuzzPast: what is read can be reused, and gives mixtures and numbers.
func FuzzPast(f *testing.F) {
	f.Add(pastJSON(nil))
	f.Add([]byte(fmt.Sprintf(`{"problem":{"domains":["a"]},"trials":[{"mixture":[1],"hash":%q,"score":1}]}`, mix.Uniform(1).Hash())))
	f.Fuzz(func(t *testing.T, data []byte) {
		past, err := parsePast(data)
		if err != nil {
			return
		}
		p := search.Problem{Domains: []string{"a", "c"}, Prior: mix.Uniform(2)}
		past.Split = map[string][]string{"b": {"a", "c"}}
		for _, r := range p.Reuse(past, 0.5) {
			if err := r.Mixture.Check(); err != nil || math.IsNaN(r.Score) || math.IsInf(r.Score, 0) {
				t.Fatalf("%+v, %v", r, err)
			}
		}
	})
}
