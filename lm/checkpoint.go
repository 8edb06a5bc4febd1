package lm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/climb-go/climb/wire"
)

const (
	weightsFile = "model.safetensors"
	configFile  = "config.json"
)

// llamaConfig is the part of a Hugging Face config.json that decides what the
// weights mean. Fields beyond these do not change this architecture's output.
type llamaConfig struct {
	Architectures  []string `json:"architectures"`
	ModelType      string   `json:"model_type"`
	Vocab          int      `json:"vocab_size"`
	Width          int      `json:"hidden_size"`
	Hidden         int      `json:"intermediate_size"`
	Layers         int      `json:"num_hidden_layers"`
	Heads          int      `json:"num_attention_heads"`
	KVHeads        *int     `json:"num_key_value_heads,omitempty"`
	HeadDim        *int     `json:"head_dim,omitempty"`
	Context        int      `json:"max_position_embeddings"`
	RopeTheta      float64  `json:"rope_theta"`
	RopeScaling    any      `json:"rope_scaling"`
	RopeParameters any      `json:"rope_parameters,omitempty"`
	NormEps        float64  `json:"rms_norm_eps"`
	Activation     string   `json:"hidden_act"`
	Tied           bool     `json:"tie_word_embeddings"`
	AttentionBias  bool     `json:"attention_bias"`
	MLPBias        bool     `json:"mlp_bias"`
	TorchDtype     string   `json:"torch_dtype"`
	UseCache       bool     `json:"use_cache"`
}

// Save writes the model to dir, which is made if need be: model.safetensors in
// float32 and config.json, as transformers reads them with
// AutoModelForCausalLM. Each file appears whole or not at all, the config last;
// a reader that meets a new file beside an old one of another shape is told so.
func (m *Model) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	if err := writeFile(dir, weightsFile, m.WriteWeights); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return m.SaveConfig(dir)
}

// SaveConfig writes config.json alone, beside weights that another program wrote.
func (m *Model) SaveConfig(dir string) error {
	if err := writeFile(dir, configFile, m.WriteConfig); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return nil
}

// WriteWeights writes what Save puts in model.safetensors.
func (m *Model) WriteWeights(w io.Writer) error { return writeTensors(w, m.Tensors()) }

