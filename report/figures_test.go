package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"html"
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/font"
)

// Whatever the numbers and the names, the files of every figure can be read, hold
// nothing that runs or loads, and no formula.
func TestFigures(t *testing.T) {
	for name, d := range runs() {
		t.Run(name, func(t *testing.T) {
			for _, f := range Figures(d) {
				for _, columns := range []int{1, 2} {
					checkSVG(t, f.SVG(columns))
				}
				checkCSV(t, f)
				if regexp.MustCompile(`^[a-z0-9-]{1,60}$`).FindString(f.Name) == "" {
					t.Errorf("name %q", f.Name)
				}
			}
		})
	}
	if n := len(Figures(sample())); n != 7+14+14 {
		t.Errorf("%d figures of the sample", n)
	}
	if n := len(Figures(&Data{})); n != 0 {
		t.Errorf("%d figures of nothing", n)
	}
}

func checkSVG(t *testing.T, data []byte) {
	t.Helper()
	for dec := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in %.300s", err, data)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !slices.Contains([]string{"svg", "title", "style", "rect", "line", "circle", "path", "text"}, e.Name.Local) {
			t.Errorf("element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			if slices.Contains([]string{"href", "src", "data-tip"}, a.Name.Local) || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
				t.Errorf("%s %s=%q", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
	for _, no := range []string{"var(", "oklch", "url(", "@import", "\u202e", "\x00"} {
		if bytes.Contains(data, []byte(no)) {
			t.Errorf("a drawing that stands alone has %q", no)
		}
	}
}

func checkCSV(t *testing.T, f Figure) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(f.Table.CSV(-1))).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, %v", f.Name, len(rows), err)
	}
	for _, row := range rows {
		for _, x := range row {
			if x != "" && strings.Contains("=+@\t\r", x[:1]) || strings.Contains(x, "NaN") || strings.ContainsAny(x, "\n\x00\u202e") {
				t.Errorf("%s: cell %q", f.Name, x)
			}
		}
	}
}

// Text that a spreadsheet would compute is text.
func TestCellIsNoFormula(t *testing.T) {
	for in, want := range map[string]string{"=1+2": "'=1+2", "@SUM(A1)": "'@SUM(A1)", "-cmd|x": "'-cmd|x", "+1": "'+1", "a=b": "a=b", "": "", "\t=x": `\t=x`} {
		if got := cell(in, -1); got != want {
			t.Errorf("%q is written %q, want %q", in, got, want)
		}
	}
	if got := cell(-1.5, -1) + cell(math.NaN(), -1) + cell(0.123456789, 3) + cell(int64(-3), 6); got != "-1.50.123-3" {
		t.Errorf("numbers: %s", got)
	}
}

// In print no words lie outside of the drawing, in either width.
func TestWordsFit(t *testing.T) {
	c := canvas{scale: 1, faces: map[faceSize]font.Face{}}
	for _, f := range Figures(sample()) {
		for _, columns := range []int{1, 2} {
			s := f.drawing(columns)
			for _, m := range s.marks {
				if m.kind != "text" {
					continue
				}
				look := m.look()
				face, err := c.face(measure(look, "font-size", 13), measure(look, "font-weight", 400) >= 550)
				if err != nil {
					t.Fatal(err)
				}
				from, width := m.at[0], float64(font.MeasureString(face, m.data))/64
				switch look["text-anchor"] {
				case "end":
					from -= width
				case "middle":
					from -= width / 2
				}
				if from < -1 || from+width > s.w+3 || m.at[1] < 8 || m.at[1] > s.h {
					t.Errorf("%s, %d columns: %q from %.0f to %.0f at height %.0f, in %.0f x %.0f", f.Name, columns, m.data, from, from+width, m.at[1], s.w, s.h)
				}
			}
		}
	}
}

// What is written: both widths, a resolution in the pictures, captions.
func TestWriteFigures(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "figures")
	d := sample()
	d.Trials = nil
	d.Domains[0].Name = "<b>*x*</b> | ../../etc"
	figures, err := WriteFigures(dir, d)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		for _, suffix := range []string{".svg", "-1col.svg", ".png", "-1col.png", ".csv"} {
			if _, err := os.Stat(filepath.Join(dir, f.Name+suffix)); err != nil {
				t.Error(err)
			}
		}
	}
	for file, width := range map[string]int{"mixture.png": 2162, "mixture-1col.png": 1052} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		c, err := png.DecodeConfig(bytes.NewReader(data))
		if err != nil || c.Width != width || !bytes.Contains(data[:80], []byte("pHYs\x00\x00\x2e\x23\x00\x00\x2e\x23\x01")) { // 11811 a metre
			t.Errorf("%s: %d pixels, %v, % x", file, c.Width, err, data[:60])
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "captions.md"))
	if err != nil || !strings.Contains(string(text), "## Figure 1. Mixture") || bytes.Contains(text, []byte("<b>")) || strings.Count(string(text), "\n## ") != len(figures) {
		t.Errorf("%v\n%s", err, text)
	}
}

