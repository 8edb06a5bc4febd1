package curate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/climb-go/climb/stage"
	"github.com/climb-go/climb/token"
)

// rowsOf is the number of documents of a shard.
func rowsOf(b *stage.Publication, shard int) (int, error) {
	scan, err := scanReport.Read(b.Plan)
	if err != nil {
		return 0, err
	}
	return int(scan.Rows[shard]), nil
}

func checkVocab(b *stage.Publication) error {
	const name = tokenizerName
	if err := b.Only([]string{name}, nil); err != nil {
		return err
	}
	tok, err := token.Load(b.Path(name))
	if err != nil {
		return b.Reread(name, err)
	}
	vocabulary.Add(b.Attempt, int64(tok.Vocab()))
	return nil
}

// checkVectors holds the vectors of a shard to its documents, to length 1, and to
// the dimensions of the shards that are done.
func checkVectors(b *stage.Publication) error {
	name, ids := VectorOf.Name(b.Task), idsOf.Name(b.Task)
	if err := b.Only([]string{name}, []string{ids}); err != nil {
		return err
	}
	rows, err := rowsOf(b, b.Task)
	if err != nil {
		return err
	}
	dim, err := doneDim(b)
	if err != nil {
		return err
	}
	_, err = b.Floats(name, stage.Form{Dtypes: []string{"<f2", "<f4"}, Rows: rows, Cols: dim}, func(x []float32) string {
		sum := 0.0
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		if length := math.Sqrt(sum); length < 0.99 || length > 1.01 {
			return fmt.Sprintf("has length %.3g: scale the vectors to length 1", length)
		}
		return ""
	})
	if err != nil || !b.Has(ids) {
		return err
	}
	return b.Lines(ids, rows)
}

// doneDim is the number of dimensions of the vectors that the stage has already.
func doneDim(b *stage.Publication) (int, error) {
	for n := range b.Plan.Tasks {
		if _, err := b.Plan.Manifest(n); err == nil {
			r, err := VectorOf.Open(b.Plan, n)
			if err != nil {
				return 0, err
			}
			return r.Header.Cols, r.Close()
		}
	}
	return stage.Any, nil
}

func checkCentroids(b *stage.Publication) error {
	const name = centroidsName
	if err := b.Only([]string{name}, nil); err != nil {
		return err
	}
	x, err := VectorOf.Open(b.Plan, 0)
	if err != nil {
		return err
	}
	h, err := b.Floats(name, stage.Form{Dtypes: []string{"<f4"}, Rows: stage.Any, Cols: x.Header.Cols}, nil)
	b.Attempt.Count("clusters", int64(h.Rows))
	return errors.Join(err, x.Close())
}

func checkClusters(b *stage.Publication) error {
	name, dist := ClusterOf.Name(b.Task), DistanceOf.Name(b.Task)
	if err := b.Only([]string{name, dist}, nil); err != nil {
		return err
	}
	rows, err := rowsOf(b, b.Task)
	if err != nil {
		return err
	}
	c, err := centroidsOf(b.Plan, "refine")
	if err != nil {
		return err
	}
	if _, err := b.Ints(name, []string{"<i4"}, rows, 0, c.K-1); err != nil {
		return err
	}
	_, err = b.Floats(dist, stage.Form{Dtypes: []string{"<f4"}, Rows: rows, Cols: 0}, func(x []float32) string {
		if x[0] < 0 {
			return fmt.Sprintf("is %v: want squared distances, 0 or more", x[0])
		}
		return ""
	})
	return err
}

func checkScores(b *stage.Publication) error {
	name, size := scoresOf.Name(b.Task), bytesOf.Name(b.Task)
	if err := b.Only([]string{name, size}, nil); err != nil {
		return err
	}
	var o labelOptions
	if err := b.Plan.Option(&o); err != nil {
		return err
	}
	rows, err := rowsOf(b, b.Task)
	if err != nil {
		return err
	}
	if _, err := b.Floats(name, stage.Form{Dtypes: []string{"<f4"}, Rows: rows, Cols: len(o.config().Names())}, nil); err != nil {
		return err
	}
	_, err = b.Ints(size, []string{"<i4"}, rows, 0, math.MaxInt32)
	return err
}

