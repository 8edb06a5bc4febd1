//go:build !onnx

package embed

import "errors"

// errNoRuntime tells how to get a program with ONNX Runtime.
var errNoRuntime = errors.New("onnx: this program is without ONNX Runtime; build it where there is a C compiler, in a checkout of the project, with `CGO_ENABLED=1 go build -tags onnx -o climb ./cmd/climb`")

func openNetwork(string, ONNX) (network, error) { return network{}, errNoRuntime }
