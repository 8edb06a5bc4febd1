package jinja_test

import (
	"fmt"
	"log"

	"github.com/climb-go/climb/eval/jinja"
)

// The question of an evaluation task, as its YAML file writes it.
func ExampleTemplate() {
	t, err := jinja.Parse("Question: {{question|trim}}\nAnswer:{% if hint %} ({{hint}}){% endif %}")
	if err != nil {
		log.Fatal(err)
	}
	item, err := jinja.FromJSON([]byte(`{"question": " How many legs has a spider? ", "hint": "even"}`))
	if err != nil {
		log.Fatal(err)
	}
	text, err := t.Render(item.(jinja.Dict))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(text)
	// Output:
	// Question: How many legs has a spider?
	// Answer: (even)
}
