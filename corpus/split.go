package corpus

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/climb-go/climb/blob"
	"github.com/climb-go/climb/option"
)

const (
	fewShards = 64      // a small corpus is cut in about this many,
	leastPack = 1 << 20 // but not in shards of fewer bytes
	mostFiles = 1 << 14 // in one pack
	mostTasks = 1 << 22
)

// Split finds the input files and cuts them into shards of at most
// o.ShardBytes, fewer in a small corpus so that there is work for many cores.
// Plain JSONL is cut at any byte, zstd between frames, in a bucket if the file has
// a seek table; gzip files, and zstd files of one frame, stay whole. Smaller files are packed together. Shards
// and files are in the order of the paths, files of attributes behind them. ctx ends the search, which is long in
// a large bucket.
func Split(ctx context.Context, o Options) ([]Shard, []FileInfo, error) {
	option.Fill(&o)
	l, err := List(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	shards, err := l.Shards(ctx, o)
	return shards, slices.Concat(l.Files, l.Attributes), err
}

// Shards cuts the files of the listing; see Split.
func (l *Listing) Shards(ctx context.Context, o Options) ([]Shard, error) {
	option.Fill(&o)
	return cut(ctx, l.Files, o.ShardBytes)
}

func cut(ctx context.Context, files []FileInfo, most int64) ([]Shard, error) {
	total := int64(0)
	for _, f := range files {
		total += f.Bytes
	}
	most = min(most, max(leastPack, total/fewShards))
	if total/most > mostTasks {
		return nil, fmt.Errorf("corpus.shard_bytes %d cuts %d bytes into more than %d shards: raise it", most, total, mostTasks)
	}
	var shards []Shard
	var pack []FileInfo
	packed := int64(0)
	flush := func() {
		if len(pack) > 0 {
			shards = append(shards, packShard(pack, packed))
		}
		pack, packed = nil, 0
	}
	for _, f := range files {
		if len(pack) > 0 && (packed+f.Bytes > most || len(pack) == mostFiles || !pack[0].readLike(f)) {
			flush()
		}
		if f.Bytes <= most || whole(f) {
			pack = append(pack, f)
			packed += f.Bytes
			continue
		}
		ranges, err := cutFile(ctx, f, most)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		shards = append(shards, ranges...)
	}
	flush()
	return shards, nil
}

func packShard(files []FileInfo, bytes int64) Shard {
	f := files[0]
	s := Shard{Path: f.Path, Format: f.Format, Compression: f.Compression, TextField: f.TextField, Source: f.Source, End: -1, Bytes: bytes}
	for _, f := range files {
		s.Attributes = append(s.Attributes, f.Attributes...)
		if len(files) > 1 {
			s.Compression, s.Files = "", append(s.Files, f.Path)
		}
	}
	return s
}

// whole says whether a file is read by one task whatever its size. Attributes
// are read in step with their documents.
func whole(f FileInfo) bool {
	return len(f.Attributes) > 0 || f.Compression == "gzip" || slices.Contains([]string{formatText, formatHTML, formatCSV, formatTar, formatWARC}, f.Format)
}

// cutFile cuts one large file.
func cutFile(ctx context.Context, f FileInfo, most int64) ([]Shard, error) {
	cuts, err := findCuts(ctx, f, most)
	if err != nil {
		return nil, err
	}
	var shards []Shard
	start := int64(0)
	for _, end := range append(cuts, f.Bytes) {
		shards = append(shards, Shard{Path: f.Path, Format: f.Format, Compression: f.Compression, TextField: f.TextField, Source: f.Source, Start: start, End: end, Bytes: end - start})
		start = end
	}
	if f.Compression == "zstd" {
		shards[len(shards)-1].End = -1
	}
	return shards, nil
}

// findCuts is where the second and later shards of a file start.
func findCuts(ctx context.Context, f FileInfo, most int64) (cuts []int64, err error) {
	if f.Format != formatParquet && f.Compression == "" {
		n := (f.Bytes + most - 1) / most
		for i := range n - 1 {
			cuts = append(cuts, (i+1)*f.Bytes/n)
		}
		return cuts, nil
	}
	file, err := blob.Open(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if f.Format == formatParquet {
		return rowGroupCuts(file, most)
	}
	if cuts, ok, err := seekCuts(file, f.Bytes, most); ok || err != nil {
		return cuts, err
	}
	if blob.IsURL(f.Path) { // a request for each block is too much
		return nil, nil
	}
	return frameCuts(file, f.Bytes, most)
}

// Covered are the stored bytes of a shard of one file up to the end of a document of
// it: in Parquet by its rows, in a packed file by how well its beginning is packed.
func (s Shard) Covered(ctx context.Context, d Document) (float64, error) {
	at := float64(d.Offset + int64(len(d.Text)))
	switch {
	case s.Format == formatParquet:
		return s.coveredRows(ctx, d)
	case s.Compression == "":
		return max(1, at-float64(s.Start)), nil
	}
	ratio, err := s.ratio(ctx, max(leastRatio, d.Offset+int64(len(d.Text))))
	return max(1, at/ratio), err
}

// leastRatio is how many bytes of content the ratio of a packed shard is measured on at
// least: a packer reads some before it does so well.
const leastRatio = 4 << 20

// ratio is how many bytes of content a packed shard holds for each stored one, in the
// first most bytes of its content.
func (s Shard) ratio(ctx context.Context, most int64) (float64, error) {
	src, err := openRange(ctx, s.Path, s.Compression, s.Start, s.End)
	if err != nil {
		return 1, err
	}
	defer src.Close()
	n, err := io.CopyN(io.Discard, src, most)
	if err != nil && damage(err) == "" {
		return 1, err
	}
	return max(1, float64(n)) / float64(max(1, src.stored()-s.Start)), nil
}

// coveredRows counts the rows of the row groups up to a document's.
func (s Shard) coveredRows(ctx context.Context, d Document) (float64, error) {
	file, err := blob.Open(ctx, s.Path)
	if err != nil {
		return 1, err
	}
	defer file.Close()
	f, err := openParquet(file)
	if err != nil {
		return 1, fmt.Errorf("%s: %w", s.Path, err)
	}
	var before, rows int64 // before the shard, and of it
	for i, g := range f.RowGroups() {
		switch at := groupStart(f, i); {
		case at < s.Start:
			before += g.NumRows()
		case s.End < 0 || at < s.End:
			rows += g.NumRows()
		}
	}
	return float64(s.Bytes) * float64(d.Line-before) / float64(max(1, rows)), nil
}
