package blob_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/climb-go/climb/blob"
)

// Names are paths or URLs, of buckets such as s3://bucket/key or, in tests, of
// memory. What is written appears as a whole, when it is closed.
func Example() {
	ctx := context.Background()
	w, err := blob.Create(ctx, "mem://example/notes/a.txt")
	if err != nil {
		log.Fatal(err)
	}
	_, err = w.Write([]byte("a note"))
	if err := errors.Join(err, w.Close()); err != nil {
		log.Fatal(err)
	}
	for info, err := range blob.List(ctx, "mem://example/notes") {
		if err != nil {
			log.Fatal(err)
		}
		data, err := blob.ReadAll(ctx, info.Path)
		fmt.Println(info.Path, info.Bytes, string(data), err)
	}
	// Output: mem://example/notes/a.txt 6 a note <nil>
}
