package eval

import (
	"crypto/sha512"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/climb-go/climb/eval/jinja"
)

// each is a preparation of every document by itself.
func each(f prepare) func() prepare { return func() prepare { return f } }

// pythonSpace is Python's str.isspace() of a character.
func pythonSpace(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f }

// strip is Python's str.strip().
func strip(s string) string { return strings.TrimFunc(s, pythonSpace) }

// capitalize is Python's: the first character in title case, the others lower.
func capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if s == "" || r == utf8.RuneError {
		return s
	}
	if r == 'ß' { // whose title case is two letters
		return "Ss" + strings.ToLower(s[n:])
	}
	return string(unicode.ToTitle(r)) + strings.ToLower(s[n:])
}

// texts are fields that hold a text each.
func texts(doc jinja.Dict, names ...string) ([]string, error) {
	out := make([]string, len(names))
	for i, name := range names {
		var err error
		if out[i], err = field[string](doc, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// textList is a field with a list of texts.
func textList(doc jinja.Dict, name string) ([]string, error) {
	list, err := field[[]any](doc, name)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, v := range list {
		var ok bool
		if out[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("the field %s holds %.100q, which is no text", name, jinja.Str(v))
		}
	}
	return out, nil
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

var brackets = regexp.MustCompile(`\[.*?\]`)

// hellaswag: marks of WikiHow, where a part of the documents comes from, are
// taken out, and context and endings put together.
func hellaswag(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "activity_label", "ctx_a", "ctx_b")
	if err != nil {
		return nil, err
	}
	endings, err := textList(doc, "endings")
	if err != nil {
		return nil, err
	}
	clean := func(s string) string {
		s = strings.ReplaceAll(strip(s), " [title]", ". ")
		return strings.ReplaceAll(brackets.ReplaceAllString(s, ""), "  ", " ")
	}
	for i := range endings {
		endings[i] = clean(endings[i])
	}
	label, ok := doc.Get("label")
	if !ok {
		return nil, fmt.Errorf("the field label is missing")
	}
	doc.Set("query", clean(t[0]+": "+t[1]+" "+capitalize(t[2])))
	doc.Set("choices", anys(endings))
	doc.Set("gold", label)
	if n, err := strconv.Atoi(jinja.Str(label)); err == nil {
		doc.Set("gold", n)
	}
	return doc, nil
}

// winogrande: the options are put where the _ is; what follows it is scored.
func winogrande(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "sentence", "option1", "option2")
	if err != nil {
		return nil, err
	}
	before, after, ok := strings.Cut(t[0], "_")
	if !ok {
		return nil, fmt.Errorf("the field sentence has no _")
	}
	answer, _ := doc.Get("answer")
	right := slices.Index([]string{"1", "2"}, jinja.Str(answer))
	if right < 0 {
		return nil, fmt.Errorf("the field answer is %q, not 1 or 2; is this a split without answers?", jinja.Str(answer))
	}
	doc.Set("right_beginning", right)
	doc.Set("beginnings", []any{before + t[1], before + t[2]})
	doc.Set("ending", strip(after))
	return doc, nil
}

// wsc273: what the harness does to the options, so that they fit the sentence.
func wsc273(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "text", "pronoun")
	if err != nil {
		return nil, err
	}
	options, err := textList(doc, "options")
	if err != nil {
		return nil, err
	}
	at, err := field[int](doc, "pronoun_loc")
	if err != nil {
		return nil, err
	}
	text := []rune(strings.ReplaceAll(t[0], "  ", " "))
	before := at - 2
	if before < 0 { // as Python counts from the end
		before += len(text)
	}
	if before < 0 || before >= len(text) {
		return nil, fmt.Errorf("the field pronoun_loc is %d, outside of the text", at)
	}
	possessive := slices.Contains([]string{"my", "his", "her", "our", "their"}, strings.ToLower(t[1]))
	for i, o := range options {
		if possessive {
			o += "'s"
		}
		first, _, _ := strings.Cut(strip(o), " ")
		if text[before] != '.' && slices.Contains([]string{"A", "An", "The", "She", "He", "It", "They", "My", "His", "Her", "Their"}, first) {
			o = strings.ReplaceAll(o, first, strings.ToLower(first))
		}
		options[i] = o
	}
	doc.Set("text", string(text))
	doc.Set("options", anys(options))
	return doc, nil
}

// gpqa puts the answers in an order that is drawn: by Python's generator from
// seed 0, document by document. The harness draws from what is left of its own
// after whatever ran before.
func gpqa() prepare {
	rng := newMersenne(0)
	return func(doc jinja.Dict) (jinja.Dict, error) {
		choices := make([]string, 4)
		for i, name := range []string{"Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3", "Correct Answer"} {
			v, ok := doc.Get(name)
			if !ok {
				return nil, fmt.Errorf("the field %s is missing", name)
			}
			if choices[i] = " "; v != nil {
				choices[i] = strings.ReplaceAll(strings.ReplaceAll(strip(jinja.Str(v)), " [title]", ". "), "  ", " ")
			}
		}
		right := choices[3]
		for i := 3; i > 0; i-- { // random.shuffle
			j := rng.below(i + 1)
			choices[i], choices[j] = choices[j], choices[i]
		}
		for i, c := range choices {
			doc.Set(fmt.Sprintf("choice%d", i+1), c)
		}
		doc.Set("answer", fmt.Sprintf("(%c)", 'A'+slices.Index(choices, right)))
		return doc, nil
	}
}

// webqs: the accepted answers, less those that begin with another one. All are
// right: exact_match asks whether one of them is the model's first choice.
func webqs(doc jinja.Dict) (jinja.Dict, error) {
	answers, err := textList(doc, "answers")
	if err != nil {
		return nil, err
	}
	slices.Sort(answers)
	var accepted, all []any
	kept := ""
	for i, a := range answers {
		if i > 0 && strings.HasPrefix(a, kept) {
			continue
		}
		kept = a
		accepted, all = append(accepted, a), append(all, len(accepted))
	}
	doc.Set("accepted", accepted)
	doc.Set("all_accepted", all)
	return doc, nil
}

// race: the article, its questions but for the last with their answers, and the
// last question. problems is a list as Python writes it.
func race(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "article", "problems")
	if err != nil {
		return nil, err
	}
	v, err := jinja.Literal(t[1])
	problems, ok := v.([]any)
	if err != nil || !ok || len(problems) == 0 {
		return nil, fmt.Errorf("the field problems is no list of questions")
	}
	text := "Article: " + t[0] + "\n\n"
	for i, p := range problems {
		problem, _ := p.(jinja.Dict)
		q, err := texts(problem, "question", "answer")
		if err != nil {
			return nil, fmt.Errorf("problem %d: %w", i+1, err)
		}
		options, err := textList(problem, "options")
		right := slices.Index([]string{"A", "B", "C", "D"}, q[1])
		if err != nil || len(options) < 4 || right < 0 {
			return nil, fmt.Errorf("problem %d does not have four options and one of A, B, C and D for an answer", i+1)
		}
		switch cloze, isCloze := strings.CutSuffix(q[0], "  _  ."); {
		case i == len(problems)-1:
			doc.Set("passage_and_question", text+q[0])
			doc.Set("options_of_last", anys(options[:4]))
			doc.Set("answer_of_last", right)
		case isCloze: // one of the two spaces stays
			text += cloze + " " + options[right] + "\n"
		default:
			text += "Question: " + q[0] + "\nAnswer: " + options[right] + "\n"
		}
	}
	return doc, nil
}

