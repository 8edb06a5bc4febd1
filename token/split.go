package token

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/climb-go/climb/token/regex"
)

// A cutter is one pre-tokenizer: it yields the pieces of a piece of text, which
// is not empty. head tells whether a piece begins the text.
type cutter interface {
	cut(s string, head bool, yield func(s string, head bool))
}

// preJSON is the union of the pre_tokenizers that we have.
type preJSON struct {
	Type             string     `json:"type"`
	Pattern          *regexJSON `json:"pattern,omitempty"`
	Behavior         string     `json:"behavior,omitempty"`
	Invert           *bool      `json:"invert,omitempty"`
	AddPrefixSpace   *bool      `json:"add_prefix_space,omitempty"`
	TrimOffsets      *bool      `json:"trim_offsets,omitempty"`
	UseRegex         *bool      `json:"use_regex,omitempty"`
	IndividualDigits bool       `json:"individual_digits,omitempty"`
	Replacement      string     `json:"replacement,omitempty"`
	PrependScheme    string     `json:"prepend_scheme,omitempty"`
	Split            *bool      `json:"split,omitempty"`
	Delimiter        string     `json:"delimiter,omitempty"`
	Pretokenizers    []preJSON  `json:"pretokenizers,omitempty"`
}

// regexJSON is a regular expression, or a text as it is.
type regexJSON struct {
	Regex string `json:"Regex,omitempty"`
	Text  string `json:"String,omitempty"`
}

// cutters is the chain of pre-tokenizers. spelled tells whether what comes out
// of it is written in the byte-level alphabet, bytes whether it is to be.
type cutters struct {
	list           []cutter
	spelled, bytes bool
	changes        bool // pieces may hold other characters than the text
}

