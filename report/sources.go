package report

import "slices"

// Bounds of the table of sources by domains.
const (
	shownSources = 100
	shownColumns = 60
)

// A sourceRow is a source in the tables of the page.
type sourceRow struct {
	Name            string
	Documents       int64
	Tokens          int64
	Corpus, Dataset float64 // shares of the tokens
	Cells           []sourceCell
}

// A sourceCell is the part of a source's tokens that a domain holds.
type sourceCell struct {
	Share float64
	Shade int    // percent of the source's tokens, for its colour
	Text  string // "" where there is nothing
}

// sourceColumns are the domains of the table, largest first.
func sourceColumns(domains []Domain) []int {
	order := make([]int, len(domains))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return descending(float64(domains[a].Tokens), float64(domains[b].Tokens)) })
	return order[:min(len(order), shownColumns)]
}

// sourceRows are the sources with the most tokens, and how many there are in all.
func sourceRows(sources []Source, columns []int) (rows []sourceRow, all int) {
	var corpus, dataset int64
	for _, s := range sources {
		if len(s.Tokens) == 0 {
			continue
		}
		r := sourceRow{Name: s.Name, Documents: s.Documents}
		for _, n := range s.Tokens {
			r.Tokens += n
		}
		corpus += r.Tokens
		dataset += s.Dataset
		for _, at := range columns {
			r.Cells = append(r.Cells, cellOf(s.Tokens, at, r.Tokens))
		}
		r.Dataset = float64(s.Dataset)
		rows = append(rows, r)
	}
	for i := range rows {
		rows[i].Corpus, rows[i].Dataset = float64(rows[i].Tokens)/float64(corpus), rows[i].Dataset/float64(dataset)
	}
	slices.SortStableFunc(rows, func(a, b sourceRow) int { return descending(float64(a.Tokens), float64(b.Tokens)) })
	return rows[:min(len(rows), shownSources)], len(rows)
}

func cellOf(tokens []int64, domain int, all int64) sourceCell {
	if domain >= len(tokens) || tokens[domain] == 0 {
		return sourceCell{}
	}
	c := sourceCell{Share: float64(tokens[domain]) / float64(all)}
	if !finite(c.Share) {
		return sourceCell{}
	}
	c.Shade, c.Text = int(min(max(100*c.Share, 0), 100)), fixed(100*c.Share, 0)
	if c.Text == "0" {
		c.Text = "·"
	}
	return c
}
