//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/climb-go/climb/bench/measure"
	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/vec"
)

// doWork does one run and prints its outcome. The arguments are the data, the
// number of clusters and, for a fit, of iterations and threads, and where the
// centroids go.
func doWork(kind string, args []string) {
	number := func(i int) int {
		n, err := strconv.Atoi(args[i])
		if err != nil {
			log.Fatal(err)
		}
		return n
	}
	var o outcome
	k := number(1)
	switch kind {
	case "fit":
		x, n, d := load(args[0])
		m := cluster.KMeans{K: k, MaxIter: number(2), PerCluster: (n + k - 1) / k, Start: x[:k*d], Tol: 1e-12}
		var c *cluster.Centroids
		var err error
		o = timed(func() { c, err = m.Fit(context.Background(), x, n, d, 1, number(3)) })
		if err != nil {
			log.Fatal(err)
		}
		save(args[4], c)
	case "assign":
		x, n, d := load(args[0])
		c, label, dist := &cluster.Centroids{K: k, D: d, X: x[:k*d]}, make([]int32, n), make([]float32, n)
		o = timed(func() { c.Assign(label, dist, x, n, 1) })
		o.Units = float64(n)
	case "stream":
		rows, err := vec.OpenNPYRows(args[0])
		if err != nil {
			log.Fatal(err)
		}
		m := cluster.KMeans{K: k, MaxIter: number(2)}
		o = timed(func() { _, err = m.FitRows(context.Background(), rows, 1, runtime.GOMAXPROCS(0)) })
		if err != nil {
			log.Fatal(err)
		}
	default:
		log.Fatalf("no work %q", kind)
	}
	o.MiB = measure.PeakMiB()
	if err := json.NewEncoder(os.Stdout).Encode(o); err != nil {
		log.Fatal(err)
	}
}

func timed(f func()) outcome {
	cpu, wall := measure.CPUSeconds(), time.Now()
	f()
	return outcome{CPU: measure.CPUSeconds() - cpu, Wall: time.Since(wall).Seconds()}
}

// load reads a whole array.
func load(path string) (x []float32, rows, cols int) {
	r, err := vec.OpenNPY(path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	h := r.Header
	x = make([]float32, h.Rows*h.Cols)
	if _, err := r.ReadFloats(x); err != nil {
		log.Fatal(err)
	}
	return x, h.Rows, h.Cols
}

func save(path string, c *cluster.Centroids) {
	f, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	w, err := vec.NewNPYWriter(f, "<f4", c.D)
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(w.WriteFloats(c.X), w.Close(), f.Close()); err != nil {
		log.Fatal(err)
	}
}
