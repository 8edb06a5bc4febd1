package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	maxLine = 64 << 20 // bytes of one line of a JSONL task
	maxTask = 1 << 30  // bytes of an unpacked task file: it is held in memory
)

// LoadTask reads the task in a file. Files that end in .txt are plain text
// (see splitText); all others are JSONL, one item a line, in one of the shapes
//
//	{"id", "query", "choices": [...], "gold": 0}             multiple choice
//	{"id", "contexts": [...], "target", "gold": 0}           one ending after several beginnings (WinoGrande)
//	{"id", "context", "target"}                              one right answer (LAMBADA)
//	{"id", "text"}                                           bits per byte of a text
//
// Other fields are ignored, id may be left out, and gzip and zstd are known by
// their first bytes. Where contexts and choices are both given, contexts are
// used. Anything doubtful is an error that names the file and the line.
//
// A file that ends in .yaml is a task of lm-evaluation-harness; docs/format.md
// says what of it is known. FORM:FILE is the documents of FILE in the form of a
// native task, as hellaswag:validation.jsonl, or of a YAML.
func LoadTask(path string) (*Task, error) { return LoadTaskWith(path, LoadOptions{}) }

// LoadOptions change how a task is read.
type LoadOptions struct {
	Fewshot *int // examples before each question of a YAML task; nil = as it says
}

// LoadTaskWith is LoadTask with options.
func LoadTaskWith(path string, o LoadOptions) (*Task, error) {
	if _, _, ok := splitForm(path); ok || isYAML(path) {
		name, _ := TaskName(path)
		t := &Task{Name: name, Path: path}
		if err := t.readYAML(o); err != nil {
			return nil, err
		}
		return t, nil
	}
	if o.Fewshot != nil && *o.Fewshot > 0 {
		return nil, fmt.Errorf("%s: examples before the questions are for YAML tasks; write them into the file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open task: %w", err)
	}
	defer f.Close()
	r, stop, err := unpack(f)
	if err != nil {
		return nil, fmt.Errorf("unpack task %s: %w", path, err)
	}
	defer stop()
	name, isText := TaskName(path)
	t := &Task{Name: name, Path: path}
	counted := &io.LimitedReader{R: r, N: maxTask + 1}
	if isText {
		err = t.readText(counted)
	} else {
		err = t.readLines(counted)
	}
	switch {
	case counted.N <= 0:
		return nil, fmt.Errorf("%s: more than %d MiB unpacked; evaluate on a sample of it", path, maxTask>>20)
	case err != nil:
		return nil, err
	case len(t.Items) == 0:
		return nil, fmt.Errorf("%s: no items; write one JSON object a line, or plain text in a .txt file", path)
	}
	return t, nil
}

// unpack returns the plain bytes of r and a func that frees the decoder.
func unpack(f io.Reader) (io.Reader, func(), error) {
	r := bufio.NewReader(f)
	magic, _ := r.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return r, func() {}, nil
}

// TaskName strips the extensions of the last path element, and says whether
// the file holds plain text. Of FORM:FILE it is FORM's.
func TaskName(path string) (name string, isText bool) {
	if form, _, ok := splitForm(path); ok {
		path = form
	}
	name = filepath.Base(path)
	for _, ext := range []string{".zst", ".gz"} {
		name = strings.TrimSuffix(name, ext)
	}
	if base, ok := strings.CutSuffix(name, ".txt"); ok {
		return base, true
	}
	for _, ext := range []string{".jsonl", ".json", ".yaml", ".yml"} {
		if base, ok := strings.CutSuffix(name, ext); ok {
			return base, false
		}
	}
	return name, false
}

func (t *Task) readLines(r io.Reader) error {
	seen := map[string]bool{}
	return scanLines(t.Path, r, func(n int, line []byte) error {
		kind, item, err := parseItem(line)
		if err != nil {
			return err
		}
		if t.Kind == "" {
			t.Kind = kind
		}
		if kind != t.Kind {
			return fmt.Errorf("a %s item in a file that began with %s items; put them in two files", kind, t.Kind)
		}
		if item.ID == "" {
			item.ID = fmt.Sprintf("line %d", n)
		}
		if seen[item.ID] {
			t.Duplicates++
		}
		seen[item.ID] = true
		t.Items = append(t.Items, item)
		return nil
	})
}

