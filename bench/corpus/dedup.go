//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
	"github.com/climb-go/climb/task"
)

// benchDedup plants near-duplicates in the corpus and finds them.
//
// A fifth of the documents of at least 50 words get a copy in which each word is
// edited with the probability 0.05, 0.1 or 0.2: replaced by a word of another
// document, dropped, or followed by one. Recall is the share of the copies that
// end in the group of their original. The corpus has near-duplicates of its own,
// so a pair that is reported counts as right if the runs of words of the two
// texts, counted one by one, have the Jaccard similarity that was asked for,
// planted or not; precision is the share of right ones among all pairs.
//
// Keys dedup.* are of the default parameters, FineWeb's with a similarity of at
// least 0.5; dedup.unchecked.* are FineWeb's alone, right from 0.5 too;
// dedup.sensitive.* are of parameters for scattered edits. Sizes are a corpus of
// each size in a process of its own, the larger one made of altered texts that
// do not match one another.
func benchDedup(ctx context.Context, data, work string, out map[string]any) error {
	standard := corpus.MinHash{}
	option.Fill(&standard)
	var peak float64
	for _, size := range []struct {
		name     string
		variants int
	}{{"1x", 1}, {"4x", 4}} {
		dir := filepath.Join(work, size.name)
		if err := plant(ctx, data, dir, size.variants); err != nil {
			return fmt.Errorf("plant near-duplicates: %w", err)
		}
		log.Printf("dedup: corpus %s is made", size.name)
		r, err := dedup(ctx, dir, standard)
		if err != nil {
			return err
		}
		out["dedup."+size.name] = r
		peak = max(peak, r.PeakRSS)
		if size.variants > 1 {
			continue
		}
		for edit, recall := range r.Recall {
			out["dedup.recall_at_"+edit], out["dedup.recall_expected_at_"+edit] = recall, r.Expected[edit]
		}
		out["dedup.precision"], out["dedup.docs_per_s"], out["dedup.docs_per_cpu_s"] = r.Precision, r.Rate, r.CPURate
		for name, o := range map[string]corpus.MinHash{"unchecked": {Similarity: unchecked}, "sensitive": {Words: 3, Buckets: 28, Hashes: 4, Similarity: 0.4}} {
			option.Fill(&o)
			if r, err = dedup(ctx, dir, o); err != nil {
				return err
			}
			peak = max(peak, r.PeakRSS)
			out["dedup."+name] = r
			out["dedup."+name+".recall_at_10pct"], out["dedup."+name+".precision"] = r.Recall["10pct"], r.Precision
		}
	}
	out["dedup.peak_rss_mb"] = peak
	return nil
}

// unchecked accepts every match of a bucket.
const unchecked = 1e-9

// A dedupResult is one run.
type dedupResult struct {
	Documents int64              `json:"documents"`
	TextMB    float64            `json:"text_mb"`
	Options   corpus.MinHash     `json:"options"`
	Seconds   float64            `json:"seconds"`
	CPU       float64            `json:"cpu_seconds"`
	Rate      float64            `json:"docs_per_s"`
	CPURate   float64            `json:"docs_per_cpu_s"`
	PeakRSS   float64            `json:"peak_rss_mb"` // MiB
	Copies    int64              `json:"copies"`      // exact, dropped
	Dropped   int64              `json:"near_duplicates"`
	Recall    map[string]float64 `json:"recall"`
	Expected  map[string]float64 `json:"recall_expected"` // mean of 1-(1-s^hashes)^buckets over the planted pairs' similarities s
	Pairs     int                `json:"pairs"`           // distinct ones reported
	Precision float64            `json:"precision"`
	Natural   int                `json:"natural_pairs"` // right ones that were not planted
}

// edits are the planted shares of edited words, by the name of the figure.
var edits = []struct {
	name  string
	share float64
}{{"5pct", 0.05}, {"10pct", 0.10}, {"20pct", 0.20}}

// plant writes the corpus with copies of a fifth of its documents. Texts of the
// variants after the first have every third word of the vocabulary changed.
func plant(ctx context.Context, data, dir string, variants int) error {
	files, err := filepath.Glob(filepath.Join(data, "corpus", "*.jsonl.zst"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, fmt.Errorf("%s holds no corpus: set -data or CLIMB_TEST_DATA", data))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	p := planter{rng: rand.New(rand.NewPCG(1, 2)), words: make([]string, 1<<16)}
	for v := range variants {
		for _, file := range files {
			name := fmt.Sprintf("%d-%s", v, filepath.Base(file))
			if err := p.file(ctx, file, filepath.Join(dir, name), v); err != nil {
				return err
			}
		}
	}
	return nil
}

type planter struct {
	rng   *rand.Rand
	words []string // of earlier documents
	n     int      // documents that could be planted
}

func (p *planter) file(ctx context.Context, from, to string, variant int) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(z, 1<<20)
	var copies []byte
	shard := corpus.Shard{Path: from, Format: "jsonl", Compression: "zstd", End: -1}
	for d, err := range corpus.Read(ctx, shard, corpus.Options{}, nil) {
		if err != nil {
			return err
		}
		words := strings.Fields(d.Text)
		d.ID = fmt.Sprintf("%d/%s", variant, d.ID)
		if variant > 0 {
			alter(words, variant)
			d.Text = strings.Join(words, " ")
		}
		w.Write(corpus.AppendDocument(nil, d))
		for i := 0; i < len(words); i += 7 {
			p.words[p.rng.IntN(len(p.words))] = strings.Clone(words[i])
		}
		if len(words) < 50 {
			continue
		}
		if p.n++; p.rng.Float64() < 0.2 {
			e := edits[p.n%len(edits)]
			copies = corpus.AppendDocument(copies, corpus.Document{ID: e.name + "/" + d.ID, Text: p.edit(words, e.share), Source: d.Source})
		}
	}
	w.Write(copies) // away from their originals
	return errors.Join(w.Flush(), z.Close(), f.Close())
}

