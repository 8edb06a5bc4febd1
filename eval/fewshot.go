package eval

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/climb-go/climb/eval/jinja"
)

// fewshotSeed is the harness's default seed of the draw of examples.
const fewshotSeed = 1234

// shots draws the examples that come before each question, and writes them.
type shots struct {
	c                    *config
	docs                 []row
	n                    int // to draw, one more where the question may be among them
	rng                  *mersenne
	text, target, choice *template
}

// checkFewshot refuses what changes the examples in ways that are not ours.
func (c *config) checkFewshot() error {
	for _, p := range c.Fewshot {
		switch key := fmt.Sprint(p.Key); key {
		case "samples", "split", "doc_to_text", "doc_to_target", "doc_to_choice":
		case "sampler":
			if s := fmt.Sprint(p.Value); s != "default" && s != "first_n" {
				return c.errAt("fewshot_config", "sampler %q is not known; it is default (drawn with seed %d) or first_n", s, fewshotSeed)
			}
		default:
			return c.errAt("fewshot_config", "%s is not known; there are doc_to_choice, doc_to_target, doc_to_text, sampler, samples and split", key)
		}
	}
	return nil
}

func (c *config) fewshot(key string) any {
	for _, p := range c.Fewshot {
		if fmt.Sprint(p.Key) == key {
			return fromYAML(p.Value)
		}
	}
	return nil
}

// newShots readies the examples; nil if there are none. Which documents they
// come from is the harness's rule: samples, else the split for examples, else
// the training, validation or test split.
func (c *config) newShots(splits map[string][]string, b *builder) (*shots, error) {
	if c.NumFewshot == 0 {
		return nil, nil
	}
	s := &shots{c: c, n: c.NumFewshot, text: b.text, target: b.target, choice: b.choice}
	for key, t := range map[string]**template{"doc_to_text": &s.text, "doc_to_target": &s.target, "doc_to_choice": &s.choice} {
		if v := c.fewshot(key); v != nil {
			var err error
			if *t, err = c.template("fewshot_config", v); err != nil {
				return nil, err
			}
		}
	}
	split := c.FewshotSplit
	if v, ok := c.fewshot("split").(string); ok {
		split = v
	}
	if split == c.TestSplit { // perhaps both unset, as the harness compares them
		s.n++
	}
	if err := s.load(split, splits); err != nil {
		return nil, err
	}
	if c.fewshot("sampler") != "first_n" {
		s.rng = newMersenne(fewshotSeed)
	}
	if s.rng != nil && s.n > len(s.docs) || c.NumFewshot > len(s.docs) {
		return nil, c.errAt("num_fewshot", "%d examples are wanted and there are %d documents to take them from", s.n, len(s.docs))
	}
	return s, nil
}

func (s *shots) load(split string, splits map[string][]string) (err error) {
	if samples, ok := s.c.fewshot("samples").([]any); ok {
		for i, v := range samples {
			doc, ok := v.(jinja.Dict)
			if !ok {
				return s.c.errAt("fewshot_config", "sample %d is no mapping", i)
			}
			s.docs = append(s.docs, row{doc, fmt.Sprintf("sample %d", i)})
		}
		return nil
	}
	field := "fewshot_split"
	for _, or := range []struct{ field, name string }{{"training_split", s.c.TrainingSplit}, {"validation_split", s.c.ValidationSplit}, {"test_split", s.c.TestSplit}} {
		if split == "" {
			field, split = or.field, or.name
		}
	}
	s.docs, err = s.c.rows(field, split, splits)
	return err
}

// before writes the examples for a question. The question itself is left out
// of them.
func (s *shots) before(question row) (string, error) {
	var b strings.Builder
	left := s.c.NumFewshot
	for _, d := range s.draw() {
		if left == 0 {
			break
		}
		if same(d.doc, question.doc) {
			continue
		}
		left--
		if err := s.write(&b, d); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func (s *shots) draw() []row {
	if s.rng == nil {
		return s.docs[:min(s.n, len(s.docs))]
	}
	out := make([]row, s.n)
	for i, at := range s.rng.sample(len(s.docs), s.n) {
		out[i] = s.docs[at]
	}
	return out
}

func (s *shots) write(b *strings.Builder, d row) error {
	text, err := textOf(s.text, s.choice, d)
	if err != nil {
		return err
	}
	if i, ok := text.(int); ok { // several inputs: the example has the right one
		if text, err = pick(s.choice, d, i); err != nil {
			return err
		}
	}
	b.WriteString(jinja.Str(text))
	target, err := targetOf(s.target, s.choice, d)
	if err != nil {
		return err
	}
	switch v := target.(type) {
	case []any:
		if len(v) == 0 {
			return s.target.errAt(d, fmt.Errorf("an empty list has no right answer"))
		}
		target = v[0]
		if i, ok := target.(int); ok && s.choice != nil {
			target, err = pick(s.choice, d, i)
		}
	case int:
		if s.choice != nil {
			target, err = pick(s.choice, d, v)
		}
	}
	if err != nil {
		return err
	}
	if answer := jinja.Str(target); answer != "" {
		b.WriteString(s.c.TargetDelim + answer + s.c.FewshotDelim)
	}
	return nil
}

func same(a, b jinja.Dict) bool {
	return slices.Equal(a.Keys(), b.Keys()) && jinja.Str(a) == jinja.Str(b)
}

// mersenne is MT19937 (Matsumoto & Nishimura 1998) as Python's random seeds
// and uses it, so that the examples drawn are those of the harness.
type mersenne struct {
	state [624]uint32
	at    int
}

// newMersenne seeds with a number, in words of 32 bits, its lowest first.
func newMersenne(key ...uint32) *mersenne {
	m := &mersenne{at: 624}
	s := &m.state
	s[0] = 19650218
	for i := range uint32(623) {
		s[i+1] = 1812433253*(s[i]^s[i]>>30) + i + 1
	}
	i, j := 1, 0
	for range max(624, len(key)) { // init_by_array
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1664525) + key[j] + uint32(j)
		if i++; i == 624 {
			s[0], i = s[623], 1
		}
		j = (j + 1) % len(key)
	}
	for range 623 {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1566083941) - uint32(i)
		if i++; i == 624 {
			s[0], i = s[623], 1
		}
	}
	s[0] = 1 << 31
	return m
}

func (m *mersenne) next() uint32 {
	if m.at == 624 {
		s := &m.state
		for i := range s {
			y := s[i]&(1<<31) | s[(i+1)%624]&(1<<31-1)
			s[i] = s[(i+397)%624] ^ y>>1 ^ (y&1)*0x9908b0df
		}
		m.at = 0
	}
	y := m.state[m.at]
	m.at++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// below is Python's _randbelow for n up to 2^32.
func (m *mersenne) below(n int) int {
	for {
		if r := int(m.next() >> (32 - bits.Len(uint(n)))); r < n {
			return r
		}
	}
}

// sample is random.sample(range(n), k).
func (m *mersenne) sample(n, k int) []int {
	out := make([]int, k)
	size := 21.0
	if k > 5 {
		size += math.Pow(4, math.Ceil(math.Log(float64(k*3))/math.Log(4)))
	}
	if float64(n) <= size {
		pool := make([]int, n)
		for i := range pool {
			pool[i] = i
		}
		for i := range out {
			j := m.below(n - i)
			out[i], pool[j] = pool[j], pool[n-i-1]
		}
		return out
	}
	taken := map[int]bool{}
	for i := range out {
		j := m.below(n)
		for taken[j] {
			j = m.below(n)
		}
		taken[j], out[i] = true, j
	}
	return out
}
