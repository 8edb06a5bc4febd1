package blob

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// objects are the content of a server in this process.
type objects struct {
	mu      sync.Mutex
	data    map[string][]byte
	parts   map[string][]byte // of uploads
	version map[string]int    // how often a key was written
}

func newObjects() *objects {
	return &objects{data: map[string][]byte{}, parts: map[string][]byte{}, version: map[string]int{}}
}

func (o *objects) write(key string, data []byte) {
	o.data[key] = append([]byte{}, data...)
	o.version[key]++
}

var fakeTime = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// names are two of the keys that begin with prefix, sorted, and where the next
// page begins.
func (o *objects) names(prefix, page string) (names []string, next string) {
	for name := range o.data {
		if strings.HasPrefix(name, prefix) && name >= page {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 2 {
		return names[:2], names[2]
	}
	return names, ""
}

// serve answers with an object, or the range of it that the header asks for.
func (o *objects) serve(w http.ResponseWriter, r *http.Request, key, ranges string) {
	data, ok := o.data[key]
	if !ok {
		http.Error(w, "absent", http.StatusNotFound)
		return
	}
	if ranges != "" {
		r.Header.Set("Range", ranges)
	}
	http.ServeContent(w, r, "", fakeTime, bytes.NewReader(data))
}

// fakeGCS speaks as much of Google Cloud Storage's JSON interface as its client
// needs.
func fakeGCS(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) string {
	o := newObjects()
	bucket := "bucket-" + strings.ToLower(rand.Text()) // At keeps the ones of other tests
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil && before(w, r) {
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		path, _ := url.PathUnescape(r.URL.EscapedPath())
		key := strings.TrimPrefix(path, "/storage/v1/b/"+bucket+"/o/")
		q := r.URL.Query()
		switch {
		case path == "/upload/storage/v1/b/"+bucket+"/o":
			o.gcsUpload(w, r)
		case path == "/storage/v1/b/"+bucket+"/o":
			items := []any{}
			names, next := o.names(q.Get("prefix"), q.Get("pageToken"))
			for _, name := range names {
				items = append(items, o.gcsObject(name))
			}
			json.NewEncoder(w).Encode(map[string]any{"items": items, "nextPageToken": next})
		case key == path:
			http.Error(w, "no such method: "+path, http.StatusNotImplemented)
		case o.data[key] == nil:
			http.Error(w, `{"error":{"code":404,"message":"absent"}}`, http.StatusNotFound)
		case r.Method == http.MethodDelete:
			delete(o.data, key)
			w.WriteHeader(http.StatusNoContent)
		case q.Get("alt") == "media":
			if match := q.Get("ifGenerationMatch"); match != "" && match != fmt.Sprint(o.version[key]) {
				http.Error(w, `{"error":{"code":412,"message":"conditionNotMet"}}`, http.StatusPreconditionFailed)
				return
			}
			o.serve(w, r, key, "")
		default:
			json.NewEncoder(w).Encode(o.gcsObject(key))
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(s.URL, "http://"))
	return "gs://" + bucket + "/"
}

func (o *objects) gcsObject(name string) map[string]any {
	version := fmt.Sprint(o.version[name])
	return map[string]any{"name": name, "size": fmt.Sprint(len(o.data[name])), "generation": version, "metageneration": "1",
		"updated": fakeTime.Format(time.RFC3339), "timeCreated": fakeTime.Format(time.RFC3339), "etag": "e" + version}
}

// gcsUpload takes an object whole, or in pieces of which each says its range. As
// Google's server does, it keeps only a multiple of 256 KiB of a piece that is
// not the last, and of the third piece the half.
func (o *objects) gcsUpload(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name")
	b, _ := io.ReadAll(r.Body)
	switch {
	case r.URL.Query().Get("uploadType") == "media":
		o.write(name, b)
	case r.Method == http.MethodPost:
		o.parts[name] = []byte{}
		w.Header().Set("Location", "http://"+r.Host+r.URL.Path+"?uploadType=resumable&name="+url.QueryEscape(name)+"&upload_id=hush")
		return
	case r.Method == http.MethodDelete:
		delete(o.parts, name)
		w.WriteHeader(499)
		return
	default:
		all, span := o.parts[name], strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes ")
		at, total, _ := strings.Cut(span, "/")
		if start, _, ok := strings.Cut(at, "-"); ok {
			if start != fmt.Sprint(len(all)) {
				http.Error(w, "gap", http.StatusServiceUnavailable)
				return
			}
			if total == "*" {
				b = b[:len(b)/(256<<10)*(256<<10)]
				if len(all) == partBytes {
					b = b[:len(b)/2]
				}
			}
			all = append(all, b...)
		}
		if o.parts[name] = all; total != fmt.Sprint(len(all)) {
			if len(all) > 0 {
				w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(all)-1))
			}
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		o.write(name, all)
	}
	json.NewEncoder(w).Encode(o.gcsObject(name))
}

// fakeAzure speaks as much of Azure Blob Storage's interface as its client
// needs.
func fakeAzure(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", base64.StdEncoding.EncodeToString([]byte("key")))
	o := newObjects()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before != nil && before(w, r) {
			return
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		key, q := strings.TrimPrefix(r.URL.Path, "/account/container/"), r.URL.Query()
		if strings.HasPrefix(key, "refused") {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Set("Etag", fmt.Sprintf(`"v%d"`, o.version[key]))
		w.Header().Set("Last-Modified", fakeTime.Format(http.TimeFormat))
		switch {
		case q.Get("comp") == "list":
			o.azureList(w, q.Get("prefix"), q.Get("marker"))
		case r.Method == http.MethodPut:
			o.azurePut(r, key, q)
			w.WriteHeader(http.StatusCreated)
		case o.data[key] == nil:
			w.Header().Set("x-ms-error-code", "BlobNotFound")
			w.WriteHeader(http.StatusNotFound)
		case r.Method == http.MethodDelete:
			delete(o.data, key)
			w.WriteHeader(http.StatusAccepted)
		default:
			w.Header().Set("x-ms-blob-type", "BlockBlob")
			w.Header().Set("x-ms-creation-time", fakeTime.Format(http.TimeFormat))
			o.serve(w, r, key, r.Header.Get("x-ms-range"))
		}
	}))
	t.Cleanup(s.Close)
	return "azblob://container/?protocol=http&domain=" + strings.TrimPrefix(s.URL, "http://")
}

// azurePut takes an object whole, a block of one, or the list of its blocks.
func (o *objects) azurePut(r *http.Request, key string, q url.Values) {
	b, _ := io.ReadAll(r.Body)
	switch q.Get("comp") {
	case "block":
		o.parts[key+"?"+q.Get("blockid")] = b
	case "blocklist":
		var list struct{ Latest []string }
		xml.Unmarshal(b, &list)
		all := []byte{}
		for _, id := range list.Latest {
			all = append(all, o.parts[key+"?"+id]...)
		}
		o.write(key, all)
	default:
		o.write(key, b)
	}
}

func (o *objects) azureList(w http.ResponseWriter, prefix, page string) {
	fmt.Fprint(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>`)
	names, next := o.names(prefix, page)
	for _, name := range names {
		fmt.Fprint(w, "<Blob><Name>")
		xml.EscapeText(w, []byte(name))
		fmt.Fprintf(w, "</Name><Properties><Last-Modified>%s</Last-Modified><Etag>1</Etag><Content-Length>%d</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>",
			fakeTime.Format(http.TimeFormat), len(o.data[name]))
	}
	fmt.Fprint(w, "</Blobs><NextMarker>")
	xml.EscapeText(w, []byte(next))
	fmt.Fprint(w, "</NextMarker></EnumerationResults>")
}