var mathqaOption = regexp.MustCompile(`[abcd] \) .*?, |e \) .*?$`)

// mathqa takes the options apart, which are one text: a ) 1 , b ) 2 , ...
func mathqa(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "options")
	if err != nil {
		return nil, err
	}
	var out []any
	for _, s := range mathqaOption.FindAllString(strings.TrimSuffix(t[0], "\n"), -1) {
		out = append(out, strings.TrimRight(s[4:], " ,"))
	}
	if len(out) < 2 {
		return nil, fmt.Errorf("the field options, %.100q, is no list of a ) to e )", t[0])
	}
	doc.Set("options_apart", out)
	return doc, nil
}

// mutual undoes the tokenization of dialogues.
func mutual(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "article")
	if err != nil {
		return nil, err
	}
	options, err := textList(doc, "options")
	if err != nil {
		return nil, err
	}
	prose := func(s string) string {
		for _, p := range [][2]string{{" '", "'"}, {" \n", "\n"}, {"\n ", "\n"}, {" n't", "n't"}, {"`` ", `"`}, {"''", `"`}} {
			s = strings.ReplaceAll(s, p[0], p[1])
		}
		for _, mark := range ":;!?,." {
			s = strings.ReplaceAll(s, " "+string(mark), string(mark))
		}
		return s
	}
	for i := range options {
		options[i] = prose(options[i])
	}
	doc.Set("article", prose(t[0]))
	doc.Set("options", anys(options))
	return doc, nil
}

