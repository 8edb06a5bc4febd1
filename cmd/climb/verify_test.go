package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/task"
)

// flip changes one bit in the middle of a file, and returns what puts it back.
func flip(t *testing.T, path string) (back func()) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data := slices.Clone(old)
	data[len(data)/2] ^= 2
	writeFile(t, path, data)
	return func() { writeFile(t, path, old) }
}

// files lists the files of a run, below its directory, that verify answers for.
func files(t *testing.T, run string) (out []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(run), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(name, "report/") || !strings.Contains(name, "/") {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() == 0 {
			return err
		}
		out = append(out, name)
		return nil
	})
	if err != nil || len(out) < 50 {
		t.Fatalf("%d files, %v", len(out), err)
	}
	return out
}

// rounds deals files out, such that no round has two of one stage: what stages
// say of their files does not depend on each other.
func rounds(files []string) (out [][]string) {
	dealt := map[string]int{}
	for _, name := range files {
		stage, _, _ := strings.Cut(name, "/")
		if dealt[stage] == len(out) {
			out = append(out, nil)
		}
		out[dealt[stage]] = append(out[dealt[stage]], name)
		dealt[stage]++
	}
	return out
}

// A bit that flips in any file of a run is found, the file is named, and the command that verify prints makes the dataset again.
func TestVerify(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	run := filepath.Join(dir, "run")
	if out := mustRun(t, dir, "verify"); !strings.Contains(out, "all is as it was written") || strings.Contains(out, "earlier version") {
		t.Errorf("verify of a good run:\n%s", out)
	}
	for _, round := range rounds(files(t, run)) {
		var back []func()
		for _, name := range round {
			back = append(back, flip(t, filepath.Join(run, name)))
		}
		v, err := climb.Verify(context.Background(), run, nil)
		if err != nil {
			t.Fatalf("%s: %v", round, err)
		}
		var damaged []string
		for _, d := range v.Damaged {
			name, err := filepath.Rel(v.Path, d.Path)
			if err != nil || d.Command == "" {
				t.Errorf("%+v: %v; want a path below %s and a command", d, err, v.Path)
			}
			damaged = append(damaged, name)
		}
		slices.Sort(round)
		if diff := cmp.Diff(round, damaged); diff != "" {
			t.Errorf("damaged and found: %s", diff)
		}
		for _, f := range back {
			f()
		}
	}

	want := digest(t, run)
	shard := glob(t, run, "dataset-*/shard-00000*")
	assigned := glob(t, run, "assign-*/part-00000.npy")
	flip(t, shard)
	flip(t, assigned)
	code, out, errs := climbRun(t, dir, "verify", "--json")
	var v climb.Verification
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 1 || len(v.Damaged) != 2 || !strings.Contains(errs, "2 files are damaged") {
		t.Fatalf("exit %d, %v\n%s%s", code, err, out, errs)
	}
	for _, d := range v.Damaged {
		if out, err := exec.Command("/bin/sh", "-c", d.Command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", d.Command, err, out)
		}
	}
	mustRun(t, dir, "verify", "run")
	if digest(t, run) != want {
		t.Error("the commands made another dataset")
	}
}