// scanLines calls do with every line that is not blank, and names the line in
// its errors.
func scanLines(path string, r io.Reader, do func(n int, line []byte) error) error {
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 1
	for ; scan.Scan(); n++ {
		line := scan.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if err := do(n, line); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	if errors.Is(scan.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("%s:%d: line longer than %d MiB; write one JSON object a line", path, n, maxLine>>20)
	}
	if scan.Err() != nil {
		return fmt.Errorf("read task %s:%d: %w", path, n, scan.Err())
	}
	return nil
}

// record is one line as written; nil means that the field is absent.
type record struct {
	ID       json.RawMessage `json:"id"`
	Query    *string         `json:"query"`
	Choices  []string        `json:"choices"`
	Gold     *int            `json:"gold"`
	Contexts []string        `json:"contexts"`
	Context  *string         `json:"context"`
	Target   *string         `json:"target"`
	Text     *string         `json:"text"`
}

func parseItem(line []byte) (kind string, item Item, err error) {
	if !utf8.Valid(line) {
		return "", item, errors.New("not valid UTF-8; convert the file")
	}
	var r record
	if err := json.Unmarshal(line, &r); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return "", item, fmt.Errorf("field %q holds a JSON %s where %s belongs", wrong.Field, wrong.Value, typeInWords(wrong.Type.String()))
		}
		return "", item, fmt.Errorf("not a JSON object (%w); write one object a line", err)
	}
	if json.Unmarshal(r.ID, &item.ID) != nil { // a number, or absent
		item.ID = string(r.ID)
	}
	switch {
	case r.Contexts != nil:
		kind, err = Choice, item.fromContexts(&r)
	case r.Choices != nil:
		kind, err = Choice, item.fromChoices(&r)
	case r.Target != nil:
		kind, err = Target, item.fromTarget(&r)
	case r.Text != nil:
		kind = Text
		item.Requests = []Request{{Continuation: *r.Text}}
		if *r.Text == "" {
			err = errors.New("text is empty; remove the line")
		}
	default:
		err = errors.New("none of choices, contexts, target and text; give {query, choices, gold}, {contexts, target, gold}, {context, target} or {text}")
	}
	return kind, item, err
}

func typeInWords(t string) string {
	switch t {
	case "int":
		return "an integer"
	case "[]string":
		return "a list of strings"
	}
	return "a " + t
}

func (item *Item) fromChoices(r *record) error {
	if r.Query == nil {
		return errors.New(`choices without query; give the question, or "query": "" to compare bare sentences`)
	}
	if slices.Contains(r.Choices, "") {
		return fmt.Errorf("choice %d is empty; its likelihood has no meaning", slices.Index(r.Choices, ""))
	}
	for _, answer := range r.Choices {
		item.add(newRequest(*r.Query, answer), answer)
	}
	return item.setGold(r.Gold, "choices")
}

// fromContexts is the harness's multiple-input form: the same target after
// each context (partial scoring, Trinh & Le 2018, arXiv 1806.02847).
func (item *Item) fromContexts(r *record) error {
	if r.Target == nil || *r.Target == "" {
		return errors.New("contexts without target; give the ending that follows each context")
	}
	for _, context := range r.Contexts {
		item.add(newRequest(context, *r.Target), *r.Target)
	}
	return item.setGold(r.Gold, "contexts")
}

func (item *Item) fromTarget(r *record) error {
	if r.Context == nil {
		return errors.New(`target without context; give what comes before it ("" if nothing does)`)
	}
	if *r.Target == "" {
		return errors.New("target is empty; its likelihood has no meaning")
	}
	item.add(newRequest(*r.Context, *r.Target), *r.Target)
	return nil
}

func (item *Item) add(q Request, answer string) {
	item.Requests = append(item.Requests, q)
	item.Lengths = append(item.Lengths, utf8.RuneCountInString(answer))
	item.Bytes = append(item.Bytes, len(answer))
}

func (item *Item) setGold(gold *int, what string) error {
	n := len(item.Requests)
	switch {
	case n < 2:
		return fmt.Errorf("%d %s; a choice needs two or more", n, what)
	case gold == nil:
		return fmt.Errorf("no gold; give the index of the right one of the %d %s, from 0", n, what)
	case *gold < 0 || *gold >= n:
		return fmt.Errorf("gold %d is out of range for %d %s; it is an index from 0 to %d", *gold, n, what, n-1)
	}
	item.Gold = *gold
	return nil
}
