package corpus

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// writeFormulas puts the TeX of formulas in the place of what browsers draw, as
// OpenWebMath does (Paster et al. 2023, arXiv 2310.06786, section 3.2): between $ signs,
// or $$ where the formula stands on lines of its own. It reads MathML, by its annotation,
// the attribute alttext or its elements, what KaTeX and MathJax 2 and 3 leave in a page,
// and Wikipedia's and WordPress's pictures with their TeX as alt. Superscripts become
// ^2 or ^{10}, without which a power is another number.
func writeFormulas(doc *html.Node) {
	var visit func(n *html.Node)
	visit = func(n *html.Node) {
		if n.Type == html.ElementNode {
			if tex, display, ok := formula(n); ok {
				setFormula(n, tex, display)
				return
			}
			if n.DataAtom == atom.Sup || n.DataAtom == atom.Sub {
				writeIndex(n)
			}
		}
		for c := n.FirstChild; c != nil; {
			next := c.NextSibling
			visit(c)
			c = next
		}
	}
	visit(doc)
}

// formula is the TeX of an element, if it is a formula. tex "" says that it draws again
// what another element says.
func formula(n *html.Node) (tex string, display, ok bool) {
	classes := strings.Fields(attribute(n, "class"))
	has := func(name string) bool { return slices.Contains(classes, name) }
	switch {
	case n.Data == "math":
		tex, display = mathML(n)
		return tex, display, true
	case has("katex"), n.Data == "mjx-container": // a MathML beside what is drawn
		if m := find(n, func(e *html.Node) bool { return e.Data == "math" }); m != nil {
			tex, display = mathML(m)
			display = display || attribute(n, "display") == "true" || n.Parent != nil && strings.Contains(attribute(n.Parent, "class"), "katex-display")
			return tex, display, tex != ""
		}
	case n.DataAtom == atom.Script && strings.HasPrefix(attribute(n, "type"), "math/tex"):
		return content(n), strings.Contains(attribute(n, "type"), "mode=display"), true
	case has("MathJax_Preview"), has("MathJax"), has("MathJax_SVG"), has("MathJax_CHTML"), has("MathJax_Display"), has("MathJax_SVG_Display"):
		return "", false, follows(n)
	case n.DataAtom == atom.Img && (has("mwe-math-fallback-image-inline") || has("mwe-math-fallback-image-display") || has("tex") || has("latex")):
		return attribute(n, "alt"), has("mwe-math-fallback-image-display"), attribute(n, "alt") != ""
	case has("mwe-math-element"):
		if m := find(n, func(e *html.Node) bool { return e.Data == "math" }); m != nil {
			tex, display = mathML(m)
			return tex, display, tex != ""
		}
	}
	return "", false, false
}

// follows says whether MathJax 2's source of a formula stands behind what it drew.
func follows(n *html.Node) bool {
	for s := n.NextSibling; s != nil; s = s.NextSibling {
		if s.DataAtom == atom.Script && strings.HasPrefix(attribute(s, "type"), "math/tex") {
			return true
		}
		if s.Type == html.TextNode && strings.TrimSpace(s.Data) != "" {
			return false
		}
	}
	return false
}

// setFormula makes n a text.
func setFormula(n *html.Node, tex string, display bool) {
	tex = strings.TrimSpace(tex)
	if inner, ok := strings.CutPrefix(tex, `{\displaystyle `); ok && strings.HasSuffix(inner, "}") {
		tex = strings.TrimSpace(strings.TrimSuffix(inner, "}"))
	}
	sign := "$"
	if display {
		sign = "$$"
	}
	if tex != "" && !strings.HasPrefix(tex, "$") {
		tex = sign + strings.Join(strings.Fields(tex), " ") + sign
	}
	for n.FirstChild != nil {
		n.RemoveChild(n.FirstChild)
	}
	n.Type, n.Data, n.DataAtom, n.Namespace, n.Attr = html.TextNode, tex, 0, "", nil
}

// mathML is the TeX of a MathML formula.
func mathML(m *html.Node) (tex string, display bool) {
	display = attribute(m, "display") == "block" || attribute(m, "mode") == "display"
	if a := find(m, func(e *html.Node) bool {
		return e.Data == "annotation" && strings.Contains(strings.ToLower(attribute(e, "encoding")), "tex")
	}); a != nil && strings.TrimSpace(content(a)) != "" {
		return content(a), display
	}
	if alt := attribute(m, "alttext"); strings.TrimSpace(alt) != "" {
		return alt, display
	}
	var out strings.Builder
	presentation(&out, m, 0)
	return out.String(), display
}

// firstElement says whether no element stands before n.
func firstElement(n *html.Node) bool {
	for s := n.PrevSibling; s != nil; s = s.PrevSibling {
		if s.Type == html.ElementNode {
			return false
		}
	}
	return true
}

