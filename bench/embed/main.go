//go:build linux

// Command embed measures what clusters of our embeddings say of the source of a
// document, beside scikit-learn's TF-IDF, SVD and k-means on the same
// documents: go run ./bench/embed [-json] [-data DIR].
//
// The documents are up to -docs of each source, from the half (by a hash of the
// id) on which nothing was tuned. Every side clusters with k-means++, one start
// a seed, into as many clusters as there are sources, and ten times as many.
// Intervals are those of Student's t at 95 % over the seeds. Speeds are
// documents per second of processor time of one core: docs_per_s_core with the
// fit on these documents, embed_docs_per_s_core without.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/embed"
	"github.com/climb-go/climb/option"
)

// seeds is the number of runs of k-means behind a figure.
const seeds = 3

// student is the 97.5 % point of Student's t with seeds-1 degrees of freedom.
const student = 4.303

// A Report is what -json prints. Maps are by method; _10x is with ten times as
// many clusters as sources, and sklearn_normalized has rows of length 1.
type Report struct {
	Machine   string `json:"machine"`
	Date      string `json:"date"`
	Command   string `json:"command"`
	Documents int    `json:"documents"`
	Bytes     int    `json:"bytes"`
	Sources   int    `json:"sources"`

	NMI        map[string]float64    `json:"nmi"`
	NMI10      map[string]float64    `json:"nmi_10x"`
	Purity     map[string]float64    `json:"purity"`
	Purity10   map[string]float64    `json:"purity_10x"`
	Interval   map[string][2]float64 `json:"nmi_interval"`
	Interval10 map[string][2]float64 `json:"nmi_10x_interval"`
	Purity95   map[string][2]float64 `json:"purity_interval"`
	Purity9510 map[string][2]float64 `json:"purity_10x_interval"`

	Speed      map[string]float64 `json:"docs_per_s_core"`
	EmbedSpeed map[string]float64 `json:"embed_docs_per_s_core"`
	Ratio      map[string]float64 `json:"ratio"`       // of docs_per_s_core to sklearn's
	EmbedRatio map[string]float64 `json:"embed_ratio"` // of embed_docs_per_s_core
}

// A quality is one figure a seed.
type quality struct {
	NMI    []float64 `json:"nmi"`
	Purity []float64 `json:"purity"`
}

func main() {
	log.SetFlags(0)
	asJSON := flag.Bool("json", false, "print JSON")
	data := flag.String("data", filepath.Join("..", "shared", "data"), "folder with corpus/ and local-code.py")
	most := flag.Int("docs", 600, "documents of a source, at most")
	only := flag.String("only", "lexical,word,sklearn", "sides to measure; ratios need sklearn")
	flag.Parse()
	r, err := compare(*data, *most, strings.Split(*only, ","))
	if err != nil {
		log.Fatal(err)
	}
	if !*asJSON {
		r.print()
		return
	}
	out, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", out)
}

func compare(data string, most int, only []string) (*Report, error) {
	work, err := os.MkdirTemp("", "bench-embed-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if out, err := exec.Command("/usr/bin/python3", filepath.Join(data, "local-code.py"), work).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("local-code.py: %w: %s", err, out)
	}
	texts, source, err := documents(most, filepath.Join(data, "corpus"), work)
	if err != nil {
		return nil, err
	}
	r := &Report{Machine: measure.Machine(), Date: time.Now().UTC().Format("2006-01-02"), Command: "go run ./bench/embed " + strings.Join(os.Args[1:], " "),
		Documents: len(texts), Sources: slices.Max(source) + 1}
	for _, m := range []*map[string]float64{&r.NMI, &r.NMI10, &r.Purity, &r.Purity10, &r.Speed, &r.EmbedSpeed, &r.Ratio, &r.EmbedRatio} {
		*m = map[string]float64{}
	}
	for _, m := range []*map[string][2]float64{&r.Interval, &r.Interval10, &r.Purity95, &r.Purity9510} {
		*m = map[string][2]float64{}
	}
	for _, t := range texts {
		r.Bytes += len(t)
	}
	if err := r.ours(texts, source, only); err != nil || !slices.Contains(only, "sklearn") {
		return r, err
	}
	return r, r.peer(filepath.Join(work, "documents"), texts, source)
}

// documents reads up to most documents of each source of the folders, of the
// half that is for measuring.
func documents(most int, folders ...string) (texts []string, source []int, err error) {
	o := corpus.Options{Inputs: corpus.Paths(folders...)}
	option.Fill(&o)
	shards, _, err := corpus.Split(context.Background(), o)
	if err != nil {
		return nil, nil, err
	}
	number, count := map[string]int{}, map[string]int{}
	var bad corpus.Bad
	for _, s := range shards {
		for d, err := range corpus.Read(context.Background(), s, o, &bad) {
			if err != nil {
				return nil, nil, err
			}
			if sum := sha256.Sum256([]byte(d.ID)); sum[0]%2 == 0 || count[d.Source] == most {
				continue
			}
			count[d.Source]++
			if _, ok := number[d.Source]; !ok {
				number[d.Source] = len(number)
			}
			texts, source = append(texts, d.Text), append(source, number[d.Source])
		}
	}
	return texts, source, nil
}

