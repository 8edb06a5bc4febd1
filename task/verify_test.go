package task

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

func TestSeal(t *testing.T) {
	for _, object := range []string{`{"a":1}`, "{\n \"a\": {\"seal\": \"x\"}\n}\n", `{"a":"\"seal\":"}`} {
		sealed := Seal([]byte(object))
		var v map[string]any
		if err := json.Unmarshal(sealed, &v); err != nil || len(v["seal"].(string)) != 64 {
			t.Errorf("Seal(%s) = %s, %v", object, sealed, err)
		}
		got, ok, err := Unseal(sealed)
		if !ok || err != nil || !jsonEqual(t, got, []byte(object)) {
			t.Errorf("Unseal(Seal(%s)) = %s, %v, %v", object, got, ok, err)
		}
		if got, ok, err := Unseal([]byte(object)); ok || err != nil || string(got) != object {
			t.Errorf("Unseal(%s) = %s, %v, %v", object, got, ok, err)
		}
		key := bytes.LastIndex(sealed, []byte(sealKey))
		for i := range sealed {
			for bit := range 8 {
				bad := bytes.Clone(sealed)
				bad[i] ^= 1 << bit
				got, ok, err := Unseal(bad)
				// From the key on a flip may break the seal so that there is none: the object before it is as it was.
				if err == nil && (ok || i < key) && !jsonEqual(t, got, []byte(object)) {
					t.Fatalf("bit %d of byte %d of %s changed unseen: %s", bit, i, sealed, got)
				}
			}
		}
	}
}

func jsonEqual(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}

func FuzzUnseal(f *testing.F) {
	f.Add([]byte(`{"a":1}`))
	f.Add(Seal([]byte(`{"a":1}`)))
	f.Add([]byte(`,"seal":"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		object, sealed, err := Unseal(data)
		if err == nil && sealed && json.Valid(data) && !json.Valid(object) {
			t.Errorf("%q without its seal is %q", data, object)
		}
		if json.Valid(data) && data[0] == '{' && len(data) > 2 {
			var v map[string]json.RawMessage
			if json.Unmarshal(data, &v) == nil && len(v) > 0 {
				if got, ok, err := Unseal(Seal(data)); !ok || err != nil || !jsonEqual(t, got, data) {
					t.Errorf("Unseal(Seal(%q)) = %q, %v, %v", data, got, ok, err)
				}
			}
		}
	})
}

// TestVerifier: each file is read once, a later change goes unseen by design, and a failure is not kept.
func TestVerifier(t *testing.T) {
	p := squares(t, 4)
	for n := range 4 {
		mustRun(t, p, n, square)
	}
	ctx, path := context.Background(), p.Path("part-00002.txt")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(good)
	bad[0] ^= 1
	write := func(data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var v Verifier
	write(bad)
	if err := v.Task(ctx, p.Dir(), 1); err != nil {
		t.Errorf("task 1 is not damaged: %v", err)
	}
	var damage *DamageError
	for _, err := range []error{v.Task(ctx, p.Dir(), 2), v.Stage(ctx, p.Dir())} {
		if !errors.As(err, &damage) || damage.Path != path || !IsPermanent(err) || !strings.Contains(err.Error(), "rm "+p.Path("done", "00002.json")) {
			t.Errorf("damaged: %v", err)
		}
	}
	write(good)
	if err := errors.Join(v.Task(ctx, p.Dir(), 2), v.Stage(ctx, p.Dir())); err != nil {
		t.Errorf("mended: %v", err)
	}
	write(bad)
	if err := v.Stage(ctx, p.Dir()); err != nil {
		t.Errorf("the stage was read again: %v", err)
	}
	if err := new(Verifier).Stage(ctx, p.Dir()); !errors.As(err, &damage) {
		t.Errorf("another verifier: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := new(Verifier).Stage(ended, p.Dir()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestEarlierManifests: files without SHA-256 are compared by size, and counted.
func TestEarlierManifests(t *testing.T) {
	p := squares(t, 1)
	m := mustRun(t, p, 0, square)
	m.Outputs[0].SHA256 = ""
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.Path("done", "00000.json"), data, 0o666); err != nil {
		t.Fatal(err)
	}
	var inv Inventory
	if err := inv.Take(p.Dir()); err != nil || inv.Unsealed != 1 || len(inv.Checks) != len(m.Outputs) || inv.Checks[0].SHA256 != "" {
		t.Errorf("%+v, %v", inv, err)
	}
	if bad, err := inv.Run(context.Background(), nil); len(bad) > 0 || err != nil {
		t.Errorf("%v, %v", bad, err)
	}
	if err := os.Remove(p.Path(m.Outputs[0].Name)); err != nil {
		t.Fatal(err)
	}
	if bad, err := inv.Run(context.Background(), nil); len(bad) != 1 || err != nil || bad[0].Why != "it is gone" {
		t.Errorf("%v, %v", bad, err)
	}
}

func TestQuoted(t *testing.T) {
	for path, want := range map[string]string{"/a/b-1.json": "/a/b-1.json", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "$(x)": "'$(x)'"} {
		if got := Quoted(path); got != want {
			t.Errorf("Quoted(%q) = %s, want %s", path, got, want)
		}
	}
}
