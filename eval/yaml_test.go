package eval

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

const mmluHead = "The following are multiple choice questions (with answers) about abstract algebra.\n\n" +
	"1 + 1?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer: B\n\n"

const mmluQuestion = mmluHead + "1 + 2?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:"

// TestHarnessTasks holds the requests that lm-evaluation-harness v0.4 makes of
// tasks in its conventions, worked out by hand from its ConfigurableTask and
// its published templates (lm_eval/tasks/<name>). The index is of the document.
func TestHarnessTasks(t *testing.T) {
	tests := []struct {
		file string
		doc  int
		want Item
	}{
		{"arc_easy", 0, Item{Requests: []Request{{"Question: Which one gives light?\nAnswer:", " a stone"}, {"Question: Which one gives light?\nAnswer:", " the sun"},
			{"Question: Which one gives light?\nAnswer:", ` a "shadow" that's dark`}}, Gold: 1, Lengths: []int{7, 7, 22}, Bytes: []int{7, 7, 22}}},
		{"arc_easy", 1, Item{Requests: []Request{{"Question: What falls as rain?\nAnswer:", " water"}, {"Question: What falls as rain?\nAnswer:", " sand"}},
			Gold: 0, Lengths: []int{5, 4}, Bytes: []int{5, 4}}},
		{"hellaswag", 0, Item{Requests: []Request{{"Cutting bread: How to cut bread. Take a knife. Then she", " saws slowly."}, {"Cutting bread: How to cut bread. Take a knife. Then she", " sings a song."}},
			Lengths: []int{12, 13}, Bytes: []int{12, 13}}},
		{"piqa", 1, Item{Requests: []Request{{"Question: Dry a shirt.\nAnswer:", " Put it in water."}, {"Question: Dry a shirt.\nAnswer:", " Hang it in the wind."}},
			Gold: 1, Lengths: []int{16, 20}, Bytes: []int{16, 20}}},
		{"sciq", 0, Item{Requests: []Request{{"Plants need light.\nQuestion: What do plants take in?\nAnswer:", " iron"}, {"Plants need light.\nQuestion: What do plants take in?\nAnswer:", " gold"},
			{"Plants need light.\nQuestion: What do plants take in?\nAnswer:", " salt"}, {"Plants need light.\nQuestion: What do plants take in?\nAnswer:", " light"}},
			Gold: 3, Lengths: []int{4, 4, 4, 5}, Bytes: []int{4, 4, 4, 5}}},
		{"boolq", 0, Item{Requests: []Request{{"Ice is cold.\nQuestion: is ice cold?\nAnswer:", " no"}, {"Ice is cold.\nQuestion: is ice cold?\nAnswer:", " yes"}},
			Gold: 1, Lengths: []int{2, 3}, Bytes: []int{2, 3}}},
		{"boolq", 1, Item{Requests: []Request{{"Ice is cold.\nQuestion: is ice hot?\nAnswer:", " no"}, {"Ice is cold.\nQuestion: is ice hot?\nAnswer:", " yes"}},
			Gold: 0, Lengths: []int{2, 3}, Bytes: []int{2, 3}}},
		{"openbookqa", 0, Item{Requests: []Request{{"A magnet pulls", " wood"}, {"A magnet pulls", " iron"}}, Gold: 1, Lengths: []int{4, 4}, Bytes: []int{4, 4}}},
		// Partial scoring: the choices are the contexts, the ending is scored, and
		// the lengths are those of the choices.
		{"winogrande", 0, Item{Requests: []Request{{"Ann thanked Zoë because Ann", " had helped."}, {"Ann thanked Zoë because Zoë", " had helped."}},
			Gold: 1, Lengths: []int{27, 27}, Bytes: []int{28, 29}}},
		// No delimiter for loglikelihood: the template brings it.
		{"lambada", 0, Item{Requests: []Request{{"He opened the door and went", " home"}}, Lengths: []int{5}, Bytes: []int{5}}},
		{"mmlu_algebra", 0, Item{Requests: []Request{{mmluQuestion, " A"}, {mmluQuestion, " B"}, {mmluQuestion, " C"}, {mmluQuestion, " D"}},
			Gold: 2, Head: len(mmluHead), Lengths: []int{1, 1, 1, 1}, Bytes: []int{1, 1, 1, 1}}},
		{"copa", 0, Item{Requests: []Request{{"The lake froze because", " it was cold."}, {"The lake froze because", " fish swam."}}, Lengths: []int{12, 10}, Bytes: []int{12, 10}}},
		{"wikitext", 0, Item{Requests: []Request{{"", " = Title = \n\n A first  page.\n"}}}},
	}
	for _, test := range tests {
		task, err := LoadTask(filepath.Join("testdata", "tasks", test.file+".yaml"))
		if err != nil {
			t.Errorf("%s: %v", test.file, err)
			continue
		}
		test.want.ID = "document " + strconv.Itoa(test.doc)
		if d := cmp.Diff(test.want, task.Items[test.doc]); d != "" {
			t.Errorf("%s: %s", test.file, d)
		}
	}
}

