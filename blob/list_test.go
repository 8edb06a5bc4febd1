package blob

import (
	"net/http"
	"strings"
	"testing"
)

// A server that gives the same page again and again, or sizes below 0, is refused.
func TestListOfAnOddServer(t *testing.T) {
	for answer, want := range map[string]string{
		`{"items":[{"name":"a","size":"1","updated":"2006-01-02T15:04:05Z"}],"nextPageToken":"x"}`: "the same page",
		`{"items":[{"name":"a","size":"-1","updated":"2006-01-02T15:04:05Z"}]}`:                    "a size of -1 bytes",
	} {
		b := &bucket{service: &gcs{client: &http.Client{Transport: answering(answer)}, host: "http://host", bucket: "c"}, base: "gs://c"}
		n := 0
		var last error
		for _, last = range b.List(t.Context(), "") {
			n++
		}
		if last == nil || !strings.Contains(last.Error(), want) || n > 3 {
			t.Errorf("%s: %d entries, %v", answer, n, last)
		}
	}
}
