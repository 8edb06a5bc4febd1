package corpus

import "github.com/climb-go/climb/option"

// Methods lists what counts as a duplicate, Options.Dedup.
var Methods = []option.Row{
	{Name: "none", Summary: "every document stays"},
	{Name: "id", Summary: "documents with the same id and text"},
	{Name: "text", Summary: "documents with the same text under any id"},
	{Name: "words", Summary: "documents with the same words: case, punctuation, accents and white space do not count"},
	{Name: "fuzzy", Summary: "near-duplicates: MinHash signatures of runs of words, matched in buckets, joined by union-find; the best of a group stays",
		Paper: "Broder 1997; parameters of FineWeb, Penedo et al. 2024, arXiv 2406.17557", Options: MinHash{}},
}
