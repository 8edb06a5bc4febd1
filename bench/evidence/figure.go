package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"slices"
	"strings"
)

// The figure's layout in pixels: a column of names, the plot, a column of values.
const (
	figureWidth = 760
	plotLeft    = 170.0
	plotRight   = 540.0
	firstRow    = 92.0
	rowHeight   = 27.0
	axisStep    = 0.05 // bits per byte between two grid lines
)

// figureStyle has colours for light and dark pages. The figure brings its own
// background, so that it can be read on any page.
const figureStyle = `<style>
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#1f2328}
.back{fill:#fff}.title{font-weight:600;font-size:15px}.note{fill:#59636e;font-size:12px}.num{font-variant-numeric:tabular-nums}
.grid{stroke:#d1d9e0}.zero{stroke:#59636e;stroke-width:1.5}.bar{stroke:#8c959f;stroke-width:2.5}.dot{fill:#8c959f}
.ours.bar{stroke:#0969da}.ours.dot{fill:#0969da}.ours{font-weight:600}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.back{fill:#0d1117}.note{fill:#9198a1}.grid{stroke:#30363d}.zero{stroke:#9198a1}
.bar{stroke:#6e7681}.dot{fill:#6e7681}.ours.bar{stroke:#4493f8}.ours.dot{fill:#4493f8}}
</style>
`

// A gain is a row of the figure.
type gain struct {
	name string
	Difference
}

// drawFigure draws the gains over the natural mixture in the results of a study
// (-json) as SVG, the largest first, with their intervals.
func drawFigure(path string, w io.Writer) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	var rows []gain
	for name, f := range r.General {
		if g, ok := f.Gains["natural"]; ok && g.CI != nil {
			rows = append(rows, gain{name, g})
		}
	}
	if len(rows) == 0 || r.Comparison == nil || len(r.Comparison.Objectives) == 0 {
		return fmt.Errorf("read %s: no study with gains over the natural mixture", path)
	}
	slices.SortFunc(rows, func(a, b gain) int { return cmp.Or(cmp.Compare(b.Mean, a.Mean), cmp.Compare(a.name, b.name)) })
	_, err = io.WriteString(w, figure(r, rows))
	return err
}

func figure(r Report, rows []gain) string {
	low, high := bounds(rows)
	x := func(v float64) float64 { return plotLeft + (v-low)/(high-low)*(plotRight-plotLeft) }
	bottom := firstRow + rowHeight*float64(len(rows))
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%[1]d" height="%.0[2]f" role="img">`+"\n", figureWidth, bottom+44)
	s.WriteString("<title>Gain of each strategy over the natural mixture, in bits per byte, with 95 % intervals</title>\n" + figureStyle)
	fmt.Fprintf(&s, `<rect class="back" width="%d" height="%.0f" rx="6"/>`+"\n", figureWidth, bottom+44)
	label(&s, 24, 32, "title", "Better models from the same text: gain over the natural mixture")
	label(&s, 24, 52, "note", fmt.Sprintf("Bits per byte on test files of %d tasks. Models of %.1f x the proxies' parameters, %.0f x their tokens;", len(r.Comparison.Objectives[0].Test), r.Checks.ParametersRatio, r.Checks.TokensRatio))
	label(&s, 24, 69, "note", fmt.Sprintf("mean and 95 %% interval over %d independent searches, paired by seed.", r.Params.Searches))
	for k := int(low/axisStep - 0.5); float64(k)*axisStep <= high+1e-9; k++ {
		class, v := "grid", float64(k)*axisStep
		if k == 0 {
			class = "zero"
		}
		fmt.Fprintf(&s, `<path class="%s" d="M%.1f %.0fV%.0f"/>`+"\n", class, x(v), firstRow-8, bottom)
		fmt.Fprintf(&s, `<text class="note num" x="%.1f" y="%.0f" text-anchor="middle">%s</text>`+"\n", x(v), bottom+18, axisLabel(k))
	}
	for i, g := range rows {
		y, ours := firstRow+rowHeight*(float64(i)+0.5), ""
		if strings.HasPrefix(g.name, "climb") {
			ours = " ours"
		}
		label(&s, 24, y+4.5, "num"+ours, g.name)
		fmt.Fprintf(&s, `<path class="bar%s" d="M%.1f %.1fH%.1f"/><circle class="dot%[1]s" cx="%.1[5]f" cy="%.1[3]f" r="5"/>`+"\n", ours, x(g.CI[0]), y, x(g.CI[1]), x(g.Mean))
		label(&s, plotRight+24, y+4.5, "num"+ours, fmt.Sprintf("%+.3f [%+.3f, %+.3f]", g.Mean, g.CI[0], g.CI[1]))
	}
	label(&s, 24, bottom+36, "note", fmt.Sprintf("climb-auto: ours; climb: the paper's; random: the mean of %d random mixtures a seed.", r.Params.Draws))
	return s.String() + "</svg>\n"
}

// bounds are the ends of the axis: the grid lines around all intervals.
func bounds(rows []gain) (low, high float64) {
	for _, g := range rows {
		low, high = min(low, g.CI[0]), max(high, g.CI[1])
	}
	step := func(v float64) float64 { return float64(int(v/axisStep)) * axisStep } // towards 0
	return step(low) - axisStep, step(high) + axisStep
}

func axisLabel(k int) string {
	if k == 0 {
		return "natural"
	}
	return fmt.Sprintf("%+.2f", float64(k)*axisStep)
}

func label(s *strings.Builder, x, y float64, class, text string) {
	fmt.Fprintf(s, `<text class="%s" x="%.0f" y="%.1f">%s</text>`+"\n", class, x, y, html.EscapeString(text))
}
