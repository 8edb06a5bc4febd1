package export

import (
	"fmt"
	"strings"
)

// A Handover is the manifest of an export, manifest.json: what is in it, what
// was asked for, and what a trainer makes of it.
type Handover struct {
	Kind     string  `json:"kind"` // "export"
	Version  string  `json:"climb_version"`
	ID       string  `json:"id"` // of what it was made from and how
	Trainer  string  `json:"trainer"`
	Seed     uint64  `json:"seed"`
	From     string  `json:"from"`    // "run" or "weights"
	Mixture  string  `json:"mixture"` // which one, and why
	Unit     Unit    `json:"unit"`    // of the weights
	Counted  string  `json:"counted"` // what Tokens counts: "tokens" of the tokenizer, "bytes" where there is none
	Vocab    int     `json:"vocab,omitempty"`
	EOD      uint32  `json:"eod"` // token that ends a document
	EODText  string  `json:"eod_text,omitempty"`
	Context  int     `json:"context"`         // tokens of a training sequence
	Batch    int64   `json:"batch,omitempty"` // sequences of a step, where there are phases
	Tokens   int64   `json:"tokens"`          // of the training that the epochs are for
	EpochCap float64 `json:"epoch_cap"`       // the most that a domain is repeated
	Level    int     `json:"level"`           // zstd's
	At       string  `json:"at"`              // where the trainer finds the folder

	Domains []HandoverDomain `json:"domains"`
	Phases  []HandoverPhase  `json:"phases,omitempty"` // of a training whose mixture changes; Asked and Weight of a domain are then of all of it
	LeftOut []LeftOut        `json:"left_out"`
	Said    []string         `json:"notes"` // what a person should know
	Parts   []Part           `json:"parts"`
	Files   []ShardEntry     `json:"files"`
	Seal    string           `json:"seal,omitempty"`
}

// Shares are one domain's part of a mixture, in each unit.
type Shares struct {
	Token    float64 `json:"token"`
	Document float64 `json:"document"`
	Byte     float64 `json:"byte"`
}

// A HandoverDomain is a domain of an export.
type HandoverDomain struct {
	Name     string  `json:"name"`
	Folder   string  `json:"folder"`        // its name in paths
	Given    float64 `json:"given"`         // share as it was given
	Rate     float64 `json:"token_rate"`    // tokens a byte of the tokenizer of the export, over those of the tokenizer that Given counts; 1 if they are the same
	Asked    Shares  `json:"asked"`         // what Given comes to: in Tokens, and by what its documents hold
	Weight   float64 `json:"weight"`        // what the trainer is given, in Unit; they sum to 1
	Achieved Shares  `json:"achieved"`      // what comes of the weights and the files
	Epochs   float64 `json:"epochs"`        // of its training documents, in Tokens of training
	Train    Supply  `json:"train"`         // in the files; of a mixed stream, once each
	Written  Supply  `json:"written"`       // in the files, copies included
	Held     Supply  `json:"held"`          // validation and test
	Sources  int     `json:"-"`             // input files
	Empty    bool    `json:"empty_holdout"` // has too few documents to hold some out
}

// LeftOut is a domain that the trainer would not survive, or could not read.
type LeftOut struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // as it was given
	Why   string  `json:"why"`
}

// Part completes a part with what is the same for all.
func (h *Handover) Part(i int) Part {
	p := h.Parts[i]
	p.Vocab, p.EOD, p.Context, p.Level = h.Vocab, h.EOD, h.Context, h.Level
	p.Tokenizer = h.path("tokenizer")
	return p
}

// Has tells whether the split of a domain has documents.
func (h *Handover) Has(domain int, split string) bool {
	for _, p := range h.Parts {
		if p.Domain == domain && p.Split == split {
			return p.Documents > 0
		}
	}
	return false
}

// of are the parts of a split that have documents, in the order of the domains.
func (h *Handover) of(split string) []Part {
	var out []Part
	for i := range h.Parts {
		if h.Parts[i].Split == split && h.Parts[i].Documents > 0 {
			out = append(out, h.Part(i))
		}
	}
	return out
}

// path is where the trainer finds a file of the export.
func (h *Handover) path(elem ...string) string {
	name := strings.Join(elem, "/")
	if h.At == "" || h.At == "." {
		return name
	}
	return strings.TrimSuffix(h.At, "/") + "/" + name
}

// Convert turns shares of tokens into shares of each unit, by what the
// documents of each domain hold: a document's share is w / mean tokens a
// document, and a byte's w / mean tokens a byte, normalized.
func Convert(w []float64, supply []Supply) []Shares {
	out := make([]Shares, len(w))
	var tokens, documents, size float64
	for d, share := range w {
		if s := supply[d]; share > 0 && s.Tokens > 0 {
			out[d] = Shares{share, share * float64(s.Documents) / float64(s.Tokens), share * float64(s.Bytes) / float64(s.Tokens)}
		}
		tokens, documents, size = tokens+out[d].Token, documents+out[d].Document, size+out[d].Byte
	}
	for d := range out {
		out[d] = Shares{over(out[d].Token, tokens), over(out[d].Document, documents), over(out[d].Byte, size)}
	}
	return out
}

// Back is the share of tokens that documents drawn with the probabilities p
// come to: p x mean tokens a document, normalized.
func Back(p []float64, supply []Supply) []float64 {
	out, sum := make([]float64, len(p)), 0.0
	for d, share := range p {
		if s := supply[d]; s.Documents > 0 {
			out[d] = share * float64(s.Tokens) / float64(s.Documents)
		}
		sum += out[d]
	}
	for d := range out {
		out[d] = over(out[d], sum)
	}
	return out
}

// Counted are the shares of what there is.
func Counted(supply []Supply) []Shares {
	var all Supply
	for _, s := range supply {
		all.Add(s)
	}
	out := make([]Shares, len(supply))
	for d, s := range supply {
		out[d] = Shares{over(float64(s.Tokens), float64(all.Tokens)), over(float64(s.Documents), float64(all.Documents)), over(float64(s.Bytes), float64(all.Bytes))}
	}
	return out
}

func over(x, all float64) float64 {
	if all == 0 {
		return 0
	}
	return x / all
}

// Achieve says what a trainer makes of the weights and of what is in the
// files, by domain: written holds what is there once for each time it is read.
func Achieve(unit Unit, weights []float64, written []Supply) []Shares {
	switch unit {
	case InData:
		return Counted(written)
	case InDocuments:
		weights = Back(weights, written)
	}
	return Convert(weights, written)
}

// weight writes a weight so that it is read back to within 1e-9 of itself.
func weight(w float64) string { return fmt.Sprintf("%.9g", w) }

// Folders names the domains in paths: letters, digits, dot, dash and underscore
// stay, all else becomes a dash, and what would be the same gets a number.
func Folders(names []string) []string {
	out, seen := make([]string, len(names)), map[string]bool{}
	for i, name := range names {
		s := strings.Trim(strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.':
				return r
			}
			return '-'
		}, name), "-.")
		if s = s[:min(len(s), 100)]; s == "" {
			s = "domain"
		}
		base := s
		for n := 2; seen[strings.ToLower(s)]; n++ { // file systems that fold case
			s = fmt.Sprintf("%s-%d", base, n)
		}
		seen[strings.ToLower(s)] = true
		out[i] = s
	}
	return out
}
