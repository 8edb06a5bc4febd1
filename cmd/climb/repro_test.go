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
	if err := json.Unmarshal([]byte(mustRun(t, dir, "repro", "list", "--json")), &cases); err != nil || len(cases) != len(repro.Cases) {
		t.Errorf("%d cases, %v", len(cases), err)
	}
	if out := mustRun(t, dir, "repro", "list"); !strings.Contains(out, "regmix: ") || !strings.Contains(out, "2407.01492") {
		t.Error(out)
	}
	if code, _, errs := climbRun(t, dir, "repro", "run", "alchemy"); code != 2 || !strings.Contains(errs, "there are regmix") {
		t.Errorf("exit %d, %q", code, errs)
	}
	if code, _, errs := climbRun(t, dir, "repro", "run", "regmix"); code != 1 || !strings.Contains(errs, "curl -LO https://") {
		t.Errorf("exit %d, %q", code, errs)
	}
	data := os.Getenv("CLIMB_TEST_DATA")
	if data == "" {
		data, _ = filepath.Abs(filepath.Join("..", "..", "..", "shared", "data"))
	}
	if _, err := os.Stat(filepath.Join(data, "tables", "train_mixture_1m.csv")); err != nil {
		t.Skip("RegMix's tables are not here; CLIMB_TEST_DATA names the folder that holds tables/")
	}
	if out := mustRun(t, dir, "repro", "run", "regmix", "--data", data); !strings.Contains(out, "98.45") || !strings.Contains(out, "regmix: pass") {
		t.Error(out)
	}
}