// alter changes the same third of the vocabulary everywhere.
func alter(words []string, variant int) {
	for i, w := range words {
		if h := corpus.Hash(w, uint64(variant)); h%3 == 0 {
			words[i] = w + string(rune('a'+variant)) + string(rune('a'+h>>8%26))
		}
	}
}

// edit changes each word with a probability, and at least one.
func (p *planter) edit(words []string, share float64) string {
	var out []string
	must := p.rng.IntN(len(words))
	for i, w := range words {
		if i != must && p.rng.Float64() >= share {
			out = append(out, w)
			continue
		}
		other := p.words[p.rng.IntN(len(p.words))]
		switch p.rng.IntN(3) {
		case 0:
			out = append(out, other)
		case 1:
			out = append(out, w, other)
		}
	}
	return strings.Join(out, " ")
}

// dedup runs the stages in a process of their own, and judges what they found.
func dedup(ctx context.Context, dir string, o corpus.MinHash) (*dedupResult, error) {
	run, err := os.MkdirTemp(filepath.Dir(dir), "run-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(run)
	options, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(run, "climb.yaml")
	text := fmt.Sprintf("out: %s\ncorpus: {inputs: [%s], dedup: fuzzy, minhash: %s}\n", filepath.Join(run, "out"), dir, options)
	if err := os.WriteFile(config, []byte(text), 0o666); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, os.Args[0], "-dedup-child", config)
	var peak strings.Builder
	cmd.Stdout, cmd.Stderr = &peak, os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("deduplicate: %w", err)
	}
	mib, err := strconv.ParseFloat(strings.TrimSpace(peak.String()), 64)
	if err != nil {
		return nil, fmt.Errorf("deduplicate: peak of memory: %w", err)
	}
	r := &dedupResult{Options: o, Seconds: time.Since(start).Seconds(), CPU: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		PeakRSS: mib, Recall: map[string]float64{}, Expected: map[string]float64{}}
	if err := r.judge(ctx, config); err != nil {
		return nil, err
	}
	r.Rate, r.CPURate = float64(r.Documents)/r.Seconds, float64(r.Documents)/r.CPU
	log.Printf("dedup: %d documents, %.0f s, %.0f s of CPU, %.0f MiB, recall %v, precision %.4f", r.Documents, r.Seconds, r.CPU, r.PeakRSS, r.Recall, r.Precision)
	return r, nil
}

// dedupChild deduplicates, and prints the largest resident set of this process
// in MiB.
func dedupChild(ctx context.Context, config string) error {
	r, err := loadRun(ctx, config)
	if err != nil {
		return err
	}
	if err := r.Until(ctx, "corpus"); err != nil {
		return err
	}
	fmt.Println(measure.PeakMiB())
	return nil
}

func loadRun(ctx context.Context, config string) (*climb.Run, error) {
	c, err := climb.LoadConfig(config)
	if err != nil {
		return nil, err
	}
	r := climb.NewRun(c)
	return r, r.Open(ctx)
}

// place is where a document is: shard and row.
type place [2]uint32

// judge compares the groups and pairs with the texts.
func (r *dedupResult) judge(ctx context.Context, config string) error {
	run, err := loadRun(ctx, config)
	if err != nil {
		return err
	}
	var scan struct {
		Counts corpus.Counts `json:"duplicates"`
		Near   struct {
			Duplicates int64 `json:"duplicates"`
		} `json:"near_duplicates"`
	}
	data, err := os.ReadFile(filepath.Join(run.Dir("rows"), "scan.json"))
	if err = errors.Join(err, json.Unmarshal(data, &scan)); err != nil {
		return err
	}
	r.Documents, r.Copies, r.Dropped = scan.Counts.Documents, scan.Counts.Duplicates, scan.Near.Duplicates
	plan, err := task.Load(filepath.Join(run.Dir("buckets"), "plan.json"))
	if err != nil {
		return err
	}
	var matches []string
	pairs := map[[2]place]bool{}
	for i := range plan.Tasks {
		matches = append(matches, plan.Path(fmt.Sprintf("part-%05d.pairs", i)))
		if err := readPairs(matches[i], pairs); err != nil {
			return err
		}
	}
	r.Pairs = len(pairs)
	docs, err := r.read(ctx, run, pairs)
	if err != nil {
		return err
	}
	near, err := corpus.FindNear(ctx, matches, docs.rows, make([]*corpus.Rows, len(docs.rows)), 2)
	if err != nil {
		return err
	}
	kept := map[place]place{}
	for d := range near.All() {
		shard, row := near.Kept(d)
		kept[place{uint32(d.Shard), uint32(d.Row)}] = place{uint32(shard), uint32(row)}
	}
	r.recall(docs, kept)
	r.precision(docs, pairs)
	return nil
}

