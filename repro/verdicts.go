package repro

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/climb-go/climb/escape"
)

// committed holds what full runs of the cases gave: lines of fields between tabs,
// the first of which says what a line is.
//
//go:embed testdata/verdicts.txt
var committed string

// A Verdict is the outcome of a full run, and the criterion that it was judged by.
type Verdict struct {
	Name, Criterion string
	Outcome
}

// Verdicts returns the committed outcomes, in the order of the cases.
func Verdicts() ([]Verdict, error) { return ReadVerdicts(strings.NewReader(committed)) }

// ReadVerdicts reads what WriteVerdicts has written.
func ReadVerdicts(r io.Reader) ([]Verdict, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read verdicts: %w", err)
	}
	var out []Verdict
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if out, err = addLine(out, strings.Split(line, "\t")); err != nil {
			return nil, fmt.Errorf("verdicts, line %d: %w", i+1, err)
		}
	}
	return out, nil
}

// addLine adds what a line says to the verdicts.
func addLine(out []Verdict, field []string) ([]Verdict, error) {
	kind, field := field[0], field[1:]
	var errs error
	real := func(i int) *float64 {
		if i >= len(field) || field[i] == "" {
			return nil
		}
		v, err := strconv.ParseFloat(field[i], 64)
		errs = errors.Join(errs, err)
		return &v
	}
	need := map[string]int{"case": 3, "criterion": 1, "figure": 2, "check": 2, "exact": 2}[kind]
	if need == 0 || len(field) < need || kind != "case" && len(out) == 0 {
		return nil, fmt.Errorf("a %q with %d fields where none may be", kind, len(field))
	}
	if kind == "case" {
		out = append(out, Verdict{Name: field[0], Outcome: Outcome{Verdict: field[1], Seconds: *real(2)}})
		return out, errs
	}
	v := &out[len(out)-1]
	switch kind {
	case "criterion":
		v.Criterion = field[0]
	case "figure":
		f := Figure{What: field[0], Value: *real(1)}
		if low, high := real(2), real(3); low != nil && high != nil {
			f.Interval = &[2]float64{*low, *high}
		}
		v.Figures = append(v.Figures, f)
	default:
		v.Checks = append(v.Checks, Check{What: field[0], Measured: *real(1), Least: real(2), Most: real(3), Published: real(4), Exact: kind == "exact"})
	}
	return out, errs
}

// WriteVerdicts writes verdicts, figures with six digits.
func WriteVerdicts(w io.Writer, all []Verdict) error {
	var b strings.Builder
	b.WriteString("# Full runs of climb repro, written by its flag --record: docs/repro.md is made from this file.\n")
	b.WriteString("# case: name, verdict, seconds. figure: value, interval. check, exact: measured, least, most, published.\n")
	short := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'g', 6, 64)
	}
	for _, v := range all {
		fmt.Fprintf(&b, "\ncase\t%s\t%s\t%g\ncriterion\t%s\n", v.Name, v.Verdict, v.Seconds, v.Criterion)
		for _, f := range v.Figures {
			fmt.Fprintf(&b, "figure\t%s\t%s", f.What, short(&f.Value))
			if f.Interval != nil {
				fmt.Fprintf(&b, "\t%s\t%s", short(&f.Interval[0]), short(&f.Interval[1]))
			}
			b.WriteByte('\n')
		}
		for _, c := range v.Checks {
			kind := map[bool]string{true: "exact", false: "check"}[c.Exact]
			line := strings.Join([]string{kind, c.What, short(&c.Measured), short(c.Least), short(c.Most), short(c.Published)}, "\t")
			b.WriteString(strings.TrimRight(line, "\t") + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Record puts the outcome of a full run of the case into the list, in the order
// of the cases.
func Record(all []Verdict, c Case, o *Outcome) []Verdict {
	var out []Verdict
	for _, other := range Cases {
		if other.Name == c.Name {
			out = append(out, Verdict{Name: c.Name, Criterion: c.Criterion, Outcome: *o})
			continue
		}
		for _, v := range all {
			if v.Name == other.Name {
				out = append(out, v)
			}
		}
	}
	return out
}

// WriteMarkdown writes docs/repro.md: every case with its committed verdict.
func WriteMarkdown(w io.Writer) error {
	all, err := Verdicts()
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("# Published claims, repeated\n\nMade by `climb repro --markdown` from the cases and from repro/testdata/verdicts.txt; do not edit.\n\n" +
		"A criterion is written down before the first run of its case and does not move afterwards. A claim that was missed stands here as missed.\n\n" +
		"| case | paper | verdict | seconds |\n|---|---|---|---|\n")
	for _, c := range Cases {
		for _, v := range all {
			if v.Name == c.Name {
				fmt.Fprintf(&b, "| [%s](#%s) | %s | **%s** | %.0f |\n", c.Name, c.Name, c.Paper, v.Verdict, v.Seconds)
			}
		}
	}
	for _, c := range Cases {
		for _, v := range all {
			if v.Name == c.Name {
				c.page(&b, v)
			}
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// page writes the section of a case.
func (c Case) page(b *strings.Builder, v Verdict) {
	fmt.Fprintf(b, "\n## %s\n\n**Claim** (%s). %s\n\n**Criterion.** %s\n\n**Verdict: %s**, in %.0f s.\n\n", c.Name, c.Paper, c.Claim, v.Criterion, v.Verdict, v.Seconds)
	b.WriteString("| check | measured | threshold | published | holds |\n|---|---|---|---|---|\n")
	for _, k := range v.Checks {
		published := ""
		if k.Published != nil {
			published = number(*k.Published)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", escape.Markdown(k.What), number(k.Measured), k.Threshold(), published, map[bool]string{true: "yes", false: "no"}[k.Holds()])
	}
	if len(v.Figures) > 0 {
		b.WriteString("\n| figure | value | 95 % interval |\n|---|---|---|\n")
	}
	for _, f := range v.Figures {
		interval := ""
		if f.Interval != nil {
			interval = number(f.Interval[0]) + " to " + number(f.Interval[1])
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", escape.Markdown(f.What), number(f.Value), interval)
	}
}