func TestHarnessTaskItself(t *testing.T) {
	got, err := LoadTask("testdata/tasks/mmlu_algebra.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got.Items = nil
	want := &Task{Name: "mmlu_algebra", Path: "testdata/tasks/mmlu_algebra.yaml", Alias: "mmlu_abstract_algebra", Kind: Choice, Split: "test", Shots: 1, Listed: []string{"acc"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	piqa, err := LoadTask("testdata/tasks/piqa.yaml")
	if err != nil || piqa.Version != "1.0" || piqa.Split != "validation" {
		t.Errorf("%+v, %v", piqa, err)
	}
	files, err := Files("testdata/tasks/mmlu_algebra.yaml")
	dir := "testdata/tasks/"
	if d := cmp.Diff([]string{dir + "_mmlu.yaml", dir + "mmlu.dev.jsonl", dir + "mmlu.test.jsonl", dir + "mmlu_algebra.yaml"}, files); d != "" || err != nil {
		t.Error(d, err)
	}
}

// TestMersenne compares with CPython 3.11: random.Random(1234), then
// getrandbits(32), sample(range(10), 4), sample(range(1000), 6) in turn.
func TestMersenne(t *testing.T) {
	const python = "/usr/bin/python3"
	if _, err := exec.LookPath(python); err != nil {
		t.Skip("no " + python + ": apt install python3")
	}
	out, err := exec.Command(python, "-c", `
import random
r = random.Random(1234)
print([r.getrandbits(32) for _ in range(700)][-1], *r.sample(range(10), 4), *r.sample(range(1000), 6), *r.sample(range(85), 30), *r.sample(range(21), 3))`).Output()
	if err != nil {
		t.Fatal(err)
	}
	m := newMersenne(1234)
	for range 699 {
		m.next()
	}
	got := []string{strconv.Itoa(int(m.next()))}
	for _, s := range [][2]int{{10, 4}, {1000, 6}, {85, 30}, {21, 3}} {
		for _, i := range m.sample(s[0], s[1]) {
			got = append(got, strconv.Itoa(i))
		}
	}
	if d := cmp.Diff(strings.Fields(string(out)), got); d != "" {
		t.Error(d)
	}
}

// TestFewshotDraw: random.Random(1234).sample(range(3), 2) is [1, 0] and then
// [1, 0] and [1, 2]: one more document than asked for is drawn, since neither
// the examples' split nor a test split is named, and the question itself is
// left out.
func TestFewshotDraw(t *testing.T) {
	task, err := LoadTask("testdata/tasks/triviaqa.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := newMersenne(fewshotSeed)
	names := []string{"Who sang it", "Where is it", "When was it"}
	answers := []string{"Ella", "Rome", "1900"}
	for i, item := range task.Items {
		drawn := m.sample(3, 2)
		shot := drawn[0]
		if shot == i {
			shot = drawn[1]
		}
		head := "Question: " + names[shot] + "?\nAnswer: " + answers[shot] + "\n\n"
		want := Item{ID: "document " + strconv.Itoa(i), Head: len(head), Lengths: []int{5}, Bytes: []int{5},
			Requests: []Request{{head + "Question: " + names[i] + "?\nAnswer:", " " + answers[i]}}}
		if d := cmp.Diff(want, item); d != "" {
			t.Error(d)
		}
	}
}

// folder writes files and returns the path of the first.
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0])
}

const plainYAML = `dataset_path: json
dataset_kwargs: {data_files: {validation: d.jsonl}}
output_type: multiple_choice
validation_split: validation
doc_to_text: "{{q}}"
doc_to_choice: c
doc_to_target: y
`

func TestHarnessTaskErrors(t *testing.T) {
	data := `{"q":"Q","c":["a","b"],"y":1}`
	with := func(field, value string) string {
		lines := strings.Split(plainYAML, "\n")
		for i, line := range lines {
			if strings.HasPrefix(line, field+":") {
				lines[i] = ""
			}
		}
		return strings.Join(lines, "\n") + value
	}
	tests := []struct{ yaml, data, want string }{
		{plainYAML + "process_docs: !function utils.process_docs\n", data, "t.yaml:8: process_docs is Python, which climb does not run: apply it once and write the result as JSONL"},
		{with("doc_to_text", "doc_to_text: !function utils.text\n"), data, "t.yaml:8: doc_to_text: !function utils.text is Python"},
		{plainYAML + "metric_list:\n  - metric: !function m.f\n", data, "metric_list: !function m.f is Python"},
		{with("dataset_path", "dataset_path: allenai/sciq\n"), data, `t.yaml:8: dataset_path: "allenai/sciq" is no file: climb downloads nothing`},
		{with("output_type", "output_type: generate_until\n"), data, "output_type: generate_until lets the model write"},
		{with("output_type", "output_type: choice\n"), data, `"choice" is not known; it is one of multiple_choice`},
		{with("output_type", ""), data, "output_type: is missing"},
		{with("doc_to_choice", ""), data, "doc_to_choice: is missing"},
		{with("doc_to_target", ""), data, "doc_to_target: is missing"},
		{with("doc_to_text", ""), data, "doc_to_text: is missing"},
		{with("validation_split", ""), data, "name the split to score"},
		{with("validation_split", "validation_split: dev\n"), data, `validation_split: there is no split "dev" in dataset_kwargs.data_files; there are validation`},
		{plainYAML + "colour: red\n", data, "t.yaml:8: field colour is not known; remove it if"},
		{plainYAML + "num_fewshot: many\n", data, "t.yaml:8: num_fewshot: "},
		{plainYAML + "num_fewshot: -1\n", data, "num_fewshot: is -1"},
		{plainYAML + "num_fewshot: 3\n", data, "num_fewshot: 4 examples are wanted and there are 1 documents"},
		{plainYAML + "fewshot_config: {sampler: balanced}\n", data, `sampler "balanced" is not known`},
		{plainYAML + "fewshot_config: {seed: 1}\n", data, "fewshot_config: seed is not known"},
		{plainYAML + "task: [a, b]\n", data, "t.yaml:8: task: a group of tasks; name the files of its tasks one by one"},
		{plainYAML + "doc_to_text: x\n", data, `mapping key "doc_to_text" already defined`},
		{plainYAML + "include: no.yaml\n", data, "t.yaml:8: include: open task: "},
		{plainYAML + "include: t.yaml\n", data, "does it include itself?"},
		{with("doc_to_text", "doc_to_text: \"{{question}}\"\n"), data, "d.jsonl:1: line 1, column 3: there is no question; there are c, q, y"},
		{with("doc_to_text", "doc_to_text: \"{{q\"\n"), data, "t.yaml:8: doc_to_text: line 1, column 1: a {{ without }}"},
		{with("doc_to_choice", "doc_to_choice: \"{{q}}\"\n"), data, `"Q" is no list of choices`},
		{plainYAML, `{"q":"Q","c":["a","b"],"y":2}`, "doc_to_target: of "},
		{plainYAML, `{"q":"Q","c":["a","b"],"y":-1}`, "\"-1\" is neither an index of the 2 choices, from 0, nor one of them; is this a split without answers?"},
		{plainYAML, `{"q":"Q","c":["a",""],"y":0}`, "choice 1 is empty"},
		{plainYAML, `{"q":"Q","c":["a"],"y":0}`, "a choice needs two or more"},
		{plainYAML, data + "\n[1]", "d.jsonl:2: not a JSON object"},
		{plainYAML, data + "\n{", "d.jsonl:2: not JSON"},
		{plainYAML, "\xff", "d.jsonl:1: not valid UTF-8"},
		{plainYAML, "", `split "validation" has no documents`},
		{plainYAML, "[1]", "d.jsonl: element 0 of the list is not a JSON object"},
		{plainYAML, "PAR1 and then nothing", "read "},
		{"- a\n", data, "a task is one YAML mapping"},
		{"a: [\n", data, "t.yaml: "},
		{with("doc_to_text", "metadata: &a \"{{q}}\"\ndoc_to_text: *a\n"), data, "t.yaml:9: doc_to_text: aliases are not known; write the value out"},
	}
	for _, test := range tests {
		_, err := LoadTask(folder(t, "t.yaml", test.yaml, "d.jsonl", test.data))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s%s\n  %v\n  want %q", test.yaml, test.data, err, test.want)
		}
	}
}

