package label_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"strings"

	"github.com/climb-go/climb/label"
)

// Grade texts by rules: no model and no training.
func ExampleRules() {
	ctx := context.Background()
	l, err := label.Rules{}.Labeler(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	texts := []string{
		strings.Repeat("The river runs through the valley, and people have lived on its banks for a thousand years. ", 5),
		strings.Repeat("BUY NOW!!! click here >>> ", 20),
	}
	names := l.Names()
	scores := make([]float32, len(texts)*len(names))
	if err := l.Label(ctx, scores, texts); err != nil {
		log.Fatal(err)
	}
	quality := slices.Index(names, "quality")
	fmt.Println(scores[quality] > scores[len(names)+quality])
	// Output: true
}
