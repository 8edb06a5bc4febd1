package blob

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// gcs speaks the JSON interface of Google Cloud Storage.
type gcs struct {
	client *http.Client
	host   string // with the scheme
	bucket string
}

// openGCS takes the Application Default Credentials: of the file that
// GOOGLE_APPLICATION_CREDENTIALS names, of gcloud, or of the machine.
func openGCS(ctx context.Context, name string, q query) (*gcs, error) {
	if err := q.only("anonymous", "access_id", "universe_domain"); err != nil {
		return nil, err
	}
	if id := q.get("access_id"); id != "" && id != "-" {
		return nil, fmt.Errorf("access_id is %q: only -, which is anonymous=true, is known", id)
	}
	client := &http.Client{Transport: newTransport()}
	g := &gcs{client: client, host: "https://storage." + first(q.get("universe_domain"), "googleapis.com"), bucket: name}
	if emulator := os.Getenv("STORAGE_EMULATOR_HOST"); emulator != "" {
		g.host = strings.TrimSuffix(emulator, "/")
		if !strings.Contains(emulator, "://") {
			g.host = "http://" + g.host
		}
		return g, nil
	}
	if q.is("anonymous") || q.get("access_id") == "-" {
		return g, nil
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client) // tokens are asked for with it
	found, err := google.FindDefaultCredentialsWithParams(ctx, google.CredentialsParams{
		Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}, UniverseDomain: q.get("universe_domain")})
	if err != nil {
		return nil, fmt.Errorf("%w: no credentials for Google Cloud Storage were found: run gcloud auth application-default login, set GOOGLE_APPLICATION_CREDENTIALS, or add ?anonymous=true to the URL (%w)", fs.ErrPermission, err)
	}
	g.client = &http.Client{Transport: &oauth2.Transport{Source: found.TokenSource, Base: client.Transport}}
	return g, nil
}

// url is one of an object, or of all of them where key is "".
func (g *gcs) url(base, key string, q url.Values) string {
	u := g.host + base + "/b/" + url.PathEscape(g.bucket) + "/o"
	if key != "" {
		u += "/" + url.PathEscape(key)
	}
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	return u
}

const (
	gcsObjects = "/storage/v1"
	gcsUploads = "/upload/storage/v1"
)

type gcsObject struct {
	Name, Size, Generation, Etag string
	Updated                      time.Time
}

func (o *gcsObject) info() (Info, error) {
	size, err := strconv.ParseInt(o.Size, 10, 64)
	return Info{Path: o.Name, Bytes: size, ModTime: o.Updated.UTC(), ETag: o.Etag}, err
}

// get reads JSON.
func (g *gcs) get(ctx context.Context, r request, into any) error {
	a, err := r.send(ctx, g.client, nil)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	return json.NewDecoder(a.Body).Decode(into)
}

func (g *gcs) stat(ctx context.Context, key string) (Info, string, error) {
	var o gcsObject
	if err := g.get(ctx, request{method: http.MethodGet, url: g.url(gcsObjects, key, nil)}, &o); err != nil {
		return Info{}, "", err
	}
	info, err := o.info()
	return info, o.Generation, err
}

func (g *gcs) read(ctx context.Context, key, version string, start, end int64) (io.ReadCloser, error) {
	q := url.Values{"alt": {"media"}, "ifGenerationMatch": {version}}
	// Accept-Encoding: an object that is stored compressed comes as it lies.
	a, err := request{method: http.MethodGet, url: g.url(gcsObjects, key, q),
		header: http.Header{"Range": {span(start, end)}, "Accept-Encoding": {"gzip"}}}.send(ctx, g.client, nil)
	return body(a, err, start)
}

func (g *gcs) list(ctx context.Context, prefix, page string) (infos []Info, next string, err error) {
	q := url.Values{"prefix": {prefix}, "fields": {"nextPageToken,items(name,size,updated)"}}
	if page != "" {
		q.Set("pageToken", page)
	}
	var found struct {
		NextPageToken string
		Items         []gcsObject
	}
	if err := g.get(ctx, request{method: http.MethodGet, url: g.url(gcsObjects, "", q)}, &found); err != nil {
		return nil, "", err
	}
	for _, o := range found.Items {
		info, err := o.info()
		if err != nil {
			return nil, "", err
		}
		infos = append(infos, info)
	}
	return infos, found.NextPageToken, nil
}

