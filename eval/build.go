package eval

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/climb-go/climb/eval/jinja"
)

// builder makes items of documents as the harness's ConfigurableTask does.
type builder struct {
	c                    *config
	text, choice, target *template // choice may be nil, text too
	description          *template
	shots                *shots // nil for none
	alone                bool   // ask for the choices without the question too
}

// kindOf maps the harness's output types to kinds of tasks.
var kindOf = map[string]string{"multiple_choice": Choice, "loglikelihood": Target, "loglikelihood_rolling": Text}

// readYAML reads a task of the harness.
func (t *Task) readYAML(o LoadOptions) error {
	c, err := t.config()
	if err != nil {
		return err
	}
	if o.Fewshot != nil {
		c.NumFewshot = *o.Fewshot
	}
	splits, err := c.splits()
	if err != nil {
		return err
	}
	b, err := c.builder(splits)
	if err != nil {
		return err
	}
	field, split := c.split()
	rows, err := c.rows(field, split, splits)
	if err != nil {
		return err
	}
	t.Kind = kindOf[c.OutputType]
	t.Alias, t.Shots = c.Task, c.NumFewshot
	if c.data == "" {
		t.Split = strings.TrimSuffix(field, "_split")
	}
	t.Version = version(fromYAML(c.Metadata))
	for _, m := range c.Metrics {
		t.Listed = append(t.Listed, m.Metric)
	}
	for _, r := range rows {
		item, err := b.item(r)
		if err == nil && c.native != nil {
			err = c.native.settle(&item, r)
		}
		if err != nil {
			return err
		}
		item.ID = fmt.Sprintf("document %d", len(t.Items))
		t.Items = append(t.Items, item)
	}
	return nil
}

// config reads what describes the task.
func (t *Task) config() (*config, error) {
	if form, data, ok := splitForm(t.Path); ok {
		return formConfig(form, t.Path, data)
	}
	return readConfig(t.Path)
}

// version is metadata.version, in the forms that tasks write it.
func version(metadata any) string {
	if list, ok := metadata.([]any); ok && len(list) > 0 {
		metadata = list[0]
	}
	if d, ok := metadata.(jinja.Dict); ok {
		if v, ok := d.Get("version"); ok {
			return jinja.Str(v)
		}
	}
	return ""
}

func (c *config) builder(splits map[string][]string) (*builder, error) {
	b := &builder{c: c}
	var err error
	for _, f := range []struct {
		name string
		v    any
		t    **template
	}{{"doc_to_text", c.Text, &b.text}, {"doc_to_choice", c.Choice, &b.choice}, {"doc_to_target", c.Target, &b.target}, {"description", c.Description, &b.description}} {
		if f.v == nil {
			continue
		}
		if *f.t, err = c.template(f.name, f.v); err != nil {
			return nil, err
		}
	}
	b.alone = slices.Contains(c.Metrics, metricEntry{"acc_mutual_info"})
	if c.OutputType != "loglikelihood_rolling" {
		b.shots, err = c.newShots(splits, b)
	}
	return b, err
}

// textOf is doc_to_text of a document: a text, or the index of the right input
// where the choices are inputs.
func textOf(text, choice *template, r row) (any, error) {
	v, written, err := text.of(r)
	if err != nil {
		return nil, err
	}
	if s, ok := v.(string); ok && written && choice != nil && digits(s) {
		return strconv.Atoi(s)
	}
	switch v.(type) {
	case string, int:
		return v, nil
	}
	return nil, text.errAt(r, fmt.Errorf("%s is neither a text nor an index", jinja.Str(v)))
}

// targetOf is doc_to_target: an index, a text, or a list of either.
func targetOf(target, choice *template, r row) (any, error) {
	v, written, err := target.of(r)
	if err != nil {
		return nil, err
	}
	s, ok := v.(string)
	switch {
	case !ok || !written:
	case choice != nil && digits(s):
		return strconv.Atoi(s)
	case strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]"):
		if list, err := jinja.Literal(s); err == nil {
			return list, nil
		}
	}
	return v, nil
}

func digits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
}

// choicesOf is doc_to_choice: the texts to choose from.
func choicesOf(choice *template, r row) ([]string, error) {
	v, written, err := choice.of(r)
	if err != nil {
		return nil, err
	}
	if s, ok := v.(string); ok && written {
		if v, err = jinja.Literal(s); err != nil {
			return nil, choice.errAt(r, fmt.Errorf("%.200q is no list of choices: %w", s, err))
		}
	}
	if d, ok := v.(jinja.Dict); ok && !written {
		list := []any{}
		for _, p := range d {
			list = append(list, p.Value)
		}
		v = list
	}
	list, ok := v.([]any)
	if tuple, isTuple := v.(jinja.Tuple); isTuple {
		list, ok = tuple, true
	}
	if !ok {
		return nil, choice.errAt(r, fmt.Errorf("%.200q is no list of choices", jinja.Str(v)))
	}
	out := make([]string, len(list))
	for i, x := range list {
		if out[i] = jinja.Str(x); out[i] == "" {
			return nil, choice.errAt(r, fmt.Errorf("choice %d is empty; its likelihood has no meaning", i))
		}
	}
	return out, nil
}

