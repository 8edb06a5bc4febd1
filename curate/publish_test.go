package curate_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb"
	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/task"
)

// npy is an array as NumPy writes it; the values are of the type that dtype says.
func npy(dtype, shape string, values any) []byte {
	var b bytes.Buffer
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", dtype, shape)
	fmt.Fprintf(&b, "\x93NUMPY\x01\x00%c%c%s", byte(len(header)), byte(len(header)>>8), header)
	_ = binary.Write(&b, binary.LittleEndian, values) // memory
	return b.Bytes()
}

// stageOf saves a plan of one task a shard whose outputs are there, or are not.
func stageOf(t *testing.T, out, kind string, options any, inputs []string, tasks int, files map[string][]byte) *task.Plan {
	t.Helper()
	raw, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	p := &task.Plan{Kind: kind, Format: climb.Stages().Find(kind).Format, Options: raw, Inputs: map[string]string{}}
	for _, in := range inputs {
		p.Inputs[in] = in
	}
	for n := range tasks {
		p.Tasks = append(p.Tasks, json.RawMessage(fmt.Sprintf(`{"shard": %d}`, n)))
	}
	if err := p.Save(filepath.Join(out, kind)); err != nil {
		t.Fatal(err)
	}
	for n := 0; files != nil && n < tasks; n++ {
		_, err := p.Run(context.Background(), n, func(_ context.Context, _ *task.Plan, n int, a *task.Attempt) error {
			for name, data := range files {
				if tasks == 1 || strings.Contains(name, fmt.Sprintf("%05d", n)) {
					if err := a.WriteFile(name, data); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// waiting is a run directory of two shards, of 2 and 1 documents, whose stages
// wait for their files.
func waiting(t *testing.T) string {
	out := t.TempDir()
	stageOf(t, out, "rows", nil, nil, 1, map[string][]byte{"scan.json": []byte(`{"documents": 3, "text_bytes": 30, "rows": [2, 1]}`)})
	stageOf(t, out, "refine", nil, nil, 1, map[string][]byte{"centroids.npy": npy("<f4", "(3, 2)", make([]float32, 6))})
	stageOf(t, out, "embed", "lexical", []string{"rows"}, 2, nil)
	stageOf(t, out, "cluster", nil, []string{"rows", "refine"}, 2, nil)
	stageOf(t, out, "tags", nil, []string{"rows"}, 2, nil)
	o := map[string]any{"scores": []string{"good", "short"}}
	stageOf(t, out, "domains", o, []string{"rows", "refine"}, 1, nil)
	stageOf(t, out, "search", nil, []string{"rows"}, 1, nil)
	return out
}

func TestPublishChecksWhatItIsGiven(t *testing.T) {
	half := func(x ...uint16) []uint16 { return x }
	const one, nan, inf = 0x3c00, 0x7e00, 0x7c00
	good := npy("<f2", "(2, 2)", half(one, 0, 0, one))
	ids := "\"a\"\n\"b\"\n"
	clusters, dist := npy("<i4", "(2,)", []int32{0, 2}), npy("<f4", "(2,)", []float32{0, 0.5})
	domains := `{"score_names": ["good", "short"], "domains": [{"name": "d", "clusters": [0, 1, 2], "docs": 2, "bytes": 20, "scores": [1, 1], "terms": [], "examples": []}],
		"clusters": [{"docs": 2, "bytes": 20, "scores": [1, 1], "domain": 0, "name": "a", "x": 0, "y": 0}, {"docs": 0, "bytes": 0, "scores": [0, 0], "domain": -1, "name": "b", "x": 0, "y": 0}, {"docs": 1, "bytes": 1, "scores": [0, 0], "domain": -1, "name": "c", "x": 0, "y": 0}]}`
	parts := map[string]string{"domains.json": domains, "part-00000.npy": string(npy("<i2", "(2,)", []int16{0, -1})), "part-00001.npy": string(npy("<i2", "(1,)", []int16{0}))}
	with := func(name, data string) map[string]string {
		m := map[string]string{name: data}
		for k, v := range parts {
			if k != name {
				m[k] = v
			}
		}
		return m
	}
	for _, c := range []struct {
		name, stage string
		task        int
		files       map[string]string
		want        string // "" = published
	}{
		{"vectors and ids", "embed", 0, map[string]string{"part-00000.npy": string(good), "part-00000.ids": ids}, ""},
		{"vectors of float32", "embed", 0, map[string]string{"part-00000.npy": string(npy("<f4", "(2, 2)", []float32{1, 0, 0, 1}))}, ""},
		{"a file of another name", "embed", 0, map[string]string{"part-00000.npy": string(good), "notes.txt": "x"}, "notes.txt: task 0 of embed writes part-00000.npy, part-00000.ids"},
		{"another shard's file", "embed", 0, map[string]string{"part-00001.npy": string(good)}, "part-00001.npy: task 0 of embed writes part-00000.npy"},
		{"no vectors", "embed", 0, map[string]string{"part-00000.ids": ids}, "no file part-00000.npy"},
		{"float64", "embed", 0, map[string]string{"part-00000.npy": string(npy("<f8", "(2, 2)", []float64{1, 0, 0, 1}))}, "part-00000.npy"},
		{"whole numbers", "embed", 0, map[string]string{"part-00000.npy": string(npy("<i4", "(2, 2)", []int32{1, 0, 0, 1}))}, "<i4 of shape (2, 2), want <f2 or <f4 of shape (2, any)"},
		{"too many rows", "embed", 0, map[string]string{"part-00000.npy": string(npy("<f2", "(3, 2)", half(one, 0, 0, one, one, 0)))}, "<f2 of shape (3, 2), want <f2 or <f4 of shape (2, any)"},
		{"one dimension", "embed", 0, map[string]string{"part-00000.npy": string(npy("<f2", "(2,)", half(one, one)))}, "shape (2,), want"},
		{"NaN", "embed", 0, map[string]string{"part-00000.npy": string(npy("<f2", "(2, 2)", half(one, 0, nan, one)))}, "row 1, column 0 is NaN"},
		{"infinity", "embed", 0, map[string]string{"part-00000.npy": string(npy("<f2", "(2, 2)", half(one, inf, 0, one)))}, "row 0, column 1 is +Inf"},
		{"zeros", "embed", 0, map[string]string{"part-00000.npy": string(npy("<f2", "(2, 2)", half(one, 0, 0, 0)))}, "row 1 has length 0: scale"},
		{"not scaled", "embed", 0, map[string]string{"part-00000.npy": string(npy("<f2", "(2, 2)", half(one, one, 0, one)))}, "row 0 has length 1.41"},
		{"cut short", "embed", 0, map[string]string{"part-00000.npy": string(good[:len(good)-2])}, "part-00000.npy: 6 bytes of data"},
		{"empty", "embed", 0, map[string]string{"part-00000.npy": ""}, "part-00000.npy"},
		{"not an array", "embed", 0, map[string]string{"part-00000.npy": "<!DOCTYPE html>"}, "not a .npy file"},
		{"too few ids", "embed", 0, map[string]string{"part-00000.npy": string(good), "part-00000.ids": "\"a\"\n"}, "part-00000.ids: 1 lines, want 2"},
		{"ids without quotes", "embed", 0, map[string]string{"part-00000.npy": string(good), "part-00000.ids": "a\nb\n"}, "part-00000.ids: line 1"},
		{"ids without a last line end", "embed", 0, map[string]string{"part-00000.npy": string(good), "part-00000.ids": "\"a\"\n\"b\""}, ""},
		{"a task that is not there", "embed", 2, map[string]string{"part-00002.npy": string(good)}, "task 2 of 2"},
		{"clusters", "cluster", 0, map[string]string{"part-00000.npy": string(clusters), "part-00000.dist.npy": string(dist)}, ""},
		{"a cluster too high", "cluster", 0, map[string]string{"part-00000.npy": string(npy("<i4", "(2,)", []int32{0, 3})), "part-00000.dist.npy": string(dist)}, "row 1 is 3: want 0 to 2"},
		{"a cluster below 0", "cluster", 0, map[string]string{"part-00000.npy": string(npy("<i4", "(2,)", []int32{-1, 0})), "part-00000.dist.npy": string(dist)}, "row 0 is -1"},
		{"no distances", "cluster", 0, map[string]string{"part-00000.npy": string(clusters)}, "no file part-00000.dist.npy"},
		{"a distance below 0", "cluster", 0, map[string]string{"part-00000.npy": string(clusters), "part-00000.dist.npy": string(npy("<f4", "(2,)", []float32{0, -1}))}, "row 1 is -1"},
		{"labels", "tags", 0, map[string]string{"part-00000.npy": string(npy("<i4", "(2,)", []int32{0, 0})), "part-00000.json": `["web"]`}, ""},
		{"a label that has no name", "tags", 0, map[string]string{"part-00000.npy": string(npy("<i4", "(2,)", []int32{0, 1})), "part-00000.json": `["web"]`}, "row 1 is 1: want 0 to 0"},
		{"a null in the labels", "tags", 0, map[string]string{"part-00000.npy": string(npy("<i4", "(2,)", []int32{0, 1})), "part-00000.json": `["web", null]`}, "part-00000.json"},
		{"domains", "domains", 0, parts, ""},
		{"other scores", "domains", 0, with("domains.json", strings.Replace(domains, `"short"`, `"long"`, 1)), "score_names"},
		{"other documents", "domains", 0, with("domains.json", strings.Replace(domains, `"docs": 2`, `"docs": 3`, 1)), "domains[0].docs is 3, and 2"},
		{"a document in a domain that is not there", "domains", 0, with("part-00001.npy", string(npy("<i2", "(1,)", []int16{1}))), "part-00001.npy: row 0 is 1: want -1 to 0"},
		{"too few clusters", "domains", 0, with("domains.json", domains[:strings.LastIndex(domains, ", {")]+"]}"), "2 clusters, want 3"},
		{"a stage that is not taken", "search", 0, map[string]string{"search.json": "{}"}, "only for assign, centroids"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, own := waiting(t), t.TempDir()
			var files []string
			for name, data := range c.files {
				files = append(files, filepath.Join(own, name))
				if err := os.WriteFile(filepath.Join(own, name), []byte(data), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			plan := filepath.Join(out, c.stage, "plan.json")
			err := stage.PublishTask(context.Background(), climb.Stages(), plan, c.task, files)
			p, loadErr := task.Load(plan)
			if loadErr != nil {
				t.Fatal(loadErr)
			}
			_, missing := p.Manifest(c.task)
			if c.want == "" {
				if err != nil || missing != nil {
					t.Fatalf("not published: %v, %v", err, missing)
				}
				if err := stage.PublishTask(context.Background(), climb.Stages(), plan, c.task, files); task.ExitCode(err) != task.ExitUsage {
					t.Errorf("published twice: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "attempt") || task.ExitCode(err) != task.ExitUsage {
				t.Errorf("exit %d, %v; want %q", task.ExitCode(err), err, c.want)
			}
			if left, _ := filepath.Glob(filepath.Join(out, c.stage, "*")); missing == nil || len(left) != 1 {
				t.Errorf("something was left: %v, %v", left, missing)
			}
		})
	}
}

// The vectors of all shards have the same dimensions.
func TestPublishKeepsDimensions(t *testing.T) {
	out, own := waiting(t), t.TempDir()
	publish := func(n int, data []byte) error {
		path := filepath.Join(own, part(n, "npy"))
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		return stage.PublishTask(context.Background(), climb.Stages(), filepath.Join(out, "embed", "plan.json"), n, []string{path})
	}
	if err := publish(0, npy("<f4", "(2, 2)", []float32{1, 0, 0, 1})); err != nil {
		t.Fatal(err)
	}
	if err := publish(1, npy("<f4", "(1, 3)", []float32{1, 0, 0})); err == nil || !strings.Contains(err.Error(), "want <f2 or <f4 of shape (1, 2)") {
		t.Errorf("another number of dimensions: %v", err)
	}
}
