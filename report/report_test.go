package report

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	out    = flag.String("out", "", "write the sample's report into this directory, to look at it")
	update = flag.Bool("update", false, "rewrite testdata")
)

const hostile = "</script></style><script>alert(1)</script><img src=http://example.org/x onerror=alert(2)>\" onload='alert(3)' \x00\xff\u202e{{.}}"

// fill sets everything below v: strings by text, floats to x, and slices to two elements, so that no field is forgotten.
func fill(v reflect.Value, text string, x float64) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Float64:
		v.SetFloat(x)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint64:
		v.SetUint(math.MaxUint64)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, x)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), text, x)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), text, x)
		}
	}
}

func filled(text string, x float64) *Data {
	d := new(Data)
	fill(reflect.ValueOf(d).Elem(), text, x)
	return d
}

// runs are those whose page must hold up.
func runs() map[string]*Data {
	one := sample()
	one.Domains, one.Trials, one.Map = one.Domains[:1], one.Trials[:1], one.Map[:1]
	one.Trials[0].Mixture, one.Domains[0].Natural, one.Domains[0].Chosen = []float64{1}, 1, 1
	one.Confirmed.Candidates = one.Confirmed.Candidates[:1]
	failed := filled("x", 1)
	failed.Confirmed.Chosen = "nobody"
	scored := filled("x", 1)
	for i := range scored.Trials {
		scored.Trials[i].Failed = ""
	}
	nans := filled("x", math.NaN())
	for i := range nans.Trials {
		nans.Trials[i].Failed = ""
	}
	return map[string]*Data{
		"sample": sample(), "empty": {}, "one domain": one, "all failed": failed, "all equal": scored, "all zero": filled("", 0), "unknown numbers": nans,
		"infinite": filled("x", math.Inf(-1)), "huge": filled("x", math.MaxFloat64), "tiny": filled("x", 5e-324), "negative": filled("x", -2.5), "hostile": filled(hostile, 0.5),
	}
}

var (
	inlined  = regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`)
	sortKeys = regexp.MustCompile(` data-v="[^"]*"`)
	tags     = regexp.MustCompile(`<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z0-9-]+(?:="[^"]*")?)*)\s*(/?)>`)
	attrs    = regexp.MustCompile(`\s([a-zA-Z-]+)(?:="([^"]*)")?`)
	voids    = []string{"meta", "br", "input"}
)

func TestPages(t *testing.T) {
	for name, d := range runs() {
		t.Run(name, func(t *testing.T) {
			page, err := render(d)
			if err != nil {
				t.Fatal(err)
			}
			checkPage(t, string(page), "verdict", "mixture", "confirmation", "search", "domains", "sources", "map", "pruned", "corpus", "dataset", "cost", "reproduce")
			checkFilled(t, pageHTML, pageFuncs, newView(d), page)
			again, err := render(d)
			if err != nil || !bytes.Equal(page, again) {
				t.Errorf("the page is not the same twice, %v", err)
			}
		})
	}
}

