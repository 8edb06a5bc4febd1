// Command release builds the binaries that are given away, their checksums, and
// the licences of what is linked into them: go run ./release, or make dist.
//
// The bytes depend on the source and on the version of Go alone, not on the
// folder, the machine or the time.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

// program is the package that is built.
const program = "github.com/climb-go/climb/cmd/climb"

// A target is a system and a processor, as Go names them.
type target struct{ system, processor string }

var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "arm64"}}

func (t target) name() string { return "climb-" + t.system + "-" + t.processor }

func main() {
	log.SetFlags(0)
	if len(os.Args) != 1 {
		log.Fatal("usage: go run ./release   (in the root of the repository; writes dist/)")
	}
	if err := release(".", "dist"); err != nil {
		log.Fatal(err)
	}
}

// release fills the folder out from the source in the folder dir.
func release(dir, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("find the folder for binaries: %w", err)
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return fmt.Errorf("make the folder for binaries: %w", err)
	}
	var linked modules
	var names []string
	for _, t := range targets {
		binary := filepath.Join(out, t.name())
		if err := t.build(dir, binary); err != nil {
			return err
		}
		if err := linked.add(dir, binary, t); err != nil {
			return err
		}
		names = append(names, t.name())
	}
	text, err := linked.licences()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, licenceFile), text, 0o666); err != nil {
		return fmt.Errorf("write licences: %w", err)
	}
	return writeSums(out, append(names, licenceFile))
}

// build writes a static binary without symbols, paths or build identifiers.
func (t target) build(dir, binary string) error {
	_, err := t.run(dir, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", binary, program)
	if err != nil {
		return fmt.Errorf("build %s: %w", t.name(), err)
	}
	return nil
}

// run runs the go command for the target. Settings of the user that change what
// is built are overruled.
func (t target) run(dir string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS="+t.system, "GOARCH="+t.processor, "CGO_ENABLED=0",
		"GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOEXPERIMENT=", "GOFLAGS=", "GOWORK=off")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", args[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	return output, nil
}

// writeSums writes SHA256SUMS, which sha256sum --check reads.
func writeSums(dir string, names []string) error {
	var sums bytes.Buffer
	for _, name := range names {
		sum, err := sha256File(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("add up %s: %w", name, err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sum, name)
	}
	if err := os.WriteFile(filepath.Join(dir, "SHA256SUMS"), sums.Bytes(), 0o666); err != nil {
		return fmt.Errorf("write checksums: %w", err)
	}
	return nil
}

func sha256File(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
