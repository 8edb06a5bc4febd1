package curate_test

import (
	"testing"

	"github.com/climb-go/climb"
)

// openRun opens a run of a climb.yaml.
func openRun(t *testing.T, yaml string) *climb.Run {
	t.Helper()
	c, err := climb.ParseConfig([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	r := climb.NewRun(c)
	if err := r.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}
