package climb

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/climb-go/climb/token"
	"github.com/climb-go/climb/vec"
)

func checkVocab(b *publication) error {
	const name = "tokenizer.json"
	if err := b.only([]string{name}, nil); err != nil {
		return err
	}
	tok, err := token.Load(b.path(name))
	if err != nil {
		return b.reread(name, err)
	}
	b.a.Count("vocab", int64(tok.Vocab()))
	return nil
}

// checkVectors holds the vectors of a shard to its documents, to length 1, and to
// the dimensions of the shards that are done.
func checkVectors(b *publication) error {
	name, ids := part(b.n, "npy"), part(b.n, "ids")
	if err := b.only([]string{name}, []string{ids}); err != nil {
		return err
	}
	rows, err := b.rows(b.n)
	if err != nil {
		return err
	}
	dim, err := b.doneDim()
	if err != nil {
		return err
	}
	_, err = b.floats(name, form{[]string{"<f2", "<f4"}, rows, dim}, func(x []float32) string {
		sum := 0.0
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		if length := math.Sqrt(sum); length < 0.99 || length > 1.01 {
			return fmt.Sprintf("has length %.3g: scale the vectors to length 1", length)
		}
		return ""
	})
	if err != nil || b.named[ids] == "" {
		return err
	}
	return b.lines(ids, rows)
}

// doneDim is the number of dimensions of the vectors that the stage has already.
func (b *publication) doneDim() (int, error) {
	for n := range b.p.Tasks {
		if _, err := b.p.Manifest(n); err == nil {
			r, err := vec.OpenNPY(b.p.Path(part(n, "npy")))
			if err != nil {
				return 0, err
			}
			return r.Header.Cols, r.Close()
		}
	}
	return anyNumber, nil
}

func checkCentroids(b *publication) error {
	const name = "centroids.npy"
	if err := b.only([]string{name}, nil); err != nil {
		return err
	}
	x, err := vec.OpenNPY(filepath.Join(b.p.Input("embed"), part(0, "npy")))
	if err != nil {
		return err
	}
	h, err := b.floats(name, form{[]string{"<f4"}, anyNumber, x.Header.Cols}, nil)
	b.a.Count("clusters", int64(h.Rows))
	return errors.Join(err, x.Close())
}

func checkClusters(b *publication) error {
	name, dist := part(b.n, "npy"), part(b.n, "dist.npy")
	if err := b.only([]string{name, dist}, nil); err != nil {
		return err
	}
	rows, err := b.rows(b.n)
	if err != nil {
		return err
	}
	c, err := readCentroids(b.p.Input("refine"))
	if err != nil {
		return err
	}
	if _, err := b.ints(name, []string{"<i4"}, rows, 0, c.K-1); err != nil {
		return err
	}
	_, err = b.floats(dist, form{[]string{"<f4"}, rows, 0}, func(x []float32) string {
		if x[0] < 0 {
			return fmt.Sprintf("is %v: want squared distances, 0 or more", x[0])
		}
		return ""
	})
	return err
}

func checkScores(b *publication) error {
	name, size := part(b.n, "npy"), part(b.n, "bytes.npy")
	if err := b.only([]string{name, size}, nil); err != nil {
		return err
	}
	var o labelOptions
	if err := b.p.Option(&o); err != nil {
		return err
	}
	rows, err := b.rows(b.n)
	if err != nil {
		return err
	}
	if _, err := b.floats(name, form{[]string{"<f4"}, rows, len(o.config().names())}, nil); err != nil {
		return err
	}
	_, err = b.ints(size, []string{"<i4"}, rows, 0, math.MaxInt32)
	return err
}

func checkTags(b *publication) error {
	name, list := part(b.n, "npy"), part(b.n, "json")
	if err := b.only([]string{name, list}, nil); err != nil {
		return err
	}
	rows, err := b.rows(b.n)
	if err != nil {
		return err
	}
	var names []string
	if err := b.json(list, &names); err != nil {
		return err
	}
	if i := slices.Index(names, ""); i >= 0 {
		return b.wrong(list, "name %d is empty; a document without a label has %q", i, noTag)
	}
	_, err = b.ints(name, []string{"<i4"}, rows, 0, len(names)-1)
	return err
}