func pick(choice *template, r row, i int) (string, error) {
	choices, err := choicesOf(choice, r)
	if err != nil {
		return "", err
	}
	if i < 0 || i >= len(choices) {
		return "", choice.errAt(r, fmt.Errorf("there is no choice %d of %d", i, len(choices)))
	}
	return choices[i], nil
}

func (b *builder) item(r row) (Item, error) {
	var item Item
	if b.c.OutputType == "loglikelihood_rolling" {
		text, _, err := b.target.of(r)
		if err != nil {
			return item, err
		}
		s, ok := text.(string)
		if !ok || s == "" {
			return item, b.target.errAt(r, fmt.Errorf("%.200q is no text to score", jinja.Str(text)))
		}
		item.Requests = []Request{{Continuation: s}}
		return item, nil
	}
	head, err := b.head(r)
	if err != nil {
		return item, err
	}
	item.Head = len(head)
	text, err := textOf(b.text, b.choice, r)
	if err != nil {
		return item, err
	}
	if b.c.OutputType == "loglikelihood" {
		return item, b.single(&item, r, head, text)
	}
	return item, b.choices(&item, r, head, text)
}

// head is what comes before the question: description and examples.
func (b *builder) head(r row) (string, error) {
	head := ""
	if b.description != nil {
		s, err := b.description.parse.Render(r.doc)
		if err != nil {
			return "", b.description.errAt(r, err)
		}
		head = s
	}
	if b.shots == nil {
		return head, nil
	}
	examples, err := b.shots.before(r)
	return head + examples, err
}

// single is an item with one right answer, which brings its own delimiter. Of
// several right answers the first counts.
func (b *builder) single(item *Item, r row, head string, text any) error {
	target, err := targetOf(b.target, nil, r)
	if err != nil {
		return err
	}
	if list, ok := target.([]any); ok && len(list) > 0 {
		target = list[0]
	}
	if i, ok := text.(int); ok && b.choice != nil {
		if text, err = pick(b.choice, r, i); err != nil {
			return err
		}
	}
	answer := jinja.Str(target)
	if answer == "" {
		return b.target.errAt(r, fmt.Errorf("the answer is empty; its likelihood has no meaning"))
	}
	item.add(pairOf(head+jinja.Str(text), answer), answer)
	item.fitHead()
	return nil
}

// choices is an item with several answers, or with several inputs before one
// answer (text is then the index of the right one, as in WinoGrande).
func (b *builder) choices(item *Item, r row, head string, text any) error {
	choices, err := choicesOf(b.choice, r)
	if err != nil {
		return err
	}
	target, err := targetOf(b.target, b.choice, r)
	if err != nil {
		return err
	}
	gold, inputs := target, false
	if i, ok := text.(int); ok {
		gold, inputs = i, true
	}
	for _, c := range choices {
		q := pairOf(head+jinja.Str(text), b.c.TargetDelim+c)
		if inputs {
			q = pairOf(head+c, b.c.TargetDelim+jinja.Str(target))
		}
		if q.Continuation == "" {
			return b.target.errAt(r, fmt.Errorf("the answer is empty; its likelihood has no meaning"))
		}
		item.add(q, c)
		if b.alone {
			item.Alone = append(item.Alone, pairOf("", b.c.TargetDelim+c))
		}
	}
	item.fitHead()
	field := b.target
	if inputs {
		field = b.text
	}
	least := 2
	if slices.Contains(b.c.Metrics, metricEntry{"exact_match"}) { // which asks whether a right answer is the model's own
		least = 1
	}
	if err := item.setGolds(gold, choices, least); err != nil {
		return field.errAt(r, err)
	}
	return nil
}

// setGolds takes the right choice: an index, a choice itself, or a list of
// these.
func (item *Item) setGolds(gold any, choices []string, least int) error {
	list, ok := gold.([]any)
	if !ok {
		list = []any{gold}
	}
	for n, v := range list {
		i := -1
		switch v := v.(type) {
		case int:
			i = v
		case bool:
			if i = 0; v {
				i = 1
			}
		case float64:
			if float64(int(v)) == v {
				i = int(v)
			}
		case string:
			i = slices.Index(choices, v)
		}
		if i < 0 || i >= len(choices) {
			return fmt.Errorf("%.200q is neither an index of the %d choices, from 0, nor one of them; is this a split without answers?", jinja.Str(v), len(choices))
		}
		if n == 0 {
			item.Gold = i
		} else if i != item.Gold {
			item.Also = append(item.Also, i)
		}
	}
	switch {
	case len(list) == 0:
		return fmt.Errorf("an empty list names no right choice")
	case len(choices) < least:
		return fmt.Errorf("%d choices; a choice needs two or more", len(choices))
	}
	return nil
}

// pairOf is the harness's _encode_pair: white space at the context's end moves
// to the continuation.
func pairOf(context, continuation string) Request {
	head := strings.TrimRightFunc(context, unicode.IsSpace)
	return Request{Context: head, Continuation: context[len(head):] + continuation}
}

// fitHead keeps Head within the contexts, whose ends may have been trimmed.
func (item *Item) fitHead() {
	for _, q := range item.Requests {
		item.Head = min(item.Head, len(q.Context))
	}
}
