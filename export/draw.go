// Package export turns a mixture into a dataset: which documents are taken
// and how often (Draw), in which order (Piece), and what is said about it
// (Manifest and dataset card).
package export

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/climb-go/climb/mix"
)

// Options describe the mixed dataset.
type Options struct {
	Mixture    string       `json:"mixture" default:"proven" choices:"proven,best,natural" doc:"mixture of the dataset. proven: the confirmed mixture if it is significantly better than the natural one, else the natural one; best: the one with the best mean, significant or not; natural: the corpus as it is"`
	Tokens     int64        `json:"tokens" min:"0" doc:"token budget of the dataset, in tokens of the proxies' tokenizer; it bounds the search; 0 = one epoch of the natural mixture, or as many tokens of another mixture as the epoch cap allows"`
	Epochs     float64      `json:"epochs" default:"4" min:"0.01" doc:"epoch cap: how many times a document may appear"`
	ShardBytes int64        `json:"shard_bytes" default:"67108864" min:"1024" doc:"bytes of text in one output shard, before compression"`
	Format     FormatChoice `json:"format" doc:"format of the shards"`
	Level      int          `json:"level" default:"3" min:"1" max:"22" doc:"zstd compression level"`
	URL        string       `json:"url,omitempty" doc:"s3://, gs:// or azblob:// URL that the shards are written to as well, and at the end the card and manifest.json"`
}

// A Choice is the mixture of a dataset and why it was taken.
type Choice struct {
	Name   string `json:"name"`   // of a row of the confirmation
	Reason string `json:"reason"` // in words
}

// A Draw says, for every domain, how often each of its documents is taken:
// Copies times, and once more if its key is below Below.
type Draw struct {
	Seed   uint64       `json:"seed"`
	Choice Choice       `json:"choice"`
	Domain []DomainDraw `json:"domain"`
	Tokens int64        `json:"tokens"` // in all
	Shards int          `json:"shards"` // output shards
}

// DomainDraw is one domain's part of a Draw.
type DomainDraw struct {
	Asked  float64 `json:"asked"`  // share of tokens
	Share  float64 `json:"share"`  // achieved share of tokens
	Tokens int64   `json:"tokens"` // achieved
	Supply int64   `json:"supply"` // tokens before repetition
	Copies int     `json:"copies"`
	Below  uint64  `json:"below"`
	Epochs float64 `json:"epochs"` // Tokens / Supply
}

// Size returns the tokens of the dataset: want, or for 0 the most that the
// supply allows at w when no document appears more than epochs times.
func Size(w mix.Mixture, supply []int64, want int64, epochs float64) (int64, error) {
	most, tight := math.Inf(1), -1
	for d, share := range w {
		if share <= 0 {
			continue
		}
		if n := epochs * float64(supply[d]) / share; n < most {
			most, tight = n, d
		}
	}
	switch {
	case tight < 0 || most < 1:
		return 0, errors.New("draw the dataset: the mixture asks for domains that hold no tokens")
	case want == 0:
		return int64(most), nil
	case float64(want) > most*(1+1e-9)+1:
		return 0, fmt.Errorf("draw the dataset: %d tokens would repeat domain %d more than %g times; ask for at most %d tokens, or raise dataset.epochs",
			want, tight, epochs, int64(most))
	}
	return want, nil
}

// The first pass over the keys has a resolution of 2^16 bins a domain, fewer
// where there are so many domains that these would take more than 32 MB. It does
// not change the result.
const (
	mostBins  = 16 // log2, of a domain
	leastBins = 6
	allBins   = 22
)

// A Drawer finds the Draw of a mixture in two streaming passes over the
// documents, in memory that depends on the number of domains: a histogram of
// tokens over keys, then the documents of the one bin where the wanted number
// is crossed. The result is exact to half a document for each domain.
type Drawer struct {
	draw   Draw
	want   []float64 // tokens beyond the full copies
	log    int       // of the bins of a domain
	hist   [][]int64 // domain x bins
	bin    []int     // where want is crossed
	before []int64   // tokens in the bins before
	edge   [][]edge
}

type edge struct {
	key    uint64
	tokens int64
}

