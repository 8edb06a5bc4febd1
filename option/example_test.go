package option_test

import (
	"encoding/json"
	"fmt"
	"log"

	"github.com/climb-go/climb/option"
)

// A Smoother is a family of methods: an interface, a struct for each method,
// and a table.
type Smoother interface{ Smooth(x []float64) []float64 }

type Mean struct {
	Width int `json:"width" default:"3" min:"1" max:"99" doc:"values that are averaged"`
}

func (m *Mean) Smooth(x []float64) []float64 { return x } // left out here

type None struct{}

func (*None) Smooth(x []float64) []float64 { return x }

var smoothers = option.Family[Smoother]{
	{Name: "mean", Summary: "a moving average", New: func() Smoother { return &Mean{} }},
	{Name: "none", Summary: "values as they are", New: func() Smoother { return &None{} }},
}

type table struct{}

func (table) Family() option.Family[Smoother] { return smoothers }

// A Config has a choice from the family: only the options of what is chosen are
// checked, stored and hashed.
type Config struct {
	Smooth option.Choice[Smoother, table] `json:"smooth" doc:"how noise is taken off"`
}

func Example() {
	var c Config
	option.Fill(&c)
	if err := c.Smooth.Set("mean"); err != nil {
		log.Fatal(err)
	}
	c.Smooth.Value().(*Mean).Width = 5
	data, err := json.Marshal(c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(data))

	c.Smooth.Value().(*Mean).Width = 100
	fmt.Println(option.Check("", &c))
	fmt.Println(c.Smooth.Set("median"))
	// Output:
	// {"smooth":{"method":"mean","mean":{"width":5}}}
	// mean.width: 100 is above the largest legal value 99
	// "median" is not one of mean, none
}
