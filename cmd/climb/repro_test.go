package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/repro"
)

// A case that is unknown is a mistake in usage; one without its data names it,
// and where to get it; one that ran says what was published and measured.
func TestRepro(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var cases []repro.Case
	if err := json.Unmarshal([]byte(mustRun(t, dir, "repro", "--json")), &cases); err != nil || len(cases) != len(repro.Cases) {
		t.Errorf("%d cases, %v", len(cases), err)
	}
	if out := mustRun(t, dir, "repro"); !strings.Contains(out, "regmix (met): ") || !strings.Contains(out, "2407.01492") {
		t.Error(out)
	}
	if code, _, errs := climbRun(t, dir, "repro", "alchemy"); code != 2 || !strings.Contains(errs, "there are adasketch, attack, gbnn, maid, regmix") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if code, _, errs := climbRun(t, dir, "repro", "regmix", "--short", "--record", "x"); code != 2 || !strings.Contains(errs, "--record") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if code, _, errs := climbRun(t, dir, "repro", "regmix"); code != 1 || !strings.Contains(errs, "curl -LO https://") {
		t.Errorf("exit %d, %q", code, errs)
	}
	data := os.Getenv("CLIMB_TEST_DATA")
	if data == "" {
		data, _ = filepath.Abs(filepath.Join("..", "..", "..", "shared", "data"))
	}
	if _, err := os.Stat(filepath.Join(data, "tables", "train_mixture_1m.csv")); err != nil {
		t.Skip("RegMix's tables are not here; CLIMB_TEST_DATA names the folder that holds tables/")
	}
	record := filepath.Join(dir, "verdicts.txt")
	if err := os.WriteFile(record, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, dir, "repro", "regmix", "--data", data, "--record", record); !strings.Contains(out, "98.45") || !strings.Contains(out, "regmix: met") {
		t.Error(out)
	}
	if text, err := os.ReadFile(record); err != nil || !strings.Contains(string(text), "case\tregmix\tmet\t") {
		t.Errorf("%s, %v", text, err)
	}
	if out := mustRun(t, dir, "repro", "regmix", "--data", data, "--short"); !strings.Contains(out, "short: no verdict on the claim") {
		t.Error(out)
	}
}
