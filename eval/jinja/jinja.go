// Package jinja renders the part of Jinja2's template language that evaluation
// tasks are written in (the templates of lm-evaluation-harness): variables,
// attributes, subscripts and slices, Python's string and list methods, filters,
// tests, conditions, loops and set. It is Jinja with StrictUndefined and with
// trailing newlines kept, as the harness sets it up, and text comes out as
// Python would print it.
//
// What is left out is an error when a template is parsed, never a different
// text: macros, inheritance, includes, namespaces, filter blocks, lambdas and
// methods that change their object.
package jinja

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of one rendering: templates come with data and must not hang a run.
const (
	maxSteps = 1 << 18  // expressions evaluated
	maxText  = 16 << 20 // bytes of a string, elements of a list
	maxDepth = 100      // nested expressions and blocks
)

// A Template is a parsed template. It is safe for concurrent use.
type Template struct {
	source string
	nodes  []node
}

// Parse reads a template.
func Parse(source string) (*Template, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{source: source, tokens: tokens}
	nodes, err := p.block()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != end {
		return nil, p.errorf(p.peek(), "%q closes nothing", p.peek().text)
	}
	return &Template{source, nodes}, nil
}

// Render writes the template out with the variables of a document. A variable
// that the document lacks is an error.
func (t *Template) Render(doc Dict) (string, error) {
	r := &run{source: t.source, scope: &scope{vars: map[string]any{}}}
	for _, p := range doc {
		r.scope.vars[p.Key] = p.Value
	}
	if err := r.nodes(t.nodes); err != nil {
		return "", err
	}
	return r.out.String(), nil
}

// Literal reads a text as Python's ast.literal_eval does: a string, a number,
// True, False, None, or a list or dict of them.
func Literal(text string) (any, error) {
	tokens, err := lexExpression(text)
	if err != nil {
		return nil, err
	}
	p := &parser{source: text, tokens: tokens}
	x, err := p.primary()
	if err == nil && p.peek().kind != end {
		err = p.errorf(p.peek(), "%q after a literal", p.peek().text)
	}
	if err != nil {
		return nil, err
	}
	return (&run{source: text, scope: &scope{vars: map[string]any{}}}).eval(x)
}

// at names a place in a template by its line and column, both from 1.
func at(source string, offset int) string {
	head := source[:min(offset, len(source))]
	return fmt.Sprintf("line %d, column %d", 1+strings.Count(head, "\n"), 1+len([]rune(head[strings.LastIndexByte(head, '\n')+1:])))
}

var (
	errSteps = errors.New("the template runs too long")
	errSize  = errors.New("the template makes too long a text")
)