// TestHarnessTaskForms are ways to write the same thing.
func TestHarnessTaskForms(t *testing.T) {
	want := Item{ID: "document 0", Requests: []Request{{"Q", " a"}, {"Q", " b"}}, Gold: 1, Lengths: []int{1, 1}, Bytes: []int{1, 1}}
	base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(plainYAML, "doc_to_target: y\n"), "doc_to_choice: c\n"), "doc_to_text: \"{{q}}\"\n")
	for _, form := range []string{
		"doc_to_text: q\ndoc_to_choice: c\ndoc_to_target: y",
		"doc_to_text: q\ndoc_to_choice: \"{{c}}\"\ndoc_to_target: 1",
		"doc_to_text: Q\ndoc_to_choice: [a, b]\ndoc_to_target: \"{{y}}\"",
		"doc_to_text: \"Q\"\ndoc_to_choice: {no: a, yes: b}\ndoc_to_target: b",
		"doc_to_text: q\ndoc_to_choice: \"{{(c[0], c[1])}}\"\ndoc_to_target: \"{{[c[1]]}}\"",
		"doc_to_text: |-\n  {%- if y == 1 -%}\n  {{ q }}\n  {%- else -%}\n  no\n  {%- endif -%}\ndoc_to_choice: c\ndoc_to_target: \"{{c[-1]}}\"",
	} {
		task, err := LoadTask(folder(t, "t.yml", base+form+"\n", "d.jsonl", `{"q":"Q","c":["a","b"],"y":1}`))
		if err != nil {
			t.Errorf("%s: %v", form, err)
		} else if d := cmp.Diff([]Item{want}, task.Items); d != "" {
			t.Errorf("%s: %s", form, d)
		}
	}
	// Several right answers, and the choices alone for acc_mutual_info.
	task, err := LoadTask(folder(t, "t.yaml", base+"doc_to_text: q\ndoc_to_choice: c\ndoc_to_target: y\ntarget_delimiter: \"\"\nmetric_list: [{metric: acc_mutual_info}]\n",
		"d.jsonl", `[{"q":"Q ","c":["a","b","c"],"y":[2,0]}]`))
	if err != nil {
		t.Fatal(err)
	}
	several := Item{ID: "document 0", Requests: []Request{{"Q", " a"}, {"Q", " b"}, {"Q", " c"}}, Alone: []Request{{"", "a"}, {"", "b"}, {"", "c"}},
		Gold: 2, Also: []int{0}, Lengths: []int{1, 1, 1}, Bytes: []int{1, 1, 1}}
	if d := cmp.Diff([]Item{several}, task.Items); d != "" {
		t.Error(d)
	}
}

