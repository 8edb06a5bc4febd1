package jinja

import (
	"slices"
	"strings"
)

// A node is a part of a template that writes text or sets variables.
type node interface{ run(r *run) error }

type (
	plain struct{ text string }
	print struct{ x expr }
	set   struct {
		names []string
		x     expr
	}
	ifNode struct {
		tests []expr
		then  [][]node
		els   []node
	}
	forNode struct {
		names []string
		x     expr
		only  expr // may be nil
		body  []node
		els   []node
	}
)

// block parses up to the end or to a statement that ends or divides a block.
func (p *parser) block() ([]node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	var out []node
	for {
		l := p.peek()
		switch l.kind {
		case text:
			out = append(out, plain{p.next().text})
		case open:
			p.next()
			x, err := p.expression()
			if err == nil {
				err = p.shut(shut)
			}
			if err != nil {
				return nil, err
			}
			out = append(out, print{x})
		case openBlock:
			word := p.tokens[p.i+1]
			if slices.Contains([]string{"elif", "else", "endif", "endfor"}, word.text) {
				return out, nil
			}
			p.i += 2
			n, err := p.statement(word)
			if err != nil {
				return nil, err
			}
			out = append(out, n)
		default:
			return out, nil
		}
	}
}

// shut reads the end of a tag.
func (p *parser) shut(k kind) error {
	if l := p.next(); l.kind != k {
		return p.errorf(l, "%q where the tag should end", l.text)
	}
	return nil
}

// closing reads {% word, and leaves what follows it.
func (p *parser) closing(words ...string) (lexeme, error) {
	l := p.next()
	if l.kind == openBlock {
		if w := p.next(); slices.Contains(words, w.text) {
			return w, nil
		}
	}
	return l, p.errorf(l, "{%% %s %%} is missing", strings.Join(words, " %} or {% "))
}

func (p *parser) statement(word lexeme) (node, error) {
	switch word.text {
	case "if":
		return p.ifStatement()
	case "for":
		return p.forStatement()
	case "set":
		names, err := p.names()
		if err == nil {
			err = p.expect("=")
		}
		if err != nil {
			return nil, err
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		return set{names, x}, p.shut(shutBlock)
	}
	return nil, p.errorf(word, "statement %s is not known; there are if, for and set", word.text)
}

// names are the targets of for and set.
func (p *parser) names() (out []string, err error) {
	for {
		l := p.next()
		if l.kind != name {
			return nil, p.errorf(l, "%q where the name of a variable belongs", l.text)
		}
		out = append(out, l.text)
		if _, ok := p.accept(","); !ok {
			return out, nil
		}
	}
}

func (p *parser) ifStatement() (node, error) {
	var n ifNode
	for {
		x, err := p.expression()
		if err == nil {
			err = p.shut(shutBlock)
		}
		if err != nil {
			return nil, err
		}
		body, err := p.block()
		if err != nil {
			return nil, err
		}
		n.tests, n.then = append(n.tests, x), append(n.then, body)
		l, err := p.closing("elif", "else", "endif")
		switch {
		case err != nil:
			return nil, err
		case l.text == "endif":
			return n, p.shut(shutBlock)
		case l.text == "else":
			n.els, err = p.rest("endif")
			return n, err
		}
	}
}

// rest is the block after else.
func (p *parser) rest(ends string) ([]node, error) {
	if err := p.shut(shutBlock); err != nil {
		return nil, err
	}
	body, err := p.block()
	if err != nil {
		return nil, err
	}
	if _, err := p.closing(ends); err != nil {
		return nil, err
	}
	return body, p.shut(shutBlock)
}

func (p *parser) forStatement() (node, error) {
	var n forNode
	var err error
	if n.names, err = p.names(); err == nil {
		err = p.expect("in")
	}
	if err != nil {
		return nil, err
	}
	if n.x, err = p.operation(0); err != nil { // "if" belongs to the loop
		return nil, err
	}
	if _, ok := p.accept("if"); ok {
		if n.only, err = p.expression(); err != nil {
			return nil, err
		}
	}
	if err := p.shut(shutBlock); err != nil {
		return nil, err
	}
	if n.body, err = p.block(); err != nil {
		return nil, err
	}
	l, err := p.closing("else", "endfor")
	switch {
	case err != nil:
		return nil, err
	case l.text == "endfor":
		return n, p.shut(shutBlock)
	}
	n.els, err = p.rest("endfor")
	return n, err
}

func (n plain) run(r *run) error { return r.write(n.text) }

func (n print) run(r *run) error {
	v, err := r.eval(n.x)
	if err != nil {
		return err
	}
	return r.write(Str(v))
}

func (n set) run(r *run) error {
	v, err := r.eval(n.x)
	if err != nil {
		return err
	}
	return r.assign(n.names, v, n.x)
}

func (n ifNode) run(r *run) error {
	for i, x := range n.tests {
		v, err := r.eval(x)
		if err != nil {
			return err
		}
		if truth(v) {
			return r.nodes(n.then[i])
		}
	}
	return r.nodes(n.els)
}

func (n forNode) run(r *run) error {
	v, err := r.eval(n.x)
	if err != nil {
		return err
	}
	items, err := iterate(v)
	if err != nil {
		return r.fail(n.x, err)
	}
	outer := r.scope
	defer func() { r.scope = outer }()
	if n.only != nil {
		var kept []any
		for _, item := range items {
			r.scope = &scope{vars: map[string]any{}, outer: outer}
			if err := r.assign(n.names, item, n.x); err != nil {
				return err
			}
			keep, err := r.eval(n.only)
			if err != nil {
				return err
			}
			if truth(keep) {
				kept = append(kept, item)
			}
		}
		items = kept
	}
	for i, item := range items {
		r.scope = &scope{vars: map[string]any{"loop": loop(i, len(items))}, outer: outer}
		if err := r.assign(n.names, item, n.x); err != nil {
			return err
		}
		if err := r.nodes(n.body); err != nil {
			return err
		}
	}
	if r.scope = outer; len(items) == 0 {
		return r.nodes(n.els)
	}
	return nil
}

// loop is the variable of that name inside a for.
func loop(i, n int) Dict {
	return Dict{{"index", i + 1}, {"index0", i}, {"revindex", n - i}, {"revindex0", n - i - 1}, {"first", i == 0}, {"last", i == n-1}, {"length", n}}
}
