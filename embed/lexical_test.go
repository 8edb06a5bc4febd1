package embed

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/climb-go/climb/fasttext"
	"github.com/climb-go/climb/vec"
)

// topics makes n texts, each of 40 words from one of three vocabularies of
// 120, and the vocabulary of each.
func topics(n int) (texts []string, topic []int) {
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		var b strings.Builder
		for range 40 {
			fmt.Fprintf(&b, "%s%d ", []string{"cell", "court", "engine"}[i%3], rng.IntN(120))
		}
		texts, topic = append(texts, b.String()), append(topic, i%3)
	}
	return texts, topic
}

// fitters fits methods that need a server, a file or a small size for tests; any
// other is made as a run makes it.
var fitters = map[string]func(t *testing.T, texts []string) Embedder{
	"lexical": func(t *testing.T, texts []string) Embedder { return fitLexical(t, Lexical{Dim: 16}, texts, 2) },
	"word": func(t *testing.T, texts []string) Embedder {
		return fitWord(t, Word{Train: fasttext.WordVectors{Dim: 24, Buckets: 2000, Epochs: 15}}, texts, 2)
	},
	"http": func(t *testing.T, _ []string) Embedder {
		return newEmbeddingServer(t, 0).open1(t, HTTP{MaxBytes: 1 << 21})
	},
	"onnx": func(t *testing.T, _ []string) Embedder {
		return smallModel(t, ONNX{}, network{name: "small", run: smallStates})
	},
}

