package climb_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/climb-go/climb"
)

// TestMethodsPage holds docs/methods.md to the tables and tags that it is made
// from.
func TestMethodsPage(t *testing.T) {
	families, err := climb.Families()
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := climb.WriteMethodsMarkdown(&want, families); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/methods.md")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(page, want.Bytes()) {
		return
	}
	have, lines := bytes.Split(page, []byte("\n")), bytes.Split(want.Bytes(), []byte("\n"))
	line := 0
	for line < min(len(have), len(lines)) && bytes.Equal(have[line], lines[line]) {
		line++
	}
	t.Errorf("docs/methods.md differs from the code from line %d on; make it again with\n\tgo run ./cmd/climb methods --markdown > docs/methods.md", line+1)
}