// connected is COPA's: the premise without its full stop, a connector, and the
// alternatives with a small first letter after lead.
func connected(because, therefore, lead string) prepare {
	return func(doc jinja.Dict) (jinja.Dict, error) {
		t, err := texts(doc, "premise", "question", "choice1", "choice2")
		if err != nil {
			return nil, err
		}
		connector, ok := map[string]string{"cause": because, "effect": therefore}[t[1]]
		premise := []rune(strip(t[0]))
		if !ok || len(premise) == 0 || t[2] == "" || t[3] == "" {
			return nil, fmt.Errorf("the field question is %q, not cause or effect, or a text is empty", t[1])
		}
		lower := func(s string) string {
			r, n := utf8.DecodeRuneInString(s)
			return lead + strings.ToLower(string(r)) + s[n:]
		}
		doc.Set("premise_and_connector", string(premise[:len(premise)-1])+" "+connector)
		doc.Set("lowered", []any{lower(t[2]), lower(t[3])})
		return doc, nil
	}
}

// arithmetic shortens what GPT-3's sums are written in.
func arithmetic(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "context")
	if err != nil {
		return nil, err
	}
	s := strings.ReplaceAll(strip(t[0]), "\n\n", "\n")
	doc.Set("context", strings.ReplaceAll(strings.ReplaceAll(s, "Q:", "Question:"), "A:", "Answer:"))
	return doc, nil
}

// utilitarianism puts two scenarios, of which the first is the better one, in an
// order that Python's random.Random(activity) draws.
func utilitarianism(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "activity", "baseline")
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512([]byte(t[0]))
	seed := append([]byte(t[0]), sum[:]...) // one number, its highest byte first
	var key []uint32
	for end := len(seed); end > 0; end -= 4 {
		var word uint32
		for _, b := range seed[max(0, end-4):end] {
			word = word<<8 | uint32(b)
		}
		key = append(key, word)
	}
	for len(key) > 1 && key[len(key)-1] == 0 {
		key = key[:len(key)-1]
	}
	first := 1
	if newMersenne(key...).below(2) == 0 { // random.shuffle of two swaps them
		t[0], t[1], first = t[1], t[0], 0
	}
	doc.Set("first", t[0])
	doc.Set("second", t[1])
	doc.Set("first_is_better", first)
	return doc, nil
}

var beforeMark = regexp.MustCompile(` (['.,])`)