// A committed drawing, so that a change of looks shows in the diff.
func TestFigureGolden(t *testing.T) {
	d := sample()
	d.Domains = d.Domains[:3]
	for _, name := range []string{"mixture", "gains"} {
		for _, f := range Figures(d) {
			if f.Name != name {
				continue
			}
			got, path := f.SVG(1), filepath.Join("testdata", name+"-1col.svg")
			if *update {
				if err := os.WriteFile(path, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s has changed, %v; run with -update if that is meant", path, err)
			}
		}
	}
}

// Our pictures are those that librsvg makes of the same drawings, but for the font.
func TestPNGAgainstLibrsvg(t *testing.T) {
	program, err := exec.LookPath("rsvg-convert")
	if err != nil {
		t.Skip("no rsvg-convert: apt install librsvg2-bin")
	}
	d := sample()
	for _, f := range Figures(d) {
		if strings.HasPrefix(f.Name, "share-") && f.Name[:8] != "share-01" {
			continue
		}
		s := f.drawing(2)
		s.marks = append([]mark(nil), s.marks...)
		for i := range s.marks { // letters differ
			if s.marks[i].kind == "text" {
				s.marks[i].data = ""
			}
		}
		f.draw = func(form) *svg { return s }
		ours, err := f.PNG(2)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "--dpi-x=300", "--dpi-y=300")
		cmd.Stdin = bytes.NewReader(f.SVG(2))
		theirs, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if diff := difference(t, ours, theirs); !(diff < 1.0) {
			t.Errorf("%s: the pictures differ by %.2f of 255 on the mean", f.Name, diff)
		} else {
			t.Logf("%s: %.3f of 255", f.Name, diff)
		}
	}
}

// difference is the mean difference of the channels of two pictures that may differ
// by a pixel in size.
func difference(t *testing.T, a, b []byte) float64 {
	t.Helper()
	x, err := png.Decode(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	y, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	size := x.Bounds().Intersect(y.Bounds())
	if x.Bounds().Dx()-size.Dx() > 1 || y.Bounds().Dx()-size.Dx() > 1 {
		t.Fatalf("sizes %v and %v", x.Bounds(), y.Bounds())
	}
	p, q := image.NewRGBA(size), image.NewRGBA(size)
	draw.Draw(p, size, x, image.Point{}, draw.Src)
	draw.Draw(q, size, y, image.Point{}, draw.Src)
	sum := 0
	for i := range p.Pix {
		d := int(p.Pix[i]) - int(q.Pix[i])
		sum += max(d, -d)
	}
	return float64(sum) / float64(3*size.Dx()*size.Dy())
}

// The colours of domains are told apart with each of the three common kinds of
// colour blindness, as Viénot, Brettel and Mollon (1999) and Machado, Oliveira and
// Fernandes (2009) simulate them, in both themes.
func TestPaletteForColourBlindness(t *testing.T) {
	machado := map[string][9]float64{ // of severity 1.0
		"none":         {1, 0, 0, 0, 1, 0, 0, 0, 1},
		"protanopia":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
		"deuteranopia": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
		"tritanopia":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
	}
	sets := regexp.MustCompile(`--k0: (#[0-9a-f]{6}); --k1: (#[0-9a-f]{6}); --k2: (#[0-9a-f]{6}); --k3: (#[0-9a-f]{6}); --k4: (#[0-9a-f]{6}); --k5: (#[0-9a-f]{6}); --k6: (#[0-9a-f]{6}); --k7: (#[0-9a-f]{6});`).FindAllStringSubmatch(pageCSS, -1)
	if len(sets) < 2 {
		t.Fatalf("%d sets of colours", len(sets))
	}
	for _, set := range sets {
		for kind, m := range machado {
			least, which := math.Inf(1), ""
			for i := 1; i < len(set); i++ {
				for j := 1; j < i; j++ {
					a, b := lab(set[i], m), lab(set[j], m)
					if d := math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2]); d < least {
						least, which = d, set[j]+" and "+set[i]
					}
				}
			}
			if least < 10 { // a difference of 2.3 is just seen
				t.Errorf("%s: %s differ by %.1f", kind, which, least)
			}
		}
	}
}

// lab is a colour, seen through a matrix on linear RGB, in CIE L*a*b* (D65).
func lab(hex string, m [9]float64) (out [3]float64) {
	var r, g, b int
	fmt.Sscanf(hex, "#%02x%02x%02x", &r, &g, &b)
	var lin [3]float64
	for i, v := range []int{r, g, b} {
		c := float64(v) / 255
		if lin[i] = c / 12.92; c > 0.04045 {
			lin[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	var seen [3]float64
	for i := range seen {
		seen[i] = min(1, max(0, m[3*i]*lin[0]+m[3*i+1]*lin[1]+m[3*i+2]*lin[2]))
	}
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x := f((0.4124564*seen[0] + 0.3575761*seen[1] + 0.1804375*seen[2]) / 0.95047)
	y := f(0.2126729*seen[0] + 0.7151522*seen[1] + 0.0721750*seen[2])
	z := f((0.0193339*seen[0] + 0.1191920*seen[1] + 0.9503041*seen[2]) / 1.08883)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// The policy of each page names the script that the page has.
func TestScriptHash(t *testing.T) {
	page, err := render(sample())
	if err != nil {
		t.Fatal(err)
	}
	other, err := renderComparison(&Comparison{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [][]byte{page, other} {
		m := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindSubmatch(p)
		if m == nil {
			t.Fatal("no script")
		}
		sum := sha256.Sum256(m[1])
		if want := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(html.UnescapeString(string(p)), want) || bytes.Contains(p, []byte("script-src 'unsafe-inline'")) {
			t.Errorf("the policy lacks %s", want)
		}
	}
}
