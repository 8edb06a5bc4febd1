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
	"":             {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"},
	"added_tokens": {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"},
	"normalizer":   {"type", "normalizers", "prepend", "pattern", "content", "strip_left", "strip_right", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"},
	"pre_tokenizer": {"type", "pattern", "behavior", "invert", "add_prefix_space", "trim_offsets", "use_regex", "pretokenizers",
		"individual_digits", "replacement", "str_rep", "prepend_scheme", "split", "delimiter"},
	"decoder": {"type", "decoders", "pattern", "content", "start", "stop", "replacement", "str_rep", "prepend_scheme", "split", "add_prefix_space",
		"trim_offsets", "use_regex", "prefix", "cleanup", "suffix"},
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
	if _, err := fieldsOf("model", "model", parts["model"]); err != nil {
		return err
	}
	if err := listOf("added_tokens", "added_tokens", parts["added_tokens"], ""); err != nil {
		return err
	}
	for _, p := range [][2]string{{"normalizer", "normalizers"}, {"pre_tokenizer", "pretokenizers"}, {"decoder", "decoders"}} {
		if err := nested(p[0], p[0], parts[p[0]], p[1]); err != nil {
			return err
		}
	}
	return nil
}

// nested checks a part and those in its list.
func nested(part, path string, data []byte, list string) error {
	fields, err := fieldsOf(part, path, data)
	if err != nil {
		return err
	}
	return listOf(part, path+"."+list, fields[list], list)
}

// listOf checks every entry of a list of parts, and what is in their own lists.
func listOf(part, path string, data []byte, list string) error {
	var entries []json.RawMessage
	if len(data) == 0 || json.Unmarshal(data, &entries) != nil {
		return nil // said elsewhere
	}
	for i, entry := range entries {
		if err := nested(part, fmt.Sprintf("%s[%d]", path, i), entry, list); err != nil {
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
