package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/eval"
	"github.com/climb-go/climb/lm"
)

// Few steps, few seeds and few items are told, each alone, at its threshold and
// not above it.
func TestDoubts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.jsonl")
	var b strings.Builder
	for i := range 150 {
		fmt.Fprintf(&b, `{"id":"%d","text":"one of the texts, the %dth"}`+"\n", i, i)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		steps, limit int
		seeds        int
		task         string
		command      bool
		want         []string
	}{
		{300, 100, 3, "", false, nil},
		{300, 0, 3, "", false, nil},
		{299, 100, 3, "", false, []string{"only 299 steps"}},
		{299, 100, 3, "", true, nil},
		{300, 99, 3, "", false, []string{"only 99 items"}},
		{300, 99, 3, "piqa", false, nil},
		{300, 100, 2, "", false, []string{"confirm.seeds is 2"}},
		{1, 1, 2, "", false, []string{"only 1 steps", "confirm.seeds is 2", "only 1 items"}},
	} {
		r := &Trials{Config: Config{Target: TargetConfig{Validation: []eval.Term{{File: file, Metric: "bpb", Weight: 1, Limit: c.limit, Task: c.task}}}}}
		r.Config.Confirm.Seeds, r.Config.Proxy.Batch, r.Config.Proxy.Tokens, r.Config.Proxy.Model = c.seeds, 4, int64(32*c.steps), lm.Config{Context: 8}
		if c.command {
			r.Config.Proxy.Command = []string{"train"}
		}
		got, err := r.Doubts()
		if err != nil {
			t.Fatal(err)
		}
		ok := len(got) == len(c.want)
		for i := range got {
			ok = ok && strings.Contains(got[i], c.want[i])
		}
		if !ok {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
