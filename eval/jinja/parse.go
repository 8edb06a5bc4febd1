package jinja

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

type parser struct {
	source string
	tokens []lexeme
	i      int
	depth  int
}

func (p *parser) peek() lexeme { return p.tokens[p.i] }

func (p *parser) next() lexeme {
	l := p.tokens[p.i]
	if l.kind != end {
		p.i++
	}
	return l
}

func (p *parser) errorf(l lexeme, format string, args ...any) error {
	return fmt.Errorf("%s: %s", at(p.source, l.at), fmt.Sprintf(format, args...))
}

// accept takes an operator or a keyword if it is next.
func (p *parser) accept(words ...string) (lexeme, bool) {
	if l := p.peek(); (l.kind == operator || l.kind == name) && slices.Contains(words, l.text) {
		return p.next(), true
	}
	return lexeme{}, false
}

func (p *parser) expect(word string) error {
	if _, ok := p.accept(word); !ok {
		l := p.peek()
		if l.kind == end || l.text == "" {
			return p.errorf(l, "%q is missing", word)
		}
		return p.errorf(l, "%q where %q belongs", l.text, word)
	}
	return nil
}

// enter bounds the nesting; the caller defers leave.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return p.errorf(p.peek(), "nested more than %d deep", maxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// expression is "a if b else c" and all that binds tighter.
func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	x, err := p.operation(0)
	for err == nil {
		l, ok := p.accept("if")
		if !ok {
			break
		}
		c := cond{pos: pos(l.at), then: x}
		if c.test, err = p.operation(0); err != nil {
			return nil, err
		}
		if _, ok := p.accept("else"); ok {
			if c.els, err = p.expression(); err != nil {
				return nil, err
			}
		}
		x = c
	}
	return x, err
}

// levels are the operators from the loosest to the tightest, in Jinja's order.
var levels = [][]string{{"or"}, {"and"}, {"not"}, {"==", "!=", "<", ">", "<=", ">=", "in", "not"}, {"+", "-"}, {"~"}, {"*", "/", "//", "%"}, {"**"}}

func (p *parser) operation(level int) (expr, error) {
	switch level {
	case len(levels):
		return p.unary(true)
	case 2:
		if l, ok := p.accept("not"); ok {
			if err := p.enter(); err != nil {
				return nil, err
			}
			defer p.leave()
			x, err := p.operation(2)
			return unary{pos(l.at), "not", x}, err
		}
		return p.operation(3)
	case 3:
		return p.comparison()
	}
	x, err := p.operation(level + 1)
	for err == nil {
		l, ok := p.accept(levels[level]...)
		if !ok {
			return x, nil
		}
		var y expr
		y, err = p.operation(level + 1)
		x = binary{pos(l.at), l.text, x, y}
	}
	return nil, err
}

func (p *parser) comparison() (expr, error) {
	x, err := p.operation(4)
	c := compare{x: x}
	for err == nil {
		l, ok := p.accept(levels[3]...)
		if !ok {
			break
		}
		op := l.text
		if op == "not" {
			op = "not in"
			if err := p.expect("in"); err != nil {
				return nil, err
			}
		}
		var y expr
		if y, err = p.operation(4); err == nil {
			c.pos, c.ops, c.ys = pos(l.at), append(c.ops, op), append(c.ys, y)
		}
	}
	if err != nil || len(c.ops) == 0 {
		return x, err
	}
	return c, nil
}

// unary is a primary with its postfixes; with filters where the operator
// before it does not bind tighter than they do.
func (p *parser) unary(filters bool) (x expr, err error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if l, ok := p.accept("-", "+"); ok {
		if x, err = p.unary(false); err == nil {
			x = unary{pos(l.at), l.text, x}
		}
	} else if x, err = p.primary(); err == nil {
		x, err = p.postfix(x)
	}
	if err != nil || !filters {
		return x, err
	}
	return p.filters(x)
}

func (p *parser) primary() (expr, error) {
	l := p.next()
	switch {
	case l.kind == name:
		return p.named(l)
	case l.kind == quoted:
		for p.peek().kind == quoted {
			l.text += p.next().text
		}
		return literal{pos(l.at), l.text}, nil
	case l.kind == number:
		digits := strings.ReplaceAll(l.text, "_", "")
		if n, err := strconv.Atoi(digits); err == nil {
			return literal{pos(l.at), n}, nil
		}
		f, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return nil, p.errorf(l, "%s is no number", l.text)
		}
		return literal{pos(l.at), f}, nil
	case l.text == "(" || l.text == "[":
		return p.listed(l)
	case l.text == "{":
		return p.dict(l)
	case l.text == "-" && p.peek().kind == number: // of a literal
		x, err := p.primary()
		return unary{pos(l.at), "-", x}, err
	case l.kind == end || l.kind == shut || l.kind == shutBlock:
		return nil, p.errorf(l, "an expression is missing")
	}
	return nil, p.errorf(l, "%q where an expression belongs", l.text)
}

func (p *parser) named(l lexeme) (expr, error) {
	switch l.text {
	case "true", "True":
		return literal{pos(l.at), true}, nil
	case "false", "False":
		return literal{pos(l.at), false}, nil
	case "none", "None":
		return literal{pos(l.at), nil}, nil
	case "if", "else", "and", "or", "not", "in", "is":
		return nil, p.errorf(l, "%q where an expression belongs", l.text)
	}
	if _, ok := p.accept("("); ok {
		c := call{pos: pos(l.at), name: l.text}
		var err error
		if l.text != "range" {
			return nil, p.errorf(l, "function %s is not known; there is range", l.text)
		}
		c.args, c.keys, err = p.arguments()
		return c, err
	}
	return variable{pos(l.at), l.text}, nil
}

