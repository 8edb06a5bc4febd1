package corpus

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// tree makes files, whose content is their name unless given after a colon.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		name, content, ok := strings.Cut(name, ":")
		if !ok {
			content = name
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestList(t *testing.T) {
	dir := tree(t, "text/b.txt", "text/a.md", "text/.hidden", "text/.git/x", "text/sub/deep/c", "text/empty.txt:",
		"json/x.jsonl:{}", "json/README.md", "json/y/z.jsonl.gz:"+gz(`{"text":"z"}`), "json/y/w.ndjson:{}", "odd/data[1].jsonl:{}",
		"list:# these\n\nDIR/text/a.md\r\nDIR/json/*.jsonl\n")
	list, _ := os.ReadFile(filepath.Join(dir, "list"))
	if err := os.WriteFile(filepath.Join(dir, "list"), bytes.ReplaceAll(list, []byte("DIR"), []byte(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "text", "loop")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		inputs, want string
		skipped      map[string]int
	}{
		{inputs: "json", want: "json/x.jsonl json/y/w.ndjson json/y/z.jsonl.gz", skipped: map[string]int{"other": 1}},
		{inputs: "text/sub text/b.txt text/sub/../b.txt", want: "text/b.txt text/sub/deep/c"},
		{inputs: "text/sub/../*.txt", want: "text/b.txt", skipped: map[string]int{"empty": 1}},
		{inputs: "json/**/*.jsonl*", want: "json/x.jsonl json/y/z.jsonl.gz"},
		{inputs: "**/y/*", want: "json/y/w.ndjson json/y/z.jsonl.gz"},
		{inputs: "text/.hid*", want: "text/.hidden"},
		{inputs: "odd/data[1].jsonl", want: "odd/data[1].jsonl"},
		{inputs: "@list", want: "json/x.jsonl text/a.md"},
	} {
		var o Options
		for _, in := range strings.Fields(c.inputs) {
			if name, ok := strings.CutPrefix(in, "@"); ok {
				o.Inputs = append(o.Inputs, Input{Path: "@" + dir + "/" + name})
			} else {
				o.Inputs = append(o.Inputs, Input{Path: dir + "/" + in})
			}
		}
		l, err := List(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", c.inputs, err)
			continue
		}
		var got []string
		for _, f := range l.Files {
			got = append(got, strings.TrimPrefix(f.Path, dir+"/"))
			if f.Bytes == 0 || f.ModTime.IsZero() || f.Format == "" {
				t.Errorf("%+v", f)
			}
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s: %s", c.inputs, d)
		}
		if c.skipped == nil {
			c.skipped = map[string]int{}
		}
		if d := cmp.Diff(c.skipped, l.Skipped); d != "" {
			t.Errorf("%s: %s", c.inputs, d)
		}
	}
}

// A link to a folder above does not lead round in circles.
func TestListFollowsLinksOnce(t *testing.T) {
	dir := tree(t, "a/x.txt", "b/y.txt", "b/.h")
	for name, to := range map[string]string{"a/up": dir, "a/b": filepath.Join(dir, "b")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := List(t.Context(), Options{Inputs: Paths(filepath.Join(dir, "a"))})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range l.Files {
		got = append(got, strings.TrimPrefix(f.Path, dir))
	}
	if want := []string{"/a/b/y.txt", "/a/up/b/y.txt", "/a/x.txt"}; !slices.Equal(got, want) || l.Skipped["hidden"] != 2 {
		t.Errorf("got %v, skipped %v, want %v", got, l.Skipped, want)
	}
}

func TestListErrors(t *testing.T) {
	dir := tree(t, "empty.jsonl:", "none/.hidden", "a.parquet:text", "a.xz:\xfd7zXZ\x00", "array.json:[{}]", "list:@list")
	for _, c := range []struct {
		input string
		want  []string
	}{
		{"", []string{"corpus.inputs is empty"}},
		{"absent.jsonl", []string{"corpus.inputs[0]", "absent.jsonl"}},
		{"*.csv", []string{"no file matches", "*.csv", "seen from"}},
		{"empty.jsonl", []string{"no file with content", "left out: 1 empty"}},
		{"none", []string{"no file with content", "left out: 1 hidden"}},
		{"a.parquet", []string{"a.parquet", "is not a Parquet file", "fetch it again"}},
		{"a.xz", []string{"a.xz", "zstd"}},
		{"array.json", []string{"array.json", "jq -c"}},
		{"@absent", []string{"absent"}},
	} {
		var o Options
		switch {
		case c.input == "":
		case c.input[0] == '@':
			o.Inputs = Paths("@" + filepath.Join(dir, c.input[1:]))
		default:
			o.Inputs = Paths(filepath.Join(dir, c.input))
		}
		_, _, err := Split(t.Context(), o)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v lacks %q", c.input, err, want)
			}
		}
	}
	if _, _, err := Split(t.Context(), Options{Inputs: Paths(dir), Format: "pdf"}); err == nil || !strings.Contains(err.Error(), "corpus.format") {
		t.Errorf("a wrong option: %v", err)
	}
	if os.Getuid() == 0 {
		t.Skip("the superuser may read any folder")
	}
	none := filepath.Join(dir, "none")
	if err := os.Chmod(none, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // or TempDir cannot be removed
		if err := os.Chmod(none, 0o700); err != nil {
			t.Error(err)
		}
	})
	if _, err := List(t.Context(), Options{Inputs: Paths(dir)}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("an unreadable folder: %v", err)
	}
}

