package option

import "testing"

func TestNearest(t *testing.T) {
	names := []string{"inputs", "quality", "tokens", "tokenizer", "out", "seed"}
	for misspelt, want := range map[string]string{
		"inptus": "inputs", "input": "inputs", "qualty": "quality", "tokens": "tokens", "token": "tokens", "tokeniser": "tokenizer",
		"ot": "out", "sede": "seed", "stta": "", "qulaiyt": "quality", "": "", "elephant": "", "xyz": "",
	} {
		if got := Nearest(misspelt, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", misspelt, got, want)
		}
	}
	for _, d := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "ab", 2}, {"ab", "ba", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3}} {
		if got := distance(d.a, d.b); got != d.want {
			t.Errorf("distance(%q, %q) = %d, want %d", d.a, d.b, got, d.want)
		}
	}
}
