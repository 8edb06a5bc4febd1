package lm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSaveLoad(t *testing.T) {
	m := spread(t, tiny, 1)
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 { // the second time over the first
		if err := m.Save(dir); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.Config != m.Config {
		t.Errorf("config %+v came back as %+v", m.Config, got.Config)
	}
	if !slices.Equal(got.Params(), m.Params()) {
		t.Error("parameters changed on the way")
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("files left: %v, %v", files, err)
	}
	h := make([]byte, 8)
	f, _ := os.Open(filepath.Join(dir, weightsFile))
	defer f.Close()
	if _, err := io.ReadFull(f, h); err != nil || binary.LittleEndian.Uint64(h)%8 != 0 {
		t.Errorf("header length %d is not a multiple of 8 (%v)", binary.LittleEndian.Uint64(h), err)
	}
}

// TestWriteFileAtomic: a write that fails leaves the old file and no other.
func TestWriteFileAtomic(t *testing.T) {
	dir := t.TempDir()
	write := func(text string, err error) error {
		return writeFile(dir, "x", func(w io.Writer) error {
			io.WriteString(w, text)
			return err
		})
	}
	if err := write("old", nil); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left")
	if err := write("new", full); !errors.Is(err, full) {
		t.Errorf("error %v, want %v", err, full)
	}
	text, err := os.ReadFile(filepath.Join(dir, "x"))
	files, _ := os.ReadDir(dir)
	if string(text) != "old" || len(files) != 1 {
		t.Errorf("after a failed write the file holds %q (%v) beside %v", text, err, files)
	}
}

// convert rewrites a float32 safetensors file in another 2-byte type.
func convert(t *testing.T, m *Model, dtype string, bits func(float32) uint16) []byte {
	t.Helper()
	entries := map[string]entry{}
	var data []byte
	for _, ts := range m.Tensors() {
		at := int64(len(data))
		for _, x := range ts.Data {
			data = binary.LittleEndian.AppendUint16(data, bits(x))
		}
		shape := make([]int64, len(ts.Shape))
		for i, n := range ts.Shape {
			shape[i] = int64(n)
		}
		entries[ts.Name] = entry{dtype, shape, [2]int64{at, int64(len(data))}}
	}
	head, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...), data...)
}

func TestLoadHalf(t *testing.T) {
	m := spread(t, tiny, 1)
	for i := range m.params { // eight bits of significand: exact in both types
		m.params[i] = float32(math.Round(float64(m.params[i])*64) / 64)
	}
	brain := func(x float32) uint16 { return uint16(math.Float32bits(x) >> 16) }
	half := func(x float32) uint16 { // no element is outside the normal range, or it is 0
		if x == 0 {
			return 0
		}
		b := math.Float32bits(x)
		return uint16(b>>16&0x8000 | (b>>13&0x3ffff - 112<<10))
	}
	for dtype, bits := range map[string]func(float32) uint16{"BF16": brain, "F16": half} {
		file := convert(t, m, dtype, bits)
		got, err := readWeights(m.Config, bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatalf("%s: %v", dtype, err)
		}
		if !slices.Equal(got.Params(), m.Params()) {
			t.Errorf("%s: parameters changed on the way", dtype)
		}
	}
	file := convert(t, m, "I16", brain)
	if _, err := readWeights(m.Config, bytes.NewReader(file), int64(len(file))); err == nil || !strings.Contains(err.Error(), "dtype I16") {
		t.Errorf("integer weights: %v", err)
	}
}

