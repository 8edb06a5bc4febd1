package option

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Rate float64 `json:"rate" default:"0.5" min:"0" max:"1" doc:"a share"`
}

type outer struct {
	Name   string  `json:"name" default:"a" choices:"a,b"`
	Rounds []int   `json:"rounds" default:"64, 32,16" min:"1"`
	Seed   uint64  `json:"seed" default:"1"`
	On     bool    `json:"on" default:"true"`
	Part   inner   `json:"part"`
	Parts  []inner `json:"parts"`
	Free   string  `json:"free"`
	hidden float64 //lint:ignore U1000 unexported fields must be skipped
}

func TestFill(t *testing.T) {
	got := outer{Seed: 7}
	Fill(&got)
	want := outer{Name: "a", Rounds: []int{64, 32, 16}, Seed: 7, On: true, Part: inner{0.5}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(outer{})); d != "" {
		t.Error(d)
	}
}

func TestCheckNamesTheField(t *testing.T) {
	base := outer{}
	Fill(&base)
	if err := Check("x", base); err != nil {
		t.Fatal(err)
	}
	for want, bad := range map[string]func(*outer){
		"x.name":          func(o *outer) { o.Name = "c" },
		"x.rounds[1]":     func(o *outer) { o.Rounds = []int{4, 0} },
		"x.part.rate":     func(o *outer) { o.Part.Rate = math.NaN() },
		"x.parts[1].rate": func(o *outer) { o.Parts = []inner{{Rate: 1}, {Rate: 2}} },
	} {
		o := base
		bad(&o)
		var e *Error
		if err := Check("x", &o); !errors.As(err, &e) || e.Path != want {
			t.Errorf("got %v, want an error at %s", err, want)
		}
	}
}

func TestFields(t *testing.T) {
	var names []string
	for _, f := range Fields(outer{}) {
		names = append(names, f.Name+":"+f.Type)
	}
	want := []string{"name:string", "rounds:list of int", "seed:int", "on:bool", "part:section", "parts:list of section", "free:string"}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}
