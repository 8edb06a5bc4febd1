package export

import (
	"fmt"
	"io"
	"math"
	"text/template"

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
	Format    string        `json:"format"` // "jsonl.zst", "parquet"
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

var card = template.Must(template.New("card").Funcs(template.FuncMap{
	"percent": func(x float64) float64 { return 100 * x },
	"text":    escape.Markdown,
}).Parse(`---
configs:
- config_name: default
  data_files:
  - split: train
    path: shard-*.{{.Format}}
---
# Mixed pre-training dataset

{{.Documents}} documents, {{.Tokens}} tokens of the proxies' tokenizer, in {{len .Shards}} shards; made by climb {{.Version}} with the strategy "{{text .Strategy}}", seed {{.Seed}}.

The confirmation: {{text .Verdict}}. Written is {{text .Words}}.

{{if eq .Format "parquet"}}Each row has the columns ` + "`id`, `text`, `source`, `fields` with any other fields as a JSON object, and `climb`" + `{{else}}Each line is a JSON object: ` + "`id`, `text`, `source` and any other fields as they came, and `climb`" + `{{end}}` + " with the `cluster` and `domain` that the document was put in and `copy`, which counts a repeated document from 0" + `.

| domain | asked % | achieved % | tokens | supply | epochs |
|---|---:|---:|---:|---:|---:|
{{- range .Domains}}
| {{text .Name}} | {{printf "%.2f" (percent .Asked)}} | {{printf "%.2f" (percent .Share)}} | {{.Tokens}} | {{.Supply}} | {{printf "%.2f" .Epochs}} |
{{- end}}

Shares are of tokens. The files and their SHA-256 are listed in manifest.json.
The texts keep the licences of the corpus that they come from.
`))

// WriteCard writes the dataset card, Markdown with the header that Hugging
// Face datasets reads.
func (m *Manifest) WriteCard(w io.Writer) error { return card.Execute(w, m) }