func (c *cutters) add(p *preJSON, at string) error {
	if p == nil {
		return nil
	}
	yes := func(b *bool) bool { return b == nil || *b }
	if c.bytes && !c.spelled { // a step after ByteLevel sees its alphabet
		switch p.Type {
		case "Sequence":
		case "ByteLevel":
			return fmt.Errorf("%s: a second ByteLevel is not supported", at)
		default:
			c.list, c.spelled = append(c.list, speller{}), true
		}
	}
	switch p.Type {
	case "Sequence":
		for i := range p.Pretokenizers {
			if err := c.add(&p.Pretokenizers[i], fmt.Sprintf("%s.pretokenizers[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	case "ByteLevel":
		c.bytes = true
		if yes(p.AddPrefixSpace) { // the library's default
			c.list, c.changes = append(c.list, prefixer{" "}), true
		}
		if yes(p.UseRegex) {
			c.list = append(c.list, scanner{&patterns[0]})
		}
		return nil
	case "Metaspace":
		return c.metaspace(p, at)
	case "Split":
		return c.split(p, at)
	case "Digits":
		behavior := "Contiguous"
		if p.IndividualDigits {
			behavior = "Isolated"
		}
		return c.matches(at, `\p{N}`, behavior, false)
	case "Whitespace":
		c.changes = true
		return c.matches(at, rustWord, "Removed", true)
	case "WhitespaceSplit":
		return c.matches(at, `\s`, "Removed", false)
	case "CharDelimiterSplit":
		return c.matches(at, regex.Quote(p.Delimiter), "Removed", false)
	case "Punctuation":
		if p.Behavior == "" {
			p.Behavior = "Isolated"
		}
		return c.matches(at, "[!-/:-@\\[-`{-~\\p{P}]", p.Behavior, false)
	}
	return fmt.Errorf("%s.type: %q is not supported; ByteLevel, Split, Digits, Metaspace, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit and Sequence are", at, p.Type)
}

func (c *cutters) split(p *preJSON, at string) error {
	if p.Pattern == nil {
		return fmt.Errorf("%s.pattern: is absent", at)
	}
	invert := p.Invert != nil && *p.Invert
	if scan := findPattern(p.Pattern.Regex); scan != nil && p.Behavior == "Isolated" && !invert {
		c.list = append(c.list, scanner{scan})
		return nil
	}
	source := p.Pattern.Regex
	if source == "" {
		if source = regex.Quote(p.Pattern.Text); source == "" {
			return nil // found nowhere
		}
	}
	return c.matches(at, source, p.Behavior, invert)
}

func (c *cutters) matches(at, source, behavior string, invert bool) error {
	r, err := regex.Compile(source)
	if err != nil {
		return fmt.Errorf("%s.pattern: %w", at, err)
	}
	s := splitter{find: r, invert: invert}
	switch behavior {
	case "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext":
		s.behavior = behavior
	case "Removed":
		s.behavior, c.changes = behavior, true
	default:
		return fmt.Errorf("%s.behavior: %q is not one of Isolated, Removed, Contiguous, MergedWithPrevious and MergedWithNext", at, behavior)
	}
	c.list = append(c.list, s)
	return nil
}

func (c *cutters) metaspace(p *preJSON, at string) error {
	m := metaspace{mark: p.Replacement, scheme: p.PrependScheme}
	if m.mark == "" {
		m.mark = "▁"
	}
	if m.scheme == "" {
		m.scheme = "always"
		if p.AddPrefixSpace != nil && !*p.AddPrefixSpace {
			m.scheme = "never"
		}
	}
	if m.scheme != "always" && m.scheme != "first" && m.scheme != "never" {
		return fmt.Errorf("%s.prepend_scheme: %q is not one of always, first and never", at, m.scheme)
	}
	c.list, c.changes = append(c.list, m), true
	if p.Split == nil || *p.Split {
		return c.matches(at, regex.Quote(m.mark), "MergedWithNext", false)
	}
	return nil
}

// rustWord is \w+|[^\w\s]+ as Rust has it.
const rustWord = `[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\s]+`

// A scanner cuts by a pattern that is written by hand.
type scanner struct{ pattern *pattern }

func (c scanner) cut(s string, head bool, yield func(string, bool)) {
	for len(s) > 0 {
		n := c.pattern.next(s)
		yield(s[:n], head)
		s, head = s[n:], false
	}
}

// A prefixer puts a text before every piece that does not begin with it.
type prefixer struct{ text string }

func (c prefixer) cut(s string, head bool, yield func(string, bool)) {
	if !strings.HasPrefix(s, c.text) {
		s = c.text + s
	}
	yield(s, head)
}

// A speller writes bytes in the byte-level alphabet.
type speller struct{}

func (speller) cut(s string, head bool, yield func(string, bool)) {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(alphabet[s[i]])
	}
	yield(b.String(), head)
}

type metaspace struct{ mark, scheme string }

func (c metaspace) cut(s string, head bool, yield func(string, bool)) {
	s = strings.ReplaceAll(s, " ", c.mark)
	if (c.scheme == "always" || c.scheme == "first" && head) && !strings.HasPrefix(s, c.mark) {
		s = c.mark + s
	}
	yield(s, head)
}

// A splitter cuts at the matches of a regular expression, and does with them as
// behavior says: Hugging Face's SplitDelimiterBehavior.
type splitter struct {
	find     *regex.Regexp
	behavior string
	invert   bool // what is between the matches counts as one
}

func (c splitter) cut(s string, head bool, yield func(string, bool)) {
	p := pieces{yield: func(from, to int) {
		if from < to {
			yield(s[from:to], head && from == 0)
		}
	}, behavior: c.behavior}
	done := 0
	c.find.All(s, func(start, end int) {
		if done < start {
			p.add(done, start, c.invert)
		}
		p.add(start, end, !c.invert)
		done = end
	})
	if done < len(s) {
		p.add(done, len(s), c.invert)
	}
	p.flush()
}

// pieces joins matches and what is between them: one piece waits for the next.
type pieces struct {
	yield    func(from, to int)
	behavior string
	from, to int
	waiting  bool
	match    bool // of the last one added
}

func (p *pieces) add(from, to int, match bool) {
	join := false
	switch p.behavior {
	case "Contiguous":
		join = p.match == match
	case "MergedWithPrevious":
		join = match && !p.match
	case "MergedWithNext":
		join = !match && p.match
	}
	switch {
	case p.waiting && join:
		p.to = to
	default:
		p.flush()
		p.from, p.to, p.waiting = from, to, p.behavior != "Removed" || !match
	}
	p.match = match
}

func (p *pieces) flush() {
	if p.waiting {
		p.yield(p.from, p.to)
		p.waiting = false
	}
}

func runeWidth(s string, at int) int {
	_, n := utf8.DecodeRuneInString(s[at:])
	return n
}
