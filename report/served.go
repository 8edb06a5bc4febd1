package report

import (
	"bytes"
	"html/template"
)

// Served says how a page differs that a server gives out, whose policy allows no
// script within it: style and script are files, and there is more on it.
type Served struct {
	Style, Script []string      // URLs
	Nav           template.HTML // links that come first
	Lead          template.HTML // sections that come first
}

// Page is the page of a report that is served.
func Page(d *Data, s *Served) ([]byte, error) {
	v := newView(d)
	v.Served = s
	page, err := pageTemplate.fill(v)
	return bytes.Map(legible, page), err
}

// Style is the style sheet of the report's pages.
func Style() string { return pageCSS }

// Script is the script of the report's pages.
func Script() string { return script() }

// A Template is a part of a page, in the language of the report's pages and with
// their functions: text is escaped, fields are looked up and methods are not.
type Template struct{ f *filler }

// ParseTemplate is for the templates that are part of the program: it panics.
func ParseTemplate(name, text string) *Template { return &Template{mustParse(name, text, pageFuncs)} }

// Fill gives the part with data as the dot, without control characters.
func (t *Template) Fill(data any) (template.HTML, error) {
	part, err := t.f.fill(data)
	return template.HTML(bytes.Map(legible, part)), err
}

// CurvesChart draws the training loss of proxies over their tokens; "" if there is
// none to draw.
func CurvesChart(curves []Curve) template.HTML { return curvesChart(twoColumns, curves).html("") }
