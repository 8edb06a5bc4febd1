package label

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// scores returns one text's columns by name.
func scores(t testing.TB, r Rules, text string) map[string]float64 {
	t.Helper()
	dst := make([]float32, len(r.Names()))
	if err := r.Label(t.Context(), dst, []string{text}); err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for i, name := range r.Names() {
		out[name] = float64(dst[i])
	}
	return out
}

func TestSoftThresholds(t *testing.T) {
	for _, test := range []struct{ got, want float64 }{
		{atMost(10, 10), 0.5}, {atLeast(50, 50), 0.5}, {shareAtMost(0.3, 0.3), 0.5}, {shareAtLeast(0.8, 0.8), 0.5},
		{atMost(0, 10), 1}, {atLeast(0, 10), 0}, {shareAtMost(0, 0.3), 1}, {shareAtMost(1, 0.3), 0}, {shareAtLeast(1, 0.8), 1},
		{atMost(20, 10), 1. / 17}, {atLeast(20, 10), 16. / 17},
		{shareAtMost(0.5, 0.2), 1. / 17}, {shareAtLeast(0.5, 0.2), 16. / 17},
	} {
		if math.Abs(test.got-test.want) > 1e-12 {
			t.Errorf("got %v, want %v", test.got, test.want)
		}
	}
}

