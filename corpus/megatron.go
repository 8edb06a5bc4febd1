package corpus

import (
	"fmt"
	"strings"

	"github.com/climb-go/climb/token"
)

// megatron reads the documents of a Megatron dataset, PATH without .bin, whose
// first byte is in [start, end) of the .bin file; end -1 is its end. The text
// is that of the tokens but for the one that ends the document.
func (r *reader) megatron(path, _ string, start, end int64) (err error) {
	if r.tokenizer == nil {
		if r.o.Tokenizer == "" {
			return fmt.Errorf("%s holds tokens: set corpus.tokenizer to the tokenizer.json that made them", path)
		}
		if r.tokenizer, err = token.Load(r.o.Tokenizer); err != nil {
			return err
		}
	}
	x, err := token.OpenIndexed(strings.TrimSuffix(path, ".bin"))
	if err != nil {
		return r.broken(err, BadLine{Path: path, Line: 1})
	}
	defer x.Close()
	size := int64(4)
	if x.Dtype() == token.Uint16 {
		size = 2
	}
	at := BadLine{Path: path}
	for i := range x.Docs() {
		from, to := x.Span(i)
		at.Line, at.Offset = int64(i)+1, from*size
		if at.Offset < start || end >= 0 && at.Offset >= end {
			continue
		}
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if to-from > int64(r.lines.max) { // a token is a byte or more, but for special ones
			if err := r.reject(at, TooLong, nil, "%d tokens", to-from); err != nil {
				return err
			}
			continue
		}
		ids := x.Doc(i)
		for len(ids) > 0 && ids[len(ids)-1] == r.tokenizer.EOD() {
			ids = ids[:len(ids)-1]
		}
		if err := r.tokens(at, ids); err != nil {
			return err
		}
	}
	return nil
}

// tokens yields the document that tokens stand for.
func (r *reader) tokens(at BadLine, ids []uint32) error {
	for _, id := range ids {
		if int(id) >= r.tokenizer.Vocab() {
			return fmt.Errorf("%s: document %d has the token %d, and corpus.tokenizer %s has %d: it is not the one that made the file",
				at.Path, at.Line-1, id, r.o.Tokenizer, r.tokenizer.Vocab())
		}
	}
	text, repaired := cleanText([]byte(r.tokenizer.Decode(ids)))
	if len(text) > r.lines.max {
		return r.reject(at, TooLong, text, "more than %d bytes", r.lines.max)
	}
	return r.accept(at, Document{Text: string(text), Tokens: ids, Path: at.Path, Line: at.Line, Offset: at.Offset}, repaired, text)
}
