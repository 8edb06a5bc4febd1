package jinja

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func parseDoc(t testing.TB, text string) Dict {
	t.Helper()
	var d Dict
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func render(source string, doc Dict) (string, error) {
	tpl, err := Parse(source)
	if err != nil {
		return "", err
	}
	return tpl.Render(doc)
}

const (
	arc   = `{"question":"Which is hot?","choices":{"text":["ice","the sun","it's \"cold\""],"label":["A","B","C"]},"answerKey":" B"}`
	plane = `{"a":"x","n":3,"f":2.5,"t":true,"none":null,"s":"  Hello wide\tworld \n","list":["b","a","C"],"nums":[3,1,2],"d":{"k":"v","q":[1,{"z":0}]},"é":"naïve ÉCOLE"}`
)

// tasks are templates in the conventions of tasks of lm-evaluation-harness
// (v0.4, lm_eval/tasks), and what its apply_template makes of them.
var tasks = []struct{ origin, source, doc, want string }{
	{"arc_easy doc_to_text", "Question: {{question}}\nAnswer:", arc, "Question: Which is hot?\nAnswer:"},
	{"arc_easy doc_to_choice", "{{choices.text}}", arc, `['ice', 'the sun', 'it\'s "cold"']`},
	{"openbookqa doc_to_target", "{{choices.label.index(answerKey.lstrip())}}", arc, "1"},
	{"piqa doc_to_choice", "{{[sol1, sol2]}}", `{"sol1":"don't","sol2":"a\nb"}`, `["don't", 'a\nb']`},
	{"sciq doc_to_text", "{{support.lstrip()}}\nQuestion: {{question}}\nAnswer:", `{"support":" \nSalt.","question":"What?"}`, "Salt.\nQuestion: What?\nAnswer:"},
	{"sciq doc_to_choice", "{{[distractor1, distractor2, distractor3, correct_answer]}}", `{"distractor1":"a","distractor2":"b","distractor3":"c","correct_answer":"d"}`, "['a', 'b', 'c', 'd']"},
	{"boolq doc_to_text", "{{passage}}\nQuestion: {{question}}?\nAnswer:", `{"passage":"P.","question":"is it so"}`, "P.\nQuestion: is it so?\nAnswer:"},
	{"lambada_openai doc_to_text", "{{text.split(' ')[:-1]|join(' ')}}", `{"text":"He went  home"}`, "He went "},
	{"lambada_openai doc_to_target", "{{' '+text.split(' ')[-1]}}", `{"text":"He went  home"}`, " home"},
	{"mmlu doc_to_text", "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nAnswer:", `{"question":" Q? ","choices":["x","y"]}`, "Q?\nA. x\nB. y\nAnswer:"},
	{"mmlu description", "The following are multiple choice questions (with answers) about {{subject|replace('_',' ')}}.\n\n", `{"subject":"abstract_algebra"}`,
		"The following are multiple choice questions (with answers) about abstract algebra.\n\n"},
	{"copa utils.doc_to_text as a template", "{{premise.strip()[:-1]}} {{ {'cause':'because','effect':'therefore'}[question] }}", `{"premise":"The man broke his toe. ","question":"cause"}`, "The man broke his toe because"},
	{"copa convert_choice as a template", "{{[choice1[0].lower() + choice1[1:], choice2[0].lower() ~ choice2[1:]]}}", `{"choice1":"He ran.","choice2":"It rained."}`, "['he ran.', 'it rained.']"},
	{"winogrande doc_to_choice as a template", "{% set i = sentence.index('_') %}{{[sentence[:i] + option1, sentence[:i] + option2]}}", `{"sentence":"Né and _ ran off.","option1":"Al","option2":"Bo"}`, "['Né and Al', 'Né and Bo']"},
	{"winogrande doc_to_target as a template", "{{sentence[sentence.index('_') + 1:].strip()}}", `{"sentence":"Né and _ ran off."}`, "ran off."},
	{"winogrande doc_to_text as a template", "{{answer|int - 1}}", `{"answer":"2"}`, "1"},
	{"hellaswag process_docs as a template", `{{(activity_label ~ ": " ~ ctx_a ~ " " ~ ctx_b.capitalize())|trim|replace(" [title]", ". ")|regex_replace("\\[.*?\\]", "")|replace("  ", " ")}}`,
		`{"activity_label":"Cut","ctx_a":"[header] How [title] Cut [step] it.","ctx_b":"then He"}`, "Cut: How. Cut it. Then he"},
	{"hellaswag endings as a template", `{{endings|map('trim')|map('replace', ' [title]', '. ')|map('regex_replace', '\\[.*?\\]', '')|map('replace', '  ', ' ')|list}}`,
		`{"endings":[" a [x] b","c [title] d"]}`, "['a b', 'c. d']"},
	{"social_iqa doc_to_target", "{{ (label|int) - 1 }}", `{"label":"3"}`, "2"},
	{"truthfulqa_mc1 doc_to_choice", "{{mc1_targets.choices}}", `{"mc1_targets":{"choices":["u","v"],"labels":[1,0]}}`, "['u', 'v']"},
	{"triviaqa doc_to_target", "{{answer.aliases}}", `{"answer":{"aliases":["A","B"]}}`, "['A', 'B']"},
	{"commonsense_qa doc_to_text", "Question: {{ question.strip() }}\nA. {{choices['text'][0]}}\nB. {{choices['text'][1]}}\nAnswer:", arc, "Question: Which is hot?\nA. ice\nB. the sun\nAnswer:"},
	{"a loop over the choices", "{% for c in choices.text %}{{ 'ABC'[loop.index0] }}. {{ c }}{% if not loop.last %}\n{% endif %}{% endfor %}", arc, "A. ice\nB. the sun\nC. it's \"cold\""},
	{"blimp doc_to_choice", "{{[sentence_good, sentence_bad]}}", `{"sentence_good":"Ed runs.","sentence_bad":"Ed run."}`, "['Ed runs.', 'Ed run.']"},
}

func TestTaskTemplates(t *testing.T) {
	for _, c := range tasks {
		got, err := render(c.source, parseDoc(t, c.doc))
		if err != nil {
			t.Errorf("%s: %v", c.origin, err)
		} else if got != c.want {
			t.Errorf("%s: %q, want %q", c.origin, got, c.want)
		}
	}
}

// constructs are compared with Jinja2 itself, over the document plane.
var constructs = []string{
	"{{ 1 + 2 * 3 - 4 // 3 }} {{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 3 }} {{ 2 ** -1 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 12345678901234567.0 }}",
	"{{ -f|abs }} {{ -(n)|abs }} {{ 'a' ~ 1 ~ none }} {{ [1] + [2] }} {{ 'ab' * 2 }} {{ [0] * 2 }}",
	"{{ n < 4 <= 4 }} {{ 'b' in list }} {{ 'z' not in list }} {{ not t }} {{ t and a }} {{ none or 'x' }} {{ 'x' if n == 3 else 'y' }} {{ 'k' in d }}",
	"{{ s.strip() }}|{{ s.split() }}|{{ s.split(' ') }}|{{ s.split(none, 1) }}|{{ s.rsplit(None, 1) }}|{{ s.rsplit(' ', 1) }}|{{ 'a-b-c'.split('-', 1) }}",
	"{{ s | trim | upper }}|{{ é.lower() }}|{{ é|title }}|{{ é.capitalize() }}|{{ 'x y'.title() }}|{{ s|wordcount }}",
	"{{ list|sort }} {{ list|sort(reverse=true) }} {{ list|sort(case_sensitive=True) }} {{ nums|sort }} {{ nums|sum }} {{ nums|min }} {{ nums|max }} {{ list|first }}{{ list|last }}",
	"{{ list|join(', ') }} {{ nums|join }} {{ '-'.join(list) }} {{ d.q|length }} {{ list|reverse|list }} {{ 'abc'|reverse }} {{ ['a','A','b']|unique|list }}",
	"{{ 'abcdef'[1:-1] }} {{ 'abcdef'[::-1] }} {{ 'abcdef'[-2:] }} {{ list[5:] }} {{ list[::2] }} {{ 'abcdef'[4:1:-2] }} {{ é[:3] }} {{ 'ab'[-1] }}",
	"{{ d }} {{ d.k }} {{ d['q'][1].z }} {{ d.items()|list }} {{ d.values()|list }} {{ d.keys()|list }} {{ d.get('x', 1) }} {{ d.get('x') }}",
	"{% for x in nums if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }}{{ ',' if not loop.last }}{% else %}none{% endfor %}",
	"{% for x in [] %}{{ x }}{% else %}nothing{% endfor %}{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for c in 'hé' %}<{{ c }}>{% endfor %}",
	"{% set x = 1 %}{% for i in range(3) %}{% set x = i %}{% endfor %}{{ x }}{% set p, q = [7, 8] %}{{ p }}{{ q }}",
	"a {%- if n == 1 %} one {%- elif n == 3 -%} three {% else %} other {% endif -%}  b\n{# comment #}c\n",
	"{{ n is odd }} {{ n is divisibleby 3 }} {{ n is divisibleby(2) }} {{ a is string }} {{ nope is defined }} {{ nope is undefined }} {{ none is none }} {{ n is not none }} {{ 1 is in [1] }} {{ d is mapping }} {{ f is number }} {{ t is true }}",
	"{{ nope|default('d') }} {{ ''|default('e', true) }} {{ a|d('z') }} {{ d.none|default(3) }}",
	"{{ '3'|int + 1 }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ '2.9'|int }} {{ '1.5'|float }} {{ 3.0|int }} {{ 2.567|round(1) }} {{ 2.5|round }} {{ 1|string ~ 'a' }}",
	`{{ 'a\tb\\' }} {{ "it's" }} {{ ['it\'s', "q\"", 'a\nb', '\x01é\u200b', 'both\'"'] }} {{ 'x' 'y' }} {{ [true, none, 1.0, -2] }}`,
	"{{ 'aXbX'.replace('X', '-') }} {{ 'aXbX'.replace('X', '-', 1) }} {{ 'abcabc'.find('c') }} {{ 'abcabc'.rfind('c') }} {{ 'abc'.find('z') }} {{ 'abab'.count('ab') }} {{ [1,1].count(1) }} {{ 'abc'.index('c') }}",
	"{{ 'abc'.startswith('a') }} {{ 'abc'.endswith('bc') }} {{ 'abc'.removeprefix('a') }} {{ '12'.isdigit() }} {{ ''.isdigit() }} {{ 'AB'.isupper() }} {{ 'xxaxx'.strip('x') }} {{ 'xxa'.lstrip('x') }} {{ 'a\\nb\\n'.splitlines() }}",
	"{{ [{'z': 'p'}, {'z': 'q'}]|map(attribute='z')|join('+') }} {{ list|map('upper')|list }} {{ {'a': 1}.a }} {{ (1 + 2) * 3 }} {{ nums.0 }}",
	"{{ 'a' == 'a' }} {{ 1 == 1.0 }} {{ [1,2] == [1,2] }} {{ 'a' < 'b' }} {{ [1,2] < [1,3] }} {{ 1 != 2 }} {{ t == 1 }} {{ t + 1 }}",
	"{{ not n is none }} {{ n|string|length }} {{ a ~ (n + 1) }} {{ n + 1 ~ 2 if false else 4 + 1 }}|" + `{{ "}}" }}`,
	"{{ (1,) }} {{ (1, 'a') }} {{ () }} {{ (1,2)[0] }} {{ (1,2,3)[1:] }} {{ (1,2) == [1,2] }} {{ ('a' if false)|default('x') }} {{ ('a' if false) is defined }} {{ n is divisibleby n }} {{ 5 in (4, 5) }}",
	"{{ 10 % 3 * 2 }} {{ 2 * 3 ~ 4 }} {{ '%d' ~ '%' }} { } {{'{{'}} {% if list %}full{% endif %} {{ list|count }}",
}

// TestAgainstJinja2 renders every template with Python's Jinja2, set up as the
// harness does. Debian: python3-jinja2.
func TestAgainstJinja2(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import jinja2").Run(); err != nil {
		t.Skip("no jinja2 for /usr/bin/python3: apt install python3-jinja2")
	}
	type pair struct {
		Source string          `json:"source"`
		Doc    json.RawMessage `json:"doc"`
	}
	var pairs []pair
	for _, c := range tasks {
		pairs = append(pairs, pair{c.source, json.RawMessage(c.doc)})
	}
	for _, source := range constructs {
		pairs = append(pairs, pair{source, json.RawMessage(plane)})
	}
	in, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", `
import json, re, sys, jinja2
env = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
env.filters["regex_replace"] = lambda s, p, r, count=0: re.sub(p, r, s, count=count)
print(json.dumps([env.from_string(x["source"]).render(**x["doc"]) for x in json.load(sys.stdin)]))`)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, p := range pairs {
		got, err := render(p.Source, parseDoc(t, string(p.Doc)))
		if err != nil {
			t.Errorf("%s: %v", p.Source, err)
		} else if d := cmp.Diff(want[i], got); d != "" {
			t.Errorf("%s:\n%s", p.Source, d)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"a\n b {{ quesion }}", "line 2, column 7: there is no quesion; there are a, d, f, list, n, none, nums, s, t, é"},
		{"{{ d.x }}", "there is no field x; there are k, q"},
		{"{{ list[3] }}", "there is no element 3 of 3"},
		{"{{ list.index('z') }}", "'z' is not in the list ['b', 'a', 'C']"},
		{"{{ a", "a {{ without }}"},
		{"{% if a %}x", "{% elif %} or {% else %} or {% endif %} is missing"},
		{"{% endif %}", `closes nothing`},
		{"{% for x in n %}{% endfor %}", "int cannot be looped over"},
		{"{% macro x() %}", "statement macro is not known; there are if, for and set"},
		{"{{ a|nofilter }}", "filter nofilter is not known; there are map, abs"},
		{"{{ list.append(1) }}", "method append is not known"},
		{"{{ n.strip() }}", "strip is not known for it: a int"},
		{"{{ a is nothing }}", "test nothing is not known"},
		{"{{ f(1) }}", "function f is not known; there is range"},
		{"{{ a + 1 }}", "str + int"},
		{"{{ 1 // 0 }}", "division by zero"},
		{"{{ a.replace('x') }}", "replace needs new"},
		{"{{ 'x }}", "a string without its closing '"},
		{"{{ 'a' if false else }}", "an expression is missing"},
		{"{{ (1, 2 }}", `"}}" where ")" belongs`},
		{"{{ 'x' * 99999999999 }}", "too long a text"},
		{"{% for i in range(2000) %}{% for j in range(2000) %}{{ i }}{% endfor %}{% endfor %}", "runs too long"},
		{"{{ 'a'|regex_replace('(?=a)', '') }}", "re2syntax"},
		{"{{ " + strings.Repeat("(", 200) + " }}", "nested more than 100 deep"},
		{"{{ a ? }}", "'?' has no meaning here"},
		{"{# x", "a comment without #}"},
	} {
		got, err := render(c.source, parseDoc(t, plane))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v, want %q", c.source, got, err, c.want)
		}
	}
}

func TestLiteral(t *testing.T) {
	got, err := Literal(` ['a', "it's", 1, -2.5, True, None, {'k': []}] `)
	if err != nil {
		t.Fatal(err)
	}
	want := []any{"a", "it's", 1, -2.5, true, nil, Dict{{"k", []any{}}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"", "[a]", "['a'", "'a' 1", "['a'] + []"} {
		if v, err := Literal(bad); err == nil {
			t.Errorf("%q is %v", bad, v)
		}
	}
}

func TestDictKeepsOrder(t *testing.T) {
	d := parseDoc(t, `{"b":1,"a":{"z":0,"y":2.5},"b":3}`)
	if d := cmp.Diff(Dict{{"b", 3}, {"a", Dict{{"z", 0}, {"y", 2.5}}}}, d); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"[1]", "{", `{"a":1}}`, "{} 1", strings.Repeat("[", 200)} {
		if _, err := FromJSON([]byte(bad)); err == nil && bad != "[1]" {
			t.Errorf("%q is read", bad)
		}
		var d Dict
		if err := d.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%q is a dict", bad)
		}
	}
}

// FuzzRender holds that nothing panics or hangs, that valid UTF-8 stays so,
// and that the text of a list is read back as the list.
func FuzzRender(f *testing.F) {
	for _, c := range tasks {
		f.Add(c.source, c.doc)
	}
	for _, c := range constructs {
		f.Add(c, plane)
	}
	f.Fuzz(func(t *testing.T, source, doc string) {
		var d Dict
		if json.Unmarshal([]byte(doc), &d) != nil || !utf8.ValidString(source) {
			return
		}
		out, err := render(source, d)
		if err != nil {
			return
		}
		if !utf8.ValidString(out) {
			t.Fatalf("%q of %q is not UTF-8", out, source)
		}
		var texts []any
		for _, p := range d {
			if s, ok := p.Value.(string); ok {
				texts = append(texts, s)
			}
		}
		if len(texts) == 0 {
			return
		}
		back, err := Literal(repr(texts))
		if err != nil || !cmp.Equal(back, any(texts)) {
			t.Fatalf("%s: %v, %v", repr(texts), back, err)
		}
	})
}
