package label

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/climb-go/climb/openai"
)

// chat is a server that answers with what answer makes of the document.
func chat(t *testing.T, answer func(document string) string) Judge {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q chatRequest
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != "/v1/chat/completions" || len(q.Messages) != 2 || q.Model != "m" {
			t.Errorf("request %s %+v, %v", r.URL.Path, q, err)
			return
		}
		fmt.Fprintf(w, `{"choices": [{"message": {"role": "assistant", "content": %q}}], "usage": {"prompt_tokens": 100, "completion_tokens": 7}}`,
			answer(q.Messages[1].Content))
	}))
	t.Cleanup(srv.Close)
	return Judge{Server: openai.Server{URL: srv.URL + "/v1", Model: "m", Attempts: 1}, MaxBytes: 100}
}

func TestGrade(t *testing.T) {
	var asked atomic.Int32
	g, err := NewGrader(chat(t, func(document string) string {
		if !strings.HasPrefix(document, "<document>\na text") || len(document) > 130 {
			t.Errorf("document %q", document)
		}
		if asked.Add(1) == 1 {
			return "I cannot say."
		}
		return "Here you are:\n```json\n{\"quality\": 4, \"educational\": 2, \"informational\": 3, \"advertisement\": 5}\n```"
	}))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("a text ", 50)
	got, used, err := g.Grade(t.Context(), text)
	if err != nil || got != (Grades{4, 2, 3, 5}) || used != (Usage{200, 14}) || asked.Load() != 2 {
		t.Errorf("%v, %v, %v, asked %d times", got, used, err, asked.Load())
	}
	if e := g.Estimate(text); e.Prompt < int64(len(rubric))/4 || e.Prompt > int64(len(rubric)) || e.Completion != 200 {
		t.Errorf("estimate %v", e)
	}
}

func TestParseGradesRefuses(t *testing.T) {
	for _, answer := range []string{
		"", "4 4 4 4", "{}", "} {", `{"quality": 4, "educational": 2, "informational": 3}`, `{"quality": 4, "educational": 2, "informational": 3, "advertisement": 6}`,
		`{"quality": "4", "educational": 2, "informational": 3, "advertisement": 5}`, `{"quality": 0, "educational": 2, "informational": 3, "advertisement": 5}`,
	} {
		if g, err := parseGrades(answer); err == nil {
			t.Errorf("%q gave %v", answer, g)
		}
	}
}

// TestAgree compares with kappa from the table of pairs, by its definition.
func TestAgree(t *testing.T) {
	a, b := []int{1, 2, 3, 4, 5, 5, 3, 2}, []int{1, 3, 3, 4, 4, 5, 1, 2}
	var seen, expected float64
	for i := range a {
		seen += float64((a[i] - b[i]) * (a[i] - b[i]))
		for j := range b {
			expected += float64((a[i]-b[j])*(a[i]-b[j])) / float64(len(a))
		}
	}
	got := Agree("quality", a, b)
	if want := 1 - seen/expected; math.Abs(got.Kappa-want) > 1e-12 || got.Same != 5./8 || got.Texts != 8 {
		t.Errorf("%+v, want kappa %v", got, want)
	}
	// numpy.corrcoef of the two
	if math.Abs(got.Correlation-corr(a, b)) > 1e-12 {
		t.Errorf("correlation %v, want %v", got.Correlation, corr(a, b))
	}
	if x := Agree("", []int{3, 3}, []int{3, 3}); x.Kappa != 1 || x.Same != 1 || x.Correlation != 0 {
		t.Errorf("all the same: %+v", x)
	}
	if x := Agree("", []int{1, 5}, []int{5, 1}); math.Abs(x.Kappa+1) > 1e-12 || math.Abs(x.Correlation+1) > 1e-12 {
		t.Errorf("opposite: %+v", x)
	}
	if x := Agree("", nil, nil); x.Texts != 0 || x.Kappa != 0 {
		t.Errorf("nothing: %+v", x)
	}
}

func corr(a, b []int) float64 {
	n, sa, sb, saa, sbb, sab := float64(len(a)), 0.0, 0.0, 0.0, 0.0, 0.0
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		sa, sb, saa, sbb, sab = sa+x, sb+y, saa+x*x, sbb+y*y, sab+x*y
	}
	return (n*sab - sa*sb) / math.Sqrt((n*saa-sa*sa)*(n*sbb-sb*sb))
}

// FuzzGrades: whatever a judge answers, grades are from 1 to 5 or there are none.
func FuzzGrades(f *testing.F) {
	for _, s := range []string{`{"quality": 3, "educational": 2, "informational": 5, "advertisement": 1}`, "```json\n{\"quality\": 3}\n```", `{"quality": 1e9}`, `}{`, `{"quality": null}`, ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		g, err := parseGrades(answer)
		for _, x := range []int{g.Quality, g.Educational, g.Informational, g.Advertisement} {
			if err == nil && (x < 1 || x > 5) {
				t.Fatalf("%q gave %+v", answer, g)
			}
		}
	})
}
