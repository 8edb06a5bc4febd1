package export

import (
	"fmt"
	"iter"

	"github.com/climb-go/climb/option"
)

// A Trainer is a program that trains language models, and what it reads: the
// layout of its data, and the configuration that names it.
type Trainer interface {
	// Needs says what the trainer reads, and what its weights count.
	Needs() Needs
	// Write writes the documents of a part, in their order, to files that it
	// creates in dst. The same documents give the same bytes. An error of docs
	// is returned as it is.
	Write(dst Folder, p Part, docs iter.Seq2[Doc, error]) error
	// Read gives the documents of a part back, from the folder of the export, as
	// far as the files tell where one ends. The document and its tokens are the
	// callee's until it returns.
	Read(dir string, p Part, use func(Doc) error) error
	// Notes are the files beside the data: the fragments of configuration to
	// paste, and README.md.
	Notes(h *Handover) []Note
}

// Needs are what a trainer reads.
type Needs struct {
	Tokens  bool     // token ids; else text
	Mixed   bool     // one stream with the shares in it, repeated documents included; else each domain once, and weights
	Unit    Unit     // of the weights
	Reader  Reader   // how it draws from the domains
	Splits  []string // that it knows, of "train", "valid", "test"
	Rows    bool     // a domain needs one whole sequence: what is shorter is never read
	Domains int      // the most that it can hold; 0 is any number
	Spaces  bool     // paths in its configuration may have spaces
	URLs    bool     // it reads buckets
	// Stages, if it is not nil, says that the trainer can change its weights during the
	// training, and at multiples of how many steps, of batch sequences each.
	Stages func(phases [][]float64, batch int64) int64
	Dtype  func(vocab int) int
}

// A Unit is what weights are shares of.
type Unit string

// Units of weights.
const (
	InTokens    Unit = "tokens"    // of sequences of one length, which is the same
	InDocuments Unit = "documents" // a text is drawn, however long it is
	InData      Unit = "data"      // there are no weights: the files hold the mixture
)

// A Reader is how a trainer interleaves domains.
type Reader string

// Readers.
const (
	Greedy     Reader = "greedy"     // the domain that is furthest behind its weight comes next
	Random     Reader = "random"     // drawn with the weights as probabilities
	Exact      Reader = "exact"      // as many sequences of each as its weight says, shuffled
	Blocks     Reader = "blocks"     // likewise, of every block; see inBlock
	Sequential Reader = "sequential" // the files as they are
)

// A Doc is a document on its way to a trainer.
type Doc struct {
	ID     string
	Text   string   // of trainers that read text
	Tokens []uint32 // of others; the last one ends the document
	Bytes  int      // of the text
	Domain int      // index, of the domains that it came from
	Unit   int      // of Part.Units that it belongs to: a file, where the trainer has several
	Cut    bool     // read back: what follows was cut off
}

// A Part is what is written at once: a split of a domain, or a shard of the
// mixed stream.
type Part struct {
	Split  string `json:"split"`
	Domain int    `json:"domain"` // index, -1: the mixed stream
	Folder string `json:"folder"` // of the domain, below that of the split
	Shard  int    `json:"shard"`  // 0-based, of a mixed split
	Shards int    `json:"shards"` // of it
	Before int    `json:"before"` // shards of the splits before it
	Units  int    `json:"units"`  // that the documents come in, each small enough for memory
	Supply        // what was written

	Vocab     int    `json:"-"` // of the tokenizer
	EOD       uint32 `json:"-"` // ends documents
	Tokenizer string `json:"-"` // name for files that state it
	Context   int    `json:"-"` // tokens of a sequence
	Level     int    `json:"-"` // zstd's
}

// Supply is how much there is of something.
type Supply struct {
	Documents int64 `json:"documents"`
	Tokens    int64 `json:"tokens"`
	Bytes     int64 `json:"bytes"` // of text
}

// Add adds one document or more.
func (s *Supply) Add(t Supply) {
	s.Documents += t.Documents
	s.Tokens += t.Tokens
	s.Bytes += t.Bytes
}

// A Note is a small file beside the data.
type Note struct{ Name, Text string }

// Splits of an export, in the order in which files are numbered.
const (
	Train = "train"
	Valid = "valid"
	Test  = "test"
)

// Trainers lists what data is written for.
var Trainers = option.Family[Trainer]{
	{Name: "megatron", Summary: "Megatron-LM: a .bin/.idx prefix a domain and split, blends for --data-args-path and --per-split-data-args-path.", New: func() Trainer { return &Megatron{} }},
	{Name: "bridge", Summary: "Megatron-Bridge: Megatron's files, and a blend_per_split in Python.", New: func() Trainer { return &Bridge{} }},
	{Name: "automodel", Summary: "NeMo Automodel: Megatron's files, and YAML for its MegatronPretraining dataset.", New: func() Trainer { return &Automodel{} }},
	{Name: "nanochat", Summary: "nanochat: shuffled Parquet shards with the shares in them; the last one is validation.", New: func() Trainer { return &Nanochat{} }},
	{Name: "olmo", Summary: "OLMo-core: headerless .npy files of tokens, a source mixture in YAML.", New: func() Trainer { return &OLMo{} }},
	{Name: "mds", Summary: "MosaicML Streaming and LLM Foundry: MDS shards of packed sequences, a stream a domain.", New: func() Trainer { return &MDS{} }},
	{Name: "nanotron", Summary: "nanotron: datatrove's .ds files, dataset_folder and dataset_weights.", New: func() Trainer { return &Nanotron{} }},
	{Name: "torchtitan", Summary: "torchtitan: tokens.bin and document_offsets.npy a domain, a data set that packs before it mixes.", New: func() Trainer { return &Torchtitan{} }},
	{Name: "levanter", Summary: "Levanter and marin: JSON lines a domain, train_weights.", New: func() Trainer { return &Levanter{} }},
	{Name: "llmc", Summary: "llm.c: .bin shards of tokens with the shares in them.", New: func() Trainer { return &LLMC{} }},
	{Name: "hf", Summary: "Hugging Face datasets: a Parquet configuration a domain, interleave_datasets by documents, a card.", New: func() Trainer { return &HF{} }},
	{Name: "litdata", Summary: "LitGPT: litData chunks of tokens a domain, weights of a CombinedStreamingDataset.", New: func() Trainer { return &LitData{} }},
}

// TrainerNamed returns the trainer of a name.
func TrainerNamed(name string) (Trainer, error) {
	t, err := Trainers.New(name)
	if err != nil {
		return nil, fmt.Errorf("no trainer is called %w", err)
	}
	return t, nil
}

// path of a file of the part: split, folder, name.
func (p Part) path(name string) string {
	if p.Folder == "" {
		return p.Split + "/" + name
	}
	return p.Split + "/" + p.Folder + "/" + name
}

// wide16 is the width in bytes of ids that fit 16 bits.
func wide16(vocab int) int {
	if vocab <= 1<<16 {
		return 2
	}
	return 4
}