// wsc marks the pronoun in the passage, and undoes its tokenization.
func wsc(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "text", "span1_text", "span2_text")
	if err != nil {
		return nil, err
	}
	at, err := field[int](doc, "span2_index")
	if err != nil {
		return nil, err
	}
	words := strings.FieldsFunc(t[0], pythonSpace)
	before := []rune(strings.Join(words[:max(0, min(at, len(words)))], " "))
	text, after := []rune(t[0]), ""
	if from := len(before) + len([]rune(t[2])) + 1; from < len(text) {
		after = string(text[from:])
	}
	passage := string(before) + " *" + t[2] + "*" + after
	for _, p := range [][2]string{{" n't", "n't"}, {" )", ")"}, {"( ", "("}, {`" `, `"`}, {` "`, `"`}} {
		passage = strings.ReplaceAll(passage, p[0], p[1])
	}
	passage = beforeMark.ReplaceAllString(passage, "$1")
	doc.Set("passage_and_question", "Passage: "+passage+"\nQuestion: In the passage above, does the pronoun \"*"+t[2]+"*\" refer to \"*"+t[1]+"*\"?\nAnswer:")
	return doc, nil
}

// cloze: of ReCoRD, the passage with its highlights as a list, and the query as one more
// with every entity in its place. Any of the answers is right.
func cloze(doc jinja.Dict) (jinja.Dict, error) {
	t, err := texts(doc, "passage", "query")
	if err != nil {
		return nil, err
	}
	entities, err := textList(doc, "entities")
	if err != nil {
		return nil, err
	}
	answers, err := textList(doc, "answers")
	if err != nil {
		return nil, err
	}
	for _, list := range []*[]string{&entities, &answers} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	parts := strings.Split(strip(t[0]), "\n@highlight\n")
	text := parts[0] + "\n\n"
	for _, h := range parts[1:] {
		text += "  - " + h + ".\n"
	}
	var choices, right []any
	for i, e := range entities {
		choices = append(choices, strings.ReplaceAll("  - "+t[1], "@placeholder", e))
		if slices.Contains(answers, e) {
			right = append(right, i)
		}
	}
	doc.Set("passage_apart", text)
	doc.Set("entities_in_query", choices)
	doc.Set("right_entities", right)
	return doc, nil
}

// Python's \s, for the expressions of prose.
const pySpace = `[\s\v\x1c-\x1f\x{85}\p{Z}]*`

var (
	slashQuote = regexp.MustCompile(`/' [0-9]/`)
	quoted     = []struct {
		find *regexp.Regexp
		put  string
	}{
		{regexp.MustCompile(`\(` + pySpace + `([^\)]*?)` + pySpace + `\)`), "($1)"},
		{regexp.MustCompile(`\[` + pySpace + `([^\]]*?)` + pySpace + `\]`), "[$1]"},
		{regexp.MustCompile(`\{` + pySpace + `([^}]*?)` + pySpace + `\}`), "{$1}"},
		{regexp.MustCompile(`"` + pySpace + `([^"]*?)` + pySpace + `"`), `"$1"`},
		{regexp.MustCompile(`'` + pySpace + `([^']*?)` + pySpace + `'`), "'$1'"},
	}
)

// prose undoes the tokenization of WikiText.
func prose(s string) string {
	replace := func(list ...string) {
		for i := 0; i < len(list); i += 2 {
			s = strings.ReplaceAll(s, list[i], list[i+1])
		}
	}
	replace("s '", "s'")
	s = slashQuote.ReplaceAllLiteralString(s, "/'[0-9]/")
	replace(" @-@ ", "-", " @,@ ", ",", " @.@ ", ".")
	replace(" : ", ": ", " ; ", "; ", " . ", ". ", " ! ", "! ", " ? ", "? ", " , ", ", ")
	for _, p := range quoted {
		s = p.find.ReplaceAllString(s, p.put)
	}
	replace("= = = =", "====", "= = =", "===", "= =", "==", " ° ", "°", " \n", "\n", "\n ", "\n", " N ", " 1 ", " 's", "'s")
	return s
}

func wikitext(doc jinja.Dict) (jinja.Dict, error) { return asProse(doc, "page") }
func c4(doc jinja.Dict) (jinja.Dict, error)       { return asProse(doc, "text") }

func asProse(doc jinja.Dict, name string) (jinja.Dict, error) {
	s, err := field[string](doc, name)
	if err != nil {
		return nil, err
	}
	doc.Set(name+"_as_prose", prose(s))
	return doc, nil
}
