package jinja

// An expr is one of the types below.
type expr interface{ offset() int }

type pos int

func (p pos) offset() int { return int(p) }

type (
	literal struct {
		pos
		value any
	}
	variable struct {
		pos
		name string
	}
	list struct {
		pos
		items []expr
		tuple bool
	}
	dict struct {
		pos
		keys, values []expr
	}
	unary struct { // -, +, not
		pos
		op string
		x  expr
	}
	binary struct { // arithmetic, ~, and, or
		pos
		op   string
		x, y expr
	}
	compare struct { // a < b <= c
		pos
		x   expr
		ops []string
		ys  []expr
	}
	cond struct {
		pos
		test, then, els expr // els may be nil
	}
	attribute struct {
		pos
		x    expr
		name string
	}
	index struct {
		pos
		x, i expr
	}
	slice struct {
		pos
		x              expr
		from, to, step expr // each may be nil
	}
	call struct { // a method of x, or a function where x is nil
		pos
		x    expr
		name string
		args []expr
		keys map[string]expr
	}
	filter struct {
		pos
		x    expr
		name string
		args []expr
		keys map[string]expr
	}
	test struct {
		pos
		x    expr
		name string
		not  bool
		args []expr
	}
)
