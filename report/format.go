package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	dash  = "–"      // an unknown number
	minus = "\u2212" // as wide as a plus
	thin  = "\u202f" // between a number and its unit
)

// fixed writes x with a number of decimals and a real minus sign.
func fixed(x float64, decimals int) string {
	if !finite(x) {
		return dash
	}
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return strings.Replace(s, "-", minus, 1)
}

// score writes a score, to a ten-thousandth of it or so.
func score(x float64) string {
	switch a := math.Abs(x); {
	case a < 10:
		return fixed(x, 4)
	case a < 1e6:
		return fixed(x, 2)
	case !finite(x):
		return dash
	}
	return strings.Replace(strconv.FormatFloat(x, 'g', 5, 64), "-", minus, 1)
}

// signed writes a difference of scores.
func signed(x float64) string {
	if x > 0 && finite(x) {
		return "+" + score(x)
	}
	return score(x)
}

// interval writes the ends of an interval.
func interval(x [2]float64) string { return score(x[0]) + " to " + score(x[1]) }

// signedInterval writes the ends of an interval of a difference.
func signedInterval(x [2]float64) string { return signed(x[0]) + " to " + signed(x[1]) }

// percent writes a share.
func percent(x float64) string {
	if x > 0 && x < 0.0005 {
		return "<0.1" + thin + "%"
	}
	if !finite(100 * x) {
		return dash
	}
	return fixed(100*x, 1) + thin + "%"
}

// times writes how many times the natural share a share is.
func times(x, natural float64) string {
	f := x / natural
	switch {
	case !finite(f):
		return dash
	case f >= 9.95:
		return "×" + fixed(f, 0)
	case f >= 0.995 || f == 0:
		return "×" + fixed(f, 1)
	case f < 0.005:
		return "×<0.01"
	}
	return "×" + fixed(f, 2)
}

// count writes all digits of n, in groups of three.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes three digits of n.
func short(n int64) string {
	if n > -10_000 && n < 10_000 {
		return count(n)
	}
	return scaled(float64(n), thin, "k", "M", "B", "T")
}

// size writes a number of bytes.
func size(n int64) string {
	if n > -1000 && n < 1000 {
		return count(n) + thin + "B"
	}
	return scaled(float64(n), thin, "kB", "MB", "GB", "TB", "PB")
}

// scaled writes x in the largest of the units, each a thousand times the one before.
func scaled(x float64, space string, units ...string) string {
	unit := ""
	for _, u := range units {
		if math.Abs(x) < 999.5 {
			break
		}
		x /= 1000
		unit = space + u
	}
	switch a := math.Abs(x); {
	case a < 9.995:
		return fixed(x, 2) + unit
	case a < 99.95:
		return fixed(x, 1) + unit
	}
	return fixed(x, 0) + unit
}

// duration writes a number of seconds.
func duration(s float64) string {
	m := math.Round(s / 60)
	switch {
	case !finite(s) || s < 0:
		return dash
	case s < 9.95:
		return fixed(s, 1) + thin + "s"
	case s < 119.5:
		return fixed(s, 0) + thin + "s"
	case m < 120:
		return fixed(m, 0) + thin + "min"
	case m < 48*60:
		return fmt.Sprintf("%d%sh %02d%smin", int(m)/60, thin, int(m)%60, thin)
	case m < 1e9:
		return fmt.Sprintf("%d%sd %d%sh", int(m)/1440, thin, int(m)%1440/60, thin)
	}
	return dash
}

// day writes a time, or nothing for the zero time.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2 January 2006, 15:04 MST")
}

// wide is the width of s in columns: letters from the Far East take two.
func wide(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 {
			n++
		}
	}
	return n
}

// shorten cuts s to a number of columns.
func shorten(s string, columns int) string {
	if wide(s) <= columns {
		return s
	}
	var b strings.Builder
	used := 1
	for _, r := range s {
		if used += wide(string(r)); used > columns {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ,;") + "…"
}

// plural writes a count and its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return count(int64(n)) + " " + noun + "s"
}
