package blob

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answering is a client that gets one answer to everything.
type answering []byte

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a)), Request: r}, nil
}

// FuzzListing: whatever a server answers, names are listed or an error is told, and
// none is listed for ever.
func FuzzListing(f *testing.F) {
	for _, s := range []string{
		`<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Last-Modified>Mon, 02 Jan 2006 15:04:05 GMT</Last-Modified><Content-Length>3</Content-Length></Properties></Blob></Blobs><NextMarker/></EnumerationResults>`,
		`<EnumerationResults><NextMarker>x</NextMarker></EnumerationResults>`, `<a`,
		`{"items":[{"name":"a","size":"3","generation":"1","etag":"e","updated":"2006-01-02T15:04:05Z"}]}`, `{"nextPageToken":"x"}`, `{"items":[null,{"size":"-1"}]}`, `{`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		client := &http.Client{Transport: answering(data)}
		sign := func(*http.Request) error { return nil }
		for name, l := range map[string]service{"azblob://c": &azure{client: client, container: "http://host/c", sign: sign}, "gs://c": &gcs{client: client, host: "http://host", bucket: "c"}} {
			b := &bucket{service: l, base: name}
			ctx, cancel := context.WithTimeout(t.Context(), firstWait/4)
			defer cancel()
			for info, err := range b.List(ctx, "") {
				if err != nil && !strings.Contains(err.Error(), name) {
					t.Fatalf("the error does not say where: %v", err)
				}
				if err == nil && info.Bytes < 0 {
					t.Fatalf("%+v", info)
				}
			}
		}
	})
}

// FuzzProfile: any shared configuration of Amazon's is read, or told as an error.
func FuzzProfile(f *testing.F) {
	f.Add([]byte("[default]\nregion = a\n[profile work]\naws_access_key_id = b # c\n"), "work")
	f.Add([]byte("[a\n=\n%(x)s"), "")
	f.Add([]byte("[work]\nx = %(x)s\n"), "work")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv("AWS_CONFIG_FILE", path)
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(filepath.Dir(path), "none"))
		if p, err := readProfile(name); err == nil && p.asked && name != "" && p.name != name {
			t.Fatalf("profile %q was read for %q", p.name, name)
		}
	})
}