func checkTags(b *stage.Publication) error {
	name, list := tagOf.Name(b.Task), tagNamesOf.Name(b.Task)
	if err := b.Only([]string{name, list}, nil); err != nil {
		return err
	}
	rows, err := rowsOf(b, b.Task)
	if err != nil {
		return err
	}
	var names []string
	if err := b.JSON(list, &names); err != nil {
		return err
	}
	if i := slices.Index(names, ""); i >= 0 {
		return b.Wrong(list, "name %d is empty; a document without a label has %q", i, noTag)
	}
	_, err = b.Ints(name, []string{"<i4"}, rows, 0, len(names)-1)
	return err
}

// checkDomains holds the domains to their clusters and every document's to them.
func checkDomains(b *stage.Publication) error {
	list := domainsFile.Name
	scan, err := scanReport.Read(b.Plan)
	if err != nil {
		return err
	}
	need := []string{list}
	for shard := range scan.Rows {
		need = append(need, mergedOf.Name(shard))
	}
	if err := b.Only(need, []string{centroidsName}); err != nil {
		return err
	}
	var o domainsOptions
	if err := b.Plan.Option(&o); err != nil {
		return err
	}
	cents, err := centroidsOf(b.Plan, "refine")
	if err != nil {
		return err
	}
	var d Domains
	if err := b.JSON(list, &d); err != nil {
		return err
	}
	if err := d.check(o.Scores, cents.K); err != nil {
		return b.Wrong(list, "%v", err)
	}
	docs := make([]int64, len(d.Domains))
	for shard, rows := range scan.Rows {
		domain, err := b.Ints(mergedOf.Name(shard), []string{"<i2"}, int(rows), PrunedCluster, len(d.Domains)-1)
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
			return b.Wrong(list, "domains[%d].docs is %d, and %d documents are in it by part-NNNNN.npy", i, dom.Docs, docs[i])
		}
	}
	b.Attempt.Count("domains", int64(len(d.Domains)))
	if !b.Has(centroidsName) {
		return nil
	}
	_, err = b.Floats(centroidsName, stage.Form{Dtypes: []string{"<f4"}, Rows: len(d.Domains), Cols: cents.D}, nil)
	return err
}

// check holds domains made elsewhere to the names of the scores and to the number
// of clusters.
func (d *Domains) check(scores []string, clusters int) error {
	switch {
	case !slices.Equal(d.ScoreNames, scores):
		return fmt.Errorf("score_names are %q, want the labeler's names %q", d.ScoreNames, scores)
	case len(d.Domains) == 0 || len(d.Domains) > mostDomains:
		return fmt.Errorf("%d domains, want 1 to %d", len(d.Domains), mostDomains)
	case len(d.Clusters) != clusters:
		return fmt.Errorf("%d clusters, want %d as in the stage refine", len(d.Clusters), clusters)
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
		case c.Domain < PrunedCluster || c.Domain >= len(d.Domains):
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
func checkCodes(b *stage.Publication) error {
	name := DomainOf.Name(b.Task)
	if err := b.Only([]string{name}, nil); err != nil {
		return err
	}
	rows, err := rowsOf(b, b.Task)
	if err != nil {
		return err
	}
	d, err := DomainsOf(b.Plan)
	if err != nil {
		return err
	}
	codes, err := b.Ints(name, []string{"<i2"}, rows, SemanticCopy, len(d.Domains)-1)
	if err != nil {
		return err
	}
	size, err := bytesOf.Ints(b.Plan, b.Task)
	if err != nil {
		return err
	}
	for row, dom := range codes {
		documentsAs.Add(b.Attempt, dom, 1)
		bytesAs.Add(b.Attempt, dom, int64(size[row]))
	}
	return nil
}