// A copy of the dataset is checked by its own manifest; a manifest without SHA-256, and one of another kind, are told.
func TestVerifyDataset(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	copied := filepath.Join(dir, "copy")
	if err := os.Mkdir(copied, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"shard-*", "manifest.json", "README.md"} {
		found, err := filepath.Glob(filepath.Join(dir, "run", "dataset", pattern))
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		for _, path := range found {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(copied, filepath.Base(path)), data)
		}
	}
	if out := mustRun(t, dir, "verify", "copy"); !strings.Contains(out, "(dataset)") {
		t.Errorf("verify of a copy:\n%s", out)
	}
	for _, name := range []string{"shard-00000.jsonl.zst", "manifest.json", "README.md"} {
		back := flip(t, filepath.Join(copied, name))
		if code, out, errs := climbRun(t, dir, "verify", "copy"); code != 1 || !strings.Contains(out, "damaged: copy/"+name) {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, errs)
		}
		back()
	}

	manifest := filepath.Join(copied, "manifest.json")
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"shards": [{"name": "README.md", "bytes": 3}]}`:        "it has",
		`{"shards": [{"name": "../climb.yaml", "bytes": 3}]}`:    "lies outside the dataset",
		`{"kind": "hologram"}`:                                   `of kind "hologram"`,
		strings.ReplaceAll(string(data), `"sha256":`, `"was":`):  "manifest.json",
		strings.ReplaceAll(unsealed(t, data), "sha256", "other"): "no SHA-256, since an earlier version wrote them",
	} {
		writeFile(t, manifest, []byte(text))
		if _, out, errs := climbRun(t, dir, "verify", "copy"); !strings.Contains(out+errs, want) {
			t.Errorf("manifest %.40s: %s%s; want %q", text, out, errs, want)
		}
	}
	mkdir(t, dir, "text")
	if code, _, errs := climbRun(t, dir, "verify", "text"); code != 2 || !strings.Contains(errs, "neither a run") {
		t.Errorf("verify of another folder: exit %d, %s", code, errs)
	}
}

// unsealed is a manifest as an earlier version wrote it.
func unsealed(t *testing.T, data []byte) string {
	t.Helper()
	object, sealed, err := task.Unseal(data)
	if err != nil || !sealed {
		t.Fatalf("sealed %v, %v", sealed, err)
	}
	return string(object)
}

// Nothing is made from damaged inputs: whichever output of whichever stage has changed, what reads it says so.
func TestDamagedInputsAreRefused(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	order := []string{"corpus", "rows", "vectorizer", "embed", "centroids", "refine", "cluster", "label", "overlap", "domains", "assign",
		"vocab", "encode", "tokens", "search", "confirm", "draw", "scatter"}
	for i, stage := range order {
		kinds := map[string]bool{}
		outputs, err := filepath.Glob(filepath.Join(dir, "run", stage+"-*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		trials, err := filepath.Glob(filepath.Join(dir, "run", stage+"-*", "trials", "*", "result.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range append(outputs, trials...) {
			_, kind, _ := strings.Cut(filepath.Base(path), ".")
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			answer := kind == "json" && (stage == "search" || stage == "confirm") && filepath.Base(path) != "result.json" // written anew by each run
			if info.IsDir() || info.Size() == 0 || kinds[kind] || strings.HasSuffix(path, "plan.json") || answer {
				continue
			}
			kinds[kind] = true
			later := append(slices.Clone(order[i+1:]), "dataset")
			name, err := filepath.Rel(filepath.Join(dir, "run"), path)
			if err != nil {
				t.Fatal(err)
			}
			var damage *task.DamageError
			if err := remake(t, dir, name, later); !errors.As(err, &damage) || !strings.HasSuffix(damage.Path, name) {
				t.Errorf("%s has changed: %v", name, err)
			}
		}
		if len(kinds) == 0 && stage != "confirm" {
			t.Errorf("stage %s has no outputs", stage)
		}
	}
}

// remake flips a bit of a file in a copy of the run, removes stages from it, and runs it again.
func remake(t *testing.T, dir, name string, stages []string) error {
	t.Helper()
	c, err := climb.LoadConfig(filepath.Join(dir, "climb.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	c.Out = filepath.Join(t.TempDir(), "run")
	if err := os.CopyFS(c.Out, os.DirFS(filepath.Join(dir, "run"))); err != nil {
		t.Fatal(err)
	}
	for _, stage := range stages {
		if err := os.RemoveAll(filepath.Dir(glob(t, c.Out, stage+"-*/plan.json"))); err != nil {
			t.Fatal(err)
		}
	}
	flip(t, filepath.Join(c.Out, name))
	r := climb.NewRun(c)
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r.Until(context.Background(), "")
}