// checkPage tests that a page is well formed, loads nothing, runs no code but its own, and shows no broken number.
func checkPage(t *testing.T, page string, sections ...string) {
	t.Helper()
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts", n)
	}
	for _, load := range []string{"url(", "@import", "fetch(", "XMLHttpRequest", "import("} {
		if strings.Contains(pageCSS+pageJS, load) {
			t.Errorf("the style or the script loads something: %s", load)
		}
	}
	body := sortKeys.ReplaceAllString(inlined.ReplaceAllString(page, "<$1></$2>"), "")
	ids, targets := map[string]bool{}, []string{}
	var open []string
	rest := tags.ReplaceAllString(body, "")
	for _, m := range tags.FindAllStringSubmatch(body, -1) {
		name := strings.ToLower(m[2])
		for _, a := range attrs.FindAllStringSubmatch(m[3], -1) {
			switch {
			case strings.HasPrefix(a[1], "on"), a[1] == "src", a[1] == "srcset", a[1] == "xlink:href":
				t.Errorf("%s", m[0])
			case a[1] == "href":
				targets = append(targets, strings.TrimPrefix(a[2], "#"))
			case a[1] == "id":
				if ids[a[2]] {
					t.Errorf("two elements with id %s", a[2])
				}
				ids[a[2]] = true
			}
		}
		switch {
		case m[1] == "/" && (len(open) == 0 || open[len(open)-1] != name):
			t.Fatalf("</%s> closes %v", name, open)
		case m[1] == "/":
			open = open[:len(open)-1]
		case m[4] == "" && !slices.Contains(voids, name):
			open = append(open, name)
		}
	}
	if len(open) > 0 {
		t.Errorf("not closed: %v", open)
	}
	if left := strings.TrimPrefix(strings.TrimSpace(rest), "<!DOCTYPE html>"); strings.ContainsAny(left, "<>\x00\u202e") {
		i := strings.IndexAny(left, "<>\x00\u202e")
		t.Errorf("stray markup: %q", left[max(0, i-80):min(len(left), i+80)])
	}
	for _, id := range append(targets, sections...) {
		if !ids[id] {
			t.Errorf("no section %q", id)
		}
	}
	if i := strings.Index(body, "NaN"); i >= 0 {
		t.Errorf("NaN in %q", body[max(0, i-120):i+20])
	}
	if i := strings.Index(body, "Inf"); i >= 0 {
		t.Errorf("Inf in %q", body[max(0, i-120):i+20])
	}
}

