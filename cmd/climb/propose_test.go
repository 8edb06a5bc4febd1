package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/history"
	"github.com/climb-go/climb/mix"
)

// A table of runs in, proposals within the bounds as JSON and as a table out.
func TestPropose(t *testing.T) {
	dir := t.TempDir()
	table := &history.Table{Domains: []string{"web", "code", "books"}, Metrics: []string{"loss"}}
	for i := range 12 {
		a, b := float64(i%4)/4, float64(i%3)/4
		m := mix.Mixture{a, b * (1 - a), (1 - a) * (1 - b)}
		table.Runs = append(table.Runs, history.Run{Name: fmt.Sprintf("r%d", i), Mixture: m, Values: []float64{3 - m[0] + m[1]*m[1]}})
	}
	files, err := table.Write(dir, "climb")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	args := []string{"propose", "--history", files[0], "-n", "3", "--most", "web=0.6", "--out", "next", "--json"}
	out, err := command(dir, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var p climb.Proposals
	if err := json.Unmarshal(out, &p); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	if p.Runs != 12 || p.Failed != 0 || len(p.Next) != 3 {
		t.Errorf("%d runs, %d failed, %d proposals; want 12, 0, 3", p.Runs, p.Failed, len(p.Next))
	}
	for _, m := range append(p.Next, p.Recommended) {
		if err := m.Mixture.Check(); err != nil || m.Mixture[0] > 0.6+1e-9 || !(m.Std > 0) {
			t.Errorf("proposal %+v: %v; web may have at most 0.6", m, err)
		}
	}
	next, err := history.Read(filepath.Join(dir, "next", filepath.Base(files[0])))
	if err != nil || len(next.Runs) != 3 || mix.L1(next.Runs[0].Mixture, p.Next[0].Mixture) > 1e-6 {
		t.Errorf("the written table: %+v, %v", next, err)
	}
	_, err = command(dir, "propose", "--history", files[0], "--most", "moon=0.6").Output()
	if exit, ok := err.(*exec.ExitError); !ok || !strings.Contains(string(exit.Stderr), `no domain is called "moon"`) {
		t.Errorf("an unknown domain: %v", err)
	}
}

// Scripts of form curator have the prefixes of the domains' files.
func TestCasesProposePrefix(t *testing.T) {
	dir := t.TempDir()
	table := &history.Table{Domains: []string{"web", "code"}, Metrics: []string{"loss"}}
	for i := range 10 {
		m := mix.Mixture{float64(i) / 9, 1 - float64(i)/9}
		table.Runs = append(table.Runs, history.Run{Name: fmt.Sprintf("r%d", i), Mixture: m, Values: []float64{3 - m[0] + m[0]*m[0]}})
	}
	files, err := table.Write(dir, "climb")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"propose", "--history", files[0], "-n", "2", "--least", "code=0.1", "--out", "next", "--form", "curator"}
	out, err := command(dir, args...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "give --prefix") || !strings.Contains(string(out), "Lower is better: loss") {
		t.Errorf("without --prefix: %v in\n%s", err, out)
	}
	out, err = command(dir, append(args, "--prefix", "/data/{domain}_text_document")...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "give --prefix") {
		t.Errorf("with --prefix: %v in\n%s", err, out)
	}
	script, err := os.ReadFile(filepath.Join(dir, "next", "n1.sh"))
	if err != nil || !strings.Contains(string(script), " /data/code_text_document\n") {
		t.Errorf("n1.sh: %v in\n%s", err, script)
	}
	for _, bad := range [][]string{{"--prefix", "/data/web"}, {"--prefix", "{domain}", "--form", "regmix"}, {"--form", "xml"}} {
		if _, err := command(dir, append(args, bad...)...).Output(); err == nil {
			t.Errorf("%v: no error", bad)
		} else if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 {
			t.Errorf("%v: %v, want exit code 2", bad, err)
		}
	}
}

// FuzzNumbers: what is given as DOMAIN=NUMBER is a finite number of at least 0, or refused.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"0.5", "NaN", "inf", "1e999", "-1", "0x1p-3", "1_000", "1e31", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := numbers("prior", map[string]string{"a": text})
		if err == nil && !(got["a"] >= 0 && got["a"] <= math.MaxFloat64) || err != nil && !strings.Contains(err.Error(), "--prior a") {
			t.Fatalf("%q: %v, %v", text, got, err)
		}
	})
}
