package escape

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

const clipboard = "\x1b]52;c;cm0gLXJmIH4=\x07" // OSC 52 puts a text into the clipboard

func TestTerminal(t *testing.T) {
	for _, c := range []struct{ in, text, line string }{
		{"", "", ""},
		{"naïve – 東京 👩‍💻 می\u200cخواهم", "naïve – 東京 👩‍💻 می\u200cخواهم", "naïve – 東京 👩‍💻 می\u200cخواهم"},
		{clipboard, `\u001b]52;c;cm0gLXJmIH4=\u0007`, `\u001b]52;c;cm0gLXJmIH4=\u0007`},
		{"a\r\x1b[2Kb", `a\u000d\u001b[2Kb`, `a\u000d\u001b[2Kb`},
		{"a\tb\nc", "a\tb\nc", `a\tb\nc`},
		{"\u009b31m", `\u009b31m`, `\u009b31m`},
		{"gpj.\u202exe", `gpj.\u202exe`, `gpj.\u202exe`},
		{"\u2066a\u2069\ufeff\u200e", `\u2066a\u2069\ufeff\u200e`, `\u2066a\u2069\ufeff\u200e`},
		{"\U000e0041\u2028", `\udb40\udc41\u2028`, `\udb40\udc41\u2028`},
		{"a\xff\xc3", `a\xff\xc3`, `a\xff\xc3`},
		{"\ufffd", "\ufffd", "\ufffd"},
	} {
		if got := Text(c.in); got != c.text {
			t.Errorf("Text(%q) = %q, want %q", c.in, got, c.text)
		}
		if got := Line(c.in); got != c.line {
			t.Errorf("Line(%q) = %q, want %q", c.in, got, c.line)
		}
	}
}

func TestMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"returns-value-function":        "returns-value-function",
		"<img src=x onerror=alert(1)>":  `&lt;img src=x onerror=alert(1)&gt;`,
		"a|b":                           `a\|b`,
		"[x](javascript:y)":             `\[x\](javascript&#58;y)`,
		"https://x.example www.example": "https&#58;//x.example www&#46;example",
		"a@b.example &lt; `c` *d* _e_":  "a&#64;b.example &amp;lt; \\`c\\` \\*d\\* \\_e\\_",
		"one\n# two":                    `one\\n# two`,
		"better than x: y":              "better than x: y",
		"# x":                           `\# x`,
		"- x":                           `\- x`,
		"עברית":                         "\u2068עברית\u2069",
		"\u202eabc":                     `\\u202eabc`,
		"$x$ ~~y~~ \\":                  `\$x\$ \~\~y\~\~ \\`,
	} {
		if got := Markdown(in); got != want {
			t.Errorf("Markdown(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzTerminal(f *testing.F) {
	f.Add(clipboard)
	f.Add("\u202e\x9b\xff\n\t")
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{Text(s), Line(s)} {
			if !utf8.ValidString(out) {
				t.Errorf("%q became %q", s, out)
			}
			for _, r := range out {
				if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
					t.Errorf("%q became %q", s, out)
				}
			}
		}
		if strings.ContainsAny(Line(s), "\n\t") {
			t.Errorf("Line(%q) = %q", s, Line(s))
		}
		if Text(Text(s)) != Text(s) {
			t.Errorf("Text(Text(%q)) differs", s)
		}
		raw, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(Text(string(raw))), &got); err != nil || got != want {
			t.Errorf("JSON %s became %s: %q, %v", raw, Text(string(raw)), got, err)
		}
	})
}

func FuzzMarkdown(f *testing.F) {
	f.Add("<img onerror>|\n")
	f.Add("\u2067א\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		out := Markdown(s)
		depth, escaped := 0, false
		for _, r := range out {
			switch {
			case r == '\u2068':
				depth++
			case r == '\u2069':
				depth--
			case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '<', r == '>':
				t.Errorf("%q became %q", s, out)
			case strings.ContainsRune("|`*[]", r) && !escaped:
				t.Errorf("%q became %q: bare %c", s, out, r)
			}
			escaped = r == '\\' && !escaped
		}
		if depth != 0 {
			t.Errorf("%q became %q: unbalanced", s, out)
		}
	})
}
