package corpus

import "testing"

// countReader is an endless line.
type countReader struct{ n int64 }

func (c *countReader) Read(p []byte) (int, error) {
	c.n += int64(len(p))
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A range inside a line of any length is left after its own bytes, so that a
// line over many ranges is not read again for each.
func TestDiscardStopsAtTheEndOfTheRange(t *testing.T) {
	r := &countReader{}
	l := lines{max: 1 << 20}
	l.reset(r, 0)
	if err := l.discard(func(offset int64) bool { return offset < 1000 }); err != nil {
		t.Fatal(err)
	}
	if r.n > 2*firstBuffer {
		t.Errorf("%d bytes were read to leave a range of 1000", r.n)
	}
}
