package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/climb-go/climb/mix"
)

type doc struct {
	domain     int
	shard, row int
	tokens     int64
}

func draw(docs []doc, w mix.Mixture, supply []int64, tokens int64, seed uint64) Draw {
	d := NewDrawer(w, supply, tokens, seed)
	key := Draw{Seed: seed}
	for _, x := range docs {
		d.Count(x.domain, key.Key(x.shard, x.row), x.tokens)
	}
	d.Counted()
	for _, x := range docs {
		d.Edge(x.domain, key.Key(x.shard, x.row), x.tokens)
	}
	return d.Finish(make([]float64, len(w)), 1<<20)
}

// The tokens that Times gives, counted one by one, are those the draw says,
// and each domain is within half its largest document of what was asked.
func TestDrawIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		n := rapid.IntRange(1, 5).Draw(t, "domains")
		var docs []doc
		supply, largest := make([]int64, n), make([]int64, n)
		for i := range rapid.IntRange(n, 3000).Draw(t, "docs") {
			x := doc{i % n, rng.IntN(3), i, 1 + rng.Int64N(200)}
			docs = append(docs, x)
			supply[x.domain] += x.tokens
			largest[x.domain] = max(largest[x.domain], x.tokens)
		}
		w := make([]float64, n)
		for i := range w {
			w[i] = rng.Float64()
		}
		w[0] += 0.1
		m, err := mix.Normalize(w)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := Size(m, supply, 0, 1+4*rng.Float64())
		if err != nil {
			t.Fatal(err)
		}
		d := draw(docs, m, supply, tokens, 7)
		got := make([]int64, n)
		for _, x := range docs {
			got[x.domain] += x.tokens * int64(d.Times(x.domain, d.Key(x.shard, x.row)))
		}
		for i, dd := range d.Domain {
			if got[i] != dd.Tokens {
				t.Fatalf("domain %d: counted %d tokens, the draw says %d", i, got[i], dd.Tokens)
			}
			if diff := math.Abs(float64(got[i]) - m[i]*float64(tokens)); diff > float64(largest[i])/2+1 {
				t.Fatalf("domain %d: %d tokens, asked %.1f, largest document %d", i, got[i], m[i]*float64(tokens), largest[i])
			}
		}
	})
}

// Every document appears at most ceil(epochs) times.
func TestSizeKeepsTheEpochCap(t *testing.T) {
	m := mix.Mixture{0.75, 0.25}
	supply := []int64{1000, 1000}
	n, err := Size(m, supply, 0, 3)
	if err != nil || n != 4000 {
		t.Fatalf("got %d, %v; want 4000: three epochs of the first domain are three quarters", n, err)
	}
	if _, err := Size(m, supply, 4100, 3); err == nil || !strings.Contains(err.Error(), "at most 4000") {
		t.Errorf("asked for too much: %v, want an error that names 4000", err)
	}
	if _, err := Size(mix.Mixture{0, 1}, []int64{5, 0}, 0, 4); err == nil {
		t.Error("a mixture of an empty domain was accepted")
	}
}

func TestPruned(t *testing.T) {
	d := Draw{Domain: []DomainDraw{{Copies: 2}}}
	if d.Times(-1, 0) != 0 || d.Times(0, 5) != 2 {
		t.Error("a document without a domain was drawn, or one with a domain was not")
	}
}

