package regex

import (
	"strconv"
	"strings"
	"unicode"
)

// The classes of one letter, as Oniguruma has them: Unicode's, and in \w a few
// numbers of Latin-1.
func white() ranges { return ofTable(unicode.White_Space) }
func digit() ranges { return ofTable(unicode.Nd) }
func alpha() ranges { return ofTables(unicode.L, unicode.Nl, unicode.Other_Alphabetic) }
func word() ranges {
	return alpha().union(ofTables(unicode.M, unicode.Nd, unicode.Pc)).union(ranges{{'²', '³'}, {'¹', '¹'}, {'¼', '¾'}})
}
func hex() ranges { return ranges{{'0', '9'}, {'A', 'F'}, {'a', 'f'}} }

// class reads a set after its [.
func (p *parser) class() (ranges, error) {
	if p.depth++; p.depth > mostDepth {
		return nil, p.errorf("sets are too deep")
	}
	defer func() { p.depth-- }()
	not := p.take("^")
	var all, sum ranges
	and := false
	for first := true; ; first = false {
		switch {
		case p.at == len(p.src):
			return nil, p.errorf("a ] is missing")
		case p.take("]"):
			if first {
				return nil, p.errorf("an empty set is not supported")
			}
			if and {
				sum = all.and(sum)
			}
			if p.fold {
				sum = sum.folded()
			}
			if not {
				sum = sum.not()
			}
			return sum, nil
		case p.take("&&"):
			if and {
				sum = all.and(sum)
			}
			all, sum, and = sum, nil, true
		default:
			r, err := p.member()
			if err != nil {
				return nil, err
			}
			sum = sum.union(r)
		}
	}
}

// member reads a character, a range of two, a class or a set inside a set.
func (p *parser) member() (ranges, error) {
	if p.take("[:") {
		return p.posix()
	}
	if p.take("[") {
		return p.class()
	}
	lo, err := p.classRune()
	if err != nil || len(lo) != 1 || lo[0][0] != lo[0][1] {
		return lo, err
	}
	rest := p.rest()
	if !strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "-]") || strings.HasPrefix(rest, "-[") || strings.HasPrefix(rest, "-&&") {
		return lo, nil
	}
	p.at++
	hi, err := p.classRune()
	if err != nil {
		return nil, err
	}
	if len(hi) != 1 || hi[0][0] != hi[0][1] { // [a-\d]: the - is itself
		return lo.union(one('-')).union(hi), nil
	}
	if hi[0][0] < lo[0][0] {
		return nil, p.errorf("the range %q-%q is empty", lo[0][0], hi[0][0])
	}
	return ranges{{lo[0][0], hi[0][0]}}, nil
}

func (p *parser) classRune() (ranges, error) {
	if p.at == len(p.src) {
		return nil, p.errorf("a ] is missing")
	}
	c := p.rune()
	if c == '\\' {
		if p.take("b") {
			return one('\b'), nil
		}
		return p.escaped()
	}
	return one(c), nil
}

func (p *parser) posix() (ranges, error) {
	end := strings.Index(p.rest(), ":]")
	if end < 0 {
		return nil, p.errorf("a :] is missing")
	}
	name, not := strings.CutPrefix(p.rest()[:end], "^")
	var r ranges
	switch name {
	case "alpha":
		r = alpha()
	case "digit":
		r = digit()
	case "alnum":
		r = alpha().union(digit())
	case "space":
		r = white()
	case "word":
		r = word()
	case "xdigit":
		r = hex()
	case "upper":
		r = ofTables(unicode.Lu, unicode.Other_Uppercase)
	case "lower":
		r = ofTables(unicode.Ll, unicode.Other_Lowercase)
	default:
		return nil, p.errorf("the class [:%s:] is not supported", name)
	}
	p.at += end + 2
	if not {
		return r.not(), nil
	}
	return r, nil
}

// escaped reads what stands after a \ for one or more characters.
func (p *parser) escaped() (ranges, error) {
	if p.at == len(p.src) {
		return nil, p.errorf("it ends with a \\")
	}
	c := p.rune()
	class := map[rune]func() ranges{'s': white, 'd': digit, 'w': word, 'h': hex}[unicode.ToLower(c)]
	switch {
	case class != nil && unicode.IsUpper(c):
		return class().not(), nil
	case class != nil:
		return class(), nil
	}
	switch c {
	case 'p', 'P':
		return p.property(c == 'P')
	case 'x', 'u':
		return p.number(c)
	}
	if i := strings.IndexRune("tnrfvae", c); i >= 0 {
		return one(rune("\t\n\r\f\v\a\x1b"[i])), nil
	}
	if c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
		return nil, p.errorf("\\%s is not supported", string(c))
	}
	return one(c), nil
}

// number reads \uHHHH, \xHH or \x{H...}.
func (p *parser) number(kind rune) (ranges, error) {
	digits := ""
	if end := strings.IndexByte(p.rest(), '}'); kind == 'x' && p.take("{") && end > 0 {
		digits = p.src[p.at : p.at+end-1]
		p.at += end
	} else if n := map[rune]int{'x': 2, 'u': 4}[kind]; len(p.rest()) >= n {
		digits = p.rest()[:n]
		p.at += n
	}
	v, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || v > unicode.MaxRune || kind == 'x' && len(digits) == 2 && v > unicode.MaxASCII {
		return nil, p.errorf("\\%s%s is no character", string(kind), digits)
	}
	return one(rune(v)), nil
}

// property reads the name after \p: a category, a script, or one of a few more.
func (p *parser) property(not bool) (ranges, error) {
	end := strings.IndexByte(p.rest(), '}')
	if !p.take("{") || end < 0 {
		return nil, p.errorf("\\p without {name} is not supported")
	}
	name := p.src[p.at : p.at+end-1]
	p.at += end
	if caret, ok := strings.CutPrefix(name, "^"); ok {
		name, not = caret, !not
	}
	r, ok := named(name)
	if !ok {
		return nil, p.errorf("\\p{%s} is not supported", name)
	}
	if not {
		return r.not(), nil
	}
	return r, nil
}

func named(name string) (ranges, bool) {
	if t := unicode.Categories[name]; t != nil && name != "C" && name != "Cn" {
		return ofTable(t), true
	}
	if t := unicode.Scripts[name]; t != nil {
		return ofTable(t), true
	}
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", " ", "", "-", "").Replace(s))
	}
	want := plain(name)
	switch want {
	case "any":
		return ranges{{0, unicode.MaxRune}}, true
	case "alpha", "alphabetic":
		return alpha(), true
	case "digit":
		return digit(), true
	case "space":
		return white(), true
	case "word":
		return word(), true
	case "cn":
		return nil, false // what is unassigned depends on the version of Unicode
	}
	for alias, category := range unicode.CategoryAliases {
		if plain(alias) == want {
			want = plain(category)
			break
		}
	}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts} {
		for key, t := range tables {
			if plain(key) == want && plain(key) != "c" {
				return ofTable(t), true
			}
		}
	}
	return nil, false
}
