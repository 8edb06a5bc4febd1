package report

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	point "golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// A drawing is five kinds of marks, so its picture is made here: areas by
// golang.org/x/image/vector, letters in the Go fonts, which have those of Latin,
// Greek and Cyrillic; others are boxes.

// A canvas paints marks, scale pixels for one of the drawing.
type canvas struct {
	img   *image.RGBA
	scale float64
	area  vector.Rasterizer
	faces map[faceSize]font.Face
}

type faceSize struct {
	size float64
	bold bool
}

var goFonts = sync.OnceValues(func() (out [2]*opentype.Font, err error) {
	for i, data := range [][]byte{goregular.TTF, gobold.TTF} {
		if out[i], err = opentype.Parse(data); err != nil {
			return out, err
		}
	}
	return out, nil
})

// png is the drawing at a resolution, which the file tells too.
func (s *svg) png(perInch float64) ([]byte, error) {
	scale := perInch * mmPerPixel / 25.4
	c := &canvas{img: image.NewRGBA(image.Rect(0, 0, int(math.Ceil(s.w*scale)), int(math.Ceil(s.h*scale)))), scale: scale, faces: map[faceSize]font.Face{}}
	draw.Draw(c.img, c.img.Bounds(), image.White, image.Point{}, draw.Src)
	for _, m := range s.marks {
		if err := c.paint(m); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, c.img); err != nil {
		return nil, err
	}
	return withResolution(b.Bytes(), perInch), nil
}

// withResolution puts a pHYs chunk behind the header of a PNG file.
func withResolution(file []byte, perInch float64) []byte {
	const header = 8 + 25 // signature and IHDR
	chunk := append(binary.BigEndian.AppendUint32(nil, 9), "pHYs"...)
	perMetre := uint32(math.Round(perInch / 0.0254))
	chunk = append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(chunk, perMetre), perMetre), 1)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	return append(append(bytes.Clone(file[:header]), chunk...), file[header:]...)
}

// A shape is closed lines through points, in pixels of the drawing.
type shape [][][2]float64

func (c *canvas) paint(m mark) error {
	look := m.look()
	if m.kind == "text" {
		return c.write(m, look)
	}
	lines := m.outline()
	if col, ok := ink(look, "fill", "#000"); ok && m.kind != "line" {
		c.fill(lines, col)
	}
	if col, ok := ink(look, "stroke", "none"); ok {
		width := measure(look, "stroke-width", 1)
		on, _, _ := strings.Cut(look["stroke-dasharray"], " ")
		if length, err := strconv.ParseFloat(on, 64); err == nil && length > 0 {
			lines = dashed(lines, length)
		}
		c.fill(stroke(lines, width, look["stroke-linecap"] == "round"), col)
	}
	return nil
}

// fill paints what lies within closed lines of one sense of rotation.
func (c *canvas) fill(lines shape, col color.NRGBA) {
	lo, hi := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, line := range lines {
		for _, p := range line {
			for k := range 2 {
				lo[k], hi[k] = min(lo[k], p[k]*c.scale), max(hi[k], p[k]*c.scale)
			}
		}
	}
	box := image.Rect(int(max(lo[0], -1e6)), int(max(lo[1], -1e6)), int(min(hi[0], 1e6))+1, int(min(hi[1], 1e6))+1).Intersect(c.img.Bounds())
	if box.Empty() {
		return
	}
	c.area.Reset(box.Dx(), box.Dy())
	at := func(p [2]float64) (x, y float32) {
		return float32(p[0]*c.scale - float64(box.Min.X)), float32(p[1]*c.scale - float64(box.Min.Y))
	}
	for _, line := range lines {
		for i, p := range line {
			if x, y := at(p); i == 0 {
				c.area.MoveTo(x, y)
			} else {
				c.area.LineTo(x, y)
			}
		}
		c.area.ClosePath()
	}
	c.area.Draw(c.img, box, image.NewUniform(col), image.Point{})
}

// outline is a mark as lines.
func (m mark) outline() shape {
	a := m.at
	switch m.kind {
	case "line":
		return shape{{{a[0], a[1]}, {a[2], a[3]}}}
	case "circle":
		return shape{closed(arc(nil, a[0], a[1], a[2], 0, 4))}
	case "rect":
		x, y, w, h := a[0], a[1], a[2], a[3]
		if r := min(a[4], w/2, h/2); r > 0 {
			line := arc(nil, x+w-r, y+h-r, r, 0, 1)
			line = arc(line, x+r, y+h-r, r, 1, 2)
			line = arc(line, x+r, y+r, r, 2, 3)
			return shape{closed(arc(line, x+w-r, y+r, r, 3, 4))}
		}
		return shape{closed([][2]float64{{x + w, y}, {x + w, y + h}, {x, y + h}, {x, y}})}
	}
	return pathLines(m.data)
}

// closed ends where it begins.
func closed(line [][2]float64) [][2]float64 { return append(line, line[0]) }

// arc appends an arc from one number of right angles to another.
func arc(line [][2]float64, x, y, r, from, to float64) [][2]float64 {
	n := math.Ceil((to - from) * (4 + r))
	for i := range int(n) + 1 {
		sin, cos := math.Sincos((from + (to-from)*float64(i)/n) * math.Pi / 2)
		line = append(line, [2]float64{x + r*cos, y + r*sin})
	}
	return line
}

