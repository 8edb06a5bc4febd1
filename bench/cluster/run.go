//go:build linux

package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/vec"
)

// python is Debian's, with the package python3-faiss.
const python = "/usr/bin/python3"

type bench struct {
	rounds int
	dir    string
}

// An outcome is what one run did, in seconds of processor time and on the clock.
type outcome struct {
	Units float64 `json:"units"` // of work, where that is asked for
	CPU   float64 `json:"cpu"`
	Wall  float64 `json:"wall"`
	MiB   float64 `json:"mib"` // largest resident set, of a run of ours
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// write makes the rows of a job, the same each time.
func (b *bench) write(j job, dtype string) string {
	path := b.path("data.npy")
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	w, err := vec.NewNPYWriter(f, dtype, j.D)
	if err != nil {
		log.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, uint64(j.D)))
	const places = 2000
	centers, row := make([]float32, places*j.D), make([]float32, j.D)
	for i := range centers {
		centers[i] = float32(rng.NormFloat64())
	}
	for range j.N {
		at := int(places * math.Pow(rng.Float64(), 2))
		for i := range row {
			row[i] = float32(rng.NormFloat64())
			if !j.Noise {
				row[i] += centers[at*j.D+i]
			}
		}
		vec.Scale(float32(1/math.Sqrt(vec.SumSquares(row))), row)
		if err := w.WriteFloats(row); err != nil {
			log.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		log.Fatal(err)
	}
	return path
}

// ours is a run of this program.
func ours(work string, workers int, args ...string) outcome {
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{"-work", work}, args...)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", workers))
	return run(cmd)
}

//go:embed peer.py
var peerScript string

// faiss is a run of peer.py. Its threads do not spin while they wait, which
// would count as processor time.
func faiss(args ...string) outcome {
	cmd := exec.Command(python, append([]string{"-"}, args...)...)
	cmd.Stdin = strings.NewReader(peerScript)
	n := strconv.Itoa(threads)
	cmd.Env = append(os.Environ(), "OPENBLAS_NUM_THREADS="+n, "OMP_NUM_THREADS="+n, "OMP_WAIT_POLICY=passive")
	// Debian's OpenBLAS does not know every model and then takes the kernels of 2005.
	if core := map[string]string{"avx512": "SKYLAKEX", "avx2": "HASWELL"}[vec.CPU()]; core != "" {
		cmd.Env = append(cmd.Env, "OPENBLAS_CORETYPE="+core)
	}
	return run(cmd)
}

func run(cmd *exec.Cmd) (o outcome) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &o)
	}
	if err != nil {
		log.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.Bytes())
	}
	return o
}

func (b *bench) fit(j job, data string) Fit {
	f := Fit{N: j.N, D: j.D, K: j.K, Data: "unit vectors around 2,000 places"}
	if j.Noise {
		f.Data = "unit vectors without structure"
	}
	var cpu, wall [2][]float64
	mine, theirs := b.path("ours.npy"), b.path("faiss.npy")
	for range b.rounds {
		args := []string{data, strconv.Itoa(j.K), strconv.Itoa(iterations), strconv.Itoa(threads)}
		for side, o := range []outcome{ours("fit", threads, append(args, mine)...), faiss(append(args, theirs)...)} {
			cpu[side], wall[side] = append(cpu[side], o.CPU), append(wall[side], o.Wall)
		}
	}
	f.Ours, f.FAISS, f.OursWall, f.FAISSWall = median(cpu[0]), median(cpu[1]), median(wall[0]), median(wall[1])
	f.Speedup = f.FAISS / f.Ours
	f.InertiaRatio = inertia(data, mine) / inertia(data, theirs)
	return f
}

// inertia is the sum of the squared distances of the rows to the nearest of the
// centroids in a file.
func inertia(data, centroids string) (sum float64) {
	x, n, _ := load(data)
	c, k, d := load(centroids)
	dist := make([]float32, n)
	(&cluster.Centroids{K: k, D: d, X: c}).Assign(make([]int32, n), dist, x, n, threads)
	for _, v := range dist {
		sum += float64(v)
	}
	return sum
}

func (b *bench) assign(j job, data string) *Assign {
	var rate []float64
	for range b.rounds {
		o := ours("assign", 1, data, strconv.Itoa(j.K))
		rate = append(rate, o.Units/o.CPU)
	}
	peak := run(exec.Command("go", "run", "./bench/lm", "-work", "peak"))
	a := &Assign{D: j.D, K: j.K, Rate: median(rate)}
	if peak.Units > 0 {
		a.PeakFraction = a.Rate * 2 * float64(j.D) * float64(j.K) / (peak.Units / peak.CPU)
	}
	return a
}

func (b *bench) stream(j job) *Stream {
	const rounds = 2
	data := b.write(j, "<f2")
	o := ours("stream", threads, data, strconv.Itoa(j.K), strconv.Itoa(rounds))
	return &Stream{N: j.N, D: j.D, K: j.K, Iterations: rounds, CPU: o.CPU, Wall: o.Wall, RSS: o.MiB}
}
