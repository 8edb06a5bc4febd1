package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/climb-go/climb/curate"
)

// Labels that documents have are domains, alone or crossed with clusters.
func TestDomainsByLabel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var b strings.Builder
	for i, url := range []string{"https://www.a.org/x", "http://a.org:80/y", "b.net/z", "", "http://rare.example/"} {
		n := 40
		if i == 4 {
			n = 1
		}
		for k := range n {
			words := strings.Fields(topics[(i+k)%2])
			line, err := json.Marshal(map[string]any{"text": strings.Repeat(words[k%len(words)]+" "+words[i]+" and the rest of it. ", 12+k), "meta": map[string]string{"url": url}})
			if err != nil {
				t.Fatal(err)
			}
			b.Write(append(line, '\n'))
		}
	}
	writeFile(t, filepath.Join(dir, "text", "a.jsonl"), []byte(b.String()))
	for by, want := range map[string]int{"label": 4, "both": 5} {
		writeFile(t, filepath.Join(dir, "climb.yaml"), []byte(strings.NewReplacer("out: run", "out: "+by, "\n  validation: [{file: validation.jsonl}]\n  test: [{file: test.jsonl}]", " {holdout: 0.05}", "domains: {ward: {count: 4}}",
			"domains: {by: "+by+", ward: {count: 2}, tag: {field: meta.url, host: true, min_share: 0.05}}").Replace(small)))
		mustRun(t, dir, "domains")
		found, err := filepath.Glob(filepath.Join(dir, by, "domains-*", "domains.json"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		var d curate.Domains
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatal(err)
		}
		docs, names := map[string]int64{}, map[string]bool{}
		for i, dom := range d.Domains {
			docs[dom.Label] += dom.Docs
			names[dom.Name] = true
			if !strings.HasPrefix(dom.Name, dom.Label) || dom.Docs == 0 || i > 0 && dom.Bytes > d.Domains[i-1].Bytes {
				t.Errorf("by %s, domain %d: %+v", by, i, dom)
			}
		}
		if docs["a.org"] != 80 || docs["b.net"] != 40 || docs["(none)"] != 40 || docs["(other)"] != 1 || len(docs) != 4 {
			t.Errorf("by %s: documents by label %v", by, docs)
		}
		if len(d.Domains) < want || len(names) != len(d.Domains) {
			t.Errorf("by %s: %d domains with %d names, want at least %d", by, len(d.Domains), len(names), want)
		}
	}
}
