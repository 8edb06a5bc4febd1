package corpus

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/option"
)

// Of a script without spaces several characters count as one word.
func TestUnits(t *testing.T) {
	for text, want := range map[string]int{
		"the harbour of 1921": 4,
		"港口的账簿":               2, // five Han
		"港口的账簿簿":              3,
		"みなと":                 1,
		"ハーバー":                1, // the marks of length are kana too
		"ﾊｰﾊﾞｰ":               1,
		"กรุงเทพ":             1, // seven, of which one is a mark
		"สำนักงานคณะกรรมการ": 2,
		"๒๕๖๗ 2567": 2, // numbers are words
		"서울 한강의 다리": 3, // Korean has spaces
		"港 the 港":   2,
	} {
		if got := CountWords(Words(nil, text)); got != want {
			t.Errorf("%q counts for %d words, want %d", text, got, want)
		}
	}
}

// A run is the shortest that counts for n words and ends where it ends, whatever
// stands before it.
func TestGramsOfCharacters(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for _, c := range []struct {
		alphabet string
		run      int // characters that count for 3 words
	}{{"港口的账簿记年船", 6}, {"みなとのふねをかく", 9}, {"กขคงจฉชซ", 18}} {
		letters := []rune(c.alphabet)
		text := func(n int) string {
			out := make([]rune, n)
			for i := range out {
				out[i] = letters[r.IntN(len(letters))]
			}
			return string(out)
		}
		run := text(c.run)
		want := Grams(nil, Words(nil, run), 3)
		if len(want) != 1 {
			t.Fatalf("%s: %d runs", run, len(want))
		}
		short := string([]rune(run)[1:])
		if got := Grams(nil, Words(nil, short), 3); got != nil {
			t.Errorf("%s is a run of 3 words", short)
		}
		for _, around := range []string{"%s", "of %s", text(5) + "%s" + text(7), "1 2 3 %s"} {
			words := Words(nil, fmt.Sprintf(around, run))
			got := Grams(nil, words, 3)
			at := slices.Index(got, want[0])
			if at < 0 {
				t.Fatalf("%q does not hold %q", fmt.Sprintf(around, run), run)
			}
			end := len(words) - len(got) + at
			if start := gramStart(words, end, 3); end+1-start != c.run {
				t.Errorf("the run has words %d to %d", start, end)
			}
		}
	}
}

// A name that a document shares with a question is no part of the question; as
// many characters as 13 words are.
func TestOverlapOfCharacters(t *testing.T) {
	for _, c := range []struct{ name, question, document string }{
		{"中华人民共和国国家发展和改革委员会", "%s在哪一年由哪个部门改组而成，第一任主任又是谁？请写出他的名字和任期。", "昨天，%s公布了新的电价。"},
		{"国务院国有资产监督管理委员会", "请问%s的主要职责是什么，它对哪些企业履行出资人的职责？", "%s今天没有开会，大门关着。"},
		{"สำนักงานคณะกรรมการกิจการกระจายเสียง กิจการโทรทัศน์ และกิจการโทรคมนาคมแห่งชาติ", "%sก่อตั้งขึ้นในปีใด และใครเป็นประธานคนแรกของหน่วยงานนี้", "เมื่อวานนี้ %sปิดทำการ"},
		{"กระทรวงการพัฒนาสังคมและความมั่นคงของมนุษย์", "%sตั้งอยู่ที่ถนนอะไรในกรุงเทพมหานคร และมีหน้าที่อะไรบ้างตามกฎหมายที่ประกาศใช้", "รถไฟผ่าน%sทุกเช้า"},
	} {
		question, document := fmt.Sprintf(c.question, c.name), fmt.Sprintf(c.document, c.name)
		find := NewGramSet(13, [][]string{{question}}).Finder()
		if got := find.Find(nil, document); got != nil {
			t.Errorf("%s is taken for %s: %v", document, question, got)
		}
		copied := c.document + "abc " + question
		got := find.Find(nil, copied)
		if len(got) != 1 {
			t.Fatalf("the copy of %s is not found", question)
		}
		if e := Excerpt(copied, got[0].Word, got[0].Len); !strings.Contains(question, e) || CountWords(Words(nil, e)) != 13 {
			t.Errorf("%q is no run of 13 words of %q", e, question)
		}
	}
}

