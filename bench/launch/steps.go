package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/export"
	"github.com/climb-go/climb/mix"
)

// A Step is done by one task, so its cost is not divided by the machines. What it takes for 10 billion documents is extrapolated.
type Step struct {
	Name      string  `json:"name"`
	Documents int     `json:"documents"` // measured with
	CPU       float64 `json:"cpu_ns_a_document"`
	Heap      float64 `json:"heap_bytes_a_document"` // the largest heap, less that before; not of steps whose memory does not grow
	Hours     float64 `json:"hours_at_10e9"`         // extrapolated, of one core, without waiting for disks
	GiB       float64 `json:"gib_at_10e9"`
}

const target = 10e9

// steps measures what runs in one process. n is the number of documents of the largest.
func (r *Report) steps(dir string, n int) error {
	for _, f := range []func(string, int) (Step, error){copies, near, draw, domains} {
		s, err := f(dir, n)
		if err != nil {
			return err
		}
		s.Hours, s.GiB = s.CPU*target/1e9/3600, s.Heap*target/(1<<30)
		r.Steps = append(r.Steps, s)
	}
	return nil
}

// timed is the processor time that f takes, and how far the heap grows meanwhile.
func timed(f func() error) (seconds, heap float64, err error) {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var most atomic.Uint64
	stop, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapAlloc))
			}
		}
	}()
	cpu := measure.CPUSeconds()
	err = f()
	seconds = measure.CPUSeconds() - cpu
	close(stop)
	<-over
	return seconds, max(0, float64(most.Load())-float64(before)), err
}

// texts writes documents as JSON lines, and lists them as shards.
func texts(dir string, shards, each int, text func(n int) string) ([]corpus.Shard, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var out []corpus.Shard
	for k := range shards {
		path := filepath.Join(dir, fmt.Sprintf("%04d.jsonl", k))
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		w := bufio.NewWriter(f)
		for i := range each {
			fmt.Fprintf(w, "{\"text\":%q}\n", text(k*each+i))
		}
		if err := errors.Join(w.Flush(), f.Close()); err != nil {
			return nil, err
		}
		cut, _, err := corpus.Split(context.Background(), corpus.Options{Inputs: corpus.Paths(path), Format: "jsonl", ShardBytes: 1 << 40})
		if err != nil {
			return nil, err
		}
		cut[0].End = -1 // small files are cut too
		out = append(out, cut[0])
	}
	return out, nil
}

// word spells a number in letters.
func word(n int) string {
	var b []byte
	for ; n > 0; n /= 26 {
		b = append(b, byte('a'+n%26))
	}
	return "w" + string(b)
}

// copies is the union of exact duplicates, of the stage rows: the scans of all shards are merged by external sorting. Here is one
// pass by one worker; 100,000 shards take two, since 320 runs are merged at a time.
func copies(dir string, n int) (Step, error) {
	const shards, passes = 16, 2
	s := Step{Name: "rows: union of exact duplicates, two passes, one worker", Documents: n}
	dir = filepath.Join(dir, "copies")
	cut, err := texts(dir, shards, n/shards, func(i int) string { return fmt.Sprint("document ", i%(n-n/10)) })
	if err != nil {
		return s, err
	}
	o := corpus.Options{TextField: "text", Dedup: "text", BadLineLimit: 1}
	var parts []string
	for k, shard := range cut {
		path := filepath.Join(dir, fmt.Sprint(k, ".scan"))
		f, err := os.Create(path)
		if err != nil {
			return s, err
		}
		_, err = corpus.Scan(context.Background(), shard, o, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return s, err
		}
		parts = append(parts, path)
	}
	seconds, _, err := timed(func() error {
		c, err := corpus.Duplicates(context.Background(), parts, 1, func(int, *corpus.Rows) error { return nil })
		if err == nil && (c.Documents != int64(n/shards*shards) || c.Duplicates == 0) {
			err = fmt.Errorf("%d documents, %d duplicates of %d", c.Documents, c.Duplicates, n)
		}
		return err
	})
	s.CPU = passes * seconds * 1e9 / float64(n)
	s.Heap = 1.0 / 8 // what is kept of all shards: a bit a row
	return s, err
}

