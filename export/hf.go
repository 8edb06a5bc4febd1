package export

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"github.com/climb-go/climb/escape"
	"github.com/climb-go/climb/wire"
)

// HF writes data/DOMAIN/train-NNNNN-of-NNNNN.parquet, a configuration of Hugging
// Face datasets for each domain, and the probabilities of interleave_datasets.
// These are of documents: p ~ w / mean tokens a document.
type HF struct{}

// Needs implements Trainer.
func (*HF) Needs() Needs {
	return Needs{Unit: InDocuments, Reader: Random, Splits: []string{Train, Valid, Test}, Spaces: true, URLs: true}
}

var hfSplit = map[string]string{Train: "train", Valid: "validation", Test: "test"}

func (*HF) name(p Part, unit int) string {
	return fmt.Sprintf("data/%s/%s-%05d-of-%05d.parquet", p.Folder, hfSplit[p.Split], unit, max(1, p.Units))
}

type hfRow struct {
	ID   string `parquet:"id"`
	Text string `parquet:"text"`
}

// Write implements Trainer.
func (f *HF) Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error {
	return writeUnits(p, docs, func(unit int) (unitFile, error) {
		w, err := dst.Create(f.name(p, unit))
		if err != nil {
			return nil, err
		}
		return hfFile{newTextParquet[hfRow](w, p.Level)}, nil
	})
}

type hfFile struct{ out *parquet.GenericWriter[hfRow] }

func (f hfFile) add(d Doc) error {
	_, err := f.out.Write([]hfRow{{d.ID, d.Text}})
	return err
}

func (f hfFile) end() error { return f.out.Close() }

// Read implements Trainer.
func (f *HF) Read(dir string, p Part, use func(Doc) error) error {
	for unit := range max(1, p.Units) {
		path := filepath.Join(dir, filepath.FromSlash(f.name(p, unit)))
		if err := eachRow(path, func(r hfRow) error { return use(Doc{ID: r.ID, Text: r.Text}) }); err != nil {
			return err
		}
	}
	return nil
}

// eachRow reads the rows of a Parquet file in batches.
func eachRow[T any](path string, use func(T) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	defer func() {
		if v := recover(); v != nil { // parquet-go panics on some damaged files
			err = fmt.Errorf("read %s: damaged Parquet: %v", path, v)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := wire.ParquetFooter(f, info.Size()); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	in := parquet.NewGenericReader[T](file)
	defer in.Close()
	for left := in.NumRows(); left > 0; {
		rows := make([]T, 64)
		n, err := in.Read(rows)
		for _, r := range rows[:n] {
			if err := use(r); err != nil {
				return err
			}
		}
		if left -= int64(n); n == 0 {
			return fmt.Errorf("read %s: %d rows are missing: %w", path, left, err)
		}
	}
	return nil
}

// Notes implements Trainer.
func (f *HF) Notes(h *Handover) []Note {
	var card, names, probabilities strings.Builder
	card.WriteString("---\nconfigs:\n")
	for i, d := range h.Domains {
		fmt.Fprintf(&card, "- config_name: %s\n  data_files:\n", quote(d.Folder))
		for _, split := range []string{Train, Valid, Test} {
			if h.Has(i, split) {
				fmt.Fprintf(&card, "  - split: %s\n    path: %s\n", hfSplit[split], quote("data/"+d.Folder+"/"+hfSplit[split]+"-*.parquet"))
			}
		}
		fmt.Fprintf(&names, "    %s,\n", quote(d.Folder))
		fmt.Fprintf(&probabilities, "    %s,\n", weight(d.Weight))
	}
	card.WriteString("---\n" + about(h, "Hugging Face datasets"))
	card.WriteString("A configuration a domain. `interleave.py` mixes them: probabilities are of documents, converted from shares of tokens (p ~ share / mean tokens a document).\n\n    python -c 'import interleave; print(next(iter(interleave.mixture)))'\n\n| domain | share of tokens % | probability of a document % | documents | epochs |\n|---|---:|---:|---:|---:|\n")
	for _, d := range h.Domains {
		fmt.Fprintf(&card, "| %s | %.3f | %.3f | %d | %.2f |\n", escape.Markdown(d.Name), 100*d.Asked.Token, 100*d.Weight, d.Train.Documents, d.Epochs)
	}
	card.WriteString("\nThe texts keep the licences of the corpus that they come from.\n\n" + told(h))
	code := fmt.Sprintf(`# Mixes the domains; probabilities are of documents.
from datasets import interleave_datasets, load_dataset

PATH = %s
DOMAINS = [
%s]
PROBABILITIES = [
%s]
total = sum(PROBABILITIES)  # NumPy wants them to sum to 1 to the last place

mixture = interleave_datasets(
    [load_dataset(PATH, name, split="train").shuffle(seed=%d) for name in DOMAINS],
    probabilities=[p / total for p in PROBABILITIES],
    seed=%d,
    stopping_strategy="all_exhausted",  # a domain that ends begins again; stop after the tokens of your training
)
`, quote(strings.TrimSuffix(h.path(""), "/")), names.String(), probabilities.String(), h.Seed, h.Seed)
	return []Note{{"README.md", card.String()}, {"interleave.py", code}}
}
