package eval

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// textChunk is the most bytes of one item of a plain text.
const textChunk = 4096

func (t *Task) readText(r io.Reader) error {
	t.Kind = Text
	data, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read task %s: %w", t.Path, err)
	}
	if !utf8.Valid(data) {
		return fmt.Errorf("read task %s: %w", t.Path, errors.New("not valid UTF-8; convert the file"))
	}
	for i, chunk := range splitText(strings.TrimPrefix(string(data), "\ufeff"), textChunk) {
		t.Items = append(t.Items, Item{ID: fmt.Sprintf("part %d", i+1), Requests: []Request{{Continuation: chunk}}})
	}
	return nil
}

// splitText cuts a text into items of at most size bytes, so that a long text
// fits a model's window and its mean has a standard error. A cut is made after
// the last blank line that leaves at least half an item, else after the last
// line end, else after the last space, else between two characters. Joined
// again the items are the text; parts of white space only are left out.
func splitText(text string, size int) []string {
	var out []string
	for text != "" {
		end := len(text)
		if end > size {
			end = cut(text[:size])
		}
		if part := text[:end]; strings.TrimSpace(part) != "" {
			out = append(out, part)
		}
		text = text[end:]
	}
	return out
}

func cut(head string) int {
	for _, sep := range []string{"\n\n", "\n", " "} {
		if i := strings.LastIndex(head, sep); i >= len(head)/2 {
			return i + len(sep)
		}
	}
	for i := len(head) - 1; i > 0 && i >= len(head)-utf8.UTFMax; i-- {
		if utf8.RuneStart(head[i]) {
			if r, n := utf8.DecodeRuneInString(head[i:]); r != utf8.RuneError || n > 1 {
				return len(head)
			}
			return i
		}
	}
	return len(head)
}