func TestSmallFilesArePacked(t *testing.T) {
	names := []string{"z.jsonl:{\"text\":\"" + noise(5000) + "\"}\n"}
	for i := range 50 {
		names = append(names, fmt.Sprintf("%02d.jsonl:{\"text\":\"%d\"}\n", i, i))
	}
	dir := tree(t, names...)
	shards, files, err := Split(t.Context(), Options{Inputs: Paths(dir), ShardBytes: 300})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 51 || len(shards) < 4 || len(shards) > 25 {
		t.Errorf("%d files in %d shards", len(files), len(shards))
	}
	for _, s := range shards {
		if s.Bytes > 300 {
			t.Errorf("%s has %d bytes", s, s.Bytes)
		}
	}
	docs, _, err := readAll(t, Options{Inputs: Paths(dir), ShardBytes: 300})
	if err != nil || len(docs) != 51 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	for i := range 50 {
		if docs[i].Text != fmt.Sprint(i) || docs[i].Line != 1 || filepath.Base(docs[i].Path) != fmt.Sprintf("%02d.jsonl", i) {
			t.Fatalf("document %d is %+v", i, docs[i])
		}
	}
}

// All shards together hold each line once, in order, wherever files are cut
// and frames end; and in a plain file each line is in the shard it starts in.
func TestShardsCoverTheLines(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		var want []string
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 40), 1, 30).Draw(t, "lengths") {
			text := fmt.Sprintf("%d%s", i, noise(n))
			want = append(want, text)
			lines = append(lines, `{"text":"`+text+`"}`)
		}
		content := strings.Join(lines, rapid.SampledFrom([]string{"\n", "\r\n", "\n\n"}).Draw(t, "newline"))
		if rapid.Bool().Draw(t, "last newline") {
			content += "\n"
		}
		packed := content
		if rapid.Bool().Draw(t, "zstd") {
			packed = rapidFrames(t, content)
		}
		path := filepath.Join(dir, "a.jsonl")
		if err := os.WriteFile(path, []byte(packed), 0o600); err != nil {
			t.Fatal(err)
		}
		o := Options{Inputs: Paths(path), ShardBytes: rapid.Int64Range(1, int64(len(packed))+10).Draw(t, "shard_bytes")}
		shards, _, err := Split(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		var end int64
		for _, s := range shards {
			if s.Start != end {
				t.Fatalf("%s starts at %d, not %d", s, s.Start, end)
			}
			end = s.End
			for d, err := range Read(context.Background(), s, o, nil) {
				if err != nil {
					t.Fatal(err)
				}
				if s.Compression == "" && (d.Offset < s.Start || s.End >= 0 && d.Offset >= s.End || content[d.Offset] != '{') {
					t.Fatalf("%s holds a line at %d", s, d.Offset)
				}
				got = append(got, d.Text)
			}
		}
		if end != -1 && end != int64(len(packed)) {
			t.Fatalf("the last shard ends at %d of %d", end, len(packed))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// rapidFrames compresses content in frames that end anywhere, with empty and
// skippable ones between.
func rapidFrames(t *rapid.T, content string) string {
	var b strings.Builder
	for content != "" {
		n := rapid.IntRange(0, len(content)).Draw(t, "frame")
		switch {
		case n > 0:
			b.WriteString(zst(content[:n]))
		case rapid.Bool().Draw(t, "skippable"):
			b.WriteString("\x53\x2a\x4d\x18\x02\x00\x00\x00..")
		default:
			b.WriteString(emptyFrame())
		}
		content = content[n:]
	}
	return b.String()
}

func emptyFrame() string {
	var b bytes.Buffer
	w, _ := zstd.NewWriter(&b, zstd.WithZeroFrames(true), zstd.WithEncoderConcurrency(1))
	w.Close()
	return b.String()
}

func TestFramesAreFound(t *testing.T) {
	var want []int64
	file := zst("first")
	for i := range 4 {
		// The second has several blocks.
		for _, frame := range []string{emptyFrame(), zst(noise(300_000*i + 1)), "\x50\x2a\x4d\x18\x03\x00\x00\x00..."} {
			want = append(want, int64(len(file)))
			file += frame
		}
	}
	got, err := frameCuts(strings.NewReader(file), int64(len(file)), 1)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// seekable is a file of frames and the table of their sizes.
func seekable(frames ...string) string {
	file, table := "", []byte{}
	for _, f := range frames {
		packed := zst(f)
		file += packed
		table = binary.LittleEndian.AppendUint32(table, uint32(len(packed)))
		table = binary.LittleEndian.AppendUint32(table, uint32(len(f)))
	}
	table = binary.LittleEndian.AppendUint32(table, uint32(len(frames)))
	table = binary.LittleEndian.AppendUint32(append(table, 0), 0x8f92eab1)
	head := binary.LittleEndian.AppendUint32(nil, 0x184d2a5e)
	return file + string(binary.LittleEndian.AppendUint32(head, uint32(len(table)))) + string(table)
}

// A file in a bucket is cut by its seek table; without one it stays whole. What
// is read is the same.
func TestSeekTable(t *testing.T) {
	var frames []string
	want := ""
	for i := range 20 {
		line := fmt.Sprintf("{\"text\":\"%d %s\"}\n", i, noise(3000))
		frames, want = append(frames, line[:1000], line[1000:]), want+fmt.Sprint(i, " ")
	}
	file := seekable(frames...)
	for name, c := range map[string]struct {
		content     string
		least, most int
	}{
		"mem://seek/table.jsonl.zst": {file, 10, 30},
		"mem://seek/none.jsonl.zst":  {zst(frames...), 1, 1},
		"mem://seek/wrong.jsonl.zst": {emptyFrame() + file, 1, 1},
		"mem://seek/cut.jsonl.zst":   {file[len(file)-9:], 1, 1},
	} {
		put(t, name, []byte(c.content))
		f := FileInfo{Path: name, Bytes: int64(len(c.content)), Format: formatJSONL, Compression: "zstd"}
		shards, err := cut(t.Context(), []FileInfo{f}, 4000)
		if err != nil || len(shards) < c.least || len(shards) > c.most {
			t.Errorf("%s: %d shards, %v", name, len(shards), err)
		}
		got := ""
		for _, s := range shards {
			for d, err := range Read(t.Context(), s, Options{Truncated: "skip"}, nil) {
				if err != nil {
					t.Fatal(err)
				}
				number, _, _ := strings.Cut(d.Text, " ")
				got += number + " "
			}
		}
		if got != want && !strings.Contains(name, "cut") {
			t.Errorf("%s: read %q", name, got)
		}
	}
}

func TestWindowTooLarge(t *testing.T) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(2*maxWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		io.WriteString(w, "{\"text\":\"a\"}\n")
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	_, _, err = readAll(t, Options{Inputs: Paths(write(t, "a.jsonl.zst", b.String())), Truncated: "skip"})
	if err == nil || !strings.Contains(err.Error(), "128 MiB") {
		t.Errorf("error %v", err)
	}
}

// FuzzFrames gives any bytes as a zstd file.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(zst("abc", "def")), int64(1))
	f.Add([]byte(emptyFrame()+"\x50\x2a\x4d\x18\xff\xff\xff\xff"), int64(3))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04"), int64(1))
	f.Add([]byte(seekable("abc", "def")), int64(1))
	f.Fuzz(func(t *testing.T, b []byte, most int64) {
		cuts, err := frameCuts(bytes.NewReader(b), int64(len(b)), most)
		if err != nil {
			t.Fatal(err)
		}
		table, ok, err := seekCuts(bytes.NewReader(b), int64(len(b)), most)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			table = nil
		}
		for _, cuts := range [][]int64{cuts, table} {
			last := int64(0)
			for _, at := range cuts {
				if at <= last || at >= int64(len(b)) {
					t.Fatalf("cuts %v of %d bytes", cuts, len(b))
				}
				last = at
			}
		}
	})
}
