package export

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fuzzReader damages one file of an export of a trainer: its reader must end with
// documents or an error, whatever the file holds.
func fuzzReader(f *testing.F, trainer Trainer, file string) {
	p := Part{Split: Train, Folder: "d", Units: 1, Shards: 1, Supply: Supply{Documents: 3, Tokens: 12}, Vocab: 50257, EOD: 50256, Tokenizer: "t", Context: 4, Level: 1}
	docs := three()
	for i := range docs {
		docs[i].ID, docs[i].Text = "id", []string{"a text", "", "übung"}[i]
	}
	d := &disk{dir: f.TempDir()}
	if err := trainer.Write(d, p, each(docs)); err != nil {
		f.Fatal(err)
	}
	d.close()
	path := filepath.Join(d.dir, filepath.FromSlash(file))
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{})
	for i := range good {
		if i%7 == 0 {
			bad := append([]byte(nil), good...)
			bad[i] ^= 0xff
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(d.dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(file)), data, 0o666); err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := trainer.Read(dir, p, func(Doc) error { n++; return nil }); err == nil && string(data) == string(good) && n != 3 {
			t.Errorf("%d documents of a good file", n)
		}
	})
}

// A footer that says it is longer than the file is refused before there is room made
// for it: twelve bytes can ask for 4 GiB.
func TestParquetFooter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	for _, text := range []string{"PAR1\xff\xff\xff\xffPAR1", "PAR1\x15\x04\x19<H\xf0PAR1", "PAR1", ""} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		err := eachRow(path, func(hfRow) error { return nil })
		if err == nil || len(text) > 8 && !strings.Contains(err.Error(), "a footer of") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadMegatron(f *testing.F) { fuzzReader(f, &Megatron{}, "train/d.idx") }
func FuzzReadOLMo(f *testing.F)     { fuzzReader(f, &OLMo{}, "train/d/part-0-00000.npy") }
func FuzzReadMDS(f *testing.F)      { fuzzReader(f, &MDS{}, "train/d/shard.00000.mds") }
func FuzzReadMDSIndex(f *testing.F) { fuzzReader(f, &MDS{}, "train/d/index.json") }
func FuzzReadNanotron(f *testing.F) { fuzzReader(f, &Nanotron{}, "train/d/00000_00000_shuffled.ds") }
func FuzzReadNanotronIndex(f *testing.F) {
	fuzzReader(f, &Nanotron{}, "train/d/00000_00000_shuffled.ds.index")
}
func FuzzReadNanotronMetadata(f *testing.F) {
	fuzzReader(f, &Nanotron{}, "train/d/00000_00000_shuffled.ds.metadata")
}
func FuzzReadTorchtitan(f *testing.F) { fuzzReader(f, &Torchtitan{}, "train/d/tokens.bin") }
func FuzzReadTorchtitanOffsets(f *testing.F) {
	fuzzReader(f, &Torchtitan{}, "train/d/document_offsets.npy")
}
func FuzzReadLevanter(f *testing.F) { fuzzReader(f, &Levanter{}, "train/d/part-00000.jsonl.zst") }
func FuzzReadLLMC(f *testing.F)     { fuzzReader(f, &LLMC{}, "climb_train_000000.bin") }
func FuzzReadHF(f *testing.F)       { fuzzReader(f, &HF{}, "data/d/train-00000-of-00001.parquet") }
func FuzzReadNanochat(f *testing.F) {
	fuzzReader(f, &Nanochat{}, nanochatFolder+"/shard_00000.parquet")
}
func FuzzReadLitData(f *testing.F)      { fuzzReader(f, &LitData{}, "train/d/chunk-0-0.bin") }
func FuzzReadLitDataIndex(f *testing.F) { fuzzReader(f, &LitData{}, "train/d/index.json") }