// readPairs adds the pairs of a file of the buckets stage.
func readPairs(path string, pairs map[[2]place]bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	for {
		var b [56]byte
		if _, err := io.ReadFull(in, b[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		u32 := func(at int) uint32 {
			return uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16 | uint32(b[at+3])<<24
		}
		pairs[[2]place{{u32(16), u32(20)}, {u32(44), u32(48)}}] = true
	}
}

// documents are what is kept of the corpus to judge by.
type documents struct {
	rows    []int64            // of each shard
	place   map[string]place   // by id, of the planted ones and their originals
	grams   map[place][]uint64 // sorted and distinct, of those and of the reported ones
	planted []string           // ids
}

// read reads the corpus twice: for the ids, and for the texts that matter.
func (r *dedupResult) read(ctx context.Context, run *climb.Run, pairs map[[2]place]bool) (*documents, error) {
	shards, _, err := corpus.Split(ctx, run.Config.Corpus)
	if err != nil {
		return nil, err
	}
	d := &documents{rows: make([]int64, len(shards)), place: map[string]place{}, grams: map[place][]uint64{}}
	each := func(use func(at place, doc corpus.Document)) error {
		for i, s := range shards {
			for doc, err := range corpus.Read(ctx, s, run.Config.Corpus, nil) {
				if err != nil {
					return err
				}
				use(place{uint32(i), uint32(doc.Row)}, doc)
			}
		}
		return nil
	}
	err = each(func(at place, doc corpus.Document) {
		r.TextMB += float64(len(doc.Text)) / 1e6
		d.rows[at[0]]++
		if edit, original, _ := strings.Cut(doc.ID, "/"); strings.HasSuffix(edit, "pct") {
			d.planted = append(d.planted, doc.ID)
			d.place[original] = place{}
			d.place[doc.ID] = at
		}
	})
	if err != nil {
		return nil, err
	}
	wanted := map[place]bool{}
	for p := range pairs {
		wanted[p[0]], wanted[p[1]] = true, true
	}
	return d, each(func(at place, doc corpus.Document) {
		_, planted := d.place[doc.ID]
		if planted {
			d.place[doc.ID] = at
		}
		if planted || wanted[at] {
			grams := corpus.Shingles(nil, corpus.Words(nil, doc.Text), r.Options.Words)
			slices.Sort(grams)
			d.grams[at] = slices.Clip(slices.Compact(grams))
		}
	})
}

// recall counts the planted copies that are in the group of their original, and
// what the curve promises for their true similarities.
func (r *dedupResult) recall(d *documents, kept map[place]place) {
	root := func(p place) place {
		if k, ok := kept[p]; ok {
			return k
		}
		return p
	}
	n := map[string]float64{}
	for _, id := range d.planted {
		edit, original, _ := strings.Cut(id, "/")
		x, y := d.place[id], d.place[original]
		n[edit]++
		if root(x) == root(y) {
			r.Recall[edit]++
		}
		s := jaccard(d.grams[x], d.grams[y])
		r.Expected[edit] += 1 - math.Pow(1-math.Pow(s, float64(r.Options.Hashes)), float64(r.Options.Buckets))
	}
	for edit := range n {
		r.Recall[edit] /= n[edit]
		r.Expected[edit] /= n[edit]
	}
}

// precision counts the reported pairs that are alike.
func (r *dedupResult) precision(d *documents, pairs map[[2]place]bool) {
	least := r.Options.Similarity
	if least == unchecked {
		least = 0.5
	}
	planted := map[place]place{}
	for _, id := range d.planted {
		_, original, _ := strings.Cut(id, "/")
		planted[d.place[id]] = d.place[original]
	}
	right := 0
	for p := range pairs {
		if jaccard(d.grams[p[0]], d.grams[p[1]]) < least {
			continue
		}
		right++
		if planted[p[0]] != p[1] && planted[p[1]] != p[0] {
			r.Natural++
		}
	}
	r.Precision = float64(right) / float64(max(1, len(pairs)))
}

// jaccard is the similarity of two sorted sets.
func jaccard(a, b []uint64) float64 {
	both, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			both, i, j = both+1, i+1, j+1
		}
	}
	return float64(both) / float64(max(1, len(a)+len(b)-both))
}