func TestSampleShowsEverything(t *testing.T) {
	dir := *out
	if dir == "" {
		dir = t.TempDir()
	}
	d := sample()
	d.Warn("One domain has %.1f %% of the tokens.", 51.7)
	if err := Write(dir, d); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, want := range []string{
		"Better than every baseline", d.Confirmed.Verdict, "runs/web", "preset laptop", "23 November 2025", "<b>Warning: </b>One domain has",
		"novel, character, chapter", "1.28\u202fM", "31,877", "invalid_json", "part-0017.jsonl.zst", ":88121", "casino, bonus, click here", "quality below 0.5",
		"loss is not a number after step 210", "gp blended with an exponential law", "0.934", "significantly better", "not significant", "hellaswag", "acc_norm",
		"validation", "2\u202fh 32\u202fmin", "24 shards", "round 2 · 32",
		"corrected for 6 comparisons", "from 90 % crawl", "WIN A PRIZE!", "score quality 0.412 is below its floor 0.5", `class="curve chosen"`, `class="curve natural"`, "(none)", `style="--p: `,
	} {
		if !strings.Contains(page, want) && !strings.Contains(page, strings.ReplaceAll(want, "+", "&#43;")) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n := strings.Count(page, "<svg viewBox"); n != 8+14+14 {
		t.Errorf("%d drawings, want the mark, seven charts and two for each domain", n)
	}
	if n := strings.Count(page, `class="mark"`); n < 2*112-20 {
		t.Errorf("%d dots", n)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v", left, err)
	}
}

func TestLongListsAreCut(t *testing.T) {
	d := sample()
	for i := range 700 {
		d.Trials = append(d.Trials, d.Trials[i%100])
		d.PrunedClusters = append(d.PrunedClusters, d.PrunedClusters[i%50])
	}
	page, err := render(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The best 120 of 812 proxy runs", "The largest 100 of 760 clusters"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestSummary(t *testing.T) {
	for name, d := range runs() {
		data, err := summarize(d)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var s map[string]any
		if err := json.Unmarshal(data, &s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, key := range []string{"mixture", "baselines", "confirmed", "domains", "pruned", "rounds", "predictor", "dataset", "cost", "reproduce"} {
			if s[key] == nil {
				t.Errorf("%s: no %s", name, key)
			}
		}
		for _, key := range []string{"mean", "interval", "seeds", "verdict", "candidates"} {
			if _, ok := s["confirmed"].(map[string]any)[key]; !ok {
				t.Errorf("%s: no confirmed.%s", name, key)
			}
		}
	}
}

// The keys and their types are an interface, so all of them are in a file.
func TestSummaryGolden(t *testing.T) {
	d := sample()
	d.Domains = d.Domains[:2]
	d.Dataset.Parts, d.PrunedClusters, d.Cost = d.Dataset.Parts[:1], d.PrunedClusters[:1], d.Cost[:2]
	d.Trials = []Trial{d.Trials[0], d.Trials[20], d.Trials[70]}
	d.Predictor.Measured, d.Predictor.Predicted = []float64{-1, -2}, []float64{-1.1, math.NaN()}
	d.Confirmed.Candidates = []Candidate{d.Confirmed.Candidates[0], d.Confirmed.Candidates[2]}
	for i := range d.Confirmed.Candidates {
		d.Confirmed.Candidates[i].Metrics = d.Confirmed.Candidates[i].Metrics[:1]
	}
	got, err := summarize(d)
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/summary.json"
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("summary.json has changed (-want +got); run with -update if that is meant:\n%s", diff)
	}
}

func TestHeadline(t *testing.T) {
	diff := func(to string, mean float64, significant bool) Difference {
		return Difference{To: to, Mean: mean, Significant: significant}
	}
	for _, c := range []struct {
		differences    []Difference
		tone, headline string
	}{
		{nil, "", "Confirmed"},
		{[]Difference{diff("natural", 1, true), diff("uniform", 1, true)}, "good", "Better than every baseline"},
		{[]Difference{diff("natural", 1, true), diff("best measured", 1, false)}, "good", "Better than every baseline"},
		{[]Difference{diff("best measured", -1, true)}, "", "Confirmed"},
		{[]Difference{diff("natural", 1, true), diff("uniform", 1, false)}, "even", "No significant gain over uniform"},
		{[]Difference{diff("natural", -1, false), diff("uniform", 1, false)}, "even", "No significant gain over natural and uniform"},
		{[]Difference{diff("natural", -1, true), diff("uniform", 1, false)}, "bad", "Worse than natural"},
	} {
		d := &Data{Confirmed: Confirmation{Chosen: "climb", Candidates: []Candidate{
			{Name: "climb", Differences: c.differences}, {Name: "best measured"}, {Name: "natural", Baseline: true}, {Name: "uniform", Baseline: true}}}}
		if tone, line := d.Confirmed.tone(), headline(d); tone != c.tone || line != c.headline {
			t.Errorf("%v: %q, %q; want %q, %q", c.differences, tone, line, c.tone, c.headline)
		}
	}
	if got := headline(&Data{}); got != "Not confirmed yet" {
		t.Errorf("nothing confirmed: %q", got)
	}
}

func TestRounds(t *testing.T) {
	got := rounds([]Trial{{Round: 2, Score: -3}, {Round: 1, Score: -2}, {Round: 1, Score: -4}, {Round: 2, Failed: "no score"}, {Round: 3, Score: math.NaN()}})
	want := []round{{1, 2, 0, -3, -2, -2}, {2, 2, 1, -3, -3, -2}, {3, 1, 1, nan, nan, -2}}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); diff != "" {
		t.Error(diff)
	}
}

func TestWriteErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(file, "report"), &Data{}); err == nil || !strings.Contains(err.Error(), "write report: ") {
		t.Errorf("a directory below a file: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "a", "report")
	for range 2 {
		if err := Write(dir, &Data{}); err != nil {
			t.Error(err)
		}
	}
}

// Very many sources, domains, proxies and curves make a page of bounded size.
func TestPageIsBounded(t *testing.T) {
	d := sample()
	for i := len(d.Domains); i < 90; i++ {
		d.Domains = append(d.Domains, d.Domains[i%14])
	}
	for i := range d.Trials {
		d.Trials[i].Mixture = slices.Repeat(d.Trials[i].Mixture, 7)
	}
	d.Corpus.Sources = nil
	for i := range 1000 {
		s := Source{Name: strings.Repeat("s", 1+i%40), Documents: 5}
		for j := range d.Domains {
			s.Tokens = append(s.Tokens, int64(1000*i+j))
		}
		d.Corpus.Sources = append(d.Corpus.Sources, s)
	}
	for i := range 500 {
		d.Curves = append(d.Curves, d.Curves[i%4])
	}
	page, err := render(d)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for what, most := range map[string]int{`class="curve`: shownCurves, `scope="row"`: shownSources, `style="--p: `: shownSources * shownColumns, `class="dots"`: sharePanels} {
		if n := strings.Count(text, what); n > most || n < most/2 {
			t.Errorf("%d of %s, want at most %d", n, what, most)
		}
	}
	if !strings.Contains(text, "The largest 100 of 1000 sources") || len(page) > 1_500_000 {
		t.Errorf("%d bytes", len(page))
	}
}

// A page of 1,000 proxies, 100 domains and a map of 5,000 clusters is below 1 MB.
func TestLargePage(t *testing.T) {
	d := sample()
	small := len(d.Domains)
	words := strings.Fields("protein cell gene quantum energy recipe butter court statute league season novel chapter theorem lemma market shares church king patient dose hotel flight election album guitar")
	for i := small; i < 100; i++ {
		x := d.Domains[i%small]
		x.Name = fmt.Sprintf("%s, %s, %d", words[i%len(words)], words[(i*7+3)%len(words)], i)
		d.Domains = append(d.Domains, x)
	}
	for i := range d.Corpus.Sources {
		d.Corpus.Sources[i].Tokens = slices.Repeat(d.Corpus.Sources[i].Tokens, 8)[:100]
	}
	d.Map, d.Clusters, d.PrunedClusters = nil, nil, nil
	for i := range 5000 {
		var terms []string
		for k := range 8 {
			terms = append(terms, words[(i*k+k*k+i/7)%len(words)])
		}
		a := float64(i) * 2.39996
		p := Point{i, math.Cos(a) * math.Sqrt(float64(i)), math.Sin(a) * math.Sqrt(float64(i)), float64(1e6 - 190*i), d.Domains[i%100].Name, strings.Join(terms[:3], "-"), i%9 == 0}
		c := Cluster{ID: i, Documents: int64(9000 - i), Tokens: int64(p.Size), Terms: terms, Domain: p.Domain, Scores: d.Domains[0].Quality}
		if p.Pruned {
			p.Domain, c.Domain, c.Reasons = "", "", []string{"mean quality 1.20 below 2.5"}
			d.PrunedClusters = append(d.PrunedClusters, c)
		} else {
			d.Clusters = append(d.Clusters, c)
		}
		d.Map = append(d.Map, p)
	}
	trials := d.Trials
	d.Trials, d.Predictor.Measured, d.Predictor.Predicted = nil, nil, nil
	for i := range 1000 {
		x := trials[i%len(trials)]
		x.Hash, x.Mixture = fmt.Sprintf("%016x", i*7919), slices.Repeat(x.Mixture, 8)[:100]
		d.Trials = append(d.Trials, x)
		d.Predictor.Measured, d.Predictor.Predicted = append(d.Predictor.Measured, x.Score), append(d.Predictor.Predicted, x.Score+0.001)
	}
	for i := range 60 {
		d.Curves = append(d.Curves, d.Curves[i%4])
	}
	if *out != "" {
		if err := Write(*out+"-large", d); err != nil {
			t.Fatal(err)
		}
	}
	page, err := render(d)
	if err != nil || len(page) >= 1_000_000 {
		t.Errorf("%d bytes, %v", len(page), err)
	}
	m := regexp.MustCompile(`data-figure="map"><svg [^>]* data-packed="([^"]*)"`).FindStringSubmatch(string(page))
	if m == nil {
		t.Fatal("the map is not packed")
	}
	packed, err := base64.RawURLEncoding.DecodeString(m[1])
	if err != nil {
		t.Fatal(err)
	}
	marks, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if n := bytes.Count(marks, []byte(`class="spot `)); err != nil || n != 5000 {
		t.Errorf("%d discs, %v", n, err)
	}
	t.Logf("%d bytes", len(page))
}