var pathCommand = regexp.MustCompile(`([MLHVmlhz])|(-?[0-9.]+)`)

// pathLines reads the commands that svg.path takes.
func pathLines(d string) (out shape) {
	var command string
	var args []float64
	var at [2]float64
	step := func() {
		n := map[string]int{"H": 1, "V": 1, "h": 1}[command]
		if n == 0 {
			n = 2
		}
		for ; len(args) >= n && command != "z"; args = args[n:] {
			switch command {
			case "M", "L":
				at = [2]float64{args[0], args[1]}
			case "m", "l":
				at = [2]float64{at[0] + args[0], at[1] + args[1]}
			case "H":
				at[0] = args[0]
			case "h":
				at[0] += args[0]
			case "V":
				at[1] = args[0]
			}
			if command == "M" || command == "m" || len(out) == 0 {
				out = append(out, nil)
			}
			out[len(out)-1] = append(out[len(out)-1], at)
		}
	}
	for _, m := range pathCommand.FindAllString(d, -1) {
		switch {
		case m == "z":
			step()
			if n := len(out); n > 0 && len(out[n-1]) > 0 {
				out[n-1] = closed(out[n-1])
			}
			command, args = m, nil
		case strings.Contains("MLHVmlh", m):
			step()
			command, args = m, nil
		default:
			x, _ := strconv.ParseFloat(m, 64)
			args = append(args, x)
		}
	}
	step()
	return out
}

// stroke is the area of lines of a width: a box for each piece and a disc where two
// meet, all with one sense of rotation, so that their overlap is painted once.
func stroke(lines shape, width float64, round bool) (out shape) {
	r := width / 2
	for _, line := range lines {
		for i, p := range line {
			inner := i > 0 && i < len(line)-1
			if width > 1.2 && inner || round {
				out = append(out, arc(nil, p[0], p[1], r, 0, 4))
			}
			if i == 0 {
				continue
			}
			q := line[i-1]
			dx, dy := p[0]-q[0], p[1]-q[1]
			n := math.Hypot(dx, dy)
			if n == 0 {
				continue
			}
			nx, ny := -dy/n*r, dx/n*r
			out = append(out, [][2]float64{{q[0] - nx, q[1] - ny}, {p[0] - nx, p[1] - ny}, {p[0] + nx, p[1] + ny}, {q[0] + nx, q[1] + ny}})
		}
	}
	return out
}

// dashed cuts straight lines into pieces of a length with gaps as long.
func dashed(lines shape, length float64) (out shape) {
	for _, line := range lines {
		for i := 1; i < len(line); i++ {
			p, q := line[i-1], line[i]
			n := math.Hypot(q[0]-p[0], q[1]-p[1])
			for at := 0.0; at < n; at += 2 * length {
				a, b := at/n, min(at+length, n)/n
				out = append(out, [][2]float64{{p[0] + a*(q[0]-p[0]), p[1] + a*(q[1]-p[1])}, {p[0] + b*(q[0]-p[0]), p[1] + b*(q[1]-p[1])}})
			}
		}
	}
	return out
}

// plainSpaces are for a font that lacks the thin one.
var plainSpaces = strings.NewReplacer(thin, " ", "\u00a0", " ")

// write paints the words of a text, with an edge around the letters where the look has one.
func (c *canvas) write(m mark, look map[string]string) error {
	face, err := c.face(measure(look, "font-size", 13), measure(look, "font-weight", 400) >= 550)
	if err != nil {
		return err
	}
	x, y := m.at[0]*c.scale, m.at[1]*c.scale
	words := plainSpaces.Replace(m.data)
	width := float64(font.MeasureString(face, words)) / 64
	switch look["text-anchor"] {
	case "end":
		x -= width
	case "middle":
		x -= width / 2
	}
	at := func(dx, dy float64) point.Point26_6 {
		return point.Point26_6{X: point.Int26_6(math.Round(64 * (x + dx))), Y: point.Int26_6(math.Round(64 * (y + dy)))}
	}
	if col, ok := ink(look, "stroke", "none"); ok {
		r := measure(look, "stroke-width", 1) / 2 * c.scale
		for i := range 16 {
			sin, cos := math.Sincos(float64(i) * math.Pi / 8)
			(&font.Drawer{Dst: c.img, Src: image.NewUniform(col), Face: face, Dot: at(r*cos, r*sin)}).DrawString(words)
		}
	}
	if col, ok := ink(look, "fill", "#000"); ok {
		(&font.Drawer{Dst: c.img, Src: image.NewUniform(col), Face: face, Dot: at(0, 0)}).DrawString(words)
	}
	return nil
}

// face is a font of a size in pixels of the drawing.
func (c *canvas) face(size float64, bold bool) (font.Face, error) {
	key := faceSize{size, bold}
	if f := c.faces[key]; f != nil {
		return f, nil
	}
	fonts, err := goFonts()
	if err != nil {
		return nil, err
	}
	which := fonts[0]
	if bold {
		which = fonts[1]
	}
	f, err := opentype.NewFace(which, &opentype.FaceOptions{Size: size * c.scale, DPI: 72, Hinting: font.HintingNone})
	c.faces[key] = f
	return f, err
}
