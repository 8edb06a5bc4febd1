package token

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// known lists the fields of each part of a tokenizer.json, as the library
// tokenizers (0.22) writes them. Those that we do not have are refused by their
// values; a field that is not here comes from a version that does something new.
var known = map[string][]string{
	"":              {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"},
	"added_tokens":  {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"},
	"normalizer":    {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"},
	"pre_tokenizer": {"type", "pattern", "behavior", "invert", "add_prefix_space", "trim_offsets", "use_regex", "pretokenizers"},
	"model": {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges",
		"max_input_chars_per_word", "vocab", "merges"},
}

// checkKnown refuses fields that may change an encoding and are not known. One
// that is null is none.
func checkKnown(data []byte) error {
	parts, err := fieldsOf("", "", data)
	if err != nil {
		return err
	}
	for _, name := range []string{"normalizer", "model"} {
		if _, err := fieldsOf(name, name, parts[name]); err != nil {
			return err
		}
	}
	if err := listOf("added_tokens", "added_tokens", parts["added_tokens"]); err != nil {
		return err
	}
	pre, err := fieldsOf("pre_tokenizer", "pre_tokenizer", parts["pre_tokenizer"])
	if err != nil {
		return err
	}
	return listOf("pre_tokenizer", "pre_tokenizer.pretokenizers", pre["pretokenizers"])
}

// listOf checks every entry of a list of parts.
func listOf(part, path string, data []byte) error {
	var list []json.RawMessage
	if len(data) == 0 || json.Unmarshal(data, &list) != nil {
		return nil // said elsewhere
	}
	for i, entry := range list {
		if _, err := fieldsOf(part, fmt.Sprintf("%s[%d]", path, i), entry); err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf returns the fields of a part, all of them known.
func fieldsOf(part, path string, data []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if len(data) == 0 || json.Unmarshal(data, &fields) != nil {
		return nil, nil // said elsewhere
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(known[part], name) && !bytes.Equal(bytes.TrimSpace(fields[name]), []byte("null")) {
			return nil, fmt.Errorf("%s: is not known here, and may change how texts are cut", strings.TrimPrefix(path+"."+name, "."))
		}
	}
	return fields, nil
}
