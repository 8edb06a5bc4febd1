package trial

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/train"
)

// A Curve is the training loss of a proxy, in nats a token, of its own mixture.
type Curve struct {
	Name   string // of the candidate; "" in the search
	Seed   uint64
	Tokens []int64
	Loss   []float64
}

// curvePoints bounds the points that are kept of a curve.
const curvePoints = 60

// Curves reads those of the candidates that are named, and of the other proxies,
// the confirmation's first, as many as make most in all, evenly.
func (r *Trials) Curves(most int, named ...string) (out []Curve, err error) {
	type run struct {
		plan *task.Plan
		placed
	}
	var first, others []run
	for _, name := range []string{confirmFile.Stage, searchFile.Stage} {
		plans, err := r.Plans(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, p := range plans {
			all, err := allTrials(p)
			if err != nil {
				return nil, err
			}
			done, err := p.Published()
			if err != nil {
				return nil, err
			}
			for _, t := range all {
				switch {
				case !slices.Contains(done, t.task):
				case t.Name != "" && slices.Contains(named, t.Name):
					first = append(first, run{p, t})
				default:
					others = append(others, run{p, t})
				}
			}
		}
	}
	first = first[:min(len(first), most)]
	for i, n := 0, min(most-len(first), len(others)); i < n; i++ {
		first = append(first, others[i*len(others)/n])
	}
	for _, t := range first {
		c, err := readCurve(t.plan, t.placed)
		if err != nil {
			return nil, err
		}
		if len(c.Loss) > 1 {
			out = append(out, c)
		}
	}
	return out, nil
}

// readCurve reads the progress of a run, which has none if another trainer kept it
// to itself or the run was looked up.
func readCurve(p *task.Plan, t placed) (Curve, error) {
	c := Curve{Name: t.Name, Seed: t.Seed}
	path := p.Path(filepath.FromSlash(t.dir()), progressName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	defer f.Close()
	if err := p.Verify(t.task); err != nil {
		return c, err
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var g train.Progress
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			return c, fmt.Errorf("read %s: %w", path, err)
		}
		c.Tokens, c.Loss = append(c.Tokens, g.Tokens), append(c.Loss, g.Loss)
	}
	for len(c.Loss) > curvePoints {
		c.Tokens, c.Loss = everySecond(c.Tokens), everySecond(c.Loss)
	}
	return c, lines.Err()
}

// everySecond keeps the last.
func everySecond[T any](x []T) (out []T) {
	for i := (len(x) - 1) % 2; i < len(x); i += 2 {
		out = append(out, x[i])
	}
	return out
}
