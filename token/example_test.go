package token_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/token"
)

// Train a tokenizer, save it as Hugging Face's tokenizer.json, and read it back.
func ExampleTrain() {
	tok, err := token.Train(slices.Values([]string{"the river and the stone", "the river and the lake"}), token.TrainOptions{Vocab: 270})
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := tok.Save(&file); err != nil {
		log.Fatal(err)
	}
	again, err := token.Parse("tokenizer.json", file.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	ids := again.Encode(nil, "the river, naïvely")
	fmt.Println(slices.Equal(ids, tok.Encode(nil, "the river, naïvely")), again.Decode(ids))
	// Output: true the river, naïvely
}

// Write Megatron's .bin and .idx, and read a document of them.
func ExampleIndexWriter() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	prefix := filepath.Join(dir, "books")
	bin, err1 := os.Create(prefix + ".bin")
	idx, err2 := os.Create(prefix + ".idx")
	if err := errors.Join(err1, err2); err != nil {
		log.Fatal(err)
	}
	w, err := token.NewIndexWriter(bin, idx, token.Dtype(4096))
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(w.Add([]uint32{5, 6, 7, 0}), w.Add([]uint32{8, 0}), w.Close(), bin.Close(), idx.Close()); err != nil {
		log.Fatal(err)
	}
	x, err := token.OpenIndexed(prefix)
	if err != nil {
		log.Fatal(err)
	}
	defer x.Close()
	fmt.Println(x.Docs(), "documents,", x.Tokens(), "tokens; the second is", x.Doc(1))
	// Output: 2 documents, 6 tokens; the second is [8 0]
}