// TestLoadErrors spoils one thing of a good checkpoint at a time.
func TestLoadErrors(t *testing.T) {
	swap := func(name, old, new string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(text, []byte(old)) {
				t.Fatalf("%s has no %q (%v)", name, old, err)
			}
			if err := os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(new), 1), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		want  string
		spoil func(t *testing.T, dir string)
	}{
		{"no such file", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, configFile)) }},
		{"no such file", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, weightsFile)) }},
		{"cut short", func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, weightsFile), 100) }},
		{"too few for a header", func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, weightsFile), 7) }},
		{"offsets", func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, weightsFile), 9000) }},
		{"invalid character", swap(configFile, `"vocab_size":`, `"vocab_size";`)},
		{"model_type is gpt2", swap(configFile, `"model_type": "llama"`, `"model_type": "gpt2"`)},
		{"hidden_act is gelu", swap(configFile, `"silu"`, `"gelu"`)},
		{"tie_word_embeddings is false", swap(configFile, `"tie_word_embeddings": true`, `"tie_word_embeddings": false`)},
		{"num_key_value_heads is 1; this model needs num_attention_heads, 2", swap(configFile, `"num_key_value_heads": 2`, `"num_key_value_heads": 1`)},
		{"head_dim is 8", swap(configFile, `"head_dim": 6`, `"head_dim": 8`)},
		{"rope_scaling is", swap(configFile, `"rope_scaling": null`, `"rope_scaling": {"type": "linear", "factor": 2}`)},
		{"attention_bias is true", swap(configFile, `"attention_bias": false`, `"attention_bias": true`)},
		{"mlp_bias is true", swap(configFile, `"mlp_bias": false`, `"mlp_bias": true`)},
		{"intermediate_size is 0", swap(configFile, `"intermediate_size": 20`, `"intermediate_size": 0`)},
		{"rope_type is yarn", swap(configFile, `"rope_scaling": null`, `"rope_parameters": {"rope_type": "yarn"}`)},
		{"rope_parameters.rope_type is linear", swap(configFile, `"rope_scaling": null`, `"rope_parameters": {"rope_type": "linear", "factor": 2}`)},
		{"rope_parameters.type is linear", swap(configFile, `"rope_scaling": null`, `"rope_parameters": {"type": "linear"}`)},
		{"rope_parameters.factor is not known", swap(configFile, `"rope_scaling": null`, `"rope_parameters": {"rope_type": "default", "factor": 2}`)},
		{"rope_parameters.partial_rotary_factor is 0.5", swap(configFile, `"rope_scaling": null`, `"rope_parameters": {"partial_rotary_factor": 0.5}`)},
		{"rope_parameters.full_attention is not known", swap(configFile, `"rope_scaling": null`, `"rope_parameters": {"full_attention": {"rope_theta": 1}}`)},
		{"rope_parameters.rope_theta is 1e4", swap(configFile, `"rope_scaling": null`, `"rope_parameters": {"rope_theta": "1e4"}`)},
		{"rope_parameters is yes", swap(configFile, `"rope_scaling": null`, `"rope_parameters": "yes"`)},
		{"partial_rotary_factor is 0.5", swap(configFile, `"use_cache": true`, `"use_cache": true, "partial_rotary_factor": 0.5`)},
		{"rope_interleaved is true", swap(configFile, `"use_cache": true`, `"use_cache": true, "rope_interleaved": true`)},
		{"use_qk_norm is true", swap(configFile, `"use_cache": true`, `"use_cache": true, "use_qk_norm": true`)},
		{"sliding_window is not known", swap(configFile, `"use_cache": true`, `"use_cache": true, "sliding_window": 128`)},
		{"no_rope_layers is not known", swap(configFile, `"use_cache": true`, `"use_cache": true, "no_rope_layers": [1, 0]`)},
		{"logit_scale is not known", swap(configFile, `"use_cache": true`, `"use_cache": true, "logit_scale": 0.5`)},
		{"quantization_config is not known", swap(configFile, `"use_cache": true`, `"use_cache": true, "quantization_config": {"bits": 4}`)},
		{"vocab_size is there twice", swap(configFile, `"use_cache": true`, `"use_cache": true, "vocab_size": 13`)},
		{"model.vocab", swap(configFile, `"vocab_size": 13`, `"vocab_size": 0`)},
		{"shape [13 12] where config.json makes it [14 12]", swap(configFile, `"vocab_size": 13`, `"vocab_size": 14`)},
		{`"model.layers.2.input_layernorm.weight" is missing`, swap(configFile, `"num_hidden_layers": 2`, `"num_hidden_layers": 3`)},
		{`"model.layers.1.input_layernorm.weight" has no place`, swap(configFile, `"num_hidden_layers": 2`, `"num_hidden_layers": 1`)},
		{"more than fit", swap(configFile, `"vocab_size": 13`, `"vocab_size": 1300000`)},
		{"comes twice", swap(weightsFile, "layers.1.input_layernorm", "layers.0.input_layernorm")},
		{`unknown dtype "F31"`, swap(weightsFile, `"F32"`, `"F31"`)},
		{"offsets [0 620]", swap(weightsFile, "[0,624]", "[0,620]")},
	} {
		dir := t.TempDir()
		if err := spread(t, tiny, 1).Save(dir); err != nil {
			t.Fatal(err)
		}
		c.spoil(t, dir)
		_, err := Load(dir)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "load model: ") {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

// TestLoadOthers: what other tools write and means the same.
func TestLoadOthers(t *testing.T) {
	for _, swap := range [][2]string{
		{`"rope_scaling": null`, `"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}`},
		{`  "head_dim": 6,` + "\n", ``},
		{`  "num_key_value_heads": 2,` + "\n", ``},
		{`"use_cache": true`, `"use_cache": false, "bos_token_id": 1`},
		{`"use_cache": true`, `"attention_dropout": 0.0, "initializer_range": 0.02, "transformers_version": "4.57.1", "dtype": "float32", "eos_token_id": [1, 2]`},
		{`"use_cache": true`, `"sliding_window": null, "quantization_config": null, "partial_rotary_factor": 1.0, "rope_interleaved": false`},
	} {
		var text bytes.Buffer
		m := spread(t, tiny, 1)
		if err := m.WriteConfig(&text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), swap[0]) {
			t.Fatalf("config.json has no %q", swap[0])
		}
		c, err := parseConfig([]byte(strings.Replace(text.String(), swap[0], swap[1], 1)))
		if err != nil || c != m.Config {
			t.Errorf("with %q: %+v, %v", swap[1], c, err)
		}
	}
	m := spread(t, tiny, 1)
	var file bytes.Buffer
	head := Tensor{"lm_head.weight", []int{tiny.Vocab, tiny.Width}, m.w.embed}
	freq := Tensor{"model.layers.0.self_attn.rotary_emb.inv_freq", []int{3}, make([]float32, 3)}
	if err := writeTensors(&file, append(m.Tensors(), head, freq)); err != nil {
		t.Fatal(err)
	}
	if _, err := readWeights(m.Config, bytes.NewReader(file.Bytes()), int64(file.Len())); err != nil {
		t.Errorf("with a tied lm_head and rotary constants: %v", err)
	}
}

