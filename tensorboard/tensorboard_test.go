package tensorboard

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// CRC-32C of RFC 3720, B.4, and its mask undone.
func TestMaskedChecksum(t *testing.T) {
	for in, want := range map[string]uint32{string(make([]byte, 32)): 0x8a9136aa, strings.Repeat("\xff", 32): 0x62a8ab43, "123456789": 0xe3069283} {
		m := masked([]byte(in)) - 0xa282ead8
		if got := m>>17 | m<<15; got != want {
			t.Errorf("%q: %08x, want %08x", in, got, want)
		}
	}
}

func opened(t *testing.T, dir string) *File {
	t.Helper()
	w, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.now = func() time.Time { return time.Unix(1700000000, 500_000_000) }
	return w
}

// write is a run of four steps, from the n-th record on.
func write(w *File, steps int) {
	w.Describe("mini", []string{"a", "b\xff"}, []string{"score"})
	w.Start("0123", []Parameter{{"a", 0.25}, {"b\xff", 0.75}, {"unknown", math.NaN()}})
	for i := range steps {
		w.Scalar("loss", int64(1000*(i+1)), 4-float64(i)/2)
	}
	w.Scalar("loss", 500, 9)       // before the last one
	w.Scalar("nan", 1, math.NaN()) // no number
	if steps == 4 {
		w.Scalar("score", 4000, -1.5)
		w.End(true)
	}
}

func content(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func whole(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	w := opened(t, dir)
	w.pending = nil // the first record with the clock of the test
	w.event(0, message(nil).text(3, fileVersion))
	write(w, 4)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return content(t, dir)
}

// The bytes of a file, as they were checked by TensorBoard's own reader
// (TestReadByTensorBoard).
func TestGolden(t *testing.T) {
	got := hex.Dump(whole(t))
	want, err := os.ReadFile("testdata/events.hex")
	if os.Getenv("UPDATE") != "" {
		err = os.WriteFile("testdata/events.hex", []byte(got), 0o666)
		want = []byte(got)
	}
	if err != nil || string(want) != got {
		t.Errorf("%v; the file is now\n%s", err, got)
	}
}

// Cut off at any byte, as by a kill, or damaged there, the file goes on to the same
// events.
func TestResumeAtEveryByte(t *testing.T) {
	want := whole(t)
	for n := range len(want) + 1 {
		for _, junk := range []string{"", "\x00", "junk that is longer than a record's head"} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, FileName), append(bytes.Clone(want[:n]), junk...), 0o666); err != nil {
				t.Fatal(err)
			}
			w, err := Open(dir)
			if err != nil && n < recordHead && junk != "" {
				continue // nothing tells that the file is ours
			}
			if err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
			w.now = func() time.Time { return time.Unix(1700000000, 500_000_000) }
			if len(w.pending) > 0 {
				w.pending = nil
				w.event(0, message(nil).text(3, fileVersion))
			}
			write(w, 2)
			write(w, 4)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if got := content(t, dir); !bytes.Equal(got, want) {
				t.Fatalf("cut at %d with %q: another file\n%s", n, junk, hex.Dump(got))
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	other := appendRecord(nil, message(nil).double(1, 1).text(3, "brain.Event:1"))
	for name, data := range map[string][]byte{"text": []byte("this is a text and no event file at all"), "another version": other} {
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "away") {
			t.Errorf("%s: %v", name, err)
		}
		if got := content(t, dir); !bytes.Equal(got, data) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := Open(filepath.Join(path, "below a file")); err == nil {
		t.Error("a folder below a file")
	}
}

// TensorBoard's own reader finds every number and hyper-parameter.
func TestReadByTensorBoard(t *testing.T) {
	python := os.Getenv("CLIMB_TEST_TENSORBOARD")
	if python == "" {
		t.Skip("no TensorBoard: set CLIMB_TEST_TENSORBOARD to a python in which pip install tensorboard was run")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), whole(t), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/read.py", dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	check(t, out)
}

// Google's protobuf and the checksums of crcmod read the same.
func TestReadByProtobuf(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import google.protobuf, crcmod").Run(); err != nil {
		t.Skip("no protobuf and crcmod: apt install python3-protobuf python3-crcmod")
	}
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, whole(t), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/decode.py", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	check(t, out)
}

// check compares what another reader has printed.
func check(t *testing.T, out []byte) {
	t.Helper()
	var got, want any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const expected = `{"loss": [[1000, 4], [2000, 3.5], [3000, 3], [4000, 2.5]], "score": [[4000, -1.5]], "wall": 1700000000.5,
		"experiment": {"name": "mini", "hparams": ["a", "b\ufffd"], "metrics": ["score"]}, "group": "0123", "hparams": {"a": 0.25, "b\ufffd": 0.75}, "status": 1}`
	if err := json.Unmarshal([]byte(expected), &want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("read\n%s\nwant\n%s", a, b)
	}
}

// No bytes make the reader fail in another way than by an error, and what it takes
// as whole is a beginning of the file.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendRecord(nil, message(nil).double(1, 1).text(3, fileVersion)))
	f.Add(appendRecord(appendRecord(nil, message(nil).text(3, fileVersion)), message(nil).int(2, 5).bytes(5, message(nil).bytes(1, message(nil).text(1, "loss").float(2, 1)))))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, end, err := events(data)
		if end < 0 || end > int64(len(data)) || err == nil && len(list) == 0 && end > 0 {
			t.Fatalf("%d events, the end at %d of %d", len(list), end, len(data))
		}
		_ = eachField(data, func(int, uint64, []byte) error { return nil })
	})
}
