package report

import (
	"bytes"
	"html/template"
	"strings"
	"testing"
)

// checkFilled holds a page to what html/template makes of the same template.
func checkFilled(t *testing.T, text string, funcs map[string]any, data any, page []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := template.Must(template.New("").Funcs(funcs).Parse(text)).Execute(&b, data); err != nil {
		t.Fatal(err)
	}
	want := bytes.Map(legible, b.Bytes())
	if i := 0; !bytes.Equal(page, want) {
		for i < min(len(page), len(want)) && page[i] == want[i] {
			i++
		}
		t.Errorf("byte %d: %.80q, html/template has %.80q", i, page[i:], want[i:])
	}
}

func TestFill(t *testing.T) {
	type inner struct{ X *float64 }
	type outer struct {
		inner
		S    []string
		M    map[string]*inner
		Deep struct{ Zero, Minus float64 }
		N    int
		HTML template.HTML
		Any  any
	}
	x, zero := 1.5e30, 0.0
	data := &outer{inner: inner{&x}, S: []string{"<a href='x'>", "&+\"\x00"}, M: map[string]*inner{"k": {&x}}, N: 3, HTML: "<b>", Any: "any"}
	data.Deep.Minus = -zero
	funcs := map[string]any{"half": func(x float64) float64 { return x / 2 }}
	for _, text := range []string{
		`<p title="{{.X}}">{{.X}} {{half .X}} {{half 3}} {{half 0.5}} {{.N}} {{.HTML}} {{.Any}}</p>`,
		`{{range $i, $s := .S}}{{if $i}}, {{end}}{{$i}} {{$s}} {{.}} {{$.N}}{{end}}{{range $s := .S}}{{$s}}{{else}}none{{end}}`,
		`{{with index .M "k"}}{{.X}}{{end}}{{with index .M "l"}}{{.X}}{{else}}none{{end}}{{index .S 1}}`,
		`{{if .Deep.Zero}}a{{else if not .Deep.Minus}}b{{else}}c{{end}}{{with .Deep}}{{.Zero}}{{end}}`,
		`{{$n := len .S}}{{if lt $n .N}}{{$n := "inner"}}{{$n}}{{end}}{{$n}}{{if eq (index .S 0) "<"}}x{{end}}{{or .Any "none"}}{{or "" .S}}`,
	} {
		page, err := mustParse("", text, funcs).fill(data)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		checkFilled(t, text, funcs, data, bytes.Map(legible, page))
	}
	for _, text := range []string{`{{.Y}}`, `{{.S.X}}`, `{{len .S | half}}`, `{{half .Any}}`, `{{range .N}}{{end}}`, `{{template "x"}}`} {
		if _, err := mustParse("", text, funcs).fill(data); err == nil || !strings.Contains(err.Error(), text[:6]) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}
