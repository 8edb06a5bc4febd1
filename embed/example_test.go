package embed_test

import (
	"context"
	"fmt"
	"log"

	"github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/vec"
)

// Fit an embedder on a sample of texts; texts about one thing have vectors that
// point the same way.
func ExampleLexical() {
	var sample []string
	for range 4 {
		sample = append(sample, "the river and the lake and the sea", "fish of the river and the sea",
			"the engine of the car and the truck", "oil for the engine of the truck")
	}
	ctx := context.Background()
	m, err := embed.Lexical{Dim: 2}.Fit(ctx, sample, 1, 1)
	if err != nil {
		log.Fatal(err)
	}
	texts := []string{"fish in the lake", "a lake by the sea", "a truck with a new engine"}
	v := make([]float32, len(texts)*m.Dim())
	if err := m.Embed(ctx, v, texts); err != nil {
		log.Fatal(err)
	}
	near, far := vec.Dot(v[0:2], v[2:4]), vec.Dot(v[0:2], v[4:6])
	fmt.Println("fish and lake are nearer to each other than to engines:", near > far)
	// Output: fish and lake are nearer to each other than to engines: true
}