func (g *gcs) remove(ctx context.Context, key string) error {
	_, err := request{method: http.MethodDelete, url: g.url(gcsObjects, key, nil)}.done(ctx, g.client, nil)
	return err
}

func (g *gcs) put(ctx context.Context, key string, data []byte) error {
	if data == nil {
		data = []byte{}
	}
	q := url.Values{"uploadType": {"media"}, "name": {key}}
	_, err := request{method: http.MethodPost, url: g.url(gcsUploads, "", q), body: data,
		header: http.Header{"Content-Type": {"application/octet-stream"}}}.done(ctx, g.client, nil)
	return err
}

// begin begins a resumable upload, whose parts come one after another.
func (g *gcs) begin(ctx context.Context, key string) (upload, int, error) {
	q := url.Values{"uploadType": {"resumable"}, "name": {key}}
	meta, err := json.Marshal(map[string]string{"name": key, "contentType": "application/octet-stream"})
	if err != nil {
		return nil, 0, err
	}
	a, err := request{method: http.MethodPost, url: g.url(gcsUploads, "", q), body: meta,
		header: http.Header{"Content-Type": {"application/json"}}}.done(ctx, g.client, nil)
	if err != nil {
		return nil, 0, err
	}
	session := a.Header.Get("Location")
	if session == "" {
		return nil, 0, fmt.Errorf("the server began an upload and gave no place for it")
	}
	return &gcsUpload{g: g, session: session}, 1, nil
}

type gcsUpload struct {
	g       *gcs
	session string // a URL that needs no credentials
	broken  bool   // the last attempt: the server knows how much it has
}

func (u *gcsUpload) part(ctx context.Context, n int, data []byte) error {
	return u.send(ctx, int64(n)*partBytes, data, "*")
}

func (u *gcsUpload) finish(ctx context.Context, n int, last []byte) error {
	start := int64(n) * partBytes
	return u.send(ctx, start, last, fmt.Sprint(start+int64(len(last))))
}

// send sends the bytes of data, which begin at start, from where the server has
// them.
func (u *gcsUpload) send(ctx context.Context, start int64, data []byte, total string) error {
	at := start
	end := start + int64(len(data))
	if u.broken {
		a, err := u.put(ctx, "bytes */"+total, []byte{})
		if err != nil {
			return err
		}
		if a.StatusCode != http.StatusPermanentRedirect { // it has them all
			return nil
		}
		at = held(a)
		u.broken = false
	}
	for {
		if at < start || at > end {
			return &refusal{status: http.StatusConflict, message: fmt.Sprintf("the server has %d bytes of an upload of which %d to %d were sent", at, start, end)}
		}
		if at == end && total == "*" {
			return nil
		}
		a, err := u.put(ctx, fmt.Sprintf("bytes %d-%d/%s", at, end-1, total), data[at-start:])
		if err != nil {
			u.broken = true
			return err
		}
		if a.StatusCode != http.StatusPermanentRedirect {
			return nil
		}
		before := at
		if at = held(a); at <= before {
			return io.ErrNoProgress
		}
	}
}

// held is how many bytes the server has.
func held(a *http.Response) int64 {
	_, last, _ := strings.Cut(a.Header.Get("Range"), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return 0 // no header: none
	}
	return n + 1
}

func (u *gcsUpload) put(ctx context.Context, span string, data []byte) (*http.Response, error) {
	return request{method: http.MethodPut, url: u.session, body: data, header: http.Header{"Content-Range": {span}}}.done(ctx, u.g.client, nil)
}

func (u *gcsUpload) abort(ctx context.Context) error {
	_, err := request{method: http.MethodDelete, url: u.session}.done(ctx, u.g.client, nil)
	return err
}
