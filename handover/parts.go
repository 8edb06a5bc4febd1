package handover

import (
	"fmt"

	"github.com/climb-go/climb/export"
)

// parts lists what is written: of a mixed stream its shards, else each split of
// each domain.
func (s *settler) parts() error {
	h := &s.out.Handover
	folders := export.Folders(s.names)
	for d, name := range s.names {
		h.Domains = append(h.Domains, export.HandoverDomain{Name: name, Folder: folders[d], Rate: s.rate[d], Train: s.train[d]})
	}
	s.out.At = map[string][]int{}
	before := 0
	for _, split := range s.needs.Splits {
		if s.needs.Mixed {
			shards := 1
			if split == export.Train {
				shards = s.out.Draw.Shards
			}
			for n := range shards {
				s.out.At[split] = append(s.out.At[split], len(h.Parts))
				h.Parts = append(h.Parts, export.Part{Split: split, Domain: -1, Shard: n, Shards: shards, Before: before})
			}
			before += shards
			continue
		}
		for d := range s.names {
			s.out.At[split] = append(s.out.At[split], len(h.Parts))
			h.Parts = append(h.Parts, export.Part{Split: split, Domain: d, Folder: folders[d]})
		}
	}
	return nil
}

// part is where a document goes, -1: nowhere. Of a mixed split it depends on the
// place in the order.
func (s *settled) part(split string, domain int, order uint64) int {
	list := s.At[split]
	if len(list) == 0 {
		return -1
	}
	if !s.Mixed {
		return list[domain]
	}
	return list[int(float64(order>>11)/(1<<53)*float64(len(list)))]
}

// places calls use for each copy of a document that is written.
func (s *settled) places(shard, row, domain int, use func(part int, order uint64)) {
	if s.Draw.Domain[domain].Asked <= 0 {
		return
	}
	split, times := s.split(domain, place(&s.Draw, shard, row)), 1
	if split == export.Train {
		key := s.Draw.Key(shard, row)
		times = s.Draw.Times(domain, key) + s.Adjust[key]
	}
	for copy := range times {
		order := s.Draw.Order(shard, row, copy)
		if p := s.part(split, domain, order); p >= 0 {
			use(p, order)
		}
	}
}

// tally counts what each part will hold, cuts it into units, and works out the
// weights.
func (s *settler) tally() error {
	h := &s.out.Handover
	written, held, once := make([]export.Supply, len(s.names)), make([]export.Supply, len(s.names)), make([]export.Supply, len(s.names))
	err := s.each(func(shard, row, domain int, one export.Supply) {
		taken := 0
		s.out.places(shard, row, domain, func(part int, _ uint64) {
			h.Parts[part].Add(one)
			if h.Parts[part].Split != export.Train {
				held[domain].Add(one)
				return
			}
			written[domain].Add(one)
			if taken++; taken == 1 {
				once[domain].Add(one)
			}
		})
	})
	if err != nil {
		return err
	}
	for i := range h.Parts {
		p := &h.Parts[i]
		p.Units = 1
		if p.Domain >= 0 {
			p.Units = int(max(1, (s.payload(p.Supply)+s.o.ShardBytes-1)/s.o.ShardBytes))
		}
		s.out.First = append(s.out.First, s.out.Units)
		s.out.Units += p.Units
	}
	return s.describe(written, held, once)
}

// describe fills in the domains.
func (s *settler) describe(written, held, once []export.Supply) error {
	h := &s.out.Handover
	h.Tokens = s.tokens
	asked := export.Convert(s.share, s.train)
	weights := append([]float64(nil), s.share...)
	if s.needs.Unit == export.InDocuments {
		for d, shares := range export.Convert(s.share, once) {
			weights[d] = shares.Document
		}
	}
	achieved := export.Achieve(s.needs.Unit, weights, written)
	given := s.o.Shares
	if given == nil {
		given = s.givenShares()
	}
	var kept []export.HandoverDomain
	index := make([]int, len(s.names))
	for d := range h.Domains {
		one := &h.Domains[d]
		one.Given, one.Asked, one.Achieved, one.Weight = given[d], asked[d], achieved[d], weights[d]
		one.Train, one.Written, one.Held = once[d], written[d], held[d]
		if s.needs.Mixed {
			one.Train = s.train[d]
		}
		if one.Train.Tokens > 0 {
			one.Epochs = s.share[d] * float64(s.tokens) / float64(one.Train.Tokens)
		}
		if index[d] = -1; s.share[d] > 0 {
			index[d] = len(kept)
			kept = append(kept, *one)
		}
	}
	for _, one := range kept {
		if one.Written.Documents == 0 {
			s.say("Domain %q has none of its documents in the stream: its share of %.4g %% is less than one of them.", one.Name, 100*one.Asked.Token)
		}
	}
	if s.o.Budget > 0 && !s.needs.Mixed {
		s.say("A try-out: the files hold at most %d tokens, each domain by its share, without repetition.", s.o.Budget)
	}
	h.Domains, s.out.Index = kept, index
	if err := s.cut(index); err != nil {
		return err
	}
	return s.keepParts(index)
}

// givenShares are the shares before they were re-weighed.
func (s *settler) givenShares() []float64 {
	out, sum := make([]float64, len(s.share)), 0.0
	for d := range out {
		out[d] = s.share[d] / s.rate[d]
		sum += out[d]
	}
	for d := range out {
		out[d] /= max(sum, 1e-300)
	}
	return out
}

// keepParts drops the parts of domains that are left out or have no documents
// there, and numbers the domains anew.
func (s *settler) keepParts(index []int) error {
	h := &s.out.Handover
	var parts []export.Part
	var first []int
	moved := make([]int, len(h.Parts))
	for i, p := range h.Parts {
		if p.Domain >= 0 {
			if p.Domain = index[p.Domain]; p.Domain < 0 || p.Documents == 0 {
				moved[i] = -1
				continue
			}
		} else if p.Documents == 0 && p.Split != export.Train {
			s.say("No documents are held out: the file of the split %s is empty.", p.Split)
		}
		moved[i] = len(parts)
		parts, first = append(parts, p), append(first, s.out.First[i])
	}
	for _, list := range s.out.At {
		for i := range list {
			list[i] = moved[list[i]]
		}
	}
	if len(parts) == 0 {
		return fmt.Errorf("nothing is left to write")
	}
	h.Parts, s.out.First = parts, first
	return nil
}
