package blob

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
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
	mu    sync.Mutex
	data  map[string][]byte
	parts map[string][]byte // of uploads
}

func newObjects() *objects { return &objects{data: map[string][]byte{}, parts: map[string][]byte{}} }

var fakeTime = time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)

// names are the keys that begin with prefix, sorted.
func (o *objects) names(prefix string) (names []string) {
	for name := range o.data {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
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

// fakeGCS speaks as much of Google Cloud Storage's JSON and XML interfaces as
// its client needs.
func fakeGCS(t *testing.T) string {
	o := newObjects()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		path, _ := url.PathUnescape(r.URL.EscapedPath())
		upload, isUpload := strings.CutPrefix(path, "/upload/storage/v1/b/bucket/o")
		key, isObject := strings.CutPrefix(path, "/storage/v1/b/bucket/o/")
		switch {
		case isUpload:
			o.gcsUpload(w, r, upload)
		case path == "/storage/v1/b/bucket/o":
			items := []any{}
			for _, name := range o.names(r.URL.Query().Get("prefix")) {
				items = append(items, o.gcsObject(name))
			}
			json.NewEncoder(w).Encode(map[string]any{"items": items})
		case !isObject:
			w.Header().Set("X-Goog-Generation", "1")
			o.serve(w, r, strings.TrimPrefix(path, "/bucket/"), "")
		case o.data[key] == nil:
			http.Error(w, `{"error":{"code":404,"message":"absent"}}`, http.StatusNotFound)
		case r.Method == http.MethodDelete:
			delete(o.data, key)
			w.WriteHeader(http.StatusNoContent)
		default:
			json.NewEncoder(w).Encode(o.gcsObject(key))
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(s.URL, "http://"))
	return "gs://bucket/"
}

func (o *objects) gcsObject(name string) map[string]any {
	return map[string]any{"name": name, "bucket": "bucket", "size": fmt.Sprint(len(o.data[name])), "generation": "1", "metageneration": "1",
		"updated": fakeTime.Format(time.RFC3339), "timeCreated": fakeTime.Format(time.RFC3339), "etag": fmt.Sprint(len(o.data[name]))}
}

// gcsUpload takes an object whole, or in pieces of which each says its range.
func (o *objects) gcsUpload(w http.ResponseWriter, r *http.Request, upload string) {
	var meta struct{ Name string }
	switch kind := r.URL.Query().Get("uploadType"); {
	case kind == "multipart":
		_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		parts := multipart.NewReader(r.Body, params["boundary"])
		for i := range 2 {
			p, err := parts.NextPart()
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			b, _ := io.ReadAll(p)
			if i == 0 {
				json.Unmarshal(b, &meta)
			} else {
				o.data[meta.Name] = append([]byte{}, b...)
			}
		}
	case kind == "resumable" && upload == "":
		json.NewDecoder(r.Body).Decode(&meta)
		o.parts[meta.Name] = []byte{}
		w.Header().Set("Location", "http://"+r.Host+"/upload/storage/v1/b/bucket/o/"+url.PathEscape(meta.Name)+"?uploadType=resumable")
		return
	default:
		meta.Name = strings.TrimPrefix(upload, "/")
		b, _ := io.ReadAll(r.Body)
		all := append(o.parts[meta.Name], b...)
		o.parts[meta.Name] = all
		if strings.HasSuffix(r.Header.Get("Content-Range"), "/*") {
			w.Header().Set("X-Http-Status-Code-Override", "308")
			w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(all)-1))
			return
		}
		o.data[meta.Name] = all
	}
	json.NewEncoder(w).Encode(o.gcsObject(meta.Name))
}

// fakeAzure speaks as much of Azure Blob Storage's interface as its client
// needs.
func fakeAzure(t *testing.T) string {
	t.Setenv("AZURE_STORAGE_ACCOUNT", "account")
	t.Setenv("AZURE_STORAGE_KEY", base64.StdEncoding.EncodeToString([]byte("key")))
	o := newObjects()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		key, q := strings.TrimPrefix(r.URL.Path, "/account/container/"), r.URL.Query()
		if strings.HasPrefix(key, "refused") {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		w.Header().Set("Etag", fmt.Sprintf(`"%d"`, len(o.data[key])))
		w.Header().Set("Last-Modified", fakeTime.Format(http.TimeFormat))
		switch {
		case q.Get("comp") == "list":
			o.azureList(w, q.Get("prefix"))
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
		o.data[key] = all
	default:
		o.data[key] = append([]byte{}, b...)
	}
}

func (o *objects) azureList(w http.ResponseWriter, prefix string) {
	fmt.Fprint(w, `<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>`)
	for _, name := range o.names(prefix) {
		fmt.Fprint(w, "<Blob><Name>")
		xml.EscapeText(w, []byte(name))
		fmt.Fprintf(w, "</Name><Properties><Last-Modified>%s</Last-Modified><Etag>1</Etag><Content-Length>%d</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>",
			fakeTime.Format(http.TimeFormat), len(o.data[name]))
	}
	fmt.Fprint(w, "</Blobs><NextMarker/></EnumerationResults>")
}