// near is the union of near-duplicates, of the stage rows. Its costs are of a document that matches another one.
func near(dir string, n int) (Step, error) {
	n /= 5
	s := Step{Name: "rows: union of near-duplicates, of those that match", Documents: n}
	dir = filepath.Join(dir, "near")
	words := func(i int) (text string) { // of two documents each the same but for the last word
		r := rand.New(rand.NewPCG(uint64(i/2), 1))
		for range 40 {
			text += word(r.IntN(100000)) + " "
		}
		return text + word(i)
	}
	cut, err := texts(dir, 1, n, words)
	if err != nil {
		return s, err
	}
	c, err := climb.ParseConfig([]byte("corpus: {inputs: [x], dedup: fuzzy}\n"))
	if err != nil {
		return s, err
	}
	o := c.Corpus
	files := map[string]*os.File{}
	for _, name := range []string{"sig", "sketch"} {
		if files[name], err = os.Create(filepath.Join(dir, name)); err != nil {
			return s, err
		}
	}
	err = corpus.Sign(context.Background(), cut[0], o, files["sig"], files["sketch"], func(int64) {})
	if err = errors.Join(err, files["sig"].Close(), files["sketch"].Close()); err != nil {
		return s, err
	}
	var pairs []string
	for k := range o.MinHash.Buckets {
		path := filepath.Join(dir, fmt.Sprint("pairs-", k))
		f, err := os.Create(path)
		if err != nil {
			return s, err
		}
		_, err = corpus.Match(context.Background(), []string{files["sig"].Name()}, []string{files["sketch"].Name()}, k, o.MinHash, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return s, err
		}
		pairs = append(pairs, path)
	}
	var found *corpus.Near
	seconds, heap, err := timed(func() (err error) {
		found, err = corpus.FindNear(context.Background(), pairs, []int64{int64(n)}, []*corpus.Rows{{}}, 1)
		return err
	})
	if err != nil {
		return s, err
	}
	matched := float64(2 * found.Drops) // pairs
	if matched == 0 {
		return s, errors.New("no near-duplicates were found")
	}
	s.Documents, s.CPU, s.Heap = int(matched), seconds*1e9/matched, heap/matched
	return s, nil
}

// draw is the stage draw: two passes over the domain and the length of each document.
func draw(_ string, n int) (Step, error) {
	const domains = 20
	s := Step{Name: "draw", Documents: n}
	supply, natural := make([]int64, domains), make(mix.Mixture, domains)
	for d := range natural {
		supply[d], natural[d] = int64(n/domains)*500, 1.0/domains
	}
	seconds, heap, err := timed(func() error {
		w := export.NewDrawer(natural, supply, int64(n)*250, 1)
		key := export.Draw{Seed: 1}
		for _, pass := range []func(int, uint64, int64){w.Count, w.Edge} {
			for i := range n {
				pass(i%domains, key.Key(0, i), 500)
			}
			w.Counted()
		}
		if d := w.Finish(make([]float64, domains), 1<<26); d.Tokens == 0 {
			return errors.New("nothing was drawn")
		}
		return nil
	})
	s.CPU, s.Heap = seconds*1e9/float64(n), 0
	_ = heap // the histograms, which do not grow with the documents
	return s, err
}

// domains is the stage domains, between two sizes: what grows is that every document's cluster and scores are read and summed, and its
// domain written. What names the domains is read from 256 shards at most, so the sample is one document here.
func domains(dir string, n int) (Step, error) {
	s := Step{Name: "domains", Documents: n}
	var cpu []float64
	for _, size := range []int{n / 4, n} {
		in := filepath.Join(dir, fmt.Sprint("domains-", size))
		r := rand.New(rand.NewPCG(3, 4))
		if _, err := texts(in, 400, size/400, func(int) string {
			return fmt.Sprintf("word%d word%d word%d word%d", r.IntN(50), r.IntN(50), r.IntN(50), r.IntN(50))
		}); err != nil {
			return s, err
		}
		c, err := climb.ParseConfig(fmt.Appendf(nil, "out: %s\ncorpus: {inputs: [%s], dedup: none}\nembed: {lexical: {dim: 16}}\ncluster: {kmeans: {k: 32}}\nprune: {clusters: {quality: 0}, documents: {quality: 0}}\ndomains: {sample: 1, ward: {count: 8}}\n", in+"-run", in))
		if err != nil {
			return s, err
		}
		run := climb.NewRun(c)
		if err := run.Open(context.Background()); err != nil {
			return s, err
		}
		until := func(stage string) error {
			return run.Hold(func() error { return run.Run.Until(context.Background(), stage) })
		}
		if err := until("tags"); err != nil {
			return s, err
		}
		seconds, _, err := timed(func() error { return until("domains") })
		if err != nil {
			return s, err
		}
		cpu = append(cpu, seconds)
	}
	s.CPU = max(0, cpu[1]-cpu[0]) * 1e9 / float64(n-n/4)
	return s, nil
}