// TestColumnsByHand works a small text through the formulas of Rules.
func TestColumnsByHand(t *testing.T) {
	text := "The cat sat on the mat.\n- #1 The DOG, and 12 cats…\n\nThe cat sat on the mat!\nSubscribe to our newsletter, buy now"
	var d doc
	d.scan(text)
	want := doc{letters: 77, digits: 3, chars: 87, words: 25, alpha: 22, plain: 17, titled: 4, upper: 1, exclaims: 1, hashes: 1, ellipses: 1, newlines: 4,
		lines: 4, terminal: 3, short: 3, bullets: 1, trailing: 1, dupLines: 1, dupLineChars: 18, paragraphs: 2, bytes: len(text)}
	opts := cmp.Options{cmp.AllowUnexported(doc{}), cmpopts.IgnoreFields(doc{}, "hash", "size", "word", "line", "para", "seen", "seenLines", "seenParagraphs", "gram", "stamped", "triples", "surprise", "found")}
	if diff := cmp.Diff(want, d, opts); diff != "" {
		t.Fatal(diff)
	}
	got := scores(t, Rules{StopWords: strings.Fields("the be to of and that have with")}, text)
	w := 25.0
	surprise := 0.0 // of all triples of letters, in bits
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' }) {
		for i := 2; i < len(word); i++ {
			surprise += float64(surprises[int(word[i-2]-'a')<<10|int(word[i-1]-'a')<<5|int(word[i]-'a')]) / 16
		}
	}
	odds := func(x float64) float64 { return x / (1 - x) }
	pow := func(x, p float64) float64 { return math.Pow(x, p) }
	for name, want := range map[string]float64{
		"length":    1 / (1 + pow(50/w, 4)),
		"words":     1 / (1 + pow(3/((87+100)/(w+20)), 4)),
		"symbols":   1 / (1 + pow(odds((7.+5)/187)/odds(0.3), 2)),
		"alpha":     1 / (1 + pow(odds((22+19.)/45)/odds(0.8), -2)),
		"stopwords": 1 / (1 + pow(odds((7+3.)/45)/odds(0.04), -2)),
		"lines":     1 / (1 + pow(odds((3+1.)/9)/odds(0.67), 2)),
		// the top 4-gram is "sat on the mat", twice 12 characters
		"repetition":  1 / (1 + pow(odds(24./187)/odds(0.16), 2)),
		"boilerplate": 1 / (1 + pow(2*(1-1./2)/(w+50)/0.01, 4)), // "subscribe" and "newsletter"
		"advert":      1,                                        // "buy now" alone
		"tables":      1,
		"logs":        1,
		"menus":       1 / (1 + pow(odds(0.5/9)/odds(0.35), 2)),
		"prose":       1 / (1 + pow(odds((17+14.)/45)/odds(0.3), -2)),
		"titles":      1 / (1 + pow(odds((4+2.)/45)/odds(0.35), 2)),
		"shouting":    1 / (1 + pow(odds((1+1+0.5)/75)/odds(0.1), 2)),
		"address":     1 / (1 + pow(odds((1+1.)/75)/odds(0.06), 2)),
		"letters":     1 / (1 + pow(max(0, (surprise+340)/(33+100)-3.4)/0.8, 4)), // English
		"noise":       1 / (1 + pow(odds(0.1/75)/odds(0.03), 2)),
		"encoding":    1,
		"order":       1 / (1 + pow(odds(0.1/16)/odds(0.12), 2)),
		"variety":     1 / (1 + pow(odds(2./(26*25))/odds(0.04), 2)), // "mat." and "mat!"
		"markup":      1,
	} {
		if math.Abs(got[name]-want) > 1e-6 {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	most, sum := 0.0, 0.0
	for _, c := range ruleColumns {
		if c.worst > 0 {
			x := -math.Log(got[c.name]) / c.worst
			most, sum = max(most, x), sum+min(1, x)
		}
	}
	if x := max(most, sum/evidenceSum); math.Abs(got["quality"]-1/(1+x*x)) > 1e-6 {
		t.Errorf("quality %v, want that of evidence %v", got["quality"], x)
	}
	if d.triples != 33 || float64(d.surprise)/16 != surprise {
		t.Errorf("%d triples of letters with %v bits, want 33 with %v", d.triples, float64(d.surprise)/16, surprise)
	}
}

// TestEachColumnFalls spoils a sound text in one way at a time: that column
// must fall below its threshold's 1/2, and the others stay above it.
func TestEachColumnFalls(t *testing.T) {
	sound := prose(400, 1)
	before := scores(t, Rules{}, sound)
	for name, x := range before {
		if x < 0.8 {
			t.Errorf("sound text: %s %.3f", name, x)
		}
	}
	spoil := map[string]func(words []string) string{
		"length": func(w []string) string { return strings.Join(w[:20], " ") + "." },
		"words": func(w []string) string {
			return strings.ReplaceAll(strings.Join(w, " "), " the ", " "+strings.Repeat("station", 30)+" ")
		},
		"symbols":   func(w []string) string { return every(w, 2, func(s string) string { return "#" + s }) },
		"alpha":     func(w []string) string { return every(w, 2, func(s string) string { return s + " &" }) },
		"stopwords": func(w []string) string { return every(w, 1, func(s string) string { return s + "ta" }) },
		"lines":     func(w []string) string { return every(w, 3, func(s string) string { return s + "\n" }) },
		// the top 4-gram is "sat on the mat", twice 12 characters
		"repetition": func(w []string) string {
			return every(w, 100, func(s string) string { return s + ".\n" + strings.Join(w[:60], " ") })
		},
		"boilerplate": func(w []string) string {
			return every(w, 30, func(s string) string { return s + " privacy policy, contact us, sign in" })
		},
		"advert": func(w []string) string {
			return every(w, 30, func(s string) string { return s + " click here, order now, no obligation" })
		},
		"tables": func(w []string) string { return strings.Join(w, "   ") },
		"logs": func(w []string) string {
			return every(w, 12, func(s string) string { return s + ".\n12:30:59 a" + s + ".\n" })
		},
		"menus": func(w []string) string {
			return every(w, 10, func(s string) string { return s + ".\nThe x" + s + "\n" })
		},
		"prose": func(w []string) string { return every(w, 1, func(s string) string { return "(" + s + ")" }) },
		"titles": func(w []string) string {
			return every(w, 2, func(s string) string { return strings.ToUpper(s[:1]) + s[1:] })
		},
		"shouting": func(w []string) string { return every(w, 6, strings.ToUpper) },
		"letters": func(w []string) string {
			return every(w, 3, func(s string) string {
				return s + " " + strings.Map(func(r rune) rune { return rune("qxzjvkwq"[r%8]) }, s)
			})
		},
		"noise":    func(w []string) string { return every(w, 8, func(s string) string { return "a,b" + s }) },
		"encoding": func(w []string) string { return every(w, 12, func(s string) string { return s + "Ã©" }) },
		"order":    func(w []string) string { return every(w, 9, func(s string) string { return s + " the and" }) },
		"variety":  func(w []string) string { return every(w, 3, func(s string) string { return s + " station" }) },
		"address":  func(w []string) string { return every(w, 10, func(s string) string { return s + " you" }) },
		"markup": func(w []string) string {
			var b strings.Builder
			for part := range slices.Chunk(w, 16) {
				fmt.Fprintf(&b, "%s <%s> ", strings.Join(part[:3], " "), strings.Join(part[3:], " "))
			}
			return b.String()
		},
	}
	for name, f := range spoil {
		got := scores(t, Rules{}, f(strings.Fields(sound)))
		for other, x := range got {
			if other == name && x > 0.5 || other != name && other != "quality" && x < 0.5 {
				t.Errorf("spoilt %s: %s is %.3f", name, other, x)
			}
		}
		if name != "length" && got["quality"] >= before["quality"] {
			t.Errorf("spoilt %s: quality rose from %.3f to %.3f", name, before["quality"], got["quality"])
		}
	}
}

func every(words []string, n int, f func(string) string) string {
	out := slices.Clone(words)
	for i := n - 1; i < len(out); i += n {
		out[i] = f(out[i])
	}
	return strings.Join(out, " ")
}

var syllables = strings.Fields("ta ri no de ma li se ro pa ten con ver in sta le ra ti mo ne per")

// prose makes sentences of random words, a third of them stop words.
func prose(n int, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 1))
	stops := strings.Split("the,be,to,of,and,that,have,with", ",")
	var b strings.Builder
	for i := range n {
		switch {
		case i%3 == 1:
			b.WriteString(stops[rng.IntN(8)])
		default:
			for range 2 + rng.IntN(3) {
				b.WriteString(syllables[rng.IntN(len(syllables))])
			}
		}
		if i%12 == 11 {
			b.WriteString(".\n")
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.TrimSpace(b.String()) + "."
}

// TestShapes reads lines for what they are.
func TestShapes(t *testing.T) {
	for line, want := range map[string][3]int{ // characters of tables, stamped, menu
		"| a | b |":                      {5, 0, 0},
		"+------+------+":                {15, 0, 0},
		"Name   Year   Notes on it":      {17, 0, 1},
		"1991\t2A\tCameron":              {13, 0, 0},
		"\t\tif a || b || c {":           {0, 0, 0},
		"    indented   once.":           {0, 0, 0},
		"--- ok":                         {0, 0, 0},
		"Dec 10 07:08:30 host sshd: ok":  {0, 1, 0},
		"2015-07-29 WARN":                {0, 1, 0},
		"[081109] block":                 {0, 1, 0},
		"at 10:30 we met":                {0, 0, 0},
		"pi is 3.14, e 2.72; 12 a 34:56": {0, 0, 0},
		"this line is really far too long for its stamp of 12:30:59 to count": {0, 0, 0},
		"Contact us":                 {0, 0, 1},
		"News 24":                    {0, 0, 1},
		"Contact us.":                {0, 0, 0},
		"contact us":                 {0, 0, 0},
		"The six words of this line": {0, 0, 0},
	} {
		var d doc
		d.scan(line)
		if got := [3]int{d.tableChars, len(d.stamped), d.menu}; got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
	var d doc
	d.scan("a\n\n12:30:59 failed\nDone. 1")
	if want := []span{{1, 3}}; !slices.Equal(d.stamped, want) {
		t.Errorf("spans %v, want %v", d.stamped, want)
	}
}

// TestSoundKindsPass: markup, code, dialogue, arithmetic and short messages
// are unlike prose, and yet must clear the advised floors.
func TestSoundKindsPass(t *testing.T) {
	floors := Rules{}.Floors()
	for name, text := range map[string]string{
		"latex": `\begin{lemma}
\label{lemma-sum}
Let $(a_n)$ be a sequence of positive real numbers such that
$\sum a_n$ converges. Then for every bounded sequence $(b_n)$
the series $\sum a_n b_n$ converges absolutely.
\end{lemma}

\begin{proof}
Suppose that $|b_n| \leq M$ for all $n$. The partial sums of
$\sum |a_n b_n|$ are increasing, and each of them is at most
$M \sum a_n$. An increasing and bounded sequence has a limit.
\end{proof}`,
		"code": `// Mean returns the arithmetic mean of x, or NaN if x is empty.
func Mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// Median returns the middle of the sorted values.
func Median(x []float64) float64 {
	y := slices.Clone(x)
	slices.Sort(y)
	if len(y)%2 == 1 {
		return y[len(y)/2]
	}
	return (y[len(y)/2-1] + y[len(y)/2]) / 2
}`,
		"dialogue":   "User: Hi, I need a table for two tonight.\nAssistant: At what time would you like to come?\nUser: Half past seven, please.\nAssistant: It is booked for half past seven. See you then!",
		"arithmetic": "Question: Ann has 3 boxes of 12 pens and gives away 7. How many are left?\nAnswer: She starts with 3 * 12 = 36 pens. 36 - 7 = 29 are left. The answer is 29.",
		"tweet":      "can't believe the match last night #football",
		"recipe":     "Pancakes\n\nIngredients:\n- 2 eggs\n- 1 cup of milk\n- 1 1/2 cups of flour\n- a pinch of salt\n\nDirections:\n1. Beat the eggs with the milk.\n2. Stir in the flour and the salt.\n3. Fry in butter until golden on both sides.",
	} {
		got := scores(t, Rules{}, text)
		for column, floor := range floors {
			if got[column] < floor {
				t.Errorf("%s: %s %.3f is below the floor %.2f", name, column, got[column], floor)
			}
		}
	}
}

// articles is the start of the Universal Declaration of Human Rights.
var articles = map[string]string{
	"Arabic":   "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء. لكل إنسان حق التمتع بكافة الحقوق والحريات الواردة في هذا الإعلان، دون أي تمييز، كالتمييز بسبب العنصر أو اللون أو الجنس أو اللغة أو الدين.",
	"Chinese":  "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。人人有资格享有本宣言所载的一切权利和自由,不分种族、肤色、性别、语言、宗教、政治或其他见解、国籍或社会出身、财产、出生或其他身分等任何区别。",
	"German":   "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im Geiste der Brüderlichkeit begegnen. Jeder hat Anspruch auf alle in dieser Erklärung verkündeten Rechte und Freiheiten, ohne irgendeinen Unterschied.",
	"Hindi":    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की देन प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।",
	"Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
	"Korean":   "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.",
	"Russian":  "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.",
	"Thai":     "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ",
	"Turkish":  "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. Akıl ve vicdana sahiptirler ve birbirlerine karşı kardeşlik zihniyeti ile hareket etmelidirler.",
}

// TestScripts: no column but length falls below its threshold for a paragraph
// of another language or script.
func TestScripts(t *testing.T) {
	for language, text := range articles {
		for name, x := range scores(t, Rules{}, text) {
			if name != "length" && x < 0.5 {
				t.Errorf("%s: %s %.3f", language, name, x)
			}
		}
	}
}

// TestOneWordDecidesNothing: a subject's word is not a page's furniture, however
// often it comes, nor is one phrase of an advertisement.
func TestOneWordDecidesNothing(t *testing.T) {
	for word, column := range map[string]string{"JavaScript": "boilerplate", "Facebook": "boilerplate", "privacy policy": "boilerplate", "login": "boilerplate", "casino": "advert", "free of charge": "advert"} {
		text := strings.Repeat("In the nineties "+word+" was new, and it took years until the people who made it agreed on what it should become. ", 4)
		text += "Today " + word + " is older than most of those who use it."
		if got := scores(t, Rules{}, text)[column]; got < 0.9 {
			t.Errorf("%s: %s %.3f", word, column, got)
		}
	}
}

// TestWordsWithoutSpaces: text of a script that does not part words is cut the same
// wherever it stands, to words of about two characters, and apart from other
// scripts.
func TestWordsWithoutSpaces(t *testing.T) {
	var whole, part, mixed doc
	whole.scan(articles["Chinese"])
	if n := len([]rune(articles["Chinese"])); whole.words < n/3 || whole.words > n {
		t.Errorf("%d words of %d characters", whole.words, n)
	}
	part.scan("他们赋有理性和良心")
	if !slices.ContainsFunc(whole.hash, func(h uint64) bool { return h == part.hash[len(part.hash)-1] }) {
		t.Error("equal text is cut differently")
	}
	mixed.scan("用Linux的人")
	var linux doc
	linux.scan("Linux")
	if !slices.Contains(mixed.hash, linux.hash[0]) {
		t.Error("a word of another script is not a word of its own")
	}
}

// TestEncodingErrors counts what wrong encodings leave, and nothing in text that
// has accents.
func TestEncodingErrors(t *testing.T) {
	for text, want := range map[string]int{
		"naÃ¯ve cafÃ©": 4, "donâ€™t": 2, "ÐŸÑ€Ð¸": 6, "ïðèâåò": 3, "a\ufffdb\ufffd": 2, "a\u0093b\u0094": 2,
		"naïve café, “Straße” — l’été, «où» Übermäßig ñandú ação": 0, "Việt Nam độc lập, Þórður fór": 0,
	} {
		var d doc
		if d.scan(text); d.broken != want {
			t.Errorf("%q: %d, want %d", text, d.broken, want)
		}
	}
}

// TestTablesOfCodePass: constants are code, though they look like little else.
func TestTablesOfCodePass(t *testing.T) {
	var hex, names, numbers strings.Builder
	for i := range 300 {
		fmt.Fprintf(&hex, "0x%04x, 0x%04x,\n", 37*i%65536, 91*i%65536)
		fmt.Fprintf(&names, "\tcase ssa.OpAMD64VPABSB%d,\n", i)
		fmt.Fprintf(&numbers, "\t%.12f,\n", 1/float64(i+2))
	}
	for name, text := range map[string]string{"hex": hex.String(), "names": names.String(), "numbers": numbers.String()} {
		if got := scores(t, Rules{}, "var table = []uint16{\n"+text+"}\n"); got["quality"] < 0.5 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestJunkFails(t *testing.T) {
	repeat := func(n int, lines ...string) string { return strings.Repeat(strings.Join(lines, "\n")+"\n", n) }
	for name, text := range map[string]string{
		"log":   repeat(10, "[2024-01-05 10:22:31] INFO worker-17 pid=2231 state=0x00ff12 ok", "[2024-01-05 10:22:32] WARN worker-03 pid=2241 state=0x00aa17 retry=3"),
		"table": repeat(6, "| 1996 | 12 | 3 | 0.25 | -- |", "|------|----|---|------|----|", "| 1997 | 11 | 4 | 0.36 | -- |"),
		"menu":  repeat(2, "Home", "News", "Sign in", "Subscribe", "About us", "Contact us", "Terms of service", "Privacy policy", "Facebook", "More", "All rights reserved"),
		"spam":  "Dear friend, earn up to $5000 from home! No risk, money back guarantee. Call now, toll free, or click here. This is a limited time special offer. To be removed from our list, unsubscribe.",
	} {
		got, fails := scores(t, Rules{}, text), false
		for column, floor := range (Rules{}).Floors() {
			fails = fails || got[column] < floor
		}
		if !fails {
			t.Errorf("%s clears every floor: %v", name, got)
		}
	}
}

func TestUnicode(t *testing.T) {
	var d doc
	d.scan("Ünï\u00a0ÇA e\u0301\u2003٣٤ ‹›\u0085\xff。")
	want := doc{letters: 7, digits: 2, chars: 13, words: 6, alpha: 3, plain: 1, titled: 1, broken: 1, lines: 1, terminal: 1, short: 1, paragraphs: 1, bytes: 34}
	opts := cmp.Options{cmp.AllowUnexported(doc{}), cmpopts.IgnoreFields(doc{}, "hash", "size", "word", "line", "para", "seen", "seenLines", "seenParagraphs", "gram", "stamped", "triples", "surprise", "found")}
	if diff := cmp.Diff(want, d, opts); diff != "" {
		t.Error(diff)
	}
	var upper, lower doc
	upper.scan("ÄRGER, (Straße) N0 12:30 --")
	lower.scan("ärger straße! n7 1:999 --")
	if !slices.Equal(upper.hash, lower.hash) {
		t.Error("words differ by case, marks or digits")
	}
	var other doc
	other.scan("arger straße! n 1.9 ---")
	for i := range other.hash {
		if same := other.hash[i] == lower.hash[i]; same != (i == 1 || i == 3) {
			t.Errorf("word %d: same %v", i, same)
		}
	}
}

func TestMaxBytes(t *testing.T) {
	long := strings.Repeat("é", 600) + strings.Repeat("1 - 2\n", 17<<20) // over 100 MB
	got := scores(t, Rules{MaxBytes: 1025}, long)
	if want := scores(t, Rules{}, strings.Repeat("é", 512)); !cmp.Equal(want, got) {
		t.Errorf("got %v, want those of the first 1024 bytes %v", got, want)
	}
	if scores(t, Rules{}, long)["alpha"] > 0.01 {
		t.Error("the default must see beyond the first KiB")
	}
}

func TestStopWords(t *testing.T) {
	text := strings.Repeat("der Hund und die Katze sind in dem Haus bei der alten Frau. ", 10)
	english, german := Rules{StopWords: []string{"the", "of", "and"}}, Rules{StopWords: []string{"der", "die", "und"}}
	if en, de, all := scores(t, english, text), scores(t, german, text), scores(t, Rules{}, text); en["stopwords"] > 0.5 || de["stopwords"] < 0.9 || all["stopwords"] < 0.9 {
		t.Errorf("stop words: English %.3f, German %.3f, all languages %.3f", en["stopwords"], de["stopwords"], all["stopwords"])
	}
}

// TestRepeatsMatchesMaps compares with the definition written out: n-grams as
// joined strings in maps.
func TestRepeatsMatchesMaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 200 {
		words := make([]string, 1+rng.IntN(120))
		for i := range words {
			words[i] = strings.Repeat(string(rune('a'+rng.IntN(1+round%7))), 1+rng.IntN(2))
			if i > 12 && rng.IntN(3) == 0 {
				copy(words[i-5:i], words[:5])
			}
		}
		var d doc
		d.scan(strings.Join(words, " "))
		if diff := cmp.Diff(repeatsByMaps(words), d.repeats()); diff != "" {
			t.Fatalf("%q: %s", words, diff)
		}
	}
}

func repeatsByMaps(words []string) (out [9]int) {
	total := len(strings.Join(words, ""))
	for n := 2; n <= 10; n++ {
		count := map[string]int{}
		covered := make([]bool, len(words))
		for i := 0; i+n <= len(words); i++ {
			gram := strings.Join(words[i:i+n], " ")
			if count[gram]++; count[gram] > 1 {
				for k := range n {
					covered[i+k] = true
				}
				if n <= 4 {
					out[n-2] = min(total, max(out[n-2], count[gram]*(len(gram)-n+1)))
				}
			}
		}
		for i, word := range words {
			if covered[i] && n > 4 {
				out[n-2] += len(word)
			}
		}
	}
	return out
}

// Surprises are those of probabilities: after each two letters they sum to 1.
func TestSurprises(t *testing.T) {
	for pair := range 1 << 10 {
		if pair>>5 >= 26 || pair&31 >= 26 {
			continue
		}
		sum := 0.0
		for c := range 26 {
			sum += math.Exp2(-float64(surprises[pair<<5|c]) / 16)
		}
		if math.Abs(sum-1) > 0.03 {
			t.Errorf("after %c%c: probabilities sum to %v", rune('a'+pair>>5), rune('a'+pair&31), sum)
		}
	}
}

// disordered is text with the letters of each word in another order.
func disordered(text string) string {
	rng := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields(text)
	for i, w := range words {
		c := []rune(w)
		rng.Shuffle(len(c), func(i, j int) { c[i], c[j] = c[j], c[i] })
		words[i] = string(c)
	}
	return strings.Join(words, " ")
}

// Letters in another order are told from those of a language, without a word of it
// being known; names of fungi and of places are not.
func TestLettersInDisorder(t *testing.T) {
	for text, sound := range map[string]bool{
		prose(200, 3): true,
		strings.Map(func(r rune) rune { return r }, strings.Repeat("Amanita phalloides Agaricus bisporus Cantharellus cibarius Boletus edulis ", 9)): true,
		disordered(prose(200, 4)): false,
	} {
		if got := scores(t, Rules{}, text)["letters"]; got > math.Exp(-0.63) != sound {
			t.Errorf("%.40q: %.3f", text, got)
		}
	}
}

// What looked like damage in Finnish, Hungarian and Catalan is how they are written.
func TestAccentsAreNoDamage(t *testing.T) {
	for column, text := range map[string]string{
		"encoding": "Määritä näppäimistön asettelu käyttäjälle, ja säätää näytön kirkkautta yönäkymässä. A számítógép hálózatának beállítása és a számítógépek működése.",
		"noise":    "La instal·lació intel·ligent de la il·lustració col·lectiva és una sol·licitud excel·lent, i el paral·lelisme és al·lucinant.",
	} {
		if got := scores(t, Rules{}, strings.Repeat(text+" ", 4))[column]; got < 0.99 {
			t.Errorf("%s of %q: %.3f", column, text, got)
		}
	}
	for _, text := range []string{"Ðàçðåøåíèå ïîëüçîâàòåëþ èçìåíÿòü íàñòðîéêè êîìïüþòåðà è ñåòè", "MÃ¤Ã¤ritÃ¤ nÃ¤ppÃ¤imistÃ¶n asettelu kÃ¤yttÃ¤jÃ¤lle"} {
		if got := scores(t, Rules{}, strings.Repeat(text+" ", 4))["encoding"]; got > 0.1 {
			t.Errorf("%q: %.3f", text, got)
		}
	}
}

// Tags are told from comparisons and from generics.
func TestTagged(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "a < b and c > d": 0, "<p>": 3, "x</p>y": 4, "<a href='x'>y</a>": 16, "<<b>": 3, "if a<b { c<d> }": 3, "<>": 0, "</": 0, "<" + strings.Repeat("a", 500) + ">": 0, "<é>": 0, "<a <b>": 3,
	} {
		if got := tagged(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add("")
	f.Add(" \n\t")
	f.Add("…")
	f.Add("a\xff\x00b\u2028.\r\n\r\n- •\n...")
	f.Add(strings.Repeat("the cat 1 ", 30))
	f.Fuzz(func(t *testing.T, text string) {
		for name, x := range scores(t, Rules{MaxBytes: 2048}, text) {
			if !(x >= 0 && x <= 1) {
				t.Fatalf("%s = %v for %q", name, x, text)
			}
		}
	})
}

func BenchmarkRules(b *testing.B) {
	texts := make([]string, 32)
	size := 0
	for i := range texts {
		texts[i] = prose(700, uint64(i))
		size += len(texts[i])
	}
	dst := make([]float32, len(texts)*len(ruleNames))
	b.SetBytes(int64(size))
	for b.Loop() {
		if err := (Rules{}).Label(b.Context(), dst, texts); err != nil {
			b.Fatal(err)
		}
	}
}