func lines(t *testing.T, b []byte) []string {
	t.Helper()
	dec, err := zstd.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	data, err := io.ReadAll(dec)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// Gathering all shards gives every record once, sorted by key over all pieces.
func TestScatterGather(t *testing.T) {
	dir := t.TempDir()
	d := Draw{Seed: 3, Shards: 4}
	var pieces []string
	want := map[string]int{}
	for in := range 3 {
		p := NewPiece(d.Shards)
		for row := range 100 {
			line := fmt.Sprintf(`{"in":%d,"row":%d}`, in, row)
			want[line]++
			key := d.Order(in, row, 0)
			p.Add(d.Shard(key), key, []byte(line), "\n")
		}
		path := filepath.Join(dir, fmt.Sprint(in))
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.WriteTo(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		pieces = append(pieces, path)
	}
	var order []uint64
	for i := range d.Shards {
		var b bytes.Buffer
		n, err := Gather(&b, pieces, i, 3)
		if err != nil {
			t.Fatal(err)
		}
		got := lines(t, b.Bytes())
		if len(got) != n {
			t.Fatalf("shard %d: %d lines, Gather says %d", i, len(got), n)
		}
		for _, line := range got {
			want[line]--
			var x struct{ In, Row int }
			if err := json.Unmarshal([]byte(line), &x); err != nil {
				t.Fatal(err)
			}
			order = append(order, d.Order(x.In, x.Row, 0))
		}
	}
	if !slices.IsSorted(order) {
		t.Error("the shards, one after the other, are not in the shuffled order")
	}
	for line, n := range want {
		if n != 0 {
			t.Errorf("%s is there %d times too few", line, n)
		}
	}
}

func TestGatherRefusesDamage(t *testing.T) {
	p := NewPiece(1)
	p.Add(0, 1, []byte("{}"), "\n")
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "piece")
	for cut := range b.Len() {
		if err := os.WriteFile(path, b.Bytes()[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Gather(io.Discard, []string{path}, 0, 3); err == nil {
			t.Errorf("a piece cut to %d of %d bytes was read", cut, b.Len())
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("error %q does not name the file", err)
		}
	}
}

func FuzzReadPiece(f *testing.F) {
	p := NewPiece(2)
	p.Add(1, 1, []byte("{}"), "\n")
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "piece")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		_, _ = readPiece(nil, path, 1) // must not panic
	})
}

func TestCard(t *testing.T) {
	m := Manifest{Version: "1", Strategy: "climb", Verdict: "better", Documents: 3, Tokens: 9,
		Domains: []DomainEntry{{Name: "a-b", DomainDraw: DomainDraw{Asked: 0.5, Share: 0.501, Tokens: 9, Supply: 18, Epochs: 0.5}}}}
	var b strings.Builder
	if err := m.WriteCard(&b); err != nil {
		t.Fatal(err)
	}
	if want := "| a-b | 50.00 | 50.10 | 9 | 18 | 0.50 |"; !strings.Contains(b.String(), want) {
		t.Errorf("no row %q in\n%s", want, b.String())
	}
	m.Choice = Choice{Name: "natural", Reason: "why"}
	for want, d := range map[string]DomainDraw{
		"the natural mixture at 0.50 epochs: why":                                             {Tokens: 9, Supply: 18, Epochs: 0.5},
		"the natural mixture at one epoch: why":                                               {Tokens: 9, Supply: 9, Epochs: 1},
		"the natural mixture at one epoch, 0.50 to 2.00 of each domain that has a share: why": {Tokens: 6, Supply: 3, Epochs: 2},
	} {
		m.Domains = []DomainEntry{{DomainDraw: d}}
		if d.Epochs == 2 {
			m.Domains = append(m.Domains, DomainEntry{DomainDraw: DomainDraw{Tokens: 3, Supply: 6, Epochs: 0.5}}, DomainEntry{})
		}
		if got := m.Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestCardEscapes: names and words that came from documents are text in the card, in one cell of its table.
func TestCardEscapes(t *testing.T) {
	m := Manifest{Format: "jsonl.zst", Verdict: "better than <b>|x", Domains: []DomainEntry{{Name: "<img src=x onerror=alert(1)>|\n# a\x1b]52;c;eA==\x07\u202e"}}}
	var b bytes.Buffer
	if err := m.WriteCard(&b); err != nil {
		t.Fatal(err)
	}
	card := b.String()
	if strings.ContainsAny(card, "<>\x1b\x07") || strings.Contains(card, "\u202e") {
		t.Errorf("raw markup or control:\n%s", card)
	}
	want := "\n| &lt;img src=x onerror=alert(1)&gt;\\|\\\\n# a\\\\u001b\\]52;c;eA==\\\\u0007\\\\u202e | 0.00 |"
	if !strings.Contains(card, want) {
		t.Errorf("no row %q in\n%s", want, card)
	}
}