// listed is a list, a tuple or an expression in brackets.
func (p *parser) listed(l lexeme) (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	closing, comma := map[string]string{"(": ")", "[": "]"}[l.text], false
	x := list{pos: pos(l.at), tuple: l.text == "("}
	for {
		if _, ok := p.accept(closing); ok {
			if closing == ")" && !comma && len(x.items) == 1 {
				return x.items[0], nil
			}
			return x, nil
		}
		if len(x.items) > 0 && !comma {
			return nil, p.expect(closing)
		}
		item, err := p.expression()
		if err != nil {
			return nil, err
		}
		x.items = append(x.items, item)
		_, comma = p.accept(",")
	}
}

func (p *parser) dict(l lexeme) (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	x, comma := dict{pos: pos(l.at)}, true
	for {
		if _, ok := p.accept("}"); ok {
			return x, nil
		}
		if !comma {
			return nil, p.expect("}")
		}
		key, err := p.expression()
		if err == nil {
			err = p.expect(":")
		}
		if err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		x.keys, x.values = append(x.keys, key), append(x.values, value)
		_, comma = p.accept(",")
	}
}

// postfix reads .name, .method(), [i] and [i:j].
func (p *parser) postfix(x expr) (expr, error) {
	for {
		l, ok := p.accept(".", "[", "(")
		switch {
		case !ok:
			return x, nil
		case l.text == "(":
			return nil, p.errorf(l, "only methods, filters and range can be called")
		case l.text == "[":
			var err error
			if x, err = p.subscript(x, l); err != nil {
				return nil, err
			}
			continue
		}
		n := p.next()
		if n.kind == number {
			i, err := strconv.Atoi(n.text)
			if err != nil {
				return nil, p.errorf(n, "%q where a name belongs", n.text)
			}
			x = index{pos(l.at), x, literal{pos(n.at), i}}
			continue
		}
		if n.kind != name {
			return nil, p.errorf(n, "%q where a name belongs", n.text)
		}
		if _, ok := p.accept("("); !ok {
			x = attribute{pos(l.at), x, n.text}
			continue
		}
		if methods[n.text] == nil {
			return nil, p.errorf(n, "method %s is not known; there are %s", n.text, known(methods))
		}
		args, keys, err := p.arguments()
		if err != nil {
			return nil, err
		}
		x = call{pos(n.at), x, n.text, args, keys}
	}
}

func (p *parser) subscript(x expr, l lexeme) (expr, error) {
	var parts [3]expr
	colons := 0
	for {
		if _, ok := p.accept("]"); ok {
			break
		}
		if _, ok := p.accept(":"); ok && colons < 2 {
			colons++
			continue
		}
		if parts[colons] != nil {
			return nil, p.expect("]")
		}
		var err error
		if parts[colons], err = p.expression(); err != nil {
			return nil, err
		}
	}
	switch {
	case colons > 0:
		return slice{pos(l.at), x, parts[0], parts[1], parts[2]}, nil
	case parts[0] == nil:
		return nil, p.errorf(l, "[] without an index")
	}
	return index{pos(l.at), x, parts[0]}, nil
}

// arguments are those of a call, after its "(".
func (p *parser) arguments() (args []expr, keys map[string]expr, err error) {
	keys = map[string]expr{}
	for comma := true; ; {
		if _, ok := p.accept(")"); ok {
			return args, keys, nil
		}
		if !comma {
			return nil, nil, p.expect(")")
		}
		key := ""
		if l := p.peek(); l.kind == name && p.tokens[p.i+1].text == "=" && p.tokens[p.i+1].kind == operator {
			key = l.text
			p.i += 2
		}
		x, err := p.expression()
		if err != nil {
			return nil, nil, err
		}
		if key != "" {
			keys[key] = x
		} else {
			args = append(args, x)
		}
		_, comma = p.accept(",")
	}
}

// filters reads |name(args) and "is name" after an expression.
func (p *parser) filters(x expr) (expr, error) {
	for {
		l, ok := p.accept("|", "is")
		if !ok {
			return x, nil
		}
		not := false
		if l.text == "is" {
			_, not = p.accept("not")
		}
		n := p.next()
		if n.kind != name {
			return nil, p.errorf(n, "%q where the name of a filter or test belongs", n.text)
		}
		var args []expr
		var keys map[string]expr
		var err error
		if _, ok := p.accept("("); ok {
			args, keys, err = p.arguments()
		} else if l.text == "is" && p.argument() { // is divisibleby 3
			var arg expr
			if arg, err = p.primary(); err == nil {
				arg, err = p.postfix(arg)
			}
			args = []expr{arg}
		}
		switch {
		case err != nil:
			return nil, err
		case l.text == "is" && tests[n.text] == nil:
			return nil, p.errorf(n, "test %s is not known; there are %s", n.text, known(tests))
		case l.text == "is":
			x = test{pos(n.at), x, n.text, not, args}
		case filters[n.text] == nil && n.text != "map":
			return nil, p.errorf(n, "filter %s is not known; there are map, %s", n.text, known(filters))
		default:
			x = filter{pos(n.at), x, n.text, args, keys}
		}
	}
}

// argument tells whether a test's argument without brackets follows.
func (p *parser) argument() bool {
	switch l := p.peek(); l.kind {
	case number, quoted:
		return true
	case name:
		return !slices.Contains([]string{"else", "or", "and", "is", "if", "not", "in"}, l.text)
	case operator:
		return l.text == "[" || l.text == "{"
	}
	return false
}
