package fasttext

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// oracle is Debian's fasttext 0.9.2.
func oracle(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("fasttext")
	if err != nil {
		t.Skip("no fasttext on this machine; Debian's package fasttext has it")
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("fasttext %v: %v\n%s", args, err, problem.String())
	}
	return string(out)
}

// A sample is a document on one line with its source.
type sample struct{ source, text string }

// samples reads per documents of every source of the shared corpus.
func samples(t testing.TB, per, size int) (out []sample) {
	root := os.Getenv("CLIMB_TEST_DATA")
	if root == "" {
		root = "../../shared/data"
	}
	files, err := filepath.Glob(filepath.Join(root, "mini/corpus/*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Skipf("no corpus at %s/mini/corpus; set CLIMB_TEST_DATA", root)
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<24)
		for n := 0; n < per && lines.Scan(); n++ {
			var doc struct {
				Text string `json:"text"`
			}
			if err := json.Unmarshal(lines.Bytes(), &doc); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			text := strings.ReplaceAll(doc.Text, "\n", " ")
			out = append(out, sample{strings.TrimSuffix(filepath.Base(file), ".jsonl"), text[:min(len(text), size)]})
		}
		f.Close()
	}
	return out
}

// trainingFile writes samples as fastText reads them, each source in parts labels.
func trainingFile(t testing.TB, all []sample, parts int) string {
	var b strings.Builder
	for i, s := range all {
		// The order mixes the sources: the original learns line by line.
		s = all[i*7919%len(all)]
		fmt.Fprintf(&b, "__label__%s-%d %s\n", s.source, i*7919%len(all)%parts, s.text)
	}
	path := filepath.Join(t.TempDir(), "train.txt")
	if err := os.WriteFile(path, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// oddLines are those where tokenisers differ.
var oddLines = []string{
	"", " ", "\t \v\f", "word", " two  words ", "a\rb\r", "zero\x00byte", "__label__nothing", "__label__fiction-0 the label",
	"caf\xc3\xa9 na\xefve \xff\xfe broken", "日本語 の テキスト", "no\u00a0break\u2003space", "x", "<", "> <",
	strings.Repeat("long ", 3000), strings.Repeat("z", 5000),
}

func testLines(all []sample) []string {
	lines := slices.Clone(oddLines)
	for _, s := range all {
		lines = append(lines, s.text)
		if len(s.text) > 40 {
			lines = append(lines, s.text[:17], s.text[20:39])
		}
	}
	return lines
}

func open(t testing.TB, path string) *Model {
	t.Helper()
	m, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestLineEnds: the word </s> ends a line as a newline does, and what follows is
// another line.
func TestLineEnds(t *testing.T) {
	data := trainingFile(t, samples(t, 5, 200), 1)
	out := filepath.Join(t.TempDir(), "model")
	oracle(t, "", "supervised", "-input", data, "-output", out, "-dim", "4", "-epoch", "1", "-wordNgrams", "2", "-bucket", "1000", "-thread", "1")
	m := open(t, out+".bin")
	rows := func(text string) []int32 {
		var l line
		l.read(m.Dictionary, text)
		return l.rows
	}
	want := rows("the of\n")
	if len(want) != 5 { // the, of, </s> and two pairs
		t.Fatalf("three words have the rows %v", want)
	}
	for _, same := range []string{"the of </s> and more", "\t the\vof\x00\nand more", "the of </s>"} {
		if got := rows(same); !slices.Equal(got, want) {
			t.Errorf("%q has the rows %v, not %v", same, got, want)
		}
	}
	if got := rows("the of"); len(got) != 3 {
		t.Errorf("without a newline there are the rows %v; two words and their pair are right", got)
	}
}

// compare asks both for all probabilities of all lines.
func compare(t *testing.T, path string, lines []string) {
	t.Helper()
	m := open(t, path)
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l + "\n"
	}
	got, known := make([]float32, len(texts)*m.Labels()), make([]bool, len(texts))
	if err := m.Batch(got, known, texts, runtime.GOMAXPROCS(0)); err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(oracle(t, strings.Join(texts, ""), "predict-prob", path, "-", "-1"), "\n")
	if len(answers) < len(lines) {
		t.Fatalf("%d answers for %d lines", len(answers), len(lines))
	}
	worst := 0.0
	for i := range lines {
		fields := strings.Fields(answers[i])
		if known[i] != (len(fields) > 0) {
			t.Errorf("line %d %.60q: known %v, the original says %q", i, lines[i], known[i], answers[i])
			continue
		}
		want := make([]float64, m.Labels())
		for f := 0; f+1 < len(fields); f += 2 {
			entry := m.Find(fields[f])
			p, err := strconv.ParseFloat(fields[f+1], 64)
			if entry < m.Words() || err != nil {
				t.Fatalf("line %d: the original says %q", i, answers[i])
			}
			want[entry-m.Words()] = p
		}
		for j, w := range want {
			d := math.Abs(w - float64(got[i*m.Labels()+j]))
			if d > 1e-5 {
				t.Fatalf("line %d %.60q: %s has %v, the original says %v", i, lines[i], m.Label(j), got[i*m.Labels()+j], w)
			}
			worst = max(worst, d)
		}
	}
	t.Logf("%d lines, %d labels: largest difference %.2g", len(lines), m.Labels(), worst)
}

func TestClassifiersAgree(t *testing.T) {
	all := samples(t, 25, 300)
	data := trainingFile(t, all, 1)
	manyLabels := trainingFile(t, all, 13)
	lines := testLines(all)
	for _, c := range []struct {
		name, data string
		args       []string
		quantize   []string
	}{
		{"softmax", data, []string{"-wordNgrams", "2", "-bucket", "20000"}, nil},
		{"words only", data, nil, nil},
		{"trigrams and sub-words", data, []string{"-wordNgrams", "3", "-bucket", "20000", "-minn", "2", "-maxn", "4"}, nil},
		{"hierarchical", manyLabels, []string{"-loss", "hs", "-wordNgrams", "2", "-bucket", "20000"}, nil},
		{"one-vs-all", data, []string{"-loss", "ova", "-minn", "1", "-maxn", "3", "-bucket", "20000"}, nil},
		{"negative sampling", data, []string{"-loss", "ns"}, nil},
		{"quantised", data, []string{"-wordNgrams", "2", "-bucket", "1000"}, []string{"-dsub", "3", "-cutoff", "800"}},
		{"quantised with norms, pruned", data, []string{"-wordNgrams", "2", "-bucket", "1000", "-minn", "2", "-maxn", "3"}, []string{"-qnorm"}},
		{"quantised output", manyLabels, []string{"-loss", "hs"}, []string{"-qnorm", "-qout", "-cutoff", "1000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "model")
			oracle(t, "", append([]string{"supervised", "-input", c.data, "-output", out, "-dim", "10", "-epoch", "3", "-lr", "0.5", "-thread", "2"}, c.args...)...)
			path := out + ".bin"
			if c.quantize != nil {
				oracle(t, "", append([]string{"quantize", "-input", c.data, "-output", out, "-thread", "2"}, c.quantize...)...)
				path = out + ".ftz"
			}
			compare(t, path, lines)
		})
	}
}

func TestWordVectorsAgree(t *testing.T) {
	all := samples(t, 20, 600)
	data := trainingFile(t, all, 1)
	out := filepath.Join(t.TempDir(), "model")
	oracle(t, "", "skipgram", "-input", data, "-output", out, "-dim", "9", "-epoch", "1", "-bucket", "3000", "-minn", "3", "-maxn", "6", "-thread", "2")
	m := open(t, out+".bin")
	words := []string{"the", "The", "and", "unheardofword", "é", "日本", "x", "</s>"}
	for i := 0; i < m.Words(); i += 7 {
		words = append(words, m.Word(i))
	}
	answers := strings.Split(oracle(t, strings.Join(words, "\n")+"\n", "print-word-vectors", out+".bin"), "\n")
	got := make([]float32, m.Dim)
	for i, w := range words {
		fields := strings.Fields(answers[i])
		if len(fields) != 10 || fields[0] != w {
			t.Fatalf("the original answers %q for %q", answers[i], w)
		}
		m.WordVector(got, w)
		for j, x := range got {
			want, err := strconv.ParseFloat(fields[j+1], 64)
			if err != nil || math.Abs(want-float64(x)) > 6e-5*max(1, math.Abs(want)) { // five digits are printed
				t.Fatalf("%q: element %d is %v, the original says %v", w, j, x, fields[j+1])
			}
		}
	}
	if _, err := m.NewPredictor(); err == nil {
		t.Error("word vectors predict labels")
	}
}
