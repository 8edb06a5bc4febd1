package embed

import (
	"fmt"

	"github.com/climb-go/climb/vec"
)

// Import takes vectors that another program has made of the same documents. They
// are read once, checked, scaled to length 1 and kept as float16, which takes
// 2 x dim bytes a vector of disk. A vector finds its document by the id, or, if
// no file has ids, by its number among the documents that are left after bad
// lines and duplicates.
type Import struct {
	Files       []string `json:"files,omitempty" path:"file" doc:".npy and Parquet files, or folders of them such as Curator's computed_embeddings, in this order; ids of X.npy stand in X.ids, one a line, as plain text or JSON strings"`
	VectorField string   `json:"vector_field" default:"embeddings" doc:"column of Parquet files with the vectors, lists of numbers"`
	IDField     string   `json:"id_field" default:"id" doc:"column of Parquet files with the ids of the documents"`
	Join        string   `json:"join" default:"auto" choices:"auto,order" doc:"auto: by document id if the files have ids; order: vector n belongs to document n, ids ignored"`
	SortRows    int      `json:"sort_rows" default:"1048576" min:"1" doc:"number of ids sorted in memory, 32 bytes each; more are merged on disk (external sort)"`
}

// Row writes x, scaled to length 1, to dst. A vector of zeros becomes
// (1, 0, 0, ...), as a blank text does with the other methods.
func (o Import) Row(dst, x []float32) error {
	if len(x) != len(dst) {
		return fmt.Errorf("the vector has %d numbers, and those before it %d", len(x), len(dst))
	}
	for i, v := range x {
		if v-v != 0 {
			return fmt.Errorf("number %d of the vector is %v; compute it anew, or leave the document out of the corpus", i, v)
		}
	}
	// By the largest number first: squares of float32 overflow or vanish.
	copy(dst, x)
	if top := max(vec.Max(dst), -minimum(dst)); top > 0 {
		vec.Scale(1/top, dst)
	}
	normalize(dst)
	return nil
}

func minimum(x []float32) float32 {
	least := x[0]
	for _, v := range x {
		least = min(least, v)
	}
	return least
}
