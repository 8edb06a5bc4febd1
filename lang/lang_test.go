package lang

import (
	"bytes"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"
)

// sentences are by the authors of this test.
var sentences = []struct{ code, text string }{
	{"en", "The ferry leaves the harbour at seven in the morning, and on clear days you can watch the lighthouse until it sinks below the horizon."},
	{"fr", "Ma grand-mère gardait dans le tiroir de la cuisine toutes les lettres que mon oncle lui avait envoyées pendant ses voyages."},
	{"de", "Als der Regen endlich aufhörte, gingen die Kinder hinaus und bauten aus dem nassen Sand eine Burg mit einem tiefen Graben."},
	{"es", "Cuando llegamos al pueblo ya era de noche, y la única luz que se veía era la de la panadería donde amasaban el pan."},
	{"it", "Mio fratello ha comprato una vecchia bicicletta al mercato e adesso passa tutte le sere in garage a cercare di ripararla."},
	{"nl", "Toen we gisteren door het bos liepen, zagen we een vos die rustig op het pad bleef zitten en naar ons keek."},
	{"pl", "Wczoraj wieczorem zgubiłem klucze do mieszkania i musiałem czekać na schodach, aż wróci moja siostra."},
	{"fi", "Kesällä istumme usein laiturilla myöhään yöhön ja kuuntelemme, kuinka vesi liikkuu hiljaa kivien välissä."},
	{"hu", "Tegnap este olyan sokáig beszélgettünk a konyhában, hogy észre sem vettük, amikor kint elkezdett esni a hó."},
	{"tr", "Dün akşam pencerenin önünde oturup yağmuru seyrettik ve çocukken oynadığımız oyunları uzun uzun konuştuk."},
	{"ru", "Вчера вечером мы долго гуляли по берегу реки и говорили о том, куда поедем следующим летом."},
	{"uk", "Учора ввечері ми довго гуляли берегом річки й говорили про те, куди поїдемо наступного літа."},
	{"bg", "Вчера вечерта дълго се разхождахме край реката и говорихме за това къде ще отидем следващото лято."},
	{"el", "Χθες το βράδυ περπατήσαμε πολλή ώρα δίπλα στη θάλασσα."},
	{"he", "אתמול בערב טיילנו שעה ארוכה על שפת הים ודיברנו על הקיץ הבא."},
	{"ar", "مشينا مساء أمس وقتا طويلا على شاطئ البحر وتحدثنا عن الصيف القادم."},
	{"fa", "دیشب مدت زیادی کنار دریا قدم زدیم و درباره تابستان آینده حرف زدیم."},
	{"hi", "कल शाम हम देर तक नदी के किनारे टहलते रहे और अगली गर्मियों के बारे में बात करते रहे।"},
	{"ja", "昨日の夕方、私たちは川のほとりを長いあいだ歩きながら、来年の夏のことを話しました。"},
	{"zh", "昨天傍晚我们沿着河边走了很久，一直在谈论明年夏天要去哪里。"},
	{"ko", "어제 저녁 우리는 강가를 오랫동안 걸으면서 내년 여름에 어디로 갈지 이야기했다."},
	{"th", "เมื่อวานตอนเย็นเราเดินเล่นริมแม่น้ำเป็นเวลานาน"},
	{"ka", "გუშინ საღამოს დიდხანს ვსეირნობდით მდინარის პირას."},
	{"hy", "Երեկ երեկոյան մենք երկար զբոսնում էինք գետի ափին։"},
	{"vi", "Chiều hôm qua chúng tôi đi dạo rất lâu bên bờ sông và nói chuyện về mùa hè năm sau."},
}

func TestIdentify(t *testing.T) {
	for _, s := range sentences {
		code, confidence := Identify(s.text)
		if code != s.code || confidence < 0.75 || confidence > 1 {
			t.Errorf("%s: got %s, %.3f", s.code, code, confidence)
		}
		if again, c := Identify(s.text); again != code || c != confidence {
			t.Errorf("%s: got %s, %v, then %s, %v", s.code, code, confidence, again, c)
		}
		if c := Confidence(s.text, []string{"qqq", s.code}); c != confidence {
			t.Errorf("%s: Confidence %v, Identify %v", s.code, c, confidence)
		}
		if c := Confidence(s.text, nil); c != confidence {
			t.Errorf("%s: Confidence without codes %v, Identify %v", s.code, c, confidence)
		}
		if c := Confidence(s.text, []string{"eo"}); c > 0.1 {
			t.Errorf("%s: %v that it is Esperanto", s.code, c)
		}
	}
}

// TestUndetermined: what is hardly language has no language.
// A macrolanguage is as sure as its languages together, and has no others.
func TestMacrolanguages(t *testing.T) {
	for code, texts := range map[string][]string{
		"hbs": {"Jučer smo dugo šetali uz rijeku i razgovarali o tome kamo ćemo otići sljedećeg ljeta.", "Juče smo dugo šetali pored reke i pričali o tome gde ćemo ići sledećeg leta."},
		"msa": {"Semalam kami berjalan lama di tepi sungai sambil bercakap tentang percutian pada musim panas akan datang.", "Kemarin sore kami berjalan lama di tepi sungai dan berbicara tentang liburan musim panas mendatang."},
		"nor": {"I går gikk vi lenge langs elva og snakket om hvor vi skal reise neste sommer.", "I går gjekk vi lenge langs elva og snakka om kvar vi skal reise neste sommar."},
	} {
		for _, text := range texts {
			if c := Confidence(text, []string{code}); c < 0.75 {
				t.Errorf("%s: %.3f for %q", code, c, text)
			}
			sum := float32(0)
			for _, l := range Languages() {
				if Macrolanguage(l) == code {
					sum += Confidence(text, []string{l})
				}
			}
			if c := Confidence(text, []string{code}); math.Abs(float64(c-sum)) > 1e-6 {
				t.Errorf("%s: %v, its languages %v", code, c, sum)
			}
		}
	}
	for _, code := range Macrolanguages() {
		if slices.Contains(Languages(), code) || Macrolanguage("en") != "en" {
			t.Errorf("%s is a language of its own", code)
		}
	}
}

