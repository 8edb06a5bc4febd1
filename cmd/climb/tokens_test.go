package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/curate"
)

// Megatron prefixes are domains without a field, and their tokens reach the proxies as
// they are where the tokenizer is the same; otherwise they are decoded, which is said.
func TestTokenizedSources(t *testing.T) {
	t.Parallel()
	from := finished(t, small)
	dir := t.TempDir()
	var sources []string
	for i, name := range []string{"web", "co de é", "books", "wiki"} {
		for _, ext := range []string{".bin", ".idx"} {
			data, err := os.ReadFile(glob(t, from, fmt.Sprintf("run/tokens-*/domain-%03d%s", i, ext)))
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "data", name+ext), data)
		}
		sources = append(sources, name)
	}
	data, err := os.ReadFile(glob(t, from, "run/vocab-*/tokenizer.json"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "tokenizer.json"), data)
	writeFile(t, filepath.Join(dir, "same.json"), append(data, '\n')) // by content, not by name
	config := "out: run\ncorpus: {inputs: [data], tokenizer: tokenizer.json, dedup: none}\nembed: {lexical: {dim: 8}}\ncluster: {kmeans: {k: 4}}\nprune: {clusters: {}, documents: {}}\n" +
		"domains: {by: file, tag: {min_share: 0.001}}\ntarget: {validation: [{file: v.jsonl}]}\ntokens: {tokenizer: same.json}\n"
	writeFile(t, filepath.Join(dir, "v.jsonl"), []byte(`{"id":"1","text":"nothing of the corpus"}`+"\n"))
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(config))
	code, said, errs := climbRun(t, dir, "tokens")
	if code != 0 || !strings.Contains(said, "copied as they are") {
		t.Fatalf("exit %d\n%s%s", code, said, errs)
	}
	var d curate.Domains
	list, err := os.ReadFile(glob(t, dir, "run/domains-*/domains.json"))
	if err != nil || json.Unmarshal(list, &d) != nil || len(d.Domains) != len(sources) {
		t.Fatalf("%d domains, want %d; %v", len(d.Domains), len(sources), err)
	}
	for i, dom := range d.Domains {
		for _, ext := range []string{".bin", ".idx"} {
			want, err := os.ReadFile(filepath.Join(dir, "data", dom.Name+ext))
			got, err2 := os.ReadFile(glob(t, dir, fmt.Sprintf("run/tokens-*/domain-%03d%s", i, ext)))
			if err != nil || err2 != nil || !bytes.Equal(got, want) {
				t.Errorf("%s%s: the proxies read other bytes: %v %v", dom.Name, ext, err, err2)
			}
		}
	}
	// Another tokenizer: by decoding.
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(strings.Replace(config, "{tokenizer: same.json}", "{bpe: {vocab: 300}}", 1)))
	if code, said, errs = climbRun(t, dir, "tokens"); code != 0 || !strings.Contains(said, "decoded to text and encoded again") {
		t.Errorf("exit %d\n%s%s", code, said, errs)
	}
	// One that did not make the tokens: its vocabulary is too small.
	writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(strings.Replace(config, "tokenizer: tokenizer.json", "tokenizer: few.json", 1)))
	vocabs, _ := filepath.Glob(filepath.Join(dir, "run", "vocab-*", "tokenizer.json"))
	for _, path := range vocabs {
		few, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(few) < len(data) {
			writeFile(t, filepath.Join(dir, "few.json"), few)
		}
	}
	if code, _, errs = climbRun(t, dir, "tokens"); code == 0 || !strings.Contains(errs, "it is not the one that made the file") {
		t.Errorf("wrong vocabulary: exit %d\n%s", code, errs)
	}
}
