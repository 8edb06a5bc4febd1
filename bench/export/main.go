//go:build linux

// Command export measures the exporters on made-up text, beside copying the files
// that they write: go run ./bench/export [-json] [-mb N].
//
// Each export is a process of its own, so that its peak of memory is known. Speeds
// are MB of text (10^6 bytes) a second of the wall on all cores: of the whole
// export (mb_s), of the stage that writes the files from shuffled documents
// (write_mb_s, of what is written), and of a copy of these files to the same disk
// (copy_mb_s). On a busy machine only mb_cpu_s counts: MB of text a second of
// processor time of the whole export.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/handover"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/token"
)

// A Row is one exporter.
type Row struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	MBs        float64 `json:"mb_s"`
	MBsCPU     float64 `json:"mb_cpu_s"` // a second of processor time
	WrittenMB  float64 `json:"written_mb"`
	WriteMBs   float64 `json:"write_mb_s"`
	CopyMBs    float64 `json:"copy_mb_s"`
	PeakMiB    float64 `json:"peak_mib"`
}

// A Report is what -json prints.
type Report struct {
	Machine   string          `json:"machine"`
	Cores     int             `json:"cores"`
	Date      string          `json:"date"`
	Command   string          `json:"command"`
	TextMB    float64         `json:"text_mb"`
	Documents int             `json:"documents"`
	Domains   int             `json:"domains"`
	Exporters map[string]*Row `json:"exporters"`
}

const domains = 8