func TestUndetermined(t *testing.T) {
	var three string
	for _, s := range sentences[:3] {
		three += strings.Repeat(s.text+" ", 10)
	}
	for name, text := range map[string]string{
		"empty":       "",
		"spaces":      " \n\t ",
		"short":       "ok",
		"numbers":     strings.Repeat("12.5\t13.75\t2026-11-30\n", 20),
		"code":        "func (g *group) add(s *sum, row int) {\n\tif s.seen[row/64]>>(row%64)&1 != 0 {\n\t\treturn\n\t}\n\ts.seen[row/64] |= 1 << (row % 64)\n}\n",
		"JSON":        `{"id":17,"tags":["a","b"],"at":{"x":1.5,"y":-2},"ok":true,"next":null}`,
		"table":       "| a | 1 | 2 |\n|---|---|---|\n| b | 3 | 4 |\n| c | 5 | 6 |\n",
		"not UTF-8":   strings.Repeat("\xff\xfe\x80", 100),
		"emoji":       "😀😀😀🎉🎉",
		"hexadecimal": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"three":       three,
	} {
		if code, confidence := Identify(text); code != Undetermined || !(confidence >= 0 && confidence < Least) {
			t.Errorf("%s: got %s, %v", name, code, confidence)
		}
	}
}

// TestLongTexts: a long text is judged by windows that lie evenly over it.
func TestLongTexts(t *testing.T) {
	for _, s := range sentences {
		if code, _ := Identify(strings.Repeat(s.text+"\n", 1000)); code != s.code {
			t.Errorf("%s, a thousand times: got %s", s.code, code)
		}
	}
}

func TestAllocations(t *testing.T) {
	Identify("") // reads the model
	text := strings.Repeat(sentences[0].text+" ", 40)
	if n := testing.AllocsPerRun(20, func() { Identify(text); Confidence(text, []string{"en"}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestModel holds the file to its size, and to say what it is made from.
func TestModel(t *testing.T) {
	if len(file) >= 1<<20 {
		t.Errorf("%d bytes", len(file))
	}
	for _, want := range []string{"source: the Universal Declaration of Human Rights", "licence: ", "made: 20"} {
		if !strings.Contains(Header(), want) {
			t.Errorf("the head lacks %q:\n%s", want, Header())
		}
	}
	if n := len(Languages()); n < 100 || slices.Contains(Languages(), "") {
		t.Errorf("%d languages: %q", n, Languages())
	}
}

// TestTrainer trains on the sentences: the same texts give the
// same bytes, and the model can be read and knows them again.
func TestTrainer(t *testing.T) {
	train := func() []byte {
		tr := Trainer{Header: "source: a test"}
		for _, s := range sentences {
			tr.Add(s.code, s.text)
		}
		var b bytes.Buffer
		if err := tr.Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	a := train()
	if !bytes.Equal(a, train()) {
		t.Fatal("the same texts gave other bytes")
	}
	m, err := Read(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sentences {
		var p posterior
		m.judge(&p, s.text)
		best := slices.Index(p[:], slices.Max(p[:]))
		if m.codes[best] != s.code {
			t.Errorf("%s: got %s", s.code, m.codes[best])
		}
	}
	for n := range len(a) - 1 { // cut off anywhere
		if n%97 == 0 {
			if _, err := Read(bytes.NewReader(a[:n])); err == nil {
				t.Errorf("%d of %d bytes were read as a model", n, len(a))
			}
		}
	}
	if err := (&Trainer{Header: "a\n\nb"}).Write(&bytes.Buffer{}); err == nil {
		t.Error("a head with an empty line was written")
	}
}

func FuzzIdentify(f *testing.F) {
	for _, s := range sentences {
		f.Add(s.text)
	}
	f.Add("\xff日本\xe6")
	f.Fuzz(func(t *testing.T, text string) {
		code, c := Identify(text)
		if !(c >= 0 && c <= 1.0001) || (code == Undetermined) != (c < Least) {
			t.Errorf("%s, %v", code, c)
		}
		if utf8.ValidString(text) && Confidence(text, []string{code}) != c && code != Undetermined {
			t.Errorf("Confidence differs from %v", c)
		}
	})
}

func FuzzRead(f *testing.F) {
	if head, err := os.ReadFile("model.bin"); err == nil {
		f.Add(head[:1000])
	}
	tr := Trainer{Header: "x"}
	tr.Add("en", sentences[0].text)
	tr.Add("fr", sentences[1].text)
	var b bytes.Buffer
	if err := tr.Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := Read(bytes.NewReader(data)); err == nil {
			var p posterior
			m.judge(&p, sentences[0].text)
		}
	})
}

// BenchmarkIdentify reads 4 KiB, what is read of a long document at most. MB/cpu-s
// is by processor time, for machines that do other work too.
func BenchmarkIdentify(b *testing.B) {
	var text string
	for len(text) < 4096 {
		for _, s := range sentences[:10] {
			text += s.text + " "
		}
	}
	text = text[:4096]
	Identify(text)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	begun := processorTime(b)
	for b.Loop() {
		Identify(text)
	}
	b.ReportMetric(float64(len(text))*float64(b.N)/1e6/(processorTime(b)-begun), "MB/cpu-s")
}

func processorTime(tb testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