func fitLexical(t testing.TB, o Lexical, texts []string, workers int) *LexicalModel {
	t.Helper()
	m, err := o.Fit(context.Background(), texts, 7, workers)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func embedAll(t testing.TB, e Embedder, texts []string) []float32 {
	t.Helper()
	dst := make([]float32, len(texts)*e.Dim())
	if err := e.Embed(context.Background(), dst, texts); err != nil {
		t.Fatal(err)
	}
	return dst
}

// odd are texts that embedders meet in the wild.
var odd = []string{"", " \n\t", "\x00\x01\xff\xfe", "\xf0\x28\x8c\x28", "!!! ??? ...", strings.Repeat("cell1 ", 100000),
	"純粋理性批判 ภาษาไทย", "né́e ÉCOLE ſ", strings.Repeat("x", 1<<20), "cell1"}

func TestConformance(t *testing.T) {
	texts, topic := topics(300)
	for _, method := range Methods {
		if _, ok := method.New().(Joiner); ok { // knows vectors, not texts
			continue
		}
		t.Run(method.Name, func(t *testing.T) {
			fit := fitters[method.Name]
			if fit == nil {
				fit = func(t *testing.T, texts []string) Embedder { return made(t, method.Name, texts) }
			}
			checkEmbedder(t, fit(t, texts), texts, topic)
		})
	}
}

// A method that is made as in a run promises the same.
func TestMade(t *testing.T) {
	texts, topic := topics(300)
	checkEmbedder(t, made(t, "lexical", texts), texts, topic)
}

// made makes and loads a method of the table with its defaults.
func made(t *testing.T, name string, texts []string) Embedder {
	t.Helper()
	m, err := Methods.New(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = m.(Maker).Make(t.Context(), Site{Seed: 1, Workers: 2,
		Sample: func(_ context.Context, n, _ int) ([]string, error) { return texts[:min(n, len(texts))], nil },
		Create: func(name string) (io.WriteCloser, error) { return os.Create(filepath.Join(dir, name)) }})
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.(Maker).Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// checkEmbedder checks what every embedder promises.
func checkEmbedder(t *testing.T, e Embedder, texts []string, topic []int) {
	all := slices.Concat(texts, odd)
	got := embedAll(t, e, all)
	d := e.Dim()
	for i := range all {
		row := got[i*d : (i+1)*d]
		if sq := vec.SumSquares(row); !(math.Abs(sq-1) < 1e-5) {
			t.Errorf("text %d: squared length %v", i, sq)
		}
		if !slices.Equal(row, embedAll(t, e, all[i:i+1])) {
			t.Errorf("text %d: alone and in a batch differ", i)
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if !slices.Equal(got, embedAll(t, e, all)) {
				t.Error("concurrent calls differ")
			}
		})
	}
	wg.Wait()
	separated(t, got, d, topic)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := e.Embed(ctx, got[:d], texts[:1]); err == nil {
		t.Error("a cancelled context is ignored")
	}
}

// separated checks that texts of one topic are nearer than those of two.
func separated(t *testing.T, x []float32, d int, topic []int) {
	t.Helper()
	var same, other, ns, no float64
	for i := range topic {
		for j := range i {
			dot := float64(vec.Dot(x[i*d:(i+1)*d], x[j*d:(j+1)*d]))
			if topic[i] == topic[j] {
				same, ns = same+dot, ns+1
			} else {
				other, no = other+dot, no+1
			}
		}
	}
	if same/ns < other/no+0.2 {
		t.Errorf("mean cosine %.3f within topics, %.3f between", same/ns, other/no)
	}
}

func TestFitIgnoresWorkers(t *testing.T) {
	texts, _ := topics(700)
	o := Lexical{Dim: 24, Sample: 600, WordNGrams: 2, CharNGrams: 4}
	var want bytes.Buffer
	if err := fitLexical(t, o, texts, 1).Save(&want); err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{2, 5} {
		old := runtime.GOMAXPROCS(workers)
		var got bytes.Buffer
		if err := fitLexical(t, o, texts, workers).Save(&got); err != nil {
			t.Fatal(err)
		}
		runtime.GOMAXPROCS(old)
		if !bytes.Equal(want.Bytes(), got.Bytes()) {
			t.Errorf("%d workers give another model", workers)
		}
	}
}

func TestSmallSamples(t *testing.T) {
	for name, texts := range map[string][]string{
		"one document": {"the cat sat on the mat"},
		"no features":  {"", "...", "\x00"},
		"all alike":    slices.Repeat([]string{"same words here"}, 20),
		"two":          {"cat dog", "dog fish"},
	} {
		t.Run(name, func(t *testing.T) {
			m := fitLexical(t, Lexical{Dim: 32}, texts, 2)
			got := embedAll(t, m, append(texts, "unseen"))
			for i := range len(texts) + 1 {
				row := got[i*32 : (i+1)*32]
				if sq := vec.SumSquares(row); math.Abs(sq-1) > 1e-5 {
					t.Errorf("text %d: squared length %v", i, sq)
				}
				for j := len(m.Singular); j < 32; j++ {
					if row[j] != 0 && !(j == 0 && len(m.Singular) == 0) {
						t.Errorf("text %d: coordinate %d beyond the rank %d is %v", i, j, len(m.Singular), row[j])
					}
				}
			}
			last := got[len(texts)*32:]
			if last[0] != 1 {
				t.Errorf("a text without features gives %v, want the first axis", last[:3])
			}
		})
	}
	if _, err := (Lexical{}).Fit(context.Background(), nil, 1, 1); err == nil {
		t.Error("no text at all is accepted")
	}
	if _, err := (Lexical{Features: 1000}).Fit(context.Background(), []string{"a"}, 1, 1); err == nil {
		t.Error("1000 buckets are accepted")
	}
}

func TestScan(t *testing.T) {
	scan := func(o Lexical, text string) []uint32 {
		s := scanner{opt: &o, log: 18}
		s.scan(text)
		return slices.Clone(s.buckets)
	}
	words := Lexical{WordNGrams: 1}
	for _, same := range [][2]string{{"Hello, WORLD", "hello world"}, {"École", "école"}, {"a-b", "a b"}, {"x\xffy", "x y"}} {
		if !slices.Equal(scan(words, same[0]), scan(words, same[1])) {
			t.Errorf("%q and %q differ", same[0], same[1])
		}
	}
	for _, c := range []struct {
		o    Lexical
		text string
		want int
	}{
		{words, "one two three", 3},
		{words, "漢字かな", 4},
		{Lexical{WordNGrams: 2}, "one two three", 5},
		{Lexical{WordNGrams: 2}, "12 12 12", 5},
		{Lexical{WordNGrams: 1, CharNGrams: 3}, "one", 1 + 3},     // <on one ne>
		{Lexical{WordNGrams: 1, CharNGrams: 5}, "one", 1 + 3 + 3}, // and <one one> <one>
		{Lexical{WordNGrams: 1, CharNGrams: 5}, "a", 1 + 1},       // <a>
		{Lexical{WordNGrams: 2, CharNGrams: 3}, "a b", 2 + 1 + 2}, // <a> <b>
		{Lexical{WordNGrams: 2, CharNGrams: 3}, "...", 0},
	} {
		if got := len(scan(c.o, c.text)); got != c.want {
			t.Errorf("%q with %d-grams: %d features, want %d", c.text, c.o.WordNGrams, got, c.want)
		}
	}
	if a, b := scan(Lexical{WordNGrams: 2}, "red car"), scan(Lexical{WordNGrams: 2}, "car red"); a[2] == b[2] {
		t.Error("pairs ignore the order")
	}
}

func TestMaxBytes(t *testing.T) {
	texts, _ := topics(60)
	m := fitLexical(t, Lexical{Dim: 8, MaxBytes: 30}, texts, 1)
	long := embedAll(t, m, []string{texts[0], texts[0][:30]})
	if !slices.Equal(long[:8], long[8:]) {
		t.Error("bytes beyond the limit count")
	}
}

func TestSaveLoad(t *testing.T) {
	texts, _ := topics(200)
	m := fitLexical(t, Lexical{Dim: 20}, texts, 2)
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	back, err := LoadLexical(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(embedAll(t, m, texts), embedAll(t, back, texts)) {
		t.Error("the loaded model gives other vectors")
	}
	for _, n := range []int{0, 5, len(magic) + 2, len(magic) + 40, 600, b.Len() / 2, b.Len() - 1} {
		if _, err := LoadLexical(bytes.NewReader(b.Bytes()[:n])); err == nil {
			t.Errorf("a file cut at %d of %d bytes is accepted", n, b.Len())
		}
	}
	if err := m.Save(shortWriter{}); err == nil {
		t.Error("a failed write is not reported")
	}
}

type shortWriter struct{}

func (shortWriter) Write(p []byte) (int, error) { return 0, io.ErrShortWrite }

func FuzzLoadLexical(f *testing.F) {
	texts, _ := topics(12)
	m, err := Lexical{Dim: 2, Features: 256}.Fit(context.Background(), texts, 1, 1)
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := LoadLexical(bytes.NewReader(data))
		if err == nil {
			embedAll(t, m, []string{"cell1 court2", ""})
		}
	})
}

func BenchmarkEmbed(b *testing.B) {
	for _, c := range []Lexical{{}, {WordNGrams: 2, CharNGrams: 5}} {
		b.Run(fmt.Sprintf("words=%d,chars=%d", max(1, c.WordNGrams), c.CharNGrams), func(b *testing.B) {
			texts := miniTexts(b)
			m := fitLexical(b, c, texts, 2)
			dst := make([]float32, len(texts)*m.Dim())
			n := 0
			for _, text := range texts {
				n += len(m.Options.cut(text))
			}
			b.SetBytes(int64(n))
			for b.Loop() {
				if err := m.Embed(b.Context(), dst, texts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
