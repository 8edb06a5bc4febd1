package stage_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// A pipeline of two stages: words are written, then counted. A stage lies in a
// directory that is named after its options and its inputs, so that what is done
// with these options is never done again.
func Example() {
	out, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(out)
	ctx := context.Background()
	for range 2 {
		r := stage.New(out, 1)
		if err := r.Add(words("to be or not to be"), counts); err != nil {
			log.Fatal(err)
		}
		if err := r.Hold(func() error { return r.Until(ctx, "counts") }); err != nil {
			log.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(r.Dir("counts"), "count.json"))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s", data)
	}
	// Output:
	// writes words
	// counts them
	// 6
	// 6
}

func words(text string) *stage.Stage {
	return &stage.Stage{
		Name: "words", Title: "write the words", Format: 1,
		Options: func() (any, error) { return text, nil },
		Tasks:   stage.One,
		Run: func(_ context.Context, p *task.Plan, _ int, a *task.Attempt) error {
			var text string
			if err := p.Option(&text); err != nil {
				return err
			}
			fmt.Println("writes words")
			return a.WriteJSON("words.json", strings.Fields(text))
		},
	}
}

var counts = &stage.Stage{
	Name: "counts", Title: "count the words", Format: 1, Inputs: []string{"words"},
	Options: func() (any, error) { return struct{}{}, nil },
	Tasks:   stage.One,
	Run: func(_ context.Context, p *task.Plan, _ int, a *task.Attempt) error {
		var words []string
		if err := task.ReadJSON(filepath.Join(p.Input("words"), "words.json"), &words); err != nil {
			return err
		}
		fmt.Println("counts them")
		return a.WriteJSON("count.json", len(words))
	},
}
