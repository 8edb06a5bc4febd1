package vec

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// skipSlowly is SkipText a byte at a time.
func skipSlowly(b []byte) (n, escapes int) {
	for n < len(b) {
		switch c := b[n]; {
		case c == '\\' && n+1 < len(b) && bytes.IndexByte([]byte(`"\/bfnrt`), b[n+1]) >= 0:
			n, escapes = n+2, escapes+1
		case c == '\\' || c == '"' || c < 0x20:
			return n, escapes
		default:
			n++
		}
	}
	return n, escapes
}

// unescapeSlowly is Unescape a byte at a time.
func unescapeSlowly(b []byte) (text []byte, read int) {
	for read < len(b) {
		c, size := b[read], 1
		if c == '\\' {
			i := -1
			if read+1 < len(b) {
				i = bytes.IndexByte([]byte(`"\/bfnrt`), b[read+1])
			}
			if i < 0 {
				break
			}
			c, size = "\"\\/\b\f\n\r\t"[i], 2
		}
		text, read = append(text, c), read+size
	}
	return text, read
}

// Every implementation, over many lengths, with what stops anywhere or nowhere.
func TestTextOfJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	pieces := []string{"a", "é", "\x7f", "\x80", "\xff", " ", "!", "#", "[", "]", "\x22", "\x1f", "\x00", "\n", `\n`, `\"`, `\\`, `\/`, `\b`, `\f`, `\r`, `\t`, `\u00e9`, `\x`, `\`}
	plain := 11 // of the pieces, that stop nothing
	check := func(b []byte) {
		t.Helper()
		if n, m := PlainText(b), bytes.IndexFunc(b, func(r rune) bool { return r < 0x20 || r == '"' || r == '\\' }); n != m && (m >= 0 || n != len(b)) {
			t.Fatalf("PlainText(%q) = %d, want %d", b, n, m)
		}
		wantN, wantEscapes := skipSlowly(b)
		if n, escapes := SkipText(b); n != wantN || escapes != wantEscapes {
			t.Fatalf("SkipText(%q) = %d, %d, want %d, %d", b, n, escapes, wantN, wantEscapes)
		}
		text, wantRead := unescapeSlowly(b)
		dst := bytes.Repeat([]byte{0xaa}, len(b)+1)
		written, read := Unescape(dst, b)
		if read != wantRead || !bytes.Equal(dst[:written], text) {
			t.Fatalf("Unescape(%q) = %q of %d, want %q of %d", b, dst[:written], read, text, wantRead)
		}
		if dst[len(b)] != 0xaa {
			t.Fatalf("Unescape(%q) wrote behind its room", b)
		}
	}
	defer setLevel(level)
	for _, l := range levels() {
		setLevel(l)
		for c := range 256 { // each byte, at each place of a register
			for at := range 64 {
				b := bytes.Repeat([]byte("x"), 64)
				b[at] = byte(c)
				check(b)
				if at < 63 {
					b[at], b[at+1] = '\\', byte(c)
					check(b)
				}
			}
		}
		for range 20000 {
			b := make([]byte, 3, 200)[:r.IntN(4)] // not aligned
			skip := len(b)
			for rare := 1 + r.IntN(100); len(b) < 160 && r.IntN(60) > 0; {
				i := r.IntN(plain - 1)
				if r.IntN(rare) == 0 {
					i = r.IntN(len(pieces))
				}
				b = append(b, pieces[i]...)
			}
			check(b[skip:])
		}
	}
}

func FuzzTextOfJSON(f *testing.F) {
	f.Add([]byte(`A line, as they are, of "prose" \n and \u00e9 in more than one register's bytes.\\`))
	f.Fuzz(func(t *testing.T, b []byte) {
		wantN, wantEscapes := skipSlowly(b)
		if n, escapes := SkipText(b); n != wantN || escapes != wantEscapes {
			t.Fatalf("SkipText = %d, %d, want %d, %d", n, escapes, wantN, wantEscapes)
		}
		text, wantRead := unescapeSlowly(b)
		dst := make([]byte, len(b))
		if written, read := Unescape(dst, b); read != wantRead || !bytes.Equal(dst[:written], text) {
			t.Fatalf("Unescape = %q of %d, want %q of %d", dst[:written], read, text, wantRead)
		}
	})
}
