package corpus

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// mathPage is a page whose paragraph holds a formula.
func mathPage(formula string) string {
	filler := strings.Repeat("The harbour master wrote down each of the ships in the ledger, with a steady hand. ", 4)
	return "<!DOCTYPE html><html><body><article><p>" + filler + "</p><p>Before " + formula + " after. " + filler + "</p><p>" + filler + "</p></article></body></html>"
}

// Formulas are read as their TeX, once, however a page writes them.
func TestFormulas(t *testing.T) {
	const annotated = `<math%s><semantics><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow><annotation encoding="application/x-tex">x^2 + \frac{1}{2}</annotation></semantics></math>`
	math := func(attributes string) string { return strings.Replace(annotated, "%s", attributes, 1) }
	for name, c := range map[string]struct{ html, want string }{
		"annotation":         {math(""), `$x^2 + \frac{1}{2}$`},
		"annotation, block":  {math(` display="block"`), `$$x^2 + \frac{1}{2}$$`},
		"alttext":            {`<math alttext="E=mc^{2}"><mi>E</mi><mo>=</mo><mi>m</mi></math>`, `$E=mc^{2}$`},
		"elements":           {`<math><mfrac><mi>a</mi><msqrt><mi>b</mi></msqrt></mfrac><mo>+</mo><msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup></math>`, `$\frac{a}{\sqrt{b}}+{x}_{i}^{2}$`},
		"KaTeX":              {`<span class="katex"><span class="katex-mathml">` + math("") + `</span><span class="katex-html" aria-hidden="true"><span>x2+21</span></span></span>`, `$x^2 + \frac{1}{2}$`},
		"KaTeX, display":     {`<span class="katex-display"><span class="katex"><span class="katex-mathml">` + math("") + `</span><span class="katex-html" aria-hidden="true">x2</span></span></span>`, `$$x^2 + \frac{1}{2}$$`},
		"MathJax 2":          {`<span class="MathJax_Preview">x2</span><span class="MathJax" id="m">x2</span><script type="math/tex" id="s">x^2_i</script>`, `$x^2_i$`},
		"MathJax 2, display": {`<div class="MathJax_Display"><span class="MathJax">x2</span></div><script type="math/tex; mode=display">\int_0^1 f</script>`, `$$\int_0^1 f$$`},
		"MathJax 3":          {`<mjx-container jax="CHTML"><mjx-math><mjx-mi></mjx-mi></mjx-math><mjx-assistive-mml><math><msup><mi>y</mi><mn>3</mn></msup></math></mjx-assistive-mml></mjx-container>`, `${y}^{3}$`},
		"Wikipedia":          {`<span class="mwe-math-element"><span style="display: none;"><math alttext="{\displaystyle a^{2}}"><mi>a</mi></math></span><img class="mwe-math-fallback-image-inline" alt="{\displaystyle a^{2}}"></span>`, `$a^{2}$`},
		"picture":            {`<img class="latex" src="x.png" alt="\pi r^2">`, `$\pi r^2$`},
		"power":              {`x<sup>2</sup>+1`, `x^2+1`},
		"power of more":      {`10<sup>-34</sup>`, `10^{-34}`},
		"power, then letter": {`x<sup>2</sup>y`, `x^{2}y`},
		"power of a word":    {`e<sup>ix</sup>`, `e^{ix}`},
		"ordinal":            {`the 21<sup>st</sup> and 2<sup>nd</sup>`, `the 21st and 2nd`},
		"trade mark":         {`Climb<sup>TM</sup>`, `ClimbTM`},
		"note":               {`word<sup><a href="#n">[1]</a></sup>`, `word[1]`},
		"molecule":           {`H<sub>2</sub>O`, `H2O`},
		"logarithm":          {`log<sub>2</sub>8`, `log_{2}8`},
		"index":              {`x<sub>n</sub>`, `x_n`},
		"text that is TeX":   {`\(a_1\) and $b$`, `\(a_1\) and $b$`},
	} {
		p, err := readPage([]byte(mathPage(c.html)), "http://example.org/")
		if err != nil || !strings.Contains(p.text, "Before "+c.want+" after") {
			from := max(0, strings.Index(p.text, "Before"))
			t.Errorf("%s: %q, want %q; %v", name, p.text[from:min(len(p.text), from+90)], c.want, err)
		}
	}
}

// FuzzPage gives any bytes as a page: nothing panics, and what is read is not much more
// than the page.
func FuzzPage(f *testing.F) {
	for _, s := range []string{`<math><mfrac><mi>a</mi></mfrac></math>`, `<math><msup><mi>a</mi><mi>b</mi></msup><annotation encoding=tex>x`, `x<sup>2</sup><sub><sup>3`, `<span class=katex><math alttext=x>`,
		`<script type="math/tex">x</script>`, `<mjx-container><math>`, `<img class=tex alt=$x$>`, `<svg><math><sup>`, `<table><math><tr>`} {
		f.Add([]byte(mathPage(s)))
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 1<<15 {
			return
		}
		if p, err := readPage(body, ""); err == nil && len(p.text) > 40*len(body)+100 {
			t.Fatalf("%d bytes of %d", len(p.text), len(body))
		}
		if doc, err := html.Parse(strings.NewReader(string(body))); err == nil {
			writeFormulas(doc)
		}
	})
}