func TestHarnessTaskParquet(t *testing.T) {
	type choices struct {
		Text  []string `parquet:"text,list"`
		Label []string `parquet:"label"`
	}
	type question struct {
		Question string  `parquet:"question"`
		Choices  choices `parquet:"choices"`
		Key      *string `parquet:"answerKey,optional"`
		Score    float64 `parquet:"score"`
		Gold     int32   `parquet:"gold"`
	}
	dir, key := t.TempDir(), "B"
	if err := parquet.WriteFile(filepath.Join(dir, "q.parquet"), []question{{"Why?", choices{[]string{"x", "it's"}, []string{"A", "B"}}, &key, 0.5, 1}}); err != nil {
		t.Fatal(err)
	}
	yaml := "dataset_path: parquet\ndataset_kwargs: {data_dir: .., data_files: {test: " + filepath.Base(dir) + "/q.parquet}}\noutput_type: multiple_choice\ntest_split: test\n" +
		"doc_to_text: \"{{question}} {{score}} {{gold}}\"\ndoc_to_choice: \"{{choices.text}}\"\ndoc_to_target: \"{{choices.label.index(answerKey)}}\"\n"
	if err := os.WriteFile(filepath.Join(dir, "t.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	task, err := LoadTask(filepath.Join(dir, "t.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := Item{ID: "document 0", Requests: []Request{{"Why? 0.5 1", " x"}, {"Why? 0.5 1", " it's"}}, Gold: 1, Lengths: []int{1, 4}, Bytes: []int{1, 4}}
	if d := cmp.Diff([]Item{want}, task.Items); d != "" {
		t.Error(d)
	}
}

// TestYAMLIsJSONL: a task that names the fields of our JSONL asks what the
// JSONL asks.
func TestYAMLIsJSONL(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(data(t, "mini", "eval"), "*.validation.jsonl"))
	forms := map[string]string{
		Choice:     "output_type: multiple_choice\ndoc_to_text: query\ndoc_to_choice: choices\ndoc_to_target: gold\n",
		"contexts": "output_type: multiple_choice\ndoc_to_text: gold\ndoc_to_choice: contexts\ndoc_to_target: target\n",
		Target:     "output_type: loglikelihood\ndoc_to_text: context\ndoc_to_target: \"{{' ' ~ target}}\"\n",
	}
	for _, path := range paths {
		plain, err := LoadTask(path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		form := forms[plain.Kind]
		if strings.Contains(string(text), `"contexts"`) {
			form = forms["contexts"]
		}
		if strings.HasPrefix(plain.Name, "blimp") { // bare sentences with a space of their own
			form += "target_delimiter: \"\"\n"
		}
		yaml := folder(t, plain.Name+".yaml", form+"dataset_path: json\ndataset_kwargs: {data_files: {validation: "+strconv.Quote(mustAbs(t, path))+"}}\nvalidation_split: validation\n")
		task, err := LoadTask(yaml)
		if err != nil {
			t.Errorf("%s: %v", plain.Name, err)
			continue
		}
		if task.Kind != plain.Kind || task.Name != plain.Name || len(task.Items) != len(plain.Items) {
			t.Errorf("%s: %s, %d items; %s, %d items", task.Name, task.Kind, len(task.Items), plain.Kind, len(plain.Items))
			continue
		}
		for i, item := range task.Items {
			if d := cmp.Diff(plain.Items[i].Requests, item.Requests); d != "" || item.Gold != plain.Items[i].Gold {
				t.Errorf("%s, item %d: gold %d and %d, %s", plain.Name, i, plain.Items[i].Gold, item.Gold, d)
				break
			}
		}
	}
	if len(paths) < 15 {
		t.Errorf("%d files", len(paths))
	}
}

func mustAbs(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// FuzzYAML holds that any YAML is a task whose items are sound, or an error.
func FuzzYAML(f *testing.F) {
	paths, _ := filepath.Glob("testdata/tasks/*.yaml")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		rows, _ := os.ReadFile(strings.TrimSuffix(path, ".yaml") + ".jsonl")
		f.Add(strings.ReplaceAll(string(data), filepath.Base(path)+"l", "d.jsonl"), rows)
	}
	f.Add(plainYAML, []byte(`{"q":"Q","c":["a","b"],"y":1}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, yaml string, rows []byte) {
		for name, data := range map[string][]byte{"t.yaml": []byte(yaml), "d.jsonl": rows} {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		task, err := LoadTask(filepath.Join(dir, "t.yaml"))
		if err != nil {
			return
		}
		for _, item := range task.Items {
			if len(item.Requests) == 0 || item.Gold >= len(item.Requests) || task.Kind == Choice && len(item.Lengths) != len(item.Requests) {
				t.Fatalf("%+v", item)
			}
			for _, q := range item.Requests {
				if q.Continuation == "" || !utf8.ValidString(q.Continuation) || item.Head > len(q.Context) {
					t.Fatalf("%+v", item)
				}
			}
		}
	})
}
