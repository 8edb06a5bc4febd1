package vec

import "fmt"

// SumRows does dst[j] += weights[i] * x[rows[i]*len(dst)+j] for every i, in order,
// and every j: rows of x, row-major with len(dst) columns, added up. No weights
// count as ones.
func SumRows(dst, x []float32, rows []int32, weights []float32) {
	d := len(dst)
	for _, r := range rows {
		if r < 0 || (int(r)+1)*d > len(x) {
			panic(fmt.Sprintf("vec: sum of rows: row %d of %d numbers, %d columns", r, len(x), d))
		}
	}
	if weights != nil {
		same("sum of rows", len(rows), len(weights))
	}
	for len(rows) > 0 && d > 0 {
		n, w := len(rows), weights
		if w == nil {
			n, w = min(n, len(ones)), ones[:]
		}
		sumRows(dst, x, rows[:n], w[:n])
		rows = rows[n:]
	}
}

// ones are the weights of rows that have none.
var ones = func() (x [512]float32) {
	for i := range x {
		x[i] = 1
	}
	return x
}()

func sumRowsGo(dst, x []float32, rows []int32, weights []float32) {
	for i, r := range rows {
		axpyGo(weights[i], x[int(r)*len(dst):][:len(dst)], dst)
	}
}
