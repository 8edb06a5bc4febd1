package cluster_test

import (
	"context"
	"fmt"
	"log"

	"github.com/climb-go/climb/cluster"
)

// points are two groups of three points of the plane, row by row.
var points = []float32{
	0, 0, 0, 1, 1, 0,
	9, 9, 9, 8, 8, 9,
}

// Find groups of vectors, and the one that another vector belongs to.
func ExampleKMeans() {
	c, err := cluster.KMeans{K: 2}.Fit(context.Background(), points, 6, 2, 1, 1)
	if err != nil {
		log.Fatal(err)
	}
	group := make([]int32, 3)
	c.Assign(group, nil, []float32{1, 1, 8, 8, 7, 9}, 3, 1)
	fmt.Println(c.Counts, group[0] == group[1], group[1] == group[2])
	// Output: [3 3] false true
}

// Put clusters together until two groups are left.
func ExampleWard() {
	group, err := cluster.Ward{Count: 2}.Merge(points, 6, 2, []float64{1, 1, 1, 1, 1, 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(group)
	// Output: [0 0 0 1 1 1]
}

// Name groups of texts by the words that set them apart.
func ExampleNamer() {
	var n cluster.Namer
	for range 3 {
		n.Add(0, "the river runs past the old mill")
		n.Add(1, "the engine of the car needs oil")
	}
	for _, l := range n.Labels(2, 2) {
		fmt.Println(len(l.Terms), "terms, the first of them", l.Terms[0].Text)
	}
	// Output:
	// 2 terms, the first of them mill
	// 2 terms, the first of them car
}
