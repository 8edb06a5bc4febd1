package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/rogpeppe/go-internal/testscript"
)

// proseTopics are the nouns, verbs and adjectives of texts in a mixed folder.
var proseTopics = [][3]string{
	{"river valley forest mountain meadow stone winter bird path lake field cloud summer hill shore marsh", "cross follow reach cover leave watch climb flood", "cold narrow quiet northern steep early green distant"},
	{"engine circuit sensor motor signal battery wire filter device load switch meter valve pump panel relay", "drive measure heat charge replace limit connect test", "electric faulty heavy portable spare loud digital modern"},
	{"court judge contract party claim appeal witness trial statute duty order tax property hearing verdict clause", "accept reject review sign dismiss grant amend settle", "legal public written final unfair civil former binding"},
	{"patient doctor heart drug dose clinic nerve tissue fever symptom muscle infection nurse cell wound lung", "treat examine relieve damage weaken cure infect support", "severe healthy chronic mild young clinical rare painful"},
}

// proseForms are sentences with places for a noun, a verb and an adjective.
var proseForms = []string{
	"When they came to the #n, nobody could say why the %a #n had been so hard to $v.",
	"I asked my brother about the #n, and he told me that it was not as %a as people think.",
	"She wrote in her letter that a %a #n is worth more than any #n we might $v this year.",
	"However, it took three weeks before anyone tried to $v it again.",
	"There are two reasons for this, and both have to do with the %a #n.",
	"Most of us would rather $v the #n than wait for another one.",
	"You can $v a #n in many ways, but few of them work if the #n is %a.",
	"In those years the #n was still %a, and its owner had never learned how to $v it.",
	"What happened next surprised everybody who knew the #n well.",
	"Because of its size, the #n was easier to $v than we had expected!",
	"He looked at the #n for a while, then said that he did not want to $v it.",
	"Although the %a #n cost less, our teacher preferred the other, which her father had used.",
	"Have you ever seen how a #n and a #n can $v each other?",
	"This is how the story of the %a #n began, and it has not ended yet.",
	"By the evening all of them had gone home except one man, who stayed to $v the #n.",
	"According to the book, such a #n should be kept where it is %a.",
}

// prose is a made-up English text that is unlike every other.
func prose(rng *rand.Rand, i int) string {
	topic := proseTopics[i%len(proseTopics)]
	var b strings.Builder
	fmt.Fprintf(&b, "This is note %d.", i)
	for _, form := range rng.Perm(len(proseForms))[:11] {
		sentence := proseForms[form]
		for k, place := range []string{"#n", "$v", "%a"} {
			words := strings.Fields(topic[k])
			for strings.Contains(sentence, place) {
				sentence = strings.Replace(sentence, place, words[rng.IntN(len(words))], 1)
			}
		}
		b.WriteString(" " + sentence)
	}
	return b.String()
}

// scriptMixed makes the folder mixed: 880 files of 1,270 documents, and 120 that are
// none.
func scriptMixed(ts *testscript.TestScript, _ bool, _ []string) {
	rng, dir, n := rand.New(rand.NewPCG(1, 2)), ts.MkAbs("mixed"), 0
	text := func() string { n++; return prose(rng, n) }
	write := func(name string, data []byte) {
		path := filepath.Join(dir, name)
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o777))
		ts.Check(os.WriteFile(path, data, 0o666))
	}
	many := func(count int, format string, content func() []byte) {
		for i := range count {
			write(fmt.Sprintf(format, i%4, i), content())
		}
	}
	line := func() string { return fmt.Sprintf("{\"content\":%q,\"url\":\"u\"}\n", text()) }
	pack := func(data []byte) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(data)
		ts.Check(err)
		ts.Check(z.Close())
		return b.Bytes()
	}
	many(280, "notes/%d/%d.txt", func() []byte { return []byte(text()) })
	many(200, "docs/%d/%d.md", func() []byte { return []byte("# A note\n\n" + text() + "\n") })
	many(150, "pages/%d/%d.html", func() []byte {
		return []byte("<!doctype html><html lang=en><head><title>A page</title></head><body><nav><a href=/>menu</a></nav><article><h1>A page</h1><p>" + text() + "</p></article></body></html>")
	})
	many(50, "tables/%d/%d.csv", func() []byte {
		return fmt.Appendf(nil, "id,body\n1,%q\n2,%q\n", text(), text())
	})
	many(10, "tables/%d/%d.tsv", func() []byte { return []byte("name\tcontent\nx\t" + text() + "\n") })
	many(100, "crawl/%d/%d.jsonl", func() []byte { return []byte(line() + line() + line()) })
	many(20, "crawl/%d/%d.jsonl.gz", func() []byte { return pack([]byte(line() + line() + line())) })
	many(20, "old/%d/%d.txt.gz", func() []byte { return pack([]byte(text())) })
	many(15, "sets/%d/%d.parquet", func() []byte {
		return parquetFile(ts, []struct {
			Text string `parquet:"text"`
		}{{text()}, {text()}, {text()}, {text()}})
	})
	many(15, "sets/%d/b%d.parquet", func() []byte {
		return parquetFile(ts, []struct {
			Name    string `parquet:"name"`
			Article string `parquet:"article"`
		}{{"a", text()}, {"b", text()}, {"c", text()}, {"d", text()}})
	})
	many(10, "web/%d/%d.warc", func() []byte { return warcRecord(text()) })
	many(10, "shards/%d/%d.tar", func() []byte { return tarFile(ts, text(), text()) })
	many(50, "pictures/%d/%d.png", func() []byte { return append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00"), text()...) })
	many(20, "pictures/%d/%d.zip", func() []byte { return []byte("PK\x03\x04 and so on") })
	many(15, "docs/%d/%d.pdf", func() []byte { return []byte("%PDF-1.4\n%and so on") })
	many(10, "programs/%d/%d.exe", func() []byte { return []byte("MZ\x00\x01\x02") })
	many(10, "sets/%d/%d.json", func() []byte { return []byte(`[{"a": 1}]`) })
	many(5, "sets/%d/ids%d.jsonl", func() []byte { return []byte("{\"n\":1}\n{\"n\":2}\n") })
	many(5, "notes/%d/empty%d.txt", func() []byte { return nil })
	many(4, "notes/%d/.hidden%d", func() []byte { return []byte("x") })
	write("README.md", []byte("what this is"))
}

func parquetFile[T any](ts *testscript.TestScript, rows []T) []byte {
	var b bytes.Buffer
	ts.Check(parquet.Write(&b, rows))
	return b.Bytes()
}

func warcRecord(text string) []byte {
	return fmt.Appendf(nil, "WARC/1.0\r\nWARC-Type: conversion\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s\r\n\r\n", len(text), text)
}

// tarFile is a WebDataset shard of two samples, one with a picture.
func tarFile(ts *testscript.TestScript, a, b string) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, m := range []struct{ name, data string }{
		{"000.jpg", "a picture"}, {"000.json", `{"url": "u"}`}, {"000.txt", a}, {"001.json", fmt.Sprintf("{\"content\":%q}", b)}, {"001.txt", b},
	} {
		ts.Check(w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.data)), Mode: 0o644}))
		_, err := w.Write([]byte(m.data))
		ts.Check(err)
	}
	ts.Check(w.Close())
	return out.Bytes()
}