// WriteConfig writes what Save puts in config.json.
func (m *Model) WriteConfig(w io.Writer) error {
	c, headDim := m.Config, m.Config.Width/m.Config.Heads
	text, err := json.MarshalIndent(llamaConfig{
		Architectures: []string{"LlamaForCausalLM"}, ModelType: "llama",
		Vocab: c.Vocab, Width: c.Width, Hidden: c.Hidden, Layers: c.Layers,
		Heads: c.Heads, KVHeads: &c.Heads, HeadDim: &headDim, Context: c.Context,
		RopeTheta: c.RopeTheta, NormEps: c.NormEps, Activation: "silu", Tied: true,
		TorchDtype: "float32", UseCache: true,
	}, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// writeFile makes dir/name by way of a temporary file, synced and renamed.
func writeFile(dir, name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(dir, "."+name+"-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err = write(f); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(dir, name), err)
	}
	if err = f.Chmod(0o644); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		return nil // file systems, and Windows, that do not sync directories
	}
	return err
}

// Load reads a model that Save wrote, or another Llama checkpoint in one
// safetensors file (F32, F16 or BF16) with tied embeddings, as many key heads
// as query heads, plain rotary positions and no biases; it names what differs.
func Load(dir string) (*Model, error) {
	c, err := loadConfig(filepath.Join(dir, configFile))
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	path := filepath.Join(dir, weightsFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("load model: %w", err)
	}
	m, err := readWeights(c, f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("load model: %s: %w", path, err)
	}
	return m, nil
}

// LoadConfig reads the shape of the model in dir without its weights.
func LoadConfig(dir string) (Config, error) {
	c, err := loadConfig(filepath.Join(dir, configFile))
	if err != nil {
		return c, fmt.Errorf("load model: %w", err)
	}
	return c, nil
}

func loadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	c, err := parseConfig(text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// parseConfig turns a config.json into a Config or says what this package does
// not have.
func parseConfig(text []byte) (Config, error) {
	h := llamaConfig{RopeTheta: 10000, NormEps: 1e-6, Activation: "silu"} // defaults of transformers' LlamaConfig
	all := map[string]any{}
	if err := errors.Join(wire.JSON(text, &h), wire.JSON(text, &all)); err != nil {
		return Config{}, err
	}
	reject := func(field string, got any, want string) (Config, error) {
		return Config{}, fmt.Errorf("%s is %v; this model needs %s", field, got, want)
	}
	switch {
	case h.ModelType != "llama":
		return reject("model_type", h.ModelType, "llama")
	case h.Activation != "silu":
		return reject("hidden_act", h.Activation, "silu")
	case !h.Tied:
		return reject("tie_word_embeddings", false, "true: the output layer is the embedding")
	case h.KVHeads != nil && *h.KVHeads != h.Heads:
		return reject("num_key_value_heads", *h.KVHeads, fmt.Sprintf("num_attention_heads, %d", h.Heads))
	case h.HeadDim != nil && *h.HeadDim*h.Heads != h.Width:
		return reject("head_dim", *h.HeadDim, "hidden_size / num_attention_heads")
	case h.RopeScaling != nil:
		return reject("rope_scaling", h.RopeScaling, "null")
	case h.AttentionBias:
		return reject("attention_bias", true, "false")
	case h.MLPBias:
		return reject("mlp_bias", true, "false")
	case h.Hidden < 1:
		return reject("intermediate_size", h.Hidden, "at least 1")
	}
	if err := checkKnown(all); err != nil {
		return Config{}, err
	}
	if h.RopeParameters != nil {
		p, ok := h.RopeParameters.(map[string]any)
		if !ok {
			return reject("rope_parameters", h.RopeParameters, "rope_type and rope_theta there")
		}
		if theta, ok := p["rope_theta"].(float64); ok {
			h.RopeTheta = theta
		}
	}
	c := Config{Vocab: h.Vocab, Width: h.Width, Layers: h.Layers, Heads: h.Heads, Hidden: h.Hidden,
		Context: h.Context, RopeTheta: h.RopeTheta, NormEps: h.NormEps}
	return c, c.Check()
}

// passive fields of a config.json do not change what a model computes.
var passive = []string{"_attn_implementation", "_name_or_path", "architectures", "attention_dropout", "attn_implementation", "auto_map", "bos_token_id", "dtype",
	"eos_token_id", "gradient_checkpointing", "initializer_range", "keys_to_ignore_at_inference", "name_or_path", "output_attentions", "output_hidden_states",
	"pad_token_id", "pretraining_tp", "return_dict", "torch_dtype", "transformers_version", "use_cache"}

// neutral fields change it at every value but this one.
var neutral = map[string]any{"partial_rotary_factor": 1.0, "rope_interleaved": false, "use_sliding_window": false, "use_qk_norm": false, "qk_norm": false,
	"qk_layernorm": false, "use_bias": false, "is_encoder_decoder": false, "add_cross_attention": false, "is_decoder": false}

// checkKnown refuses a field that may change what the model computes and that
// this package does not know: a model that is nearly the right one is quietly
// worse. A field that is null is none.
func checkKnown(all map[string]any) error {
	read := map[string]bool{}
	t := reflect.TypeFor[llamaConfig]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		read[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value, fixed := neutral[name]
		switch {
		case read[name] || slices.Contains(passive, name):
		case fixed && all[name] == value:
		case fixed:
			return fmt.Errorf("%s is %v; this model needs %v", name, all[name], value)
		default:
			return fmt.Errorf("%s is not known here, and may change what the model computes; take the field away if it does not", name)
		}
	}
	rope, _ := all["rope_parameters"].(map[string]any)
	return checkRope(rope)
}

// checkRope is checkKnown of rope_parameters.
func checkRope(rope map[string]any) error {
	names := slices.Sorted(maps.Keys(rope))
	slices.Reverse(names) // what type it is comes first
	for _, name := range names {
		value := rope[name]
		switch name {
		case "rope_theta":
			if theta, ok := value.(float64); !ok || theta <= 0 {
				return fmt.Errorf("rope_parameters.rope_theta is %v; this model needs a number above 0", value)
			}
		case "rope_type", "type":
			if value != "default" {
				return fmt.Errorf("rope_parameters.%s is %v; this model needs default", name, value)
			}
		case "partial_rotary_factor":
			if value != 1.0 {
				return fmt.Errorf("rope_parameters.%s is %v; this model needs 1", name, value)
			}
		default:
			return fmt.Errorf("rope_parameters.%s is not known here, and may change what the model computes", name)
		}
	}
	return nil
}

// readWeights makes a model of shape c from a safetensors file of size bytes.
func readWeights(c Config, r io.ReaderAt, size int64) (*Model, error) {
	entries, base, err := parseHeader(r, size)
	if err != nil {
		return nil, err
	}
	if c.count()*2 > float64(size) { // before the arena is allocated
		return nil, fmt.Errorf("config.json describes %d parameters, more than fit in %d bytes", c.NumParams(), size)
	}
	m, err := blank(c)
	if err != nil {
		return nil, err
	}
	for _, t := range m.Tensors() {
		e, ok := entries[t.Name]
		if !ok {
			return nil, fmt.Errorf("tensor %q is missing", t.Name)
		}
		if !slices.EqualFunc(e.Shape, t.Shape, func(a int64, b int) bool { return a == int64(b) }) {
			return nil, fmt.Errorf("tensor %q has shape %v where config.json makes it %v", t.Name, e.Shape, t.Shape)
		}
		if err := readFloats(t.Data, r, base, e); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		delete(entries, t.Name)
	}
	delete(entries, "lm_head.weight") // written by some tools though tied
	var extra []string
	for name := range entries {
		if !strings.HasSuffix(name, "rotary_emb.inv_freq") { // a constant in old checkpoints
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		return nil, fmt.Errorf("tensor %q has no place in this model", extra[0])
	}
	return m, nil
}
