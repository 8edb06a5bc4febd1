package jinja

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

func arithmetic(op string, a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok && op == "+" {
			return x + y, nil
		}
		if n, ok := whole(b); ok && op == "*" {
			if n = max(n, 0); n > 0 && len(x) > maxText/n {
				return nil, errSize
			}
			return strings.Repeat(x, n), nil
		}
	case []any:
		if y, ok := b.([]any); ok && op == "+" {
			return slices.Concat(x, y), nil
		}
		if n, ok := whole(b); ok && op == "*" {
			if n = max(n, 0); n > 0 && len(x) > maxText/n {
				return nil, errSize
			}
			return slices.Repeat(x, n), nil
		}
	}
	if x, ok := whole(a); ok {
		if y, ok := whole(b); ok {
			return integer(op, x, y)
		}
	}
	if x, ok := float(a); ok {
		if y, ok := float(b); ok {
			return floating(op, x, y)
		}
	}
	return nil, fmt.Errorf("%s %s %s", kindOf(a), op, kindOf(b))
}

func integer(op string, x, y int) (any, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	}
	if y == 0 && op != "**" {
		return nil, errors.New("division by zero")
	}
	switch op {
	case "//", "%": // rounds down, as Python does
		q, m := x/y, x%y
		if m != 0 && (m < 0) != (y < 0) {
			q, m = q-1, m+y
		}
		if op == "%" {
			return m, nil
		}
		return q, nil
	case "**":
		f := math.Pow(float64(x), float64(y))
		if y >= 0 && math.Abs(f) < 1<<53 {
			return int(f), nil
		}
		return f, nil
	}
	return float64(x) / float64(y), nil
}

func floating(op string, x, y float64) (any, error) {
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "**":
		return math.Pow(x, y), nil
	}
	if y == 0 {
		return nil, errors.New("division by zero")
	}
	switch op {
	case "//":
		return math.Floor(x / y), nil
	case "%":
		return x - y*math.Floor(x/y), nil
	}
	return x / y, nil
}

// item is x[i], or x.i where i is a name.
func item(x, i any) (any, error) {
	if n, ok := whole(i); ok {
		size, err := length(x)
		if _, isDict := x.(Dict); err != nil || isDict {
			return nil, missing{fmt.Sprintf("%s has no element %d", kindOf(x), n)}
		}
		at := n
		if at < 0 {
			at += size
		}
		if at < 0 || at >= size {
			return nil, missing{fmt.Sprintf("there is no element %d of %d", n, size)}
		}
		if s, ok := x.(string); ok {
			return string([]rune(s)[at]), nil
		}
		return elements(x)[at], nil
	}
	key, ok := i.(string)
	if !ok {
		return nil, fmt.Errorf("%s is no index", kindOf(i))
	}
	d, ok := x.(Dict)
	if !ok {
		return nil, missing{fmt.Sprintf("%s has no field %s", kindOf(x), key)}
	}
	v, ok := d.Get(key)
	if !ok {
		return nil, missing{fmt.Sprintf("there is no field %s; there are %s", key, strings.Join(d.Keys(), ", "))}
	}
	return v, nil
}

func slicing(items []any, bounds [3]*int) ([]any, error) {
	step, n := 1, len(items)
	if bounds[2] != nil {
		step = *bounds[2]
	}
	if step == 0 {
		return nil, errors.New("a slice with step 0")
	}
	low, high := 0, n // of where an end may be
	if step < 0 {
		low, high = -1, n-1
	}
	place := func(b *int, none int) int {
		if b == nil {
			return none
		}
		i := *b
		if i < 0 {
			i += n
		}
		return min(max(i, low), high)
	}
	from, to := place(bounds[0], low), place(bounds[1], high)
	if step < 0 {
		from, to = place(bounds[0], high), place(bounds[1], low)
	}
	out := []any{}
	for i := from; step > 0 && i < to || step < 0 && i > to; i += step {
		if out = append(out, items[i]); i > math.MaxInt-max(step, 0) || step < math.MinInt/2 {
			break
		}
	}
	return out, nil
}
