package main

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/label"
)

// A kind is a set of documents that floors are judged by.
type kind struct {
	name string
	role role
	docs [2][]scored // by half
}

type role int

const (
	good role = iota
	foreign
	junk
	sealed
)

// A scored document has the evidence of each column but the last, and that one.
type scored struct {
	bytes    int
	evidence []float64
	quality  float32
}

const (
	kindDocs    = 2000 // of a kind, at most
	damagedDocs = 1600 // sound documents that each damage is done to
	damagedLen  = 400  // words of them
)

// proseSources are what damages are done to.
var proseSources = []string{"fiction", "medical_qa", "movie_reviews", "news_bbc", "speeches", "tech_docs_peps", "web_articles", "wikipedia"}

// sampled is a document with the hash that it was drawn by.
type sampled struct {
	id, text string
	hash     uint64
}

// sources draws documents of every source by a hash.
func sources(ctx context.Context, inputs []string) (map[string][]sampled, error) {
	all := map[string][]sampled{}
	for d, err := range documents(ctx, inputs) {
		if err != nil {
			return nil, err
		}
		source, _, _ := strings.Cut(d.ID, "/")
		if all[source] = append(all[source], sampled{d.ID, d.Text, corpus.Hash(d.ID, 5)}); len(all[source]) >= 2*kindDocs {
			all[source] = smallest(all[source])
		}
	}
	for source, docs := range all {
		all[source] = smallest(docs)
	}
	return all, nil
}

func smallest(docs []sampled) []sampled {
	slices.SortFunc(docs, func(a, b sampled) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.id, b.id)) })
	return docs[:min(len(docs), kindDocs)]
}

// kinds scores documents of every kind, in the order of role and name.
func kinds(ctx context.Context, inputs []string, languages string, withSealed bool) ([]*kind, error) {
	all, err := sources(ctx, inputs)
	if err != nil {
		return nil, err
	}
	s := scorer{ctx: ctx, byName: map[string]*kind{}}
	for source, docs := range all {
		r := good
		if lowQuality(source) {
			r = junk
		}
		for _, d := range docs {
			s.add(source, r, d.id, d.text)
		}
	}
	s.damage(all, damages, junk)
	if withSealed {
		s.damage(all, sealedDamages, sealed)
	}
	texts, err := foreignTexts(languages)
	if err != nil {
		return nil, err
	}
	for _, d := range texts {
		if d.kind == "technical" {
			s.add("technical "+d.language, foreign, d.id, d.text)
		} else {
			s.add("declaration "+d.language, foreign, d.id, d.text)
		}
	}
	return s.kinds, s.err
}

// scorer scores documents.
type scorer struct {
	ctx    context.Context
	byName map[string]*kind
	kinds  []*kind
	err    error
}

func (s *scorer) add(name string, r role, id, text string) {
	k := s.byName[name]
	if k == nil {
		k = &kind{name: name, role: r}
		at, _ := slices.BinarySearchFunc(s.kinds, k, func(a, b *kind) int { return cmp.Or(cmp.Compare(a.role, b.role), cmp.Compare(a.name, b.name)) })
		s.byName[name], s.kinds = k, slices.Insert(s.kinds, at, k)
	}
	rules := label.Rules{}
	columns := make([]float32, len(rules.Names()))
	if err := rules.Label(s.ctx, columns, []string{text}); err != nil && s.err == nil {
		s.err = err
	}
	last := len(columns) - 1
	d := scored{len(text), make([]float64, last), columns[last]}
	for i, x := range columns[:last] {
		d.evidence[i] = max(0, -math.Log(max(float64(x), 1e-4)))
	}
	k.docs[half(id)] = append(k.docs[half(id)], d)
}

// damage does every damage to the same documents.
func (s *scorer) damage(all map[string][]sampled, list []damage, r role) {
	for _, source := range proseSources {
		for i, d := range all[source] {
			if i == damagedDocs/len(proseSources) {
				break
			}
			words := strings.Fields(d.text)
			if words = words[:min(len(words), damagedLen)]; len(words) < 60 {
				continue
			}
			for k, dam := range list {
				s.add(dam.name, r, d.id, dam.make(rand.New(rand.NewPCG(d.hash, uint64(k))), words))
			}
		}
	}
}
