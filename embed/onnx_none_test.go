//go:build !onnx

package embed

import (
	"context"
	"strings"
	"testing"
)

// Without the build tag the error says how to build.
func TestONNXWithoutRuntime(t *testing.T) {
	o := ONNX{Dir: "testdata/onnx"}
	_, err := o.Open(context.Background())
	for _, err := range []error{err, o.Check()} {
		if err == nil || !strings.Contains(err.Error(), "go build -tags onnx") {
			t.Errorf("%v, want the command that builds it", err)
		}
	}
}