// fuzzyDrops are the ids of the documents that go as copies or near-duplicates,
// with the defaults.
func fuzzyDrops(t testing.TB, path string) (drops []string, documents int) {
	t.Helper()
	docs, _, err := readAll(t, Options{Inputs: Paths(path)})
	if err != nil {
		t.Fatal(err)
	}
	near := nearOf(t, Options{Inputs: Paths(path)})
	for d := range near.All() {
		drops = append(drops, docs[d.Row].ID)
	}
	return drops, len(docs)
}

// nearOf finds the near-duplicates of one shard.
func nearOf(t testing.TB, o Options) *Near {
	t.Helper()
	o.Dedup = "fuzzy"
	shards, _, err := Split(t.Context(), o)
	if err != nil || len(shards) != 1 {
		t.Fatal(len(shards), err)
	}
	var signatures, sketches bytes.Buffer
	if err := Sign(t.Context(), shards[0], o, &signatures, &sketches, nil); err != nil {
		t.Fatal(err)
	}
	sig, sketch := write(t, "sig", signatures.String()), write(t, "sketch", sketches.String())
	var pairs []string
	option.Fill(&o)
	m := o.MinHash
	for bucket := range m.Buckets {
		var out bytes.Buffer
		if _, err := Match(t.Context(), []string{sig}, []string{sketch}, bucket, m, &out); err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, write(t, fmt.Sprint("pairs", bucket), out.String()))
	}
	rows := int64(sketches.Len() / (m.Buckets * m.Hashes))
	near, err := FindNear(t.Context(), pairs, []int64{rows}, []*Rows{{}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	return near
}

// Documents of the same form with other numbers are other documents; those with
// few other numbers in much text are near-duplicates still.
func TestFuzzyTellsNumbersApart(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	var lines strings.Builder
	line := func(id, text string) { fmt.Fprintf(&lines, "{\"id\":%q,\"text\":%q}\n", id, text) }
	for i := range 10 {
		var sums, weather, table strings.Builder
		for hour := range 40 {
			a, b := r.IntN(100), r.IntN(100)
			fmt.Fprintf(&sums, "What is %d + %d? %d. ", a, b, a+b)
			fmt.Fprintf(&weather, "At %d:00 the temperature was %d degrees and the wind %d km/h from %d. ", hour%24, r.IntN(40)-10, r.IntN(50), r.IntN(360))
			fmt.Fprintf(&table, "| %d | %d | %d |\n", r.IntN(1000), r.IntN(1000), r.IntN(1000))
		}
		line(fmt.Sprint("sums", i), sums.String())
		line(fmt.Sprint("weather", i), weather.String())
		line(fmt.Sprint("table", i), table.String())
	}
	long := strings.Join(someWords(r, 300), " ")
	line("page", "Seen 17 times. "+long+" and so on.")
	line("page again", "Seen 3914 times. "+long)
	if drops, _ := fuzzyDrops(t, write(t, "a.jsonl", lines.String())); len(drops) != 1 || drops[0] != "page again" {
		t.Errorf("%q are dropped", drops)
	}
}

func TestCasesFuzzyNumbers(t *testing.T) {
	path := filepath.Join("..", "..", "shared", "cases", "dedup", "in2.jsonl")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("needs the case that is not part of the repository: %v", err)
	}
	drops, n := fuzzyDrops(t, path)
	if len(drops) > 0 || n < 30 {
		t.Errorf("of %d documents %q are dropped", n, drops)
	}
}

// In scripts without spaces a copy with little changed is a near-duplicate, and
// other text of the same characters is not.
func TestFuzzyCharacters(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	for _, alphabet := range []string{"港口的账簿记着那一年进来每船名字和主人", "กขคงจฉชซญดตถทธนบปผพฟภมยรลวศสหอ"} {
		letters := []rune(alphabet)
		text := func(n int) string {
			out := make([]rune, n)
			for i := range out {
				out[i] = letters[r.IntN(len(letters))]
			}
			return string(out)
		}
		a := text(2000)
		lines := fmt.Sprintf("{\"id\":\"a\",\"text\":%q}\n{\"id\":\"b\",\"text\":%q}\n{\"id\":\"c\",\"text\":%q}\n", a+text(9), text(3)+a, text(2000))
		if drops, _ := fuzzyDrops(t, write(t, "a.jsonl", lines)); len(drops) != 1 || drops[0] != "b" {
			t.Errorf("%s: %q are dropped", alphabet, drops)
		}
	}
}
