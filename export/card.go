package export

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"github.com/climb-go/climb/escape"
)

// A Manifest describes a dataset, manifest.json.
type Manifest struct {
	Kind      string        `json:"kind"` // "dataset"; "" if an earlier version wrote it
	Version   string        `json:"climb_version"`
	Seed      uint64        `json:"seed"`
	Strategy  string        `json:"strategy"`
	Verdict   string        `json:"verdict"`
	Choice    Choice        `json:"choice"`
	Format    string        `json:"format"` // name of one of Formats
	Documents int64         `json:"documents"`
	Tokens    int64         `json:"tokens"`
	Domains   []DomainEntry `json:"domains"`
	Shards    []ShardEntry  `json:"shards"`
	Card      *ShardEntry   `json:"card"` // README.md, without documents
}

// DomainEntry is a domain's part of the dataset.
type DomainEntry struct {
	Name string `json:"name"`
	DomainDraw
}

// ShardEntry is a file of the dataset.
type ShardEntry struct {
	Name      string `json:"name"`
	Documents int64  `json:"documents,omitempty"`
	Bytes     int64  `json:"bytes"`
	SHA256    string `json:"sha256"`
}

// Words say which mixture the dataset has, how often it repeats the text, and why.
func (m *Manifest) Words() string {
	var supply int64
	least, most := math.Inf(1), 0.0
	for _, d := range m.Domains {
		supply += d.Supply
		if d.Tokens > 0 {
			least, most = min(least, d.Epochs), max(most, d.Epochs)
		}
	}
	all := float64(m.Tokens) / float64(max(1, supply))
	text := fmt.Sprintf("the %s mixture at %.2f epochs", m.Choice.Name, all)
	if math.Abs(all-1) < 0.005 {
		text = fmt.Sprintf("the %s mixture at one epoch", m.Choice.Name)
	}
	if most-least > 0.01 {
		text += fmt.Sprintf(", %.2f to %.2f of each domain that has a share", least, most)
	}
	return text + ": " + m.Choice.Reason
}

// WriteCard writes the dataset card, Markdown with the header that Hugging
// Face datasets reads.
func (m *Manifest) WriteCard(w io.Writer) error {
	format, err := Formats.New(m.Format)
	if err != nil {
		return fmt.Errorf("format of the dataset: %w", err)
	}
	about := format.About()
	b := bufio.NewWriter(w) // keeps the first error
	fmt.Fprintf(b, `---
configs:
- config_name: default
  data_files:
  - split: train
    path: %s
---
# Mixed pre-training dataset

%d documents, %d tokens of the proxies' tokenizer, in %d shards; made by climb %s with the strategy "%s", seed %d.

The confirmation: %s. Written is %s.

%s with the `+"`cluster` and `domain` that the document was put in and `copy`"+`, which counts a repeated document from 0.

| domain | asked %% | achieved %% | tokens | supply | epochs |
|---|---:|---:|---:|---:|---:|
`, about.Files, m.Documents, m.Tokens, len(m.Shards), m.Version,
		escape.Markdown(m.Strategy), m.Seed, escape.Markdown(m.Verdict), escape.Markdown(m.Words()), about.Rows)
	for _, d := range m.Domains {
		fmt.Fprintf(b, "| %s | %.2f | %.2f | %d | %d | %.2f |\n", escape.Markdown(d.Name), 100*d.Asked, 100*d.Share, d.Tokens, d.Supply, d.Epochs)
	}
	b.WriteString(`
Shares are of tokens. The files and their SHA-256 are listed in manifest.json.
The texts keep the licences of the corpus that they come from.
`)
	return b.Flush()
}
