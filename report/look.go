package report

import (
	"image/color"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The looks of all drawings are the rules of page.css that begin with "svg". A
// drawing that stands alone has them with the colours of the light theme in place,
// and without what only a pointer sees.

// A rule gives declarations to the elements of a kind ("" is any) that have all its
// classes.
type rule struct {
	kind    string
	classes []string
	look    map[string]string
}

var (
	cssRule  = regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`)
	cssVar   = regexp.MustCompile(`var\((--[a-z0-9-]+)\)`)
	cssValue = regexp.MustCompile(`(--[a-z0-9-]+): *([^;]+);`)
)

var rules = sync.OnceValue(func() (out []rule) {
	light := map[string]string{}
	root, _, _ := strings.Cut(pageCSS, "}")
	for _, m := range cssValue.FindAllStringSubmatch(root, -1) {
		light[m[1]] = m[2]
	}
	for _, m := range cssRule.FindAllStringSubmatch(pageCSS, -1) {
		look := map[string]string{}
		for _, d := range strings.Split(m[2], ";") {
			key, value, _ := strings.Cut(d, ":")
			if key = strings.TrimSpace(key); key != "" && key != "pointer-events" {
				look[key] = cssVar.ReplaceAllStringFunc(strings.TrimSpace(value), func(v string) string { return light[v[4:len(v)-1]] })
			}
		}
		for _, s := range strings.Split(m[1], ",") {
			s, ok := strings.CutPrefix(strings.TrimSpace(s), "svg ")
			if !ok || strings.ContainsAny(s, ": ") || len(look) == 0 {
				continue
			}
			parts := strings.Split(s, ".")
			out = append(out, rule{parts[0], parts[1:], look})
		}
	}
	slices.SortStableFunc(out, func(a, b rule) int { return len(a.classes) - len(b.classes) }) // the more special ones win
	return out
})

// printCSS is the style of a drawing that stands alone.
var printCSS = sync.OnceValue(func() string {
	b := strings.Builder{}
	b.WriteString("svg{font:13px Helvetica,Arial,\"Liberation Sans\",sans-serif;font-variant-numeric:tabular-nums}.paper{fill:#fff}")
	for _, r := range rules() {
		b.WriteString(strings.Join(append([]string{r.kind}, r.classes...), ".") + "{")
		for i, key := range slices.Sorted(maps.Keys(r.look)) {
			if i > 0 {
				b.WriteByte(';')
			}
			b.WriteString(key + ":" + r.look[key])
		}
		b.WriteByte('}')
	}
	return b.String()
})

// look is what the rules say of a mark.
func (m mark) look() map[string]string {
	out := map[string]string{}
	classes := strings.Fields(m.class)
	for _, r := range rules() {
		if (r.kind == "" || r.kind == m.kind) && !slices.ContainsFunc(r.classes, func(c string) bool { return !slices.Contains(classes, c) }) {
			maps.Copy(out, r.look)
		}
	}
	if m.alpha > 0 {
		out["fill-opacity"] = strconv.FormatFloat(m.alpha, 'f', 3, 64)
	}
	return out
}

// measure is a number of a look, or what it is where nothing is said.
func measure(look map[string]string, key string, otherwise float64) float64 {
	x, err := strconv.ParseFloat(strings.TrimSuffix(look[key], "px"), 64)
	if err != nil {
		return otherwise
	}
	return x
}

// ink is a colour of a look ("fill", "stroke") with its opacity; none if nothing is painted.
func ink(look map[string]string, key, otherwise string) (color.NRGBA, bool) {
	value := look[key]
	if value == "" {
		value = otherwise
	}
	hex, ok := strings.CutPrefix(value, "#")
	if !ok { // none, transparent
		return color.NRGBA{}, false
	}
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	alpha := uint64(255)
	if len(hex) == 8 {
		alpha, _ = strconv.ParseUint(hex[6:], 16, 8)
	}
	rgb, err := strconv.ParseUint(hex[:6], 16, 32)
	if err != nil {
		return color.NRGBA{}, false
	}
	a := float64(alpha) * measure(look, "opacity", 1) * measure(look, key+"-opacity", 1)
	return color.NRGBA{uint8(rgb >> 16), uint8(rgb >> 8), uint8(rgb), uint8(a + 0.5)}, true
}
