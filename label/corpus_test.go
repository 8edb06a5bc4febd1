package label

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is one domain of the shared corpus: the mean of each column, and the
// rows themselves.
type source struct {
	name string
	rows []float32 // documents x columns
	mean []float64
}

func (s *source) low() bool { return strings.HasPrefix(s.name, "lowq_") }

func score(t *testing.T, name string, texts []string) *source {
	columns := len(ruleNames)
	s := &source{name: name, rows: make([]float32, len(texts)*columns), mean: make([]float64, columns)}
	if err := (Rules{}).Label(t.Context(), s.rows, texts); err != nil {
		t.Fatal(err)
	}
	for i, x := range s.rows {
		s.mean[i%columns] += float64(x) / float64(len(texts))
	}
	return s
}

func sharedSources(t *testing.T) []*source {
	root := os.Getenv("CLIMB_TEST_DATA")
	if root == "" {
		root = "../../shared/data"
	}
	paths, _ := filepath.Glob(filepath.Join(root, "mini", "corpus", "*.jsonl"))
	if len(paths) == 0 {
		t.Skipf("no corpus at %s/mini/corpus; set CLIMB_TEST_DATA", root)
	}
	var out []*source
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var texts []string
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<26)
		for lines.Scan() {
			var doc struct{ Text string }
			if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			texts = append(texts, doc.Text)
		}
		out = append(out, score(t, strings.TrimSuffix(filepath.Base(path), ".jsonl"), texts))
	}
	return out
}

// auc is the chance that a good value exceeds a bad one, ties counting half.
func auc(good, bad []float32) float64 {
	type value struct {
		x    float32
		good bool
	}
	var all []value
	for _, x := range good {
		all = append(all, value{x, true})
	}
	for _, x := range bad {
		all = append(all, value{x, false})
	}
	slices.SortFunc(all, func(a, b value) int {
		switch {
		case a.x < b.x:
			return -1
		case a.x > b.x:
			return 1
		}
		return 0
	})
	var ranks float64
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].x == all[i].x {
			j++
		}
		for k := i; k < j; k++ {
			if all[k].good {
				ranks += float64(i+j+1) / 2
			}
		}
		i = j
	}
	g, b := float64(len(good)), float64(len(bad))
	return (ranks - g*(g+1)/2) / (g * b)
}

func TestAUC(t *testing.T) {
	if got := auc([]float32{3, 2, 2}, []float32{1, 2}); got != (3+2)/6. {
		t.Errorf("got %v", got)
	}
}

// TestRulesFindLowQuality measures every column against the sources known to
// be junk, and holds the overall score to what was measured (see the log).
func TestRulesFindLowQuality(t *testing.T) {
	sources := sharedSources(t)
	for column, name := range ruleNames {
		var good, bad []float32
		for _, s := range sources {
			for i := column; i < len(s.rows); i += len(ruleNames) {
				if s.low() {
					bad = append(bad, s.rows[i])
				} else {
					good = append(good, s.rows[i])
				}
			}
		}
		area := auc(good, bad)
		t.Logf("ROC AUC %-12s %.3f", name, area)
		if name == "quality" && area < 0.93 {
			t.Errorf("quality: ROC AUC %.3f, measured 0.95 when it was set", area)
		}
	}
	for _, s := range sources {
		t.Logf("%-22s %.2f", s.name, s.mean)
	}
}

// TestFloorsPartSources applies the advised floors to the sources as if they
// were clusters: junk falls, all else stays.
func TestFloorsPartSources(t *testing.T) {
	for _, s := range sharedSources(t) {
		if falls := below(s); falls != s.low() {
			t.Errorf("%s: falls %v, means %.2f", s.name, falls, s.mean)
		}
	}
}

func below(s *source) bool {
	for name, floor := range (Rules{}).Floors() {
		if s.mean[slices.Index(ruleNames, name)] < floor {
			return true
		}
	}
	return false
}

// TestFloorsKeepCode uses the standard library of the Go installation.
func TestFloorsKeepCode(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	paths, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src", "net", "http", "*.go"))
	if len(paths) == 0 {
		t.Skip("no Go sources beside this Go")
	}
	var texts []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if s := score(t, "net/http", texts); below(s) {
		t.Errorf("%d files fall, means %.2f", len(texts), s.mean)
	}
}
