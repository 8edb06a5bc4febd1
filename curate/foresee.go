package curate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/climb-go/climb/corpus"
	"github.com/climb-go/climb/option"
)

const (
	foreseenShards = 32 // of the corpus, whose first documents are looked at
	foreseenDocs   = 20 // of each
)

// Foresee finds what a run would find only after hours: a text field that no file has,
// an axis of domains.by whose field no document has, and a field that near-duplicates
// are chosen by likewise. It looks at the first documents of some files, and says
// nothing of what is done already.
func (r *Curation) Foresee(ctx context.Context) error {
	if !r.Done("corpus") {
		list := &corpus.Listing{Files: r.Inputs}
		if err := list.CheckText(ctx, r.Config.Corpus); err != nil {
			return err
		}
	}
	wanted := map[string]string{} // option by field
	for _, x := range r.Config.Domains.By.labels() {
		if x.kind == "field" {
			wanted[x.field] = "domains.by"
		}
	}
	if c := r.Config.Corpus; c.Dedup == "fuzzy" && c.MinHash.Keep == "best" {
		wanted[c.MinHash.ScoreField] = "corpus.minhash.score_field"
	}
	if len(wanted) == 0 || r.Done("tags") && r.Done("rows") {
		return nil
	}
	names := map[string]bool{}
	documents := 0
	n := min(len(r.Shards), foreseenShards)
	for i := range n {
		some := 0
		for d, err := range corpus.Read(ctx, r.Shards[i*len(r.Shards)/n], r.Config.Corpus, nil) {
			if err != nil {
				return err
			}
			maps.DeleteFunc(wanted, func(field, _ string) bool { return fieldOf(d, field) != "" })
			fieldNames(names, "", d.Fields)
			if d.Source != "" {
				names["source"] = true
			}
			documents++
			if some++; some == foreseenDocs || len(wanted) == 0 {
				break
			}
		}
		if len(wanted) == 0 {
			return nil
		}
	}
	if documents == 0 {
		return nil // the run will say why
	}
	field := slices.Sorted(maps.Keys(wanted))[0]
	have := slices.Sorted(maps.Keys(names))
	hint := ""
	if near := option.Nearest(field, have); near != "" {
		hint = fmt.Sprintf("; did you mean %s", near)
	}
	switch {
	case r.Config.Corpus.Fields == "drop":
		hint = "; corpus.fields is drop"
	case len(have) == 0:
		hint = "; they have no other field than their text, id and source"
	default:
		hint += "; they have " + CutRunes(strings.Join(have, ", "), 300)
	}
	return &option.ConfigError{Text: fmt.Sprintf("%s: no document of %d that were looked at has a field %q%s", wanted[field], documents, field, hint)}
}

// fieldNames adds the names of an object's members, dotted if nested.
func fieldNames(names map[string]bool, prefix string, object json.RawMessage) {
	var m map[string]json.RawMessage
	if json.Unmarshal(object, &m) != nil {
		return
	}
	for name, value := range m {
		if len(value) > 0 && value[0] == '{' && strings.Count(prefix, ".") < 2 {
			fieldNames(names, prefix+name+".", value)
		} else {
			names[prefix+name] = true
		}
	}
}
