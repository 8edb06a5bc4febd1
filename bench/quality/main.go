// Command quality measures the scores of documents: go run ./bench/quality [-json].
//
// junk: the default labeler, untrained, against the four lowq_* sources of the
// shared corpus. prune: what the default settings remove with 1,000 clusters.
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
	Junk  *Junk  `json:"junk,omitempty"`
	Prune *Prune `json:"prune,omitempty"`
}

func main() {
	log.SetFlags(0)
	data := flag.String("data", cmpEnv("CLIMB_TEST_DATA", "../shared/data"), "folder of the shared data")
	only := flag.String("only", "junk,prune", "parts to measure")
	work := flag.String("work", "", "folder for the run, kept; a temporary one if empty")
	flag.Bool("json", true, "print JSON, the only form there is")
	flag.Parse()
	if err := measure(context.Background(), *data, *work, strings.Split(*only, ",")); err != nil {
		log.Fatal(err)
	}
}

func cmpEnv(name, other string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return other
}

func measure(ctx context.Context, data, work string, parts []string) (err error) {
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
		case "junk":
			r.Junk, err = benchJunk(ctx, in)
		case "prune":
			r.Prune, err = benchPrune(ctx, in, filepath.Join(work, "run"))
		default:
			err = fmt.Errorf("-only: %q is not one of junk, prune", part)
		}
		if err != nil {
			return err
		}
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
