package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/climb-go/climb/cluster"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/vec"
)

type refineOptions struct {
	Rounds    int  `json:"rounds"`
	Spherical bool `json:"spherical"`
}

// refineStage does k-means iterations over all vectors, from the centroids that
// were fitted on a sample: centroids.npy. Each is a plan of its own,
// round-NN.plan.json, with one task a shard that adds up its rows by cluster
// (the map step); centroids-NN.npy is made of them (the reduce step).
func (r *Curation) refineStage() *stage.Stage {
	return &stage.Stage{
		Name: "refine", Title: "refine the clusters", Format: 2, Inputs: []string{"rows", "embed", "centroids"},
		Options: func() (any, error) {
			return refineOptions{r.Config.Cluster.Refine, r.Config.Cluster.Method.Value().Shape().Spherical}, nil
		},
		Tasks: stage.None,
		Run:   tallyShard,
		Drive: r.driveRefine,
	}
}

// A tallySpec is a task of a round: a shard and the centroids it is held against.
type tallySpec struct {
	Shard     int    `json:"shard"`
	Centroids string `json:"centroids"` // below the run directory
	Round     string `json:"round"`
}

func (t tallySpec) file(ext string) string {
	return t.Round + "/" + stage.Parts{Stage: refinedFile.Stage, Ext: ext}.Name(t.Shard)
}

var refinedFile = stage.Answer[refined]{Stage: "refine"}

// A refined is the output of the refine stage, refine.json.
type refined struct {
	Inertia []float64     `json:"inertia"` // mean squared distance to the nearest centroid, before each round
	Outputs []task.Output `json:"outputs"` // the files of centroids: no task has them in its manifest
}

func (r *Curation) driveRefine(ctx context.Context, p *task.Plan, e stage.Event) (ran bool, err error) {
	if r.Done(refinedFile.Stage) {
		return false, nil
	}
	var o refineOptions
	if err := p.Option(&o); err != nil {
		return false, err
	}
	if err := r.Verify(ctx, p.Input("centroids")); err != nil {
		return false, err
	}
	c, err := centroidsOf(p, "centroids")
	if err != nil {
		return false, err
	}
	from, out := filepath.Join(filepath.Base(p.Input("centroids")), centroidsName), refined{Inertia: []float64{}}
	for round := range o.Rounds {
		name := fmt.Sprintf("round-%02d", round+1)
		e.Title = fmt.Sprintf("refine the clusters, round %d of %d", round+1, o.Rounds)
		t, err := r.runTally(ctx, p, name, from, e)
		if err != nil {
			return true, err
		}
		c.Move(t, o.Spherical)
		var rows int64
		for _, n := range t.Count {
			rows += n
		}
		out.Inertia = append(out.Inertia, t.Inertia/float64(max(1, rows)))
		file := fmt.Sprintf("centroids-%02d.npy", round+1)
		if err := out.save(p, file, c); err != nil {
			return true, err
		}
		from = filepath.Join(filepath.Base(p.Dir()), file)
	}
	if err := out.save(p, centroidsName, c); err != nil {
		return true, err
	}
	return o.Rounds > 0, refinedFile.Write(p, &out)
}

// runTally runs a round, or what is missing of it, and adds up its tasks in
// their order.
func (r *Curation) runTally(ctx context.Context, p *task.Plan, name, from string, e stage.Event) (*cluster.Tally, error) {
	plan, err := task.Load(p.Path(name + ".plan.json"))
	if errors.Is(err, os.ErrNotExist) {
		plan = &task.Plan{Kind: p.Kind, Format: p.Format, Name: name, Options: p.Options, Inputs: p.Inputs}
		for shard := range r.Shards {
			plan.Tasks = append(plan.Tasks, stage.Marshal(tallySpec{shard, filepath.ToSlash(from), name}))
		}
		err = plan.Save(p.Dir())
	}
	if err != nil {
		return nil, err
	}
	if _, err := r.RunPlan(ctx, plan, tallyShard, e); err != nil {
		return nil, err
	}
	var sum *cluster.Tally
	for n := range plan.Tasks {
		t, err := readTally(plan, n)
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = t
		} else {
			sum.Add(t)
		}
	}
	return sum, nil
}

// A tallyFile is part-NNNNN.json of a round; part-NNNNN.npy beside it holds the
// mean of each cluster's rows.
type tallyFile struct {
	Inertia float64       `json:"inertia"`
	Count   []int64       `json:"count"`
	Far     []cluster.Far `json:"far"`
}

