package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/climb-go/climb/view"
)

func TestClusters(t *testing.T) {
	t.Parallel()
	dir := workspace(t, small)
	if code, _, errs := climbRun(t, dir, "clusters"); code == 0 || !strings.Contains(errs, "climb domains") {
		t.Errorf("before the run: exit %d, %q", code, errs)
	}
	dir = finished(t, small)
	var list struct {
		Clusters []view.ClusterView
		Quality  *view.ClusterQuality
	}
	if err := json.Unmarshal([]byte(mustRun(t, dir, "clusters", "--quality", "--sample", "200", "--seeds", "2", "--json")), &list); err != nil {
		t.Fatal(err)
	}
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
		if err := json.Unmarshal([]byte(mustRun(t, dir, "clusters", "show", fmt.Sprint(id), "--documents", "2", "--json")), &v); err != nil {
			t.Fatal(err)
		}
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
	for _, bad := range [][]string{{"show", "99"}, {"show", "x"}, {"--quality", "--seeds", "1"}} {
		if code, _, _ := climbRun(t, dir, append([]string{"clusters"}, bad...)...); code != 2 {
			t.Errorf("%v: exit %d, want 2", bad, code)
		}
	}
	if text := mustRun(t, dir, "clusters", "show", "0"); !strings.Contains(text, "most central") || !strings.Contains(text, "neighbours") {
		t.Error(text)
	}
	if text := mustRun(t, dir, "clusters"); !strings.Contains(text, list.Clusters[0].Name) {
		t.Error(text)
	}
}
