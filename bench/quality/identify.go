package main

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/climb-go/climb/lang"
)

// Identify is how often package lang names the language of translated text
// that its model was not trained on.
type Identify struct {
	Model   string          `json:"model"` // head of the file
	Sources []LanguageTexts `json:"sources"`
}

// LanguageTexts are the texts of one source. A document is read as lang reads
// it, in at most four windows; a piece is 200 characters from its middle.
type LanguageTexts struct {
	Source    string          `json:"source"`
	Languages int             `json:"languages"`
	Documents float64         `json:"documents"` // mean over the languages of the share named right
	Pieces    float64         `json:"pieces"`
	Sure      float64         `json:"pieces_sure"`             // of the pieces with a confidence of 0.9 or more, named right
	Macro     float64         `json:"documents_macrolanguage"` // mean of the shares of documents whose macrolanguage is right
	By        []LanguageShare `json:"by_language"`
}

// A LanguageShare is the result for one language.
type LanguageShare struct {
	Code      string         `json:"code"`
	Texts     int            `json:"texts"`
	Documents float64        `json:"documents"`
	Pieces    float64        `json:"pieces"`
	Macro     float64        `json:"documents_macrolanguage"`
	Confused  map[string]int `json:"confused,omitempty"` // pieces that were given another code, 2 % or more
}

// mostTexts are read of a language in one source, evenly over it.
const mostTexts = 100

// benchIdentify reads folders with what dpkg -x makes of packages with manual
// pages or messages, and folders of Debian's Translation-*.bz2.
func benchIdentify(man, translations, messages string) (*Identify, error) {
	out := &Identify{Model: lang.Header()}
	for _, s := range []struct {
		name, dir string
		read      func(string) (map[string][]string, error)
	}{
		{"manual pages", man, manualPages}, {"package descriptions", translations, packageDescriptions}, {"messages of GNOME's programs", messages, programMessages},
	} {
		if s.dir == "" {
			continue
		}
		texts, err := s.read(s.dir)
		if err != nil {
			return nil, err
		}
		dropUntranslated(texts)
		r := identifyAll(texts)
		r.Source = s.name
		out.Sources = append(out.Sources, r)
	}
	if len(out.Sources) == 0 {
		return nil, errors.New("-only identify: name folders with -man, -translations or -messages")
	}
	return out, nil
}

// dropUntranslated takes out the lines that stand in the texts of three
// languages or more, which nobody has translated, and texts that are then short.
func dropUntranslated(texts map[string][]string) {
	in := map[string]map[string]bool{}
	for code, all := range texts {
		for _, text := range all {
			for line := range strings.Lines(text) {
				if in[line] == nil {
					in[line] = map[string]bool{}
				}
				in[line][code] = true
			}
		}
	}
	for code, all := range texts {
		var kept []string
		for _, text := range all {
			var b strings.Builder
			for line := range strings.Lines(text) {
				if len(in[line]) < 3 {
					b.WriteString(line)
				}
			}
			if b.Len() >= 200 {
				kept = append(kept, b.String())
			}
		}
		texts[code] = kept
	}
}

// identifyAll identifies the texts of each code.
func identifyAll(texts map[string][]string) (r LanguageTexts) {
	known := lang.Languages()
	var sure, right int
	for _, code := range slices.Sorted(maps.Keys(texts)) {
		all := texts[code]
		if len(all) < 20 || !slices.Contains(known, code) {
			continue
		}
		if len(all) > mostTexts {
			some := make([]string, mostTexts)
			for i := range some {
				some[i] = all[i*len(all)/mostTexts]
			}
			all = some
		}
		s := LanguageShare{Code: code, Texts: len(all)}
		confused := map[string]int{}
		for _, text := range all {
			got, _ := lang.Identify(text)
			if got == code {
				s.Documents += 1 / float64(len(all))
			}
			if lang.Confidence(text, []string{lang.Macrolanguage(code)}) >= lang.Least {
				s.Macro += 1 / float64(len(all))
			}
			p := piece(text)
			got, confidence := lang.Identify(p)
			if got == code {
				s.Pieces += 1 / float64(len(all))
			} else if confused[got]++; 50*confused[got] >= len(all) {
				if s.Confused == nil {
					s.Confused = map[string]int{}
				}
				s.Confused[got] = confused[got]
			}
			if confidence >= 0.9 {
				sure++
				if got == code {
					right++
				}
			}
		}
		r.By = append(r.By, s)
	}
	r.Languages = len(r.By)
	for _, s := range r.By {
		r.Documents += s.Documents / float64(r.Languages)
		r.Pieces += s.Pieces / float64(r.Languages)
		r.Macro += s.Macro / float64(r.Languages)
	}
	if sure > 0 {
		r.Sure = float64(right) / float64(sure)
	}
	return r
}