func main() {
	log.SetFlags(0)
	asJSON := flag.Bool("json", false, "print JSON")
	mb := flag.Int("mb", 128, "MB of text")
	dir := flag.String("dir", "", "folder for the files; a temporary one if it is empty")
	one := flag.String("one", "", "measure one exporter on the text in -dir (for this program itself)")
	flag.Parse()
	if *one != "" {
		row, err := measureOne(*one, *dir)
		if err != nil {
			log.Fatal(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(row); err != nil {
			log.Fatal(err)
		}
		return
	}
	r, err := run(*dir, *mb)
	if err != nil {
		log.Fatal(err)
	}
	if *asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		print(r)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func run(dir string, mb int) (*Report, error) {
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "climb-export-*"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
	}
	r := &Report{Machine: measure.Machine(), Cores: runtime.NumCPU(), Date: time.Now().Format(time.DateOnly),
		Command: "go run ./bench/export -json", Domains: domains, Exporters: map[string]*Row{}}
	size, documents, err := texts(dir, mb*1e6)
	if err != nil {
		return nil, err
	}
	r.TextMB, r.Documents = float64(size)/1e6, documents
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, t := range export.Trainers {
		c := exec.Command(self, "-one", t.Name, "-dir", dir)
		c.Stderr = os.Stderr
		out, err := c.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		row := &Row{}
		if err := json.Unmarshal(out, row); err != nil {
			return nil, err
		}
		row.MBs, row.MBsCPU = r.TextMB/row.Seconds, r.TextMB/row.CPUSeconds
		r.Exporters[t.Name] = row
	}
	return r, nil
}

// texts writes text of Zipf's words, documents of 20 to 2000 words, a tokenizer of
// it and the mixture.
func texts(dir string, size int) (written int64, documents int, err error) {
	rng := rand.New(rand.NewPCG(5, 9))
	words := make([]string, 20000)
	for i := range words {
		n := 2 + rng.IntN(9)
		for range n {
			words[i] += string(rune('a' + rng.IntN(26)))
		}
	}
	zipf := rand.NewZipf(rng, 1.2, 4, uint64(len(words)-1))
	yaml, sample := "domains:\n", []string{}
	for d := range domains {
		name := filepath.Join(dir, fmt.Sprintf("d%d.jsonl", d))
		f, err := os.Create(name)
		if err != nil {
			return 0, 0, err
		}
		w := bufio.NewWriter(f)
		for left := size / domains; left > 0; documents++ {
			var b strings.Builder
			for range 20 + rng.IntN(1980) {
				b.WriteString(words[zipf.Uint64()] + " ")
			}
			if documents%50 == 0 {
				sample = append(sample, b.String())
			}
			fmt.Fprintf(w, "{\"id\":\"%d\",\"text\":%q}\n", documents, b.String())
			left, written = left-b.Len(), written+int64(b.Len())
		}
		if err := w.Flush(); err != nil {
			return 0, 0, err
		}
		if err := f.Close(); err != nil {
			return 0, 0, err
		}
		yaml += fmt.Sprintf("  d%d: {share: %d, inputs: [d%d.jsonl]}\n", d, d+3, d)
	}
	if err := os.WriteFile(filepath.Join(dir, "mixture.yaml"), []byte(yaml), 0o666); err != nil {
		return 0, 0, err
	}
	t, err := token.Train(func(yield func(string) bool) {
		for _, s := range sample[:min(len(sample), 200)] {
			if !yield(s) {
				return
			}
		}
	}, token.TrainOptions{Vocab: 8192})
	if err != nil {
		return 0, 0, err
	}
	var b bytes.Buffer
	if err := t.Save(&b); err != nil {
		return 0, 0, err
	}
	return written, documents, os.WriteFile(filepath.Join(dir, "tokenizer.json"), b.Bytes(), 0o666)
}

func measureOne(name, dir string) (*Row, error) {
	w, err := handover.LoadWeights(filepath.Join(dir, "mixture.yaml"))
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "out-"+name)
	defer os.RemoveAll(out)
	ctx := context.Background()
	x, err := handover.OfFiles(ctx, w, handover.WorkDir(out, ""), 0, handover.Options{To: name, Tokenizer: filepath.Join(dir, "tokenizer.json"), Context: 2048,
		Epochs: 4, Valid: 0.01, Test: 0.01, ShardBytes: 64 << 20, Level: 3, At: ".", Mixture: "proven", Seed: 1})
	if err != nil {
		return nil, err
	}
	row, write := &Row{}, 0.0
	x.Watch = func(e stage.Event) {
		if e.Stage == "handover" && e.End {
			write = e.Elapsed.Seconds()
		}
	}
	begun, cpu := time.Now(), measure.CPUSeconds()
	h, err := x.Make(ctx, out)
	if err != nil {
		return nil, err
	}
	row.Seconds, row.CPUSeconds, row.PeakMiB = time.Since(begun).Seconds(), measure.CPUSeconds()-cpu, measure.PeakMiB()
	for _, f := range h.Files {
		row.WrittenMB += float64(f.Bytes) / 1e6
	}
	row.WriteMBs = row.WrittenMB / write
	row.CopyMBs, err = copySpeed(out, filepath.Join(dir, "copy-"+name), row.WrittenMB)
	return row, err
}

// copySpeed copies a folder, one file after the other, synced as the export's are.
func copySpeed(from, to string, mb float64) (float64, error) {
	defer os.RemoveAll(to)
	begun := time.Now()
	err := fs.WalkDir(os.DirFS(from), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errOr(err, func() error { return os.MkdirAll(filepath.Join(to, path), 0o777) })
		}
		in, err := os.Open(filepath.Join(from, path))
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.Create(filepath.Join(to, path))
		if err != nil {
			return err
		}
		if _, err := io.Copy(struct{ io.Writer }{out}, struct{ io.Reader }{in}); err != nil { // through memory, not by the file system's copy
			return err
		}
		return errOr(out.Sync(), out.Close)
	})
	return mb / time.Since(begun).Seconds(), err
}

func errOr(err error, f func() error) error {
	if err != nil {
		return err
	}
	return f()
}

func print(r *Report) {
	fmt.Printf("%s, %d cores, %.0f MB of text in %d documents, %d domains\n", r.Machine, r.Cores, r.TextMB, r.Documents, r.Domains)
	fmt.Println("exporter     text MB/s  MB/CPU s  written MB  writing MB/s  copying MB/s  peak MiB")
	for _, t := range export.Trainers {
		x := r.Exporters[t.Name]
		fmt.Printf("%-11s  %9.1f  %8.1f  %10.1f  %12.1f  %12.1f  %8.0f\n", t.Name, x.MBs, x.MBsCPU, x.WrittenMB, x.WriteMBs, x.CopyMBs, x.PeakMiB)
	}
}
