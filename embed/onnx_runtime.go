//go:build onnx

package embed

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// errNoRuntime is why models cannot be computed by this program: they can.
var errNoRuntime error

// environment is ONNX Runtime, of which a process has one.
var environment struct {
	sync.Mutex
	library string
}

// startRuntime loads the shared library, once.
func startRuntime(library string) error {
	if library == "" {
		library = "libonnxruntime.so"
		switch runtime.GOOS {
		case "darwin":
			library = "libonnxruntime.dylib"
		case "windows":
			library = "onnxruntime.dll"
		}
	}
	environment.Lock()
	defer environment.Unlock()
	if ort.IsInitialized() {
		if environment.library != library {
			return fmt.Errorf("onnx.library: this process has loaded %s already, and can have one only", environment.library)
		}
		return nil
	}
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("onnx.library: load ONNX Runtime, 1.24 or later, from %s: %w; get it from github.com/microsoft/onnxruntime/releases or from npm's onnxruntime-node", library, err)
	}
	environment.library = library
	return nil
}

// openNetwork opens a model and checks what goes in and comes out of it. The
// session lives as long as the process.
func openNetwork(path string, o ONNX) (network, error) {
	if err := startRuntime(o.Library); err != nil {
		return network{}, err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return network{}, err
	}
	defer func() { _ = options.Destroy() }() // frees memory; it has no error
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		return network{}, err
	}
	in, out, err := ort.GetInputOutputInfoWithOptions(path, options)
	if err != nil {
		return network{}, err
	}
	names, err := inputNames(in)
	if err != nil {
		return network{}, err
	}
	output, pooled, err := chooseOutput(out, o.Pooling)
	if err != nil {
		return network{}, err
	}
	session, err := ort.NewDynamicAdvancedSession(path, names, []string{output}, options)
	if err != nil {
		return network{}, err
	}
	run := func(ids, mask []int64, rows, tokens int) ([]float32, []int64, error) {
		return runSession(session, names, ids, mask, ort.NewShape(int64(rows), int64(tokens)))
	}
	return network{name: path, pooled: pooled, run: run}, nil
}

// inputNames are the inputs of the model, which must be BERT's inputs.
func inputNames(in []ort.InputOutputInfo) ([]string, error) {
	var names []string
	for _, i := range in {
		if !slices.Contains([]string{"input_ids", "attention_mask", "token_type_ids"}, i.Name) {
			return nil, fmt.Errorf("its input %s is none of input_ids, attention_mask and token_type_ids", i.Name)
		}
		if i.OrtValueType != ort.ONNXTypeTensor || i.DataType != ort.TensorElementDataTypeInt64 || len(i.Dimensions) != 2 {
			return nil, fmt.Errorf("its input %s is %s, want int64, texts x tokens", i.Name, describe(i))
		}
		names = append(names, i.Name)
	}
	if !slices.Contains(names, "input_ids") {
		return nil, errors.New("it has no input input_ids")
	}
	return names, nil
}

// chooseOutput is the output that is read, and whether it is a vector a text.
func chooseOutput(out []ort.InputOutputInfo, pooling string) (name string, pooled bool, err error) {
	find := func(name string) int {
		return slices.IndexFunc(out, func(o ort.InputOutputInfo) bool { return o.Name == name })
	}
	i, rank, form := -1, 2, "texts x numbers"
	if pooling == "auto" {
		i = find("sentence_embedding")
	}
	if pooled = i >= 0; !pooled {
		i, rank, form = find("last_hidden_state"), 3, "texts x tokens x numbers"
	}
	if i < 0 {
		var have []string
		for _, o := range out {
			have = append(have, o.Name)
		}
		return "", false, fmt.Errorf("its outputs are %s; last_hidden_state is needed, or sentence_embedding with onnx.pooling auto", strings.Join(have, ", "))
	}
	if o := out[i]; o.OrtValueType != ort.ONNXTypeTensor || o.DataType != ort.TensorElementDataTypeFloat || len(o.Dimensions) != rank {
		return "", false, fmt.Errorf("its output %s is %s, want float32, %s", o.Name, describe(o), form)
	}
	return out[i].Name, pooled, nil
}

func describe(i ort.InputOutputInfo) string {
	if i.OrtValueType != ort.ONNXTypeTensor {
		return i.OrtValueType.String()
	}
	return fmt.Sprintf("%s of shape %v", i.DataType, i.Dimensions)
}

// runSession computes one batch. All tokens are of the first text, so that
// token_type_ids are 0.
func runSession(s *ort.DynamicAdvancedSession, names []string, ids, mask []int64, shape ort.Shape) (x []float32, dims []int64, err error) {
	inputs, outputs := make([]ort.Value, 0, len(names)), make([]ort.Value, 1)
	defer func() {
		for _, v := range append(inputs, outputs...) {
			if v != nil {
				err = errors.Join(err, v.Destroy())
			}
		}
	}()
	for _, name := range names {
		data := ids
		switch name {
		case "attention_mask":
			data = mask
		case "token_type_ids":
			data = make([]int64, len(ids))
		}
		t, err := ort.NewTensor(shape, data)
		if err != nil {
			return nil, nil, err
		}
		inputs = append(inputs, t)
	}
	if err := s.Run(inputs, outputs); err != nil {
		return nil, nil, err
	}
	t, ok := outputs[0].(*ort.Tensor[float32])
	if !ok {
		return nil, nil, fmt.Errorf("the output is no tensor of float32")
	}
	return t.GetData(), t.GetShape(), nil
}
