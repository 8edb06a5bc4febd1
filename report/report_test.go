package report

import (
	"flag"
	"testing"
)

var out = flag.String("out", "", "write the sample's report into this directory, to look at it")

func TestSample(t *testing.T) {
	dir := *out
	if dir == "" {
		dir = t.TempDir()
	}
	if err := Write(dir, sample()); err != nil {
		t.Fatal(err)
	}
}