// NewDrawer starts a draw of the given number of tokens.
func NewDrawer(w mix.Mixture, supply []int64, tokens int64, seed uint64) *Drawer {
	n := len(w)
	d := &Drawer{log: min(mostBins, max(leastBins, allBins-bits.Len(uint(n)))), draw: Draw{Seed: seed, Domain: make([]DomainDraw, n)}, want: make([]float64, n), hist: make([][]int64, n),
		bin: make([]int, n), before: make([]int64, n), edge: make([][]edge, n)}
	for i, share := range w {
		asked := share * float64(tokens)
		dd := DomainDraw{Asked: share, Supply: supply[i]}
		if supply[i] > 0 {
			dd.Copies = int(asked / float64(supply[i]))
			d.want[i] = asked - float64(dd.Copies)*float64(supply[i])
		}
		d.draw.Domain[i] = dd
		d.hist[i] = make([]int64, 1<<d.log)
	}
	return d
}

// Count is the first pass: every document of every domain, in any order.
func (d *Drawer) Count(domain int, key uint64, tokens int64) {
	d.hist[domain][key>>(64-d.log)] += tokens
}

// Counted ends the first pass.
func (d *Drawer) Counted() {
	for i, h := range d.hist {
		d.bin[i] = 1 << d.log
		var sum int64
		for b, t := range h {
			if float64(sum+t) > d.want[i] {
				d.bin[i], d.before[i] = b, sum
				break
			}
			sum += t
		}
	}
}

// Edge is the second pass: every document again.
func (d *Drawer) Edge(domain int, key uint64, tokens int64) {
	if int(key>>(64-d.log)) == d.bin[domain] {
		d.edge[domain] = append(d.edge[domain], edge{key, tokens})
	}
}

// Finish ends the second pass. The text bytes of a token, by domain, size the
// output shards.
func (d *Drawer) Finish(bytesPerToken []float64, shardBytes int64) Draw {
	var size float64
	for i := range d.draw.Domain {
		dd := &d.draw.Domain[i]
		var extra int64
		dd.Below, extra = d.cut(i)
		dd.Tokens = int64(dd.Copies)*dd.Supply + extra
		d.draw.Tokens += dd.Tokens
		size += float64(dd.Tokens) * bytesPerToken[i]
	}
	for i := range d.draw.Domain {
		dd := &d.draw.Domain[i]
		dd.Share = float64(dd.Tokens) / float64(max(1, d.draw.Tokens))
		dd.Epochs = float64(dd.Tokens) / float64(max(1, dd.Supply))
	}
	d.draw.Shards = max(1, int(math.Ceil(size/float64(shardBytes))))
	return d.draw
}

// cut returns the key below which documents are taken once more, and their
// tokens. Documents with equal keys are taken together.
func (d *Drawer) cut(i int) (below uint64, extra int64) {
	if d.want[i] < 0.5 || d.draw.Domain[i].Supply == 0 {
		return 0, 0
	}
	if d.bin[i] == 1<<d.log {
		return math.MaxUint64, d.draw.Domain[i].Supply
	}
	e := d.edge[i]
	slices.SortFunc(e, func(a, b edge) int {
		if a.key != b.key {
			if a.key < b.key {
				return -1
			}
			return 1
		}
		return int(a.tokens - b.tokens)
	})
	sum := d.before[i]
	for j := 0; j < len(e); {
		k, t := j, int64(0)
		for ; k < len(e) && e[k].key == e[j].key; k++ {
			t += e[k].tokens
		}
		// Stop at the nearer side of the wanted number.
		if want := d.want[i]; float64(sum+t)-want > want-float64(sum) {
			return e[j].key, sum
		}
		sum, j = sum+t, k
	}
	if d.bin[i] == 1<<d.log-1 {
		return math.MaxUint64, sum
	}
	return uint64(d.bin[i]+1) << (64 - d.log), sum
}

// Times returns how often the document is taken.
func (d *Draw) Times(domain int, key uint64) int {
	if domain < 0 {
		return 0
	}
	dd := d.Domain[domain]
	if key < dd.Below {
		return dd.Copies + 1
	}
	return dd.Copies
}

// Key is the document's place in the order of its domain.
func (d *Draw) Key(shard, row int) uint64 { return hash(d.Seed, uint64(shard), uint64(row), 0) }

// Order is the place of one copy of a document in the shuffled dataset.
func (d *Draw) Order(shard, row, copy int) uint64 {
	return hash(d.Seed, uint64(shard), uint64(row), uint64(copy)+1)
}

// Shard is the output shard of a place in the order.
func (d *Draw) Shard(order uint64) int {
	return int(float64(order>>11) / (1 << 53) * float64(d.Shards))
}

// hash mixes its arguments with the finalizer of SplitMix64 (Steele, Lea and
// Flood 2014). The result is below the largest uint64.
func hash(words ...uint64) uint64 {
	var h uint64
	for _, w := range words {
		h = (h ^ w) + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return min(h, math.MaxUint64-1)
}
