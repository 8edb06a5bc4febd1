package optim

import (
	"math"

	"github.com/climb-go/climb/option"
)

// A Schedule is the learning rate of a step, counted from 0.
type Schedule func(step int) float64

// A Scheduler makes the schedule of a run. The zero value of its struct, with
// its defaults filled in, is the published setting.
//
// Every schedule warms up from 0 to the peak, never rises afterwards, and stays
// between the least rate and the peak. One that decays is at the least rate in
// the last step of the run. A base model's schedule stays at the peak, and that
// of a run which continues it decays from the end of its warm-up on: the two,
// one after the other, are a whole run.
type Scheduler interface {
	Schedule(r Run) Schedule
}

// A Run is what a schedule is made for.
type Run struct {
	Steps  int     // in all
	Warmup int     // of these, of linear warm-up
	Peak   float64 // highest learning rate
	Min    float64 // the rate at the end, at most Peak
	Part   Part
}

// A Part is which part of a schedule a run goes through.
type Part int

// The parts. A base model is trained without the decay, and continued by runs
// that do nothing but decay.
const (
	Whole Part = iota
	Base
	Continued
)

// Schedules lists the learning-rate schedules.
var Schedules = option.Family[Scheduler]{
	{Name: "wsd", Summary: "Warm-up, a stable phase, decay.", Paper: "Hu et al., 2024, arXiv:2404.06395", New: func() Scheduler { return &WSD{} }},
	{Name: "cosine", Summary: "Warm-up, then half a cosine.", Paper: "Loshchilov and Hutter, 2017, arXiv:1608.03983", New: func() Scheduler { return &Cosine{} }},
	{Name: "linear", Summary: "Warm-up, then a straight line.", Paper: "Defazio et al., 2023, arXiv:2310.07831", New: func() Scheduler { return &Linear{} }},
	{Name: "constant", Summary: "Warm-up, then the same rate to the end.", New: func() Scheduler { return &Constant{} }},
}

type scheduleTable struct{}

func (scheduleTable) Family() option.Family[Scheduler] { return Schedules }

// A ScheduleChoice is a schedule with its options, as a configuration names it.
type ScheduleChoice = option.Choice[Scheduler, scheduleTable]

// ChooseSchedule returns the choice of s, such as &Cosine{}.
func ChooseSchedule(s Scheduler) ScheduleChoice {
	return option.Choose[Scheduler, scheduleTable](s)
}

// Phases are a schedule of three phases: up from 0 to Peak in Warmup steps, Peak
// for Stable steps, then down to Min in Decay steps along a curve, a straight
// line if it is nil.
type Phases struct {
	Peak, Min             float64
	Warmup, Stable, Decay int // steps
	Curve                 Curve
}

// A Curve is the learning rate when a share of the decay, from 0 to 1, is done.
type Curve func(peak, least, done float64) float64

// At is the learning rate of a step, counted from 0. Step Warmup-1 is the
// first at Peak, step Warmup+Stable+Decay-1 the first at Min.
func (p Phases) At(step int) float64 {
	if step < p.Warmup {
		return p.Peak * float64(step+1) / float64(p.Warmup)
	}
	done := step - p.Warmup - p.Stable + 1
	switch {
	case done <= 0:
		return p.Peak
	case done >= p.Decay:
		return p.Min
	case p.Curve == nil:
		return line(p.Peak, p.Min, float64(done)/float64(p.Decay))
	}
	return p.Curve(p.Peak, p.Min, float64(done)/float64(p.Decay))
}

// phases are those of a run that decays in the last decay of its steps, if it
// goes through a whole schedule.
func (r Run) phases(decay int, c Curve) Phases {
	p := Phases{Peak: r.Peak, Min: r.Min, Warmup: r.Warmup, Curve: c}
	switch r.Part {
	case Whole:
		p.Decay = min(decay, r.Steps-r.Warmup)
	case Continued:
		p.Decay = r.Steps - r.Warmup
	}
	p.Stable = r.Steps - r.Warmup - p.Decay
	return p
}

func line(peak, least, done float64) float64 { return least + (peak-least)*(1-done) }

func root(peak, least, done float64) float64 { return least + (peak-least)*(1-math.Sqrt(done)) }

func halfCosine(peak, least, done float64) float64 {
	return least + (peak-least)*((1+math.Cos(math.Pi*done))/2)
}

// exponential is a straight line down to 0, which no power of a factor reaches.
func exponential(peak, least, done float64) float64 {
	if least <= 0 {
		return line(peak, least, done)
	}
	return peak * math.Pow(least/peak, done)
}
