package lm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/climb-go/climb/lm/optim"
)

// TestTorch trains the same model from the same weights on the same batches
// here and in PyTorch and compares the first gradient, the loss of every step
// and the final parameters.
func TestTorch(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import torch, numpy").Run(); err != nil {
		t.Skipf("needs %s with torch and numpy (Debian: python3-torch): %v", python, err)
	}
	const batch, seqlen, steps, lr = 4, 70, 20, 3e-3
	c := Config{Vocab: 97, Width: 32, Layers: 3, Heads: 4, Hidden: 72, Context: seqlen}
	m, err := New(c, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	tokens := learnable(steps*batch, seqlen+1, c.Vocab)
	var raw []byte
	for _, x := range tokens {
		raw = binary.LittleEndian.AppendUint32(raw, x)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokens.bin"), raw, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/llama.py", dir, strconv.Itoa(batch), strconv.Itoa(seqlen), strconv.Itoa(steps), strconv.FormatFloat(lr, 'g', -1, 64))
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var losses []float64
	if err := json.Unmarshal(out, &losses); err != nil || len(losses) != steps {
		t.Fatalf("losses %q: %v", out, err)
	}

	ws := NewWorkspace(m, batch, seqlen)
	ws.headRows = 50
	grad := make([]float32, m.NumParams())
	opt := &optim.AdamW{}
	opt.Start(m.Layout())
	per := batch * (seqlen + 1)
	for step, want := range losses {
		clear(grad)
		got := m.LossGrad(ws, tokens[step*per:(step+1)*per], grad)
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("step %d: loss %.6f, PyTorch %.6f", step, got, want)
		}
		if step == 0 {
			compare(t, m, dir, "grad.bin", grad, 1e-5)
		}
		optim.ClipNorm(grad, 1)
		opt.Step(m.Params(), grad, lr, 1)
	}
	if losses[steps-1] > losses[0]-1 {
		t.Errorf("the losses %v show no learning to compare", losses)
	}
	compare(t, m, dir, "final.bin", m.Params(), 1e-3)
}

// learnable returns rows x n tokens: counting up by 1 from a place that differs
// by row, with every seventh token odd.
func learnable(rows, n, vocab int) []uint32 {
	x := randomTokens(rows*n, vocab, 5)
	for i := range x {
		if i%n != 0 && i%7 != 0 {
			x[i] = (x[i-1] + 1) % uint32(vocab)
		}
	}
	return x
}

// compare checks, tensor by tensor, that the norm of the difference between
// arena and PyTorch's is below tol times the norm.
func compare(t *testing.T, m *Model, dir, name string, arena []float32, tol float64) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || len(raw) != 4*len(arena) {
		t.Fatalf("%s has %d bytes for %d elements: %v", name, len(raw), len(arena), err)
	}
	for _, ts := range m.Config.tensors(arena) {
		diff, norm := 0.0, 0.0
		for i, x := range ts.Data {
			want := float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
			diff += (float64(x) - want) * (float64(x) - want)
			norm += want * want
		}
		raw = raw[4*len(ts.Data):]
		if !(math.Sqrt(diff) <= tol*math.Sqrt(norm)) {
			t.Errorf("%s: %s differs by %.2g of its norm", name, ts.Name, math.Sqrt(diff/norm))
		}
	}
}
