package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/task"
	"github.com/climb-go/climb/view"
)

// clusters runs climb clusters, or climb clusters show of a number, on a
// workspace, and decodes what it prints.
func clusters(t *testing.T, dir string, v any, args ...string) {
	t.Helper()
	config := filepath.Join(dir, "climb.yaml")
	var out string
	var err error
	if args[0] == "show" {
		out, err = printed(t, clustersShowOptions{}, append(args[2:], "--json"), runClustersShow, args[1], config)
	} else {
		out, err = printed(t, clustersOptions{}, append(args, "--json"), runClusters, config)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatal(err)
	}
}

func TestClusters(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	var list struct {
		Clusters []view.ClusterView
		Quality  *view.ClusterQuality
	}
	clusters(t, dir, &list, "--quality", "--sample", "200", "--seeds", "2")
	var share float64
	for i, c := range list.Clusters {
		share += c.Share
		if c.ID != i || c.Docs == 0 || c.Name == "" || c.Distance < 0 || c.Docs > 1 && c.Distance == 0 {
			t.Errorf("cluster %d: %+v", i, c)
		}
	}
	if share < 0.999 || share > 1.001 {
		t.Errorf("shares sum to %v", share)
	}
	if q := list.Quality; q == nil || q.Silhouette <= 0 || q.Stability <= 0.2 || q.StabilityLeast != q.Stability || q.Sample != 200 {
		t.Errorf("quality %+v of clear topics", q)
	}
	for id, c := range list.Clusters[:3] {
		var v view.ClusterView
		clusters(t, dir, &v, "show", fmt.Sprint(id), "--documents", "2")
		if v.Name != c.Name || v.Docs != c.Docs || len(v.Central) != int(min(2, v.Docs)) || len(v.Marginal) != int(min(2, v.Docs-int64(len(v.Central)))) {
			t.Errorf("cluster %d in the list %+v, by itself %+v", id, c, v)
		}
		if !slices.IsSortedFunc(v.Neighbors, func(a, b view.ClusterNear) int { return int(1e6 * (a.Distance - b.Distance)) }) || len(v.Neighbors) == 0 {
			t.Errorf("neighbours of %d: %+v", id, v.Neighbors)
		}
		for _, n := range v.Neighbors {
			if n.ID == id || n.Overlap < 0 || n.Overlap > 1.0001 {
				t.Errorf("neighbours of %d: %+v", id, v.Neighbors)
			}
		}
	}
}

// What climb clusters and climb clusters show print, and what they refuse.
func TestClustersPrint(t *testing.T) {
	t.Parallel()
	dir := finished(t, small)
	config := filepath.Join(dir, "climb.yaml")
	out, err := printed(t, clustersOptions{}, nil, runClusters, config)
	if err != nil || strings.Count(out, "\n") != 1+8 || !strings.HasPrefix(out, "cluster  documents  text") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = printed(t, clustersShowOptions{}, nil, runClustersShow, "0", config); err != nil || !strings.Contains(out, "most central") || !strings.Contains(out, "neighbours") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, id := range []string{"99", "x"} {
		if _, err := printed(t, clustersShowOptions{}, nil, runClustersShow, id, config); task.ExitCode(err) != task.ExitUsage {
			t.Errorf("cluster %s: %v", id, err)
		}
	}
	if _, err := printed(t, clustersOptions{}, []string{"--quality", "--seeds", "1"}, runClusters, config); task.ExitCode(err) != task.ExitUsage {
		t.Errorf("one seed: %v", err)
	}
	if _, err := printed(t, clustersOptions{}, []string{"--out", t.TempDir()}, runClusters, config); err == nil || !strings.Contains(err.Error(), "climb domains") {
		t.Errorf("before the run: %v", err)
	}
}
