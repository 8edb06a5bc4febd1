package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// azureVersion is the version of Azure Blob Storage's REST interface that is
// spoken here.
const azureVersion = "2020-10-02"

type azure struct {
	client    *http.Client
	container string // URL
	sas       string // a signature in the query of every request, or ""
	sign      func(*http.Request) error
}

// openAzure takes the account from the environment (AZURE_STORAGE_ACCOUNT or
// AZURE_STORAGE_CONNECTION_STRING) and what else the query says.
func openAzure(name string, q query) (*azure, error) {
	if err := q.only("domain", "protocol", "cdn", "localemu", "storage_account"); err != nil {
		return nil, err
	}
	text := env("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING")
	c := connection(text)
	account := first(q.get("storage_account"), env("AZURE_STORAGE_ACCOUNT"), c["AccountName"])
	if account == "" && c["BlobEndpoint"] == "" {
		return nil, errors.New("which account? set AZURE_STORAGE_ACCOUNT, or add ?storage_account=NAME to the URL")
	}
	protocol := first(q.get("protocol"), env("AZURE_STORAGE_PROTOCOL"), c["DefaultEndpointsProtocol"], "https")
	if protocol != "http" && protocol != "https" {
		return nil, fmt.Errorf("the protocol %q: use http or https", protocol)
	}
	suffix := ""
	if c["EndpointSuffix"] != "" {
		suffix = "blob." + c["EndpointSuffix"]
	}
	domain := first(q.get("domain"), env("AZURE_STORAGE_DOMAIN"), suffix, "blob.core.windows.net")
	base := protocol + "://" + account + "." + domain
	switch {
	case strings.HasPrefix(domain, "127.0.0.1"), strings.HasPrefix(domain, "localhost"), isTrue(first(q.get("localemu"), env("AZURE_STORAGE_IS_LOCAL_EMULATOR"))):
		base = protocol + "://" + domain + "/" + account
	case isTrue(first(q.get("cdn"), env("AZURE_STORAGE_IS_CDN"))):
		base = protocol + "://" + domain
	case c["BlobEndpoint"] != "" && q.get("domain") == "":
		base = strings.TrimSuffix(c["BlobEndpoint"], "/")
	}
	a := &azure{client: &http.Client{Transport: newTransport()}, container: base + "/" + url.PathEscape(name)}
	return a, a.authorize(account, c, len(q) > 0 && (q.get("domain")+q.get("protocol")+q.get("storage_account") != ""))
}

// connection takes a connection string apart.
func connection(text string) map[string]string {
	parts := map[string]string{}
	for part := range strings.SplitSeq(text, ";") {
		if key, value, ok := strings.Cut(part, "="); ok {
			parts[strings.TrimSpace(key)] = value
		}
	}
	return parts
}

// request is one of an object, or of the container where key is "".
func (a *azure) request(method, key string, q url.Values) request {
	u := a.container
	if key != "" {
		u += "/" + url.PathEscape(key)
	}
	text := q.Encode()
	if a.sas != "" {
		text = strings.TrimPrefix(text+"&"+a.sas, "&")
	}
	if text != "" {
		u += "?" + text
	}
	return request{method: method, url: u, header: http.Header{"X-Ms-Version": {azureVersion}}}
}

func (a *azure) stat(ctx context.Context, key string) (Info, string, error) {
	r, err := a.request(http.MethodHead, key, nil).done(ctx, a.client, a.sign)
	if err != nil {
		return Info{}, "", err
	}
	etag := r.Header.Get("ETag")
	modified, err := http.ParseTime(r.Header.Get("Last-Modified"))
	return Info{Bytes: r.ContentLength, ModTime: modified.UTC(), ETag: etag}, etag, err
}

func (a *azure) read(ctx context.Context, key, version string, start, end int64) (io.ReadCloser, error) {
	r := a.request(http.MethodGet, key, nil)
	r.header.Set("X-Ms-Range", span(start, end))
	r.header.Set("If-Match", version)
	answer, err := r.send(ctx, a.client, a.sign)
	return body(answer, err, start)
}

