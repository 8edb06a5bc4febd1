package wire_test

import (
	"fmt"

	"github.com/climb-go/climb/wire"
)

// Numbers are kept as they were written, or refused; nothing is lost silently.
func ExampleJSON() {
	var v struct {
		Seed  int64   `json:"seed"`
		Score float64 `json:"score"`
	}
	fmt.Println(wire.JSON([]byte(`{"seed": 9007199254740993, "score": NaN}`), &v), v.Seed, v.Score)
	fmt.Println(wire.JSON([]byte(`{"seed": 1, "seed": 2}`), &v))
	// Output:
	// <nil> 9007199254740993 0
	// seed is there twice
}
