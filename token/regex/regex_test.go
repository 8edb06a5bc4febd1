package regex

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func all(t testing.TB, pattern, s string) []string {
	r, err := Compile(pattern)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	r.All(s, func(start, end int) { out = append(out, s[start:end]) })
	return out
}

// What Oniguruma does in Ruby's syntax, as its manual (doc/RE) says; \w of ²
// and of ½, and that \p is not folded, were seen in npm's tokenizers 0.23.2.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          []string
	}{
		{`\s+(?!\S)|\s+`, "a   b \n", []string{"  ", " ", " \n"}},
		{`\s+$`, "a \n\nb ", []string{" \n", " "}}, // $ is the end of a line
		{`\s+$`, "a  b", []string{}},
		{`^a`, "a\na", []string{"a", "a"}},
		{`\Aa|b\z|c\Z`, "aab\nc\n", []string{"a", "c"}},
		{`(?i:'s|'LL)`, "'S'ſ'll", []string{"'S", "'ſ", "'ll"}},
		{`(?i)k`, "kK\u212a", []string{"k", "K", "\u212a"}},
		{`(?i:\p{Lu})`, "aA", []string{"A"}},
		{`(?i:[^s])`, "sSſx", []string{"x"}},
		{`\w+`, "²½Ⅷé٣_-a", []string{"²½Ⅷé٣_", "a"}},
		{`\d{1,3}`, "1234567", []string{"123", "456", "7"}},
		{`\d{2,}`, "1 22 333", []string{"22", "333"}},
		{`a{,2}b`, "aaab", []string{"aab"}},
		{`x{2}?y`, "xxyy", []string{"xxy", "y"}}, // Ruby: the option of x{2}
		{`a{2}+`, "aaaaa", []string{"aaaa"}},     // Ruby: a repeat of a{2}
		{`a{x`, "a{x", []string{"a{x"}},
		{`a+?`, "aaa", []string{"a", "a", "a"}},
		{`a++a`, "aaa", []string{}},
		{`(?>a|ab)c`, "abc ac", []string{"ac"}},
		{`(?:ab|a)*c`, "abaac", []string{"abaac"}},
		{`(?:ab){1,2}+b`, "ababb", []string{"ababb"}},
		{`(?<=a)b|(?<!a)c`, "abcac", []string{"b", "c"}},
		{`(?=ab).`, "abb", []string{"a"}},
		{`[\w&&[^\d_]]+`, "ab1_c", []string{"ab", "c"}},
		{`[a-c\]\-^]+`, "a]-^d", []string{"a]-^"}},
		{`[一-龥぀-ゟ]+`, "ab漢字かcd", []string{"漢字か"}},
		{`[[:digit:][:^alpha:]]`, "a1", []string{"1"}},
		{`\p{Han}|\p{Greek}|\P{L}|\p{^L}`, "aα漢 ", []string{"α", "漢", " "}},
		{`\p{Uppercase_Letter}\x41\x{1F642}\u0042`, "XA🙂B", []string{"XA🙂B"}},
		{`\b`, "ab c", []string{"", "", "", ""}},
		{`(?m).+`, "a\nb", []string{"a\nb"}},
		{`.+`, "a\nb", []string{"a", "b"}},
		{`\p{M}|\ufffd`, "a\xffb", []string{"\xff"}},
	} {
		if got := all(t, c.pattern, c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s in %q: %q, want %q", c.pattern, c.text, got, c.want)
		}
	}
}

func TestCompileSaysWhatIsNotSupported(t *testing.T) {
	for pattern, want := range map[string]string{
		`(a)\1`: `\1 is not supported`, `(?<n>a)`: "named groups", `(?x) a`: "the group (?x", `a(?i)b`: "flags in the middle",
		`(a*)*`: "may be empty", `\b+`: "may be empty", `(?<=a+)b`: "no fixed length", `(`: "a ) is missing", `a)`: "a ) too many",
		`[a`: "a ] is missing", `[]`: "empty set", `[b-a]`: "is empty", `*a`: "repeats nothing", `a{2000}`: "the repeat {2000}", `a{3,2}`: "the repeat",
		`\p{Nope}`: `\p{Nope} is not supported`, `\pL`: "without {name}", `\p{Cn}`: "not supported", `[[:punct:]]`: "[:punct:]", `\x{110000}`: "no character",
		`\u12`: "no character", `\`: `ends with a \`, `\K`: `\K is not supported`, `((ab){1000}){1000}`: "too large", strings.Repeat("(", 200): "too deep",
	} {
		if _, err := Compile(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pattern, err, want)
		}
	}
}

// Time is bounded where backtracking would not end, and where a run fails at its
// every start.
func TestHardTextsEnd(t *testing.T) {
	begin := time.Now()
	r, err := Compile(`(?:a|aa)+b`)
	if err != nil {
		t.Fatal(err)
	}
	if start, _ := r.Find(strings.Repeat("a", 36), 0); start >= 0 {
		t.Errorf("found at %d", start)
	}
	if got := all(t, `\s+$`, strings.Repeat(" ", 1<<18)+"x"); len(got) != 0 {
		t.Errorf("%d matches", len(got))
	}
	if d := time.Since(begin); d > 2*time.Minute {
		t.Errorf("took %v", d)
	}
}

func TestQuote(t *testing.T) {
	const text = `a.b*c\d[e]{f}^$|(g)+?-`
	if got := all(t, Quote(text), "x"+text); !slices.Equal(got, []string{text}) {
		t.Errorf("%q", got)
	}
}

// Where Go's regexp knows an expression, it finds the same.
func FuzzAsRegexp(f *testing.F) {
	for _, p := range []string{`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\p{L}\p{N}]+[\r\n]*`, `(?:ab|a)*b??c`, `[\p{Lu}\p{M}]*[\p{Ll}\p{M}]+|x{2,3}`, `a.b|(?i:st)+?`} {
		f.Add(p, "Hello abac 12345\r\n e\u0301ST ﬆ\xff")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		r, err := Compile(pattern)
		if err != nil {
			return
		}
		r.All(text, func(start, end int) {
			if start < 0 || end < start || end > len(text) {
				t.Fatalf("%d to %d of %d", start, end, len(text))
			}
		})
		if strings.ContainsAny(pattern, `\^$[&`) || strings.Contains(pattern, "(?m") || !utf8.ValidString(pattern+text) {
			return // other meanings
		}
		g, err := regexp.Compile(pattern)
		if err != nil {
			return
		}
		start, end := r.Find(text, 0)
		if want := g.FindStringIndex(text); (want == nil) != (start < 0) || want != nil && (want[0] != start || want[1] != end) {
			t.Errorf("%s in %q: %d to %d, Go's %v", pattern, text, start, end, want)
		}
	})
}

func BenchmarkAll(b *testing.B) {
	r, err := Compile(`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`)
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("The people of the world, and 1234 others, aren't here.\n\n  Été漢字 x=y;\n", 1000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.All(text, func(start, end int) {})
	}
}
