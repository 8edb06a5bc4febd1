package predict

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/floats"
)

// dataDir is the folder of shared test data.
func dataDir(t testing.TB) string {
	dir := os.Getenv("CLIMB_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, "tables")); err != nil {
		t.Skip("no shared test data: set CLIMB_TEST_DATA to a folder that holds tables/train_mixture_1m.csv and its like")
	}
	return filepath.Join(dir, "tables")
}

// regmix reads half "train" or "test" of RegMix's table of 1M-parameter runs:
// renormalised mixtures of 17 domains and the loss on Pile-CC.
func regmix(t testing.TB, half string) (x [][]float64, y []float64) {
	dir := dataDir(t)
	_, weights := readCSV(t, filepath.Join(dir, half+"_mixture_1m.csv"))
	header, losses := readCSV(t, filepath.Join(dir, half+"_pile_loss_1m.csv"))
	column := -1
	for i, name := range header {
		if name == "metric/the_pile_pile_cc_val_loss" {
			column = i
		}
	}
	if column < 0 || len(weights) != len(losses) {
		t.Fatalf("%s: no Pile-CC column, or %d mixtures for %d losses", half, len(weights), len(losses))
	}
	for i, row := range weights {
		sum := 0.0
		for _, w := range row[1:] {
			sum += w
		}
		m := make([]float64, len(row)-1)
		for j, w := range row[1:] {
			m[j] = w / sum
		}
		x, y = append(x, m), append(y, losses[i][column])
	}
	return x, y
}

func readCSV(t testing.TB, path string) (header []string, rows [][]float64) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(bufio.NewReader(f)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range all[1:] {
		row := make([]float64, len(line))
		for i, s := range line {
			if row[i], err = strconv.ParseFloat(s, 64); err != nil {
				t.Fatal(fmt.Errorf("%s: %w", path, err))
			}
		}
		rows = append(rows, row)
	}
	return all[0], rows
}

// mixLaws reads the data mixing laws' runs of a model size (5Mix_160M and its like):
// 26 mixtures of 5 domains, and their losses at step 30000 by validation set.
func mixLaws(t testing.TB, size string) (x [][]float64, sets [][]float64) {
	f, err := os.Open(filepath.Join(dataDir(t), "5Mix_"+size+".csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(packed).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	runs, names := map[string]int{}, map[string]int{}
	for _, line := range lines[1:] { // size, run, step, validation set, 5 shares, loss
		if line[2] != "30000" {
			continue
		}
		var v []float64
		for _, cell := range line[4:] {
			number, err := strconv.ParseFloat(cell, 64)
			if err != nil {
				t.Fatal(err)
			}
			v = append(v, number)
		}
		if _, seen := runs[line[1]]; !seen {
			runs[line[1]] = len(x)
			floats.Scale(1/floats.Sum(v[:5]), v[:5])
			x = append(x, v[:5])
		}
		if _, seen := names[line[3]]; !seen {
			names[line[3]] = len(sets)
			sets = append(sets, make([]float64, 26))
		}
		sets[names[line[3]]][runs[line[1]]] = v[5]
	}
	if len(x) != 26 || len(sets) != 22 {
		t.Fatalf("%s: %d runs and %d validation sets, want 26 and 22", size, len(x), len(sets))
	}
	return x, sets
}
