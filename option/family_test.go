package option

import (
	"encoding/json"
	"strings"
	"testing"
)

type shape interface{ area() float64 }

type square struct {
	Side float64 `json:"side" default:"2" min:"0.1" doc:"length"`
}

type disc struct {
	Radius float64 `json:"radius" default:"1" min:"0.1" doc:"length"`
	File   string  `json:"file" path:"file"`
}

type point struct{}

func (s *square) area() float64 { return s.Side * s.Side }
func (d *disc) area() float64   { return 3 * d.Radius * d.Radius }
func (point) area() float64     { return 0 }

var shapes = Family[shape]{
	{Name: "square", New: func() shape { return &square{} }},
	{Name: "round-disc", New: func() shape { return &disc{} }},
	{Name: "point", New: func() shape { return &point{} }},
}

type shapeTable struct{}

func (shapeTable) Family() Family[shape] { return shapes }

type choice = Choice[shape, shapeTable]

type drawing struct {
	Shape choice  `json:"shape" doc:"what is drawn"`
	Scale float64 `json:"scale" default:"1"`
	Frame struct {
		Shape choice `json:"shape" default:"round-disc"`
	} `json:"frame"`
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The zero value is the first method, Fill puts in the default that the tag
// names, and JSON has the chosen section alone.
func TestChoice(t *testing.T) {
	var zero choice
	if zero.Name() != "square" || zero.Value().area() != 4 {
		t.Errorf("zero value: %s of area %v", zero.Name(), zero.Value().area())
	}
	var d drawing
	Fill(&d)
	if got, want := encode(t, d), `{"shape":{"method":"square","square":{"side":2}},"scale":1,"frame":{"shape":{"method":"round-disc","round_disc":{"radius":1,"file":""}}}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var again drawing
	if err := json.Unmarshal([]byte(encode(t, d)), &again); err != nil {
		t.Fatal(err)
	}
	if !again.Frame.Shape.Equal(d.Frame.Shape) || again.Shape.Value().area() != 4 {
		t.Errorf("decoded as %s", encode(t, again))
	}
	if err := json.Unmarshal([]byte(`{"shape":{"method":"oval"}}`), &again); err == nil || !strings.Contains(err.Error(), "square, round-disc, point") {
		t.Errorf("an unknown method: %v", err)
	}
	if c := Choose[shape, shapeTable](&disc{Radius: 3}); c.Name() != "round-disc" || c.New().area() != 27 {
		t.Errorf("chosen: %s of area %v", c.Name(), c.New().area())
	}
}

// What a form says of methods that are not chosen is checked by the decoder,
// kept for Set, and neither hashed nor printed.
func TestForm(t *testing.T) {
	var d drawing
	Fill(&d)
	f := NewForm(&d)
	if err := json.Unmarshal([]byte(`{"shape":"square","square":{"side":5},"round_disc":{"radius":7},"scale":3}`), f.Pointer()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got := encode(t, d.Shape); got != `{"method":"square","square":{"side":5}}` || d.Scale != 3 {
		t.Errorf("got %s, scale %v", got, d.Scale)
	}
	var names []string
	for _, x := range Fields(d) {
		names = append(names, x.Name)
	}
	if got := strings.Join(names, " "); got != "shape square scale frame" {
		t.Errorf("fields %s", got)
	}
	var copied drawing
	if err := Copy(&copied, &d); err != nil {
		t.Fatal(err)
	}
	if err := copied.Shape.Set("round-disc"); err != nil {
		t.Fatal(err)
	}
	if a := copied.Shape.Value().area(); a != 147 {
		t.Errorf("area %v: the section was forgotten", a)
	}
	if d.Shape.Name() != "square" {
		t.Error("the copy has changed the original")
	}
	if err := copied.Shape.Set("square"); err != nil || copied.Shape.Value().area() != 25 {
		t.Errorf("back: %v, area %v", err, copied.Shape.Value().area())
	}
	f = NewForm(&d)
	if err := json.Unmarshal([]byte(`{"frame":{"shape":"oval"}}`), f.Pointer()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err == nil || !strings.HasPrefix(err.Error(), `frame.shape: "oval" is not one of square`) {
		t.Errorf("an unknown method: %v", err)
	}
}

// Only the chosen section is checked, under its name, and only its paths are
// looked at.
func TestChoiceIsChecked(t *testing.T) {
	d := drawing{Shape: Choose[shape, shapeTable](&disc{Radius: 0.01, File: "a"})}
	Fill(&d)
	if err := Check("", &d); err == nil || !strings.HasPrefix(err.Error(), "round_disc.radius: ") {
		t.Errorf("got %v", err)
	}
	EachPath(&d, func(_ string, p *string) { *p = "/" + *p })
	if got := d.Shape.Value().(*disc).File; got != "/a" {
		t.Errorf("path %q", got)
	}
	if d.Frame.Shape.Value().(*disc).File != "/" {
		t.Error("the path of a nested choice was not looked at")
	}
}

// Fill leaves what others hold alone: a choice that is copied shares its method
// until then.
func TestFillCopies(t *testing.T) {
	own := &square{}
	a := drawing{Shape: Choose[shape, shapeTable](own)}
	b := a
	Fill(&b)
	if own.Side != 0 || b.Shape.Value().area() != 4 {
		t.Errorf("side %v, area %v", own.Side, b.Shape.Value().area())
	}
}

// FuzzChoice: any JSON of a plan is refused, or is a choice that is written again.
func FuzzChoice(f *testing.F) {
	for _, s := range []string{`{"method":"square","square":{"side":2}}`, `{"method":"point"}`, `{"method":null}`, `{"method":"round-disc","round_disc":null}`, `null`, `[]`, `{"method":"square","square":{"side":1e999}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var c, again choice
		if json.Unmarshal(data, &c) != nil {
			return
		}
		out, err := json.Marshal(c)
		if err == nil {
			err = json.Unmarshal(out, &again)
		}
		if err != nil || again.Name() != c.Name() || again.Value().area() != c.Value().area() {
			t.Fatalf("%s became %s: %v", data, out, err)
		}
	})
}
