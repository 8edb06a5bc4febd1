// Command quality measures the scores of documents: go run ./bench/quality [-json].
//
// fasttext: fastText models here and in Debian's fasttext. train: the same for
// training, at equal epochs, on the task of telling the source of a text.
// floors: what the default floor takes of every kind of text, of junk with what is
// chosen by junk chosen without that kind; text of other languages is read from
// -languages. junk: the default labeler, untrained, against the four lowq_* sources of the
// shared corpus. prune: what the default settings remove with 1,000 clusters.
// identify: package lang on Debian's translated texts, from folders that flags
// name.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// A Report is what -json prints.
type Report struct {
	FastText *FastText `json:"fasttext,omitempty"`
	Train    *Train    `json:"train,omitempty"`
	Floors   *Floors   `json:"floors,omitempty"`
	Junk     *Junk     `json:"junk,omitempty"`
	Prune    *Prune    `json:"prune,omitempty"`
	Identify *Identify `json:"identify,omitempty"`
}

func main() {
	log.SetFlags(0)
	data := flag.String("data", cmpEnv("CLIMB_TEST_DATA", "../shared/data"), "folder of the shared data")
	only := flag.String("only", "floors,fasttext,train,junk,prune", "parts to measure; identify is measured alone")
	work := flag.String("work", "", "folder for the run, kept; a temporary one if empty")
	flag.Bool("json", true, "print JSON, the only form there is")
	languages := flag.String("languages", os.Getenv("CLIMB_TEST_LANGUAGES"), "folder of text in other languages (docs/quality.md)")
	sealed := flag.Bool("sealed", true, "score the kinds of junk that were kept until the end")
	tables := flag.String("tables", "", "write the rules' tables of languages to this folder, and do nothing else")
	man := flag.String("man", "", "with -only identify: folder of unpacked packages with manual pages")
	translations := flag.String("translations", "", "with -only identify: folder of Debian's Translation-*.bz2")
	messages := flag.String("messages", "", "with -only identify: folder of unpacked packages with messages of programs (.mo)")
	child := flag.String("child", "", "do one part: predict or train (used by this command on itself)")
	model := flag.String("model", "", "with -child: the model")
	lines := flag.String("lines", "", "with -child: the file of lines")
	threads := flag.Int("threads", 1, "with -child: goroutines")
	flag.Parse()
	if *child != "" {
		if err := runChild(context.Background(), *child, *model, *lines, *threads); err != nil {
			log.Fatal(err)
		}
		return
	}
	if *only == "identify" {
		r, err := benchIdentify(*man, *translations, *messages)
		if err == nil {
			err = printReport(Report{Identify: r})
		}
		if err != nil {
			log.Fatal(err)
		}
		return
	}
	if *tables != "" {
		if err := writeTables(context.Background(), *data, *languages, *tables); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := measure(context.Background(), *data, *work, *languages, *sealed, strings.Split(*only, ",")); err != nil {
		log.Fatal(err)
	}
}

// runChild does one part in a process of its own.
func runChild(ctx context.Context, child, model, lines string, threads int) error {
	switch child {
	case "predict":
		return workPredict(model, lines, threads)
	case "train":
		return workTrain(ctx, model, lines, threads)
	}
	return fmt.Errorf("-child: %q is not one of predict, train", child)
}

func writeTables(ctx context.Context, data, languages, dir string) error {
	work, err := os.MkdirTemp("", "bench-quality-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	in, err := inputs(ctx, data, work)
	if err != nil {
		return err
	}
	return makeTables(ctx, in, languages, dir)
}

func cmpEnv(name, other string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return other
}

func measure(ctx context.Context, data, work, languages string, sealed bool, parts []string) (err error) {
	if work == "" {
		if work, err = os.MkdirTemp("", "bench-quality-"); err != nil {
			return err
		}
		defer os.RemoveAll(work)
	}
	if data, err = filepath.Abs(data); err != nil {
		return err
	}
	in, err := inputs(ctx, data, work)
	if err != nil {
		return err
	}
	var r Report
	for _, part := range parts {
		switch part {
		case "fasttext":
			r.FastText, err = benchFastText(ctx, data, work)
		case "train":
			r.Train, err = benchTrain(ctx, data, work)
		case "floors":
			r.Floors, err = benchFloors(ctx, in, languages, sealed)
		case "junk":
			r.Junk, err = benchJunk(ctx, in)
		case "prune":
			r.Prune, err = benchPrune(ctx, in, filepath.Join(work, "run"))
		default:
			err = fmt.Errorf("-only: %q is not one of floors, fasttext, train, junk, prune", part)
		}
		if err != nil {
			return err
		}
	}
	return printReport(r)
}

func printReport(r Report) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