// piece is 200 characters from the middle of a text, from the begin of a word.
func piece(text string) string {
	rest := text[len(text)/2:]
	if len(rest) < 1000 {
		rest = text[max(0, len(text)-1000):]
	}
	for len(rest) > 0 && !utf8.RuneStart(rest[0]) {
		rest = rest[1:]
	}
	runes := []rune(rest)
	return string(runes[:min(200, len(runes))])
}

// codeOf is our code of a locale, "" for those that are not read.
func codeOf(locale string) string {
	switch locale {
	case "pt_BR", "zh_CN", "zh_TW", "az":
		return locale[:2]
	case "sr@latin":
		return "sr"
	}
	if strings.ContainsAny(locale, "_@.") {
		return ""
	}
	return locale
}

// manualPages reads share/man below usr: of a folder for each language, and of
// the English pages beside them.
func manualPages(dir string) (map[string][]string, error) {
	out := map[string][]string{}
	files, err := filepath.Glob(filepath.Join(dir, "usr/share/man/*/man*/*.gz"))
	if err != nil {
		return nil, err
	}
	english, err := filepath.Glob(filepath.Join(dir, "usr/share/man/man*/*.gz"))
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, english...) {
		code := codeOf(filepath.Base(filepath.Dir(filepath.Dir(file))))
		if code == "man" {
			code = "en"
		}
		data, err := unpacked(file, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) })
		if errors.Is(err, os.ErrNotExist) { // a link to a page of another package
			continue
		}
		if err != nil {
			return nil, err
		}
		if text := manualText(data); len(text) >= 400 && utf8.ValidString(text) {
			out[code] = append(out[code], text)
		}
	}
	return out, nil
}

func unpacked(file string, open func(io.Reader) (io.Reader, error)) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := open(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return data, nil
}

var roffEscape = regexp.MustCompile(`\\(f(\[[^]]*\]|\(..|.)|\[[^]]*\]|\(..|s[-+]?[0-9]|[&/,|^:c]|.)`)

// manualText is the running text of a page: no requests, no examples.
func manualText(page []byte) string {
	var b strings.Builder
	skip := false
	for line := range strings.Lines(string(page)) {
		switch {
		case strings.HasPrefix(line, ".nf"), strings.HasPrefix(line, ".EX"), strings.HasPrefix(line, ".TS"):
			skip = true
		case strings.HasPrefix(line, ".fi"), strings.HasPrefix(line, ".EE"), strings.HasPrefix(line, ".TE"):
			skip = false
		case skip, line[0] == '.', line[0] == '\'':
		default:
			b.WriteString(roffEscape.ReplaceAllString(line, ""))
		}
	}
	return b.String()
}

// packageDescriptions reads Debian's Translation files.
func packageDescriptions(dir string) (map[string][]string, error) {
	out := map[string][]string{}
	files, err := filepath.Glob(filepath.Join(dir, "Translation-*.bz2"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		code := codeOf(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Translation-"), ".bz2"))
		if code == "" {
			continue
		}
		data, err := unpacked(file, func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil })
		if err != nil {
			return nil, err
		}
		for entry := range strings.SplitSeq(string(data), "\n\n") {
			_, text, _ := strings.Cut(entry, "\nDescription-")
			_, text, _ = strings.Cut(text, ": ")
			text = strings.ReplaceAll(text, "\n .\n", "\n")
			if len(text) >= 200 {
				out[code] = append(out[code], text)
			}
		}
	}
	return out, nil
}

// programMessages reads gettext's .mo files: 20 messages of 40 bytes or more
// that follow each other are a document.
func programMessages(dir string) (map[string][]string, error) {
	out := map[string][]string{}
	files, err := filepath.Glob(filepath.Join(dir, "usr/share/locale/*/LC_MESSAGES/*.mo"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		code := codeOf(filepath.Base(filepath.Dir(filepath.Dir(file))))
		if code == "" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var some []string
		for _, s := range messages(data) {
			if len(s) >= 40 {
				some = append(some, s)
			}
		}
		for part := range slices.Chunk(some, 20) {
			if len(part) == 20 {
				out[code] = append(out[code], strings.Join(part, "\n"))
			}
		}
	}
	return out, nil
}

// messages are the translations of a .mo file, the first form of those with
// plurals, less those that are the original.
func messages(mo []byte) (out []string) {
	word := func(at int) int { return int(binary.LittleEndian.Uint32(mo[at:])) }
	text := func(at int) string {
		s, _, _ := bytes.Cut(mo[word(at+4):][:word(at)], []byte{0})
		return string(s)
	}
	for i := range word(8) {
		if original, s := text(word(12)+8*i), text(word(16)+8*i); original != "" && s != original {
			out = append(out, s)
		}
	}
	return out
}