// checkDomains holds the domains to their clusters and every document's to them.
func checkDomains(b *publication) error {
	const list = "domains.json"
	var scan scanReport
	if err := readJSON(filepath.Join(b.p.Input("rows"), "scan.json"), &scan); err != nil {
		return err
	}
	need := []string{list}
	for shard := range scan.Rows {
		need = append(need, part(shard, "npy"))
	}
	if err := b.only(need, []string{"centroids.npy"}); err != nil {
		return err
	}
	var o domainsOptions
	if err := b.p.Option(&o); err != nil {
		return err
	}
	cents, err := readCentroids(b.p.Input("refine"))
	if err != nil {
		return err
	}
	var d Domains
	if err := b.json(list, &d); err != nil {
		return err
	}
	if err := d.check(o.Scores, cents.K); err != nil {
		return b.wrong(list, "%v", err)
	}
	docs := make([]int64, len(d.Domains))
	for shard, rows := range scan.Rows {
		domain, err := b.ints(part(shard, "npy"), []string{"<i2"}, int(rows), prunedCluster, len(d.Domains)-1)
		if err != nil {
			return err
		}
		for _, dom := range domain {
			if dom >= 0 {
				docs[dom]++
			}
		}
	}
	for i, dom := range d.Domains {
		if docs[i] != dom.Docs {
			return b.wrong(list, "domains[%d].docs is %d, and %d documents are in it by part-NNNNN.npy", i, dom.Docs, docs[i])
		}
	}
	b.a.Count("domains", int64(len(d.Domains)))
	if b.named["centroids.npy"] == "" {
		return nil
	}
	_, err = b.floats("centroids.npy", form{[]string{"<f4"}, len(d.Domains), cents.D}, nil)
	return err
}

// check holds domains made elsewhere to the names of the scores and to the number
// of clusters.
func (d *Domains) check(scores []string, clusters int) error {
	switch {
	case !slices.Equal(d.ScoreNames, scores):
		return fmt.Errorf("score_names are %q, want %q: those of the labeler", d.ScoreNames, scores)
	case len(d.Domains) == 0 || len(d.Domains) > mostDomains:
		return fmt.Errorf("%d domains, want 1 to %d", len(d.Domains), mostDomains)
	case len(d.Clusters) != clusters:
		return fmt.Errorf("%d clusters, want %d: those of the stage refine", len(d.Clusters), clusters)
	}
	for i, dom := range d.Domains {
		switch {
		case dom.Name == "":
			return fmt.Errorf("domains[%d].name is empty", i)
		case dom.Docs < 1 || dom.Bytes < 0:
			return fmt.Errorf("domains[%d] has %d docs and %d bytes; leave empty domains out", i, dom.Docs, dom.Bytes)
		case len(dom.Scores) != len(scores):
			return fmt.Errorf("domains[%d].scores has %d numbers, want %d", i, len(dom.Scores), len(scores))
		}
		for _, c := range dom.Clusters {
			if c < 0 || c >= clusters {
				return fmt.Errorf("domains[%d].clusters names cluster %d of %d", i, c, clusters)
			}
		}
	}
	for i, c := range d.Clusters {
		switch {
		case c.Domain < prunedCluster || c.Domain >= len(d.Domains):
			return fmt.Errorf("clusters[%d].domain is %d, want -1 to %d", i, c.Domain, len(d.Domains)-1)
		case c.Docs < 0 || c.Bytes < 0:
			return fmt.Errorf("clusters[%d] has %d docs and %d bytes", i, c.Docs, c.Bytes)
		case len(c.Scores) != len(scores):
			return fmt.Errorf("clusters[%d].scores has %d numbers, want %d", i, len(c.Scores), len(scores))
		}
	}
	return nil
}

// checkCodes counts as the stage does: later stages read the counters.
func checkCodes(b *publication) error {
	name := part(b.n, "npy")
	if err := b.only([]string{name}, nil); err != nil {
		return err
	}
	rows, err := b.rows(b.n)
	if err != nil {
		return err
	}
	var d Domains
	if err := readJSON(filepath.Join(b.p.Input("domains"), "domains.json"), &d); err != nil {
		return err
	}
	codes, err := b.ints(name, []string{"<i2"}, rows, semanticCopy, len(d.Domains)-1)
	if err != nil {
		return err
	}
	size, err := readInts(filepath.Join(b.p.Input("label"), part(b.n, "bytes.npy")))
	if err != nil {
		return err
	}
	for row, dom := range codes {
		b.a.Count(fmt.Sprintf("documents:%d", dom), 1)
		b.a.Count(fmt.Sprintf("bytes:%d", dom), int64(size[row]))
	}
	return nil
}
