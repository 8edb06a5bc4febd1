package report

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
)

// Large drawings and tables are packed in the page, whose script unpacks them: a
// page of 1,000 proxies and 5,000 clusters is half as large.
const (
	packedMarks = 400  // a drawing of so many marks is packed
	packedTable = 4096 // a table of so many bytes is packed
)

// pack is text, deflated (RFC 1951), in base64 for URLs: the script undoes it.
func pack(text string) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression) // the level is a legal one, and a buffer takes everything
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return base64.RawURLEncoding.EncodeToString(b.Bytes())
}
