package export

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/climb-go/climb/corpus"
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

// Writing all shards gives every copy once, sorted by key over all pieces.
func TestShuffle(t *testing.T) {
	d := Draw{Seed: 3, Shards: 4}
	want := map[string]int{}
	var pieces []*Piece
	for in := range 3 {
		p := NewPiece(d.Shards)
		for row := range 100 {
			id, copies := fmt.Sprintf("%d/%d", in, row), row%3
			for copy := range copies {
				want[fmt.Sprintf("%s/%d", id, copy)]++
			}
			p.Add(corpus.Document{ID: id}, Provenance{}, copies, func(copy int) (int, uint64) {
				order := d.Order(in, row, copy)
				return d.Shard(order), order
			})
		}
		pieces = append(pieces, p)
	}
	files := savePieces(t, pieces...)
	var order []uint64
	for i := range d.Shards {
		dst := memory{}
		n, err := Write(t.Context(), &JSONLines{}, dst, Shard{N: i, Of: d.Shards, Level: 3}, files)
		if err != nil {
			t.Fatal(err)
		}
		got := readJSONLines(t, dst)
		if len(got) != n {
			t.Fatalf("shard %d: %d lines, Write says %d", i, len(got), n)
		}
		for _, w := range got {
			want[fmt.Sprintf("%s/%d", w.ID, w.Climb.Copy)]--
			var in, row int
			if _, err := fmt.Sscanf(w.ID, "%d/%d", &in, &row); err != nil {
				t.Fatal(err)
			}
			order = append(order, d.Order(in, row, w.Climb.Copy))
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

func TestWriteRefusesDamage(t *testing.T) {
	p := NewPiece(1)
	p.Add(corpus.Document{}, Provenance{}, 1, func(int) (int, uint64) { return 0, 1 })
	path := savePieces(t, p)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range whole {
		if err := os.WriteFile(path, whole[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Write(t.Context(), &JSONLines{}, memory{}, Shard{Of: 1}, []string{path}); err == nil {
			t.Errorf("a piece cut to %d of %d bytes was read", cut, len(whole))
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("error %q does not name the file", err)
		}
	}
}

func FuzzReadPiece(f *testing.F) {
	p := NewPiece(2)
	p.Add(corpus.Document{}, Provenance{}, 1, func(int) (int, uint64) { return 1, 1 })
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
	m := Manifest{Version: "1", Format: "jsonl.zst", Strategy: "climb", Verdict: "better", Documents: 3, Tokens: 9,
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

// FuzzLine: any line of a dataset is refused, or taken apart to what can be written.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"id":"a","text":"b","x":{"climb":1},"climb":{"cluster":3,"domain":"d","overlap":true,"copy":2}}` + "\n"))
	f.Add([]byte(`{"text":"\"climb\":","climb":{}}`))
	f.Add([]byte(`{"text":"a","climb":{"cluster":1e99}}`))
	f.Add([]byte(`,"climb":`))
	f.Fuzz(func(t *testing.T, line []byte) {
		doc, p, err := Line(line).Parse()
		if err != nil {
			return
		}
		again := append(append(head(doc, p), strconv.Itoa(p.Copy)...), "}}\n"...)
		got, q, err := Line(again).Parse()
		if err != nil || got.ID != doc.ID || got.Text != doc.Text || p != q {
			t.Fatalf("%q became %q: %v", line, again, err)
		}
	})
}