// FuzzHeader: whatever the bytes, parseHeader returns an error or entries that
// tile the data.
func FuzzHeader(f *testing.F) {
	var good bytes.Buffer
	if err := writeTensors(&good, []Tensor{{"a", []int{2, 3}, make([]float32, 6)}, {"b", []int{0}, nil}, {"c", nil, []float32{1}}}); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	for _, head := range []string{
		``, `{}`, `[]`, `{} x`, `{"a":1}`, `{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`,
		`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, `{"__metadata__":{"a":1}}`, `{"a":`, `{1:2}`,
	} {
		f.Add(append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head...))
	}
	f.Add(bytes.Repeat([]byte{0xff}, 16))
	f.Fuzz(func(t *testing.T, file []byte) {
		entries, base, err := parseHeader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		covered := base
		for name, e := range entries {
			covered += e.Offsets[1] - e.Offsets[0]
			if e.Offsets[0] < 0 || e.Offsets[1] < e.Offsets[0] || base+e.Offsets[1] > int64(len(file)) {
				t.Errorf("tensor %q has offsets %v in %d bytes", name, e.Offsets, len(file))
			}
		}
		if covered != int64(len(file)) {
			t.Errorf("tensors cover %d bytes of %d", covered, len(file))
		}
	})
}

// FuzzConfig: whatever the text, parseConfig returns an error or a legal shape.
func FuzzConfig(f *testing.F) {
	var good bytes.Buffer
	m, err := New(tiny, 1)
	if err != nil {
		f.Fatal(err)
	}
	if err := m.WriteConfig(&good); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	f.Add([]byte(`{"model_type":"llama","rope_parameters":{"rope_theta":-1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseConfig(text)
		if err != nil {
			return
		}
		if err := c.Check(); err != nil || c.Heads < 1 || c.Width%c.Heads != 0 {
			t.Errorf("accepted %+v: %v", c, err)
		}
	})
}
