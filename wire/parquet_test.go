package wire

import (
	"strings"
	"testing"
)

func TestParquetFooter(t *testing.T) {
	for text, want := range map[string]string{"PAR1\xff\xff\xff\xffPAR1": "a footer of 4294967295 bytes", "PAR1\x15\x04\x19<H\xf0PAR1": "a footer of", "PAR1": "it has 4 bytes", "": "it has 0 bytes",
		"PAR1\x00\x00\x00\x00PAR1": "", "PAR1xx\x02\x00\x00\x00PAR1": ""} {
		err := ParquetFooter(strings.NewReader(text), int64(len(text)))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