// body is that of an answer to a request for a range of one version.
func body(a *http.Response, err error, start int64) (io.ReadCloser, error) {
	var r *refusal
	switch {
	case errors.As(err, &r) && (r.status == http.StatusPreconditionFailed || r.status == http.StatusRequestedRangeNotSatisfiable):
		return nil, errChanged
	case err != nil:
		return nil, err
	case a.StatusCode != http.StatusPartialContent && start > 0:
		return nil, errors.Join(fmt.Errorf("the server was asked for a range and sent the whole object"), a.Body.Close())
	}
	return a.Body, nil
}

func (a *azure) list(ctx context.Context, prefix, page string) (infos []Info, next string, err error) {
	q := url.Values{"restype": {"container"}, "comp": {"list"}, "maxresults": {"1000"}}
	for key, value := range map[string]string{"prefix": prefix, "marker": page} {
		if value != "" {
			q.Set(key, value)
		}
	}
	answer, err := a.request(http.MethodGet, "", q).send(ctx, a.client, a.sign)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	var found struct {
		Blobs []struct {
			Name     string
			Modified string `xml:"Properties>Last-Modified"`
			Bytes    int64  `xml:"Properties>Content-Length"`
		} `xml:"Blobs>Blob"`
		NextMarker string
	}
	if err := xml.NewDecoder(answer.Body).Decode(&found); err != nil {
		return nil, "", err
	}
	for _, b := range found.Blobs {
		modified, err := time.Parse(http.TimeFormat, b.Modified)
		if err != nil {
			return nil, "", err
		}
		infos = append(infos, Info{Path: b.Name, Bytes: b.Bytes, ModTime: modified.UTC()})
	}
	return infos, found.NextMarker, nil
}

func (a *azure) remove(ctx context.Context, key string) error {
	_, err := a.request(http.MethodDelete, key, nil).done(ctx, a.client, a.sign)
	return err
}

func (a *azure) put(ctx context.Context, key string, data []byte) error {
	r := a.request(http.MethodPut, key, nil)
	r.header.Set("X-Ms-Blob-Type", "BlockBlob")
	r.header.Set("Content-Type", "application/octet-stream")
	r.body = append([]byte{}, data...)
	_, err := r.done(ctx, a.client, a.sign)
	return err
}

func (a *azure) begin(_ context.Context, key string) (upload, int, error) {
	return &azureUpload{a: a, key: key, name: rand.Text()}, partsAtOnce, nil
}

// An azureUpload has blocks that wait for the list of them. Their names differ
// from those of another upload to the same key. Azure removes what stays unlisted
// after a week.
type azureUpload struct {
	a         *azure
	key, name string
}

func (u *azureUpload) id(n int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%05d", u.name, n))
}

func (u *azureUpload) part(ctx context.Context, n int, data []byte) error {
	r := u.a.request(http.MethodPut, u.key, url.Values{"comp": {"block"}, "blockid": {u.id(n)}})
	r.body = data
	_, err := r.done(ctx, u.a.client, u.a.sign)
	return err
}

func (u *azureUpload) finish(ctx context.Context, n int, last []byte) error {
	if err := u.part(ctx, n, last); err != nil {
		return err
	}
	var list bytes.Buffer
	list.WriteString(`<?xml version="1.0" encoding="utf-8"?><BlockList>`)
	for i := range n + 1 {
		fmt.Fprintf(&list, "<Latest>%s</Latest>", u.id(i))
	}
	list.WriteString("</BlockList>")
	r := u.a.request(http.MethodPut, u.key, url.Values{"comp": {"blocklist"}})
	r.header.Set("X-Ms-Blob-Content-Type", "application/octet-stream")
	r.body = list.Bytes()
	_, err := r.done(ctx, u.a.client, u.a.sign)
	return err
}

func (u *azureUpload) abort(context.Context) error { return nil }
