package lang

// A script is a writing system, by the blocks of Unicode.
type script uint8

const (
	common script = iota // digits, marks, spaces: no letters
	latin
	greek
	cyrillic
	armenian
	hebrew
	arabic
	syriac
	thaana
	nko
	devanagari
	bengali
	gurmukhi
	gujarati
	oriya
	tamil
	telugu
	kannada
	malayalam
	sinhala
	thai
	lao
	tibetan
	myanmar
	georgian
	hangul
	ethiopic
	cherokee
	syllabics
	khmer
	mongolian
	tifinagh
	yi
	kana
	han
	scripts // how many
)

// only names the language of a script that is written in it before all
// others; a script with several has a model, or no language at all.
var only = [scripts]string{
	greek: "el", armenian: "hy", syriac: "syr", thaana: "dv", nko: "nqo", bengali: "bn", gurmukhi: "pa", gujarati: "gu",
	oriya: "or", tamil: "ta", telugu: "te", kannada: "kn", malayalam: "ml", sinhala: "si", thai: "th", lao: "lo",
	myanmar: "my", georgian: "ka", hangul: "ko", cherokee: "chr", syllabics: "iu", khmer: "km",
	tifinagh: "zgh", yi: "ii", kana: "ja", han: "zh",
}

// letters is how many letters of an alphabet a character of a script stands
// for: a text in Chinese with as much in Latin letters is one in Chinese.
var letters = [scripts]int{hangul: 2, kana: 2, han: 3, ethiopic: 2, yi: 3}

// blocks are ranges of 16 characters each: first and last of Unicode's blocks.
var blocks = []struct {
	first, last rune
	script      script
}{
	{0x00c0, 0x02af, latin}, {0x0300, 0x036f, latin}, {0x0370, 0x03ff, greek}, {0x0400, 0x052f, cyrillic}, {0x0530, 0x058f, armenian},
	{0x0590, 0x05ff, hebrew}, {0x0600, 0x06ff, arabic}, {0x0700, 0x074f, syriac}, {0x0750, 0x077f, arabic},
	{0x0780, 0x07bf, thaana}, {0x07c0, 0x07ff, nko}, {0x08a0, 0x08ff, arabic}, {0x0900, 0x097f, devanagari},
	{0x0980, 0x09ff, bengali}, {0x0a00, 0x0a7f, gurmukhi}, {0x0a80, 0x0aff, gujarati}, {0x0b00, 0x0b7f, oriya},
	{0x0b80, 0x0bff, tamil}, {0x0c00, 0x0c7f, telugu}, {0x0c80, 0x0cff, kannada}, {0x0d00, 0x0d7f, malayalam},
	{0x0d80, 0x0dff, sinhala}, {0x0e00, 0x0e7f, thai}, {0x0e80, 0x0eff, lao}, {0x0f00, 0x0fff, tibetan},
	{0x1000, 0x109f, myanmar}, {0x10a0, 0x10ff, georgian}, {0x1100, 0x11ff, hangul}, {0x1200, 0x139f, ethiopic},
	{0x13a0, 0x13ff, cherokee}, {0x1400, 0x167f, syllabics}, {0x1780, 0x17ff, khmer}, {0x1800, 0x18af, mongolian},
	{0x1c80, 0x1c8f, cyrillic}, {0x1c90, 0x1cbf, georgian}, {0x1e00, 0x1eff, latin}, {0x1f00, 0x1fff, greek},
	{0x2c60, 0x2c7f, latin}, {0x2d30, 0x2d7f, tifinagh}, {0x2d80, 0x2ddf, ethiopic}, {0x2de0, 0x2dff, cyrillic},
	{0x3040, 0x30ff, kana}, {0x3130, 0x318f, hangul}, {0x31f0, 0x31ff, kana}, {0x3400, 0x4dbf, han}, {0x4e00, 0x9fff, han},
	{0xa000, 0xa4cf, yi}, {0xa640, 0xa69f, cyrillic}, {0xa720, 0xa7ff, latin}, {0xac00, 0xd7ff, hangul},
	{0xf900, 0xfaff, han}, {0xfb50, 0xfdff, arabic}, {0xfe70, 0xfeff, arabic},
}

// letter is what a character of the Basic Multilingual Plane is to the model.
type letter struct {
	lower  uint16 // the character in lower case; of common ones, see newLetters
	script script // common: no letter
}