func tallyShard(ctx context.Context, p *task.Plan, n int, a *task.Attempt) error {
	var spec tallySpec
	if err := p.Task(n, &spec); err != nil {
		return err
	}
	c, err := stage.Cached(ctx, filepath.Join(p.Dir(), "..", filepath.FromSlash(spec.Centroids)), loadCentroids)
	if err != nil {
		return err
	}
	rows, err := vec.OpenNPYRows(VectorOf.Path(p, spec.Shard))
	if err != nil {
		return err
	}
	t, err := c.Tally(ctx, rows, 0, rows.Len(), 1)
	if err != nil {
		return err
	}
	mean := make([]float32, len(t.Sum))
	for i, s := range t.Sum {
		mean[i] = float32(s / float64(max(1, t.Count[i/t.D])))
	}
	if err := stage.WriteFloats(a, spec.file("npy"), "<f4", t.D, mean); err != nil {
		return err
	}
	return a.WriteJSON(spec.file("json"), tallyFile{t.Inertia, t.Count, t.Far})
}

func readTally(p *task.Plan, n int) (*cluster.Tally, error) {
	var spec tallySpec
	if err := p.Task(n, &spec); err != nil {
		return nil, err
	}
	if err := p.Verify(n); err != nil {
		return nil, err
	}
	var f tallyFile
	if err := task.ReadJSON(p.Path(filepath.FromSlash(spec.file("json"))), &f); err != nil {
		return nil, err
	}
	mean, h, err := stage.ReadFloats(p.Path(filepath.FromSlash(spec.file("npy"))))
	if err != nil {
		return nil, err
	}
	if h.Rows != len(f.Count) {
		return nil, fmt.Errorf("%s: counts of %d clusters and means of %d", spec.file("json"), len(f.Count), h.Rows)
	}
	t := &cluster.Tally{K: h.Rows, D: h.Cols, Sum: make([]float64, len(mean)), Count: f.Count, Inertia: f.Inertia, Far: f.Far}
	for i, v := range mean {
		t.Sum[i] = float64(v) * float64(f.Count[i/h.Cols])
	}
	return t, nil
}

// centroidsName is the file of clusters of the stages centroids and refine, and of
// the domains that are made of clusters.
const centroidsName = "centroids.npy"

// centroidsOf loads the clusters that a stage has found, for a plan that reads it.
func centroidsOf(p *task.Plan, stage string) (*cluster.Centroids, error) {
	return loadCentroids(filepath.Join(p.Input(stage), centroidsName))
}

// Centroids loads the clusters that the documents are in.
func (r *Curation) Centroids() (*cluster.Centroids, error) {
	return loadCentroids(filepath.Join(r.Dir(refinedFile.Stage), centroidsName))
}

// writeCentroids writes clusters as an output.
func writeCentroids(a *task.Attempt, c *cluster.Centroids) error {
	return stage.WriteFloats(a, centroidsName, "<f4", c.D, c.X)
}

func loadCentroids(path string) (*cluster.Centroids, error) {
	x, h, err := stage.ReadFloats(path)
	return &cluster.Centroids{K: h.Rows, D: h.Cols, X: x}, err
}

// save writes centroids in one step, and notes what they are.
func (r *refined) save(p *task.Plan, name string, c *cluster.Centroids) error {
	b := &memoryFile{}
	w, err := vec.NewNPYWriter(b, "<f4", c.D)
	if err == nil {
		err = errors.Join(w.WriteFloats(c.X), w.Close())
	}
	if err != nil {
		return err
	}
	r.Outputs = append(r.Outputs, task.NewOutput(name, b.data))
	return task.WriteFile(p.Path(name), b.data)
}

// A memoryFile is a file in memory.
type memoryFile struct {
	data []byte
	at   int64
}

func (m *memoryFile) Write(p []byte) (int, error) {
	if grow := m.at + int64(len(p)) - int64(len(m.data)); grow > 0 {
		m.data = append(m.data, make([]byte, grow)...)
	}
	m.at += int64(copy(m.data[m.at:], p))
	return len(p), nil
}

func (m *memoryFile) Seek(offset int64, whence int) (int64, error) {
	m.at = offset + map[int]int64{io.SeekStart: 0, io.SeekCurrent: m.at, io.SeekEnd: int64(len(m.data))}[whence]
	return m.at, nil
}
