package corpus

import (
	"bytes"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// mediaType is the type of a Content-Type, and its charset, in lower case; what is
// wrong in it otherwise does not matter.
func mediaType(content string) (kind, label string) {
	kind, rest, _ := strings.Cut(content, ";")
	kind, _, _ = strings.Cut(kind, ",")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if _, params, err := mime.ParseMediaType(content); err == nil {
		return kind, strings.ToLower(params["charset"])
	}
	for param := range strings.SplitSeq(rest, ";") {
		key, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(key), "charset") {
			return kind, strings.ToLower(strings.Trim(value, " \t\"'"))
		}
	}
	return kind, ""
}

// singleByte says whether a character set of the WHATWG has one byte for each
// character, so that nearly any text of other letters than ASCII's that is valid
// UTF-8 is UTF-8.
func singleByte(name string) bool {
	for _, prefix := range []string{"windows-125", "windows-874", "iso-8859-", "koi8-", "macintosh", "x-mac-", "ibm866"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// decodeText is text in UTF-8 but for bytes that are not valid, without a byte order
// mark. Its character set is that of the byte order mark, of the header, or of a
// page itself. Where that is one of single bytes, or is not said, and the text is
// valid UTF-8, it is that: servers name their default for files that have another.
// lost says that U+FFFD stands for what is no character of the set.
func decodeText(text []byte, content string, isPage bool) (out []byte, lost bool, err error) {
	_, label := mediaType(content)
	enc, name := charset.Lookup(label)
	if isPage && len(text) > 0 || hasMark(text) {
		enc, name, _ = charset.DetermineEncoding(text, content)
	}
	switch {
	case name == "replacement": // of sets that browsers do not read
		return nil, false, fmt.Errorf("its character set, %s, is not read", label)
	case enc == nil, name == "utf-8", singleByte(name) && utf8.Valid(text):
		return bytes.TrimPrefix(text, []byte("\ufeff")), false, nil
	}
	if out, err = enc.NewDecoder().Bytes(text); err != nil {
		return nil, false, fmt.Errorf("its character set, %s: %w", name, err)
	}
	return bytes.TrimPrefix(out, []byte("\ufeff")), hasReplacement(out), nil
}

// hasMark says whether a text begins with a byte order mark.
func hasMark(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\ufeff"))
}

// hasReplacement says whether U+FFFD is in a text.
func hasReplacement(text []byte) bool { return bytes.Contains(text, []byte("\ufffd")) }
