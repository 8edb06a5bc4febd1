package corpus

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Reasons for which a line, or a text file, is not accepted.
const (
	InvalidJSON   = "invalid_json"
	NotObject     = "not_object"
	TooDeep       = "too_deep" // more than 10000 nested arrays and objects
	MissingText   = "missing_text"
	TextNotString = "text_not_string"
	EmptyText     = "empty_text" // nothing but white space
	TooShort      = "too_short"
	TooLong       = "too_long"
	InvalidUTF8   = "invalid_utf8"
	Binary        = "binary"      // a text file that holds NUL bytes
	NotText       = "not_text"    // a WARC record of an image, a page without a main text, ...
	HTTPStatus    = "http_status" // a WARC response whose status is not 2xx: an error page, a redirection
	Truncated     = "truncated"   // the rest of a compressed file, counted as one line, or a WARC record
	Corrupt       = "corrupt"     // likewise
)

// samplesPerReason bounds Bad.Samples.
const samplesPerReason = 5

// Bad accounts for the lines of one or more shards:
// Lines = Accepted + the sum of Reasons.
type Bad struct {
	Lines    int64            `json:"lines"`    // read; blank ones are apart
	Accepted int64            `json:"accepted"` // yielded as documents
	Reasons  map[string]int64 `json:"reasons,omitempty"`
	Blank    int64            `json:"blank,omitempty"`    // lines of white space, WARC records without content
	Repaired int64            `json:"repaired,omitempty"` // accepted documents with U+FFFD in place of invalid UTF-8
	Samples  []BadLine        `json:"samples,omitempty"`  // the first 5 of each reason
}

// A BadLine shows one line that was not accepted.
type BadLine struct {
	Path    string `json:"path"`
	Line    int64  `json:"line"`   // as Document.Line
	Offset  int64  `json:"offset"` // as Document.Offset
	Reason  string `json:"reason"`
	Detail  string `json:"detail,omitempty"`
	Excerpt string `json:"excerpt,omitempty"` // at most the first 120 bytes
}

func (l BadLine) String() string {
	s := fmt.Sprintf("%s:%d (byte %d): %s", l.Path, l.Line, l.Offset, l.Reason)
	if l.Detail != "" {
		s += ", " + l.Detail
	}
	if l.Excerpt != "" {
		s += fmt.Sprintf(": %q", l.Excerpt)
	}
	return s
}

// Dropped is the number of lines not accepted.
func (b *Bad) Dropped() int64 { return b.Lines - b.Accepted }

// count counts one bad line and says whether a sample of it is wanted.
func (b *Bad) count(reason string) bool {
	if b.Reasons == nil {
		b.Reasons = map[string]int64{}
	}
	b.Lines++
	b.Reasons[reason]++
	return b.Reasons[reason] <= samplesPerReason
}

// Merge adds what c counted. Merge in the order of the shards for the same
// samples every time.
func (b *Bad) Merge(c *Bad) {
	b.Lines += c.Lines
	b.Accepted += c.Accepted
	b.Blank += c.Blank
	b.Repaired += c.Repaired
	if b.Reasons == nil && len(c.Reasons) > 0 {
		b.Reasons = map[string]int64{}
	}
	for reason, n := range c.Reasons {
		b.Reasons[reason] += n
	}
	held := map[string]int{}
	for _, s := range b.Samples {
		held[s.Reason]++
	}
	for _, s := range c.Samples {
		if held[s.Reason]++; held[s.Reason] <= samplesPerReason {
			b.Samples = append(b.Samples, s)
		}
	}
}

// Check is an error if more than the share limit of the lines are bad. That a server
// answered with an error is nothing bad about a file.
func (b *Bad) Check(limit float64) error {
	n := b.Dropped() - b.Reasons[HTTPStatus]
	if float64(n) <= limit*float64(b.Lines) {
		return nil
	}
	first := ""
	if len(b.Samples) > 0 {
		first = "; the first is " + b.Samples[0].String()
	}
	return fmt.Errorf("%d of %d lines are bad, more than bad_line_limit %g allows (%s)%s: mend the input, set text_field, or raise corpus.bad_line_limit",
		n, b.Lines, limit, b.ReasonsText(), first)
}

// ReasonsText counts the reasons in words, as in "2 invalid_json, 1 too_long".
func (b *Bad) ReasonsText() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(b.Reasons)) {
		parts = append(parts, fmt.Sprintf("%d %s", b.Reasons[reason], reason))
	}
	return strings.Join(parts, ", ")
}

// excerpt is the beginning of a line, for people to read.
func excerpt(line []byte) string {
	const most = 120
	return strings.ToValidUTF8(string(line[:min(len(line), most)]), "\ufffd")
}
