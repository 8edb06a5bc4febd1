package openai_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/climb-go/climb/openai"
)

// Ask a server that speaks OpenAI's HTTP interface. Busy servers are asked
// again.
func ExampleClient_Post() {
	busy := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if busy {
			busy = false
			w.Header().Set("Retry-After", "0")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, `{"data": [{"embedding": [0.6, 0.8]}]}`)
	}))
	defer server.Close()
	c, err := openai.NewClient(openai.Server{URL: server.URL, Model: "small"})
	if err != nil {
		log.Fatal(err)
	}
	var reply struct {
		Data []struct {
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
	}
	request := map[string]any{"model": c.Server().Model, "input": []string{"a text"}}
	if err := c.Post(context.Background(), "/embeddings", request, &reply); err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Data[0].Embedding)
	// Output: [0.6 0.8]
}