// ours measures our embedders with their defaults, on one core.
func (r *Report) ours(texts []string, source []int, only []string) error {
	ctx := context.Background()
	for _, method := range []struct {
		name string
		fit  func() (embed.Embedder, error)
	}{
		{"lexical", func() (embed.Embedder, error) { return embed.Lexical{}.Fit(ctx, texts, 1, 1) }},
		{"word", func() (embed.Embedder, error) { return embed.Word{}.Fit(ctx, texts, nil, 1, 1) }},
	} {
		if !slices.Contains(only, method.name) {
			continue
		}
		start := measure.CPUSeconds()
		m, err := method.fit()
		if err != nil {
			return err
		}
		fitted := measure.CPUSeconds()
		x := make([]float32, len(texts)*m.Dim())
		if err := m.Embed(ctx, x, texts); err != nil {
			return err
		}
		end := measure.CPUSeconds()
		r.speed(method.name, end-start, end-fitted)
		var q [2]quality
		for i, k := range []int{r.Sources, 10 * r.Sources} {
			if q[i], err = clusters(x, m.Dim(), k, source); err != nil {
				return err
			}
		}
		r.add(method.name, q)
	}
	return nil
}

// clusters runs k-means and compares its clusters with the sources.
func clusters(x []float32, dim, k int, source []int) (q quality, err error) {
	n := len(source)
	label, group := make([]int32, n), make([]int, n)
	for seed := range uint64(seeds) {
		c, err := cluster.KMeans{K: k, Init: "kmeans++", PerCluster: n}.Fit(context.Background(), x, n, dim, seed, 2)
		if err != nil {
			return q, err
		}
		c.Assign(label, nil, x, n, 2)
		for i, g := range label {
			group[i] = int(g)
		}
		q.NMI, q.Purity = append(q.NMI, cluster.NMI(group, source)), append(q.Purity, cluster.Purity(group, source))
	}
	return q, nil
}

// peer measures scikit-learn.
func (r *Report) peer(path string, texts []string, source []int) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for i, t := range texts {
		if err := enc.Encode(map[string]any{"text": t, "source": source[i]}); err != nil {
			return err
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		return err
	}
	cmd := exec.Command("/usr/bin/python3", filepath.Join("bench", "embed", "peer.py"), path, strconv.Itoa(seeds))
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
	data, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("peer.py: %w", err)
	}
	var p struct {
		Total      float64    `json:"total_s"`
		Embed      float64    `json:"embed_s"`
		Plain      [2]quality `json:"plain"`
		Normalized [2]quality `json:"normalized"`
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("peer.py: %w", err)
	}
	r.speed("sklearn", p.Total, p.Embed)
	r.add("sklearn", p.Plain)
	r.add("sklearn_normalized", p.Normalized)
	for _, name := range []string{"lexical", "word"} {
		if r.Speed[name] == 0 {
			continue
		}
		r.Ratio[name] = round(r.Speed[name] / r.Speed["sklearn"])
		r.EmbedRatio[name] = round(r.EmbedSpeed[name] / r.EmbedSpeed["sklearn"])
	}
	return nil
}

func (r *Report) speed(name string, total, embed float64) {
	r.Speed[name], r.EmbedSpeed[name] = round(float64(r.Documents)/total), round(float64(r.Documents)/embed)
}

// add enters the figures of a method: with as many clusters as sources, and ten
// times as many.
func (r *Report) add(name string, q [2]quality) {
	r.NMI[name], r.Interval[name] = interval(q[0].NMI)
	r.NMI10[name], r.Interval10[name] = interval(q[1].NMI)
	r.Purity[name], r.Purity95[name] = interval(q[0].Purity)
	r.Purity10[name], r.Purity9510[name] = interval(q[1].Purity)
}

// interval is the mean of x, one figure a seed, and where it lies.
func interval(x []float64) (float64, [2]float64) {
	var mean, sq float64
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sq += (v - mean) * (v - mean)
	}
	half := student * math.Sqrt(sq/float64(len(x)-1)/float64(len(x)))
	return round(mean), [2]float64{round(mean - half), round(mean + half)}
}

func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

func (r *Report) print() {
	fmt.Printf("%d documents of %d sources, %.1f MB\n", r.Documents, r.Sources, float64(r.Bytes)/1e6)
	for _, name := range []string{"lexical", "word", "sklearn", "sklearn_normalized"} {
		if r.NMI[name] == 0 {
			continue
		}
		fmt.Printf("%-18s NMI %.3f (%.3f to %.3f), purity %.3f; ten times the clusters %.3f (%.3f to %.3f), %.3f", name,
			r.NMI[name], r.Interval[name][0], r.Interval[name][1], r.Purity[name], r.NMI10[name], r.Interval10[name][0], r.Interval10[name][1], r.Purity10[name])
		if r.Speed[name] > 0 {
			fmt.Printf("; documents per second and core %.0f, without the fit %.0f", r.Speed[name], r.EmbedSpeed[name])
		}
		if r.Ratio[name] > 0 {
			fmt.Printf(", %.1f and %.1f times sklearn's", r.Ratio[name], r.EmbedRatio[name])
		}
		fmt.Println()
	}
}