// mostNested bounds how deep a formula is followed; html.Parse bounds it too.
const mostNested = 512

// presentation writes MathML's presentation elements (MathML Core, section 3) as TeX; of
// those that are not known, what is in them.
func presentation(out *strings.Builder, n *html.Node, depth int) {
	parts := elements(n)
	put := func(before string, i int) {
		out.WriteString(before + "{")
		if i < len(parts) && depth < mostNested {
			presentation(out, parts[i], depth+1)
		}
		out.WriteString("}")
	}
	switch {
	case n.Type == html.TextNode:
		out.WriteString(strings.TrimSpace(n.Data))
		return
	case n.Data == "annotation" || n.Data == "annotation-xml":
		return
	case n.Data == "mfrac" && len(parts) == 2:
		put(`\frac`, 0)
		put("", 1)
		return
	case n.Data == "msqrt":
		out.WriteString(`\sqrt{`)
		defer out.WriteString("}")
	case n.Data == "mroot" && len(parts) == 2:
		out.WriteString(`\sqrt[`)
		presentation(out, parts[1], depth+1)
		out.WriteString("]")
		put("", 0)
		return
	case (n.Data == "msup" || n.Data == "mover") && len(parts) == 2:
		put("", 0)
		put("^", 1)
		return
	case (n.Data == "msub" || n.Data == "munder") && len(parts) == 2:
		put("", 0)
		put("_", 1)
		return
	case (n.Data == "msubsup" || n.Data == "munderover") && len(parts) == 3:
		put("", 0)
		put("_", 1)
		put("^", 2)
		return
	case n.Data == "mtd" && !firstElement(n):
		out.WriteString(" & ")
	case n.Data == "mtr" && !firstElement(n):
		out.WriteString(` \\ `)
	}
	for c := n.FirstChild; c != nil && depth < mostNested; c = c.NextSibling {
		presentation(out, c, depth+1)
	}
}

// writeIndex marks a superscript, and a subscript that would be read as a part of
// what it stands at. Ordinals (1st), marks and notes stay as they are.
func writeIndex(n *html.Node) {
	text := strings.TrimSpace(content(n))
	if text == "" || find(n, func(e *html.Node) bool { return e.DataAtom == atom.A || e.DataAtom == atom.Img }) != nil || strings.HasPrefix(text, "[") {
		return
	}
	before, after := neighbour(n, false), neighbour(n, true)
	mark := "^"
	if n.DataAtom == atom.Sub {
		mark = "_"
		if number(text) && !unicode.IsDigit(after) { // H2O
			return
		}
	} else if ordinal(text, before) {
		return
	}
	if before == 0 || unicode.IsSpace(before) {
		return
	}
	open, end := "", ""
	if utf8.RuneCountInString(text) > 1 {
		open, end = "{", "}"
	} else if unicode.IsLetter(after) || unicode.IsDigit(after) {
		open, end = "{", "}"
	}
	n.InsertBefore(&html.Node{Type: html.TextNode, Data: mark + open}, n.FirstChild)
	n.AppendChild(&html.Node{Type: html.TextNode, Data: end})
}

func number(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}

// ordinal says whether a superscript is an ending or an abbreviation, not a power.
func ordinal(text string, before rune) bool {
	if strings.IndexFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && r != '.' && r != '®' && r != '©' && r != '™' && r != '℠'
	}) >= 0 {
		return false
	}
	switch strings.ToLower(strings.Trim(text, ".")) {
	case "st", "nd", "rd", "th", "er", "re", "ère", "ere", "ème", "eme", "ième", "de", "nde", "me", "mme", "lle", "gr", "le", "os", "as", "tm", "sm", "®", "©", "™", "℠", "":
		return true
	case "e", "o", "a", "º", "ª":
		return unicode.IsDigit(before)
	}
	return false
}

// neighbour is the character beside an element, 0 if there is none in the same parent.
func neighbour(n *html.Node, after bool) rune {
	s := n.PrevSibling
	if after {
		s = n.NextSibling
	}
	if s == nil {
		return 0
	}
	text := s.Data
	if s.Type != html.TextNode {
		text = content(s)
	}
	if text == "" {
		return 0
	}
	r, _ := utf8.DecodeLastRuneInString(text)
	if after {
		r, _ = utf8.DecodeRuneInString(text)
	}
	return r
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// content is the text in a node.
func content(n *html.Node) string {
	if n.Type == html.TextNode {
		return n.Data
	}
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
		}
	}
	return out.String()
}

// find is the first element in n that is wanted, nil if there is none.
func find(n *html.Node, wanted func(e *html.Node) bool) *html.Node {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && wanted(d) {
			return d
		}
	}
	return nil
}

// elements are the children of a node that are elements.
func elements(n *html.Node) (out []*html.Node) {
	for c := range n.ChildNodes() {
		if c.Type == html.ElementNode {
			out = append(out, c)
		}
	}
	return out
}
