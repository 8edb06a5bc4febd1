package report

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb/escape"
)

// Width of print, and resolution of a picture.
const (
	mmPerPixel = 183.0 / 960 // a drawing of 960 pixels fills two columns of a journal: letters of 7 points
	perInch    = 300
)

// A Figure is a plot of the report: a drawing in two widths, and what it is drawn
// from.
type Figure struct {
	Name    string // of its files: "mixture", "share-03-physics-quantum"
	Title   string
	Caption string // what is seen, in sentences
	Table   Table

	draw func(form) *svg
}

// SVG is the drawing for one column of a journal (89 mm) or for two (183 mm), with
// its style and nothing from elsewhere.
func (f Figure) SVG(columns int) []byte {
	s := f.drawing(columns)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.1fmm" height="%.1fmm" viewBox="0 0 %s %s" role="img"><title>%s</title><style>%s</style><rect class="paper" width="100%%" height="100%%"/>`,
		s.w*mmPerPixel, s.h*mmPerPixel, px(s.w), px(s.h), template.HTMLEscapeString(f.Title), printCSS())
	for _, m := range s.marks {
		m.tip = ""
		b.WriteString(m.markup())
	}
	b.WriteString("</svg>\n")
	return bytes.Map(legible, b.Bytes())
}

// PNG is that picture at 300 dots per inch.
func (f Figure) PNG(columns int) ([]byte, error) { return f.drawing(columns).png(perInch) }

func (f Figure) drawing(columns int) *svg {
	if columns == 1 {
		return f.draw(oneColumn)
	}
	return f.draw(twoColumns)
}

// Figures are the plots that there are numbers for, in the order of the page.
func Figures(d *Data) []Figure {
	level := fmt.Sprintf("%s %% interval", fixed(100*d.Confirmed.level(), 0))
	all := []Figure{
		{"mixture", "Mixture", "Share of the training tokens that each domain gets in the recommended mixture (upper bar), beside its natural share, which it has in the corpus after pruning (lower bar).",
			mixtureTable(d.Domains), func(f form) *svg { return mixtureChart(f, d.Domains) }},
		{"confirmation", "Confirmation", "Score of every confirmed mixture in fresh runs with the same seeds: a dot for each run, a bar at the mean, and its " + level + ". Higher is better." + d.objective(),
			confirmTable(d.Confirmed), func(f form) *svg { return intervalChart(f, d.Confirmed) }},
		{"gains", "Gain over the others", "Difference between the mixture with the best mean and each other one, with the " + level + " of one comparison. What is called significant is corrected for all comparisons (Bonferroni).",
			gainTable(d.Confirmed), func(f form) *svg { return gainChart(f, d.Confirmed) }},
		{"search", "Search", "Score of each proxy in the order they ran, by round, and the best so far. A cross is a run without a score, a triangle one far below the others.",
			searchTable(d.Trials), func(f form) *svg { return searchChart(f, d.Trials) }},
	}
	if p := newShares(d.Domains, d.Trials); p != nil {
		for n, i := range p.order {
			name := fmt.Sprintf("share-%02d", n+1)
			if words := slug(d.Domains[i].Name); words != "" {
				name += "-" + words
			}
			all = append(all, Figure{name, "Share of " + d.Domains[i].Name + " against score", fmt.Sprintf("Score of %s over the share of %s in their mixtures. Solid line: the recommended mixture; dashed line: the natural share.",
				plural(len(p.trials), "proxy run"), d.Domains[i].Name), p.table(d.Domains, i), func(f form) *svg { return p.plot(f, d.Domains[i], i) }})
		}
	}
	all = append(all,
		Figure{"training", "Training of the proxies", "Training loss of proxies on the text of their own mixtures, in nats per token. Curves tell of training that diverged or has not settled, not of which mixture is better.",
			curveTable(d.Curves), func(f form) *svg { return curvesChart(f, d.Curves) }},
		Figure{"predictor", "Predicted and measured", fmt.Sprintf("Score of each mixture as predicted by a model that had not seen it (%s, %d folds), over the measured score; the dashed line is where the two agree. Rank correlation %s (Spearman).",
			d.Predictor.Name, d.Predictor.Folds, fixed(d.Predictor.Spearman, 3)), predictorTable(d.Predictor), func(f form) *svg { return predictorChart(f, d.Predictor) }},
		Figure{"map", "Map of the clusters", "Every disc is a cluster, its area the tokens in it, its colour the domain, whose name stands at its middle; rings are pruned clusters. Near ones have similar texts; distances across the map mean little. Domains share eight colours.",
			mapTable(d), func(f form) *svg { return mapChart(f, d.Map, palette(d.Domains, d.Map)) }})
	for n, x := range d.Domains {
		name := fmt.Sprintf("lengths-%02d", n+1)
		if words := slug(x.Name); words != "" {
			name += "-" + words
		}
		all = append(all, Figure{name, "Lengths of " + x.Name, fmt.Sprintf("How many documents of %s are how long, by powers of two of bytes.", x.Name),
			lengthTable(d.Domains[n : n+1]), func(f form) *svg { return lengthsChart(f, x) }})
	}
	var out []Figure
	for _, f := range all {
		if f.draw(twoColumns) != nil {
			out = append(out, f)
		}
	}
	return out
}

// objective is the sentence about a score, behind others.
func (d *Data) objective() string {
	if d.Objective == "" {
		return ""
	}
	return " " + d.Objective
}

// slug is what of a name may be in a file's name.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case b.Len() >= 40:
			return strings.Trim(b.String(), "-")
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

// WriteFigures writes every figure into dir, which it makes: NAME.svg and NAME.png
// for two columns of a journal, NAME-1col.svg and NAME-1col.png for one, NAME.csv,
// and captions.md. It returns the figures.
func WriteFigures(dir string, d *Data) ([]Figure, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("write figures: %w", err)
	}
	figures := Figures(d)
	for _, f := range figures {
		for columns, suffix := range map[int]string{2: "", 1: "-1col"} {
			png, err := f.PNG(columns)
			if err == nil {
				err = errors.Join(replace(filepath.Join(dir, f.Name+suffix+".svg"), f.SVG(columns)), replace(filepath.Join(dir, f.Name+suffix+".png"), png))
			}
			if err != nil {
				return nil, fmt.Errorf("write figure %s: %w", f.Name, err)
			}
		}
		if err := replace(filepath.Join(dir, f.Name+".csv"), f.Table.CSV(-1)); err != nil {
			return nil, err
		}
	}
	return figures, replace(filepath.Join(dir, "captions.md"), captions(d, figures))
}

// captions is a document that shows the figures with their captions.
func captions(d *Data, figures []Figure) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\nFigures by climb %s, for two columns of a journal (183 mm) and, with -1col in the name, for one (89 mm). Pictures have %d dots per inch; each CSV file has what its figure is drawn from.\n",
		escape.Markdown(d.Run.Title), escape.Markdown(d.Run.Version), perInch)
	for i, f := range figures {
		fmt.Fprintf(&b, "\n## Figure %d. %s\n\n![%s](%s.svg)\n\n%s\n\nFiles: `%s.svg`, `%s.png`, `%s-1col.svg`, `%s-1col.png`, `%s.csv`\n",
			i+1, escape.Markdown(f.Title), escape.Markdown(f.Title), f.Name, escape.Markdown(f.Caption), f.Name, f.Name, f.Name, f.Name, f.Name)
	}
	return b.Bytes()
}
