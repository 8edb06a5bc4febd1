package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"

	readability "codeberg.org/readeck/go-readability/v2"
	"golang.org/x/net/html"
)

// mostElements bounds the time that one page takes; others are not_text.
const mostElements = 200_000

// A page is what is taken out of HTML.
type page struct {
	text, title, language string
}

// readPage takes the main text out of a page, without menus, advertisements and
// the like, by the rules of Mozilla's Readability, formulas as TeX. body is UTF-8.
func readPage(body []byte, address string) (p page, err error) {
	defer func() {
		if r := recover(); r != nil { // of a library, for a page that it did not expect
			err = fmt.Errorf("no text was found: %v", r)
		}
	}()
	doc, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return p, err
	}
	writeFormulas(doc)
	at, err := url.Parse(address)
	if err != nil {
		at = nil // links matter to no text
	}
	parser := readability.NewParser()
	parser.MaxElemsToParse = mostElements
	article, err := parser.ParseAndMutate(doc, at)
	if err != nil {
		return p, err
	}
	var text strings.Builder
	if article.Node == nil || article.RenderText(&text) != nil || strings.TrimSpace(text.String()) == "" {
		return p, errors.New("it has no main text")
	}
	return page{text: strings.TrimSpace(text.String()), title: article.Title(), language: article.Language()}, nil
}
