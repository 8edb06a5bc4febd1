package examples

import (
	"path/filepath"
	"testing"

	"github.com/climb-go/climb"
)

// Every configuration here can be loaded.
func TestConfigurations(t *testing.T) {
	paths, err := filepath.Glob("*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		if _, err := climb.LoadConfig(path); err != nil {
			t.Error(err)
		}
	}
}
